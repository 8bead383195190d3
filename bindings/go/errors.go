package eventsource

// #include "callbacks.h"
import "C"

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

var (
	_ net.Error = Code(0)
	_ net.Error = (*Error)(nil)
)

// Code says what went wrong. Codes are errors, for errors.Is; the library may answer with one that has no name here.
type Code int32

const (
	ErrTimeout          Code = C.EVENTSOURCE_ERR_TIMEOUT
	ErrUTF8             Code = C.EVENTSOURCE_ERR_UTF8
	ErrURL              Code = C.EVENTSOURCE_ERR_URL
	ErrHeader           Code = C.EVENTSOURCE_ERR_HEADER
	ErrMethod           Code = C.EVENTSOURCE_ERR_METHOD
	ErrValue            Code = C.EVENTSOURCE_ERR_VALUE
	ErrPEM              Code = C.EVENTSOURCE_ERR_PEM
	ErrState            Code = C.EVENTSOURCE_ERR_STATE
	ErrUnsupported      Code = C.EVENTSOURCE_ERR_UNSUPPORTED
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
	ErrRequest          Code = C.EVENTSOURCE_ERR_REQUEST
	ErrEventTimeout     Code = C.EVENTSOURCE_ERR_EVENT_TIMEOUT
)

// Error is what the code means.
func (c Code) Error() string {
	return C.GoString(C.eventsource_status_text(C.eventsource_status_t(c)))
}

// Timeout tells whether something took too long.
func (c Code) Timeout() bool {
	return c == ErrTimeout || c == ErrConnectTimeout || c == ErrResponseTimeout || c == ErrReadTimeout ||
		c == ErrEventTimeout
}

// Temporary is what [net.Error] asks for, and no more than [Code.Timeout].
func (c Code) Temporary() bool {
	return c.Timeout()
}

// Error is an option that was refused, a failed attempt, or the loss of an open stream. It is a [net.Error].
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
	// Err is what the program's own code said: the handler of [WithRequestHandler], the source of [WithTokenSource], the
	// function of [WithDialer]. With [ErrTimeout], it is the last failed attempt. nil where there was nothing.
	Err error
	// WillRetry: the stream is going to try again, after Delay. Else the error is final.
	WillRetry bool
	Delay     time.Duration
	// Attempt counts failed attempts in a row, this one included; 0 when an open stream was lost.
	Attempt int64

	// Only while the error handler runs.
	client *C.eventsource_t
}

// SetDelay chooses how long the stream waits before its next attempt, 0 for not at all; only in the error handler that the
// error was given to.
func (e *Error) SetDelay(delay time.Duration) error {
	if e.client == nil {
		return refuse(ErrState, "the error's handler has returned")
	}
	milliseconds, err := toMilliseconds("delay", delay)
	if err != nil {
		return err
	}
	return clientError(e.client, C.eventsource_set_next_delay(e.client, milliseconds))
}

func (e *Error) Error() string {
	return "eventsource: " + e.Message
}

// Is makes errors.Is(err, ErrHTTPStatus) work, and errors.Is(err, context.DeadlineExceeded) for [WithOpenTimeout].
func (e *Error) Is(target error) bool {
	if target == context.DeadlineExceeded {
		return e.Code == ErrTimeout
	}
	code, ok := target.(Code)
	return ok && code == e.Code
}

// As makes errors.As find the [Code].
func (e *Error) As(target any) bool {
	code, ok := target.(*Code)
	if ok {
		*code = e.Code
	}
	return ok
}

// Unwrap makes errors.Is find the program's own error, and syscall.ECONNREFUSED.
func (e *Error) Unwrap() error {
	switch {
	case e.Err != nil:
		return e.Err
	case e.Errno != 0:
		return e.Errno
	}
	return nil
}

// Timeout tells whether something took too long.
func (e *Error) Timeout() bool {
	return e.Code.Timeout()
}

// Temporary tells whether the stream is going to try again.
func (e *Error) Temporary() bool {
	return e.WillRetry
}

// because says what the program's own code has said.
func (e *Error) because(err error) {
	e.Err = err
	e.Message += ": " + err.Error()
}

func refuse(code Code, format string, values ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, values...)}
}

func openTimeout(limit time.Duration, last *Error) error {
	err := &Error{Code: ErrTimeout, Message: fmt.Sprintf("the stream was not open after %v", limit)}
	if last != nil {
		err.Err = last
		err.Message += "; the last attempt: " + last.Message
	}
	return err
}

// asError is for where there is no client to ask for more.
func asError(status C.eventsource_status_t) error {
	if status == C.EVENTSOURCE_OK {
		return nil
	}
	code := Code(status)
	return &Error{Code: code, Message: code.Error()}
}

// refusal is an error, with what its object says of it if it says anything.
func refusal(status C.eventsource_status_t, message string) error {
	err := asError(status)
	if err != nil && message != "" {
		err.(*Error).Message = message
	}
	return err
}

// clientError makes an error of what the client refused.
func clientError(client *C.eventsource_t, status C.eventsource_status_t) error {
	if status == C.EVENTSOURCE_OK {
		return nil
	}
	return refusal(status, lastError(client))
}
