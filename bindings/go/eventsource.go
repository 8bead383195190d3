// Package eventsource keeps Server-Sent Events streams (EventSource, WHATWG HTML) alive, by libeventsource: it connects,
// notices when the connection is lost, waits, reconnects and continues after the last event id.
//
// [Open] gives a [Stream]; its events come over a channel, [Stream.Events], or in a loop over [Stream.All]. A stream
// ends when its context is done, when it is closed, when the server asks for the end, or when an error is final;
// [Stream.Err] tells which.
//
// Events that are not read are kept, up to some bytes ([WithBuffer]). Then the stream is paused, and the server has to wait,
// through TCP. A stream must be read to its end, or cancelled or closed: until then it keeps a goroutine, a connection and
// these events, but no thread.
//
// The package finds libeventsource by pkg-config. With the build tag eventsource_static, the library becomes a part of the
// program, which then needs no shared library of it.
package eventsource

// #include "callbacks.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Event is one event of a stream.
type Event struct {
	// Type is "message" where the stream names none.
	Type string
	// Data has its lines separated by LF.
	Data string
	// LastEventID is the last event id as of this event. Given to [WithLastEventID], the stream goes on after this event.
	LastEventID string
	// Origin is that of the URL the stream came from, after redirects: "https://example.com".
	Origin string
}

// Stream is one event stream, kept alive over reconnects. Its methods may be called by several goroutines at once, also in
// handlers.
type Stream struct {
	events chan Event
	queue  *queue
	// Done when the stream is to end; handlers are given it.
	ctx    context.Context
	cancel context.CancelFunc
	// Closed when the stream opens for the first time, and when the client is gone.
	opened, closed chan struct{}
	// Closed when the last event has been read or the stream was ended before; err is final then.
	ended chan struct{}
	err   error

	handlers handlers
	received received
	dialer   *dialer
	// The last error that was told, which may have been overcome.
	failure atomic.Pointer[Error]
	number  C.uint64_t

	// Held for reading while the client is used, for writing when it is taken away to be freed.
	mu     sync.RWMutex
	client *C.eventsource_t
	last   snapshot
}

// What callbacks leave for those that come after, one at a time. No other goroutine looks at it before on_close.
type received struct {
	event  Event
	opened bool
	// Why the request handler did not make the request.
	refusal error
	// The last error is what the stream ends with.
	final bool
}

// What a stream answers when its client is gone.
type snapshot struct {
	lastEventID string
	stats       Stats
}

// Open connects to an absolute http or https URL and returns when the stream is open. Its life is ctx's from then on,
// too: when ctx is done, whatever the stream is doing is cut short, and Open does not wait for a handler that is running.
// [WithOpenTimeout] limits the opening alone.
//
// A failure of the very first attempt is final unless [Reconnect.RetryInitial] is set; it is an [*Error]. When the
// server answers 204 No Content, the stream has no events and no error.
func Open(ctx context.Context, url string, options ...Option) (*Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	set := settings{buffer: defaultBuffer}
	s := &Stream{
		events: make(chan Event),
		opened: make(chan struct{}),
		closed: make(chan struct{}),
		ended:  make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	started := false
	// Also when an option panics.
	defer func() {
		if !started {
			C.eventsource_free(set.client)
			s.cancel()
			s.dialer.close()
		}
	}()
	if err := set.apply(url, options); err != nil {
		return nil, err
	}
	if err := s.start(&set); err != nil {
		return nil, err
	}
	started = true
	go s.run(ctx)
	return s.waitOpen(ctx, set.openTimeout)
}

func (s *Stream) start(set *settings) error {
	s.client, s.handlers, s.queue = set.client, set.handlers, newQueue(set.buffer)
	if err := set.check(C.eventsource_get_number(set.client, &s.number)); err != nil {
		return err
	}
	if set.dial != nil {
		var err error
		if s.dialer, err = newDialer(s.ctx, set.client, set.dial); err != nil {
			return err
		}
	}
	handle := cgo.NewHandle(s)
	status := C.eventsource_go_start(set.client, C.uintptr_t(handle), s.handlers.wanted())
	if status != C.EVENTSOURCE_OK {
		handle.Delete()
	}
	return clientError(set.client, status)
}

// waitOpen returns the stream when it is open, and else what has kept it from opening. Then it is ended, but not waited for:
// a handler may be running.
func (s *Stream) waitOpen(ctx context.Context, limit time.Duration) (*Stream, error) {
	var timeout <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-s.opened:
		return s, nil
	case <-s.ended:
		if s.err == nil || s.received.opened {
			return s, nil
		}
		return nil, s.err
	case <-ctx.Done():
		s.cancel()
		return nil, ctx.Err()
	case <-timeout:
		s.cancel()
		return nil, openTimeout(limit, s.failure.Load())
	}
}

