package eventsource_test

// Streams that are legal and odd.

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

func TestOddEventsComeAsTheyAre(t *testing.T) {
	huge := strings.Repeat("x", 12<<20)
	events := []struct {
		text string
		want eventsource.Event
	}{
		{"data: no id\n\n", eventsource.Event{Type: "message", Data: "no id"}},
		{"data\n\n", eventsource.Event{Type: "message"}},
		{"data:\n\n", eventsource.Event{Type: "message"}},
		{"data:\ndata:\n\n", eventsource.Event{Type: "message", Data: "\n"}},
		{"event: empty\ndata:\n\n", eventsource.Event{Type: "empty"}},
		{"id: 1\ndata: an id\n\n", eventsource.Event{Type: "message", Data: "an id", LastEventID: "1"}},
		{"id: a\x00b\ndata: a NUL in the id\n\n", eventsource.Event{Type: "message", Data: "a NUL in the id", LastEventID: "1"}},
		{"data: a\x00b\n\n", eventsource.Event{Type: "message", Data: "a\x00b", LastEventID: "1"}},
		{"event: a\x00b\ndata: x\n\n", eventsource.Event{Type: "a\x00b", Data: "x", LastEventID: "1"}},
		{"data: bad \xff\xfe\xe2\x82\n\n", eventsource.Event{Type: "message", Data: "bad \uFFFD\uFFFD\uFFFD", LastEventID: "1"}},
		{"data: " + huge + "\n\n", eventsource.Event{Type: "message", Data: huge, LastEventID: "1"}},
		{"id\ndata: none any more\n\n", eventsource.Event{Type: "message", Data: "none any more"}},
		{"event: no data\n\ndata: last\n\n", eventsource.Event{Type: "message", Data: "last"}},
	}
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/event-stream")
		for _, event := range events {
			fmt.Fprint(response, event.text)
		}
	}))
	t.Cleanup(server.Close)
	for _, buffer := range []int{1, 64 << 20} {
		stream := openURL(t, server.URL, eventsource.WithMode(eventsource.ModeOnce), eventsource.WithBuffer(buffer))
		for i, event := range events {
			event.want.Origin = server.URL
			if got := <-stream.Events(); got != event.want {
				t.Errorf("event %d: type %q, id %q, %d bytes of data, not %q, %q, %d", i, got.Type, got.LastEventID, len(got.Data),
					event.want.Type, event.want.LastEventID, len(event.want.Data))
			}
		}
		if event, ok := <-stream.Events(); ok || stream.Err() != nil {
			t.Errorf("%+v, %v", event, stream.Err())
		}
	}
}
