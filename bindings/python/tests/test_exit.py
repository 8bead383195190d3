"""A program with a stream can end at any moment, and a signal can come at any moment, as in any program."""

import os
import signal
import sys
import time
import unittest

from .support import LOGGING, ServerTest, end_of, run, start

RUNNING = """
streams = [Stream(url + path, reconnect={"retry_initial": True, "delay": 60}, on_request=on_request, on_error=lambda _: None)
    for path in ["/hang", "/hang-body", "/events?count=0", "/blast?bytes=100000000", "/status/503"]
    for on_request in [None, lambda _: None]]
def read(stream):
    for event in stream:
        pass
for stream in streams:
    threading.Thread(target=read, args=(stream,), daemon=True).start()
time.sleep(0.05)
"""
ASYNC = """
async def main():
    async for event in Stream(url + "/events?count=1000000"):
        {}
asyncio.run(main())
"""
FIRST = 'for event in Stream(url + "/events?count=1000000"):\n    '

WAYS = {
    "sys.exit in a loop": (FIRST + "sys.exit(7)", 7),
    "os._exit in a loop": (FIRST + "os._exit(7)", 7),
    "sys.exit while daemon threads read": (RUNNING + "sys.exit(7)", 7),
    "its last line, while daemon threads read": (RUNNING, 0),
    "sys.exit in on_open": ('list(Stream(url + "/events", on_open=lambda _: sys.exit(7)))', 7),
    "sys.exit in on_request, which the library waits for": ('list(Stream(url, on_request=lambda _: sys.exit(7)))', 7),
    "sys.exit in on_error, which the library waits for": (
        'list(Stream(url + "/status/404", on_error=lambda _: sys.exit(7)))',
        7,
    ),
    "os._exit in on_request": ("list(Stream(url, on_request=lambda _: os._exit(7)))", 7),
    "an exception in a loop": (FIRST + 'raise ValueError("mine")', 1, "ValueError: mine"),
    "an exception while daemon threads read": (RUNNING + 'raise ValueError("mine")', 1, "ValueError: mine"),
    "a stream that is open, in a variable": ('stream = Stream(url + "/events")\nnext(stream)\nsys.exit(7)', 7),
    "a stream that never ran": ("stream = Stream(url)\nsys.exit(7)", 7),
    "a signal": (RUNNING + "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(10)", -signal.SIGTERM),
    "sys.exit in an async loop": (ASYNC.format("sys.exit(7)"), 7),
    "an exception in an async loop": (ASYNC.format('raise ValueError("mine")'), 1, "ValueError: mine"),
    "asyncio.run's end, with tasks that read": (
        """
async def read(path):
    async for _ in Stream(url + path):
        pass
async def main():
    tasks = [asyncio.ensure_future(read(path)) for path in ["/hang", "/hang-body", "/blast?bytes=100000000"]]
    await asyncio.sleep(0.05)
asyncio.run(main())
sys.exit(7)""",
        7,
    ),
    "an event loop that is closed beside an open stream": (
        """
loop = asyncio.new_event_loop()
stream = Stream(url + "/events?count=1000000")
loop.run_until_complete(stream.__anext__())
loop.close()
sys.exit(7)""",
        7,
    ),
}


# A timer's signal raises somewhere in the package's code, a thousand times. The loop goes on, or, where its stream is broken by
# that, another does after what has been read. Says how far it is, so that it may take as long as the machine needs.
INTERRUPTED = """
import logging, random, traceback
random.seed(7)
class Interrupt({base}):
    pass
interrupts = 0
# Since an event was read. On a machine that is busy a stream would never get that far between two of them.
since = 0
def interrupt(_number, frame):
    global interrupts, since
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0005, 0.003))
    inside = frame
    while inside and "libeventsource" not in inside.f_code.co_filename:
        inside = inside.f_back
    # Not where Python would not let it out, nor in `logging`: it takes the lock of a handler before the `try` that gives it back,
    # and what raises between them, in whatever program, leaves it locked for all other threads.
    names, files = set(), set()
    while frame:
        names.add(frame.f_code.co_name)
        files.add(frame.f_code.co_filename)
        frame = frame.f_back
    if inside and since < 20 and "__del__" not in names and "hook" not in names and logging.__file__ not in files:
        interrupts += 1
        since += 1
        if interrupts % 50 == 0:
            os.write(2, b"interrupted %d times\\n" % interrupts)
        raise Interrupt
def stream():
    return Stream(url + "/events?{query}", last_event_id=str(last) if last else None, buffer_size=5000)
last = 0
streams = 1
current = stream()
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while interrupts < 1000:
    try:
        for event in current:
            if int(event.last_event_id) != last + 1:
                print("hole between", last, "and", event.last_event_id, flush=True)
                os._exit(1)
            last += 1
            since = 0
        streams += 1
        current = stream()
    except Interrupt:
        pass
signal.signal(signal.SIGALRM, signal.SIG_IGN)
current.close()
print(last > 0, streams > 10)"""


class Ends(ServerTest):
    def test_a_program_can_end_at_any_moment(self):
        for way, (program, expected, *said) in WAYS.items():
            with self.subTest(way):
                code, out, err = run(self.url, program)
                self.assertEqual(code, expected, out + err)
                for text in said:
                    self.assertIn(text, err)
                if not said:
                    self.assertEqual(err, "")

    def test_daemon_threads_that_read_fast_do_not_break_the_end(self):
        for _ in range(10):
            code, _, err = run(
                self.url,
                """
def read():
    for event in Stream(url + "/blast?bytes=1000000000"):
        pass
for _ in range(4):
    threading.Thread(target=read, daemon=True).start()
time.sleep(0.1)
sys.exit(7)""",
            )
            self.assertEqual((code, err), (7, ""))