// run hands out the events, and ends the stream.
func (s *Stream) run(ctx context.Context) {
	complete := s.deliver()
	if !complete {
		s.use(func(client *C.eventsource_t) { C.eventsource_stop(client) })
		<-s.closed
	}
	switch {
	case s.received.final:
		s.err = s.failure.Load()
	case !complete:
		s.err = ctx.Err()
	}
	s.cancel()
	s.dialer.close()
	close(s.ended)
	close(s.events)
}

// deliver tells whether everything has been read. When the context is done, it ends at once, for good: what comes after an
// event that was not read must not be read either.
func (s *Stream) deliver() bool {
	unpause := func() {
		s.use(func(client *C.eventsource_t) { C.eventsource_unpause(client) })
	}
	var events []Event
	for {
		var last bool
		events, last = s.queue.take(events)
		for i := range events {
			select {
			case s.events <- events[i]:
				s.queue.sent(&events[i], unpause)
				events[i] = Event{}
			case <-s.ctx.Done():
				return false
			}
		}
		if len(events) > 0 {
			continue
		}
		if last {
			return true
		}
		select {
		case <-s.queue.changed:
		case <-s.ctx.Done():
			return false
		}
	}
}

// use calls a function with the client, and tells whether there is one.
func (s *Stream) use(with func(*C.eventsource_t)) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.client == nil {
		return false
	}
	with(s.client)
	return true
}

// Events is the channel of events, in the order of the stream. It is closed at the stream's end. What is read from it until
// then has no holes, whenever the stream is ended: [WithLastEventID] goes on after the last event that was read.
func (s *Stream) Events() <-chan Event {
	return s.events
}

// Err tells what ended the stream: an [*Error] that was final, or the context's error; nil when it has not ended, when
// [Stream.Close] ended it, and when the server asked for the end. Read it when [Stream.Events] is closed.
func (s *Stream) Err() error {
	select {
	case <-s.ended:
		return s.err
	default:
		return nil
	}
}

// Close ends the stream. When it returns, no handler of the stream runs or will run, and it has no connection. In a handler,
// of whatever stream, it does not wait for that, because that would wait for the handler itself.
//
// It may be called more than once. It returns nil.
func (s *Stream) Close() error {
	s.cancel()
	if C.eventsource_go_in_callback() == 0 {
		<-s.ended
	}
	return nil
}

// ReconnectNow drops the connection, or the wait for the next attempt, and connects anew at once.
func (s *Stream) ReconnectNow() error {
	var err error
	if !s.use(func(client *C.eventsource_t) { err = clientError(client, C.eventsource_reconnect_now(client)) }) {
		err = refuse(ErrState, "the stream has ended")
	}
	return err
}

// Number tells the stream from all others of the process: [LogRecord.Client] of what the log tells of it.
func (s *Stream) Number() uint64 {
	return uint64(s.number)
}

// LastEventID is the last event id that was received, which may be ahead of what was read from [Stream.Events]. To go on
// later after an event that was read, keep its [Event.LastEventID].
func (s *Stream) LastEventID() string {
	return s.now().lastEventID
}

func (s *Stream) now() snapshot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.client == nil {
		return s.last
	}
	return snapshotOf(s.client)
}

func snapshotOf(client *C.eventsource_t) snapshot {
	return snapshot{lastEventID(client), stats(client)}
}

// Stats is what a stream has done.
type Stats struct {
	// Events received, which may be ahead of those read.
	Events uint64
	// Bytes of event streams received, without HTTP's own.
	Bytes uint64
	// Attempts begun, streams opened, and errors: failed attempts and lost streams.
	Attempts, Opens, Errors uint64
	// Open is how long the stream has been open, Idle how long ago its last byte arrived; negative while it is not open,
	// and where no byte ever has.
	Open, Idle time.Duration
}

// Stats tells what the stream has done.
func (s *Stream) Stats() Stats {
	return s.now().stats
}

func stats(client *C.eventsource_t) Stats {
	var c C.eventsource_stats_t
	C.eventsource_get_stats(client, &c, C.sizeof_eventsource_stats_t)
	return Stats{
		Events:   uint64(c.events),
		Bytes:    uint64(c.bytes),
		Attempts: uint64(c.attempts),
		Opens:    uint64(c.opens),
		Errors:   uint64(c.errors),
		Open:     fromMilliseconds(c.open_ms),
		Idle:     fromMilliseconds(c.idle_ms),
	}
}

// Version is that of the libeventsource that is running.
func Version() string {
	return C.GoString(C.eventsource_version())
}

// HasFeature tells whether that libeventsource has a part that a build can leave out, such as "tls". An option that needs
// one that it has not is refused with [ErrUnsupported].
func HasFeature(name string) bool {
	text := append([]byte(name), 0)
	return C.eventsource_has_feature((*C.char)(unsafe.Pointer(&text[0]))) != 0
}
