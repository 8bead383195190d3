package eventsource_test

import (
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

// watchers counts the sockets by which the kernel tells of changes of the network.
func watchers() (count int) {
	descriptors, _ := os.ReadDir("/proc/self/fd")
	for _, descriptor := range descriptors {
		number, _ := strconv.Atoi(descriptor.Name())
		if address, err := syscall.Getsockname(number); err == nil {
			if _, is := address.(*syscall.SockaddrNetlink); is {
				count++
			}
		}
	}
	return
}

func waitForWatchers(t *testing.T, count int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); watchers() != count; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d watch the network, not %d", watchers(), count)
		}
	}
}

func TestTheNetworkIsWatchedUnlessThatIsSwitchedOff(t *testing.T) {
	// The streams of tests before this one end by themselves.
	waitForWatchers(t, 0)
	const path = "/events?count=2&interval_ms=3600000"
	<-open(t, path, eventsource.WithoutNetworkWatch()).Events()
	if watchers() != 0 {
		t.Error("the network is watched")
	}
	on := open(t, path)
	<-on.Events()
	waitForWatchers(t, 1)
	on.Close()
	waitForWatchers(t, 0)
}
