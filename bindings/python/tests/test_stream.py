"""What a stream gives to the loop that reads it: each test by `for` and by `async for`."""

import asyncio
import datetime
import json
import math
import os
import threading
import time
import unittest
import urllib.request

from libeventsource import EventSourceError, SettingError, Stream, StreamError, has_feature, metrics, version

from .support import PATIENCE, ServerTest, descriptor_count, ids, thread_count, up_to


END = "/events?count=1&then=204&retry=1"
# Where each handler is called.
PATHS = {
    "on_open": "/events",
    "on_comment": "/events?comment=x",
    "on_document": "/type?value=application/json",
    "on_error": "/status/404",
    "on_request": "/events",
    "on_redirect": "/redirect?to=/events",
}


def read_in_thread(stream, events):
    events.extend(stream)


async def read_async(stream, events):
    async with stream:
        async for event in stream:
            events.append(event)


def read(stream, events):
    with stream:
        for event in stream:
            events.append(event)


class Reading(ServerTest):
    """Both ways: `read(stream)` gives the events; what the loop raises comes after them, in `events`."""

    def both(self):
        for name, way in {"for": read, "async for": lambda *what: asyncio.run(read_async(*what))}.items():
            with self.subTest(name):
                self.events = []
                yield lambda stream, way=way: way(stream, self.events) or self.events

    def test_events_come_in_order_over_reconnects_until_the_server_asks_for_the_end(self):
        for read in self.both():
            opened = []
            path = "/events?count=5&per_connection=2&retry=1&then=204"
            stream = Stream(self.url + path, on_open=opened.append)
            self.assertEqual(stream.state, "idle")
            self.assertEqual(ids(read(stream)), up_to(5))
            self.assertEqual({event.origin for event in self.events}, {self.url})
            self.assertEqual([response.status for response in opened], [200, 200, 200])
            response = opened[0]
            self.assertEqual((response.http_version, response.tls_version, response.is_reused), ("1.1", None, False))
            self.assertEqual(response.url, self.url + path)
            self.assertEqual(dict(response.headers)["content-type"], "text/event-stream")
            self.assertEqual(response.peer, self.url.removeprefix("http://"))
            self.assertEqual((response.resolve_time, response.tls_time), (None, None))
            self.assertTrue(0 < response.connect_time < 10 and 0 < response.head_time < 10)
            self.assertEqual((stream.state, stream.close_reason, stream.stats), ("closed", "server", None))

    def test_open_gives_the_response_before_the_first_event_is_read(self):
        path = "/events?count=3&per_connection=2&retry=1&then=204"
        with Stream(self.url + path) as stream:
            self.assertIsNone(stream.response)
            first = stream.open()
            self.assertEqual((first.status, stream.last_event_id, stream.stats.opens), (200, "", 1))
            self.assertIs(stream.open(), first)
            self.assertEqual(ids(stream), up_to(3))
            # That of the stream that the last event came from.
            self.assertIsNot(stream.response, first)

        async def read():
            async with Stream(self.url + path) as stream:
                first = await stream.aopen()
                self.assertEqual((first.status, stream.last_event_id), (200, ""))
                return [event async for event in stream]

        self.assertEqual(ids(asyncio.run(read())), up_to(3))

    def test_open_raises_what_a_loop_would_and_gives_none_where_the_server_asks_for_the_end(self):
        with Stream(f"{self.url}/status/404") as stream, self.assertRaisesRegex(StreamError, "404"):
            stream.open()
        with Stream(f"{self.url}/status/204") as stream:
            self.assertIsNone(stream.open())
            self.assertEqual(list(stream), [])

    def test_the_version_is_the_library_s(self):
        self.assertRegex(version, r"^\d+\.\d+\.\d+$")
        self.assertGreaterEqual(tuple(map(int, version.split("."))), (0, 9, 0))

    def test_the_library_tells_what_it_was_built_with(self):
        self.assertTrue(has_feature("tls"))
        self.assertFalse(has_feature("carrier pigeons"))

    def test_odd_events_are_what_the_standard_makes_of_them(self):
        with urllib.request.urlopen(f"{self.url}/odd?as=json") as response:
            expected = [tuple(event) for event in json.load(response)]
        for read in self.both():
            comments = []
            events = read(Stream(f"{self.url}/odd", on_comment=comments.append))
            self.assertEqual([(event.type, event.data, event.last_event_id) for event in events], expected)
            self.assertEqual(comments, ["a comment"])

    def test_a_huge_event_arrives_whole_and_one_over_the_limit_is_an_error(self):
        for read in self.both():
            (event,) = read(Stream(f"{self.url}/big?bytes=15000000&then=end", mode="once"))
            self.assertEqual(event.data, "x" * 15_000_000)
            with self.assertRaises(StreamError) as raised:
                read(Stream(f"{self.url}/big?bytes=2000&then=end", mode="once", max_event_size=1000))
            self.assertEqual(raised.exception.code, "EVENTSOURCE_ERR_EVENT_TOO_LARGE")

    def test_a_final_error_is_raised_once_with_what_is_known_of_it(self):
        for read in self.both():
            stream = Stream(f"{self.url}/status/404?header=X-Why:gone&body=no%20such%20stream")
            with self.assertRaises(StreamError) as raised:
                read(stream)
            error = raised.exception
            self.assertIsInstance(error, EventSourceError)
            self.assertEqual((error.code, error.http_status), ("EVENTSOURCE_ERR_HTTP_STATUS", 404))
            self.assertEqual(str(error), "the server answered 404")
            self.assertEqual(dict(error.headers)["x-why"], "gone")
            self.assertEqual(error.body, "no such stream")
            self.assertEqual(read(stream), [])

    def test_events_that_came_before_an_error_are_read_before_it(self):
        for read in self.both():
            with self.assertRaises(StreamError) as raised:
                read(Stream(f"{self.url}/events?count=6&cut=abort&per_connection=3", mode="once"))
            self.assertEqual(raised.exception.code, "EVENTSOURCE_ERR_DISCONNECTED")
            self.assertEqual(ids(self.events), up_to(3))

    def test_a_server_that_cannot_be_reached_is_an_error_of_the_operating_system(self):
        for read in self.both():
            with self.assertRaises(StreamError) as raised:
                read(Stream("http://127.0.0.1:1/"))
            self.assertEqual(raised.exception.code, "EVENTSOURCE_ERR_CONNECT")
            self.assertGreater(raised.exception.os_error, 0)

    def test_what_a_handler_raises_reaches_the_loop_after_the_events_before_it(self):
        class Oops(Exception):
            pass

        def fail(*_):
            raise Oops

        for read in self.both():
            for handler, path, count in [
                ("on_open", "/events?count=1", 0),
                ("on_comment", "/events?count=3&comment=hello", 0),
                ("on_request", "/events", 0),
                ("on_error", "/events?count=6&per_connection=3&cut=abort", 3),
            ]:
                self.events.clear()
                stream = Stream(self.url + path, **{handler: fail})
                with self.assertRaises(Oops, msg=handler):
                    read(stream)
                self.assertEqual(ids(self.events), up_to(count), handler)
                self.assertEqual(stream.state, "closed")

    def test_on_error_decides_to_close_to_retry_or_when(self):
        for read in self.both():
            decisions, errors = ["retry", 0.001, datetime.timedelta(milliseconds=1), 0, "close"], []

            def decide(error):
                errors.append(error.code)
                return decisions.pop(0)

            read(Stream(f"{self.url}/status/404", on_error=decide, reconnect={"delay": 0.001}))
            self.assertEqual(errors, ["EVENTSOURCE_ERR_HTTP_STATUS"] * 5)

            async def coroutine(_error):
                pass

            for wrong, kind in [("again", TypeError), (-5, SettingError), (math.nan, SettingError), (True, TypeError)]:
                with self.assertRaisesRegex(kind, "on_error"):
                    read(Stream(f"{self.url}/status/404", on_error=lambda _, wrong=wrong: wrong))
            with self.assertRaisesRegex(TypeError, "on_error"):
                read(Stream(f"{self.url}/status/404", on_error=coroutine))

    def test_on_request_changes_the_request_or_does_not_make_it(self):
        for read in self.both():
            gone = []

            def change(request):
                gone.append(request)
                self.assertEqual((request.attempt, request.cause, request.cause_http_status), (1, None, 0))
                self.assertEqual((request.url, request.method), (f"{self.url}/nowhere", "POST"))
                self.assertEqual(request.body, b"a\0b")
                self.assertEqual(dict(request.headers)["x-set"], "1")
                request.set_basic_auth("user", "")
                request.set_url(f"{self.url}/echo?x=1")
                request.set_method("POST")
                request.set_header("X-One", "1")
                request.add_header("X-One", "2")
                request.set_sensitive_header("X-Secret", "s")
                request.remove_header("X-Set")
                request.set_body("bödy")

            stream = Stream(
                f"{self.url}/nowhere",
                method="POST",
                body=b"a\0b",
                headers={"X-Set": "1"},
                on_request=change,
                read_timeout=0.05,
            )
            with self.assertRaises(StreamError):
                read(stream)
            echo = json.loads(self.events[0].data)
            self.assertEqual((echo["method"], echo["target"], echo["body"]), ("POST", "/echo?x=1", "bödy"))
            self.assertIn("authorization", dict(echo["headers"]))
            own = [header for header in echo["headers"] if header[0].startswith("x-")]
            self.assertEqual(own, [["x-one", "1"], ["x-one", "2"], ["x-secret", "s"]])
            for use in (lambda: gone[0].set_header("X", "1"), lambda: gone[0].url, lambda: gone[0].headers):
                with self.assertRaisesRegex(EventSourceError, "gone"):
                    use()

            for refused, code in [
                (lambda request: "close", "EVENTSOURCE_ERR_REQUEST"),
                (lambda request: request.set_header("X", "a\0b"), "EVENTSOURCE_ERR_HEADER"),
                (lambda request: request.set_url("ftp://x"), "EVENTSOURCE_ERR_URL"),
            ]:
                with self.assertRaises(EventSourceError) as raised:
                    read(Stream(self.url, on_request=refused))
                self.assertEqual(raised.exception.code, code)

    def test_after_a_refused_change_nothing_is_sent_whatever_the_handler_makes_of_it(self):
        changes = [
            lambda request: request.set_header("X-Key", "a\0b"),
            lambda request: request.add_header("X-Key", 5),
            lambda request: request.set_sensitive_header("X-Key", "\ud800"),
            lambda request: request.remove_header("a\0b"),
            lambda request: request.set_basic_auth("user", "a\0b"),
            lambda request: request.set_method("a\0b"),
            lambda request: request.set_url("http://a\0b"),
            lambda request: request.set_body("\ud800"),
            lambda request: request.set_body(5),
        ]
        for read in self.both():
            for number, change in enumerate(changes):

                def ignore(request, change=change):
                    with self.assertRaises((SettingError, TypeError)):
                        change(request)

                with self.assertRaises(StreamError, msg=number) as raised:
                    read(Stream(f"{self.url}/echo", on_request=ignore, mode="once", read_timeout=0.05))
                self.assertEqual(raised.exception.code, "EVENTSOURCE_ERR_REQUEST", number)
                self.assertEqual(self.events, [], number)

    def test_the_end_of_an_iterator_that_a_handler_uses_is_not_the_end_of_the_stream(self):
        def ends(*_):
            next(iter(()))

        def ends_async(*_):
            raise StopAsyncIteration

        for read in self.both():
            for handler, path in PATHS.items():
                for end in (ends, ends_async):
                    with self.assertRaises(RuntimeError, msg=handler) as raised:
                        read(Stream(self.url + path, **{handler: end}))
                    self.assertIsInstance(raised.exception.__cause__, (StopIteration, StopAsyncIteration))

    def test_a_handler_that_the_library_waits_for_cannot_wait_for_a_stream(self):
        for read in self.both():
            for handler in ("on_error", "on_request", "on_redirect"):
                inner = Stream(f"{self.url}/events")
                with self.assertRaises(EventSourceError, msg=handler) as raised:
                    read(Stream(self.url + PATHS[handler], **{handler: lambda _: list(inner)}))
                self.assertEqual(raised.exception.code, "EVENTSOURCE_ERR_IN_CALLBACK")
                inner.close()
        # But one that the loop calls can, and so can this thread afterwards.
        inner = []
        with Stream(f"{self.url}/events", on_open=lambda _: read_in_thread(Stream(self.url + END), inner)) as stream:
            self.assertEqual(next(stream).data, "event 1")
        self.assertEqual(ids(inner), [1])

    def test_a_stream_can_be_closed_by_its_own_handlers(self):
        for read in self.both():
            for handler, path in [
                ("on_open", "/events"),
                ("on_comment", "/events?comment=x"),
                ("on_request", "/events"),
                ("on_error", "/status/503"),
            ]:
                stream = Stream(
                    self.url + path, **{handler: lambda *_: stream.close()}, reconnect={"retry_initial": True}
                )
                self.assertEqual(read(stream), [], handler)
                self.assertEqual(stream.state, "closed")


