package eventsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

func ExampleOpen() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stream, err := eventsource.Open(ctx, *serverURL+"/events?count=3&retry=1&then=204",
		eventsource.WithSensitiveHeader("X-Token", "…"),
		eventsource.WithReadTimeout(30*time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()
	for event := range stream.Events() {
		fmt.Println(event.LastEventID, event.Type)
	}
	fmt.Println("the end:", stream.Err())
	// Output:
	// 1 message
	// 2 message
	// 3 message
	// the end: <nil>
}

// A test of a program that reads streams needs no server but net/http's.
func ExampleOpen_httptest() {
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(response, "id: 1\ndata: hello\n\n")
	}))
	defer server.Close()

	stream, err := eventsource.Open(context.Background(), server.URL, eventsource.WithMode(eventsource.ModeOnce))
	if err != nil {
		fmt.Println(err)
		return
	}
	for event := range stream.Events() {
		fmt.Println(event.LastEventID, event.Data)
	}
	// Output: 1 hello
}

// A language model is asked once: to ask again would cost again. The end marker tells a complete answer from one that was cut.
func ExampleWithEndMarker() {
	ask := func(prompt string) error {
		question, err := json.Marshal(map[string]any{
			"stream": true, "model": "m", "messages": []map[string]string{{"role": "user", "content": prompt}}})
		if err != nil {
			return err
		}
		stream, err := eventsource.Open(context.Background(), *serverURL+"/v1/chat/completions",
			eventsource.WithMethod("POST"), eventsource.WithBody(question), eventsource.WithMode(eventsource.ModeOnce),
			eventsource.WithHeader("Content-Type", "application/json"),
			eventsource.WithSensitiveHeader("Authorization", "Bearer test-key"),
			eventsource.WithEndMarker("[DONE]"))
		if err != nil {
			return err
		}
		defer stream.Close()
		for event := range stream.Events() {
			var answer struct {
				Error   *struct{ Message string }
				Choices []struct{ Delta struct{ Content string } }
			}
			if err := json.Unmarshal([]byte(event.Data), &answer); err != nil {
				return err
			}
			if answer.Error != nil { // it went wrong after the 200
				return errors.New(answer.Error.Message)
			}
			for _, choice := range answer.Choices {
				_ = choice.Delta.Content // the next piece of the answer
			}
		}
		return stream.Err()
	}
	fmt.Println("complete:", ask("hello"))
	fmt.Println("failed:", ask("fail"))
	fmt.Println("cut:", errors.Is(ask("end"), eventsource.ErrEndOfStream), errors.Is(ask("break"), eventsource.ErrDisconnected))
	var busy *eventsource.Error
	if errors.As(ask("busy"), &busy) {
		fmt.Println(busy.StatusCode, busy.Header.Get("X-Request-Id"), busy.Header.Get("Retry-After-Ms"))
	}
	// Output:
	// complete: <nil>
	// failed: The model is overloaded.
	// cut: true true
	// 429 req_7 20
}

func ExampleError() {
	_, err := eventsource.Open(context.Background(), *serverURL+"/status/403")
	var detail *eventsource.Error
	if errors.As(err, &detail) && errors.Is(err, eventsource.ErrHTTPStatus) {
		fmt.Println("refused with", detail.StatusCode)
	}
	// Output: refused with 403
}

func ExampleWithTokenSource() {
	source := func(context.Context) (string, error) { return "fresh", nil }
	stream, err := eventsource.Open(context.Background(), *serverURL+"/events?token=fresh", eventsource.WithTokenSource(source))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()
	event := <-stream.Events()
	fmt.Println(event.Data)
	// Output: event 1
}

func ExampleWithRequestHandler() {
	errLocked := errors.New("the vault is locked")
	_, err := eventsource.Open(context.Background(), *serverURL+"/events", eventsource.WithRequestHandler(
		func(ctx context.Context, stream *eventsource.Stream, request *eventsource.Request) error {
			return errLocked
		}))
	fmt.Println(errors.Is(err, errLocked))
	// Output: true
}

func ExampleWithErrorHandler() {
	_, err := eventsource.Open(context.Background(), *serverURL+"/status/503",
		eventsource.WithReconnect(func(policy *eventsource.Reconnect) { policy.RetryInitial = true }),
		eventsource.WithErrorHandler(func(ctx context.Context, stream *eventsource.Stream, err *eventsource.Error) eventsource.Decision {
			if err.Attempt == 3 {
				return eventsource.Stop
			}
			err.SetDelay(10 * time.Millisecond)
			return eventsource.Default
		}))
	fmt.Println(errors.Is(err, eventsource.ErrHTTPStatus))
	// Output: true
}

// A connection in memory: no port, no name.
func ExampleWithDialer() {
	mine, theirs := net.Pipe()
	go func() {
		buffer := make([]byte, 4096)
		theirs.Read(buffer)
		fmt.Fprint(theirs, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: hello\n\n")
	}()
	stream, err := eventsource.Open(context.Background(), "http://anywhere.example/",
		eventsource.WithDialer(func(context.Context) (net.Conn, error) { return mine, nil }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()
	event := <-stream.Events()
	fmt.Println(event.Data)
	// Output: hello
}
