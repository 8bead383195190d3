package eventsource_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

func newRuntime(t *testing.T, options eventsource.RuntimeOptions) *eventsource.Runtime {
	t.Helper()
	runtime, err := eventsource.NewRuntime(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtime.Close() })
	return runtime
}

// threadsNamed counts the process's threads whose names begin so.
func threadsNamed(t *testing.T, name string) int {
	t.Helper()
	paths, _ := filepath.Glob("/proc/self/task/*/comm")
	if len(paths) == 0 {
		t.Skip("no /proc to count threads by")
	}
	count := 0
	for _, path := range paths {
		// One may have ended meanwhile.
		if text, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(text), name) {
			count++
		}
	}
	return count
}

func TestStreamsRunOnTheThreadsOfTheirRuntime(t *testing.T) {
	runtime := newRuntime(t, eventsource.RuntimeOptions{Threads: 2, ThreadName: "mine"})
	stream := open(t, "/events?count=3&then=204", eventsource.WithRuntime(runtime))
	if threadsNamed(t, "mine") == 0 {
		t.Error("no thread has the runtime's name")
	}
	count := 0
	for range stream.Events() {
		count++
	}
	if count != 3 || stream.Err() != nil {
		t.Errorf("%d events, %v", count, stream.Err())
	}
	runtime.Close()
	for end := time.Now().Add(limit()); threadsNamed(t, "mine") != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d threads are left", threadsNamed(t, "mine"))
		}
	}
}

func TestAHandlerThatWaitsHoldsUpTheStreamsOfAnInlineRuntimeOnly(t *testing.T) {
	release, waiting := make(chan struct{}), make(chan struct{})
	runtime := newRuntime(t, eventsource.RuntimeOptions{Inline: true})
	open(t, "/events", eventsource.WithRuntime(runtime), eventsource.WithOpenHandler(
		func(context.Context, *eventsource.Stream, eventsource.Response) {
			close(waiting)
			<-release
		}))
	<-waiting
	_, err := eventsource.Open(context.Background(), *serverURL+"/events", eventsource.WithRuntime(runtime),
		eventsource.WithOpenTimeout(100*time.Millisecond))
	if !errors.Is(err, eventsource.ErrTimeout) {
		t.Errorf("on the same runtime: %v", err)
	}
	open(t, "/events")
	close(release)
}

func TestARuntimeThatIsClosedEndsItsStreams(t *testing.T) {
	runtime := newRuntime(t, eventsource.RuntimeOptions{})
	stream := open(t, "/hang-body", eventsource.WithRuntime(runtime))
	<-stream.Events()
	runtime.Close()
	runtime.Close()
	if event, ok := <-stream.Events(); ok || stream.Err() != nil {
		t.Errorf("%+v, %v", event, stream.Err())
	}
	_, err := eventsource.Open(context.Background(), *serverURL+"/events", eventsource.WithRuntime(runtime))
	if !errors.Is(err, eventsource.ErrState) {
		t.Error(err)
	}
}

func TestARuntimeTellsWhatItsStreamsHaveDone(t *testing.T) {
	runtime := newRuntime(t, eventsource.RuntimeOptions{MeasureLatency: true})
	stream := open(t, "/events?count=4&per_connection=2&retry=10&then=204", eventsource.WithRuntime(runtime))
	for range stream.Events() {
	}
	held := open(t, "/hang-body", eventsource.WithRuntime(runtime))
	<-held.Events()
	metrics, err := runtime.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	var measured uint64
	for _, count := range metrics.Latency {
		measured += count
	}
	if metrics.Open != 1 || metrics.Threads == 0 || metrics.Starts != 2 || metrics.Events != 5 || metrics.Reconnects.End != 2 ||
		metrics.Attempts != 4 || metrics.Bytes == 0 || measured != 5 || metrics.LatencySum <= 0 {
		t.Errorf("%+v", metrics)
	}
	shared := open(t, "/hang-body")
	<-shared.Events()
	if metrics, err := eventsource.SharedMetrics(); err != nil || metrics.Open == 0 || metrics.LatencySum != 0 {
		t.Errorf("%+v, %v", metrics, err)
	}
	runtime.Close()
	if _, err := runtime.Metrics(); !errors.Is(err, eventsource.ErrState) {
		t.Error(err)
	}
}

func TestAHandlerMayCloseItsRuntime(t *testing.T) {
	runtime := newRuntime(t, eventsource.RuntimeOptions{})
	stream := open(t, "/events", eventsource.WithRuntime(runtime), eventsource.WithOpenHandler(
		func(context.Context, *eventsource.Stream, eventsource.Response) { runtime.Close() }))
	for range stream.Events() {
	}
}

func TestARuntimeRefusesWhatItCannotMean(t *testing.T) {
	for _, options := range []eventsource.RuntimeOptions{
		{Threads: -1}, {Threads: 1025}, {Threads: 1 << 32}, {Threads: 2, Inline: true}, {ThreadName: "a\x00b"},
	} {
		if runtime, err := eventsource.NewRuntime(options); !errors.Is(err, eventsource.ErrValue) || runtime != nil {
			t.Errorf("%+v: %v", options, err)
		}
	}
	_, err := eventsource.NewRuntime(eventsource.RuntimeOptions{Threads: 1025})
	if err == nil || !strings.Contains(err.Error(), "1025") {
		t.Errorf("it does not say what was refused: %v", err)
	}
	_, err = eventsource.Open(context.Background(), *serverURL, eventsource.WithRuntime(nil))
	if !errors.Is(err, eventsource.ErrValue) {
		t.Error(err)
	}
}

func ExampleNewRuntime() {
	runtime, err := eventsource.NewRuntime(eventsource.RuntimeOptions{ThreadName: "prices"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer runtime.Close()
	stream, err := eventsource.Open(context.Background(), *serverURL+"/events?count=1", eventsource.WithRuntime(runtime))
	if err != nil {
		fmt.Println(err)
		return
	}
	event := <-stream.Events()
	fmt.Println(event.Data)
	// Output: event 1
}
