package eventsource_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

// serverURL is where the project's test server listens; what it answers is in tests/support/server/src/routes.rs.
var serverURL = flag.String("server", "", "URL of the test server")

func TestMain(m *testing.M) {
	flag.Parse()
	if *serverURL == "" {
		fmt.Fprintln(os.Stderr, "run as: test-server --run -- go test . -args -server {url}")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

var reconnect = eventsource.WithReconnect

// open opens a stream that the test's end closes.
func open(t testing.TB, route string, options ...eventsource.Option) *eventsource.Stream {
	t.Helper()
	return openURL(t, *serverURL+route, options...)
}

func openURL(t testing.TB, url string, options ...eventsource.Option) *eventsource.Stream {
	t.Helper()
	stream, err := eventsource.Open(context.Background(), url, options...)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	t.Cleanup(func() { stream.Close() })
	return stream
}

// Handlers that care for neither their context nor their stream.

func onOpen(handler func(eventsource.Response)) eventsource.Option {
	return eventsource.WithOpenHandler(
		func(_ context.Context, _ *eventsource.Stream, response eventsource.Response) { handler(response) })
}

func onComment(handler func(string)) eventsource.Option {
	return eventsource.WithCommentHandler(func(_ context.Context, _ *eventsource.Stream, text string) { handler(text) })
}

func onError(handler func(*eventsource.Error) eventsource.Decision) eventsource.Option {
	return eventsource.WithErrorHandler(
		func(_ context.Context, _ *eventsource.Stream, err *eventsource.Error) eventsource.Decision {
			return handler(err)
		})
}

func onRequest(handler func(*eventsource.Request) error) eventsource.Option {
	return eventsource.WithRequestHandler(
		func(_ context.Context, _ *eventsource.Stream, request *eventsource.Request) error {
			return handler(request)
		})
}

func TestEventsComeInOrderOverReconnects(t *testing.T) {
	stream := open(t, "/events?count=9&per_connection=3&retry=1&then=204")
	next := 1
	for event := range stream.Events() {
		if id, err := strconv.Atoi(event.LastEventID); err != nil || id != next {
			t.Fatalf("event %d has id %q", next, event.LastEventID)
		}
		next++
	}
	if err := stream.Err(); next != 10 || err != nil {
		t.Fatalf("%d events, %v", next-1, err)
	}
	if stats := stream.Stats(); stats.Events != 9 || stats.Opens != 3 || stream.LastEventID() != "9" {
		t.Errorf("%+v, last event id %q", stats, stream.LastEventID())
	}
}

func TestAnEventHasTypeDataAndID(t *testing.T) {
	stream := open(t, "/big?bytes=100000")
	event := <-stream.Events()
	if event.Type != "message" || len(event.Data) != 100000 {
		t.Errorf("type %q, %d bytes of data", event.Type, len(event.Data))
	}
}

func TestAHundredThousandEventsComeThroughTheBatchCallback(t *testing.T) {
	const count, size = 100_000, 20
	stream := open(t, fmt.Sprintf("/blast?bytes=%d&size=%d", count*size, size))
	for i := 0; i < count; i++ {
		if event := <-stream.Events(); len(event.Data) != size {
			t.Fatalf("event %d: %+v, %v", i, event, stream.Err())
		}
	}
}

func TestTheContextEndsAStreamThatIsSilent(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := eventsource.Open(ctx, *serverURL+"/hang-body")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := <-stream.Events(); !ok {
		t.Fatal("no event")
	}
	cancel()
	if event, ok := <-stream.Events(); ok {
		t.Errorf("after the end: %+v", event)
	}
	if err := stream.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
}

func TestTheContextEndsOpen(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	stream, err := eventsource.Open(ctx, *serverURL+"/hang")
	if stream != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", stream, err)
	}
	stream, err = eventsource.Open(ctx, *serverURL+"/events")
	if stream != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after its end: %v, %v", stream, err)
	}
}

