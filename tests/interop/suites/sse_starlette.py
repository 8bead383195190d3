"""A server in Python."""

from peers.sse_starlette import SseStarlette
from suite import Suite
from suites.servers import Server


class Python(Server, Suite):
    needs = (SseStarlette,)
    tested = "HTTP/1.1, TLS, Last-Event-ID, crash"
