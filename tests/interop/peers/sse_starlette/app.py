"""An event stream with sse-starlette."""

import asyncio

from sse_starlette.sse import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route


async def events(request):
    """As /events of tests/server: `count` events with ids, resumed after Last-Event-ID; `per_connection` of them, then
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
    return EventSourceResponse(produce(), ping=1, headers={"X-HTTP-Version": request.scope["http_version"]})


app = Starlette(routes=[Route("/events", events, methods=["GET", "POST"])])
