"""Caddy before an origin, as a reverse proxy."""

from peers.caddy import Caddy
from suite import Suite
from suites.codings import Compressing
from transcript import CLOSED, events, lost, opened


class ReverseProxy(Suite):
    needs = (Caddy,)
    tested = "HTTP/1.1, TLS, HTTP/2 by ALPN and with prior knowledge, crash"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        caddy = cls.caddy = cls.new(Caddy)
        cls.http = caddy.add_site(cls.origin.url)
        cls.https = caddy.add_tls_site(cls.origin.url, cls.authority.issue("localhost"))
        cls.start(caddy)
        cls.trust = ["--cacert", cls.authority.certificate]
        cls.ways = ((cls.http,), (cls.http, "--http2-prior-knowledge"), (cls.https, *cls.trust))

    def test_each_event_comes_once(self):
        for way in self.ways:
            with self.subTest(way=way):
                self.check_continues(*way)

    def test_an_event_comes_at_once(self):
        for way in self.ways:
            with self.subTest(way=way):
                self.check_at_once(*way)

    def test_http2_is_spoken_where_it_is_chosen_or_known(self):
        protocols = [self.response_header("x-protocol", f"{base}/events", *options) for base, *options in self.ways]
        self.assertEqual(protocols, ["HTTP/1.1", "HTTP/2.0", "HTTP/2.0"])

    def test_a_crash_and_a_new_start_cost_no_event(self):
        for way in self.ways:
            with self.subTest(way=way):
                base, *options = way
                self.check_survives_crash(base, self.caddy, *options)


class Compression(Compressing, Suite):
    """This version of Caddy keeps what it compresses to itself until that is enough, or all."""

    needs = (Caddy,)
    tested = "zstd and gzip of an event stream"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        identity = cls.authority.issue("localhost")
        caddy = cls.new(Caddy)
        cls.bases = {}
        for coding in ("zstd", "gzip"):
            settings = f"encode {{\n\t\t{coding}\n\t\tminimum_length 1\n\t}}"
            plain = caddy.add_site(cls.origin.url, settings)
            cls.bases[coding] = (plain, caddy.add_tls_site(cls.origin.url, identity, settings))
        cls.start(caddy)
        cls.trust = ["--cacert", cls.authority.certificate]

    def test_a_long_stream_is_whole(self):
        for coding, base in self.each():
            with self.subTest(base, coding=coding):
                arguments = ["--compressed", *self.trust, f"{base}/events?count=20000&then=204"]
                self.check_run(arguments, [opened(), *events(1, 20000), lost(), CLOSED])
