package eventsource_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

// libraryThreads counts the process's threads that are the library's: they have its name, and block signals. What Go makes
// inside a callback has that name, too, but blocks none.
func libraryThreads(t *testing.T) int {
	statuses, _ := filepath.Glob("/proc/self/task/*/status")
	if len(statuses) == 0 {
		t.Skip("no /proc to count threads by")
	}
	count := 0
	for _, path := range statuses {
		// One may have ended meanwhile.
		status, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(status), "Name:\teventsource") &&
			!strings.Contains(string(status), "SigBlk:\t0000000000000000") {
			count++
		}
	}
	return count
}

func TestNothingIsLeftOfStreams(t *testing.T) {
	before := runtime.NumGoroutine()
	var opened, collected int32
	for _, route := range []string{
		"/hang-body",
		"/blast?bytes=1000000000",
		"/status/404",
		"/status/503",
		"/events?count=1&then=204",
	} {
		var streams []*eventsource.Stream
		for i := 0; i < 20; i++ {
			if stream, err := eventsource.Open(context.Background(), *serverURL+route); err == nil {
				streams = append(streams, stream)
				opened++
				runtime.SetFinalizer(stream, func(*eventsource.Stream) { atomic.AddInt32(&collected, 1) })
			}
		}
		for _, stream := range streams {
			if threads := libraryThreads(t); threads == 0 {
				t.Fatalf("%s: a stream, but none of the threads is known as the library's", route)
			}
			stream.Close()
		}
		// The kernel may list a thread for a moment after it has ended.
		for end := time.Now().Add(limit()); libraryThreads(t) != 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %d threads are left", route, libraryThreads(t))
			}
		}
	}
	// A goroutine that has closed what others wait for still has to end, and the garbage collector to come round.
	for end := time.Now().Add(limit()); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		if runtime.NumGoroutine() <= before && atomic.LoadInt32(&collected) == opened {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before; of %d streams, %d are no longer in memory",
				runtime.NumGoroutine(), before, opened, atomic.LoadInt32(&collected))
		}
	}
}
