"""A server in Python."""

from peers.sse_starlette import SseStarlette
from suite import Suite
from suites.servers import Server


class Python(Server, Suite):
    needs = (SseStarlette,)
    tested = "HTTP/1.1, HTTP/2, TLS, Last-Event-ID, crash"
    http2 = "2"  # as it says that

    def test_who_knows_that_it_speaks_http2_need_not_ask(self):
        self.check_resumes(self.http, "--http2-prior-knowledge")
        self.assertEqual(self.version(self.http, "--http2-prior-knowledge"), self.http2)