class Monitoring(ServerTest):
    def test_metrics_tell_what_the_streams_of_the_process_have_done(self):
        with Stream(f"{self.url}/hang-body") as held:
            next(held)
            with Stream(f"{self.url}/events?count=4&per_connection=2&retry=10&then=204") as stream:
                self.assertEqual(len(list(stream)), 4)
            now = metrics()
        self.assertEqual((now.open, now.reconnects_end), (1, 2))
        self.assertGreaterEqual(now.events, 5)
        self.assertEqual(sum(now.latency_counts), now.events)
        self.assertGreater(now.latency_sum_ns, 0)
        self.assertGreaterEqual(now.threads, 1)


class Loops(ServerTest):
    def test_what_is_not_read_is_not_fetched(self):
        with Stream(f"{self.url}/blast?bytes=200000000&size=1000", buffer_size=100_000) as stream:
            next(stream)
            before, now = -1, stream.stats.bytes
            # Until nothing more comes for a while; the rest of it is 200 MB away.
            while now != before:
                time.sleep(0.1)
                before, now = now, stream.stats.bytes
            self.assertLess(now, 1_000_000)
            for _ in range(5000):
                self.assertEqual(len(next(stream).data), 1000)

    def test_unread_streams_pause_while_another_is_read(self):
        unread = [Stream(f"{self.url}/blast?bytes=100000000", buffer_size=10_000) for _ in range(200)]
        for stream in unread:
            next(stream)
        begin = time.monotonic()
        with Stream(f"{self.url}/events?count=100&then=204&retry=1") as stream:
            self.assertEqual(ids(stream), up_to(100))
        self.assertLess(time.monotonic() - begin, PATIENCE)
        self.assertLess(thread_count(), 20 + os.cpu_count())
        self.assertLess(max(stream._size for stream in unread), 200_000)
        for stream in unread:
            stream.close()

    def test_a_loop_that_is_left_keeps_what_has_been_read(self):
        with Stream(f"{self.url}/events?count=1000000") as stream:
            for event in stream:
                if event.data == "event 10":
                    break
            self.assertEqual(stream.last_event_id, "10")
            self.assertEqual(next(stream).data, "event 11")
        self.assertEqual((stream.state, stream.last_event_id), ("closed", "11"))
        self.assertEqual(list(stream), [])

    def test_close_in_another_thread_ends_a_read_that_waits(self):
        for path in ["/hang", "/hang-body", "/events?count=0", "/status/503"]:
            with self.subTest(path):
                stream = Stream(self.url + path, reconnect={"retry_initial": True, "delay": 3600})
                events = []
                reader = threading.Thread(target=read_in_thread, args=(stream, events))
                reader.start()
                while stream.state == "idle":
                    time.sleep(0.001)
                begin = time.monotonic()
                stream.close()
                self.assertLess(time.monotonic() - begin, PATIENCE)
                reader.join(PATIENCE)
                self.assertFalse(reader.is_alive())
                self.assertEqual(stream.state, "closed")
        never = Stream(self.url)
        never.close()
        never.close()
        self.assertEqual(list(never), [])

    def test_many_threads_each_read_their_stream(self):
        read = [[] for _ in range(40)]
        threads = []
        for number, events in enumerate(read):
            stream = Stream(f"{self.url}/events?count=300&per_connection=100&retry=1&then=204", buffer_size=number * 100)
            threads.append(threading.Thread(target=read_in_thread, args=(stream, events)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())
        for events in read:
            self.assertEqual(ids(events), up_to(300))

    def test_a_handler_that_blocks_holds_up_its_own_stream_only(self):
        asked, go_on = threading.Event(), threading.Event()

        def block(_request):
            asked.set()
            go_on.wait(3 * PATIENCE)

        blocked = Stream(f"{self.url}/events?count=1&then=204&retry=1", on_request=block)
        events = []
        reader = threading.Thread(target=read_in_thread, args=(blocked, events))
        reader.start()
        self.assertTrue(asked.wait(PATIENCE))
        # Here, and in a thread, whose streams share a runtime that the main thread's do not.
        path = f"{self.url}/events?count=100&then=204&retry=1"
        here, there = [], []
        thread = threading.Thread(target=read_in_thread, args=(Stream(path), there))
        thread.start()
        read(Stream(path), here)
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())
        self.assertEqual((ids(here), ids(there)), (up_to(100), up_to(100)))
        self.assertEqual(events, [])
        go_on.set()
        reader.join(PATIENCE)
        self.assertEqual(ids(events), [1])

    def test_a_stream_is_read_in_one_place(self):
        stream = Stream(f"{self.url}/hang")
        reader = threading.Thread(target=read_in_thread, args=(stream, []))
        reader.start()
        while stream.state == "idle":
            time.sleep(0.001)
        with self.assertRaises(RuntimeError):
            next(stream)

        async def other():
            with self.assertRaises(RuntimeError):
                await stream.__anext__()

        asyncio.run(other())
        stream.close()
        reader.join(PATIENCE)

    def test_reconnect_now_ends_a_wait_and_is_refused_where_nothing_runs(self):
        stream = Stream(f"{self.url}/events?count=4&per_connection=2&then=204", reconnect={"delay": 3600})
        with self.assertRaises(EventSourceError) as raised:
            stream.reconnect_now()
        self.assertEqual(raised.exception.code, "EVENTSOURCE_ERR_STATE")
        self.assertEqual(ids([next(stream), next(stream)]), [1, 2])

        def end_the_wait():
            while stream.state != "waiting":
                time.sleep(0.001)
            stream.reconnect_now()

        thread = threading.Thread(target=end_the_wait)
        thread.start()
        self.assertEqual(next(stream).last_event_id, "3")
        thread.join()
        stream.close()
        with self.assertRaises(EventSourceError):
            stream.reconnect_now()

    def test_when_the_last_stream_has_closed_no_thread_and_no_descriptor_is_left(self):
        def use():
            streams = [Stream(f"{self.url}/events?count=2") for _ in range(20)]
            for stream in streams:
                next(stream)
            for stream in streams:
                stream.close()

        async def use_async():
            streams = [Stream(f"{self.url}/events?count=2") for _ in range(20)]
            for stream in streams:
                await stream.__anext__()
            for stream in streams:
                await stream.aclose()

        use()
        asyncio.run(use_async())
        before = thread_count(), descriptor_count()
        for _ in range(10):
            use()
            asyncio.run(use_async())
        self.assert_threads(before[0])
        self.assertEqual(descriptor_count(), before[1])

    def test_a_stream_that_is_dropped_is_freed_with_a_warning(self):
        before = thread_count()
        stream = Stream(f"{self.url}/events?count=2")
        next(stream)
        with self.assertWarns(ResourceWarning):
            del stream
        self.assert_threads(before)

        async def drop():
            async for _ in Stream(f"{self.url}/events?count=2"):
                break

        with self.assertWarns(ResourceWarning):
            asyncio.run(drop())
        self.assert_threads(before)


