package eventsource

// #include "callbacks.h"
import "C"

import (
	"context"
	"crypto/tls"
	"math"
	"net"
	"net/http"
	"runtime"
	"time"
	"unsafe"
)

// Option is what [Open] can be told. If one is refused, Open returns its error, and nothing is connected.
type Option func(*settings) error

// settings is what options change: a client that has not been started, and what Go does beside it.
type settings struct {
	client      *C.eventsource_t
	handlers    handlers
	buffer      int64
	openTimeout time.Duration
	dial        dialFunc
}

// apply makes the client. Whoever calls it frees that, also after an error.
func (s *settings) apply(url string, options []Option) error {
	texts, err := cStrings(ErrURL, url)
	if err != nil {
		return err
	}
	if s.client = C.eventsource_new(texts[0]); s.client == nil {
		return asError(C.EVENTSOURCE_ERR_MEMORY)
	}
	if err := s.check(C.eventsource_check(s.client)); err != nil {
		return err
	}
	for _, option := range options {
		if option == nil {
			return refuse(ErrValue, "an option is nil")
		}
		if err := option(s); err != nil {
			return err
		}
	}
	return nil
}

// check makes an error of what the client refused.
func (s *settings) check(status C.eventsource_status_t) error {
	return clientError(s.client, status)
}

// WithMethod sets the request method, as "POST". Default: GET.
func WithMethod(method string) Option {
	return setStrings(ErrMethod, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_method(c, texts[0])
	}, method)
}

// WithName sets what the log calls the stream, beside its number: [LogRecord.Name]. It is no secret, and has at most 128 bytes.
func WithName(name string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_name(c, texts[0])
	}, name)
}

// WithBody sets the request body, sent with every attempt. It does not change the method.
func WithBody(body []byte) Option {
	return setBytes(body, func(c *C.eventsource_t, body unsafe.Pointer, length C.size_t) C.eventsource_status_t {
		return C.eventsource_set_body(c, body, length)
	})
}

// WithReconnectWithGet reconnects a stream that a POST or another method opened by a GET of the same URL, once it has been
// open: a request that starts something is not made again.
func WithReconnectWithGet() Option {
	return func(s *settings) error {
		return s.check(C.eventsource_set_reconnect_with_get(s.client, 1))
	}
}

// WithCompression asks for a compressed stream.
func WithCompression() Option {
	return func(s *settings) error {
		return s.check(C.eventsource_set_compression(s.client, 1))
	}
}

// WithHeader sets a request header, in place of any of that name. The library itself writes a few, as Last-Event-ID, and
// refuses them here.
func WithHeader(name, value string) Option {
	return setStrings(ErrHeader, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_header(c, texts[0], texts[1])
	}, name, value)
}

// WithAddedHeader adds a request header beside those of the same name.
func WithAddedHeader(name, value string) Option {
	return setStrings(ErrHeader, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_add_header(c, texts[0], texts[1])
	}, name, value)
}

// WithSensitiveHeader sets a header that holds a secret: a redirect to another origin drops it, as it drops Authorization
// and Cookie.
func WithSensitiveHeader(name, value string) Option {
	return setStrings(ErrHeader, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_sensitive_header(c, texts[0], texts[1])
	}, name, value)
}

// WithoutHeader removes the request headers of a name, those that the library sends by itself included, such as Accept.
func WithoutHeader(name string) Option {
	return setStrings(ErrHeader, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_remove_header(c, texts[0])
	}, name)
}

// WithBasicAuth sets Authorization to basic authentication.
func WithBasicAuth(user, password string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_basic_auth(c, texts[0], texts[1])
	}, user, password)
}

// WithLastEventID goes on after this event, as where an earlier process ended.
func WithLastEventID(id string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_last_event_id(c, texts[0])
	}, id)
}

// WithCookies keeps what servers set as cookies in a jar, and sends it back. Default: no cookies.
func WithCookies(cookies *Cookies) Option {
	return func(s *settings) error {
		if cookies == nil {
			return refuse(ErrValue, "cookies that are nil")
		}
		defer runtime.KeepAlive(cookies)
		return s.check(C.eventsource_share_cookies(s.client, cookies.client))
	}
}

// Mode is which failures and ends a stream follows with another attempt.
type Mode int32

