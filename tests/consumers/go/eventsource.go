// Package eventsource keeps Server-Sent Events streams (EventSource, WHATWG HTML) alive, by libeventsource: it connects,
// notices when the connection is lost, waits, reconnects and resumes with Last-Event-ID.
//
// [Open] gives a [Stream]; its events come over a channel, [Stream.Events], or in a loop over [Stream.All]. A stream
// ends when its context is done, when it is closed, when the server asks for the end, or when an error is final;
// [Stream.Err] tells which.
//
// What is not read from a stream stays in the channel; when that is full, the server is made to wait, through TCP. So a
// stream must be read to its end, or cancelled or closed: until then it keeps a goroutine, a connection and, while the
// channel is full, a thread.
//
// The package finds libeventsource by pkg-config.
package eventsource

// #cgo pkg-config: eventsource
// #include "callbacks.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"sync"
	"time"
)

// Event is one event of a stream.
type Event struct {
	// Type is "message" where the stream names none.
	Type string
	// Data has its lines separated by LF.
	Data string
	// LastEventID is the last event id as of this event. Given to [WithLastEventID], the stream goes on after this event.
	LastEventID string
}

// Stream is one event stream, kept alive over reconnects. Its methods may be called by several goroutines at once.
type Stream struct {
	events chan Event
	// Closed to end the stream: the context's.
	done   <-chan struct{}
	cancel context.CancelFunc
	// Closed when the stream opens for the first time, and when on_close comes.
	opened, closed chan struct{}
	// Closed when the client has been freed; err and last are final then.
	ended chan struct{}
	err   error

	handlers handlers
	received received

	// Held for reading while the client is used, for writing when it is taken away to be freed.
	mu     sync.RWMutex
	client *C.eventsource_t
	last   snapshot
}

// What callbacks leave for those that come after, one at a time. Nobody else looks at it before on_close.
type received struct {
	event   Event
	opened  bool
	failure *Error
	// The failure is what the stream ends with.
	final bool
}

// What a stream answers when its client is gone.
type snapshot struct {
	lastEventID string
	stats       Stats
}

// Open connects to an absolute http or https URL and returns when the stream is open. Its life is ctx's from then on,
// too: when ctx is done, whatever the stream is doing is cut short.
//
// A failure of the very first attempt is final unless [Reconnect.RetryInitial] is set; it is an [*Error]. When the
// server answers 204 No Content, the stream has no events and no error.
func Open(ctx context.Context, url string, options ...Option) (*Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancel(ctx)
	const buffered = 64
	s := &Stream{
		events: make(chan Event, buffered),
		done:   inner.Done(),
		cancel: cancel,
		opened: make(chan struct{}),
		closed: make(chan struct{}),
		ended:  make(chan struct{}),
	}
	handle := cgo.NewHandle(s)
	if err := s.start(url, options, handle); err != nil {
		C.eventsource_free(s.client)
		handle.Delete()
		cancel()
		return nil, err
	}
	go s.run(ctx, handle)

	select {
	case <-s.opened:
	case <-s.ended:
		if s.err != nil && !s.received.opened {
			return nil, s.err
		}
	}
	return s, nil
}

func (s *Stream) start(url string, options []Option, handle cgo.Handle) error {
	texts, err := cStrings(ErrURL, url)
	if err != nil {
		return err
	}
	if err := asError(C.eventsource_new(texts[0], &s.client)); err != nil {
		return err
	}
	for _, option := range options {
		if err := option(s); err != nil {
			return err
		}
	}
	return s.check(C.eventsource_go_start(s.client, C.uintptr_t(handle), s.handlers.wanted()))
}

// run owns the client: it alone ends it, once.
func (s *Stream) run(ctx context.Context, handle cgo.Handle) {
	select {
	case <-s.done:
	case <-s.closed:
	}
	C.eventsource_stop(s.client)
	C.eventsource_wait(s.client, C.EVENTSOURCE_FOREVER)

	// Taken away first, freed afterwards: nobody waits for the lock longer than a call takes.
	s.mu.Lock()
	client := s.client
	s.last = snapshot{lastEventID(client), stats(client)}
	s.client = nil
	s.mu.Unlock()
	C.eventsource_free(client)
	handle.Delete()

	if s.received.final {
		s.err = s.received.failure
	} else {
		s.err = ctx.Err()
	}
	s.cancel()
	close(s.ended)
	close(s.events)
}

// Events is the channel of events, in the order of the stream. It is closed at the stream's end; what had been received
// before can still be read then.
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

// Close ends the stream. When it returns, no handler runs or will run, and the stream has neither threads nor a
// connection. In a handler it would wait for that very handler; cancel the context there.
//
// It may be called more than once. It returns nil.
func (s *Stream) Close() error {
	s.cancel()
	<-s.ended
	return nil
}

// ReconnectNow drops the connection, or the wait for the next attempt, and connects anew at once.
func (s *Stream) ReconnectNow() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.client == nil {
		return &Error{Code: ErrState, Message: "the stream has ended"}
	}
	return s.check(C.eventsource_reconnect_now(s.client))
}

// LastEventID is the last event id that was received, which may be ahead of what was read from [Stream.Events]. To go on
// later after an event that was read, keep its [Event.LastEventID].
func (s *Stream) LastEventID() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.client == nil {
		return s.last.lastEventID
	}
	return lastEventID(s.client)
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
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.client == nil {
		return s.last.stats
	}
	return stats(s.client)
}

func stats(client *C.eventsource_t) Stats {
	var c C.eventsource_stats_t
	c.size = C.sizeof_eventsource_stats_t
	C.eventsource_get_stats(client, &c)
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
