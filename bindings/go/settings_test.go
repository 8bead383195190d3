package eventsource_test

// What each option and each change of a request does, as the other side sees it. tests/packaging/bindings/go-faults.txt names
// faults that these tests must notice.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	eventsource "libeventsource.invalid/libeventsource/bindings/go"
)

// How long what a test waits for may take; less where it is meant not to come.
func limit() time.Duration {
	if seconds, err := strconv.Atoi(os.Getenv("CHECK_SECONDS")); err == nil {
		return time.Duration(seconds) * time.Second
	}
	return 30 * time.Second
}

// outcome is what comes first of a stream: the data of an event, or an error.
func outcome(url string, options ...eventsource.Option) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit())
	defer cancel()
	stream, err := eventsource.Open(ctx, url, options...)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	select {
	case event, ok := <-stream.Events():
		if !ok {
			return "", stream.Err()
		}
		return event.Data, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// wantError fails a test unless this is what comes first.
func wantError(t *testing.T, want error, url string, options ...eventsource.Option) {
	t.Helper()
	if data, err := outcome(url, options...); !errors.Is(err, want) {
		t.Errorf("%q, %v; not %v", data, err, want)
	}
}

func wantEvent(t *testing.T, url string, options ...eventsource.Option) string {
	t.Helper()
	data, err := outcome(url, options...)
	if err != nil {
		t.Errorf("no event: %v", err)
	}
	return data
}

// What the test server says of a request at /echo; headers of one name are separated by semicolons.
type echo struct {
	Method, Target, Body string
	headers              map[string]string
}

func echoOf(t *testing.T, url string, options ...eventsource.Option) echo {
	t.Helper()
	var got struct {
		echo
		Headers [][2]string
	}
	if err := json.Unmarshal([]byte(wantEvent(t, url, options...)), &got); err != nil {
		t.Error(err)
	}
	got.headers = map[string]string{}
	for _, field := range got.Headers {
		name := strings.ToLower(field[0])
		if got.headers[name] != "" {
			got.headers[name] += ";"
		}
		got.headers[name] += field[1]
	}
	return got.echo
}

func want(t *testing.T, what, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: %q, not %q", what, got, wanted)
	}
}

// ---- the request

func TestTheRequestIsWhatWasSet(t *testing.T) {
	got := echoOf(t, *serverURL+"/echo",
		eventsource.WithMethod("REPORT"), eventsource.WithBody([]byte("the body")),
		eventsource.WithBasicAuth("user", "password"), eventsource.WithLastEventID("41"),
		eventsource.WithHeader("X-Name", "wrong"), eventsource.WithHeader("X-Name", "value"),
		eventsource.WithAddedHeader("X-Name", "another"), eventsource.WithSensitiveHeader("X-Key", "secret"))
	want(t, "method", got.Method, "REPORT")
	want(t, "body", got.Body, "the body")
	want(t, "authorization", got.headers["authorization"], "Basic dXNlcjpwYXNzd29yZA==")
	want(t, "last event id", got.headers["last-event-id"], "41")
	want(t, "headers", got.headers["x-name"], "value;another")
	want(t, "sensitive header", got.headers["x-key"], "secret")
	want(t, "codings", got.headers["accept-encoding"], "")
}

func TestCookiesAreThoseOfTheJar(t *testing.T) {
	const cookie = "127.0.0.1\tFALSE\t/\tFALSE\t0\tkept\tbefore\n"
	jar, err := eventsource.NewCookies()
	if err != nil {
		t.Fatal(err)
	}
	if err := jar.Add(cookie); err != nil {
		t.Fatal(err)
	}
	if err := jar.Add("nonsense"); !errors.Is(err, eventsource.ErrValue) {
		t.Error(err)
	}
	if !strings.Contains(jar.Text(), cookie) {
		t.Error(jar.Text())
	}
	with := echoOf(t, *serverURL+"/echo", eventsource.WithCookies(jar))
	want(t, "cookie", with.headers["cookie"], "kept=before")
	want(t, "no cookie", echoOf(t, *serverURL+"/echo").headers["cookie"], "")
}