const (
	// ModeAuto keeps a GET alive and makes any other request once.
	ModeAuto Mode = C.EVENTSOURCE_MODE_AUTO
	// ModeKeepAlive makes another attempt after every failure that may pass by itself, and after every end.
	ModeKeepAlive Mode = C.EVENTSOURCE_MODE_KEEP_ALIVE
	// ModeOnce makes one request: the stream ends, without error, when the server ends it.
	ModeOnce Mode = C.EVENTSOURCE_MODE_ONCE
	// ModeUntilEnd is ModeKeepAlive until the server ends a stream without error.
	ModeUntilEnd Mode = C.EVENTSOURCE_MODE_UNTIL_END
)

// WithMode sets which failures and ends the stream follows with another attempt. Default: ModeAuto.
func WithMode(mode Mode) Option {
	return func(s *settings) error {
		return s.check(C.eventsource_set_mode(s.client, C.eventsource_mode_t(mode)))
	}
}

// Reconnect is when a stream reconnects. The n-th delay in a row is Delay × Factorⁿ⁻¹, plus a random share of up to Jitter,
// at most MaxDelay, and at least what the server asked for.
type Reconnect struct {
	// RetryInitial: retry even if the very first attempt fails.
	RetryInitial bool
	// Delay is the first delay, until the server's retry field replaces it, MaxDelay the largest.
	Delay, MaxDelay time.Duration
	// Factor is how the delay grows, 1 to 100.
	Factor float64
	// Jitter is the largest random share of a delay, 0 to 1.
	Jitter float64
	// ResetAfter: a stream that stays open for so long ends the growth.
	ResetAfter time.Duration
	// MaxAttempts gives up after so many failed attempts in a row; 0 for no limit.
	MaxAttempts int64
	// MinDelay is the shortest delay for each request that a server can bring about, MaxServerDelay the longest that it can
	// ask for.
	MinDelay, MaxServerDelay time.Duration
}

// WithReconnect changes how the stream reconnects; change is called with the defaults, or with what an option before this has
// made of them.
func WithReconnect(change func(*Reconnect)) Option {
	return func(s *settings) error {
		if change == nil {
			return refuse(ErrValue, "a change that is nil")
		}
		var c C.eventsource_reconnect_t
		C.eventsource_get_reconnect(s.client, &c, C.sizeof_eventsource_reconnect_t)
		policy := Reconnect{
			RetryInitial:   c.retry_initial != 0,
			Delay:          fromMilliseconds(c.delay_ms),
			MaxDelay:       fromMilliseconds(c.max_delay_ms),
			Factor:         float64(c.factor),
			Jitter:         float64(c.jitter),
			ResetAfter:     fromMilliseconds(c.reset_after_ms),
			MaxAttempts:    int64(c.max_attempts),
			MinDelay:       fromMilliseconds(c.min_delay_ms),
			MaxServerDelay: fromMilliseconds(c.max_server_delay_ms),
		}
		if c.max_attempts == C.EVENTSOURCE_NO_LIMIT {
			policy.MaxAttempts = 0
		}
		change(&policy)
		var refused error
		milliseconds := func(what string, duration time.Duration) C.int64_t {
			milliseconds, err := toMilliseconds(what, duration)
			if err != nil && refused == nil {
				refused = err
			}
			return milliseconds
		}
		c.retry_initial = toSwitch(policy.RetryInitial)
		c.delay_ms = milliseconds("delay", policy.Delay)
		c.max_delay_ms = milliseconds("largest delay", policy.MaxDelay)
		c.factor = C.double(policy.Factor)
		c.jitter = C.double(policy.Jitter)
		c.reset_after_ms = milliseconds("reset time", policy.ResetAfter)
		c.max_attempts = C.int64_t(policy.MaxAttempts)
		switch policy.MaxAttempts {
		case 0:
			c.max_attempts = C.EVENTSOURCE_NO_LIMIT
		case C.EVENTSOURCE_NO_LIMIT:
			c.max_attempts = 0 // no number of attempts, and so refused
		}
		c.min_delay_ms = milliseconds("smallest delay", policy.MinDelay)
		c.max_server_delay_ms = milliseconds("largest delay of a server", policy.MaxServerDelay)
		if refused != nil {
			return refused
		}
		return s.check(C.eventsource_set_reconnect(s.client, &c))
	}
}

// WithConnectTimeout sets the longest time for name resolution, TCP and TLS together; 0 for no limit. Default: 10 s.
func WithConnectTimeout(timeout time.Duration) Option {
	return setLimit("connect timeout", timeout, func(c *C.eventsource_t, limit C.int64_t) C.eventsource_status_t {
		return C.eventsource_set_connect_timeout(c, limit)
	})
}