func TestTheContextMayEndInAHandler(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := eventsource.Open(ctx, *serverURL+"/events?count=1000000",
		onOpen(func(eventsource.Response) { cancel() }))
	if err == nil {
		for range stream.Events() {
		}
		err = stream.Err()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
}

// received is how many bytes have come when no more come.
func received(stream *eventsource.Stream) uint64 {
	const enough = 64 << 20
	var before uint64
	for calm := 0; calm < 10 && before < enough; {
		time.Sleep(20 * time.Millisecond)
		if now := stream.Stats().Bytes; now == before && now > 0 {
			calm++
		} else {
			before, calm = now, 0
		}
	}
	return before
}

func TestWhatIsNotReadMakesTheServerWait(t *testing.T) {
	const wanted = 256 << 20
	stream := open(t, fmt.Sprintf("/blast?bytes=%d&size=1000", wanted))
	if taken := received(stream); taken > 16<<20 {
		t.Errorf("%d bytes were taken, nobody read them", taken)
	}
	// Goes on when somebody reads.
	for i := 0; i < 10_000; i++ {
		if _, ok := <-stream.Events(); !ok {
			t.Fatalf("ended by %v", stream.Err())
		}
	}
}

func TestTheContextEndsAStreamThatIsNotRead(t *testing.T) {
	stream := open(t, "/blast?bytes=1000000000")
	received(stream)
	begin := time.Now()
	stream.Close()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("that took %v", took)
	}
	if err := stream.Err(); err != nil {
		t.Errorf("closed, but %v", err)
	}
}

func TestAFinalAnswerIsATypedErrorOfOpen(t *testing.T) {
	_, err := eventsource.Open(context.Background(), *serverURL+"/status/404?header=X-Why:gone&body=nothing+here")
	var detail *eventsource.Error
	if !errors.Is(err, eventsource.ErrHTTPStatus) || !errors.As(err, &detail) {
		t.Fatal(err)
	}
	if detail.StatusCode != 404 || detail.Header.Get("X-Why") != "gone" || !strings.HasPrefix(detail.Body, "nothing") ||
		detail.WillRetry || detail.Attempt != 1 || detail.Timeout() || !strings.Contains(detail.Error(), "404") {
		t.Errorf("%+v", detail)
	}
}

func TestTheSystemsErrorIsWithinTheError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	listener.Close()
	_, err = eventsource.Open(context.Background(), nobody)
	if !errors.Is(err, eventsource.ErrConnect) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
}

func TestATimeoutIsATimeout(t *testing.T) {
	stream := open(t, "/hang-body", eventsource.WithReadTimeout(50*time.Millisecond),
		eventsource.WithMode(eventsource.ModeOnce))
	for range stream.Events() {
	}
	var timeout interface{ Timeout() bool }
	if err := stream.Err(); !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, eventsource.ErrReadTimeout) {
		t.Error(err)
	}
}

func TestWhatTheOptionsSayReachesTheServer(t *testing.T) {
	stream := open(t, "/echo",
		eventsource.WithMethod("POST"),
		eventsource.WithBody([]byte("a question")),
		eventsource.WithHeader("X-One", "1"),
		eventsource.WithAddedHeader("X-Two", "a"),
		eventsource.WithAddedHeader("X-Two", "b"),
		eventsource.WithSensitiveHeader("X-Secret", "s"),
		eventsource.WithBasicAuth("user", "päss"),
		eventsource.WithLastEventID("41"))
	var request struct {
		Method, Body string
		Headers      [][2]string
	}
	if err := json.Unmarshal([]byte((<-stream.Events()).Data), &request); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, field := range request.Headers {
		name := strings.ToLower(field[0])
		got[name] += field[1] + ";"
	}
	if request.Method != "POST" || request.Body != "a question" || got["x-one"] != "1;" || got["x-two"] != "a;b;" ||
		got["x-secret"] != "s;" || got["authorization"] != "Basic dXNlcjpww6Rzcw==;" || got["last-event-id"] != "41;" {
		t.Errorf("%+v", request)
	}
}

func TestAPostIsReconnectedWithAGet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(response, "retry: 1\ndata: %s %q\n\n", request.Method, request.Header.Get("Accept-Encoding"))
	}))
	t.Cleanup(server.Close)
	stream := openURL(t, server.URL, eventsource.WithMethod("POST"), eventsource.WithReconnectWithGet(), eventsource.WithCompression())
	for _, method := range []string{"POST", "GET"} {
		if event := <-stream.Events(); !strings.HasPrefix(event.Data, method+" ") || !strings.Contains(event.Data, "gzip") {
			t.Errorf("%q, not a %s", event.Data, method)
		}
	}
}