func TestAHeaderThatWasRemovedIsNotSent(t *testing.T) {
	got := echoOf(t, *serverURL+"/echo", eventsource.WithHeader("X-Name", "value"), eventsource.WithoutHeader("x-name"),
		eventsource.WithoutHeader("Accept"))
	want(t, "header", got.headers["x-name"], "")
	want(t, "the library's header", got.headers["accept"], "")
}

func TestATokenIsAskedForBeforeEachAttempt(t *testing.T) {
	tokens := 0
	data := wantEvent(t, *serverURL+"/events?token=second", eventsource.WithTokenSource(
		func(context.Context) (string, error) {
			tokens++
			return [...]string{"first", "second"}[tokens-1], nil
		}))
	if data == "" || tokens != 2 {
		t.Errorf("%q after %d tokens", data, tokens)
	}
}

func TestNoBodyIsNone(t *testing.T) {
	got := echoOf(t, *serverURL+"/echo", eventsource.WithBody([]byte("the body")), eventsource.WithBody(nil))
	want(t, "body", got.Body, "")
}

func TestTheRequestOfOneAttemptIsWhatWasSet(t *testing.T) {
	got := echoOf(t, "http://127.0.0.1:1/", eventsource.WithHeader("X-Gone", "gone"),
		eventsource.WithBody([]byte("old")),
		onRequest(func(r *eventsource.Request) error {
			want(t, "method before", r.Method(), "GET")
			want(t, "body before", string(r.Body()), "old")
			want(t, "header before", r.Header().Get("X-Gone")+r.Header().Get("Accept"), "gonetext/event-stream")
			for _, err := range []error{
				r.SetURL(*serverURL + "/echo"), r.SetMethod("REPORT"), r.SetBody([]byte("the body")),
				r.SetHeader("X-Name", "wrong"), r.SetHeader("X-Name", "value"), r.AddHeader("X-Name", "another"),
				r.RemoveHeader("X-Gone"), r.SetBasicAuth("user", "password"),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		}))
	want(t, "method", got.Method, "REPORT")
	want(t, "body", got.Body, "the body")
	want(t, "headers", got.headers["x-name"], "value;another")
	want(t, "removed header", got.headers["x-gone"], "")
	want(t, "authorization", got.headers["authorization"], "Basic dXNlcjpwYXNzd29yZA==")
}

func TestARequestIsGoneWhenItsHandlerHasReturned(t *testing.T) {
	var kept *eventsource.Request
	wantEvent(t, *serverURL+"/echo", onRequest(func(r *eventsource.Request) error {
		kept = r
		return nil
	}))
	if kept.Method() != "" || len(kept.Header()) != 0 || kept.Body() != nil || kept.SetMethod("GET") == nil {
		t.Error("it can still be read or changed")
	}
}

func TestASecretIsNotSentToAnotherOrigin(t *testing.T) {
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(*serverURL, "http://"))
	url := *serverURL + "/redirect?to=http://localhost:" + port + "/echo"
	got := echoOf(t, url, eventsource.WithHeader("X-Name", "value"), eventsource.WithAddedHeader("X-Other", "value"),
		eventsource.WithSensitiveHeader("X-Key", "secret"),
		onRequest(func(r *eventsource.Request) error {
			r.SetHeader("X-Third", "value")
			r.AddHeader("X-Fourth", "value")
			return r.SetSensitiveHeader("X-Token", "secret")
		}))
	for _, name := range []string{"x-name", "x-other", "x-third", "x-fourth"} {
		want(t, name, got.headers[name], "value")
	}
	for _, name := range []string{"x-key", "x-token"} {
		want(t, name, got.headers[name], "")
	}
}

