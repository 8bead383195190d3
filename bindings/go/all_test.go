//go:build go1.23

package eventsource_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

func TestALoopOverAllEndsWithTheError(t *testing.T) {
	stream := open(t, "/events?count=8&per_connection=4&cut=abort", eventsource.WithMode(eventsource.ModeOnce))
	events := 0
	var last error
	for event, err := range stream.All() {
		if last = err; err == nil {
			events++
		} else if event != (eventsource.Event{}) {
			t.Errorf("an error, and %+v", event)
		}
	}
	if events != 4 || !errors.Is(last, eventsource.ErrDisconnected) {
		t.Errorf("%d events, then %v", events, last)
	}
}

func TestALoopOverAllClosesTheStream(t *testing.T) {
	stream := open(t, "/blast?bytes=1000000000")
	for range stream.All() {
		break
	}
	if err := stream.ReconnectNow(); !errors.Is(err, eventsource.ErrState) {
		t.Errorf("after the loop: %v", err)
	}
}

func ExampleStream_All() {
	stream, err := eventsource.Open(context.Background(), *serverURL+"/events?count=2&retry=1&then=204")
	if err != nil {
		fmt.Println(err)
		return
	}
	for event, err := range stream.All() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.LastEventID)
	}
	// Output:
	// 1
	// 2
}