// WithResponseTimeout sets the longest time from a connection to the head of the response; 0 for no limit. Default: 5 min.
func WithResponseTimeout(timeout time.Duration) Option {
	return setLimit("response timeout", timeout, func(c *C.eventsource_t, limit C.int64_t) C.eventsource_status_t {
		return C.eventsource_set_response_timeout(c, limit)
	})
}

// WithReadTimeout sets the longest silence of the stream; 0, the default, for no limit. It does not count while the stream is
// paused because its events are not read.
func WithReadTimeout(timeout time.Duration) Option {
	return setLimit("read timeout", timeout, func(c *C.eventsource_t, limit C.int64_t) C.eventsource_status_t {
		return C.eventsource_set_read_timeout(c, limit)
	})
}

// WithEventTimeout sets how long the stream may go without an event, whatever else comes; 0, the default, for no limit. It does
// not count while the stream is paused because its events are not read.
func WithEventTimeout(timeout time.Duration) Option {
	return setLimit("event timeout", timeout, func(c *C.eventsource_t, limit C.int64_t) C.eventsource_status_t {
		return C.eventsource_set_event_timeout(c, limit)
	})
}

// WithMaxRedirects sets how many redirects one attempt follows. Default: 16.
func WithMaxRedirects(count int) Option {
	return func(s *settings) error {
		if count < 0 || count > math.MaxInt32 {
			return refuse(ErrValue, "%d is no number of redirects", count)
		}
		return s.check(C.eventsource_set_max_redirects(s.client, C.int32_t(count)))
	}
}

// WithMaxEventSize sets how many bytes one event may hold. Default: 16 MiB.
func WithMaxEventSize(bytes int) Option {
	return func(s *settings) error {
		if bytes < 1 {
			return refuse(ErrValue, "an event of %d bytes can hold nothing", bytes)
		}
		return s.check(C.eventsource_set_max_event_size(s.client, C.size_t(bytes)))
	}
}

// WithEndMarker sets the event that ends the stream, by its data: "[DONE]" for most language models. The event is not delivered.
// An end without it is [ErrEndOfStream]: the stream was cut.
func WithEndMarker(data string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_end_marker(c, texts[0])
	}, data)
}

// WithMaxErrorBody sets how many bytes of an error's body [Error.Body] has. Default: 4096.
func WithMaxErrorBody(bytes int) Option {
	return func(s *settings) error {
		if bytes < 0 {
			return refuse(ErrValue, "%d is no number of bytes", bytes)
		}
		return s.check(C.eventsource_set_max_error_body(s.client, C.size_t(bytes)))
	}
}

// WithAnyContentType takes any 200 for an event stream, whatever its Content-Type.
func WithAnyContentType() Option {
	return func(s *settings) error {
		return s.check(C.eventsource_set_check_content_type(s.client, 0))
	}
}

// WithProxy sets the proxy: "http://user:password@proxy.example:3128", https, socks5 or socks5h; empty for none. Default:
// what the environment says, which [Open] reads from C's side: what os.Setenv has set counts, too.
func WithProxy(url string) Option {
	return setStrings(ErrURL, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_proxy(c, texts[0])
	}, url)
}

// WithNoProxy sets which hosts are reached without the proxy, separated by commas: names with all below them, addresses,
// networks as 10.0.0.0/8; "*" for all, empty for none. Default: what the environment says.
func WithNoProxy(hosts string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_no_proxy(c, texts[0])
	}, hosts)
}

// WithUnixSocket connects to a Unix domain socket, whatever host and port the URL has.
func WithUnixSocket(path string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_unix_socket(c, texts[0])
	}, path)
}

// WithKeyLogFile writes the secrets of the stream's TLS connections to a file, so that a tool such as Wireshark can decrypt what it
// has captured of them: for debugging only, as whoever reads the file can read these connections. The file is made if there is
// none, for this user alone; one that others may use is [ErrValue].
func WithKeyLogFile(path string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_key_log_file(c, texts[0])
	}, path)
}

// WithInterface makes every connection through a network interface ("eth0") or from an address of this machine, as curl's
// --interface.
func WithInterface(interface_ string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_interface(c, texts[0])
	}, interface_)
}

// WithoutNetworkWatch switches off that changes of the network and the end of a suspension cut waits short and have open
// streams verified at once.
func WithoutNetworkWatch() Option {
	return func(s *settings) error {
		return s.check(C.eventsource_set_watch_network(s.client, 0))
	}
}