func TestCompressionIsAskedFor(t *testing.T) {
	got := echoOf(t, *serverURL+"/echo", eventsource.WithCompression())
	want(t, "codings", got.headers["accept-encoding"], "gzip, deflate, br, zstd")
}

func TestAStreamIsReconnectedAsWasSet(t *testing.T) {
	for method, options := range map[string][]eventsource.Option{
		"GET":  {eventsource.WithReconnectWithGet()},
		"POST": {eventsource.WithMode(eventsource.ModeKeepAlive)},
	} {
		attempts := 0
		options = append(options, eventsource.WithMethod("POST"), atOnce(), onRequest(func(r *eventsource.Request) error {
			if attempts++; attempts > 1 {
				return r.SetURL(*serverURL + "/echo")
			}
			return nil
		}))
		got := echoOf(t, *serverURL+"/status/200?header=Content-Type:text/event-stream&body=", options...)
		want(t, "method of the second request", got.Method, method)
	}
}

// atOnce is a policy without waits.
func atOnce() eventsource.Option {
	return reconnect(func(policy *eventsource.Reconnect) {
		policy.Delay, policy.MinDelay, policy.Jitter = time.Millisecond, time.Millisecond, 0
	})
}

// ---- the stream

func TestLimitsAreThoseThatWereSet(t *testing.T) {
	redirect, big := *serverURL+"/redirect?to=/echo", *serverURL+"/big?bytes=2000"
	wantError(t, eventsource.ErrTooManyRedirects, redirect, eventsource.WithMaxRedirects(0))
	wantEvent(t, redirect, eventsource.WithMaxRedirects(1))
	once := eventsource.WithMode(eventsource.ModeOnce)
	wantError(t, eventsource.ErrEventTooLarge, big, eventsource.WithMaxEventSize(1999), once)
	wantEvent(t, big, eventsource.WithMaxEventSize(2100), once)
	wantError(t, eventsource.ErrContentType, *serverURL+"/type?value=text/html")
	wantEvent(t, *serverURL+"/type?value=text/html", eventsource.WithAnyContentType())
}

func TestEachTimeoutIsItsOwn(t *testing.T) {
	short := 50 * time.Millisecond
	wantError(t, eventsource.ErrResponseTimeout, *serverURL+"/hang", eventsource.WithResponseTimeout(short))
	wantError(t, eventsource.ErrReadTimeout, *serverURL+"/hang", eventsource.WithReadTimeout(short))
	wantError(t, eventsource.ErrEventTimeout, *serverURL+"/events?count=0&comment=alive", eventsource.WithEventTimeout(short),
		eventsource.WithMode(eventsource.ModeOnce))
	silent, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	begin := time.Now()
	wantError(t, eventsource.ErrConnectTimeout, "https://"+silent.Addr().String(), eventsource.WithConnectTimeout(short))
	if time.Since(begin) >= 10*time.Second { // what it is without the option, on any machine
		t.Error("connecting was not given up before")
	}
}

func TestARedirectIsFollowedAsTheHandlerSays(t *testing.T) {
	to := strings.Replace(*serverURL, "127.0.0.1", "localhost", 1) + "/echo"
	for decision, gets := range map[eventsource.RedirectDecision]bool{
		eventsource.Follow: false, eventsource.FollowWithCredentials: true} {
		got := echoOf(t, *serverURL+"/redirect?to="+to, eventsource.WithSensitiveHeader("X-Key", "secret"),
			eventsource.WithRedirectHandler(func(_ context.Context, _ *eventsource.Stream, r eventsource.Redirect) eventsource.RedirectDecision {
				if r.StatusCode != 302 || r.To != to || r.From != *serverURL+"/redirect?to="+to || !r.DropsCredentials || r.DropsBody {
					t.Errorf("%+v", r)
				}
				return decision
			}))
		if (got.headers["x-key"] == "secret") != gets {
			t.Errorf("%d: %v", decision, got.headers)
		}
	}
	refuse := func(context.Context, *eventsource.Stream, eventsource.Redirect) eventsource.RedirectDecision {
		return eventsource.Refuse
	}
	wantError(t, eventsource.ErrRedirect, *serverURL+"/redirect?to=/echo", eventsource.WithRedirectHandler(refuse))
}

