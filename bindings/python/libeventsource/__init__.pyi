# The types of the package's names. What each means, its docstring says; `help(libeventsource.Stream)` shows it.
import dataclasses
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Literal, TypedDict

from typing_extensions import Self

version: str

def has_feature(name: str) -> bool: ...
def start_logging(level: int | str = 20) -> None: ...
def stop_logging() -> None: ...

# Seconds, or a timedelta; math.inf for no limit.
_Time = float | timedelta
# Text is sent as UTF-8.
_Content = str | bytes | bytearray | memoryview
_Value = str | Iterable[str]
_Headers = Mapping[str, _Value] | Iterable[tuple[str, _Value]]
# None: the header is not sent.
_HeadersOrNone = Mapping[str, _Value | None] | Iterable[tuple[str, _Value | None]]
_Path = str | os.PathLike[str]
_Decision = Literal["retry", "close"] | None
_RedirectDecision = Literal["follow", "refuse", "follow-with-body", "follow-with-credentials"] | None

class _ReconnectPolicy(TypedDict, total=False):
    retry_initial: bool
    delay: _Time
    max_delay: _Time
    factor: float
    jitter: float
    reset_after: _Time
    # math.inf for no limit.
    max_attempts: float
    min_delay: _Time
    max_server_delay: _Time

@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    type: str
    data: str
    last_event_id: str
    origin: str

@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    status: int
    http_version: str
    url: str
    headers: list[tuple[str, str]]
    tls_version: str | None
    is_reused: bool
    peer: str
    resolve_time: float | None
    connect_time: float | None
    tls_time: float | None
    head_time: float | None

@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    response: Response
    body: bytes

@dataclasses.dataclass(frozen=True, slots=True)
class Redirect:
    status: int
    from_url: str
    to_url: str
    drops_credentials: bool
    drops_body: bool

@dataclasses.dataclass(frozen=True, slots=True)
class Stats:
    events: int
    bytes: int
    attempts: int
    opens: int
    errors: int
    open_for: float | None
    idle_for: float | None

@dataclasses.dataclass(frozen=True, slots=True)
class Metrics:
    connecting: int
    open: int
    waiting: int
    threads: int
    queued: int
    starts: int
    attempts: int
    opens: int
    errors: int
    events: int
    bytes: int
    reconnects_end: int
    reconnects_connection: int
    reconnects_timeout: int
    reconnects_response: int
    reconnects_program: int
    reconnects_other: int
    latency_sum_ns: int
    latency_counts: tuple[int, ...]

def metrics() -> Metrics: ...

class Request:
    attempt: int
    cause: str | None
    cause_http_status: int
    def __init__(self, request: int) -> None: ...
    @property
    def url(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
    @property
    def body(self) -> bytes: ...
    def set_header(self, name: str, value: str) -> None: ...
    def add_header(self, name: str, value: str) -> None: ...
    def set_sensitive_header(self, name: str, value: str) -> None: ...
    def remove_header(self, name: str) -> None: ...
    def set_basic_auth(self, user: str, password: str) -> None: ...
    def set_method(self, method: str) -> None: ...
    def set_url(self, url: str) -> None: ...
    def set_body(self, body: _Content) -> None: ...

class EventSourceError(Exception):
    status: int
    code: str
    def __init__(self, status: int, message: str = "") -> None: ...

class SettingError(EventSourceError, ValueError):
    setting: str
    def __init__(self, setting: str, status: int, message: str = "") -> None: ...

class StreamError(EventSourceError):
    http_status: int
    os_error: int
    will_retry: bool
    attempt: int
    delay: float
    headers: list[tuple[str, str]]
    body: str
    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        http_status: int = 0,
        os_error: int = 0,
        will_retry: bool = False,
        attempt: int = 0,
        delay: float = 0.0,
        headers: Iterable[tuple[str, str]] = (),
        body: str = "",
    ) -> None: ...

class Cookies:
    def __init__(self, text: str = "") -> None: ...
    def add(self, text_of_cookies: str) -> None: ...
    @property
    def text(self) -> str: ...
    def __del__(self) -> None: ...

class Stream(Iterator[Event], AsyncIterator[Event]):
    def __init__(
        self,
        url: str,
        *,
        on_open: Callable[[Response], Awaitable[None] | None] | None = None,
        on_comment: Callable[[str], Awaitable[None] | None] | None = None,
        on_error: Callable[[StreamError], _Decision | float] | None = None,
        on_request: Callable[[Request], _Decision] | None = None,
        on_redirect: Callable[[Redirect], _RedirectDecision] | None = None,
        on_document: Callable[[Document], Awaitable[None] | None] | None = None,
        buffer_size: int = 262144,
        name: str | None = None,
        method: str | None = None,
        body: _Content | None = None,
        headers: _HeadersOrNone | None = None,
        sensitive_headers: _Headers | None = None,
        basic_auth: tuple[str, str] | None = None,
        cookies: Cookies | None = None,
        compression: bool | None = None,
        reconnect_with_get: bool | None = None,
        last_event_id: str | None = None,
        mode: Literal["auto", "keep-alive", "once", "until-end"] | None = None,
        reconnect: _ReconnectPolicy | None = None,
        connect_timeout: _Time | None = None,
        response_timeout: _Time | None = None,
        read_timeout: _Time | None = None,
        event_timeout: _Time | None = None,
        max_redirects: int | None = None,
        max_event_size: int | None = None,
        end_marker: str | None = None,
        max_error_body: int | None = None,
        check_content_type: bool | None = None,
        proxy: str | None = None,
        no_proxy: str | None = None,
        unix_socket: _Path | None = None,
        interface: str | None = None,
        watch_network: bool | None = None,
        resolve: str | Iterable[str] | None = None,
        http_version: Literal["default", "1.1", "2"] | None = None,
        ca_pem: _Content | None = None,
        ca_file: _Path | None = None,
        ca_exclusive: bool | None = None,
        client_cert_pem: _Content | tuple[_Content, _Content] | None = None,
        client_cert_file: _Path | tuple[_Path, _Path] | None = None,
        pinned_keys: str | None = None,
        min_tls_version: Literal["1.2", "1.3"] | None = None,
        server_name: str | None = None,
        insecure_skip_verification: bool | None = None,
        key_log_file: _Path | None = None,
    ) -> None: ...
    @property
    def number(self) -> int: ...
    @property
    def last_event_id(self) -> str: ...
    @property
    def state(self) -> Literal["idle", "connecting", "open", "waiting", "closed"]: ...
    @property
    def close_reason(self) -> Literal["stopped", "server", "failed", "end-of-stream"] | None: ...
    @property
    def response(self) -> Response | None: ...
    @property
    def stats(self) -> Stats | None: ...
    def reconnect_now(self) -> None: ...
    def open(self) -> Response | None: ...
    async def aopen(self) -> Response | None: ...
    def close(self) -> None: ...
    async def aclose(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Event: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> Event: ...
    def __del__(self) -> None: ...

__all__ = [
    "Cookies",
    "Document",
    "Event",
    "EventSourceError",
    "Metrics",
    "Redirect",
    "Request",
    "Response",
    "SettingError",
    "Stats",
    "Stream",
    "StreamError",
    "has_feature",
    "metrics",
    "start_logging",
    "stop_logging",
    "version",
]
