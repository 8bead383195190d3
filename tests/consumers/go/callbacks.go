package eventsource

// #include "callbacks.h"
import "C"

import (
	"net/http"
	"runtime/cgo"
	"syscall"
	"unsafe"
)

// The library's callbacks, as callbacks.c passes them on: on the library's threads, for one stream one at a time.

func streamOf(handle C.uintptr_t) *Stream {
	return cgo.Handle(handle).Value().(*Stream)
}

//export eventsourceGoEvents
func eventsourceGoEvents(handle C.uintptr_t, events **C.eventsource_event_t, count C.size_t) {
	s := streamOf(handle)
	for _, event := range unsafe.Slice(events, int(count)) {
		select {
		case s.events <- s.received.keep(event):
		case <-s.done:
			return
		}
	}
}

// keep copies an event; types and ids mostly repeat, and cost an allocation only when they do not.
func (r *received) keep(event *C.eventsource_event_t) Event {
	reuse(&r.event.Type, event._type, event.type_len)
	reuse(&r.event.LastEventID, event.last_event_id, event.last_event_id_len)
	kept := r.event
	kept.Data = goString(event.data, event.data_len)
	return kept
}

func reuse(kept *string, text *C.char, length C.size_t) {
	if bytes := goBytes(text, length); *kept != string(bytes) {
		*kept = string(bytes)
	}
}

//export eventsourceGoOpen
func eventsourceGoOpen(handle C.uintptr_t, response *C.eventsource_response_t) {
	s := streamOf(handle)
	if !s.received.opened {
		s.received.opened = true
		close(s.opened)
	}
	if s.handlers.open == nil {
		return
	}
	s.handlers.open(Response{
		StatusCode: int(response.status),
		ProtoMajor: int(response.http_version) / 10,
		ProtoMinor: int(response.http_version) % 10,
		URL:        goString(response.url, response.url_len),
		Header:     goHeader(response.headers, response.header_count),
	})
}

//export eventsourceGoComment
func eventsourceGoComment(handle C.uintptr_t, comment *C.eventsource_comment_t) {
	streamOf(handle).handlers.comment(goString(comment.text, comment.text_len))
}

//export eventsourceGoError
func eventsourceGoError(handle C.uintptr_t, c *C.eventsource_error_t) C.int32_t {
	s := streamOf(handle)
	err := &Error{
		Code:       Code(c.code),
		Message:    goString(c.message, c.message_len),
		StatusCode: int(c.http_status),
		Header:     goHeader(c.headers, c.header_count),
		Body:       goString(c.body, c.body_len),
		Errno:      syscall.Errno(c.os_error),
		WillRetry:  c.will_retry != 0,
		Delay:      fromMilliseconds(c.delay_ms),
		Attempt:    int64(c.attempt),
	}
	decision := Default
	if s.handlers.error != nil {
		err.client = s.client
		decision = s.handlers.error(err)
		err.client = nil
	}
	s.received.failure = err
	s.received.final = decision == Stop
	return C.int32_t(decision)
}

//export eventsourceGoRequest
func eventsourceGoRequest(handle C.uintptr_t, c *C.eventsource_request_t) {
	var attempt C.int64_t
	var code, status C.int32_t
	C.eventsource_request_get_attempt(c, &attempt)
	C.eventsource_request_get_cause(c, &code, &status)
	request := &Request{
		Attempt: int64(attempt), Cause: Code(code), CauseStatusCode: int(status), URL: requestURL(c), c: c}
	streamOf(handle).handlers.request(request)
	request.c = nil
}

//export eventsourceGoClose
func eventsourceGoClose(handle C.uintptr_t, c *C.eventsource_close_t) {
	s := streamOf(handle)
	if c.reason == C.EVENTSOURCE_CLOSE_FAILED {
		s.received.final = true
		if s.received.failure == nil {
			s.received.failure = asError(c.code).(*Error)
		}
	}
	close(s.closed)
}

// goBytes is the library's own text, alive until the callback returns.
func goBytes(text *C.char, length C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(text)), int(length))
}

func goString(text *C.char, length C.size_t) string {
	return string(goBytes(text, length))
}

func goHeader(fields *C.eventsource_header_t, count C.size_t) http.Header {
	header := make(http.Header, int(count))
	for _, field := range unsafe.Slice(fields, int(count)) {
		header.Add(goString(field.name, field.name_len), goString(field.value, field.value_len))
	}
	return header
}