func TestADocumentIsAResult(t *testing.T) {
	var got eventsource.Document
	stream, err := eventsource.Open(context.Background(), *serverURL+"/status/200?body={}&header=Content-Type:application/json",
		eventsource.WithDocumentHandler(func(_ context.Context, _ *eventsource.Stream, document eventsource.Document) { got = document }))
	if err != nil {
		t.Fatal(err)
	}
	for event := range stream.Events() {
		t.Error(event)
	}
	if err := stream.Err(); err != nil || string(got.Body) != "{}" || got.Response.StatusCode != 200 {
		t.Error(err, got)
	}
}

func TestAnEndMarkerTellsACompleteStreamFromOneThatWasCut(t *testing.T) {
	for target, want := range map[string]error{"/events?count=3": nil, "/events?count=3&per_connection=1": eventsource.ErrEndOfStream} {
		stream, err := eventsource.Open(context.Background(), *serverURL+target, eventsource.WithEndMarker("event 2"),
			eventsource.WithMode(eventsource.ModeOnce))
		if err != nil {
			t.Fatal(err)
		}
		read := ""
		for event := range stream.Events() {
			read += event.Data
		}
		if err := stream.Err(); read != "event 1" || !errors.Is(err, want) {
			t.Errorf("%s: %q, %v", target, read, err)
		}
	}
}

func TestTheBodyOfAnErrorIsAsLongAsIsSet(t *testing.T) {
	_, err := outcome(*serverURL+"/status/400?body=abcdef", eventsource.WithMaxErrorBody(3))
	var failure *eventsource.Error
	if !errors.As(err, &failure) || failure.Body != "abc" {
		t.Error(err)
	}
}

func TestTheModeIsThatWhichWasSet(t *testing.T) {
	for mode, events := range map[eventsource.Mode]int{eventsource.ModeUntilEnd: 2, eventsource.ModeKeepAlive: 4} {
		ctx, cancel := context.WithTimeout(context.Background(), limit())
		stream, err := eventsource.Open(ctx, *serverURL+"/events?count=4&per_connection=2&then=204",
			eventsource.WithMode(mode), atOnce())
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for range stream.Events() {
			count++
		}
		if err := stream.Err(); count != events || err != nil {
			t.Errorf("mode %d: %d events, %v", mode, count, err)
		}
		cancel()
	}
}

// delaysOf is what the error handler is told, of a stream that does not wait so long.
func delaysOf(t *testing.T, route string, change func(*eventsource.Reconnect)) []time.Duration {
	t.Helper()
	var delays []time.Duration
	ctx, cancel := context.WithTimeout(context.Background(), limit())
	defer cancel()
	stream, err := eventsource.Open(ctx, *serverURL+route,
		reconnect(func(policy *eventsource.Reconnect) {
			policy.Delay, policy.MaxDelay, policy.Jitter = time.Second, time.Hour, 0
			change(policy)
		}),
		onError(func(err *eventsource.Error) eventsource.Decision {
			delays = append(delays, err.Delay)
			err.SetDelay(0)
			if len(delays) == 20 {
				return eventsource.Stop
			}
			return eventsource.Default
		}))
	if err == nil {
		for range stream.Events() {
		}
		stream.Close()
	}
	if len(delays) == 0 {
		t.Fatal("no error was told")
	}
	return delays
}

