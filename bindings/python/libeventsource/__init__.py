"""Event streams (Server-Sent Events) that stay alive: libeventsource for Python.

    with Stream("https://example.com/stream") as stream:
        for event in stream:
            print(event.type, event.data)

and the same with `async with` and `async for`. The README says what to know.
"""

from ._errors import EventSourceError, SettingError, StreamError
from ._log import start_logging, stop_logging
from ._metrics import Metrics, metrics
from ._native import has_feature, version
from ._settings import Cookies
from ._stream import Document, Event, Redirect, Request, Response, Stats, Stream

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
