"""A server on Node.js."""

from peers.better_sse import BetterSse
from suite import Suite
from suites.servers import Server


class Node(Server, Suite):
    needs = (BetterSse,)
    tested = "HTTP/1.1, HTTP/2, TLS, Last-Event-ID, crash"
    http2 = "2.0"  # as it says that
