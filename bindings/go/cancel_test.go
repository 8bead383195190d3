package eventsource_test

// What is read until the channel closes has no holes, wherever the stream is cut, and it goes on after the last event that
// was read.

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"sync"
	"testing"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

// fromEnvironment is a number of streams, which the environment can make larger.
func fromEnvironment(t *testing.T, variable string, usual int) int {
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	count, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// cut reads some events, ends the stream while another goroutine goes on to read, and tells what was read.
func cut(lastEventID string, before int, end func(context.CancelFunc, *eventsource.Stream)) ([]string, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := eventsource.Open(ctx, *serverURL+"/events?count=1000000", eventsource.WithLastEventID(lastEventID),
		eventsource.WithBuffer(1+before*100))
	if err != nil {
		return nil, err
	}
	var ids []string
	for event := range stream.Events() {
		if ids = append(ids, event.LastEventID); len(ids) == before {
			go end(cancel, stream)
		}
	}
	if err := stream.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return ids, err
	}
	return ids, nil
}

func follow(last int, ids []string) error {
	for _, id := range ids {
		if id != strconv.Itoa(last+1) {
			return fmt.Errorf("after %d came %s", last, id)
		}
		last++
	}
	return nil
}

func TestAStreamThatIsCutHasNoHolesAndGoesOnAfterTheLastEventThatWasRead(t *testing.T) {
	ends := map[string]func(context.CancelFunc, *eventsource.Stream){
		"cancel": func(cancel context.CancelFunc, _ *eventsource.Stream) { cancel() },
		"close":  func(_ context.CancelFunc, stream *eventsource.Stream) { stream.Close() },
	}
	numbers := make(chan int)
	var workers sync.WaitGroup
	for i := 0; i < 8; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for number := range numbers {
				for name, end := range ends {
					random := rand.New(rand.NewSource(int64(number)))
					first, err := cut("", 1+random.Intn(200), end)
					if err == nil {
						err = follow(0, first)
					}
					if err == nil {
						var second []string
						if second, err = cut(first[len(first)-1], 1+random.Intn(20), end); err == nil {
							err = follow(len(first), second)
						}
					}
					if err != nil {
						t.Errorf("stream %d, %s: %v", number, name, err)
					}
				}
			}
		}()
	}
	count := fromEnvironment(t, "EVENTSOURCE_CUT", 100)
	for number := 0; number < count; number++ {
		numbers <- number
	}
	close(numbers)
	workers.Wait()
}
