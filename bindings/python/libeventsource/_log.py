"""The library's log, passed to Python's.

Here alone the library calls Python in threads that are not Python's own. At the end of the interpreter that is taken back while
it is still possible; what is being written then is waited for.
"""

import atexit
import logging
import os
import threading

from . import _native
from ._errors import IN_CALLBACK, EventSourceError

_LOGGER = logging.getLogger("libeventsource")
_LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO, 4: logging.DEBUG}
_OFF = 0
_KINDS = {
    1: "request",
    2: "redirect",
    3: "open",
    4: "error",
    5: "wait",
    6: "close",
    7: "http",
    8: "tls",
    9: "call",
    10: "thread",
    11: "fault",
    12: "network",
}

# Held while the callback is set, which waits for records that are being written: who writes one must not wait for it.
_lock = threading.RLock()
_writing = threading.local()
_level = _OFF
_has_ended = False


def start_logging(level=logging.INFO):
    """Passes the library's log to the logger "libeventsource", from a level of `logging` on: its number or its name.

    A record has, beside what all have: `client`, the number of the stream that it is about, or None; `client_name`, the stream's
    `name`, or ""; `attempt`, counted from 1 since the stream was made; `origin` of its URL; `kind`, such as "open" or "error"; and
    `text`, what happened, without those. The message has all of them but `kind`.

    A record is written where it arises, in a thread of the library's or in one that calls it, which waits meanwhile. A handler
    may use streams but not wait for their events, and it cannot change the logging. The end of the interpreter ends it. After `fork` it goes on in the child.

    A signal handler that raises, as Ctrl-C's does, can leave the lock of a handler taken if `logging` is at work in the main
    thread just then, as in any program: other threads that log then wait for ever, the library's, too. A program that goes on
    after such an exception reads its streams in another thread, where signal handlers do not run.
    """
    number = logging.getLevelName(level) if isinstance(level, str) else level
    if isinstance(number, bool) or not isinstance(number, int):
        raise (ValueError if isinstance(level, str) else TypeError)(f"level: a level of logging is wanted, not {level!r}")
    _set(max((ours for ours, theirs in _LEVELS.items() if theirs >= number), default=_OFF))


def stop_logging():
    """Ends what `start_logging` has begun. When it returns, no record is being written."""
    _set(_OFF)


def is_writing():
    """Whether this thread is writing a record."""
    return getattr(_writing, "is_so", False)


def _set(level):
    if is_writing():
        raise EventSourceError(IN_CALLBACK, "a handler of the log cannot change the logging")
    global _level
    with _lock:
        if _has_ended:
            return
        _level = level
        status = _native.log_set_callback(level, _ON_LOG, None, None)
    if status != 0:
        raise EventSourceError(status)


# The name is one that call_out knows.
def _eventsource_on_log(record, _user):
    try:
        _writing.is_so = True
        _write(record.contents)
    finally:
        _writing.is_so = False


_ON_LOG = _native.LOG(_eventsource_on_log)


def _write(record):
    level = _LEVELS.get(record.level, logging.DEBUG)
    if not _LOGGER.isEnabledFor(level):
        return
    name, origin, text = record.name.decode(), record.origin.decode(), record.text.decode()
    about = []
    if record.client:
        about.append(f"client {record.client} ({name})" if name else f"client {record.client}")
    if record.attempt:
        about.append(f"attempt {record.attempt}")
    if origin:
        about.append(origin)
    _LOGGER.log(
        level,
        ": ".join([", ".join(about), text] if about else [text]),
        extra={
            "client": record.client or None,
            "client_name": name,
            "attempt": record.attempt,
            "origin": origin,
            "kind": _KINDS.get(record.kind, str(record.kind)),
            "text": text,
        },
    )


def _after_fork():
    global _lock
    _lock = threading.RLock()
    # The child's library logs nowhere, until it is told.
    if _level != _OFF and not _has_ended:
        _native.log_set_callback(_level, _ON_LOG, None, None)


def _at_exit():
    global _has_ended
    with _lock:
        _has_ended = True
        _native.log_set_callback(_OFF, _ON_LOG, None, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
