package eventsource

// #include "callbacks.h"
import "C"

import "time"

// LatencyBuckets is how many buckets [Metrics].Latency has.
const LatencyBuckets = C.EVENTSOURCE_LATENCY_BUCKETS

// Metrics is what a runtime is doing, and what its streams have done since it was made, closed ones included.
type Metrics struct {
	// Streams with an attempt under way, with an open stream, and waiting for their next attempt.
	Connecting, Open, Waiting uint64
	// Threads that run callbacks, idle ones included, and streams that have something to do and wait for a thread.
	Threads, Queued uint64
	// Streams begun, attempts made, streams opened, and errors: failed attempts and lost streams.
	Starts, Attempts, Opens, Errors uint64
	// Events received, and bytes of event streams, without HTTP's own.
	Events, Bytes uint64
	// Reconnects counts attempts that were not the first of their streams.
	Reconnects ReconnectCounts
	// Latency counts events by the time from the read to their callback: Latency[i] those of at most 4 to the power of i
	// microseconds that are in no bucket before, the last one all others. Zeros unless the runtime measures it.
	Latency [LatencyBuckets]uint64
	// LatencySum is the sum of these times.
	LatencySum time.Duration
}

// ReconnectCounts counts reconnects by what was the reason.
type ReconnectCounts struct {
	// The server ended the stream.
	End uint64
	// There was no connection, or it was lost.
	Connection uint64
	// A timeout.
	Timeout uint64
	// A response that opens no stream, such as one with status 503.
	Response uint64
	// The program asked for it.
	Program uint64
	// Anything else, such as an event over the limit.
	Other uint64
}

// Metrics tells what the runtime is doing, and what its streams have done. It is [ErrState] once the runtime has been closed.
func (r *Runtime) Metrics() (Metrics, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.c == nil {
		return Metrics{}, refuse(ErrState, "the runtime has been closed")
	}
	return metricsOf(r.c)
}

// SharedMetrics is the same for the runtime that all streams share that have none of their own. All is zero while there is no
// such stream, and begins anew with the next.
func SharedMetrics() (Metrics, error) {
	return metricsOf(nil)
}

func metricsOf(runtime *C.eventsource_runtime_t) (Metrics, error) {
	var c C.eventsource_metrics_t
	if err := asError(C.eventsource_runtime_get_metrics(runtime, &c, C.sizeof_eventsource_metrics_t)); err != nil {
		return Metrics{}, err
	}
	metrics := Metrics{
		Connecting: uint64(c.connecting),
		Open:       uint64(c.open),
		Waiting:    uint64(c.waiting),
		Threads:    uint64(c.threads),
		Queued:     uint64(c.queued),
		Starts:     uint64(c.starts),
		Attempts:   uint64(c.attempts),
		Opens:      uint64(c.opens),
		Errors:     uint64(c.errors),
		Events:     uint64(c.events),
		Bytes:      uint64(c.bytes),
		Reconnects: ReconnectCounts{
			End:        uint64(c.reconnects_end),
			Connection: uint64(c.reconnects_connection),
			Timeout:    uint64(c.reconnects_timeout),
			Response:   uint64(c.reconnects_response),
			Program:    uint64(c.reconnects_program),
			Other:      uint64(c.reconnects_other),
		},
		LatencySum: time.Duration(c.latency_sum_ns),
	}
	for i, count := range c.latency_counts {
		metrics.Latency[i] = uint64(count)
	}
	return metrics, nil
}
