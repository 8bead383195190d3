"""The C functions that the package calls, by ctypes. Nothing here knows what a stream is.

A stream's callbacks come in `dispatch` and in `free` alone, because all clients run with manual dispatch: a thread that
Python does not know never calls into it, which would be no longer possible while Python ends. Only the log's callback does,
and _log.py takes that back in time.
"""

import ctypes
import os
import pathlib
import sys
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_double,
    c_int32,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
    string_at,
)

_FILE = {"darwin": "libeventsource.0.dylib", "win32": "eventsource.dll"}.get(sys.platform, "libeventsource.so.0")


def _library_file():
    """The library that EVENTSOURCE_LIBRARY names, else the one beside this file, else the one that the loader finds."""
    # Whoever starts a program that has more rights than they have does not choose its code.
    trusted = not hasattr(os, "geteuid") or (os.getuid() == os.geteuid() and os.getgid() == os.getegid())
    named = os.environ.get("EVENTSOURCE_LIBRARY") if trusted else None
    beside = pathlib.Path(__file__).with_name(_FILE)
    return named or (str(beside) if beside.exists() else _FILE)


def _load():
    file = _library_file()
    try:
        # CDLL gives up the interpreter's lock during a call. PyDLL keeps it.
        return ctypes.CDLL(file), ctypes.PyDLL(file)
    except OSError as error:
        raise ImportError(
            f"libeventsource cannot be loaded from {file}; EVENTSOURCE_LIBRARY can name its file: {error}"
        ) from error


def _is_subinterpreter():
    try:
        current, main = ctypes.pythonapi.PyInterpreterState_Get, ctypes.pythonapi.PyInterpreterState_Main
    except AttributeError:
        return False
    current.restype = main.restype = c_void_p
    return current() != main()


if _is_subinterpreter():
    # ctypes would have callbacks run in the main interpreter, and wait for it for ever.
    raise ImportError("libeventsource works in Python's main interpreter only: ctypes cannot call back into others")

_library, _locked_library = _load()


class EventStruct(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("type", c_void_p),
        ("type_len", c_size_t),
        ("data", c_void_p),
        ("data_len", c_size_t),
        ("last_event_id", c_void_p),
        ("last_event_id_len", c_size_t),
        ("origin", c_void_p),
        ("origin_len", c_size_t),
    ]


class CommentStruct(Structure):
    _fields_ = [("size", c_size_t), ("text", c_void_p), ("text_len", c_size_t)]


class HeaderStruct(Structure):
    _fields_ = [("name", c_void_p), ("name_len", c_size_t), ("value", c_void_p), ("value_len", c_size_t)]


class ResponseStruct(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("status", c_int32),
        ("http_version", c_int32),
        ("url", c_void_p),
        ("url_len", c_size_t),
        ("headers", POINTER(HeaderStruct)),
        ("header_count", c_size_t),
        ("tls_version", c_int32),
        ("is_reused", c_int32),
        ("peer", c_void_p),
        ("peer_len", c_size_t),
        ("resolve_us", c_int64),
        ("connect_us", c_int64),
        ("tls_us", c_int64),
        ("head_us", c_int64),
    ]


class ErrorStruct(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("code", c_int32),
        ("http_status", c_int32),
        ("os_error", c_int32),
        ("will_retry", c_int32),
        ("attempt", c_int64),
        ("delay_ms", c_int64),
        ("message", c_void_p),
        ("message_len", c_size_t),
        ("headers", POINTER(HeaderStruct)),
        ("header_count", c_size_t),
        ("body", c_void_p),
        ("body_len", c_size_t),
    ]


class DocumentStruct(Structure):
    _fields_ = [("size", c_size_t), ("response", POINTER(ResponseStruct)), ("body", c_void_p), ("body_len", c_size_t)]


class RedirectStruct(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("status", c_int32),
        ("drops_credentials", c_int32),
        ("drops_body", c_int32),
        ("from_", c_void_p),
        ("from_len", c_size_t),
        ("to", c_void_p),
        ("to_len", c_size_t),
    ]


class CloseStruct(Structure):
    _fields_ = [("size", c_size_t), ("reason", c_int32), ("code", c_int32)]


class ReconnectStruct(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("retry_initial", c_int32),
        ("reserved", c_int32),
        ("delay_ms", c_int64),
        ("max_delay_ms", c_int64),
        ("factor", c_double),
        ("jitter", c_double),
        ("reset_after_ms", c_int64),
        ("max_attempts", c_int64),
        ("min_delay_ms", c_int64),
        ("max_server_delay_ms", c_int64),
    ]


