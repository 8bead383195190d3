"""Who calls the library, so that the library calls back: a loop that waits on a stream, or asyncio's.

Each hub is a runtime of the library with manual dispatch. Its callbacks run while one of Python's own threads is in
`dispatch`, and nowhere else.
"""

import asyncio
import atexit
import contextlib
import itertools
import os
import select
import sys
import threading
import weakref

from . import _log, _native
from ._errors import IN_CALLBACK, EventSourceError

# Turns before a loop does something else; one can be 64 KiB of events.
_TURNS = 8

_keys = itertools.count(1)
# Weak references to the streams that run, by their keys, which are the clients' user data.
_streams: dict = {}


def new_key():
    return next(_keys)


def _stream(key):
    reference = _streams.get(key)
    return reference and reference()


# What these let out, ctypes would print and forget. What an `on_request` or `on_error` raises is for the loop that reads the
# stream. In the others nothing of the program's runs: an exception there is a signal handler's, and must not be lost either.
# The names are told apart by call_out.


def _eventsource_on_events(_es, events, count, key):
    stream = _stream(key)
    if stream is not None:
        try:
            stream._take_events(events, count)
        except BaseException as error:
            stream._hub.interrupted(stream, error)


def _eventsource_on_comment(_es, comment, key):
    stream = _stream(key)
    if stream is not None:
        try:
            stream._take_comment(comment.contents)
        except BaseException as error:
            stream._hub.interrupted(stream, error)


def _eventsource_on_open(_es, response, key):
    stream = _stream(key)
    if stream is not None:
        try:
            stream._take_open(response.contents)
        except BaseException as error:
            stream._hub.interrupted(stream, error)


def _eventsource_on_document(_es, document, key):
    stream = _stream(key)
    if stream is not None:
        try:
            stream._take_document(document.contents)
        except BaseException as error:
            stream._hub.interrupted(stream, error)


def _eventsource_on_close(_es, close, key):
    stream = _stream(key)
    if stream is not None:
        try:
            stream._take_close(close.contents.reason, close.contents.code)
        except BaseException as error:
            stream._hub.interrupted(stream, error)


_DECISION_CLOSE = 2
_REDIRECT_REFUSE = 1


def _eventsource_on_error(_es, error, key):
    stream = _stream(key)
    try:
        return _DECISION_CLOSE if stream is None else stream._take_error(error.contents)
    except BaseException as raised:
        stream._fail(raised)
    return _DECISION_CLOSE


def _eventsource_on_request(_es, request, key):
    stream = _stream(key)
    try:
        return _DECISION_CLOSE if stream is None else stream._take_request(request)
    except BaseException as raised:
        stream._fail(raised)
    return _DECISION_CLOSE


def _eventsource_on_redirect(_es, redirect, key):
    stream = _stream(key)
    try:
        return _REDIRECT_REFUSE if stream is None else stream._take_redirect(redirect.contents)
    except BaseException as raised:
        stream._fail(raised)
    return _REDIRECT_REFUSE


# One of each serves all streams, for as long as the process lives.
ON_EVENTS = _native.EVENTS(_eventsource_on_events)
ON_COMMENT = _native.COMMENT(_eventsource_on_comment)
ON_OPEN = _native.OPEN(_eventsource_on_open)
ON_ERROR = _native.ERROR(_eventsource_on_error)
ON_REQUEST = _native.REQUEST(_eventsource_on_request)
ON_DOCUMENT = _native.DOCUMENT(_eventsource_on_document)
ON_REDIRECT = _native.REDIRECT(_eventsource_on_redirect)
ON_CLOSE = _native.CLOSE(_eventsource_on_close)


# What a signal handler has raised before a callback's first line, while the main thread is in call_out.
_missed = None


