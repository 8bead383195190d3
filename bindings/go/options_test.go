package eventsource_test

// Every option refuses what it cannot mean, and what is refused leaves nothing behind.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

// policy is a policy with one member changed.
func policy(change func(*eventsource.Reconnect)) eventsource.Option {
	return eventsource.WithReconnect(change)
}

func TestEveryOptionRefusesWhatItCannotMean(t *testing.T) {
	const negative, smallest = -time.Nanosecond, time.Duration(math.MinInt64)
	value := eventsource.ErrValue
	for name, test := range map[string]struct {
		code    eventsource.Code
		options []eventsource.Option
	}{
		"option": {value, []eventsource.Option{nil}},
		"method": {eventsource.ErrMethod, []eventsource.Option{
			eventsource.WithMethod("CONNECT"), eventsource.WithMethod(""), eventsource.WithMethod("GET\x00")}},
		"header": {eventsource.ErrHeader, []eventsource.Option{
			eventsource.WithHeader("Content-Length", "1"), eventsource.WithHeader("X-One", "1\x00"),
			eventsource.WithHeader("", "1"), eventsource.WithAddedHeader("X One", "1"),
			eventsource.WithSensitiveHeader("X-One", "1\r\n2"), eventsource.WithoutHeader("Content-Length"),
			eventsource.WithoutHeader("a b")}},
		"UTF-8": {eventsource.ErrUTF8, []eventsource.Option{
			eventsource.WithHeader("X-One", "\xff"), eventsource.WithProxy("http://\xff"), eventsource.WithLastEventID("\xff")}},
		"user":          {value, []eventsource.Option{eventsource.WithBasicAuth("a:b", "c"), eventsource.WithBasicAuth("a", "\x00")}},
		"last event id": {value, []eventsource.Option{eventsource.WithLastEventID("1\n"), eventsource.WithLastEventID("\x00")}},
		"name": {value, []eventsource.Option{
			eventsource.WithName(""), eventsource.WithName("a\x00"), eventsource.WithName("a\n"), eventsource.WithName(strings.Repeat("x", 129))}},
		"mode": {value, []eventsource.Option{eventsource.WithMode(-1), eventsource.WithMode(99)}},
		"connect timeout": {value, []eventsource.Option{
			eventsource.WithConnectTimeout(negative), eventsource.WithConnectTimeout(smallest)}},
		"response timeout": {value, []eventsource.Option{
			eventsource.WithResponseTimeout(negative), eventsource.WithResponseTimeout(smallest)}},
		"read timeout": {value, []eventsource.Option{
			eventsource.WithReadTimeout(negative), eventsource.WithReadTimeout(-time.Millisecond), eventsource.WithReadTimeout(smallest)}},
		"event timeout": {value, []eventsource.Option{
			eventsource.WithEventTimeout(negative), eventsource.WithEventTimeout(smallest)}},
		"open timeout": {value, []eventsource.Option{
			eventsource.WithOpenTimeout(negative), eventsource.WithOpenTimeout(smallest)}},
		"redirects": {value, []eventsource.Option{
			eventsource.WithMaxRedirects(-1), eventsource.WithMaxRedirects(1 << 32), eventsource.WithMaxRedirects(1<<32 + 1),
			eventsource.WithMaxRedirects(math.MinInt)}},
		"event size": {value, []eventsource.Option{
			eventsource.WithMaxEventSize(0), eventsource.WithMaxEventSize(-1), eventsource.WithMaxEventSize(math.MinInt)}},
		"end marker": {value, []eventsource.Option{eventsource.WithEndMarker(""), eventsource.WithEndMarker("a\r"), eventsource.WithEndMarker("\x00")}},
		"error body": {value, []eventsource.Option{eventsource.WithMaxErrorBody(-1), eventsource.WithMaxErrorBody(math.MinInt)}},
		"buffer": {value, []eventsource.Option{
			eventsource.WithBuffer(0), eventsource.WithBuffer(-1), eventsource.WithBuffer(math.MinInt)}},
		"proxy":       {eventsource.ErrURL, []eventsource.Option{eventsource.WithProxy("ftp://127.0.0.1"), eventsource.WithProxy("\x00")}},
		"no proxy":    {value, []eventsource.Option{eventsource.WithNoProxy("\x00")}},
		"socket":      {value, []eventsource.Option{eventsource.WithUnixSocket(strings.Repeat("x", 1000)), eventsource.WithUnixSocket("a\x00")}},
		"dialer":      {value, []eventsource.Option{eventsource.WithDialer(nil)}},
		"tokens":      {value, []eventsource.Option{eventsource.WithTokenSource(nil)}},
		"address":     {value, []eventsource.Option{eventsource.WithResolve("host:1:nowhere"), eventsource.WithAddedResolve("host:1"), eventsource.WithResolve("\x00")}},
		"authorities": {eventsource.ErrPEM, []eventsource.Option{eventsource.WithCAs([]byte("no PEM")), eventsource.WithCAFile("/nowhere"), eventsource.WithCAFile("\x00")}},
		"certificate": {eventsource.ErrPEM, []eventsource.Option{
			eventsource.WithClientCertificate([]byte("no PEM"), nil), eventsource.WithClientCertificateFiles("/nowhere", ""),
			eventsource.WithClientCertificateFiles("\x00", "")}},
		"pins":        {value, []eventsource.Option{eventsource.WithPinnedKeys("md5//"), eventsource.WithPinnedKeys("\x00")}},
		"server name": {value, []eventsource.Option{eventsource.WithServerName("a b"), eventsource.WithServerName("\x00")}},
		"TLS": {value, []eventsource.Option{
			eventsource.WithMinTLSVersion(tls.VersionTLS10), eventsource.WithMinTLSVersion(tls.VersionTLS11),
			eventsource.WithMinTLSVersion(0), eventsource.WithMinTLSVersion(12), eventsource.WithMinTLSVersion(13),
			eventsource.WithMinTLSVersion(tls.VersionTLS13 + 1), eventsource.WithMinTLSVersion(math.MaxUint16)}},
		"HTTP": {value, []eventsource.Option{eventsource.WithHTTPVersion(-1), eventsource.WithHTTPVersion(math.MaxInt32)}},
		"policy": {value, []eventsource.Option{
			policy(nil),
			policy(func(p *eventsource.Reconnect) { p.Delay = 0 }),
			policy(func(p *eventsource.Reconnect) { p.Delay = negative }),
			policy(func(p *eventsource.Reconnect) { p.MaxDelay = 0 }),
			policy(func(p *eventsource.Reconnect) { p.MaxDelay = smallest }),
			policy(func(p *eventsource.Reconnect) { p.MinDelay = negative }),
			policy(func(p *eventsource.Reconnect) { p.MaxServerDelay = negative }),
			policy(func(p *eventsource.Reconnect) { p.ResetAfter = negative }),
			policy(func(p *eventsource.Reconnect) { p.Factor = 0.5 }),
			policy(func(p *eventsource.Reconnect) { p.Factor = math.NaN() }),
			policy(func(p *eventsource.Reconnect) { p.Factor = math.Inf(1) }),
			policy(func(p *eventsource.Reconnect) { p.Jitter = 2 }),
			policy(func(p *eventsource.Reconnect) { p.Jitter = math.NaN() }),
			policy(func(p *eventsource.Reconnect) { p.MaxAttempts = -1 }),
			policy(func(p *eventsource.Reconnect) { p.MaxAttempts = math.MinInt64 }),
			policy(func(p *eventsource.Reconnect) { p.MaxAttempts = 1 << 32 }),
		}},
	} {
		for i, option := range test.options {
			stream, err := eventsource.Open(context.Background(), *serverURL+"/events", option)
			if !errors.Is(err, test.code) {
				t.Errorf("%s %d: %v", name, i, err)
			}
			if stream != nil {
				stream.Close()
			}
		}
	}
	for _, url := range []string{"", "ftp://127.0.0.1", *serverURL + "\x00"} {
		if _, err := eventsource.Open(context.Background(), url); !errors.Is(err, eventsource.ErrURL) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestEveryOptionTakesTheLargest(t *testing.T) {
	const longest = time.Duration(math.MaxInt64)
	stream := open(t, "/events?count=1",
		eventsource.WithBuffer(math.MaxInt), eventsource.WithMaxEventSize(math.MaxInt), eventsource.WithMaxRedirects(math.MaxInt32),
		eventsource.WithConnectTimeout(longest), eventsource.WithResponseTimeout(longest), eventsource.WithReadTimeout(longest),
		eventsource.WithEventTimeout(longest), eventsource.WithOpenTimeout(longest), eventsource.WithCAs(nil),
		policy(func(p *eventsource.Reconnect) {
			p.Delay, p.MaxDelay, p.ResetAfter, p.MinDelay, p.MaxServerDelay = longest, longest, longest, longest, longest
		}),
		// What was accepted is accepted again.
		policy(func(p *eventsource.Reconnect) {
			for _, duration := range []time.Duration{p.Delay, p.MaxDelay, p.ResetAfter, p.MinDelay, p.MaxServerDelay} {
				if duration != longest {
					t.Errorf("%v came back as %v", longest, duration)
				}
			}
		}))
	if _, ok := <-stream.Events(); !ok {
		t.Error(stream.Err())
	}
}

func TestADelayIsNotNegativeHoweverLongItIs(t *testing.T) {
	delays := delaysOf(t, "/events?count=99&per_connection=1", func(policy *eventsource.Reconnect) {
		policy.Delay, policy.MaxDelay, policy.Jitter = math.MaxInt64, math.MaxInt64, 1
	})
	if delays[0] < math.MaxInt64/2 {
		t.Error(delays[0])
	}
}

// residentMemory is what the process holds, in bytes.
func residentMemory(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc to measure memory by")
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// foreign is a context that costs a goroutine for as long as another is derived from it.
type foreign struct{ context.Context }

func (f foreign) Done() <-chan struct{} { return make(chan struct{}) }

func TestAnOptionThatPanicsOrIsRefusedLeavesNothing(t *testing.T) {
	const rounds, size = 200, 1 << 20
	body := eventsource.WithBody(make([]byte, size))
	goroutines, memory := runtime.NumGoroutine(), residentMemory(t)
	for i := 0; i < rounds; i++ {
		func() {
			defer func() {
				if recover() != "mine" {
					t.Error("the panic was lost")
				}
			}()
			eventsource.Open(foreign{context.Background()}, *serverURL, body, policy(func(*eventsource.Reconnect) { panic("mine") }))
		}()
		if _, err := eventsource.Open(foreign{context.Background()}, *serverURL, body, nil); err == nil {
			t.Error("no option was taken for one")
		}
	}
	for end := time.Now().Add(limit()); runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
		}
	}
	// A race detector's shadow counts, too.
	if now := residentMemory(t); now-memory > rounds*size/2 {
		t.Errorf("%d bytes, %d before", now, memory)
	}
}