// WithResolve says where a host is, instead of the system's resolver: "host:port:address", as curl's --resolve, and more
// addresses after commas. It may be given for several hosts.
func WithResolve(entry string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_resolve(c, texts[0])
	}, entry)
}

// WithAddedResolve adds addresses to those of [WithResolve] for the same host and port.
func WithAddedResolve(entry string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_add_resolve(c, texts[0])
	}, entry)
}

// WithCAs trusts certificate authorities, in PEM form, beside the operating system's.
func WithCAs(pem []byte) Option {
	return setBytes(pem, func(c *C.eventsource_t, pem unsafe.Pointer, length C.size_t) C.eventsource_status_t {
		return C.eventsource_set_ca_pem(c, pem, length)
	})
}

// WithCAFile is [WithCAs], from a file, which is read now and not again.
func WithCAFile(path string) Option {
	return setStrings(ErrPEM, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_ca_file(c, texts[0])
	}, path)
}

// WithExclusiveCAs trusts the authorities of [WithCAs] or [WithCAFile] alone, not the operating system's.
func WithExclusiveCAs() Option {
	return func(s *settings) error {
		return s.check(C.eventsource_set_ca_exclusive(s.client, 1))
	}
}

// WithClientCertificate shows a certificate to servers that ask for one, in PEM form, and its key, not encrypted. The key may
// be nil where it is in the certificate's text.
func WithClientCertificate(certificate, key []byte) Option {
	c, length := cBytes(certificate)
	cKey, keyLength := cBytes(key)
	return func(s *settings) error {
		return s.check(C.eventsource_set_client_cert_pem(s.client, c, length, cKey, keyLength))
	}
}

// WithClientCertificateFiles is [WithClientCertificate], from files. They are read now, and again after a failure of TLS, so that
// a renewed certificate needs no restart. The key's path may be empty where the key is in the certificate's file.
func WithClientCertificateFiles(certificate, key string) Option {
	return setStrings(ErrPEM, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		if key == "" {
			texts[1] = nil
		}
		return C.eventsource_set_client_cert_file(c, texts[0], texts[1])
	}, certificate, key)
}

// WithPinnedKeys accepts only servers whose certificate has one of these public keys, on top of its verification: "sha256//"
// and the key's SHA-256 in base64, several separated by semicolons, as curl has them.
func WithPinnedKeys(pins string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_pinned_keys(c, texts[0])
	}, pins)
}

// WithServerName sets the name that the server's certificate must have, in place of the URL's host.
func WithServerName(name string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_server_name(c, texts[0])
	}, name)
}

// WithMinTLSVersion sets the lowest version of TLS that is spoken: tls.VersionTLS12, the default, or tls.VersionTLS13.
func WithMinTLSVersion(version uint16) Option {
	return func(s *settings) error {
		var c C.eventsource_tls_version_t
		switch version {
		case tls.VersionTLS12:
			c = C.EVENTSOURCE_TLS_1_2
		case tls.VersionTLS13:
			c = C.EVENTSOURCE_TLS_1_3
		default:
			return refuse(ErrValue, "%#x is neither tls.VersionTLS12 nor tls.VersionTLS13", version)
		}
		return s.check(C.eventsource_set_min_tls_version(s.client, c))
	}
}

// HTTPVersion is which version of HTTP is spoken.
type HTTPVersion int32

const (
	// HTTPDefault is HTTP/2 where a server of an https URL offers it, else HTTP/1.1.
	HTTPDefault HTTPVersion = C.EVENTSOURCE_HTTP_DEFAULT
	// HTTP1 is HTTP/1.1 only.
	HTTP1 HTTPVersion = C.EVENTSOURCE_HTTP_1_1
	// HTTP2PriorKnowledge is HTTP/2 only, also with http URLs, without asking the server first.
	HTTP2PriorKnowledge HTTPVersion = C.EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE
)

// WithHTTPVersion sets which version of HTTP is spoken. Streams over HTTP/2 to the same server share connections.
func WithHTTPVersion(version HTTPVersion) Option {
	return func(s *settings) error {
		return s.check(C.eventsource_set_http_version(s.client, C.eventsource_http_t(version)))
	}
}

// WithInsecureSkipVerification is INSECURE: it accepts any certificate from anybody. For tests only.
func WithInsecureSkipVerification() Option {
	return func(s *settings) error {
		return s.check(C.eventsource_set_insecure_skip_verification(s.client, 1))
	}
}

