package eventsource

// #include "callbacks.h"
import "C"

import (
	"net/http"
	"syscall"
	"time"
)

// Code says what went wrong. Codes are errors, for errors.Is; the library may answer with one that has no name here.
type Code int32

const (
	ErrUTF8             Code = C.EVENTSOURCE_ERR_UTF8
	ErrURL              Code = C.EVENTSOURCE_ERR_URL
	ErrHeader           Code = C.EVENTSOURCE_ERR_HEADER
	ErrMethod           Code = C.EVENTSOURCE_ERR_METHOD
	ErrValue            Code = C.EVENTSOURCE_ERR_VALUE
	ErrPEM              Code = C.EVENTSOURCE_ERR_PEM
	ErrState            Code = C.EVENTSOURCE_ERR_STATE
	ErrRuntime          Code = C.EVENTSOURCE_ERR_RUNTIME
	ErrPanic            Code = C.EVENTSOURCE_ERR_PANIC
	ErrResolve          Code = C.EVENTSOURCE_ERR_RESOLVE
	ErrConnect          Code = C.EVENTSOURCE_ERR_CONNECT
	ErrConnectTimeout   Code = C.EVENTSOURCE_ERR_CONNECT_TIMEOUT
	ErrTLS              Code = C.EVENTSOURCE_ERR_TLS
	ErrDisconnected     Code = C.EVENTSOURCE_ERR_DISCONNECTED
	ErrReadTimeout      Code = C.EVENTSOURCE_ERR_READ_TIMEOUT
	ErrProtocol         Code = C.EVENTSOURCE_ERR_PROTOCOL
	ErrEndOfStream      Code = C.EVENTSOURCE_ERR_END_OF_STREAM
	ErrHTTPStatus       Code = C.EVENTSOURCE_ERR_HTTP_STATUS
	ErrContentType      Code = C.EVENTSOURCE_ERR_CONTENT_TYPE
	ErrContentEncoding  Code = C.EVENTSOURCE_ERR_CONTENT_ENCODING
	ErrRedirect         Code = C.EVENTSOURCE_ERR_REDIRECT
	ErrTooManyRedirects Code = C.EVENTSOURCE_ERR_TOO_MANY_REDIRECTS
	ErrEventTooLarge    Code = C.EVENTSOURCE_ERR_EVENT_TOO_LARGE
	ErrProxy            Code = C.EVENTSOURCE_ERR_PROXY
	ErrCertificate      Code = C.EVENTSOURCE_ERR_CERTIFICATE
	ErrDecoding         Code = C.EVENTSOURCE_ERR_DECODING
	ErrHTTP2            Code = C.EVENTSOURCE_ERR_HTTP2
	ErrMemory           Code = C.EVENTSOURCE_ERR_MEMORY
	ErrResponseTimeout  Code = C.EVENTSOURCE_ERR_RESPONSE_TIMEOUT
)

// Error is what the code means.
func (c Code) Error() string {
	return C.GoString(C.eventsource_status_text(C.int32_t(c)))
}

// Timeout tells whether something took too long.
func (c Code) Timeout() bool {
	return c == ErrConnectTimeout || c == ErrResponseTimeout || c == ErrReadTimeout
}

// Error is an option that was refused, a failed attempt, or the loss of an open stream.
type Error struct {
	Code Code
	// Message is what went wrong, for people.
	Message string
	// StatusCode, Header and Body (its first bytes) are those of the answer that was the error; zero where there was none.
	StatusCode int
	Header     http.Header
	Body       string
	// Errno is the operating system's error number, 0 where there was none.
	Errno syscall.Errno
	// WillRetry: the stream is going to try again, after Delay. Else the error is final.
	WillRetry bool
	Delay     time.Duration
	// Attempt counts failed attempts in a row, this one included; 0 when an open stream was lost.
	Attempt int64

	// Only while the error handler runs.
	client *C.eventsource_t
}

// SetDelay chooses how long the stream waits before its next attempt; only in the error handler that the error was given to.
func (e *Error) SetDelay(delay time.Duration) error {
	if e.client == nil {
		return asError(C.EVENTSOURCE_ERR_STATE)
	}
	return asError(C.eventsource_set_next_delay(e.client, toMilliseconds(delay)))
}

func (e *Error) Error() string {
	return "eventsource: " + e.Message
}

// Is makes errors.Is(err, ErrHTTPStatus) work.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// Unwrap makes errors.Is(err, syscall.ECONNREFUSED) work.
func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// Timeout tells whether something took too long.
func (e *Error) Timeout() bool {
	return e.Code.Timeout()
}

// asError is for where there is no client to ask for more.
func asError(status C.eventsource_status_t) error {
	if status == C.EVENTSOURCE_OK {
		return nil
	}
	code := Code(status)
	return &Error{Code: code, Message: code.Error()}
}

// check makes an error of what the client refused.
func (s *Stream) check(status C.eventsource_status_t) error {
	err := asError(status)
	if err == nil {
		return nil
	}
	if message := lastError(s.client); message != "" {
		err.(*Error).Message = message
	}
	return err
}