func TestOtherOptionsDoWhatTheySay(t *testing.T) {
	for route, options := range map[string][]eventsource.Option{
		"/type":          {eventsource.WithAnyContentType()},
		"/big?bytes=100": {eventsource.WithMaxEventSize(1000), eventsource.WithConnectTimeout(0), eventsource.WithReadTimeout(0)},
		"/events":        {eventsource.WithBuffer(1), eventsource.WithMaxRedirects(0)},
	} {
		if _, ok := <-open(t, route, options...).Events(); !ok {
			t.Errorf("%s: no event", route)
		}
	}
	once := eventsource.WithMode(eventsource.ModeOnce)
	for route, test := range map[string]struct {
		option eventsource.Option
		code   eventsource.Code
	}{
		"/big?bytes=1000":      {eventsource.WithMaxEventSize(100), eventsource.ErrEventTooLarge},
		"/redirect?to=/events": {eventsource.WithMaxRedirects(0), eventsource.ErrTooManyRedirects},
	} {
		stream, err := eventsource.Open(context.Background(), *serverURL+route, test.option, once)
		if err == nil {
			for range stream.Events() {
			}
			err = stream.Err()
		}
		if !errors.Is(err, test.code) {
			t.Errorf("%s: %v", route, err)
		}
	}
}

// oneEvent is a server's answer, whose event says how the server was asked.
func oneEvent(response http.ResponseWriter, request *http.Request) {
	response.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(response, "data: %s %s\n\n", request.Host, request.RequestURI)
}

func TestTheWayToTheServerCanBeSet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(oneEvent))
	defer server.Close()
	host, port, _ := net.SplitHostPort(server.Listener.Addr().String())

	path := filepath.Join(t.TempDir(), "socket")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	go http.Serve(socket, http.HandlerFunc(oneEvent))
	defer socket.Close()

	nobody := "http://127.0.0.1:1"
	for name, test := range map[string]struct {
		url     string
		options []eventsource.Option
		event   string
	}{
		"proxy": {"http://a.test/x", []eventsource.Option{
			eventsource.WithProxy(server.URL), eventsource.WithNoProxy("")}, "a.test http://a.test/x"},
		"no proxy": {server.URL + "/x", []eventsource.Option{
			eventsource.WithProxy(nobody), eventsource.WithNoProxy(host)}, host + ":" + port + " /x"},
		"socket": {"http://b.test/x", []eventsource.Option{
			eventsource.WithUnixSocket(path)}, "b.test /x"},
		"address": {"http://c.test:" + port + "/x", []eventsource.Option{
			eventsource.WithProxy(""), eventsource.WithResolve("c.test:" + port + ":" + host)}, "c.test:" + port + " /x"},
	} {
		stream, err := eventsource.Open(context.Background(), test.url, test.options...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if event := <-stream.Events(); event.Data != test.event {
			t.Errorf("%s: %q", name, event.Data)
		}
		stream.Close()
	}
}

func TestConnectionsComeFromTheInterfaceThatIsSet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/event-stream")
		host, _, _ := net.SplitHostPort(request.RemoteAddr)
		fmt.Fprintf(response, "data: %s\n\n", host)
	}))
	defer server.Close()
	// Linux has all of 127.0.0.0/8.
	if runtime.GOOS != "linux" {
		t.Skip("one address of the loopback only")
	}
	stream, err := eventsource.Open(context.Background(), server.URL, eventsource.WithInterface("127.0.0.2"))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if event := <-stream.Events(); event.Data != "127.0.0.2" {
		t.Error(event.Data)
	}
}

