import asyncio
import collections
import dataclasses
import datetime
import inspect
import os
import sys
import threading
import warnings

from . import _loop, _native
from ._errors import FORKED, HEADER, METHOD, STATE, URL, VALUE, EventSourceError, SettingError, StreamError
from ._settings import apply, content, milliseconds, text

_STATES = ("idle", "connecting", "open", "waiting", "closed")
_CLOSE_REASONS = ("stopped", "server", "failed", "end-of-stream")
_DEFAULT, _RETRY, _CLOSE = 0, 1, 2
_REDIRECT_DECISIONS = {None: 0, "follow": 0, "refuse": 1, "follow-with-body": 2, "follow-with-credentials": 3}
_HTTP_VERSIONS = {10: "1.0", 11: "1.1", 20: "2"}
_TLS_VERSIONS = {12: "1.2", 13: "1.3"}

# What an event costs beside its text.
_OVERHEAD = 256
# The kinds of what waits to be read.
_EVENT, _CALL, _RAISE, _END = range(4)


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One event.

    `type` is "message" when the stream names none; `last_event_id` is the id as of this event, or empty; `origin` is that of the
    URL that the stream came from, after redirects.
    """

    type: str
    data: str
    last_event_id: str
    origin: str


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What opened the stream, and over which connection.

    `http_version` is "1.0", "1.1" or "2"; `url` is the one that answered, after redirects; `headers` are pairs of name and value;
    `tls_version` is "1.2", "1.3" or None; `is_reused`: over a connection that was there already; `peer` is its other end, a
    server or a proxy. The times are seconds, None where there was nothing to wait for.
    """

    status: int
    http_version: str
    url: str
    headers: list
    tls_version: str | None
    is_reused: bool
    peer: str
    resolve_time: float | None
    connect_time: float | None
    tls_time: float | None
    head_time: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A whole response that is not an event stream; `body` is bytes, decoded if its content coding is known."""

    response: Response
    body: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect that can be followed.

    `from_url` and `to_url` have no user information and no fragment. `drops_credentials` and `drops_body` tell whether it leads to
    another origin that "follow" does not send credentials, a client certificate, or the request's body.
    """

    status: int
    from_url: str
    to_url: str
    drops_credentials: bool
    drops_body: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Stats:
    """What a stream has done. Times are seconds, None where there is none."""

    events: int
    bytes: int
    attempts: int
    opens: int
    errors: int
    open_for: float | None
    idle_for: float | None


class Request:
    """The request of the attempt about to be made. It lives until `on_request` returns; changes hold for this attempt.

    `attempt` is 1 for the first since the stream was last open; `cause` is what went wrong before, such as
    "EVENTSOURCE_ERR_CONNECT", or None, and `cause_http_status` the HTTP status that went with it.
    """

    def __init__(self, request):
        self._request = request
        self.attempt, cause, self.cause_http_status = _native.request_facts(request)
        self.cause = _native.status_name(cause) if cause else None

    @property
    def url(self):
        """The URL, without user information and fragment."""
        return _native.request_url(self._alive())

    @property
    def method(self):
        """The method."""
        return _native.request_method(self._alive())

    @property
    def headers(self):
        """The headers that the request has now, as pairs of name and value."""
        return _native.request_headers(self._alive())

    @property
    def body(self):
        """The body, b"" for none."""
        return _native.request_body(self._alive())

    def set_header(self, name, value):
        """Sets a header in place of any of that name."""
        self._set_texts("set_header", HEADER, name, value)

    def add_header(self, name, value):
        """Adds a header beside those of the same name."""
        self._set_texts("add_header", HEADER, name, value)

    def set_sensitive_header(self, name, value):
        """Sets a header that is not sent to another origin."""
        self._set_texts("set_sensitive_header", HEADER, name, value)

    def remove_header(self, name):
        """Removes the headers of a name."""
        self._set_texts("remove_header", HEADER, name)

    def set_basic_auth(self, user, password):
        """Sets Authorization to basic authentication."""
        self._set_texts("set_basic_auth", VALUE, user, password)

    def set_method(self, method):
        """Sets the method."""
        self._set_texts("set_method", METHOD, method)

    def set_url(self, url):
        """Sets the URL. Another origin drops credentials: set the URL first, then the headers that are meant for it."""
        self._set_texts("set_url", URL, url)

    def set_body(self, body):
        """Sets the body: bytes, or a str, which is sent as UTF-8."""

        def arguments():
            blob = content(body, "set_body")
            return blob, len(blob)

        self._change("set_body", arguments, (None, 1))

    def _set_texts(self, change, refusal, *texts):
        # What is not UTF-8 the library takes nowhere.
        self._change(change, lambda: [text(one, change, refusal) for one in texts], [b"\xff"] * len(texts))

    def _change(self, change, arguments, refused):
        """Makes a change. Of one that is refused here the library hears, too, by arguments that it refuses: then it does not send
        the request, whatever the handler makes of the exception."""
        call, request = _native.changes[change], self._alive()
        try:
            values = arguments()
        except BaseException:
            call(request, *refused)
            raise
        status = call(request, *values)
        if status != 0:
            raise SettingError(change, status)

    def _alive(self):
        if self._request is None:
            raise EventSourceError(STATE, "the request is gone: its on_request has returned")
        return self._request


