"""A server on Node.js."""

from peers.better_sse import BetterSse
from suite import Suite
from suites.servers import Server


class Node(Server, Suite):
    needs = (BetterSse,)
    tested = "HTTP/1.1, TLS, Last-Event-ID, crash"
