"""What holds for proxies, whatever they speak."""

from transcript import error, line


class Proxy:
    """A base for suites, which start the proxy."""

    proxy: str  # its URL
    proxy_without_password: str
    options = ()  # that it always needs
    refused: object  # the error where the password is missing
    unreachable: dict  # the errors where nobody listens behind it, by the origin's scheme

    @classmethod
    def start_origins(cls):
        """The origins behind the proxy."""
        cls.origin = cls.start_origin()
        cls.tls_origin = cls.start_origin(tls=True)
        cls.trust = ["--cacert", cls.tls_origin.authority]

    def through(self, *arguments, proxy=None):
        return ["--proxy", proxy or self.proxy, *self.options, *arguments]

    def dead_proxy(self):
        """The same, where nobody listens."""
        return self.proxy_without_password.rsplit(":", 1)[0] + ":1"

    def test_each_event_of_an_http_stream_comes_once(self):
        self.check_continues(self.origin.url, *self.through())

    def test_each_event_of_an_https_stream_comes_once(self):
        self.check_continues(self.tls_origin.url, *self.through(*self.trust))

    def test_a_response_that_breaks_off_is_continued(self):
        self.check_continues_when_cut(self.tls_origin.url, *self.through(*self.trust))

    def test_an_event_comes_at_once(self):
        self.check_at_once(self.origin.url, *self.through())
        self.check_at_once(self.tls_origin.url, *self.through(*self.trust))

    def test_the_origin_is_not_trusted_more_than_without_a_proxy(self):
        arguments = self.through(f"{self.tls_origin.url}/events")
        self.check_refused(arguments, error("CERTIFICATE", says="no trusted authority"))

    def test_an_origin_that_is_not_there_is_retried(self):
        for scheme, expected in self.unreachable.items():
            with self.subTest(scheme):
                client = self.client(*self.through("--retry-initial", f"{scheme}://127.0.0.1:1/events"))
                self.check(list(map(line, client.take(2))), [expected] * 2)

    def test_without_the_password_nothing_goes(self):
        for base, options in ((self.origin.url, []), (self.tls_origin.url, self.trust)):
            with self.subTest(base):
                arguments = self.through(*options, f"{base}/events", proxy=self.proxy_without_password)
                self.check_refused(arguments, self.refused)

    def test_a_proxy_that_is_not_there_is_named(self):
        arguments = self.through(f"{self.origin.url}/events", proxy=self.dead_proxy())
        says = "the proxy (127.0.0.1|localhost):1 cannot be reached.*refused"
        self.check_refused(arguments, error("PROXY", says=says))

    def test_hosts_of_the_list_are_reached_without_it(self):
        proxy = self.dead_proxy()
        self.check_continues(self.origin.url, *self.through("--noproxy", "127.0.0.1", proxy=proxy))
        self.check_continues(self.tls_origin.url, *self.through("--noproxy", "localhost", *self.trust, proxy=proxy))

    def test_a_crash_and_a_new_start_cost_no_event(self):
        self.check_survives_crash(self.tls_origin.url, self.peer, *self.through(*self.trust), code="PROXY")

    def test_its_password_is_not_for_the_origin(self):
        for base, options in ((self.origin.url, []), (self.tls_origin.url, self.trust)):
            with self.subTest(base):
                request = self.echo(base, *self.through(*options, "-u", "target:secret"))
                self.assertEqual(request["authorization"], "Basic dGFyZ2V0OnNlY3JldA==")
                self.assertNotIn("proxy-authorization", request)


class HttpProxy(Proxy):
    """A proxy for http by absolute URLs, for https by CONNECT."""

    refused = error("PROXY", 407, says="answered 407")

    @staticmethod
    def answered(status, **how):
        """The errors for its own answer, by scheme: for http nobody can tell it from the server's."""
        codes = {"http": "HTTP_STATUS", "https": "PROXY"}
        return {scheme: error(code, status, says=f"answered {status}", **how) for scheme, code in codes.items()}

    @classmethod
    def start_without_tls(cls, proxy):
        cls.start_origins()
        cls.peer = cls.start(cls.new(proxy))
        cls.proxy = f"http://{proxy.in_url}@127.0.0.1:{cls.peer.http}"
        cls.proxy_without_password = f"http://127.0.0.1:{cls.peer.http}"

    def test_the_environment_names_it(self):
        def named(name):
            return {name: self.proxy}

        self.check_continues(self.origin.url, *self.options, environment=named("http_proxy"))
        self.check_continues(self.tls_origin.url, *self.options, *self.trust, environment=named("HTTPS_PROXY"))
        self.check_continues(self.origin.url, *self.options, environment=named("ALL_PROXY"))

    def test_who_is_asked_tells_that_it_was_the_proxy(self):
        """Tinyproxy and Squid write themselves into requests for http."""
        self.assertIn(self.peer.program, self.echo(self.origin.url, *self.through())["via"])

    def test_the_environment_can_be_overruled(self):
        environment = {"http_proxy": "http://127.0.0.1:1"}
        self.check_continues(self.origin.url, "--proxy", "", environment=environment)
        self.check_continues(self.origin.url, environment=environment | {"no_proxy": "127.0.0.1"})

    def test_a_host_that_it_lets_nobody_reach_is_final(self):
        for scheme in ("http", "https"):
            with self.subTest(scheme):
                arguments = self.through(f"{scheme}://forbidden.test/events")
                self.check_refused(arguments, self.answered(403)[scheme])