class Stream:
    """An event stream, kept alive over reconnects: an iterator of its events, for `for` or for `async for`.

    It connects when its first event is asked for. `with` or `async with` closes it. What is not read makes the server wait:
    when `buffer_size` bytes of events wait to be read, the client is paused.

    Options, of which None is the default: name (in the log), method, body, headers, sensitive_headers, basic_auth (user, password),
    cookies (a Cookies), compression, reconnect_with_get, last_event_id, mode ("auto", "keep-alive", "once", "until-end"), reconnect (a mapping of
    retry_initial, delay, max_delay, factor, jitter, reset_after, max_attempts, min_delay, max_server_delay), connect_timeout,
    response_timeout, read_timeout, event_timeout, max_redirects, max_event_size, end_marker, max_error_body, check_content_type, proxy,
    no_proxy, unix_socket, interface, watch_network, resolve, key_log_file,
    http_version ("default", "1.1", "2"), ca_pem, ca_file, ca_exclusive, client_cert_pem (cert, key), client_cert_file (cert, key),
    pinned_keys,
    min_tls_version ("1.2", "1.3"), server_name, insecure_skip_verification. Times are seconds or timedeltas, math.inf for no
    limit; a header that is None is not sent. The library's header describes each. One that is refused is a SettingError with the reason.

    on_document(document), of a response that is not an event stream, makes it a result, after which the stream ends. It,
    on_open(response) and on_comment(text) are called by the loop that reads, in order with the events; with `async for` they
    may be coroutine functions. on_error(error) and on_request(request) are called while the library waits for what they
    decide: None, "retry" or "close"; on_error may also return how long to wait. These cannot wait for a stream. on_redirect(redirect) decides on each
    redirect: None or "follow" without credentials to another origin, "refuse", "follow-with-body", "follow-with-credentials". What
    they raise, the loop gets.
    """

    # Also of one whose making a signal handler interrupts: it is dropped as one that was refused.
    _client = None

    def __init__(
        self,
        url,
        *,
        on_open=None,
        on_comment=None,
        on_error=None,
        on_request=None,
        on_redirect=None,
        on_document=None,
        buffer_size=256 * 1024,
        **options,
    ):
        self._on_open, self._on_comment, self._on_document = on_open, on_comment, on_document
        self._on_error, self._on_request, self._on_redirect = on_error, on_request, on_redirect
        for name in ("on_open", "on_comment", "on_error", "on_request", "on_redirect", "on_document"):
            handler = getattr(self, f"_{name}")
            if handler is not None and not callable(handler):
                raise TypeError(f"{name}: a function is wanted, not {handler!r}")
        if isinstance(buffer_size, bool) or not isinstance(buffer_size, int):
            raise TypeError(f"buffer_size: a number of bytes is wanted, not {buffer_size!r}")
        if buffer_size < 0:
            raise SettingError("buffer_size", VALUE, f"{buffer_size} is no number of bytes")
        self._buffer_size = buffer_size

        self._process = os.getpid()
        self._hub = None
        self._key = None
        # What waits to be read, in order: pairs of kind and value, and how many bytes it counts.
        self._items = collections.deque()
        # Whether the first of them has been read. It is taken away by the next read only: until its event is in the hands of
        # the loop, an exception of a signal handler must not lose it.
        self._read = False
        self._last_event_id = options.get("last_event_id") or ""
        self._size = 0
        self._paused = False
        self._received = 0
        self._done = False
        self._reading = False
        self._last_error = None
        self._response = None
        self._close_reason = None
        self._starting = threading.RLock()
        self._changed = None
        self._wakers = set()

        client, status, reason = _native.new_client(text(url, "url", URL))
        try:
            if status != 0:
                raise SettingError("url", status, reason)
            apply(client, options)
            self._number = _native.number(client)
            # The last: what has a client can be closed.
            self._client = client
        except BaseException:
            self._client = None
            _native.free(client)
            raise

    @property
    def number(self):
        """The stream's number in the log, which no other stream of the process has or will have."""
        return self._number

    @property
    def last_event_id(self):
        """The id of the last event that has been read: what `last_event_id` is told to go on after it."""
        return self._last_event_id

    @property
    def state(self):
        """What the client is doing: "idle", "connecting", "open", "waiting" or "closed"."""
        client = self._client
        return "closed" if client is None or self._done else _STATES[_native.state(client)]

    @property
    def close_reason(self):
        """Why the client closed: "stopped", "server", "failed" or "end-of-stream"; None until then."""
        return None if self._close_reason is None else _CLOSE_REASONS[self._close_reason]

    @property
    def response(self):
        """The Response that opened the stream whose events are being read; None until the first has opened."""
        return self._response

    @property
    def stats(self):
        """What the client has done; None once it is closed."""
        client = self._client
        if client is None:
            return None
        stats = _native.stats(client)

        def seconds(number):
            return None if number < 0 else number / 1000

        return Stats(
            stats.events, stats.bytes, stats.attempts, stats.opens, stats.errors, seconds(stats.open_ms), seconds(stats.idle_ms)
        )

    def reconnect_now(self):
        """Drops the connection, or the wait for the next attempt, and connects anew at once."""
        client = self._client
        status = STATE if client is None else _native.reconnect_now(client)
        if status != 0:
            raise EventSourceError(status, "" if client is None else _native.last_error(client))

    # A `for` loop.

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def __iter__(self):
        return self

    def open(self):
        """Connects, and returns the Response that opened the stream, before its first event is read. Raises as a loop does.

        None if the stream ended without one: it was closed, or the server asked for the end.
        """
        if self._response is None:
            try:
                self._next(opening=True)
            except StopIteration:
                pass
        return self._response

    def __next__(self):
        event = self._next()
        # No call follows, so that no signal handler runs until the loop has the event.
        self._last_event_id = event.last_event_id
        self._read = True
        return event

    def _next(self, opening=False):
        """The next event; or nothing, when the stream has opened, if it is that what is waited for."""
        self._check_reader(_loop.LoopHub)
        self._reading = True
        try:
            if self._hub is None:
                self._start(_loop.loop_hub(own=self._decides()))
            while True:
                item = self._first()
                if item is None:
                    if self._done:
                        raise StopIteration
                    self._hub.wait(self)
                    continue
                kind, value = item
                if kind == _EVENT:
                    return value
                if kind == _CALL:
                    self._read = True
                    handler, argument = value
                    try:
                        result = handler(argument)
                    except _ENDS as error:
                        raise _as_failure(error) from error
                    if inspect.isawaitable(result):
                        _drop_coroutine(result)
                        raise TypeError(f"{self._on_open if handler == self._opened else handler!r} is for `async for`")
                    if opening and self._response is not None:
                        return None
                elif kind == _RAISE:
                    self.close()
                    raise value
                else:
                    raise StopIteration
        except Exception:
            self.close()
            raise
        finally:
            self._reading = False

    def _decides(self):
        """Whether the library waits for what a handler decides."""
        return any(handler is not None for handler in (self._on_error, self._on_request, self._on_redirect))

    # An `async for` loop.

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_exception):
        await self.aclose()

    def __aiter__(self):
        return self

    async def aopen(self):
        """The same as `open`, for a stream that is read by `async for`."""
        if self._response is None:
            try:
                await self._anext(opening=True)
            except StopAsyncIteration:
                pass
        return self._response

    async def __anext__(self):
        return await self._anext()

    async def _anext(self, opening=False):
        self._check_reader(_loop.AsyncHub)
        self._reading = True
        try:
            if self._hub is None:
                self._start(_loop.async_hub())
            while True:
                item = self._first()
                if item is None:
                    if self._done:
                        raise StopAsyncIteration
                    await self._wait()
                    continue
                kind, value = item
                self._read = True
                if kind == _EVENT:
                    self._last_event_id = value.last_event_id
                    return value
                if kind == _CALL:
                    handler, argument = value
                    try:
                        result = handler(argument)
                        if inspect.isawaitable(result):
                            await result
                    except _ENDS as error:
                        raise _as_failure(error) from error
                    if opening and self._response is not None:
                        return None
                elif kind == _RAISE:
                    await self.aclose()
                    raise value
                else:
                    raise StopAsyncIteration
        except Exception:
            self._reading = False
            await self.aclose()
            raise
        finally:
            self._reading = False

    async def _wait(self):
        """Until something has come. What is waited for carries nothing, so that a cancellation loses nothing."""
        _loop.check_may_wait()
        waker = self._hub.loop.create_future()
        self._wakers.add(waker)
        try:
            await waker
        finally:
            self._wakers.discard(waker)

    def _wake(self):
        """After what the library has called."""
        if self._close_reason is not None and self._done:
            self._free()
        self._wake_readers()

    def _wake_readers(self):
        for waker in self._wakers:
            if not waker.done():
                waker.set_result(None)

    # Both.

    def _check_reader(self, kind):
        if self._process != os.getpid():
            raise EventSourceError(FORKED)
        if self._reading:
            raise RuntimeError("the stream is being read already")
        if self._hub is not None and self._client is not None:
            if not isinstance(self._hub, kind):
                raise RuntimeError("a stream is read by `for` or by `async for`, not by both")
            if kind is _loop.AsyncHub and self._hub.loop is not asyncio.get_running_loop():
                raise RuntimeError("the stream belongs to another event loop")

    def _start(self, hub):
        # Another thread may close the stream meanwhile: before, or when it has started.
        with self._starting:
            if self._done:
                return
            self._changed = threading.Condition(hub.lock)
            self._key = _loop.new_key()
            self._hub = hub
            try:
                self._start_on(hub)
            except BaseException:
                # Also if another keeps it from being closed.
                self._done = True
                self.close()
                raise

    def _start_on(self, hub):
        hub.add(self._key, self)
        client, setters = self._client, _native.setters
        setters["set_user_data"](client, self._key, None)
        setters["set_runtime"](client, hub.runtime)
        setters["on_events"](client, _loop.ON_EVENTS)
        setters["on_error"](client, _loop.ON_ERROR)
        setters["on_close"](client, _loop.ON_CLOSE)
        setters["on_open"](client, _loop.ON_OPEN)
        if self._on_comment is not None:
            setters["on_comment"](client, _loop.ON_COMMENT)
        if self._on_request is not None:
            setters["on_request"](client, _loop.ON_REQUEST)
        if self._on_document is not None:
            setters["on_document"](client, _loop.ON_DOCUMENT)
        if self._on_redirect is not None:
            setters["on_redirect"](client, _loop.ON_REDIRECT)
        status = _native.start(client)
        if status != 0:
            raise StreamError(status, _native.last_error(client))

    def _ready(self):
        return self._done or len(self._items) > self._read

    def _first(self):
        """What is to be read next, if it is there."""
        hub = self._hub
        if hub is None:
            return None
        with hub.lock:
            if self._read:
                # No call, after which a signal handler could run and raise: then the next would be taken for what has been read.
                self._read = False
                if self._items:
                    self._size -= self._items[0][2]
                    del self._items[0]
            if self._paused and self._size <= self._buffer_size / 2:
                self._paused = False
                _native.unpause(self._client)
            if self._items:
                kind, value, _ = self._items[0]
                return kind, value
            return None

    def _put(self, kind, value, size=0):
        if not self._done:
            self._items.append((kind, value, size))
            self._size += size

    def close(self):
        """Closes the stream. Events that have not been read are dropped; `last_event_id` says which have been."""
        if self._client is None:
            return
        if self._process != os.getpid():
            self._free()
            return
        with self._starting:
            hub = self._hub
            if hub is None:
                self._free()
                return
        with hub.lock:
            self._drop()
            if isinstance(hub, _loop.LoopHub):
                self._changed.notify_all()
                if hub.leader is self:
                    if hub.leading_thread == threading.get_ident():
                        # In a handler, further up this very read, which frees the client when it is through.
                        return
                    while hub.leader is self:
                        self._changed.wait()
        self._free()

    async def aclose(self):
        """The same, without holding up the event loop."""
        if self._client is None or not isinstance(self._hub, _loop.AsyncHub) or self._process != os.getpid():
            self.close()
            return
        self._drop()
        while self._close_reason is None and self._client is not None:
            await self._wait()
        self._free()

    def _drop(self):
        self._done = True
        self._items.clear()
        self._read = False
        self._size = 0
        _native.stop(self._client)
        self._wake_readers()

    def _free(self):
        client, self._client = self._client, None
        if client is None:
            return
        self._done = True
        interrupt = _loop.call_out(_native.free, client)
        if self._hub is not None and self._process == os.getpid():
            self._hub.remove(self._key)
            self._wake_readers()
        if interrupt is not None:
            raise interrupt

    def __del__(self):
        if self._client is None or sys.is_finalizing():
            return
        if self._hub is not None and self._process == os.getpid():
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
        self._free()

    # What follows is called when the library calls.

    def _take_events(self, events, count):
        self._hub.raise_if_interrupted()
        text_at = _native.text_at
        taken = []
        for i in range(count):
            event = events[i].contents
            taken.append(
                (
                    _EVENT,
                    Event(
                        text_at(event.type, event.type_len),
                        text_at(event.data, event.data_len),
                        text_at(event.last_event_id, event.last_event_id_len),
                        text_at(event.origin, event.origin_len),
                    ),
                    event.type_len + event.data_len + event.last_event_id_len + _OVERHEAD,
                )
            )
        with self._hub.lock:
            self._hub.called(self)
            if not self._done:
                self._items.extend(taken)
                self._size += sum(size for _, _, size in taken)
            self._received += count
            self._hold_back()

    def _hold_back(self):
        if self._size > self._buffer_size and not self._paused:
            self._paused = True
            _native.pause(self._client)

    def _take_comment(self, comment):
        value = _native.text_at(comment.text, comment.text_len)
        with self._hub.lock:
            self._hub.called(self)
            self._put(_CALL, (self._on_comment, value), comment.text_len + _OVERHEAD)
            self._hold_back()

    def _take_open(self, response):
        value = _response(response)
        with self._hub.lock:
            self._hub.called(self)
            self._put(_CALL, (self._opened, value))

    def _opened(self, response):
        """Called in order with the events, as the handler is."""
        self._response = response
        return None if self._on_open is None else self._on_open(response)

    def _take_document(self, document):
        value = Document(_response(document.response.contents), _native.bytes_at(document.body, document.body_len))
        with self._hub.lock:
            self._hub.called(self)
            self._put(_CALL, (self._on_document, value))

    def _take_error(self, error):
        self._hub.called(self)
        self._last_error = StreamError(
            error.code,
            _native.text_at(error.message, error.message_len),
            http_status=error.http_status,
            os_error=error.os_error,
            will_retry=bool(error.will_retry),
            attempt=error.attempt,
            delay=error.delay_ms / 1000,
            headers=_native.headers_at(error.headers, error.header_count),
            body=_native.text_at(error.body, error.body_len),
        )
        if self._on_error is None:
            return _DEFAULT
        decision = self._on_error(self._last_error)
        if isinstance(decision, (int, float, datetime.timedelta)) and not isinstance(decision, bool):
            status = _native.set_next_delay(self._client, milliseconds(decision, "on_error"))
            if status != 0:
                raise SettingError("on_error", status, _native.last_error(self._client))
            return _RETRY
        return _decision("on_error", decision)

    def _take_request(self, pointer):
        self._hub.called(self)
        request = Request(pointer)
        try:
            return _decision("on_request", self._on_request(request))
        finally:
            request._request = None

    def _take_redirect(self, redirect):
        self._hub.called(self)
        decision = self._on_redirect(
            Redirect(
                redirect.status,
                _native.text_at(redirect.from_, redirect.from_len),
                _native.text_at(redirect.to, redirect.to_len),
                bool(redirect.drops_credentials),
                bool(redirect.drops_body),
            )
        )
        if decision is None or isinstance(decision, str) and decision in _REDIRECT_DECISIONS:
            return _REDIRECT_DECISIONS[decision]
        return _decision("on_redirect", decision if inspect.isawaitable(decision) else [decision])

    def _take_close(self, reason, code):
        with self._hub.lock:
            self._hub.called(self)
            self._close_reason = reason
            if code != 0:
                known = self._last_error is not None and self._last_error.status == code
                self._put(_RAISE, self._last_error if known else StreamError(code))
            self._put(_END, None)

    def _fail(self, error):
        """An exception ends the stream, after what came before it."""
        with self._hub.lock:
            self._hub.called(self)
            self._put(_RAISE, _as_failure(error))
            _native.stop(self._client)

    def _check(self, interrupt):
        """A signal handler has raised in a callback: was it one of this stream's?"""
        client = self._client
        if client is None:
            return
        if _native.stats(client).events != self._received:
            self._fail(interrupt)
            self._received = _native.stats(client).events
        if self._close_reason is None and _native.state(client) == _native.STATE_CLOSED:
            self._take_close(0, 0)


