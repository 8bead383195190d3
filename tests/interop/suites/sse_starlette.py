"""A server in Python."""

from peers.sse_starlette import SseStarlette
from suite import Suite
from suites.servers import Server


class Python(Server, Suite):
    needs = (SseStarlette,)
    tested = "HTTP/1.1, HTTP/2, TLS, Last-Event-ID, deflate, crash"
    http2 = "2"  # as it says that

    def test_who_knows_that_it_speaks_http2_need_not_ask(self):
        self.check_resumes(self.http, "--http2-prior-knowledge")
        self.assertEqual(self.version(self.http, "--http2-prior-knowledge"), self.http2)

    def test_each_event_comes_once_from_zlib(self):
        for base, *options in ((self.http,), (self.https, "--cacert", self.authority.certificate)):
            with self.subTest(base):
                coded = f"{base}/deflate"
                self.assertEqual(self.response_header("content-encoding", f"{coded}/events", *options), "deflate")
                self.check_resumes(coded, *options)

    def test_a_crash_costs_no_event_from_zlib(self):
        self.check_survives(f"{self.http}/deflate", self.server.crash)
