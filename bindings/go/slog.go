//go:build cgo && go1.21

package eventsource

import (
	"context"
	"log/slog"
)

// SetLogger passes what the library logs up to a level on to a [slog.Logger], for the whole process; nil for nowhere. Each
// record has the attribute "kind" and, if it is about a stream, "client", "attempt" and "origin", and "name" if the stream has
// one. It takes the place of what [SetLogHandler] has set, and the rules there hold for the logger's handler.
func SetLogger(level LogLevel, logger *slog.Logger) error {
	if logger == nil {
		return SetLogHandler(level, nil)
	}
	return SetLogHandler(level, func(record LogRecord) {
		ctx, level := context.Background(), record.Level.slog()
		if logger.Enabled(ctx, level) {
			logger.LogAttrs(ctx, level, record.Text, record.attributes()...)
		}
	})
}

func (r *LogRecord) attributes() []slog.Attr {
	attributes := append(make([]slog.Attr, 0, 5), slog.String("kind", r.Kind.String()))
	if r.Client == 0 {
		return attributes
	}
	attributes = append(attributes, slog.Uint64("client", r.Client))
	if r.Name != "" {
		attributes = append(attributes, slog.String("name", r.Name))
	}
	return append(attributes, slog.Uint64("attempt", r.Attempt), slog.String("origin", r.Origin))
}

func (l LogLevel) slog() slog.Level {
	switch l {
	case LogError:
		return slog.LevelError
	case LogWarning:
		return slog.LevelWarn
	case LogInfo:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}
