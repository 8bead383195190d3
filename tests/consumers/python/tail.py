"""Prints the events of a stream: libeventsource from Python, by cffi, which reads the C header itself.

    python3 tail.py URL [COUNT]     until the server asks for the end, or COUNT events have come

The library's threads call; cffi takes the interpreter's lock for each call, and gives it up while Python calls the
library. A slow callback holds back its stream.
"""

import pathlib
import re
import subprocess
import sys

from cffi import FFI


def bind():
    """Everything that the header declares, with its own types and constants."""
    where = subprocess.check_output(["pkg-config", "--variable=includedir", "eventsource"], text=True)
    header = pathlib.Path(where.strip(), "eventsource.h").read_text(encoding="utf-8")
    # cffi knows what the two standard headers would say, and no preprocessor.
    command = ["cc", "-E", "-P", "-std=c11", "-"]
    plain = subprocess.check_output(command, input=re.sub("#include.*", "", header), text=True)
    constants = re.findall(r"#define EVENTSOURCE_\w+ -?\d+$", header, re.MULTILINE)
    ffi = FFI()
    ffi.cdef("\n".join([plain, *constants]))
    return ffi, ffi.dlopen("libeventsource.so.0")


ffi, lib = bind()


class StreamError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def check(status):
    if status != lib.EVENTSOURCE_OK:
        raise StreamError(status, ffi.string(lib.eventsource_status_text(status)).decode())


def text(pointer, length):
    return ffi.unpack(pointer, length).decode()


def follow(url, each):
    """Follows a stream to its end. An event that `each` answers with False is the last."""
    failure = None

    # What raises in a callback is told nobody: cffi prints it, and the stream goes on. So it is kept.
    def keep(exception, value, _traceback):
        nonlocal failure
        failure = value
        lib.eventsource_stop(es)

    @ffi.callback("eventsource_event_fn", onerror=keep)
    def on_event(es, event, _user):
        if not each(text(event.type, event.type_len), text(event.data, event.data_len)):
            lib.eventsource_stop(es)

    @ffi.callback("eventsource_error_fn", onerror=keep)
    def on_error(_es, error, _user):
        nonlocal failure
        failure = None if error.will_retry else StreamError(error.code, text(error.message, error.message_len))
        return lib.EVENTSOURCE_DEFAULT

    made = ffi.new("eventsource_t **")
    check(lib.eventsource_new(url.encode(), made))
    es = made[0]
    try:
        check(lib.eventsource_on_event(es, on_event))
        check(lib.eventsource_on_error(es, on_error))
        check(lib.eventsource_start(es))
        # In pieces: Python answers Ctrl-C between them.
        while (status := lib.eventsource_wait(es, 200)) == lib.EVENTSOURCE_ERR_TIMEOUT:
            pass
        check(status)
    finally:
        lib.eventsource_free(es)
    if failure:
        raise failure


def main(url, count=sys.maxsize):
    left = int(count)

    def each(event_type, data):
        nonlocal left
        left -= 1
        print(f"{event_type}: {data}", flush=True)
        return left > 0

    follow(url, each)


main(*sys.argv[1:])