func TestThePolicyIsThatWhichWasSet(t *testing.T) {
	const empty, cut = "/status/200?header=Content-Type:text/event-stream&body=", "/events?count=99&per_connection=1"
	delays := delaysOf(t, "/status/503", func(policy *eventsource.Reconnect) {
		policy.RetryInitial, policy.MaxAttempts = true, 5
		policy.Delay, policy.MaxDelay, policy.Factor = 2*time.Second, 50*time.Second, 3
	})
	want(t, "growth", fmt.Sprint(delays), "[2s 6s 18s 50s 0s]")
	delays = delaysOf(t, "/status/503", func(policy *eventsource.Reconnect) {})
	want(t, "a first failure", fmt.Sprint(delays), "[0s]")
	delays = delaysOf(t, empty, func(policy *eventsource.Reconnect) { policy.ResetAfter = 0 })
	want(t, "no growth", fmt.Sprint(delays[:3]), "[1s 1s 1s]")
	delays = delaysOf(t, empty, func(policy *eventsource.Reconnect) { policy.ResetAfter = time.Hour })
	want(t, "some growth", fmt.Sprint(delays[:3]), "[1s 2s 4s]")
	delays = delaysOf(t, cut+"&retry=1", func(policy *eventsource.Reconnect) { policy.MinDelay = 300 * time.Millisecond })
	want(t, "the floor", fmt.Sprint(delays[0]), "300ms")
	delays = delaysOf(t, cut+"&retry=9000000", func(policy *eventsource.Reconnect) {
		policy.MaxDelay, policy.MaxServerDelay = 2*time.Second, 2*time.Second
	})
	want(t, "the ceiling", fmt.Sprint(delays[0]), "2s")
	delays = delaysOf(t, cut, func(policy *eventsource.Reconnect) { policy.Jitter = 1 })
	spread := 0
	for _, delay := range delays {
		if delay < time.Second || delay > 2*time.Second {
			t.Errorf("with jitter: %v", delay)
		}
		if delay > 1500*time.Millisecond { // one in two: none of 20 is one in a million
			spread++
		}
	}
	if spread == 0 {
		t.Errorf("no jitter: %v", delays)
	}
}

func TestTheBufferIsThatWhichWasSet(t *testing.T) {
	taken := func(options ...eventsource.Option) uint64 {
		stream := open(t, "/blast?bytes=100000000", options...)
		defer stream.Close()
		return received(stream)
	}
	if little, much := taken(eventsource.WithBuffer(1)), taken(eventsource.WithBuffer(4<<20)); little > 1<<20 || much < 2<<20 {
		t.Errorf("%d bytes were taken with a buffer of 1 byte, %d with one of 4 MiB", little, much)
	}
}

// ---- the way

// It came as a proxy gets it.
func byProxy(t *testing.T, options ...eventsource.Option) bool {
	t.Helper()
	return strings.HasPrefix(echoOf(t, *serverURL+"/echo", options...).Target, "http://")
}

func TestProxiesAndExceptionsAreThoseThatWereSetOrNoneOrTheEnvironments(t *testing.T) {
	proxy, hosts := eventsource.WithProxy, eventsource.WithNoProxy
	if !byProxy(t, proxy(*serverURL)) {
		t.Error("not by the proxy that was set")
	}
	if byProxy(t, proxy(*serverURL), hosts("127.0.0.1")) {
		t.Error("by the proxy although the host is an exception")
	}
	t.Setenv("http_proxy", *serverURL)
	if !byProxy(t) {
		t.Error("not by the proxy of the environment")
	}
	if byProxy(t, proxy("")) {
		t.Error("by a proxy although none was set")
	}
	t.Setenv("no_proxy", "127.0.0.1")
	if byProxy(t) {
		t.Error("by the proxy although the host is an exception of the environment")
	}
	if !byProxy(t, hosts("")) {
		t.Error("not by the proxy although no exceptions were set")
	}
}

func TestTheAddressIsThatWhichWasSet(t *testing.T) {
	host := "settings.invalid" + (*serverURL)[strings.LastIndexByte(*serverURL, ':'):]
	got := echoOf(t, "http://"+host+"/echo", eventsource.WithResolve(host+":127.0.0.1"))
	want(t, "host", got.headers["host"], host)
}