func TestHandlersAreTold(t *testing.T) {
	var opened eventsource.Response
	var comment string
	var request *eventsource.Request
	stream := open(t, "/status/404",
		onRequest(func(r *eventsource.Request) error {
			request = r
			if r.Attempt != 1 || r.Cause != 0 || r.URL != *serverURL+"/status/404" {
				t.Errorf("%+v", r)
			}
			err := r.SetURL(*serverURL + "/events?comment=hello&count=1&then=204")
			if err == nil {
				err = r.SetHeader("X-One", "1")
			}
			if err != nil {
				t.Error(err)
			}
			return r.SetBody(nil)
		}),
		onOpen(func(response eventsource.Response) { opened = response }),
		onComment(func(text string) { comment = text }),
		onError(func(_ *eventsource.Error) eventsource.Decision { return eventsource.Stop }))
	for range stream.Events() {
	}
	if "http://"+opened.Peer != *serverURL || opened.TLSVersion != 0 || opened.Reused || opened.Resolve >= 0 || opened.Connect < 0 ||
		opened.TLS >= 0 || opened.Head < 0 {
		t.Errorf("of the connection was told %+v", opened)
	}
	if opened.StatusCode != 200 || opened.ProtoMajor != 1 || opened.ProtoMinor != 1 || !strings.Contains(opened.URL, "/events?") ||
		opened.Header.Get("Content-Type") == "" {
		t.Errorf("%+v", opened)
	}
	if comment != "hello" {
		t.Errorf("comment %q", comment)
	}
	if err := request.SetURL(*serverURL); !errors.Is(err, eventsource.ErrState) {
		t.Errorf("after the handler: %v", err)
	}
	if err := stream.Err(); !errors.Is(err, eventsource.ErrEndOfStream) {
		t.Errorf("stopped by the handler, but %v", err)
	}
}

func TestAnErrorHandlerChoosesTheDelay(t *testing.T) {
	var kept *eventsource.Error
	stream := open(t, "/events?per_connection=1",
		reconnect(func(policy *eventsource.Reconnect) { policy.Delay, policy.MaxDelay = time.Hour, time.Hour }),
		onError(func(err *eventsource.Error) eventsource.Decision {
			if refused := err.SetDelay(time.Millisecond); refused != nil {
				t.Error(refused)
			}
			kept = err
			return eventsource.Default
		}))
	<-stream.Events()
	<-stream.Events()
	stream.Close()
	if err := kept.SetDelay(time.Millisecond); !errors.Is(err, eventsource.ErrState) {
		t.Errorf("%v", err)
	}
}

func TestARequestIsMadeOnceUnlessItIsAGet(t *testing.T) {
	for method, events := range map[string]int{"GET": 4, "POST": 2} {
		stream := open(t, "/events?count=4&per_connection=2&then=204", eventsource.WithMethod(method),
			reconnect(func(policy *eventsource.Reconnect) { policy.Delay = time.Millisecond }))
		count := 0
		for range stream.Events() {
			count++
		}
		if err := stream.Err(); count != events || err != nil {
			t.Errorf("%s: %d events, %v", method, count, err)
		}
	}
}

func TestAnErrorHandlerCanTryAgain(t *testing.T) {
	var errorsSeen int32
	_, err := eventsource.Open(context.Background(), *serverURL+"/status/404",
		reconnect(func(policy *eventsource.Reconnect) { policy.Delay = time.Millisecond }),
		onError(func(_ *eventsource.Error) eventsource.Decision {
			if atomic.AddInt32(&errorsSeen, 1) < 3 {
				return eventsource.TryAgain
			}
			return eventsource.Default
		}))
	if !errors.Is(err, eventsource.ErrHTTPStatus) || errorsSeen != 3 {
		t.Errorf("%v after %d errors", err, errorsSeen)
	}
}

func TestTheFirstAttemptIsRetriedWhereThePolicySaysSo(t *testing.T) {
	var attempts []int64
	_, err := eventsource.Open(context.Background(), *serverURL+"/status/503",
		reconnect(func(policy *eventsource.Reconnect) {
			*policy = eventsource.Reconnect{
				RetryInitial: true, Delay: time.Millisecond, MaxDelay: time.Millisecond, Factor: 1, MaxAttempts: 3,
				MinDelay: time.Millisecond, MaxServerDelay: time.Millisecond}
		}),
		onError(func(err *eventsource.Error) eventsource.Decision {
			attempts = append(attempts, err.Attempt)
			if last := err.Attempt == 3; err.WillRetry == last || err.Delay != time.Millisecond && !last {
				t.Errorf("%+v", err)
			}
			return eventsource.Default
		}))
	if !errors.Is(err, eventsource.ErrHTTPStatus) || len(attempts) != 3 {
		t.Errorf("%v after %v", err, attempts)
	}
}