def _response(response):
    return Response(
        response.status,
        _HTTP_VERSIONS.get(response.http_version, str(response.http_version)),
        _native.text_at(response.url, response.url_len),
        _native.headers_at(response.headers, response.header_count),
        _TLS_VERSIONS.get(response.tls_version),
        bool(response.is_reused),
        _native.text_at(response.peer, response.peer_len),
        *(
            None if time < 0 else time / 1_000_000
            for time in (response.resolve_us, response.connect_us, response.tls_us, response.head_us)
        ),
    )


def _decision(handler, decision):
    if decision is None:
        return _DEFAULT
    if decision == "retry":
        return _RETRY
    if decision == "close":
        return _CLOSE
    if inspect.isawaitable(decision):
        _drop_coroutine(decision)
        raise TypeError(f"{handler} must decide before it returns: it cannot be a coroutine function")
    raise TypeError(f"{handler} returned {decision!r}, which is no decision")


# What ends a loop without a word.
_ENDS = (StopIteration, StopAsyncIteration)


def _as_failure(error):
    """The end of an iterator that a handler has used is not the end of the stream."""
    if not isinstance(error, _ENDS):
        return error
    failure = RuntimeError(f"a handler raised {type(error).__name__}")
    failure.__cause__ = error
    return failure


def _drop_coroutine(awaitable):
    # Without a warning that nobody has awaited it.
    if inspect.iscoroutine(awaitable):
        awaitable.close()