const defaultBuffer = 64 << 10

// WithBuffer sets how many bytes of events are kept while nobody reads them, at least 1. Default: 64 KiB. When there are more,
// the server is made to wait. One batch of the library may come beyond that: 64 KiB, or an event of [WithMaxEventSize].
func WithBuffer(bytes int) Option {
	return func(s *settings) error {
		if bytes < 1 {
			return refuse(ErrValue, "a buffer of %d bytes can hold nothing", bytes)
		}
		s.buffer = int64(bytes)
		return nil
	}
}

// WithOpenTimeout sets how long [Open] waits for the stream to be open, over all attempts; 0, the default, for no limit. It
// does not limit what comes after. Open returns [ErrTimeout] then, which is a context.DeadlineExceeded, too.
func WithOpenTimeout(timeout time.Duration) Option {
	return func(s *settings) error {
		if timeout < 0 {
			return refuse(ErrValue, "a negative open timeout: %v", timeout)
		}
		s.openTimeout = timeout
		return nil
	}
}

// WithDialer makes the stream's connections by a function, in place of TCP: a connection in memory for a test, or one through a
// tunnel. It makes all of them, whatever host a redirect names. TLS, if the URL asks for it, is spoken over that. The context is done when the stream is to
// end; what the function takes counts towards the response timeout. When it fails, the attempt fails, and errors.Is finds its
// error. There is no proxy then. It takes the place of [WithUnixSocket], which the library is connected by.
func WithDialer(dial func(context.Context) (net.Conn, error)) Option {
	return func(s *settings) error {
		if dial == nil {
			return refuse(ErrValue, "a dialer that is nil")
		}
		s.dial = dial
		return nil
	}
}

// WithTokenSource asks for a token before each attempt, and sends it as "Authorization: Bearer TOKEN". After a first answer
// of 401 it is asked once more, at once. When it fails, the attempt fails as by [WithRequestHandler], whose handler comes
// after this.
//
// An oauth2.TokenSource becomes one so:
//
//	func(context.Context) (string, error) {
//		token, err := source.Token()
//		if err != nil {
//			return "", err
//		}
//		return token.AccessToken, nil
//	}
func WithTokenSource(source func(context.Context) (string, error)) Option {
	return func(s *settings) error {
		if source == nil {
			return refuse(ErrValue, "a token source that is nil")
		}
		s.handlers.token = source
		return nil
	}
}

// WithOpenHandler is told of each opening of the stream: the first, and after each reconnect.
func WithOpenHandler(handler func(context.Context, *Stream, Response)) Option {
	return func(s *settings) error {
		s.handlers.open = handler
		return nil
	}
}

// WithCommentHandler receives comments.
func WithCommentHandler(handler func(context.Context, *Stream, string)) Option {
	return func(s *settings) error {
		s.handlers.comment = handler
		return nil
	}
}

// WithErrorHandler is told of each failed attempt and each loss of the stream, and may override what happens next.
func WithErrorHandler(handler func(context.Context, *Stream, *Error) Decision) Option {
	return func(s *settings) error {
		s.handlers.error = handler
		return nil
	}
}

// WithRequestHandler is asked before each attempt, for fresh credentials or another URL. After a first answer of 401 it is
// asked once more, at once.
//
// If the handler returns an error, nothing is sent, and the attempt fails with that: errors.Is finds it in the [*Error] that
// [Open], [Stream.Err] and the error handler get, whose code is [ErrRequest]. Another attempt follows, as after any failure
// that may pass, in every mode; not after the very first attempt unless [Reconnect.RetryInitial] is set, and not after an error
// that is marked as [Permanent].
func WithRequestHandler(handler func(context.Context, *Stream, *Request) error) Option {
	return func(s *settings) error {
		s.handlers.request = handler
		return nil
	}
}

// WithDocumentHandler is given a whole response that is not an event stream, such as JSON, as a result: the stream then ends
// without events and without an error. Without it, such a response is [ErrContentType].
func WithDocumentHandler(handler func(context.Context, *Stream, Document)) Option {
	return func(s *settings) error {
		s.handlers.document = handler
		return nil
	}
}

// WithRedirectHandler is asked about each redirect: whether to follow it, and whether another origin gets what is for the first
// one alone.
func WithRedirectHandler(handler func(context.Context, *Stream, Redirect) RedirectDecision) Option {
	return func(s *settings) error {
		s.handlers.redirect = handler
		return nil
	}
}

