"""A program for mypy --strict: the types are as users need them. Nothing runs it."""

import math

import httpx

from libeventsource import Event, Stream, StreamError
from libeventsource.httpx_sse import ServerSentEvent, aconnect_sse, connect_sse


def later(error: StreamError) -> float:
    return error.delay + 1


def read(url: str) -> str | None:
    with Stream(url, headers={"A": ["1", "2"], "B": None}, on_error=later, read_timeout=math.inf) as stream:
        for event in stream:
            print(event.data.upper())
    return stream.close_reason


async def read_async(url: str) -> list[Event]:
    async with Stream(url, reconnect={"delay": 0.5}) as stream:
        return [event async for event in stream]


def read_sse(client: httpx.Client, url: str) -> list[ServerSentEvent]:
    with connect_sse(client, "GET", url) as source:
        return list(source.iter_sse())


async def read_sse_async(client: httpx.AsyncClient, url: str) -> list[str]:
    async with aconnect_sse(client, "GET", url) as source:
        return [sse.data async for sse in source.aiter_sse()]


def wrong(url: str) -> None:
    Stream(url, mode="twice")  # type: ignore[arg-type]
    Stream(url, reconnect={"dealy": 1})  # type: ignore[arg-type]
    Stream(url, header={})  # type: ignore[call-arg]