def call_out(function, *arguments):
    """Calls a function of the library that calls back.

    Signal handlers run in the main thread, and can raise before the first line of a callback, where nothing in it can catch
    that; ctypes hands it to sys.unraisablehook. It is what this returns, or None.
    """
    if threading.current_thread() is not threading.main_thread():
        function(*arguments)
        return None
    global _missed
    previous = sys.unraisablehook
    main = threading.get_ident()

    def hook(unraisable):
        global _missed
        # The log's callback comes in other threads, too: what its handlers raise there is nobody's.
        if threading.get_ident() == main and "_eventsource_on_" in f"{unraisable.err_msg}{unraisable.object!r}":
            _missed = unraisable.exc_value
        else:
            previous(unraisable)

    try:
        sys.unraisablehook = hook
        function(*arguments)
    finally:
        sys.unraisablehook = previous
        missed, _missed = _missed, None
    return missed


class _Place(threading.local):
    """Where a thread is."""

    # The hub that it has dispatched last.
    hub = None


_place = _Place()


def check_may_wait():
    """The library does not call back in a thread that it is calling: who waited there for a stream would wait for ever."""
    hub = _place.hub
    if hub is not None and hub._dispatching.locked() and hub._dispatcher == threading.get_ident():
        raise EventSourceError(IN_CALLBACK, "on_error, on_request and on_redirect cannot wait for a stream")
    if _log.is_writing():
        raise EventSourceError(IN_CALLBACK, "a handler of the log cannot wait for a stream")


class _Hub:
    """A runtime, made for its first stream and freed after its last."""

    def __init__(self):
        self.lock = threading.RLock()
        self.runtime = None
        self._keys = set()
        # The streams that the library has called in this dispatch.
        self._called = set()
        # Held in a dispatch, by the thread of this number.
        self._dispatching = threading.Lock()
        self._dispatcher = None
        self._interrupt = None
        # What the last dispatch was left by.
        self._left = None
        _hubs.add(self)

    def add(self, key, stream):
        """Puts a stream on the runtime."""
        with self.lock:
            if self.runtime is None:
                runtime, status, reason = _native.new_runtime()
                if status != 0:
                    _native.free_runtime(runtime)
                    raise EventSourceError(status, reason)
                try:
                    self._begin(_native.runtime_descriptor(runtime))
                    self.runtime = runtime
                except BaseException:
                    _native.free_runtime(runtime)
                    raise
            self._keys.add(key)
            _streams[key] = weakref.ref(stream)

    def remove(self, key):
        """Takes a stream away whose client has been freed."""
        with self.lock:
            _streams.pop(key, None)
            self._keys.discard(key)
            self._end_if_idle()

    def _free_runtime(self):
        runtime, self.runtime = self.runtime, None
        if runtime is not None:
            _native.free_runtime(runtime)

    def called(self, stream):
        self._called.add(stream)

    def interrupted(self, stream, error):
        """A signal handler has raised in a callback: the stream may lack an event, and has to end."""
        stream._fail(error)
        self._interrupt = error

    def raise_if_interrupted(self):
        """In a callback: an earlier one may have been missed, and nothing may be taken after what is lost."""
        if self._interrupt is not None:
            raise self._interrupt
        if _missed is not None and threading.current_thread() is threading.main_thread():
            raise _missed

    def _dispatch(self):
        """Runs callbacks that are due. The streams that were called."""
        with self._dispatching:
            if self.runtime is None:
                return ()
            self._dispatcher = threading.get_ident()
            _place.hub = self
            if self._left is not None:
                # Signals that follow closely can interrupt also what is done about the first: nothing is taken before it is done.
                self._check(self._left)
                self._left = self._interrupt = None
            try:
                interrupt = call_out(_native.dispatch, self.runtime, _TURNS)
                if interrupt is not None:
                    self._interrupt = interrupt
                if self._interrupt is not None:
                    self._check(self._interrupt)
                    raise self._interrupt
                called, self._called = self._called, set()
            except BaseException as error:
                self._left = error
                # Without its traceback, which holds the streams that the frames have.
                with contextlib.suppress(TypeError):
                    self._left = type(error).__new__(type(error), *error.args)
                raise
        return called

    def _check(self, interrupt):
        # Which stream has missed a call is not known, but which have missed events is.
        for key in list(self._keys):
            stream = _stream(key)
            if stream is not None:
                stream._check(interrupt)


