"""An event stream with sse-starlette."""

import asyncio
import zlib

from sse_starlette.sse import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route


async def events(request):
    """As /events of tests/support/server: `count` events with ids, continued after Last-Event-ID; `per_connection` of them, then
    the stream ends; after the last one the next request gets a 204."""
    asked = request.query_params
    count = int(asked.get("count", 10))
    per_connection = int(asked.get("per_connection", count))
    interval = int(asked.get("interval_ms", 0)) / 1000
    begin = int(request.headers.get("Last-Event-ID", 0)) + 1
    if begin > count:
        return Response(status_code=204)

    async def produce():
        for number in range(begin, min(begin + per_connection, count + 1)):
            yield ServerSentEvent(f"event {number}", id=str(number), retry=int(asked.get("retry", 1000)))
            await asyncio.sleep(interval)

    # A ping now and then, as a comment, is this package's default.
    headers = {"X-HTTP-Version": request.scope["http_version"], "X-Port": str(request.client.port)}
    return EventSourceResponse(produce(), ping=1, headers=headers)


class Deflated:
    """An application's content, coded by zlib, each piece of it flushed."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        coder = None

        async def send_coded(message):
            nonlocal coder
            if message["type"] == "http.response.start" and message["status"] == 200:
                coder = zlib.compressobj()
                message = {**message, "headers": [*message["headers"], (b"content-encoding", b"deflate")]}
            elif message["type"] == "http.response.body" and coder:
                body = coder.compress(message.get("body", b""))
                body += coder.flush(zlib.Z_SYNC_FLUSH if message.get("more_body") else zlib.Z_FINISH)
                message = {**message, "body": body}
            await send(message)

        await self.app(scope, receive, send_coded)


routes = [Route("/events", events, methods=["GET", "POST"])]
app = Starlette(routes=[*routes, Mount("/deflate", app=Deflated(Starlette(routes=routes)))])
