package eventsource

// #include "callbacks.h"
import "C"

import (
	"strings"
	"time"
	"unsafe"
)

// setStrings is an option that gives the library strings, and setBytes one that gives it bytes.
func setStrings(
	refusal Code, set func(*C.eventsource_t, []*C.char) C.eventsource_status_t, texts ...string,
) Option {
	return func(s *Stream) error {
		c, err := cStrings(refusal, texts...)
		if err != nil {
			return err
		}
		return s.check(set(s.client, c))
	}
}

func setBytes(bytes []byte, set func(*C.eventsource_t, unsafe.Pointer, C.size_t) C.eventsource_status_t) Option {
	c, length := cBytes(bytes)
	return func(s *Stream) error {
		return s.check(set(s.client, c, length))
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

// toMilliseconds rounds away from 0, which stands for no limit.
func toMilliseconds(duration time.Duration) C.int64_t {
	whole, rest := duration/time.Millisecond, duration%time.Millisecond
	switch {
	case rest > 0:
		whole++
	case rest < 0:
		whole--
	}
	return C.int64_t(whole)
}

func fromMilliseconds(milliseconds C.int64_t) time.Duration {
	return time.Duration(milliseconds) * time.Millisecond
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
