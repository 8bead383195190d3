//go:build go1.23

package eventsource_test

import (
	"errors"
	"testing"

	"libeventsource/eventsource"
)

func TestALoopOverAllEndsWithTheError(t *testing.T) {
	stream := open(t, "/events?count=4",
		eventsource.WithMode(eventsource.ModeOnce),
		eventsource.WithReadTimeout(1e8))
	events := 0
	var last error
	for event, err := range stream.All() {
		if last = err; err == nil {
			events++
		} else if event != (eventsource.Event{}) {
			t.Errorf("an error, and %+v", event)
		}
	}
	if events != 4 || !errors.Is(last, eventsource.ErrReadTimeout) {
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
