"""The library's log comes to Python's, and is in nobody's way."""

import logging
import os
import threading
import unittest

from libeventsource import EventSourceError, Stream, StreamError, start_logging, stop_logging

from .support import LOGGING, PATIENCE, ServerTest, run
from .test_exit import RUNNING


class Log(ServerTest):
    def setUp(self):
        self.addCleanup(stop_logging)

    def logged(self, level, path, **options):
        """What a stream logs, read to its end, and the stream."""
        start_logging(level)
        with self.assertLogs("libeventsource", logging.DEBUG) as logs, Stream(self.url + path, **options) as stream:
            try:
                list(stream)
            except StreamError:
                pass
            stop_logging()
        return logs.records, stream

    def test_records_have_what_they_are_about(self):
        records, stream = self.logged(logging.DEBUG, "/events?count=1&then=204&retry=1", name="prices")
        self.assertEqual([record.kind for record in records], ["request", "open", "error", "wait", "request", "close"])
        first, opened, lost = records[:3]
        self.assertEqual((first.levelno, opened.levelno, lost.levelno), (logging.DEBUG, logging.INFO, logging.INFO))
        for record in records:
            self.assertEqual((record.client, record.client_name, record.origin), (stream.number, "prices", self.url))
        self.assertEqual([record.attempt for record in records], [1, 1, 1, 1, 2, 2])
        self.assertEqual(opened.getMessage(), f"client {stream.number} (prices), attempt 1, {self.url}: {opened.text}")

    def test_the_level_is_a_number_or_a_name_of_logging_s(self):
        for level, kinds in {
            "DEBUG": ["request", "error", "close"], logging.NOTSET: ["request", "error", "close"], "INFO": ["error", "close"],
            25: ["error"], "WARNING": ["error"],
        }.items():  # fmt: skip
            with self.subTest(level):
                records, _ = self.logged(level, "/status/404")
                self.assertEqual([record.kind for record in records], kinds)
                self.assertEqual(records[kinds.index("error")].levelno, logging.WARNING)
        for level in ("ERROR", logging.CRITICAL, 1000):
            with self.subTest(level), self.assertRaisesRegex(AssertionError, "no logs"):
                self.logged(level, "/status/404")
        for level, error in {"LOUD": ValueError, None: TypeError, 1.5: TypeError, True: TypeError}.items():
            with self.subTest(level), self.assertRaises(error):
                start_logging(level)

    def test_each_stream_has_a_number_for_life(self):
        streams = [Stream(self.url) for _ in range(3)]
        numbers = [stream.number for stream in streams]
        self.assertEqual(len(set(numbers)), 3)
        for stream in streams:
            stream.close()
        self.assertEqual([stream.number for stream in streams], numbers)

    def test_a_handler_may_use_streams_but_not_change_the_logging(self):
        got = []

        class Handler(logging.Handler):
            def emit(self, record):
                Stream("http://127.0.0.1:1", name="inside").close()
                for change in (start_logging, stop_logging):
                    try:
                        change()
                    except EventSourceError as error:
                        got.append(error.code)

        handler = Handler()
        logging.getLogger("libeventsource").addHandler(handler)
        self.addCleanup(logging.getLogger("libeventsource").removeHandler, handler)
        start_logging("WARNING")
        with self.assertRaises(StreamError), Stream(f"{self.url}/status/404") as stream:
            list(stream)
        self.assertEqual(got, ["EVENTSOURCE_ERR_IN_CALLBACK"] * 2)

    def test_a_handler_cannot_wait_for_a_stream(self):
        got = []

        class Handler(logging.Handler):
            def emit(self, record):
                with Stream(outer.url) as stream:
                    try:
                        next(stream)
                    except EventSourceError as error:
                        got.append(error.code)

        outer, handler = self, Handler()
        logging.getLogger("libeventsource").addHandler(handler)
        self.addCleanup(logging.getLogger("libeventsource").removeHandler, handler)
        start_logging("WARNING")
        with self.assertRaises(StreamError), Stream(f"{self.url}/status/404") as stream:
            list(stream)
        self.assertEqual(got, ["EVENTSOURCE_ERR_IN_CALLBACK"])

    def test_when_stopping_has_returned_no_record_is_written(self):
        inside, go_on, stopped = threading.Event(), threading.Event(), threading.Event()

        class Handler(logging.Handler):
            def emit(self, record):
                inside.set()
                go_on.wait(3 * PATIENCE)
                returned_early.append(stopped.is_set())
                # Which waits for this record.
                with outer.assertRaises(EventSourceError):
                    stop_logging()

        outer, returned_early = self, []
        handler = Handler()
        logging.getLogger("libeventsource").addHandler(handler)
        self.addCleanup(logging.getLogger("libeventsource").removeHandler, handler)
        start_logging("WARNING")

        def fail():
            with self.assertRaises(StreamError), Stream(f"{self.url}/status/404") as stream:
                list(stream)

        def stop():
            stop_logging()
            stopped.set()

        threads = [threading.Thread(target=fail), threading.Thread(target=stop)]
        threads[0].start()
        self.assertTrue(inside.wait(PATIENCE))
        threads[1].start()
        # Streams of this thread log and go on meanwhile.
        with Stream(f"{self.url}/events?count=3&then=204&retry=1") as stream:
            self.assertEqual(len(list(stream)), 3)
        go_on.set()
        for thread in threads:
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())
        self.assertEqual(returned_early, [False])

    def test_a_program_that_logs_can_end_at_any_moment(self):
        busy = """
def open_on():
    while True:
        try:
            with Stream(url + "/status/404", name="busy") as stream:
                list(stream)
        except StreamError:
            pass
for _ in range(4):
    threading.Thread(target=open_on, daemon=True).start()
while len(Lines.lines) < 100:
    time.sleep(0.001)
"""
        for way, program in {"while others log": busy, "while others read": RUNNING}.items():
            for _ in range(5):
                with self.subTest(way):
                    code, _, err = run(self.url, f"{LOGGING}{program}\nsys.exit(7)")
                    self.assertEqual((code, err), (7, ""))

    def test_the_logging_may_be_changed_while_others_log(self):
        code, out, err = run(
            self.url,
            LOGGING
            + """
is_over = False
def open_on():
    while not is_over:
        with Stream(url + "/events?count=1&then=204&retry=1") as stream:
            list(stream)
threads = [threading.Thread(target=open_on) for _ in range(4)]
for thread in threads:
    thread.start()
for i in range(500):
    start_logging("DEBUG" if i % 3 else "INFO")
    if i % 7 == 0:
        stop_logging()
is_over = True
for thread in threads:
    thread.join()
print(len(Lines.lines) > 0)""",
        )
        self.assertEqual((code, out, err), (0, "True\n", ""))

    def test_what_a_handler_raises_in_another_thread_is_told_and_ends_no_stream(self):
        code, out, err = run(
            self.url,
            """
import logging
told = threading.Event()
print_it = sys.unraisablehook
def hook(unraisable):
    print_it(unraisable)
    told.set()
sys.unraisablehook = hook
class Broken(logging.Filter):
    def filter(self, record):
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("mine")
        return True
logging.getLogger("libeventsource").addFilter(Broken())
logging.getLogger("libeventsource").setLevel(logging.DEBUG)
def read():
    with Stream(url + "/events?count=1&then=204&retry=1") as stream:
        print(len(list(stream)), flush=True)
def on_request(_):
    # While the main thread is in the library's hands.
    start_logging("DEBUG")
    other = threading.Thread(target=read)
    other.start()
    print(told.wait(60), flush=True)
    other.join()
    stop_logging()
with Stream(url + "/events?count=4&then=204&retry=1", on_request=on_request) as stream:
    print(next(stream).data)""",
        )
        self.assertEqual((code, out), (0, "True\n1\nevent 1\n"), err)
        self.assertIn("ValueError: mine", err)

    @unittest.skipUnless(hasattr(os, "fork"), "there is no fork")
    def test_a_child_logs_on(self):
        code, out, err = run(
            self.url,
            LOGGING
            + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
def read():
    Lines.lines.clear()
    with Stream(url + "/events?count=1&then=204&retry=1") as stream:
        list(stream)
    return [kind for kind, _ in Lines.lines]
read()
child = os.fork()
print(read(), flush=True)
if child == 0:
    sys.exit(5)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))""",
        )
        kinds = "['request', 'open', 'error', 'wait', 'request', 'close']\n"
        self.assertEqual((code, out), (0, kinds * 2 + "5\n"), err)