// Request is the request of an attempt about to be made. It lives until the handler returns; changes hold for this attempt
// and its redirects.
type Request struct {
	// Attempt is 1 for the first attempt since the stream was last open, then 2, 3, …
	Attempt int64
	// Cause is what went wrong before, 0 when nothing did, and CauseStatusCode the HTTP status that went with it.
	Cause           Code
	CauseStatusCode int
	// URL is the attempt's, without user information and fragment.
	URL string

	c *C.eventsource_request_t
}

// SetHeader sets a header for this attempt, in place of any of that name.
func (r *Request) SetHeader(name, value string) error {
	return r.setStrings(ErrHeader, func(c *C.eventsource_request_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_request_set_header(c, texts[0], texts[1])
	}, name, value)
}

// AddHeader adds a header for this attempt beside those of the same name.
func (r *Request) AddHeader(name, value string) error {
	return r.setStrings(ErrHeader, func(c *C.eventsource_request_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_request_add_header(c, texts[0], texts[1])
	}, name, value)
}

// RemoveHeader removes all headers of that name for this attempt.
func (r *Request) RemoveHeader(name string) error {
	return r.setStrings(ErrHeader, func(c *C.eventsource_request_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_request_remove_header(c, texts[0])
	}, name)
}

// SetSensitiveHeader sets a header that holds a secret, as [WithSensitiveHeader] does.
func (r *Request) SetSensitiveHeader(name, value string) error {
	return r.setStrings(ErrHeader, func(c *C.eventsource_request_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_request_set_sensitive_header(c, texts[0], texts[1])
	}, name, value)
}

// SetBasicAuth sets basic authentication for this attempt, as [WithBasicAuth] does.
func (r *Request) SetBasicAuth(user, password string) error {
	return r.setStrings(ErrValue, func(c *C.eventsource_request_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_request_set_basic_auth(c, texts[0], texts[1])
	}, user, password)
}

// Method is the method of this attempt as it is now.
func (r *Request) Method() string {
	return copied(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.eventsource_status_t {
		return C.eventsource_request_get_method(r.c, buffer, capacity, length)
	})
}

// Header is a copy of the headers of this attempt as they are now, those that hold a secret and the library's own included, but
// for what the connection writes.
func (r *Request) Header() http.Header {
	var headers *C.eventsource_header_t
	var count C.size_t
	C.eventsource_request_get_headers(r.c, &headers, &count)
	return goHeader(headers, count)
}

// Body is a copy of the body of this attempt as it is now; nil for none.
func (r *Request) Body() []byte {
	var body unsafe.Pointer
	var length C.size_t
	C.eventsource_request_get_body(r.c, &body, &length)
	if body == nil {
		return nil
	}
	return append([]byte(nil), unsafe.Slice((*byte)(body), int(length))...)
}

// SetMethod sets the method for this attempt.
func (r *Request) SetMethod(method string) error {
	return r.setStrings(ErrMethod, func(c *C.eventsource_request_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_request_set_method(c, texts[0])
	}, method)
}

// SetURL sets the URL for this attempt.
func (r *Request) SetURL(url string) error {
	return r.setStrings(ErrURL, func(c *C.eventsource_request_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_request_set_url(c, texts[0])
	}, url)
}

// SetBody sets the body for this attempt.
func (r *Request) SetBody(body []byte) error {
	if _, err := r.cStrings(ErrState); err != nil {
		return err
	}
	bytes, length := cBytes(body)
	return asError(C.eventsource_request_set_body(r.c, bytes, length))
}

// setStrings gives the library strings for this attempt.
func (r *Request) setStrings(
	refusal Code, set func(*C.eventsource_request_t, []*C.char) C.eventsource_status_t, texts ...string,
) error {
	c, err := r.cStrings(refusal, texts...)
	if err != nil {
		if r.c != nil {
			// The library hears of a refusal, too, and does not send the request: nothing takes what is not UTF-8.
			for i := range texts {
				texts[i] = "\xff"
			}
			c, _ = cStrings(refusal, texts...)
			set(r.c, c)
		}
		return err
	}
	return asError(set(r.c, c))
}

// cStrings also refuses a request that is gone.
func (r *Request) cStrings(refusal Code, texts ...string) ([]*C.char, error) {
	if r.c == nil {
		return nil, &Error{Code: ErrState, Message: "the request's handler has returned"}
	}
	return cStrings(refusal, texts...)
}