class StatsStruct(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("events", c_uint64),
        ("bytes", c_uint64),
        ("attempts", c_uint64),
        ("opens", c_uint64),
        ("errors", c_uint64),
        ("open_ms", c_int64),
        ("idle_ms", c_int64),
    ]


class LogRecordStruct(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("level", c_int32),
        ("kind", c_int32),
        ("client", c_uint64),
        # NUL-terminated, without NULs inside.
        ("name", c_char_p),
        ("name_len", c_size_t),
        ("attempt", c_uint64),
        ("origin", c_char_p),
        ("origin_len", c_size_t),
        ("text", c_char_p),
        ("text_len", c_size_t),
    ]


class _RuntimeOptionsStruct(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("dispatch", c_int32),
        ("threads", c_int32),
        ("thread_name", c_char_p),
        ("on_thread_start", c_void_p),
        ("on_thread_stop", c_void_p),
        ("user", c_void_p),
        ("destroy", c_void_p),
        ("measure_latency", c_int32),
    ]


LATENCY_BUCKETS = 14


class MetricsStruct(Structure):
    _fields_ = [
        ("size", c_size_t),
        *(
            (name, c_uint64)
            for name in (
                "connecting open waiting threads queued starts attempts opens errors events bytes reconnects_end"
                " reconnects_connection reconnects_timeout reconnects_response reconnects_program reconnects_other"
                " latency_sum_ns"
            ).split()
        ),
        ("latency_counts", c_uint64 * LATENCY_BUCKETS),
    ]


_DISPATCH_MANUAL = 2
NO_LIMIT = -1
STATE_CLOSED = 4

# The last parameter is the user data: not a pointer but a stream's key.
EVENTS = CFUNCTYPE(None, c_void_p, POINTER(POINTER(EventStruct)), c_size_t, c_size_t)
COMMENT = CFUNCTYPE(None, c_void_p, POINTER(CommentStruct), c_size_t)
OPEN = CFUNCTYPE(None, c_void_p, POINTER(ResponseStruct), c_size_t)
ERROR = CFUNCTYPE(c_int32, c_void_p, POINTER(ErrorStruct), c_size_t)
REQUEST = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t)
DOCUMENT = CFUNCTYPE(None, c_void_p, POINTER(DocumentStruct), c_size_t)
REDIRECT = CFUNCTYPE(c_int32, c_void_p, POINTER(RedirectStruct), c_size_t)
CLOSE = CFUNCTYPE(None, c_void_p, POINTER(CloseStruct), c_size_t)
LOG = CFUNCTYPE(None, POINTER(LogRecordStruct), c_void_p)


def _function(name, result, *parameters, library=_library):
    function = getattr(library, f"eventsource_{name}")
    function.restype = result
    function.argtypes = parameters
    return function


def _setter(name, *parameters):
    return name, _function(name, c_int32, c_void_p, *parameters)


_BYTES = (c_char_p, c_size_t)
_HEADER = (c_char_p, c_char_p)

# What configures a client before it starts, by the C name without `eventsource_`.
setters = dict(
    [
        _setter("set_name", c_char_p),
        _setter("set_method", c_char_p),
        _setter("set_body", *_BYTES),
        _setter("set_header", *_HEADER),
        _setter("add_header", *_HEADER),
        _setter("remove_header", c_char_p),
        _setter("set_sensitive_header", *_HEADER),
        _setter("set_basic_auth", c_char_p, c_char_p),
        _setter("set_cookies", c_int32),
        _setter("share_cookies", c_void_p),
        _setter("add_cookies", c_char_p),
        _setter("set_compression", c_int32),
        _setter("set_reconnect_with_get", c_int32),
        _setter("set_last_event_id", c_char_p),
        _setter("set_mode", c_int32),
        _setter("set_reconnect", POINTER(ReconnectStruct)),
        _setter("set_connect_timeout", c_int64),
        _setter("set_response_timeout", c_int64),
        _setter("set_read_timeout", c_int64),
        _setter("set_event_timeout", c_int64),
        _setter("set_max_redirects", c_int32),
        _setter("set_max_event_size", c_size_t),
        _setter("set_end_marker", c_char_p),
        _setter("set_max_error_body", c_size_t),
        _setter("set_check_content_type", c_int32),
        _setter("set_proxy", c_char_p),
        _setter("set_no_proxy", c_char_p),
        _setter("set_unix_socket", c_char_p),
        _setter("set_key_log_file", c_char_p),
        _setter("set_interface", c_char_p),
        _setter("set_watch_network", c_int32),
        _setter("add_resolve", c_char_p),
        _setter("set_http_version", c_int32),
        _setter("set_ca_pem", *_BYTES),
        _setter("set_ca_file", c_char_p),
        _setter("set_ca_exclusive", c_int32),
        _setter("set_client_cert_pem", *_BYTES, *_BYTES),
        _setter("set_client_cert_file", c_char_p, c_char_p),
        _setter("set_pinned_keys", c_char_p),
        _setter("set_min_tls_version", c_int32),
        _setter("set_server_name", c_char_p),
        _setter("set_insecure_skip_verification", c_int32),
        _setter("set_runtime", c_void_p),
        _setter("set_user_data", c_size_t, c_void_p),
        _setter("on_events", EVENTS),
        _setter("on_comment", COMMENT),
        _setter("on_open", OPEN),
        _setter("on_error", ERROR),
        _setter("on_request", REQUEST),
        _setter("on_redirect", REDIRECT),
        _setter("on_document", DOCUMENT),
        _setter("on_close", CLOSE),
    ]
)

