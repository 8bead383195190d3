"""MicroSocks, a SOCKS5 proxy."""

from peers.microsocks import Microsocks
from relay import Relay
from suite import Suite
from suites.proxies import Proxy
from transcript import CLOSED, error, event, opened

# What follows the request to connect (RFC 1928, section 4): a name with its length, or an IPv4 address.
CONNECT = b"\x05\x01\x00"
TO_NAME = CONNECT + b"\x03\x0btarget.test"
TO_ADDRESS = CONNECT + b"\x01\x7f\x00\x00\x01"


class Socks(Proxy):
    scheme: str
    unreachable = dict.fromkeys(("http", "https"), error("PROXY", retried=True, says="refused"))
    refused = error("PROXY", says="auth|method")

    @classmethod
    def setUpClass(cls):
        cls.start_origins()
        cls.peer = cls.start(cls.new(Microsocks))
        cls.proxy = f"{cls.scheme}://{Microsocks.in_url}@127.0.0.1:{cls.peer.socks}"
        cls.proxy_without_password = f"{cls.scheme}://127.0.0.1:{cls.peer.socks}"

    def test_a_wrong_password_is_refused(self):
        arguments = self.through(f"{self.origin.url}/events", proxy=self.proxy.replace("@", "x@"))
        self.check_refused(arguments, error("PROXY", says="auth|password"))

    def test_the_environment_names_it(self):
        self.check_continues(self.tls_origin.url, *self.trust, environment={"ALL_PROXY": self.proxy})

    def asked(self, *options):
        """What the proxy is sent by a client that wants to target.test."""
        with Relay(self.peer.socks) as relay:
            proxy = self.proxy.replace(str(self.peer.socks), str(relay.port))
            url = f"http://target.test:{self.origin.number}/events"
            seen = self.run_client(*self.through("--count", "1", *options, url, proxy=proxy))
            return bytes(relay.sent), seen


class Socks5h(Socks, Suite):
    """Names are the proxy's business."""

    needs = (Microsocks,)
    tested = "socks5h, passwords, dead host, crash"
    scheme = "socks5h"

    def test_it_is_asked_for_the_name(self):
        sent, _ = self.asked("--resolve", f"target.test:{self.origin.number}:127.0.0.1")
        self.assertIn(TO_NAME, sent)
        self.assertNotIn(TO_ADDRESS, sent)


class Socks5(Socks, Suite):
    """Names are the client's business."""

    needs = (Microsocks,)
    tested = "socks5"
    scheme = "socks5"

    def test_it_is_asked_for_the_address(self):
        sent, seen = self.asked("--resolve", f"target.test:{self.origin.number}:127.0.0.1")
        self.check(seen, [opened(), event(1), CLOSED])
        self.assertIn(TO_ADDRESS, sent)
        self.assertNotIn(b"target.test", sent.split(b"GET ")[0])
