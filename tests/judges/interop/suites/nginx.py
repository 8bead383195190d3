"""nginx before an origin, as a reverse proxy."""

from certificates import pin
from peers.nginx import FORWARD, Brotli, Nginx
from suite import Suite
from suites.codings import Compressing
from transcript import CLOSED, error, events, line, lost, opened


class ReverseProxy(Suite):
    needs = (Nginx,)
    tested = "HTTP/1.1, TLS, reload, crash"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        locations = {"/": FORWARD.format(origin=cls.origin.url)}
        dead = FORWARD.format(origin="http://127.0.0.1:1")

        nginx = cls.nginx = cls.new(Nginx)
        cls.http = nginx.add_server(locations=locations | {"/dead/": dead})
        cls.https = nginx.add_tls_server(cls.authority.issue("localhost"), locations=locations)
        cls.expired = nginx.add_tls_server(cls.authority.issue("expired", expired=True), locations=locations)
        elsewhere = cls.authority.issue("elsewhere", hosts=["DNS:elsewhere.example"])
        cls.elsewhere = nginx.add_tls_server(elsewhere, locations=locations)
        cls.start(nginx)

    def trusting(self, *arguments):
        return ["--cacert", self.authority.certificate, *arguments]

    def test_each_event_comes_once_over_http(self):
        self.check_continues(f"http://127.0.0.1:{self.http}")

    def test_each_event_comes_once_over_https(self):
        self.check_continues(f"https://localhost:{self.https}", *self.trusting())

    def test_a_response_that_breaks_off_is_continued(self):
        self.check_continues_when_cut(f"https://localhost:{self.https}", *self.trusting())

    def test_an_address_is_a_name_that_a_certificate_can_have(self):
        self.check_continues(f"https://127.0.0.1:{self.https}", *self.trusting())

    def test_an_upstream_that_is_not_there_is_retried(self):
        arguments = ["--retry-initial", f"http://127.0.0.1:{self.http}/dead/events"]
        client = self.client(*arguments)
        seen = list(map(line, client.take(2)))
        self.check(seen, [error("HTTP_STATUS", 502, retried=True, says="the server answered 502")] * 2)

    def test_an_authority_that_nobody_trusts_is_refused(self):
        arguments = [f"https://localhost:{self.https}/events"]
        self.check_refused(arguments, error("CERTIFICATE", says="no trusted authority"))

    def test_an_authority_of_the_same_name_with_another_key_is_refused(self):
        other = self.new_authority("other").certificate
        arguments = ["--cacert", other, f"https://localhost:{self.https}/events"]
        self.check_refused(arguments, error("CERTIFICATE", says="no trusted authority|a signature is wrong"))

    def test_an_expired_certificate_is_refused(self):
        arguments = self.trusting(f"https://localhost:{self.expired}/events")
        self.check_refused(arguments, error("CERTIFICATE", says="expired on"))

    def test_a_certificate_for_another_name_is_refused(self):
        arguments = self.trusting(f"https://localhost:{self.elsewhere}/events")
        self.check_refused(arguments, error("CERTIFICATE", says="it is for elsewhere.example, not for localhost"))

    def test_a_reload_costs_no_event(self):
        errors = self.check_survives(f"https://localhost:{self.https}", self.nginx.reload, *self.trusting())
        self.check(errors, [lost()])

    def test_a_crash_and_a_new_start_cost_no_event(self):
        self.check_survives_crash(f"https://localhost:{self.https}", self.nginx, *self.trusting())


