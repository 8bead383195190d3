"""Squid, over http and over https."""

from peers.squid import Squid
from suite import Suite
from suites.proxies import HttpProxy
from transcript import error


class Http(HttpProxy, Suite):
    needs = (Squid,)
    tested = "http by absolute URL, https by CONNECT, passwords, 403, 407, 503, crash"
    unreachable = HttpProxy.answered(503, retried=True)

    @classmethod
    def setUpClass(cls):
        cls.start_without_tls(Squid)

    def test_names_are_its_business(self):
        """Nobody but Squid knows this one."""
        self.check_continues(f"http://target.test:{self.origin.number}", *self.through())
        arguments = self.through(*self.trust, f"https://target.test:{self.tls_origin.number}/events")
        self.check_refused(arguments, error("CERTIFICATE", says="it is for localhost, not for target.test"))


class Https(HttpProxy, Suite):
    needs = (Squid,)
    tested = "itself over TLS"
    unreachable = Http.unreachable

    @classmethod
    def setUpClass(cls):
        cls.start_origins()
        cls.authority = cls.new_authority()
        cls.peer = cls.start(cls.new(Squid, identity=cls.authority.issue("localhost")))
        cls.options = ["--cacert", cls.authority.certificate]
        cls.trust = ["--cacert", cls.bundle(cls.authority.certificate, cls.tls_origin.authority)]
        cls.proxy = f"https://{Squid.in_url}@localhost:{cls.peer.https}"
        cls.proxy_without_password = f"https://localhost:{cls.peer.https}"

    def test_it_has_to_be_trusted_itself(self):
        arguments = ["--proxy", self.proxy, "--cacert", self.tls_origin.authority, f"{self.tls_origin.url}/events"]
        self.check_refused(arguments, error("PROXY", says="no trusted authority"))
