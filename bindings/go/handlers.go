package eventsource

// #include "callbacks.h"
import "C"

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Handlers are called on the library's threads, for one stream one at a time and in the order of the stream, before the
// events that follow can be read. They are given the stream, which [Open] may not have returned yet, and a context that is
// done when the stream is to end. One that blocks holds back its own stream, and takes a thread, up to 1024 in a process.
type handlers struct {
	open     func(context.Context, *Stream, Response)
	comment  func(context.Context, *Stream, string)
	error    func(context.Context, *Stream, *Error) Decision
	request  func(context.Context, *Stream, *Request) error
	redirect func(context.Context, *Stream, Redirect) RedirectDecision
	document func(context.Context, *Stream, Document)
	token    func(context.Context) (string, error)
}

func (h *handlers) wanted() C.int32_t {
	var wanted C.int32_t
	if h.comment != nil {
		wanted |= C.WANT_COMMENTS
	}
	if h.request != nil || h.token != nil {
		wanted |= C.WANT_REQUESTS
	}
	if h.document != nil {
		wanted |= C.WANT_DOCUMENTS
	}
	if h.redirect != nil {
		wanted |= C.WANT_REDIRECTS
	}
	return wanted
}

// prepare lets the program change the request: first the token, which the handler may then look at or replace.
func (h *handlers) prepare(ctx context.Context, s *Stream, request *Request) error {
	if h.token != nil {
		token, err := h.token(ctx)
		if err == nil {
			err = request.SetHeader("Authorization", "Bearer "+token)
		}
		if err != nil {
			return err
		}
	}
	if h.request != nil {
		return h.request(ctx, s, request)
	}
	return nil
}

// Response is what opened a stream.
type Response struct {
	StatusCode             int
	ProtoMajor, ProtoMinor int
	// URL is the one that answered: after redirects, without user information and fragment.
	URL    string
	Header http.Header
	// Peer is whom the socket is connected to, as "192.0.2.1:443", or the path of a Unix socket. With a proxy, it is the proxy.
	Peer string
	// TLSVersion is tls.VersionTLS12 or tls.VersionTLS13; 0 without TLS.
	TLSVersion uint16
	// Reused is whether the stream shares an HTTP/2 connection that was there already.
	Reused bool
	// How long looking names up took, connecting, the TLS handshake, and the server from the request to the head of its
	// response. Negative for a step that was not made.
	Resolve, Connect, TLS, Head time.Duration
}

// Decision is what an error handler answers.
type Decision int32

const (
	// Default: do what the error says.
	Default Decision = C.EVENTSOURCE_DECISION_DEFAULT
	// TryAgain: also where the error would be final.
	TryAgain Decision = C.EVENTSOURCE_DECISION_RETRY
	// Stop: end the stream, with this error.
	Stop Decision = C.EVENTSOURCE_DECISION_CLOSE
)

// Document is a whole response that is not an event stream.
type Document struct {
	Response Response
	// Body is decoded if its content coding is known.
	Body []byte
}

// Redirect is a redirect that can be followed.
type Redirect struct {
	StatusCode int
	// From and To are URLs without user information and fragment.
	From, To string
	// DropsCredentials is whether To is of another origin, and [Follow] does not send it what the request has: Authorization,
	// Cookie, headers that hold secrets, a client certificate.
	DropsCredentials bool
	// DropsBody is whether To is of another origin, and [Follow] does not send it the request's body.
	DropsBody bool
}

// RedirectDecision is what a redirect handler answers.
type RedirectDecision int32

const (
	// Follow without credentials to another origin; if the body would go there, refuse.
	Follow RedirectDecision = C.EVENTSOURCE_REDIRECT_FOLLOW
	// Refuse: the attempt fails with [ErrRedirect], which is final.
	Refuse RedirectDecision = C.EVENTSOURCE_REDIRECT_REFUSE
	// FollowWithBody: without credentials.
	FollowWithBody RedirectDecision = C.EVENTSOURCE_REDIRECT_FOLLOW_WITH_BODY
	// FollowWithCredentials: with body, credentials and client certificate, for this redirect alone.
	FollowWithCredentials RedirectDecision = C.EVENTSOURCE_REDIRECT_FOLLOW_WITH_CREDENTIALS
)

// Permanent marks an error that the handler of [WithRequestHandler] or the source of [WithTokenSource] returns as one that
// would come again: the stream ends with it. errors.Is and errors.As look through the mark.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

type permanent struct{ error }

func (p *permanent) Unwrap() error {
	return p.error
}

func isPermanent(err error) bool {
	var mark *permanent
	return errors.As(err, &mark)
}
