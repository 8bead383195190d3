module libeventsource/eventsource

// What Debian 12 has. Stream.All needs 1.23, and is left out before.
go 1.19
