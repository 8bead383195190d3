"""The interface of the package httpx-sse, on the streams of this package: they reconnect.

    with httpx.Client() as client, connect_sse(client, "GET", "https://example.com/stream") as event_source:
        for sse in event_source.iter_sse():
            print(sse.event, sse.data, sse.id)

The client makes the request: its base URL, headers, cookies, parameters, authentication, timeouts and whether it follows redirects
count. The library sends the request, not the client's transport: proxies, TLS settings and mounts go into `options`. httpx need not be
installed: the client can be None.
"""

import contextlib
import dataclasses
import json as _json
import math
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from . import Response, Stream, StreamError

__all__ = ["EventSource", "SSEError", "ServerSentEvent", "aconnect_sse", "connect_sse"]

#: What the loop raises, and entering `connect_sse`: httpx-sse's name for it.
SSEError = StreamError

# The library sets these by itself.
_OWN_HEADERS = {"accept-encoding", "connection", "content-length", "host", "transfer-encoding"}
_SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization"}


@dataclasses.dataclass(frozen=True)
class ServerSentEvent:
    """One event. `retry` is always None: what the server asks for in it, the library does."""

    event: str = "message"
    data: str = ""
    id: str = ""
    retry: int | None = None

    def json(self) -> Any:
        """The data, which is JSON."""
        return _json.loads(self.data)


class EventSource:
    """An open stream. `response` is this package's Response: it has `status`, `url` and `headers`, as pairs."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @property
    def response(self) -> Response | None:
        """The response that opened the stream whose events are being read; None if the server asked for the end instead."""
        return self._stream.response

    def iter_sse(self) -> Iterator[ServerSentEvent]:
        """The events, over reconnects. A GET ends when the server asks for the end (204); other requests with their response."""
        for event in self._stream:
            yield ServerSentEvent(event.type, event.data, event.last_event_id)

    async def aiter_sse(self) -> AsyncIterator[ServerSentEvent]:
        """The same, in an event loop."""
        async for event in self._stream:
            yield ServerSentEvent(event.type, event.data, event.last_event_id)


@contextlib.contextmanager
def connect_sse(
    client: Any, method: str, url: str, *, options: Mapping[str, Any] | None = None, **kwargs: Any
) -> Iterator[EventSource]:
    """Connects, and gives an EventSource; at the end of the block, the stream is closed.

    client: an httpx.Client, or None; url and kwargs: what `client.stream` takes, without a client `headers`, `content` and `json`;
    options: options of `Stream`, in place of what follows from the client. An answer that opens no stream is an SSEError.
    """
    with _stream(client, method, url, options, kwargs) as stream:
        stream.open()
        yield EventSource(stream)


@contextlib.asynccontextmanager
async def aconnect_sse(
    client: Any, method: str, url: str, *, options: Mapping[str, Any] | None = None, **kwargs: Any
) -> AsyncIterator[EventSource]:
    """The same, in an event loop; the client is an httpx.AsyncClient, or None."""
    async with _stream(client, method, url, options, kwargs) as stream:
        await stream.aopen()
        yield EventSource(stream)


def _stream(client: Any, method: str, url: str, options: Mapping[str, Any] | None, kwargs: dict[str, Any]) -> Stream:
    made = _plain(**kwargs) if client is None else _of_client(client, method, url, **kwargs)
    return Stream(**{"url": url, "method": method, **made, **(options or {})})


def _plain(*, headers: Mapping[str, str] | None = None, content: str | bytes | None = None, json: Any = None) -> dict[str, Any]:
    if json is None:
        return {"headers": headers, "body": content}
    return {"headers": {"Content-Type": "application/json", **(headers or {})}, "body": _json.dumps(json)}


def _of_client(
    client: Any, method: str, url: str, *, auth: Any = None, follow_redirects: bool | None = None, **kwargs: Any
) -> dict[str, Any]:
    """Options of a stream that makes the request as the client would."""
    request = client.build_request(method, url, **kwargs)
    made: dict[str, Any] = {"url": str(request.url.copy_with(fragment=None)), "body": request.read() or None}

    auth = client.auth if auth is None else auth
    if isinstance(auth, tuple):
        made["basic_auth"] = auth
    elif auth is not None:
        # It sets headers, before it waits for the response.
        flow = auth.sync_auth_flow(request)
        request = next(flow)
        flow.close()

    headers, secrets = [], []
    for name, value in request.headers.multi_items():
        if name in _SECRET_HEADERS:
            secrets.append((name, value))
        # "Anything" is what httpx says by itself; the library asks for an event stream.
        elif name not in _OWN_HEADERS and (name, value) != ("accept", "*/*"):
            headers.append((name, value))
    made |= {"headers": headers, "sensitive_headers": secrets}

    if not (client.follow_redirects if follow_redirects is None else follow_redirects):
        made["max_redirects"] = 0
    limits = request.extensions.get("timeout", {})
    for option, limit in (("connect_timeout", "connect"), ("response_timeout", "read"), ("read_timeout", "read")):
        if limit in limits:
            made[option] = math.inf if limits[limit] is None else limits[limit]
    return made