func TestAddressesThatWereAddedAreTriedToo(t *testing.T) {
	host := "settings.invalid" + (*serverURL)[strings.LastIndexByte(*serverURL, ':'):]
	wantEvent(t, "http://"+host+"/echo", eventsource.WithResolve(host+":127.0.0.2"),
		eventsource.WithAddedResolve(host+":127.0.0.1"))
}

func TestTheUnixSocketIsThatWhichWasSet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	go http.Serve(socket, http.HandlerFunc(oneEvent))
	want(t, "event", wantEvent(t, "http://settings.invalid/x", eventsource.WithUnixSocket(path)), "settings.invalid /x")
}

// ---- TLS

// A certificate of an authority of its own, for localhost and for clients.
type identity struct {
	ca, certificate, key []byte // PEM
	pair                 tls.Certificate
	authorities          *x509.CertPool
}

func newIdentity(t *testing.T) identity {
	t.Helper()
	fatal := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	template := func(number int64) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(number), NotBefore: time.Now().Add(-time.Hour),
			NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(err)
	ca := template(1)
	ca.IsCA, ca.KeyUsage, ca.Subject.CommonName = true, x509.KeyUsageCertSign, "settings"
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	fatal(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(err)
	leaf := template(2)
	leaf.DNSNames, leaf.KeyUsage = []string{"localhost"}, x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	fatal(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	fatal(err)
	encode := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	made := identity{ca: encode("CERTIFICATE", caDER), certificate: encode("CERTIFICATE", leafDER),
		key: encode("PRIVATE KEY", keyDER), authorities: x509.NewCertPool()}
	made.pair, err = tls.X509KeyPair(made.certificate, made.key)
	fatal(err)
	made.authorities.AppendCertsFromPEM(made.ca)
	return made
}

// serve is a server that shows this certificate and wants one of its authority; it tells what a connection speaks. Its URL's
// host is localhost.
func (i identity) serve(t *testing.T, change func(*tls.Config)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(response, "data: %d %x %s\n\n", request.ProtoMajor, request.TLS.Version, request.TLS.ServerName)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{i.pair}, ClientCAs: i.authorities,
		ClientAuth: tls.RequireAndVerifyClientCert}
	change(server.TLS)
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

func TestTheCertificateOfTheClientIsShown(t *testing.T) {
	own := newIdentity(t)
	url := own.serve(t, func(*tls.Config) {})
	trust, both := eventsource.WithCAs(own.ca), append(append([]byte(nil), own.certificate...), own.key...)
	wantEvent(t, url, trust, eventsource.WithClientCertificate(own.certificate, own.key))
	wantEvent(t, url, trust, eventsource.WithClientCertificate(both, nil))
	folder := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wantEvent(t, url, trust, eventsource.WithClientCertificateFiles(file("pem", own.certificate), file("key", own.key)))
	wantEvent(t, url, trust, eventsource.WithClientCertificateFiles(file("both", both), ""))
	once := eventsource.WithMode(eventsource.ModeOnce)
	if data, err := outcome(url, trust, once); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q, %v without a certificate", data, err)
	}
}

func TestAuthoritiesAreThoseThatWereSet(t *testing.T) {
	own := newIdentity(t)
	url := own.serve(t, func(config *tls.Config) { config.ClientAuth = tls.NoClientCert })
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, own.ca, 0o600); err != nil {
		t.Fatal(err)
	}
	wantEvent(t, url, eventsource.WithCAs(own.ca))
	wantEvent(t, url, eventsource.WithCAFile(file))
	wantError(t, eventsource.ErrCertificate, url)
	wantError(t, eventsource.ErrCertificate, url, eventsource.WithCAs(own.ca), eventsource.WithCAs(nil))
	wantEvent(t, url, eventsource.WithInsecureSkipVerification())
	t.Setenv("SSL_CERT_FILE", file)
	wantEvent(t, url)
	wantError(t, eventsource.ErrCertificate, url, eventsource.WithExclusiveCAs())
}

