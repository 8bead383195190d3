package eventsource_test

// Handlers have a context and their stream, and may fail an attempt with an error of the program's own.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

type keyOfTest struct{}

func TestHandlersHaveTheStreamAndItsContext(t *testing.T) {
	told := make(chan string, 10)
	streams := map[*eventsource.Stream]bool{}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), keyOfTest{}, "mine"))
	defer cancel()
	tell := func(what string, ctx context.Context, s *eventsource.Stream) {
		if ctx.Value(keyOfTest{}) != "mine" || ctx.Err() != nil {
			t.Errorf("%s: %v", what, ctx)
		}
		streams[s] = true
		told <- what
	}
	stream, err := eventsource.Open(ctx, *serverURL+"/events?comment=hello&count=1&then=204",
		eventsource.WithRequestHandler(func(ctx context.Context, s *eventsource.Stream, _ *eventsource.Request) error {
			tell("request", ctx, s)
			return nil
		}),
		eventsource.WithOpenHandler(func(ctx context.Context, s *eventsource.Stream, _ eventsource.Response) { tell("open", ctx, s) }),
		eventsource.WithCommentHandler(func(ctx context.Context, s *eventsource.Stream, _ string) { tell("comment", ctx, s) }),
		eventsource.WithErrorHandler(func(ctx context.Context, s *eventsource.Stream, _ *eventsource.Error) eventsource.Decision {
			tell("error", ctx, s)
			return eventsource.Stop
		}))
	if err != nil {
		t.Fatal(err)
	}
	for range stream.Events() {
	}
	if len(streams) != 1 || !streams[stream] {
		t.Errorf("%v, not %p", streams, stream)
	}
	close(told)
	for _, what := range []string{"request", "open", "comment", "error"} {
		want(t, "handler", <-told, what)
	}
}

func TestAHandlersContextEndsWithTheStream(t *testing.T) {
	inside := make(chan struct{})
	stream := open(t, "/events", eventsource.WithOpenHandler(func(ctx context.Context, _ *eventsource.Stream, _ eventsource.Response) {
		close(inside)
		<-ctx.Done()
	}))
	<-inside
	stream.Close()
}

func TestAHandlerMayCloseStreams(t *testing.T) {
	other := open(t, "/hang-body")
	stream := open(t, "/events", eventsource.WithOpenHandler(func(_ context.Context, s *eventsource.Stream, _ eventsource.Response) {
		other.Close()
		s.Close()
	}))
	for range stream.Events() {
	}
	for range other.Events() {
	}
	if stream.Err() != nil || other.Err() != nil {
		t.Errorf("%v, %v", stream.Err(), other.Err())
	}
}

var errMine = errors.New("no credentials today")

func TestARequestHandlersErrorFailsTheAttempt(t *testing.T) {
	fail := onRequest(func(*eventsource.Request) error { return fmt.Errorf("vault: %w", errMine) })
	_, err := eventsource.Open(context.Background(), *serverURL+"/events", fail)
	if !errors.Is(err, errMine) || !errors.Is(err, eventsource.ErrRequest) {
		t.Errorf("the first attempt: %v", err)
	}
	_, err = eventsource.Open(context.Background(), *serverURL+"/events", eventsource.WithTokenSource(
		func(context.Context) (string, error) { return "", errMine }))
	if !errors.Is(err, errMine) {
		t.Errorf("a token source: %v", err)
	}
	_, err = eventsource.Open(context.Background(), *serverURL+"/events", eventsource.WithTokenSource(
		func(context.Context) (string, error) { return "a\nb", nil }))
	if !errors.Is(err, eventsource.ErrHeader) {
		t.Errorf("a token that is none: %v", err)
	}
}

func TestAnAttemptThatTheHandlerFailedIsRepeatedUnlessThatIsPermanent(t *testing.T) {
	for _, test := range []struct {
		attempts int32
		fail     func(int32) error
		want     error
	}{
		{3, func(attempt int32) error {
			if attempt < 3 {
				return errMine
			}
			return nil
		}, nil},
		{2, func(attempt int32) error {
			if attempt < 2 {
				return errMine
			}
			return eventsource.Permanent(errMine)
		}, errMine},
	} {
		var attempts, told int32
		stream, err := eventsource.Open(context.Background(), *serverURL+"/events?count=1&then=204",
			reconnect(func(policy *eventsource.Reconnect) {
				policy.RetryInitial, policy.Delay, policy.MinDelay = true, time.Millisecond, time.Millisecond
			}),
			onRequest(func(*eventsource.Request) error {
				if n := atomic.AddInt32(&attempts, 1); n <= test.attempts {
					return test.fail(n)
				}
				return nil
			}),
			onError(func(err *eventsource.Error) eventsource.Decision {
				if errors.Is(err, errMine) {
					told++
				}
				return eventsource.Default
			}))
		if !errors.Is(err, test.want) || told != 2 {
			t.Errorf("%v, told %d times, not %v", err, told, test.want)
		}
		if err == nil {
			if _, ok := <-stream.Events(); !ok {
				t.Error(stream.Err())
			}
			stream.Close()
		}
	}
}

