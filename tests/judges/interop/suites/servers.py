"""What holds for packages with which people write servers of event streams, whatever the language."""


class Server:
    """A base for suites, of which `needs` names the peer first."""

    @classmethod
    def setUpClass(cls):
        cls.authority = cls.new_authority()
        cls.server = cls.start(cls.new(cls.needs[0], identity=cls.authority.issue("localhost")))
        cls.http = f"http://127.0.0.1:{cls.server.http}"
        cls.https = f"https://localhost:{cls.server.https}"

    def test_each_event_comes_once_over_http(self):
        self.check_continues(self.http)

    def test_each_event_comes_once_over_https(self):
        self.check_continues(self.https, "--cacert", self.authority.certificate)

    def test_a_crash_and_a_new_start_cost_no_event(self):
        self.check_survives(self.http, self.server.crash)

    def version(self, base, *options):
        return self.response_header("x-http-version", f"{base}/events", *options)

    def test_tls_chooses_http2(self):
        self.assertEqual(self.version(self.https, "--cacert", self.authority.certificate), self.http2)
