package eventsource

// #include "callbacks.h"
import "C"

import (
	"crypto/tls"
	"math"
	"strings"
	"time"
	"unsafe"
)

// setStrings is an option that gives the library strings, and setBytes one that gives it bytes.
func setStrings(
	refusal Code, set func(*C.eventsource_t, []*C.char) C.eventsource_status_t, texts ...string,
) Option {
	return func(s *settings) error {
		c, err := cStrings(refusal, texts...)
		if err != nil {
			return err
		}
		return s.check(set(s.client, c))
	}
}

func setBytes(bytes []byte, set func(*C.eventsource_t, unsafe.Pointer, C.size_t) C.eventsource_status_t) Option {
	c, length := cBytes(bytes)
	return func(s *settings) error {
		return s.check(set(s.client, c, length))
	}
}

// setLimit is an option that gives the library the longest time for something; 0 is no limit.
func setLimit(what string, limit time.Duration, set func(*C.eventsource_t, C.int64_t) C.eventsource_status_t) Option {
	return func(s *settings) error {
		milliseconds, err := toMilliseconds(what, limit)
		if err != nil {
			return err
		}
		if milliseconds == 0 {
			milliseconds = C.EVENTSOURCE_NO_LIMIT
		}
		return s.check(set(s.client, milliseconds))
	}
}

// cStrings lends strings to C, for a call. One with a NUL is refused: C would take that for its end.
func cStrings(refusal Code, texts ...string) ([]*C.char, error) {
	var c []*C.char
	for _, text := range texts {
		if strings.IndexByte(text, 0) >= 0 {
			return nil, &Error{Code: refusal, Message: "a string holds a NUL"}
		}
		terminated := append([]byte(text), 0)
		c = append(c, (*C.char)(unsafe.Pointer(&terminated[0])))
	}
	return c, nil
}

// cBytes lends C a copy: the original may be a part of something that holds Go's pointers.
func cBytes(bytes []byte) (unsafe.Pointer, C.size_t) {
	terminated := append(append([]byte(nil), bytes...), 0)
	return unsafe.Pointer(&terminated[0]), C.size_t(len(bytes))
}

func toSwitch(on bool) C.int32_t {
	if on {
		return 1
	}
	return 0
}

// toMilliseconds rounds up, because 0 may stand for something else.
func toMilliseconds(what string, duration time.Duration) (C.int64_t, error) {
	if duration < 0 {
		return 0, refuse(ErrValue, "a negative %s: %v", what, duration)
	}
	whole := duration / time.Millisecond
	if duration%time.Millisecond > 0 {
		whole++
	}
	return C.int64_t(whole), nil
}

// fromMicroseconds is how long a step took; negative if it was not made.
func fromMicroseconds(microseconds C.int64_t) time.Duration {
	return time.Duration(microseconds) * time.Microsecond
}

// tlsVersion is as in crypto/tls; 0 without TLS.
func tlsVersion(version C.eventsource_tls_version_t) uint16 {
	switch version {
	case C.EVENTSOURCE_TLS_1_2:
		return tls.VersionTLS12
	case C.EVENTSOURCE_TLS_1_3:
		return tls.VersionTLS13
	}
	return 0
}

// fromMilliseconds keeps negative numbers negative, and takes the longest duration for what is longer.
func fromMilliseconds(milliseconds C.int64_t) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	switch ms := int64(milliseconds); {
	case ms > most:
		return math.MaxInt64
	case ms < -most:
		return math.MinInt64
	default:
		return time.Duration(ms) * time.Millisecond
	}
}

func retriesInitial(client *C.eventsource_t) bool {
	var c C.eventsource_reconnect_t
	C.eventsource_get_reconnect(client, &c, C.sizeof_eventsource_reconnect_t)
	return c.retry_initial != 0
}

func lastEventID(client *C.eventsource_t) string {
	return copied(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.eventsource_status_t {
		return C.eventsource_get_last_event_id(client, buffer, capacity, length)
	})
}

func lastError(client *C.eventsource_t) string {
	return copied(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.eventsource_status_t {
		return C.eventsource_get_last_error(client, buffer, capacity, length)
	})
}

func runtimeError(runtime *C.eventsource_runtime_t) string {
	return copied(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.eventsource_status_t {
		return C.eventsource_runtime_get_last_error(runtime, buffer, capacity, length)
	})
}

func requestURL(request *C.eventsource_request_t) string {
	return copied(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.eventsource_status_t {
		return C.eventsource_request_get_url(request, buffer, capacity, length)
	})
}

// copied is a text that the library copies; a buffer that turns out too small is made larger.
func copied(get func(*C.char, C.size_t, *C.size_t) C.eventsource_status_t) string {
	buffer := make([]byte, 64)
	for {
		var length C.size_t
		status := get((*C.char)(unsafe.Pointer(&buffer[0])), C.size_t(len(buffer)), &length)
		switch status {
		case C.EVENTSOURCE_OK:
			return string(buffer[:length])
		case C.EVENTSOURCE_ERR_BUFFER:
			buffer = make([]byte, length+1)
		default:
			return ""
		}
	}
}