func TestTheNameAndTheKeyOfTheServerAreThoseThatWereSet(t *testing.T) {
	own := newIdentity(t)
	url := strings.Replace(own.serve(t, func(config *tls.Config) { config.ClientAuth = tls.NoClientCert }),
		"localhost", "127.0.0.1", 1)
	trust, name := eventsource.WithCAs(own.ca), eventsource.WithServerName("localhost")
	wantError(t, eventsource.ErrCertificate, url, trust)
	wantEvent(t, url, trust, name)
	leaf, err := x509.ParseCertificate(own.pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pin := func(hash [32]byte) eventsource.Option {
		return eventsource.WithPinnedKeys("sha256//" + base64.StdEncoding.EncodeToString(hash[:]))
	}
	wantEvent(t, url, trust, name, pin(sha256.Sum256(leaf.RawSubjectPublicKeyInfo)))
	wantError(t, eventsource.ErrCertificate, url, trust, name, pin([32]byte{}))
}

// Go's server writes what it knows of the same connections, and is not ours.
func TestTheKeyLogHasTheSecretsThatTheServerHas(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		own := newIdentity(t)
		var servers strings.Builder
		url := own.serve(t, func(config *tls.Config) {
			config.ClientAuth, config.MaxVersion, config.KeyLogWriter = tls.NoClientCert, version, &servers
		})
		file := filepath.Join(t.TempDir(), "keys")
		wantEvent(t, url, eventsource.WithCAs(own.ca), eventsource.WithKeyLogFile(file))
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(servers.String()), "\n")
		for _, line := range lines {
			if line == "" || !strings.Contains(string(text), line+"\n") {
				t.Errorf("%q is not in %q", line, text)
			}
		}
	}
	wantError(t, eventsource.ErrValue, "https://localhost:1/", eventsource.WithKeyLogFile(filepath.Join(t.TempDir(), "no", "file")))
}

func TestVersionsAreThoseThatWereSet(t *testing.T) {
	own := newIdentity(t)
	trust := eventsource.WithCAs(own.ca)
	newer := own.serve(t, func(config *tls.Config) { config.ClientAuth = tls.NoClientCert })
	older := own.serve(t, func(config *tls.Config) {
		config.ClientAuth, config.MaxVersion = tls.NoClientCert, tls.VersionTLS12
	})
	want(t, "by default", wantEvent(t, newer, trust), "2 304 localhost")
	want(t, "HTTP/1.1", wantEvent(t, newer, trust, eventsource.WithHTTPVersion(eventsource.HTTP1)), "1 304 localhost")
	want(t, "TLS 1.2", wantEvent(t, older, trust, eventsource.WithMinTLSVersion(tls.VersionTLS12)), "2 303 localhost")
	wantError(t, eventsource.ErrTLS, older, trust, eventsource.WithMinTLSVersion(tls.VersionTLS13))
}

// ---- the log

func TestTheLogHasWhatItsLevelAsksFor(t *testing.T) {
	for level, wanted := range map[eventsource.LogLevel]bool{eventsource.LogWarning: false, eventsource.LogDebug: true} {
		lines := make(chan string, 1000)
		err := eventsource.SetLogHandler(level, func(record eventsource.LogRecord) {
			if record.Level > eventsource.LogWarning && record.Name == "prices" {
				lines <- record.Text
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		// Told at LogDebug.
		wantError(t, eventsource.ErrMethod, *serverURL, eventsource.WithName("prices"), eventsource.WithMethod("CONNECT"))
		eventsource.SetLogHandler(eventsource.LogOff, nil)
		if told := len(lines) > 0; told != wanted {
			t.Errorf("level %d: %d details", level, len(lines))
		}
	}
}