start = _function("start", c_int32, c_void_p)
stop = _function("stop", c_int32, c_void_p)
pause = _function("pause", c_int32, c_void_p)
unpause = _function("unpause", c_int32, c_void_p)
reconnect_now = _function("reconnect_now", c_int32, c_void_p)
set_next_delay = _function("set_next_delay", c_int32, c_void_p, c_int64)
free = _function("free", None, c_void_p)
# It waits for callbacks, which need the interpreter's lock: this one gives it up.
log_set_callback = _function("log_set_callback", c_int32, c_int32, LOG, c_void_p, c_void_p)
free_runtime = _function("runtime_free", None, c_void_p)

_version = _function("version", c_char_p)
_version_number = _function("version_number", c_int32)
_has_feature = _function("has_feature", c_int32, c_char_p)
_status_name = _function("status_name", c_char_p, c_int32)
_status_text = _function("status_text", c_char_p, c_int32)
_new = _function("new", c_void_p, c_char_p)
_check = _function("check", c_int32, c_void_p)
_get_last_error = _function("get_last_error", c_int32, c_void_p, c_char_p, c_size_t, POINTER(c_size_t))
_get_cookies = _function("get_cookies", c_int32, c_void_p, c_char_p, c_size_t, POINTER(c_size_t))
_get_state = _function("get_state", c_int32, c_void_p, POINTER(c_int32))
_get_number = _function("get_number", c_int32, c_void_p, POINTER(c_uint64))
_get_stats = _function("get_stats", c_int32, c_void_p, POINTER(StatsStruct), c_size_t)
_get_reconnect = _function("get_reconnect", c_int32, c_void_p, POINTER(ReconnectStruct), c_size_t)
_request_url = _function("request_get_url", c_int32, c_void_p, c_char_p, c_size_t, POINTER(c_size_t))
_request_method = _function("request_get_method", c_int32, c_void_p, c_char_p, c_size_t, POINTER(c_size_t))
_request_headers = _function(
    "request_get_headers", c_int32, c_void_p, POINTER(POINTER(HeaderStruct)), POINTER(c_size_t)
)
_request_body = _function("request_get_body", c_int32, c_void_p, POINTER(c_void_p), POINTER(c_size_t))
_request_attempt = _function("request_get_attempt", c_int32, c_void_p, POINTER(c_int64))
_request_cause = _function("request_get_cause", c_int32, c_void_p, POINTER(c_int32), POINTER(c_int32))
_runtime_options_init = _function("runtime_options_init", c_int32, POINTER(_RuntimeOptionsStruct), c_size_t)
_runtime_new = _function("runtime_new", c_void_p, POINTER(_RuntimeOptionsStruct))
_runtime_check = _function("runtime_check", c_int32, c_void_p)
_runtime_last_error = _function("runtime_get_last_error", c_int32, c_void_p, c_char_p, c_size_t, POINTER(c_size_t))
# A SOCKET on Windows.
_fd = c_size_t if sys.platform == "win32" else c_int32
_runtime_fd = _function("runtime_get_fd", c_int32, c_void_p, POINTER(_fd))
_runtime_metrics = _function("runtime_get_metrics", c_int32, c_void_p, POINTER(MetricsStruct), c_size_t)
# It does not wait, and keeps the interpreter's lock: what it calls needs it.
_dispatch = _function(
    "runtime_dispatch", c_int32, c_void_p, c_int64, c_int64, POINTER(c_size_t), library=_locked_library
)


def _change(name, *parameters):
    return name, _function(f"request_{name}", c_int32, c_void_p, *parameters)


