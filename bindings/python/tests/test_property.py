"""Whatever happens to a stream, what is read from it is without holes, and who goes on after it loses and repeats nothing."""

import asyncio
import os
import random
import threading
import unittest

from libeventsource import Stream

from .support import ServerTest

# Of each way to read. Each is ended three times and gone on with.
STREAMS = int(os.environ.get("EVENTSOURCE_STREAMS", "3000"))
AT_ONCE = 40


class Enough(Exception):
    pass


class Parts:
    """One stream, in three parts, each of which goes on where the one before has ended."""

    def __init__(self, url, number):
        self.random = random.Random(number)
        self.number = number
        self.last = 0
        self.path = (
            f"{url}/events?count=100000&per_connection={self.random.randint(1, 60)}&retry=1"
            f"&cut={self.random.choice(['clean', 'abort', 'reset'])}"
        )

    def open(self):
        return Stream(
            self.path,
            last_event_id=str(self.last) if self.last else None,
            buffer_size=self.random.choice([0, 1000, 10_000]),
            reconnect={"delay": 0.001, "max_delay": 0.002},
        )

    def read(self, event):
        if int(event.last_event_id) != self.last + 1:
            raise AssertionError(f"stream {self.number} goes on with {event.last_event_id} after {self.last}")
        self.last += 1

    def check(self, stream):
        if stream.last_event_id != (str(self.last) if self.last else ""):
            raise AssertionError(f"stream {self.number} says {stream.last_event_id} after {self.last}")


def leave(parts, stream):
    left = parts.random.randint(1, 40)
    with stream:
        for event in stream:
            parts.read(event)
            left -= 1
            if left == 0:
                break


def throw(parts, stream):
    left = parts.random.randint(1, 40)
    try:
        with stream:
            for event in stream:
                parts.read(event)
                left -= 1
                if left == 0:
                    raise Enough
    except Enough:
        pass


def close_elsewhere(parts, stream):
    timer = threading.Timer(parts.random.uniform(0, 0.01), stream.close)
    timer.start()
    for event in stream:
        parts.read(event)
    timer.join()


def close_inside(parts, stream):
    left = parts.random.randint(1, 40)
    for event in stream:
        parts.read(event)
        left -= 1
        if left == 0:
            stream.close()


async def cancel(parts, stream):
    async def read():
        async with stream:
            async for event in stream:
                parts.read(event)

    task = asyncio.ensure_future(read())
    await turns(parts)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    await stream.aclose()


async def cancel_reads(parts, stream):
    async with stream:
        for _ in range(parts.random.randint(1, 20)):
            task = asyncio.ensure_future(stream.__anext__())
            await turns(parts)
            task.cancel()
            try:
                parts.read(await task)
            except asyncio.CancelledError:
                pass


async def close_while_reading(parts, stream):
    async def read():
        async for event in stream:
            parts.read(event)

    task = asyncio.ensure_future(read())
    await turns(parts)
    await (stream.aclose() if parts.random.random() < 0.5 else asyncio.sleep(0, stream.close()))
    await task


async def leave_async(parts, stream):
    left = parts.random.randint(1, 40)
    async with stream:
        async for event in stream:
            parts.read(event)
            left -= 1
            if left == 0:
                break


async def turns(parts):
    for _ in range(parts.random.randint(0, 30)):
        await asyncio.sleep(0)


class Property(ServerTest):
    def test_streams_that_are_ended_anywhere_are_contiguous_and_gone_on_with_without_loss(self):
        ways = [leave, throw, close_elsewhere, close_inside]
        numbers = iter(range(STREAMS // 3))
        lock, failures, read = threading.Lock(), [], [0]

        def work():
            while not failures:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                parts = Parts(self.url, number)
                try:
                    for _ in range(3):
                        stream = parts.open()
                        ways[number % len(ways)](parts, stream)
                        parts.check(stream)
                except BaseException as error:
                    failures.append(error)
                read[0] += parts.last

        threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        self.assertGreater(read[0], STREAMS)

    def test_async_streams_that_are_ended_anywhere_are_contiguous_and_gone_on_with_without_loss(self):
        ways = [cancel, cancel_reads, close_while_reading, leave_async]
        numbers = iter(range(STREAMS // 3))
        read = 0

        async def work():
            nonlocal read
            for number in numbers:
                parts = Parts(self.url, number)
                for _ in range(3):
                    stream = parts.open()
                    await ways[number % len(ways)](parts, stream)
                    parts.check(stream)
                read += parts.last

        async def main():
            await asyncio.gather(*(work() for _ in range(AT_ONCE)))

        asyncio.run(main())
        self.assertGreater(read, STREAMS)


if __name__ == "__main__":
    unittest.main()