class ClientCertificates(Suite):
    """nginx takes connections without a certificate, and refuses the requests."""

    needs = (Nginx,)
    tested = "client certificates, pinned keys"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority, cls.stranger = cls.new_authority(), cls.new_authority("stranger")
        cls.identity = cls.authority.issue("localhost")
        nginx = cls.new(Nginx)
        port = nginx.add_tls_server(
            cls.identity,
            settings=f"ssl_verify_client on; ssl_client_certificate {cls.authority.certificate};",
            locations={"/": FORWARD.format(origin=cls.origin.url)},
        )
        cls.https = f"https://localhost:{port}"
        cls.start(nginx)

    def shown(self, identity, *arguments):
        certificate, key = identity
        return ["--cacert", self.authority.certificate, "--cert", certificate, "--key", key, *arguments]

    def test_a_certificate_of_its_authority_opens_the_stream(self):
        client = self.authority.issue("client", hosts=(), purpose="clientAuth")
        self.check_continues(self.https, *self.shown(client))

    def test_certificate_and_key_may_be_in_one_file(self):
        client = self.authority.issue("both", hosts=(), purpose="clientAuth")
        both = self.bundle(*client)
        self.check_continues(self.https, "--cacert", self.authority.certificate, "--cert", both)

    def test_a_request_without_certificate_is_refused(self):
        arguments = ["--cacert", self.authority.certificate, f"{self.https}/events"]
        self.check_refused(arguments, error("HTTP_STATUS", 400))

    def test_a_certificate_of_another_authority_is_refused(self):
        client = self.stranger.issue("client", hosts=(), purpose="clientAuth")
        self.check_refused(self.shown(client, f"{self.https}/events"), error("HTTP_STATUS", 400))

    def test_a_server_with_a_pinned_key_is_accepted(self):
        client = self.authority.issue("pinning", hosts=(), purpose="clientAuth")
        self.check_continues(self.https, *self.shown(client, "--pinnedpubkey", pin(self.identity.key)))
        two = f"{pin(client.key)};{pin(self.identity.key)}"
        self.check_continues(self.https, *self.shown(client, "--pinnedpubkey", two))

    def test_a_server_with_another_key_is_refused_however_trusted(self):
        client = self.authority.issue("other", hosts=(), purpose="clientAuth")
        arguments = self.shown(client, "--pinnedpubkey", pin(client.key), f"{self.https}/events")
        self.check_refused(arguments, error("CERTIFICATE", says="pinned"))


class Http2(Suite):
    needs = (Nginx,)
    tested = "HTTP/2 by ALPN and with prior knowledge, GOAWAY"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        identity = cls.authority.issue("localhost")
        locations = {"/": FORWARD.format(origin=cls.origin.url)}
        nginx = cls.nginx = cls.new(Nginx)
        cls.plain = f"http://127.0.0.1:{nginx.add_server('http2', locations=locations)}"
        cls.older = f"http://127.0.0.1:{nginx.add_server(locations=locations)}"
        cls.https = f"https://localhost:{nginx.add_tls_server(identity, 'ssl http2', locations=locations)}"
        cls.older_https = f"https://localhost:{nginx.add_tls_server(identity, locations=locations)}"
        impatient = nginx.add_tls_server(identity, "ssl http2", "keepalive_requests 1;", locations)
        cls.impatient = f"https://localhost:{impatient}"
        cls.start(nginx)
        cls.trust = ["--cacert", cls.authority.certificate]

    def protocol(self, base, *options):
        return self.response_header("x-protocol", f"{base}/events", *options)

    def test_tls_chooses_it(self):
        self.check_continues(self.https, *self.trust)
        self.assertEqual(self.protocol(self.https, *self.trust), "HTTP/2.0")

    def test_tls_chooses_the_older_one_where_there_is_no_other(self):
        self.assertEqual(self.protocol(self.older_https, *self.trust), "HTTP/1.1")

    def test_who_knows_it_need_not_ask(self):
        self.check_continues(self.plain, "--http2-prior-knowledge")
        self.assertEqual(self.protocol(self.plain, "--http2-prior-knowledge"), "HTTP/2.0")
        self.assertEqual(self.protocol(self.https, "--http2-prior-knowledge", *self.trust), "HTTP/2.0")

    def test_who_knows_it_wrong_is_told_so(self):
        arguments = ["--http2-prior-knowledge", f"{self.older}/events"]
        self.check_refused(arguments, error("HTTP2|DISCONNECTED|PROTOCOL", says="HTTP/2"))
        arguments = ["--http2-prior-knowledge", *self.trust, f"{self.older_https}/events"]
        self.check_refused(arguments, error("TLS|HTTP2", says="HTTP/2|protocol"))

    def test_a_response_that_breaks_off_is_continued(self):
        """nginx says so by RST_STREAM."""
        url = f"{self.https}/events?count=4&per_connection=2&retry=10&cut=abort&then=hold"
        reset = error("HTTP2", retried=True, says="reset the stream: INTERNAL_ERROR")
        expected = [opened(), *events(1, 2), reset, opened(), *events(3, 4), CLOSED]
        self.check_run(["--count", "4", *self.trust, url], expected)

    def test_goaway_after_each_request_costs_no_event(self):
        self.check_continues(self.impatient, *self.trust)

    def test_goaway_for_a_reload_costs_no_event(self):
        errors = self.check_survives(self.https, self.nginx.reload, *self.trust)
        self.check(errors, [lost()])

    def test_a_crash_and_a_new_start_cost_no_event(self):
        self.check_survives_crash(self.https, self.nginx, *self.trust)


