package eventsource

// #include "callbacks.h"
import "C"

import (
	"math"
	"sync"
)

// Runtime is threads of the library that streams share. A program that makes none has one for all its streams.
//
// Handlers and the arrival of events run on these threads. Events are read in goroutines of the program's, whatever the
// runtime: so there is none whose callbacks the program has to call itself, as there is in C.
type Runtime struct {
	// Held for reading while the runtime is used, for writing when it is taken away to be freed.
	mu     sync.RWMutex
	c      *C.eventsource_runtime_t
	closed sync.WaitGroup
}

// RuntimeOptions is what a runtime can be told. Its zero value is what streams have without a runtime of their own.
type RuntimeOptions struct {
	// Threads is how many threads may run streams at the same time, those not counted that wait in handlers: 1 to 1024. 0: one
	// for each processor; a single one does everything until that is too much for it.
	Threads int
	// ThreadName is what the threads' names begin with; "eventsource" if it is empty. Linux cuts names after 15 bytes.
	ThreadName string
	// Inline has one thread for all. That costs least; but a handler that waits holds up all streams of the runtime.
	Inline bool
	// MeasureLatency has the runtime measure how long each event takes from the read to its callback, for [Metrics].Latency.
	// It costs a look at the clock for each event.
	MeasureLatency bool
}

// NewRuntime makes a runtime and its threads. [WithRuntime] puts streams on it.
func NewRuntime(options RuntimeOptions) (*Runtime, error) {
	if options.Threads < 0 || options.Threads > math.MaxInt32 {
		return nil, refuse(ErrValue, "%d is no number of threads", options.Threads)
	}
	var name *C.char
	if options.ThreadName != "" {
		texts, err := cStrings(ErrValue, options.ThreadName)
		if err != nil {
			return nil, err
		}
		name = texts[0]
	}
	dispatch := C.eventsource_dispatch_t(C.EVENTSOURCE_DISPATCH_ISOLATED)
	if options.Inline {
		dispatch = C.EVENTSOURCE_DISPATCH_INLINE
	}
	measure := C.int32_t(0)
	if options.MeasureLatency {
		measure = 1
	}
	r := &Runtime{c: C.eventsource_go_runtime(dispatch, C.int32_t(options.Threads), name, measure)}
	if r.c == nil {
		return nil, asError(C.EVENTSOURCE_ERR_MEMORY)
	}
	if err := refusal(C.eventsource_runtime_check(r.c), runtimeError(r.c)); err != nil {
		C.eventsource_runtime_free(r.c)
		return nil, err
	}
	r.closed.Add(1)
	return r, nil
}

// Close ends all streams of the runtime, as [Stream.Close] would, and its threads. When it returns, none of their handlers
// runs or will run, unless it is called in a handler, of whatever stream: then it does not wait for that.
//
// It may be called more than once. It returns nil.
func (r *Runtime) Close() error {
	r.mu.Lock()
	c := r.c
	r.c = nil
	r.mu.Unlock()
	switch {
	case c != nil:
		defer r.closed.Done()
		C.eventsource_runtime_free(c)
	case C.eventsource_go_in_callback() == 0:
		r.closed.Wait()
	}
	return nil
}

// WithRuntime puts the stream on threads of its own or of some streams: a handler that needs a thread for long then takes it
// from these alone.
func WithRuntime(runtime *Runtime) Option {
	return func(s *settings) error {
		if runtime == nil {
			return refuse(ErrValue, "a runtime that is nil")
		}
		runtime.mu.RLock()
		defer runtime.mu.RUnlock()
		if runtime.c == nil {
			return refuse(ErrState, "the runtime has been closed")
		}
		return s.check(C.eventsource_set_runtime(s.client, runtime.c))
	}
}
