"""The project's test server, and programs to run beside it."""

import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
import unittest

_SERVER = os.environ.get("EVENTSOURCE_TEST_SERVER")
if not _SERVER:
    raise RuntimeError("EVENTSOURCE_TEST_SERVER must name the test server")
PACKAGE = pathlib.Path(__file__).parent.parent
# How long a test waits for the next thing to happen, in seconds. It says that something hangs, not how fast a machine is.
PATIENCE = 60 * int(os.environ.get("CHECK_SLOW", 1))


def serve(*options):
    """Starts a server that ends with this process. Its URL."""
    server = subprocess.Popen([_SERVER, "--for", "3600", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _servers.append(server)
    return server.stdout.readline().split()[-1]


_servers = []


def tearDownModule():
    while _servers:
        server = _servers.pop()
        server.communicate()


class ServerTest(unittest.TestCase):
    """Tests with a server at `url`."""

    @classmethod
    def setUpClass(cls):
        cls.url = serve()
        cls.addClassCleanup(tearDownModule)

    def assert_threads(self, most):
        """No more threads than so many, once those that have ended are gone from the system's list."""
        end = time.monotonic() + PATIENCE
        while thread_count() > most and time.monotonic() < end:
            time.sleep(0.001)
        self.assertLessEqual(thread_count(), most)


def start(url, program, **options):
    """Starts a program of a few lines, which has `Stream` and `url`, after its line "ready"."""
    text = f"import asyncio, os, signal, sys, threading, time\nfrom libeventsource import *\nurl = {url!r}\n{program}"
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", text],
        cwd=PACKAGE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As from a terminal, also where the tests run in a script's background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


# How such a program begins that keeps what is logged.
LOGGING = """
import collections, logging
class Lines(logging.Handler):
    lines = collections.deque(maxlen=10000)
    def emit(self, record):
        self.lines.append((record.kind, record.getMessage()))
logging.getLogger("libeventsource").addHandler(Lines())
logging.getLogger("libeventsource").setLevel(logging.DEBUG)
start_logging("DEBUG")
"""


def run(url, program):
    """How a program ended: its status, and what it wrote to stdout and stderr."""
    return end_of(start(url, program))


def end_of(process):
    """The same of a program that has been started. It may take any time, if it writes a line now and then: who is silent for
    too long says where each of its threads is, and is ended."""
    lines = queue.Queue()

    def read(stream, text):
        with stream:
            for line in stream:
                lines.put((text, line))
        lines.put((text, None))

    out, err = [], []
    for stream, text in ((process.stdout, out), (process.stderr, err)):
        threading.Thread(target=read, args=(stream, text), daemon=True).start()
    reading = 2
    try:
        while reading:
            text, line = lines.get(timeout=PATIENCE)
            if line is None:
                reading -= 1
            else:
                text.append(line)
    except queue.Empty:
        err.append(f"It was silent for {PATIENCE} s.\n")
        # faulthandler's.
        process.send_signal(signal.SIGABRT)
        process.wait(PATIENCE)
        while not lines.empty():
            err.append(lines.get()[1] or "")
    finally:
        process.kill()
        process.wait()
    return process.returncode, "".join(out), "".join(err)


def thread_count():
    return len(os.listdir("/proc/self/task"))


def descriptor_count():
    return len(os.listdir("/proc/self/fd"))


def ids(events):
    return [int(event.last_event_id) for event in events]


def up_to(count):
    return list(range(1, count + 1))
