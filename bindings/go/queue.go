//go:build cgo

package eventsource

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// queue is between the library's thread, which adds events and never waits, and the stream's goroutine, which takes them.
//
// It is bounded: when it holds more than its limit, the client is paused, and from then on the library adds no more than it
// has in hand, some 64 KiB or one event. The client goes on when a quarter of the limit is left.
type queue struct {
	limit int64
	// Bytes that the events hold, those included that have been taken and are not sent yet.
	size atomic.Int64
	// Something has been added, or nothing more will be. One signal is enough: who comes for it takes all.
	changed chan struct{}

	// Held while the client is paused and unpaused, so that the order of these is that of what they follow from.
	mu     sync.Mutex
	events []Event
	closed bool
	paused atomic.Bool
}

func newQueue(limit int64) *queue {
	return &queue{limit: limit, changed: make(chan struct{}, 1)}
}

// add calls next so many times for an event, and pause when that is too much.
func (q *queue) add(count int, next func(int) Event, pause func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var added int64
	for i := 0; i < count; i++ {
		event := next(i)
		added += event.size()
		q.events = append(q.events, event)
	}
	if q.size.Add(added) > q.limit && !q.paused.Load() {
		q.paused.Store(true)
		pause()
	}
	q.signal()
}

// close says that nothing will be added any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// take exchanges what was added for an array that is used up, and tells whether that was the last.
func (q *queue) take(spare []Event) (events []Event, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	events, q.events = q.events, spare[:0]
	return events, q.closed
}

// sent says that an event that was taken has been read.
func (q *queue) sent(event *Event, unpause func()) {
	if q.size.Add(-event.size()) > q.limit/4 || !q.paused.Load() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.paused.Store(false)
	unpause()
}

func (e *Event) size() int64 {
	return int64(unsafe.Sizeof(*e)) + int64(len(e.Type)) + int64(len(e.Data)) + int64(len(e.LastEventID))
}