// A server whose certificate nobody has signed, with HTTP/2.
func startTLS(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestACertificateOfNobodyIsRefusedUnlessNoneIsVerified(t *testing.T) {
	server := startTLS(t, oneEvent)
	_, err := eventsource.Open(context.Background(), server.URL)
	if !errors.Is(err, eventsource.ErrCertificate) {
		t.Error(err)
	}
	stream, err := eventsource.Open(context.Background(), server.URL, eventsource.WithInsecureSkipVerification())
	if err != nil {
		t.Fatal(err)
	}
	stream.Close()
}

func TestTheKeyOfAServerCanBePinned(t *testing.T) {
	server := startTLS(t, oneEvent)
	key := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	for pin, want := range map[string]error{
		"sha256//" + base64.StdEncoding.EncodeToString(key[:]):           nil,
		"sha256//" + base64.StdEncoding.EncodeToString(make([]byte, 32)): eventsource.ErrCertificate,
	} {
		stream, err := eventsource.Open(context.Background(), server.URL,
			eventsource.WithInsecureSkipVerification(), eventsource.WithPinnedKeys(pin))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", pin, err)
		}
		if stream != nil {
			stream.Close()
		}
	}
}

func TestTheVersionsOfHTTPAndTLSCanBeSet(t *testing.T) {
	server := startTLS(t, func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(response, "data: %d %x %s\n\n", request.ProtoMajor, request.TLS.Version, request.TLS.ServerName)
	})
	for want, options := range map[string][]eventsource.Option{
		"2 304 ":       {eventsource.WithHTTPVersion(eventsource.HTTPDefault)},
		"1 304 ":       {eventsource.WithHTTPVersion(eventsource.HTTP1), eventsource.WithMinTLSVersion(tls.VersionTLS13)},
		"2 304 a.test": {eventsource.WithServerName("a.test"), eventsource.WithMinTLSVersion(tls.VersionTLS12)},
	} {
		stream := openURL(t, server.URL, append(options, eventsource.WithInsecureSkipVerification())...)
		if event := <-stream.Events(); event.Data != want {
			t.Errorf("%q, not %q", event.Data, want)
		}
	}
}

func TestReconnectingNow(t *testing.T) {
	stream := open(t, "/hang-body")
	for i := 0; i < 3; i++ {
		if _, ok := <-stream.Events(); !ok {
			t.Fatal(stream.Err())
		}
		if err := stream.ReconnectNow(); err != nil {
			t.Fatal(err)
		}
	}
	stream.Close()
	if err := stream.ReconnectNow(); !errors.Is(err, eventsource.ErrState) {
		t.Errorf("after the end: %v", err)
	}
	if stats := stream.Stats(); stats.Attempts < 3 || stats.Open >= 0 {
		t.Errorf("after the end: %+v", stats)
	}
}

func TestAnybodyMayCallAtTheSameTime(t *testing.T) {
	var workers sync.WaitGroup
	for i := 0; i < 20; i++ {
		stream := open(t, "/events?count=1000000&per_connection=500&retry=1")
		for j := 0; j < 3; j++ {
			workers.Add(1)
			go func(worker int) {
				defer workers.Done()
				for range stream.Events() {
					stream.Stats()
					stream.LastEventID()
					if worker == 0 && stream.Stats().Events > 2000 {
						stream.Close()
					}
				}
				stream.Close()
			}(j)
		}
	}
	workers.Wait()
}

func TestAStreamThatIsReadOnceEndsWithTheServers(t *testing.T) {
	stream := open(t, "/events?count=6&per_connection=3",
		eventsource.WithMode(eventsource.ModeUntilEnd))
	events := 0
	for range stream.Events() {
		events++
	}
	if err := stream.Err(); events != 3 || err != nil {
		t.Errorf("%d events, %v", events, err)
	}
}

