//go:build cgo && go1.23

package eventsource

import "iter"

// All is the stream's events, and what ended it, if that was an error, as the last pair. When the loop ends, the stream
// is closed.
func (s *Stream) All() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		defer s.Close()
		for event := range s.events {
			if !yield(event, nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(Event{}, err)
		}
	}
}
