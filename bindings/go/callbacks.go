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
	batch := unsafe.Slice(events, int(count))
	s.queue.add(len(batch),
		func(i int) Event { return s.received.keep(batch[i]) },
		func() { C.eventsource_pause(s.client) })
}

// keep copies an event; types, ids and origins mostly repeat, and cost an allocation only when they do not.
func (r *received) keep(event *C.eventsource_event_t) Event {
	reuse(&r.event.Type, event._type, event.type_len)
	reuse(&r.event.LastEventID, event.last_event_id, event.last_event_id_len)
	reuse(&r.event.Origin, event.origin, event.origin_len)
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
	s.handlers.open(s.ctx, s, responseOf(response))
}

//export eventsourceGoDocument
func eventsourceGoDocument(handle C.uintptr_t, document *C.eventsource_document_t) {
	s := streamOf(handle)
	s.handlers.document(s.ctx, s, Document{
		Response: responseOf(document.response),
		Body:     append([]byte(nil), goBytes(document.body, document.body_len)...),
	})
}

func responseOf(response *C.eventsource_response_t) Response {
	return Response{
		StatusCode: int(response.status),
		ProtoMajor: int(response.http_version) / 10,
		ProtoMinor: int(response.http_version) % 10,
		URL:        goString(response.url, response.url_len),
		Header:     goHeader(response.headers, response.header_count),
		Peer:       goString(response.peer, response.peer_len),
		TLSVersion: tlsVersion(response.tls_version),
		Reused:     response.is_reused != 0,
		Resolve:    fromMicroseconds(response.resolve_us),
		Connect:    fromMicroseconds(response.connect_us),
		TLS:        fromMicroseconds(response.tls_us),
		Head:       fromMicroseconds(response.head_us),
	}
}

//export eventsourceGoComment
func eventsourceGoComment(handle C.uintptr_t, comment *C.eventsource_comment_t) {
	s := streamOf(handle)
	s.handlers.comment(s.ctx, s, goString(comment.text, comment.text_len))
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
	if refusal := s.received.refusal; refusal != nil {
		s.received.refusal = nil
		err.because(refusal)
	} else if failure := s.dialer.takeFailure(); failure != nil {
		err.because(failure)
	}
	decision := Default
	if s.handlers.error != nil {
		err.client = s.client
		decision = s.handlers.error(s.ctx, s, err)
		err.client = nil
	}
	s.failure.Store(err)
	s.received.final = decision == Stop
	return C.int32_t(decision)
}

//export eventsourceGoRequest
func eventsourceGoRequest(handle C.uintptr_t, c *C.eventsource_request_t) C.int32_t {
	s := streamOf(handle)
	var attempt C.int64_t
	var code C.eventsource_status_t
	var status C.int32_t
	C.eventsource_request_get_attempt(c, &attempt)
	C.eventsource_request_get_cause(c, &code, &status)
	request := &Request{
		Attempt: int64(attempt), Cause: Code(code), CauseStatusCode: int(status), URL: requestURL(c), c: c}
	err := s.handlers.prepare(s.ctx, s, request)
	request.c = nil
	s.received.refusal = err
	switch {
	case err == nil:
		return C.EVENTSOURCE_DECISION_DEFAULT
	case isPermanent(err), !s.received.opened && attempt == 1 && !retriesInitial(s.client):
		return C.EVENTSOURCE_DECISION_CLOSE
	}
	return C.EVENTSOURCE_DECISION_RETRY
}

//export eventsourceGoRedirect
func eventsourceGoRedirect(handle C.uintptr_t, c *C.eventsource_redirect_t) C.int32_t {
	s := streamOf(handle)
	return C.int32_t(s.handlers.redirect(s.ctx, s, Redirect{
		StatusCode:       int(c.status),
		From:             goString(c.from, c.from_len),
		To:               goString(c.to, c.to_len),
		DropsCredentials: c.drops_credentials != 0,
		DropsBody:        c.drops_body != 0,
	}))
}

// It is the last callback: the client is freed when this returns.
//
//export eventsourceGoClose
func eventsourceGoClose(handle C.uintptr_t, c *C.eventsource_close_t) {
	s := streamOf(handle)
	if c.reason == C.EVENTSOURCE_CLOSE_FAILED {
		s.received.final = true
		if s.failure.Load() == nil {
			s.failure.Store(asError(c.code).(*Error))
		}
	}
	s.mu.Lock()
	client := s.client
	s.last = snapshotOf(client)
	s.client = nil
	s.mu.Unlock()
	C.eventsource_free(client)
	cgo.Handle(handle).Delete()
	s.queue.close()
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
