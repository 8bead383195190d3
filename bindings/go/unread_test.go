//go:build unix

package eventsource_test

// Streams that nobody reads cost those that are read neither time nor threads.

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

// allThreads counts the process's threads.
func allThreads(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip("no /proc to count threads by")
	}
	return len(entries)
}

func TestStreamsThatAreNotReadCostNeitherTimeNorThreads(t *testing.T) {
	// More than there can be threads in callbacks.
	unread := fromEnvironment(t, "EVENTSOURCE_UNREAD", 1500)
	// Each has two descriptors in this process.
	var limits syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limits); err != nil || limits.Cur < uint64(2*unread+200) {
		t.Skipf("%d descriptors, %v", limits.Cur, err)
	}
	const perEvent = 1 << 10
	event := "data: " + strings.Repeat("x", perEvent) + "\n\n"
	much := strings.Repeat(event, 16)
	ask := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/event-stream")
		flush := response.(http.Flusher).Flush
		if request.URL.Path == "/read" {
			for {
				flush()
				select {
				case <-ask:
					fmt.Fprintf(response, "data: %d\n\n", time.Now().UnixNano())
				case <-request.Context().Done():
					return
				}
			}
		}
		for request.Context().Err() == nil {
			if _, err := fmt.Fprint(response, much); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	read := openURL(t, server.URL+"/read")
	streams := make(chan *eventsource.Stream, unread)
	var opening sync.WaitGroup
	for i := 0; i < 50; i++ {
		opening.Add(1)
		go func() {
			defer opening.Done()
			for i := 0; i < unread/50; i++ {
				// As little memory as may be: the server's buffers hold much more.
				stream, err := eventsource.Open(ctx, server.URL+"/unread", eventsource.WithBuffer(perEvent),
					eventsource.WithConnectTimeout(0))
				if err != nil {
					t.Error(err)
					return
				}
				streams <- stream
			}
		}()
	}
	opening.Wait()
	close(streams)
	if t.Failed() {
		return
	}
	// All of them are paused when no more comes.
	var all []*eventsource.Stream
	for stream := range streams {
		all = append(all, stream)
	}
	for _, stream := range []*eventsource.Stream{all[0], all[unread-1]} {
		if taken := received(stream); taken > 1<<20 {
			t.Errorf("%d bytes were taken, nobody read them", taken)
		}
	}

	// Those that opening them took remain for a moment.
	waitForThreads(t, "that are the library's, for streams that are not read", 20, libraryThreads)
	waitForThreads(t, "for streams that are not read", 200, allThreads)
	best := time.Hour
	for i := 0; i < 20; i++ {
		begin := time.Now()
		ask <- struct{}{}
		<-read.Events()
		if took := time.Since(begin); took < best {
			best = took
		}
	}
	if best > time.Second {
		t.Errorf("an event of the stream that is read took %v at best", best)
	}
	begin := time.Now()
	openURL(t, server.URL+"/read").Close()
	all[0].Close()
	if took := time.Since(begin); took > limit()/3 {
		t.Errorf("to open a stream and to close two took %v", took)
	}
	if _, err := eventsource.Open(cancelled(), server.URL); err != context.Canceled {
		t.Error(err)
	}
	// One goes on when it is read.
	for i := 0; i < 1000; i++ {
		if event, ok := <-all[1].Events(); !ok || len(event.Data) != perEvent {
			t.Fatalf("event %d of one: %d bytes, %v", i, len(event.Data), all[1].Err())
		}
	}
	cancel()
	for _, stream := range all {
		stream.Close()
	}
	waitForThreads(t, "after the end", 200, allThreads)
}

// waitForThreads waits until there are no more of some kind.
func waitForThreads(t *testing.T, what string, most int, count func(*testing.T) int) {
	t.Helper()
	for end := time.Now().Add(limit()); count(t) > most; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d threads %s", count(t), what)
		}
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
