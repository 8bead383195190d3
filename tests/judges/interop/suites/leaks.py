"""What lies between client, proxy and target sees no more than it must: recorded on both sides of each proxy."""

import base64
from contextlib import contextmanager

from peers.microsocks import Microsocks
from peers.squid import Squid
from peers.tinyproxy import Tinyproxy
from relay import Relay
from suite import Suite
from transcript import CLOSED, event, lost, opened

TARGET_USER, TARGET_PASSWORD = "target-user", "target-secret"


def basic(user, password):
    return base64.b64encode(f"{user}:{password}".encode())


TARGET_SECRETS = (TARGET_PASSWORD.encode(), basic(TARGET_USER, TARGET_PASSWORD), b"bearer-secret", b"body-secret")
# Of the stream: what is asked, what is answered, and where it is continued.
PLAINTEXT = (b"/events", b"text/event-stream", b"data:", b"event 1", b"Last-Event-ID", b"last-event-id", b"POST")


class Sniffer(Suite):
    """A relay before the proxy, and another between it and the target."""

    needs = (Squid, Tinyproxy, Microsocks)
    tested = "no plaintext and no leaked credential in what passes"

    @classmethod
    def setUpClass(cls):
        cls.origin = cls.start_origin()
        cls.tls_origin = cls.start_origin(tls=True)
        cls.authority = cls.new_authority()
        cls.trust = cls.bundle(cls.authority.certificate, cls.tls_origin.authority)
        cls.squid = cls.start(cls.new(Squid, identity=cls.authority.issue("localhost")))
        cls.tinyproxy = cls.start(cls.new(Tinyproxy))
        cls.microsocks = cls.start(cls.new(Microsocks))

    @contextmanager
    def recorded(self, scheme, peer, port, target, password=True):
        """Takes a stream through the proxy, two connections long. Yields the relay on the way to the proxy, that on the
        way from it, and what the client has told."""
        with Relay(port) as before, Relay(target.number) as behind:
            user = f"{peer.in_url}@" if password else ""
            url = target.url.replace(str(target.number), str(behind.port))
            seen = self.run_client(
                "--proxy", f"{scheme}://{user}localhost:{before.port}", "--cacert", self.trust,
                "-u", f"{TARGET_USER}:{TARGET_PASSWORD}", "-H", "X-Token: bearer-secret", "-d", "body-secret",
                "--reconnect",
                f"{url}/events?count=2&per_connection=1&retry=10&then=204",
            )  # fmt: skip
            yield before, behind, seen

    def check_stream(self, seen):
        self.check(seen, [opened(), event(1), lost(), opened(), event(2), lost(), CLOSED])

    def check_absent(self, texts, where, *records):
        for text in texts:
            for record in records:
                if text in record:
                    at = record.index(text)
                    self.fail(f"{where}: {bytes(record[max(at - 60, 0):at + 60])}")

    def check_secret(self, scheme, peer, port):
        """An https stream: the proxy is told where to go and who asks, and the target nothing of that."""
        proxy_secrets = (peer.user.encode(), peer.password.encode(), basic(peer.user, peer.password))
        with self.recorded(scheme, peer, port, self.tls_origin) as (before, behind, seen):
            self.check_stream(seen)
            self.check_absent(TARGET_SECRETS + PLAINTEXT, "to the proxy", before.sent, before.received)
            self.check_absent(TARGET_SECRETS + PLAINTEXT, "to the target", behind.sent, behind.received)
            self.check_absent(
                (*proxy_secrets, b"roxy-", b"CONNECT"), "to the target", behind.sent, behind.received
            )
            # The records are of this stream.
            self.assertGreater(len(behind.sent), 500)
            return bytes(before.sent), str(behind.port).encode()

    def check_connect(self, peer, port):
        sent, target = self.check_secret("http", peer, port)
        # TLS makes its way look like noise: what is in clear is the proxy's alone.
        self.assertIn(b"CONNECT localhost:" + target, sent)
        self.assertIn(basic(peer.user, peer.password), sent)

    def test_squid_sees_nothing_of_an_https_stream(self):
        self.check_connect(self.squid, self.squid.http)

    def test_tinyproxy_sees_nothing_of_an_https_stream(self):
        self.check_connect(self.tinyproxy, self.tinyproxy.http)

    def test_who_listens_before_an_https_proxy_sees_not_even_where_to(self):
        sent, target = self.check_secret("https", self.squid, self.squid.https)
        secrets = (b"CONNECT", self.squid.user.encode(), basic(self.squid.user, self.squid.password), target)
        self.check_absent(secrets, "to the https proxy", sent)

    def test_microsocks_sees_nothing_of_an_https_stream(self):
        sent, target = self.check_secret("socks5h", self.microsocks, self.microsocks.socks)
        self.assertIn(self.microsocks.password.encode(), sent)
        self.assertIn(b"\x03\x09localhost" + int(target).to_bytes(2, "big"), sent)

    def test_a_proxy_that_asks_for_a_password_is_not_sent_that_of_the_target(self):
        for peer in (self.squid, self.tinyproxy):
            with self.subTest(peer.name):
                with self.recorded("http", peer, peer.http, self.tls_origin, password=False) as (before, behind, seen):
                    self.assertIn("PROXY 407", seen[0])
                    self.check_absent(TARGET_SECRETS + PLAINTEXT, "to the proxy", before.sent)
                    self.assertEqual(bytes(behind.sent), b"")

    def test_of_an_http_stream_the_target_is_not_sent_the_password_of_the_proxy(self):
        """And it shows that the records would have it: here all is in clear, by the nature of http."""
        for peer in (self.squid, self.tinyproxy):
            with self.subTest(peer.name):
                with self.recorded("http", peer, peer.http, self.origin) as (before, behind, seen):
                    self.check_stream(seen)
                    secrets = (peer.user.encode(), basic(peer.user, peer.password), b"roxy-Auth", b"roxy-auth")
                    self.check_absent(secrets, "to the target", behind.sent)
                    self.assertIn(basic(peer.user, peer.password), before.sent)
                    for text in (basic(TARGET_USER, TARGET_PASSWORD), b"bearer-secret", b"body-secret", b"/events"):
                        self.assertIn(text, before.sent)
                        self.assertIn(text, behind.sent)
                    self.assertIn(b"event 1", before.received)