class AsyncLoops(unittest.IsolatedAsyncioTestCase, ServerTest):
    async def asyncSetUp(self):
        # unittest debugs the loop, which then tells of whatever takes long.
        asyncio.get_running_loop().set_debug(False)

    async def test_what_is_not_read_is_not_fetched(self):
        async with Stream(f"{self.url}/blast?bytes=200000000&size=1000", buffer_size=100_000) as stream:
            await stream.__anext__()
            before, now = -1, stream.stats.bytes
            while now != before:
                await asyncio.sleep(0.1)
                before, now = now, stream.stats.bytes
            self.assertLess(now, 1_000_000)
            for _ in range(5000):
                self.assertEqual(len((await stream.__anext__()).data), 1000)

    async def test_unread_streams_neither_delay_one_that_is_read_nor_cost_threads(self):
        unread = [Stream(f"{self.url}/blast?bytes=100000000", buffer_size=10_000) for _ in range(500)]
        await asyncio.gather(*(stream.__anext__() for stream in unread))
        begin = time.monotonic()
        async with Stream(f"{self.url}/events?count=100&then=204&retry=1") as stream:
            self.assertEqual(ids([event async for event in stream]), up_to(100))
        self.assertLess(time.monotonic() - begin, PATIENCE)
        self.assertLess(thread_count(), 20 + os.cpu_count())
        await asyncio.gather(*(stream.aclose() for stream in unread))

    async def test_a_cancelled_read_loses_nothing(self):
        async with Stream(f"{self.url}/events?count=300&interval_ms=1&then=204&retry=1") as stream:
            events = []
            cancelled = 0
            while True:
                task = asyncio.ensure_future(stream.__anext__())
                await asyncio.sleep(0)
                await asyncio.sleep(0.0005)
                task.cancel()
                try:
                    events.append(await task)
                except asyncio.CancelledError:
                    cancelled += 1
                except StopAsyncIteration:
                    break
            self.assertEqual(ids(events), up_to(300))
            self.assertGreater(cancelled, 0)

    async def test_a_cancelled_task_closes_its_stream(self):
        for path in ["/hang", "/hang-body", "/events?count=0", "/status/503"]:
            stream = Stream(self.url + path, reconnect={"retry_initial": True, "delay": 3600})
            task = asyncio.ensure_future(read_async(stream, []))
            while stream.state == "idle":
                await asyncio.sleep(0.001)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertEqual((stream.state, stream.close_reason), ("closed", "stopped"))

    async def test_closing_ends_a_read_that_waits(self):
        for close in (Stream.aclose, lambda stream: asyncio.sleep(0, stream.close())):
            stream = Stream(f"{self.url}/hang-body")
            self.assertEqual((await stream.__anext__()).data, "before the silence")
            task = asyncio.ensure_future(stream.__anext__())
            await asyncio.sleep(0)
            await close(stream)
            with self.assertRaises(StopAsyncIteration):
                await task

    async def test_handlers_may_be_coroutine_functions(self):
        told = []

        async def tell(what):
            await asyncio.sleep(0)
            told.append(what)

        async with Stream(f"{self.url}/events?count=1&comment=c&then=204&retry=1", on_open=tell, on_comment=tell) as stream:
            self.assertEqual(ids([event async for event in stream]), [1])
        self.assertEqual([getattr(what, "status", what) for what in told], [200, "c"])

    async def test_the_event_loop_is_not_held_up(self):
        late = 0.0

        async def tick():
            nonlocal late
            while True:
                begin = time.monotonic()
                await asyncio.sleep(0.001)
                late = max(late, time.monotonic() - begin)

        ticking = asyncio.ensure_future(tick())
        async with Stream(f"{self.url}/blast?bytes=3000000&then=end", mode="once") as stream:
            count = 0
            async for _ in stream:
                count += 1
        ticking.cancel()
        self.assertEqual(count, 30_000)
        self.assertLess(late, PATIENCE / 10)
