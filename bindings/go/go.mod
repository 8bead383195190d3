// The repository has no address yet, and Go wants a path that begins like one. It changes here, in README.md and in the
// imports of the tests when it has.
module libeventsource.invalid/eventsource

// What Debian 12 has. Stream.All needs 1.23, and is left out before.
go 1.19