# What an `on_request` can change, by the C name without `eventsource_request_`.
changes = dict(
    [
        _change("set_header", *_HEADER),
        _change("add_header", *_HEADER),
        _change("set_sensitive_header", *_HEADER),
        _change("remove_header", c_char_p),
        _change("set_basic_auth", c_char_p, c_char_p),
        _change("set_method", c_char_p),
        _change("set_url", c_char_p),
        _change("set_body", *_BYTES),
    ]
)

#: The version of the library that is running, such as "0.9.0".
version = _version().decode()
if _version_number() < 9000:
    raise ImportError(f"libeventsource {version} is too old for this package; it needs 0.9.0 or later")


def has_feature(name):
    """Whether that library has a part that a build can leave out, such as "tls". A setting that needs one that it has not is
    refused with EVENTSOURCE_ERR_UNSUPPORTED."""
    return _has_feature(name.encode()) != 0


def _made(handle, check, getter):
    """A handle, a status and a text: a client or a runtime is made also if what it was given is refused, and tells that."""
    if not handle:
        raise MemoryError("there is no memory for a stream")
    status = check(handle)
    return handle, status, _ask(getter, handle) if status != 0 else ""


def new_client(url):
    return _made(_new(url), _check, _get_last_error)


def new_runtime():
    """One whose callbacks run in `dispatch`."""
    options = _RuntimeOptionsStruct()
    _runtime_options_init(byref(options), ctypes.sizeof(options))
    options.dispatch = _DISPATCH_MANUAL
    # A look at the clock is little beside what Python costs.
    options.measure_latency = 1
    return _made(_runtime_new(byref(options)), _runtime_check, _runtime_last_error)


def metrics(runtime):
    metrics = MetricsStruct()
    _runtime_metrics(runtime, byref(metrics), ctypes.sizeof(metrics))
    return metrics


def runtime_descriptor(runtime):
    descriptor = _fd()
    _runtime_fd(runtime, byref(descriptor))
    return descriptor.value


def dispatch(runtime, turns):
    """Runs the callbacks that are due, at most so many turns."""
    _dispatch(runtime, 0, turns, None)


def state(client):
    number = c_int32()
    _get_state(client, byref(number))
    return number.value


def number(client):
    number = c_uint64()
    _get_number(client, byref(number))
    return number.value


def stats(client):
    stats = StatsStruct()
    _get_stats(client, byref(stats), ctypes.sizeof(stats))
    return stats


def reconnect_policy(client):
    """The client's policy, to be changed and given to `set_reconnect`."""
    policy = ReconnectStruct()
    _get_reconnect(client, byref(policy), ctypes.sizeof(policy))
    return policy


def _ask(getter, handle):
    """What a getter of a text tells, however long it is."""
    length = c_size_t()
    getter(handle, None, 0, byref(length))
    while True:
        buffer = ctypes.create_string_buffer(length.value + 1)
        getter(handle, buffer, len(buffer), byref(length))
        # It may have become longer meanwhile: then it is cut, or not there, and is asked for again.
        if length.value < len(buffer):
            return buffer.raw[: length.value].decode(errors="replace")


def last_error(client):
    return _ask(_get_last_error, client)


def cookies(client):
    return _ask(_get_cookies, client)


def request_facts(request):
    """The request's attempt, and what went wrong before: a status and an HTTP status."""
    attempt, code, http_status = c_int64(), c_int32(), c_int32()
    _request_attempt(request, byref(attempt))
    _request_cause(request, byref(code), byref(http_status))
    return attempt.value, code.value, http_status.value


def request_url(request):
    return _ask(_request_url, request)


def request_method(request):
    return _ask(_request_method, request)


def request_headers(request):
    headers, count = POINTER(HeaderStruct)(), c_size_t()
    _request_headers(request, byref(headers), byref(count))
    return headers_at(headers, count.value)


def request_body(request):
    body, length = c_void_p(), c_size_t()
    _request_body(request, byref(body), byref(length))
    return string_at(body, length.value) if body else b""


def status_name(status):
    return _status_name(status).decode()


def status_text(status):
    return _status_text(status).decode()


def bytes_at(pointer, length):
    """Bytes that C lends."""
    return string_at(pointer, length)


def text_at(pointer, length):
    """Text that C lends, which may be empty or hold NULs."""
    return string_at(pointer, length).decode(errors="replace")


def headers_at(headers, count):
    """Response headers as pairs of name and value, in the order in which they came."""
    return [
        (text_at(header.name, header.name_len), text_at(header.value, header.value_len))
        for header in (headers[i] for i in range(count))
    ]