class Interrupts(ServerTest):
    def interrupt(self, program):
        """Runs a program that says "ready", interrupts it, and tells how it ended and what it said."""
        process = start(self.url, program)
        try:
            self.assertEqual(process.stdout.readline(), "ready\n")
            time.sleep(0.02)
            process.send_signal(signal.SIGINT)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return end_of(process)

    def test_ctrl_c_ends_a_loop_whatever_it_waits_for(self):
        for path in ["/hang", "/hang-body", "/events?count=0", "/blast?bytes=10000000000", "/status/503"]:
            with self.subTest(path):
                code, out, err = self.interrupt(
                    f"""
try:
    print("ready", flush=True)
    for event in Stream(url + {path!r}, reconnect={{"retry_initial": True, "delay": 60}}):
        pass
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(7)"""
                )
                self.assertEqual((code, out), (7, "interrupted\n"), err)

    def test_ctrl_c_cancels_an_async_loop(self):
        code, out, err = self.interrupt(
            """
async def main():
    async with Stream(url + "/hang") as stream:
        print("ready", flush=True)
        async for event in stream:
            pass
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(7)"""
        )
        self.assertEqual((code, out), (7, "interrupted\n"), err)

    def test_ctrl_c_in_another_thread_s_stream_is_the_main_thread_s(self):
        code, out, err = self.interrupt(
            """
events = []
def read():
    for event in Stream(url + "/events?count=100&interval_ms=1&then=204&retry=1"):
        events.append(int(event.last_event_id))
reader = threading.Thread(target=read)
reader.start()
try:
    print("ready", flush=True)
    for event in Stream(url + "/blast?bytes=10000000000"):
        pass
except KeyboardInterrupt:
    reader.join()
    print("all" if events == list(range(1, 101)) else events)
    sys.exit(7)"""
        )
        self.assertEqual((code, out), (7, "all\n"), err)

    def test_interrupts_at_any_moment_lose_and_repeat_no_event(self):
        # Those that end a stream, and those that do not, as Ctrl-C's.
        for base in ("Exception", "BaseException"):
            with self.subTest(base):
                self.interrupt_often(INTERRUPTED.format(base=base, query="count=100000000"))

    def test_interrupts_while_a_record_is_written_are_lost_no_more_than_others(self):
        query = "count=100000000&per_connection=20&retry=1"
        self.interrupt_often(LOGGING + INTERRUPTED.format(base="Exception", query=query))

    def interrupt_often(self, program):
        code, out, err = run(self.url, program)
        self.assertEqual((code, out), (0, "True True\n"), err)
        # A stream whose making was interrupted is dropped like others.
        self.assertNotIn("AttributeError", err)


class Interpreters(ServerTest):
    def test_a_subinterpreter_is_told_that_it_cannot_use_the_package(self):
        code, out, err = run(
            self.url,
            """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
sub = interpreters.create()
text = "try:\\n    import libeventsource\\nexcept ImportError:\\n    print('told', flush=True)"
raised = interpreters.run_string(sub, f"import sys\\nsys.path[:] = {sys.path!r}\\n" + text)
interpreters.destroy(sub)
print(raised, next(Stream(url + "/events")).data)""",
        )
        self.assertEqual((code, out), (0, "told\nNone event 1\n"), err)


@unittest.skipUnless(hasattr(os, "fork"), "there is no fork")
class Forks(ServerTest):
    def test_a_child_can_use_streams_of_its_own_and_none_of_its_parent_s(self):
        code, out, err = run(
            self.url,
            """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
running = Stream(url + "/events?count=1000000")
next(running)
never = Stream(url + "/events?count=1")
def read():
    for event in Stream(url + "/events?count=1000000"):
        pass
threading.Thread(target=read, daemon=True).start()
time.sleep(0.05)
child = os.fork()
if child == 0:
    for stream in (running, never):
        try:
            next(stream)
        except EventSourceError as error:
            print(error.code, flush=True)
        stream.close()
    with Stream(url + "/events?count=3&then=204&retry=1") as own:
        print([event.data for event in own], flush=True)
    async def main():
        async with Stream(url + "/events?count=2&then=204&retry=1") as own:
            print([event.data async for event in own], flush=True)
    asyncio.run(main())
    sys.exit(5)
_, status = os.waitpid(child, 0)
print("child", os.waitstatus_to_exitcode(status))
print(next(running).data, next(never).data)
sys.exit(7)""",
        )
        self.assertEqual(code, 7, out + err)
        self.assertEqual(
            out.splitlines(),
            [
                "EVENTSOURCE_ERR_FORKED",
                "EVENTSOURCE_ERR_FORKED",
                "['event 1', 'event 2', 'event 3']",
                "['event 1', 'event 2']",
                "child 5",
                "event 2 event 1",
            ],
            err,
        )

    def test_multiprocessing_works_beside_an_open_stream(self):
        code, out, err = run(
            self.url,
            """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
with Stream(url + "/events?count=1000000") as stream:
    next(stream)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(abs, [-1, -2]))
    print(next(stream).data)""",
        )
        self.assertEqual((code, out), (0, "[1, 2]\nevent 2\n"), err)


if sys.platform == "win32":
    del Interrupts
