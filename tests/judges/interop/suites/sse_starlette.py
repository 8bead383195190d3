"""A server in Python."""

import subprocess

from peers.sse_starlette import SseStarlette
from process import PATIENCE
from suite import Suite
from suites.servers import Server


class Python(Server, Suite):
    needs = (SseStarlette,)
    tested = "HTTP/1.1, HTTP/2, TLS, Last-Event-ID, deflate, crash"
    http2 = "2"  # as it says that

    def test_who_knows_that_it_speaks_http2_need_not_ask(self):
        self.check_continues(self.http, "--http2-prior-knowledge")
        self.assertEqual(self.version(self.http, "--http2-prior-knowledge"), self.http2)

    def test_each_event_comes_once_from_zlib(self):
        for base, *options in ((self.http,), (self.https, "--cacert", self.authority.certificate)):
            with self.subTest(base):
                coded = f"{base}/deflate"
                self.assertEqual(self.response_header("content-encoding", f"{coded}/events", *options), "deflate")
                self.check_continues(coded, *options)

    def test_a_crash_costs_no_event_from_zlib(self):
        self.check_survives(f"{self.http}/deflate", self.server.crash)

    def test_streams_that_are_replaced_at_the_limit_are_nothing_to_the_others(self):
        """RFC 9113, 5.1.2: Python's h2 ends a connection, with all its streams, on which one stream is too many."""
        server = self.start(self.new(SseStarlette, identity=self.server.identity, streams=2))
        url = f"http://127.0.0.1:{server.http}/events?count=1000000&interval_ms=5"
        client = subprocess.run([self.replacing, url, "200"], capture_output=True, text=True, timeout=10 * PATIENCE)
        self.assertEqual((client.returncode, client.stderr), (0, ""), client.stdout)
        self.assertRegex(client.stdout, "^0 errors, [0-9]{1,2} connections, alive\n$")  # so it was at the limit
