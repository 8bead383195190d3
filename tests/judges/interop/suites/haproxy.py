"""HAProxy before an origin."""

from peers.haproxy import Haproxy
from suite import Suite
from transcript import error, line


class FrontEnd(Suite):
    needs = (Haproxy,)
    tested = "HTTP/1.1, TLS, dead server, crash"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        cls.trust = ["--cacert", cls.authority.certificate]
        haproxy = cls.haproxy = cls.new(Haproxy)
        cls.http = f"http://127.0.0.1:{haproxy.add_front(cls.origin.number)}"
        cls.https = f"https://localhost:{haproxy.add_tls_front(cls.origin.number, cls.authority.issue('localhost'))}"
        cls.dead = f"http://127.0.0.1:{haproxy.add_front(1)}"
        cls.start(haproxy)

    def test_each_event_comes_once_over_http(self):
        self.check_continues(self.http)

    def test_each_event_comes_once_over_https(self):
        self.check_continues(self.https, *self.trust)

    def test_a_response_that_breaks_off_is_continued(self):
        self.check_continues_when_cut(self.https, *self.trust)

    def test_a_server_that_is_not_there_is_retried(self):
        client = self.client("--retry-initial", f"{self.dead}/events")
        seen = list(map(line, client.take(2)))
        self.check(seen, [error("HTTP_STATUS", 503, retried=True, says="the server answered 503")] * 2)

    def test_a_crash_and_a_new_start_cost_no_event(self):
        self.check_survives_crash(self.https, self.haproxy, *self.trust)


class Http2(Suite):
    needs = (Haproxy,)
    tested = "HTTP/2 by ALPN and with prior knowledge"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        identity = cls.authority.issue("localhost")
        haproxy = cls.haproxy = cls.new(Haproxy)
        cls.https = f"https://localhost:{haproxy.add_tls_front(cls.origin.number, identity, 'alpn h2,http/1.1')}"
        cls.plain = f"http://127.0.0.1:{haproxy.add_front(cls.origin.number, 'proto h2')}"
        cls.start(haproxy)
        cls.trust = ["--cacert", cls.authority.certificate]

    def version(self, base, *options):
        return self.response_header("x-http-version", f"{base}/events", *options)

    def test_tls_chooses_it(self):
        self.check_continues(self.https, *self.trust)
        self.assertEqual(self.version(self.https, *self.trust), "2.0")

    def test_who_knows_it_need_not_ask(self):
        self.check_continues(self.plain, "--http2-prior-knowledge")
        self.assertEqual(self.version(self.plain, "--http2-prior-knowledge"), "2.0")

    def test_a_response_that_breaks_off_is_continued(self):
        """HAProxy makes a clean end of it."""
        self.check_continues_when_cut(self.https, *self.trust)

    def test_a_crash_and_a_new_start_cost_no_event(self):
        self.check_survives_crash(self.https, self.haproxy, *self.trust)


class UnixSocket(Suite):
    needs = (Haproxy,)
    tested = "Unix sockets"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        haproxy = cls.haproxy = cls.new(Haproxy)
        cls.socket = haproxy.add_front(cls.origin.number, at=haproxy.socket("socket"))
        cls.start(haproxy)

    def test_each_event_comes_once(self):
        self.check_continues("http://localhost", "--unix-socket", self.socket)

    def test_a_response_that_breaks_off_is_continued(self):
        self.check_continues_when_cut("http://localhost", "--unix-socket", self.socket)

    def test_the_host_is_that_of_the_url(self):
        request = self.echo("http://api.example:1234", "--unix-socket", self.socket)
        self.assertEqual(request["host"], "api.example:1234")

    def test_no_proxy_is_asked(self):
        environment = {"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
        self.check_continues("http://localhost", "--unix-socket", self.socket, environment=environment)

    def test_a_crash_and_a_new_start_cost_no_event(self):
        self.check_survives_crash("http://localhost", self.haproxy, "--unix-socket", self.socket, says=".*")

    def test_a_socket_that_is_not_there_is_named(self):
        path = self.haproxy.folder / "nobody"
        self.check_refused(["--unix-socket", path, "http://localhost/events"], error("CONNECT", says=str(path)))


class ClientCertificates(Suite):
    """HAProxy refuses connections without a certificate that it trusts, with an alert."""

    needs = (Haproxy,)
    tested = "client certificates, TLS alerts, versions of TLS"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        identity = cls.authority.issue("localhost")
        verify = f"ca-file {cls.authority.certificate} verify required"
        haproxy = cls.new(Haproxy)

        def add(bind):
            return f"https://localhost:{haproxy.add_tls_front(cls.origin.number, identity, bind)}"

        cls.https = add(verify)
        cls.older = add(f"{verify} ssl-max-ver TLSv1.2")
        cls.open_older = add("ssl-max-ver TLSv1.2")
        cls.start(haproxy)
        cls.trust = ["--cacert", cls.authority.certificate]

    def shown(self, authority, name, **options):
        certificate, key = authority.issue(name, hosts=(), purpose="clientAuth", **options)
        return [*self.trust, "--cert", certificate, "--key", key]

    def check_alert(self, options, alert):
        """In TLS 1.3 the alert comes when the client takes the handshake for done, in 1.2 within it."""
        for base in (self.https, self.older):
            with self.subTest(base):
                arguments = [*options, f"{base}/events"]
                self.check_refused(arguments, error("TLS", says=alert))

    def test_a_certificate_of_its_authority_opens_the_stream(self):
        options = self.shown(self.authority, "client")
        self.check_continues(self.https, *options)
        self.check_continues(self.older, *options)

    def test_a_client_without_certificate_is_told_so(self):
        self.check_alert(self.trust, "wants (one|a client certificate)")

    def test_a_certificate_of_another_authority_is_told_to_be_unknown(self):
        stranger = self.new_authority("stranger")
        self.check_alert(self.shown(stranger, "stranger"), "alert unknown_ca")

    def test_an_expired_certificate_is_told_to_be_so(self):
        self.check_alert(self.shown(self.authority, "late", expired=True), "alert certificate_expired")

    def test_an_older_version_than_is_wanted_is_refused(self):
        self.check_continues(self.open_older, *self.trust)
        arguments = [*self.trust, "--tlsv1.3", f"{self.open_older}/events"]
        self.check_refused(arguments, error("TLS", says="no version of TLS that is allowed"))
