"""One TLS policy holds directly and through every proxy: a front end that wants a client certificate, behind each."""

from certificates import pin
from peers.haproxy import Haproxy
from peers.microsocks import Microsocks
from peers.squid import Squid
from peers.tinyproxy import Tinyproxy
from suite import Suite
from transcript import error


class ThroughEach(Suite):
    needs = (Haproxy, Squid, Tinyproxy, Microsocks)
    tested = "client certificate, pin and HTTP/2 through each proxy"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.authority = cls.new_authority()
        cls.server = cls.authority.issue("localhost")
        cls.client_identity = cls.authority.issue("client", hosts=(), purpose="clientAuth")
        haproxy = cls.new(Haproxy)
        bind = f"ca-file {cls.authority.certificate} verify required alpn h2,http/1.1"
        cls.https = f"https://localhost:{haproxy.add_tls_front(cls.origin.number, cls.server, bind)}"
        cls.start(haproxy)
        squid = cls.start(cls.new(Squid, identity=cls.server))
        tinyproxy = cls.start(cls.new(Tinyproxy))
        microsocks = cls.start(cls.new(Microsocks))
        cls.proxies = {
            "none": "",
            "Squid": f"http://{squid.in_url}@localhost:{squid.http}",
            "Squid over TLS": f"https://{squid.in_url}@localhost:{squid.https}",
            "Tinyproxy": f"http://{tinyproxy.in_url}@localhost:{tinyproxy.http}",
            "MicroSocks, by address": f"socks5://{microsocks.in_url}@localhost:{microsocks.socks}",
            "MicroSocks, by name": f"socks5h://{microsocks.in_url}@localhost:{microsocks.socks}",
        }

    def each(self):
        """The options for each way, and the way's name."""
        host = self.https.removeprefix("https://")
        options = ["--cacert", self.authority.certificate, "--resolve", f"{host}:127.0.0.1"]
        return ((name, ["--proxy", proxy, *options]) for name, proxy in self.proxies.items())

    def identified(self):
        certificate, key = self.client_identity
        return ["--cert", certificate, "--key", key]

    def test_the_client_certificate_opens_the_stream_over_http2(self):
        for name, options in self.each():
            with self.subTest(name):
                self.check_continues(self.https, *options, *self.identified())
                url = f"{self.https}/events"
                self.assertEqual(self.response_header("x-http-version", url, *options, *self.identified()), "2.0")

    def test_without_the_client_certificate_the_target_refuses(self):
        for name, options in self.each():
            with self.subTest(name):
                self.check_refused([*options, f"{self.https}/events"], error("TLS", says="certificate_required"))

    def test_a_target_with_the_pinned_key_is_accepted(self):
        for name, options in self.each():
            with self.subTest(name):
                self.check_continues(self.https, *options, *self.identified(), "--pinnedpubkey", pin(self.server.key))

    def test_a_target_with_another_key_is_refused(self):
        other = pin(self.client_identity.key)
        for name, options in self.each():
            with self.subTest(name):
                arguments = [*options, *self.identified(), "--pinnedpubkey", other, f"{self.https}/events"]
                self.check_refused(arguments, error("CERTIFICATE", says="is not pinned"))