class Compression(Compressing, Suite):
    needs = (Nginx, Brotli)
    tested = "gzip and br of an event stream"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        nginx = cls.nginx = cls.new(Brotli)
        forward = {"/": FORWARD.format(origin=cls.origin.url)}
        identity = cls.authority.issue("localhost")
        settings = "{0} on; {0}_types text/event-stream; {0}_min_length 0;"
        cls.bases = {}
        for coding, directive in (("gzip", "gzip"), ("br", "brotli")):
            port = nginx.add_server(settings=settings.format(directive), locations=forward)
            secure = nginx.add_tls_server(identity, "ssl http2", settings.format(directive), forward)
            cls.bases[coding] = (f"http://127.0.0.1:{port}", f"https://localhost:{secure}")
        cls.start(nginx)
        cls.trust = ["--cacert", cls.authority.certificate]

    def test_an_event_comes_at_once(self):
        for coding, base in self.each():
            with self.subTest(base, coding=coding):
                self.check_at_once(base, "--compressed", *self.trust)

    def test_a_crash_and_a_new_start_cost_no_event(self):
        for coding, base in self.each():
            with self.subTest(base, coding=coding):
                self.check_survives(base, self.nginx.crash, "--compressed", *self.trust)

    def bad(self, base, coding):
        head = "header=Content-Type:text/event-stream&header=Content-Encoding:"
        return f"{base}/status/200?{head}{coding}&body=data:%20in%20clear%0a%0a"

    def test_what_is_not_so_compressed_as_it_says_is_an_error(self):
        for _, base in self.each():
            with self.subTest(base):
                arguments = ["--no-reconnect", *self.trust, self.bad(base, "gzip")]
                self.check_refused(arguments, opened(), error("DECODING", says="gzip"))

    def test_under_a_coding_that_nobody_knows_the_bytes_are_read_as_they_are(self):
        for _, base in self.each():
            with self.subTest(base):
                arguments = ["--no-reconnect", *self.trust, self.bad(base, "rot13")]
                in_clear = "event : in clear"
                self.check_run(arguments, [opened(), in_clear, CLOSED])


class Checked(Suite):
    """`eventsource check`, before an nginx that forwards as it should and as it should not."""

    needs = (Nginx,)
    tested = "`eventsource check`"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        good = FORWARD.format(origin=cls.origin.url)
        kept = good.replace("proxy_buffering off;", "proxy_buffering on;")
        nginx = cls.nginx = cls.new(Nginx)
        cls.plain = nginx.add_server(locations={"/": good})
        gzip = "gzip on; gzip_types text/event-stream; gzip_min_length 0;"
        cls.compressing = nginx.add_server(settings=gzip, locations={"/": good})
        # It flushes gzip only if it does not buffer. (What it does not compress, it passes on in either case.)
        cls.buffering = nginx.add_server(settings=gzip, locations={"/": kept})
        identity = cls.authority.issue("localhost")
        cls.http2 = nginx.add_tls_server(identity, listen="ssl http2", locations={"/": good})
        cls.start(nginx)

    PATH = "/events?count=10000&interval_ms=200&retry=1000"

    def test_one_that_does_not_buffer_is_good(self):
        self.check_server(f"http://127.0.0.1:{self.plain}{self.PATH}")

    def test_one_that_compresses_and_flushes_is_good(self):
        self.check_server(f"http://127.0.0.1:{self.compressing}{self.PATH}")

    def test_one_that_speaks_http2_is_good(self):
        self.check_server(f"https://localhost:{self.http2}{self.PATH}", arguments=["--cacert", self.authority.certificate])

    def test_its_certificate_is_a_fault_where_nobody_trusts_it(self):
        self.check_server(f"https://localhost:{self.http2}{self.PATH}", "tls.certificate")

    def test_one_that_buffers_what_it_compresses_is_found(self):
        self.check_server(f"http://127.0.0.1:{self.buffering}{self.PATH}", "compression.unflushed")