func TestARequestHandlerChangesHeadersOfItsAttemptOnly(t *testing.T) {
	attempts := 0
	stream := open(t, "/echo",
		eventsource.WithHeader("X-Dropped", "d"),
		onRequest(func(r *eventsource.Request) error {
			if attempts++; attempts > 1 {
				return nil
			}
			for _, err := range []error{
				r.AddHeader("X-Many", "1"), r.AddHeader("X-Many", "2"), r.RemoveHeader("x-dropped"),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		}))
	first := <-stream.Events()
	if err := stream.ReconnectNow(); err != nil {
		t.Fatal(err)
	}
	second := <-stream.Events()
	many, dropped := `["x-many","1"],["x-many","2"]`, `["x-dropped","d"]`
	if data := strings.ToLower(first.Data); !strings.Contains(data, many) || strings.Contains(data, dropped) {
		t.Error(data)
	}
	if data := strings.ToLower(second.Data); strings.Contains(data, many) || !strings.Contains(data, dropped) {
		t.Error(data)
	}
}

func TestARequestWhoseChangeWasRefusedIsNotSent(t *testing.T) {
	for _, change := range []struct {
		code eventsource.Code
		make func(*eventsource.Request) error
	}{
		{eventsource.ErrMethod, func(r *eventsource.Request) error { return r.SetMethod("CONNECT") }},
		{eventsource.ErrHeader, func(r *eventsource.Request) error { return r.SetSensitiveHeader("X One", "1") }},
		{eventsource.ErrHeader, func(r *eventsource.Request) error { return r.SetHeader("Content-Length", "1") }},
		{eventsource.ErrHeader, func(r *eventsource.Request) error { return r.SetHeader("X-One", "a\x00b") }},
		{eventsource.ErrHeader, func(r *eventsource.Request) error { return r.RemoveHeader("a b") }},
		{eventsource.ErrValue, func(r *eventsource.Request) error { return r.SetBasicAuth("user:", "password") }},
		{eventsource.ErrValue, func(r *eventsource.Request) error { return r.SetBasicAuth("user", "\x00") }},
		{eventsource.ErrMethod, func(r *eventsource.Request) error { return r.SetMethod("GET\x00") }},
		{eventsource.ErrURL, func(r *eventsource.Request) error { return r.SetURL("http://127.0.0.1/\x00") }},
	} {
		_, err := eventsource.Open(context.Background(), *serverURL+"/echo",
			onRequest(func(r *eventsource.Request) error {
				if err := change.make(r); !errors.Is(err, change.code) {
					t.Error(err)
				}
				return nil
			}))
		if !errors.Is(err, eventsource.ErrRequest) {
			t.Error(err)
		}
	}
}

func TestTheLogTellsOfStreams(t *testing.T) {
	var mu sync.Mutex
	told := []eventsource.LogRecord{}
	err := eventsource.SetLogHandler(eventsource.LogInfo, func(record eventsource.LogRecord) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, record)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := eventsource.SetLogHandler(9, func(eventsource.LogRecord) {}); !errors.Is(err, eventsource.ErrValue) {
		t.Error(err)
	}
	stream := open(t, "/hang-body")
	number := stream.Number()
	stream.Close()
	if err := eventsource.SetLogHandler(eventsource.LogOff, nil); err != nil {
		t.Error(err)
	}
	opened := eventsource.LogRecord{
		Level: eventsource.LogInfo, Kind: eventsource.LogOpened, Client: number, Attempt: 1, Origin: *serverURL, Text: "open",
	}
	if len(told) == 0 || told[0] != opened || number == 0 {
		t.Errorf("%+v", told)
	}
	// Nobody is left to be called.
	count := len(told)
	open(t, "/hang-body").Close()
	if len(told) != count {
		t.Errorf("%v", told)
	}
}

func TestTheLibraryTellsWhatItWasBuiltWith(t *testing.T) {
	if !eventsource.HasFeature("tls") || eventsource.HasFeature("carrier pigeons") {
		t.Error("it has TLS, and nothing else that it does not know")
	}
}

func TestTheVersionIsTheLibrarys(t *testing.T) {
	if version := eventsource.Version(); strings.Count(version, ".") != 2 {
		t.Errorf("%q", version)
	}
}