func TestADeadlineForOpeningIsNotTheStreams(t *testing.T) {
	_, err := eventsource.Open(context.Background(), *serverURL+"/hang", eventsource.WithOpenTimeout(50*time.Millisecond))
	var timeout net.Error
	if !errors.Is(err, eventsource.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &timeout) ||
		!timeout.Timeout() {
		t.Error(err)
	}
	// What failed meanwhile is told with it.
	for opening := 200 * time.Millisecond; ; opening *= 2 {
		_, err = eventsource.Open(context.Background(), *serverURL+"/status/503", eventsource.WithOpenTimeout(opening),
			reconnect(func(policy *eventsource.Reconnect) { policy.RetryInitial, policy.Delay = true, time.Hour }))
		if errors.Is(err, eventsource.ErrTimeout) && errors.Is(err, eventsource.ErrHTTPStatus) {
			break
		}
		// On a busy machine, the answer may come later.
		if !errors.Is(err, eventsource.ErrTimeout) || opening > limit() {
			t.Error(err)
			break
		}
	}
	opening := 100 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/event-stream")
		response.WriteHeader(200)
		response.(http.Flusher).Flush()
		time.Sleep(2 * opening)
		fmt.Fprint(response, "data: late\n\n")
	}))
	t.Cleanup(server.Close)
	stream, err := eventsource.Open(context.Background(), server.URL, eventsource.WithOpenTimeout(opening))
	if errors.Is(err, eventsource.ErrTimeout) {
		t.Skip("this machine is too busy to open a stream in time")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if event := <-stream.Events(); event.Data != "late" {
		t.Errorf("%+v, %v", event, stream.Err())
	}
}

func TestASlowHandlerDoesNotHoldOpen(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	slow := onRequest(func(*eventsource.Request) error {
		<-release
		return nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := eventsource.Open(ctx, *serverURL+"/events", slow); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	_, err := eventsource.Open(context.Background(), *serverURL+"/events", slow, eventsource.WithOpenTimeout(50*time.Millisecond))
	if !errors.Is(err, eventsource.ErrTimeout) {
		t.Error(err)
	}
}

func TestTheCodeIsFoundInAnError(t *testing.T) {
	_, err := eventsource.Open(context.Background(), *serverURL+"/status/404")
	var code eventsource.Code
	if !errors.As(fmt.Errorf("wrapped: %w", err), &code) || code != eventsource.ErrHTTPStatus {
		t.Errorf("%v in %v", code, err)
	}
}

// pipes is a listener whose connections are in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error {
	defer func() { recover() }()
	close(p)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p pipes) dial(ctx context.Context) (net.Conn, error) {
	mine, theirs := net.Pipe()
	select {
	case p <- theirs:
		return mine, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestADialerMakesTheConnections(t *testing.T) {
	listener := make(pipes)
	server := &http.Server{Handler: http.HandlerFunc(oneEvent)}
	go server.Serve(listener)
	defer server.Close()
	dials := int32(0)
	stream := openURL(t, "http://nowhere.invalid/x", atOnce(),
		eventsource.WithDialer(func(ctx context.Context) (net.Conn, error) {
			if atomic.AddInt32(&dials, 1) == 2 {
				return nil, errMine
			}
			return listener.dial(ctx)
		}),
		onError(func(err *eventsource.Error) eventsource.Decision {
			if dialed := atomic.LoadInt32(&dials); errors.Is(err, errMine) != (dialed == 2) {
				t.Errorf("after %d connections: %v", dialed, err)
			}
			return eventsource.Default
		}))
	for i := 0; i < 3; i++ {
		if event := <-stream.Events(); event.Data != "nowhere.invalid /x" {
			t.Errorf("%+v, %v", event, stream.Err())
		}
	}
}

func TestADialersErrorIsOpens(t *testing.T) {
	_, err := eventsource.Open(context.Background(), "http://nowhere.invalid/",
		eventsource.WithDialer(func(context.Context) (net.Conn, error) { return nil, errMine }))
	if !errors.Is(err, errMine) {
		t.Error(err)
	}
}
