package eventsource

// #include "callbacks.h"
import "C"

import "runtime/cgo"

// LogLevel is how much is logged; each level includes those before it.
type LogLevel int32

const (
	// LogOff is nothing.
	LogOff LogLevel = C.EVENTSOURCE_LOG_OFF
	// LogError is bugs of the library.
	LogError LogLevel = C.EVENTSOURCE_LOG_ERROR
	// LogWarning is what will probably not work as meant: errors that are final; what is left out of requests, responses and
	// the trusted authorities; threads that the system refuses.
	LogWarning LogLevel = C.EVENTSOURCE_LOG_WARNING
	// LogInfo is the life of the streams: opened, lost, waiting, closed.
	LogInfo LogLevel = C.EVENTSOURCE_LOG_INFO
	// LogDebug is each request, redirect and refused call.
	LogDebug LogLevel = C.EVENTSOURCE_LOG_DEBUG
)

// LogKind is what happened. A later version of the library may have more kinds.
type LogKind int32

const (
	// LogRequest: the stream makes a request, one for each attempt and one more for each redirect.
	LogRequest LogKind = C.EVENTSOURCE_LOG_KIND_REQUEST
	// LogRedirect: it follows a redirect.
	LogRedirect LogKind = C.EVENTSOURCE_LOG_KIND_REDIRECT
	// LogOpened: it has opened.
	LogOpened LogKind = C.EVENTSOURCE_LOG_KIND_OPEN
	// LogFailed: an attempt has failed, or the open stream was lost; the level is LogWarning if that is final.
	LogFailed LogKind = C.EVENTSOURCE_LOG_KIND_ERROR
	// LogWait: it waits for its next attempt.
	LogWait LogKind = C.EVENTSOURCE_LOG_KIND_WAIT
	// LogClosed: it has ended.
	LogClosed LogKind = C.EVENTSOURCE_LOG_KIND_CLOSE
	// LogHTTP: a last event id is not sent, or a content coding is unknown.
	LogHTTP LogKind = C.EVENTSOURCE_LOG_KIND_HTTP
	// LogTLS: certificate authorities are left out or cannot be read anew.
	LogTLS LogKind = C.EVENTSOURCE_LOG_KIND_TLS
	// LogCall: a call was refused.
	LogCall LogKind = C.EVENTSOURCE_LOG_KIND_CALL
	// LogThread: the system refuses threads, or too many names are being looked up.
	LogThread LogKind = C.EVENTSOURCE_LOG_KIND_THREAD
	// LogFault: a bug of the library, caught.
	LogFault LogKind = C.EVENTSOURCE_LOG_KIND_FAULT
	// LogNetwork: an address or the default route has changed, or the system has been suspended.
	LogNetwork LogKind = C.EVENTSOURCE_LOG_KIND_NETWORK
)

var logKinds = map[LogKind]string{
	LogRequest: "request", LogRedirect: "redirect", LogOpened: "open", LogFailed: "error", LogWait: "wait",
	LogClosed: "close", LogHTTP: "http", LogTLS: "tls", LogCall: "call", LogThread: "thread", LogFault: "fault",
	LogNetwork: "network",
}

// String is the kind as one word in lower case, such as "open".
func (k LogKind) String() string {
	if name, ok := logKinds[k]; ok {
		return name
	}
	return "other"
}

// LogRecord is one record of the log. It holds no secrets: no values of headers, bodies or data of events, and of URLs only the
// origin.
type LogRecord struct {
	Level LogLevel
	Kind  LogKind
	// Client is the [Stream.Number] of the stream that the record is about; 0 if it is about none.
	Client uint64
	// Name is what [WithName] gave that stream.
	Name string
	// Attempt is the stream's, counted from 1; 0 before the first.
	Attempt uint64
	// Origin is that of the stream's URL: scheme, host, and the port if it is not the scheme's own.
	Origin string
	// Text is what happened, for people.
	Text string
}

// SetLogHandler sets where the library logs up to a level, for the whole process; nil for nowhere, the default.
//
// The handler is called on any thread, by several at once, and must not call SetLogHandler. When this returns, the handler
// set before is not running and will not be called again.
func SetLogHandler(level LogLevel, handler func(LogRecord)) error {
	var handle cgo.Handle
	if handler != nil {
		handle = cgo.NewHandle(handler)
	}
	err := asError(C.eventsource_go_log(C.uintptr_t(handle), C.int32_t(level)))
	if err != nil && handle != 0 {
		handle.Delete()
	}
	return err
}

//export eventsourceGoLog
func eventsourceGoLog(handle C.uintptr_t, record *C.eventsource_log_record_t) {
	cgo.Handle(handle).Value().(func(LogRecord))(LogRecord{
		Level:   LogLevel(record.level),
		Kind:    LogKind(record.kind),
		Client:  uint64(record.client),
		Name:    C.GoStringN(record.name, C.int(record.name_len)),
		Attempt: uint64(record.attempt),
		Origin:  C.GoStringN(record.origin, C.int(record.origin_len)),
		Text:    C.GoStringN(record.text, C.int(record.text_len)),
	})
}

//export eventsourceGoLogDestroy
func eventsourceGoLogDestroy(handle C.uintptr_t) {
	cgo.Handle(handle).Delete()
}
