package eventsource

// #include "callbacks.h"
import "C"

import (
	"runtime/cgo"
	"sync"
)

// LogLevel is how much is logged; each level includes those before it.
type LogLevel int32

const (
	// LogOff is nothing.
	LogOff LogLevel = C.EVENTSOURCE_LOG_OFF
	// LogError is faults of the library or the system.
	LogError LogLevel = C.EVENTSOURCE_LOG_ERROR
	// LogWarning is what will probably not work as meant.
	LogWarning LogLevel = C.EVENTSOURCE_LOG_WARNING
	// LogInfo is the life of the streams: opened, lost, closed.
	LogInfo LogLevel = C.EVENTSOURCE_LOG_INFO
	// LogDebug is each attempt, redirect and refused call.
	LogDebug LogLevel = C.EVENTSOURCE_LOG_DEBUG
)

// The handler in use; a handle of 0 is none.
var logging struct {
	sync.Mutex
	handle cgo.Handle
}

// SetLogHandler sets where the library logs up to a level, for the whole process; nil for nowhere, the default. Secrets are
// never logged: no values of headers, bodies, data of events, user information or queries of URLs.
//
// The handler is called on any thread, by several at once, and must not call SetLogHandler. When this returns, the handler
// set before is not running and will not be called again.
func SetLogHandler(level LogLevel, handler func(LogLevel, string)) error {
	logging.Lock()
	defer logging.Unlock()
	var handle cgo.Handle
	if handler != nil {
		handle = cgo.NewHandle(handler)
	}
	unused := handle
	err := asError(C.eventsource_go_log(C.uintptr_t(handle), C.int32_t(level)))
	if err == nil {
		unused, logging.handle = logging.handle, handle
	}
	if unused != 0 {
		unused.Delete()
	}
	return err
}

//export eventsourceGoLog
func eventsourceGoLog(handle C.uintptr_t, level C.int32_t, message *C.char) {
	cgo.Handle(handle).Value().(func(LogLevel, string))(LogLevel(level), C.GoString(message))
}
