//go:build go1.21

package eventsource_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

func TestALoggerGetsRecordsWithAttributes(t *testing.T) {
	var lines bytes.Buffer // behind the handler's own lock
	logger := slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if err := eventsource.SetLogger(eventsource.LogDebug, logger); err != nil {
		t.Fatal(err)
	}
	stream := open(t, "/hang-body", eventsource.WithName("prices"))
	number := stream.Number()
	stream.Close()
	if err := eventsource.SetLogger(eventsource.LogOff, nil); err != nil {
		t.Error(err)
	}
	var opened map[string]any
	if err := json.NewDecoder(&lines).Decode(&opened); err != nil {
		t.Fatal(err)
	}
	delete(opened, "time")
	wanted := map[string]any{
		"level": "INFO", "msg": "open", "kind": "open", "client": float64(number), "name": "prices", "attempt": 1.0,
		"origin": *serverURL,
	}
	if len(opened) != len(wanted) {
		t.Errorf("%v", opened)
	}
	for key, value := range wanted {
		if opened[key] != value {
			t.Errorf("%s: %v instead of %v", key, opened[key], value)
		}
	}
}
