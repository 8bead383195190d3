// The repository has no address yet, and Go wants a path that begins like one. `packaging/move` gives it another.
module libeventsource.invalid/libeventsource/bindings/go

// What Debian 12 has. Stream.All needs 1.23, and is left out before.
go 1.19