class LoopHub(_Hub):
    """For `for` loops. Of the threads that wait, one waits on the runtime for all; the others wait until it has something."""

    def __init__(self):
        super().__init__()
        self.leader = None
        self.leading_thread = None
        self._waiting = []
        self._poller = None

    def _begin(self, descriptor):
        self._poller = _Poller(descriptor)

    def _end_if_idle(self):
        if not self._keys and self.leader is None:
            self._free_runtime()

    def wait(self, stream):
        """Returns when there is something to read, or a signal handler has raised."""
        check_may_wait()
        try:
            with self.lock:
                # One that this thread has been is so no longer: a signal handler raised, or reads now itself.
                while not stream._ready() and self.leader is not None and self.leading_thread != threading.get_ident():
                    self._waiting.append(stream)
                    try:
                        stream._changed.wait()
                    finally:
                        self._waiting.remove(stream)
                if stream._ready():
                    return
                self.leading_thread = threading.get_ident()
                self.leader = stream
            self._poller.wait()
            called = self._dispatch()
            with self.lock:
                for other in called:
                    other._changed.notify_all()
        finally:
            with self.lock:
                if self.leader is stream:
                    self.leader = self.leading_thread = None
                    stream._changed.notify_all()
                # Also a thread that had its events when its turn to lead came passes the turn on.
                if self.leader is None:
                    if self._waiting:
                        self._waiting[0]._changed.notify_all()
                    self._end_if_idle()


class AsyncHub(_Hub):
    """For `async for`: the event loop waits on the runtime."""

    def __init__(self, loop):
        super().__init__()
        self.loop = loop
        self._thread = threading.get_ident()
        self._descriptor = None

    def _begin(self, descriptor):
        self._descriptor = descriptor
        self.loop.add_reader(descriptor, self._readable)

    def _readable(self):
        try:
            called = self._dispatch()
        finally:
            self._end_if_idle()
        for stream in called:
            stream._wake()

    def _end_if_idle(self):
        if self._keys or self.runtime is None or self._dispatching.locked():
            return
        if self.loop.is_closed():
            self._free_runtime()
        elif threading.get_ident() != self._thread:
            # The garbage collector may be in any thread; the loop's reader is the loop's.
            self.loop.call_soon_threadsafe(self._end_if_idle)
        else:
            self.loop.remove_reader(self._descriptor)
            self._free_runtime()
            if _async_hubs.get(self.loop) is self:
                del _async_hubs[self.loop]


class _Poller:
    """Waits until a descriptor is readable. A signal handler that raises ends the wait."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._poll = None
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLIN)

    def wait(self):
        if self._poll is not None:
            self._poll.poll()
        else:
            select.select([self._descriptor], [], [])


_hubs: weakref.WeakSet = weakref.WeakSet()
_main_hub = LoopHub()
_thread_hub = LoopHub()
_async_hubs: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def loop_hub(own):
    """The hub for a `for` loop in this thread; `own`: one for this stream alone, because its handlers may block."""
    if own:
        return LoopHub()
    # Signal handlers raise in the main thread: that must not happen to a stream that another thread reads.
    return _main_hub if threading.current_thread() is threading.main_thread() else _thread_hub


def async_hub():
    """The hub of the event loop that runs in this thread."""
    loop = asyncio.get_running_loop()
    if loop not in _async_hubs:
        _async_hubs[loop] = AsyncHub(loop)
    return _async_hubs[loop]


def _after_fork():
    # What the parent had cannot be used here, its locks least of all.
    global _main_hub, _thread_hub, _async_hubs, _hubs
    _hubs = weakref.WeakSet()
    _main_hub = LoopHub()
    _thread_hub = LoopHub()
    _async_hubs = weakref.WeakKeyDictionary()
    _streams.clear()


def _at_exit():
    # From now on no thread gets into a dispatch: it could not come back through the library's frames once Python ends.
    for hub in list(_hubs):
        hub._dispatching.acquire(timeout=1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)


def runtimes():
    """Those that there are now. One that is freed meanwhile says so to who asks."""
    return [runtime for hub in list(_hubs) if (runtime := hub.runtime) is not None]
