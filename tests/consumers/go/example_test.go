package eventsource_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"libeventsource/eventsource"
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

func ExampleError() {
	_, err := eventsource.Open(context.Background(), *serverURL+"/status/403")
	var detail *eventsource.Error
	if errors.As(err, &detail) && errors.Is(err, eventsource.ErrHTTPStatus) {
		fmt.Println("refused with", detail.StatusCode)
	}
	// Output: refused with 403
}
