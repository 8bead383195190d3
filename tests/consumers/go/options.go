package eventsource

// #include "callbacks.h"
import "C"

import (
	"crypto/tls"
	"net/http"
	"time"
	"unsafe"
)

// Option is what [Open] can be told. Where the library refuses one, Open returns its error.
type Option func(*Stream) error

// WithMethod sets the request method, as "POST". Default: GET.
func WithMethod(method string) Option {
	return setStrings(ErrMethod, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_method(c, texts[0])
	}, method)
}

// WithBody sets the request body, sent with every attempt. It does not change the method.
func WithBody(body []byte) Option {
	return setBytes(body, func(c *C.eventsource_t, body unsafe.Pointer, length C.size_t) C.eventsource_status_t {
		return C.eventsource_set_body(c, body, length)
	})
}

// WithResumeWithGet resumes a stream that was asked for with a POST or the like by a GET of the same URL, once it has been
// open: a request that starts something is not made again.
func WithResumeWithGet() Option {
	return func(s *Stream) error {
		return s.check(C.eventsource_set_resume_with_get(s.client, 1))
	}
}

// WithCompression asks for a compressed stream.
func WithCompression() Option {
	return func(s *Stream) error {
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
	return func(s *Stream) error {
		return s.check(C.eventsource_set_mode(s.client, C.int32_t(mode)))
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

// WithReconnect changes how the stream reconnects; change is called with the defaults.
func WithReconnect(change func(*Reconnect)) Option {
	return func(s *Stream) error {
		var c C.eventsource_reconnect_t
		c.size = C.sizeof_eventsource_reconnect_t
		C.eventsource_get_reconnect(s.client, &c)
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
		change(&policy)
		c.retry_initial = toSwitch(policy.RetryInitial)
		c.delay_ms = toMilliseconds(policy.Delay)
		c.max_delay_ms = toMilliseconds(policy.MaxDelay)
		c.factor = C.double(policy.Factor)
		c.jitter = C.double(policy.Jitter)
		c.reset_after_ms = toMilliseconds(policy.ResetAfter)
		c.max_attempts = C.int64_t(policy.MaxAttempts)
		c.min_delay_ms = toMilliseconds(policy.MinDelay)
		c.max_server_delay_ms = toMilliseconds(policy.MaxServerDelay)
		return s.check(C.eventsource_set_reconnect(s.client, &c))
	}
}

// WithConnectTimeout sets the longest time for name resolution, TCP and TLS together; 0 for no limit. Default: 10 s.
func WithConnectTimeout(timeout time.Duration) Option {
	return func(s *Stream) error {
		return s.check(C.eventsource_set_connect_timeout(s.client, toMilliseconds(timeout)))
	}
}

// WithResponseTimeout sets the longest time from a connection to the head of the response; 0 for no limit. Default: 5 min.
func WithResponseTimeout(timeout time.Duration) Option {
	return func(s *Stream) error {
		return s.check(C.eventsource_set_response_timeout(s.client, toMilliseconds(timeout)))
	}
}

// WithReadTimeout sets the longest silence of the stream; 0, the default, for no limit.
func WithReadTimeout(timeout time.Duration) Option {
	return func(s *Stream) error {
		return s.check(C.eventsource_set_read_timeout(s.client, toMilliseconds(timeout)))
	}
}

// WithMaxRedirects sets how many redirects one attempt follows. Default: 16.
func WithMaxRedirects(count int) Option {
	return func(s *Stream) error {
		return s.check(C.eventsource_set_max_redirects(s.client, C.int32_t(count)))
	}
}

// WithMaxEventSize sets how many bytes one event may hold. Default: 16 MiB.
func WithMaxEventSize(bytes int) Option {
	return func(s *Stream) error {
		return s.check(C.eventsource_set_max_event_size(s.client, C.size_t(bytes)))
	}
}

// WithAnyContentType takes any 200 for an event stream, whatever its Content-Type.
func WithAnyContentType() Option {
	return func(s *Stream) error {
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

// WithResolve says where a host is, instead of the system's resolver: "host:port:address", as curl's --resolve. It may be
// given for several hosts.
func WithResolve(entry string) Option {
	return setStrings(ErrValue, func(c *C.eventsource_t, texts []*C.char) C.eventsource_status_t {
		return C.eventsource_set_resolve(c, texts[0])
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
	return func(s *Stream) error {
		return s.check(C.eventsource_set_ca_exclusive(s.client, 1))
	}
}

// WithClientCertificate shows a certificate to servers that ask for one, in PEM form, and its key, not encrypted. The key may
// be nil where it is in the certificate's text.
func WithClientCertificate(certificate, key []byte) Option {
	c, length := cBytes(certificate)
	cKey, keyLength := cBytes(key)
	return func(s *Stream) error {
		return s.check(C.eventsource_set_client_cert_pem(s.client, c, length, cKey, keyLength))
	}
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
	return func(s *Stream) error {
		c := C.int32_t(version)
		switch version {
		case tls.VersionTLS12:
			c = C.EVENTSOURCE_TLS_1_2
		case tls.VersionTLS13:
			c = C.EVENTSOURCE_TLS_1_3
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
	return func(s *Stream) error {
		return s.check(C.eventsource_set_http_version(s.client, C.int32_t(version)))
	}
}

// WithInsecureSkipVerification is INSECURE: it accepts any certificate from anybody. For tests only.
func WithInsecureSkipVerification() Option {
	return func(s *Stream) error {
		return s.check(C.eventsource_set_insecure_skip_verification(s.client, 1))
	}
}

// WithBuffer sets how many events wait in the channel, at least 0. Default: 64. Each may be as large as [WithMaxEventSize]
// allows.
func WithBuffer(events int) Option {
	return func(s *Stream) error {
		if events < 0 {
			return &Error{Code: ErrValue, Message: "a buffer of less than nothing"}
		}
		s.events = make(chan Event, events)
		return nil
	}
}

// Handlers are called on the library's threads, for one stream one at a time and in the order of the stream, before the
// events that follow are in the channel. One that blocks holds back its own stream only.
type handlers struct {
	open    func(Response)
	comment func(string)
	error   func(*Error) Decision
	request func(*Request)
}

func (h *handlers) wanted() C.int32_t {
	var wanted C.int32_t
	if h.comment != nil {
		wanted |= C.WANT_COMMENTS
	}
	if h.request != nil {
		wanted |= C.WANT_REQUESTS
	}
	return wanted
}

// Response is what opened a stream.
type Response struct {
	StatusCode             int
	ProtoMajor, ProtoMinor int
	// URL is the one that answered: after redirects, without user information and fragment.
	URL    string
	Header http.Header
}

// WithOpenHandler is told of each opening of the stream: the first, and after each reconnect.
func WithOpenHandler(handler func(Response)) Option {
	return func(s *Stream) error {
		s.handlers.open = handler
		return nil
	}
}

// WithCommentHandler receives comments.
func WithCommentHandler(handler func(string)) Option {
	return func(s *Stream) error {
		s.handlers.comment = handler
		return nil
	}
}

// Decision is what an error handler answers.
type Decision int32

const (
	// Default: do what the error says.
	Default Decision = C.EVENTSOURCE_DEFAULT
	// TryAgain: also where the error would be final.
	TryAgain Decision = C.EVENTSOURCE_RECONNECT
	// Stop: end the stream, with this error.
	Stop Decision = C.EVENTSOURCE_STOP
)

// WithErrorHandler is told of each failed attempt and each loss of the stream, and may override what happens next.
func WithErrorHandler(handler func(*Error) Decision) Option {
	return func(s *Stream) error {
		s.handlers.error = handler
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

// WithRequestHandler is asked before each attempt, for a fresh token or another URL. After a first answer of 401 it is
// asked once more, at once.
func WithRequestHandler(handler func(*Request)) Option {
	return func(s *Stream) error {
		s.handlers.request = handler
		return nil
	}
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
