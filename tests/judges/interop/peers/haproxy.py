"""HAProxy, with the front ends that a test gives it."""

from process import Peer

CONFIGURATION = """\
global
    log stderr format raw local0
    maxconn 200
defaults
    log global
    mode http
    option dontlognull
    retries 0
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
"""
TELL_VERSION = """\
    http-request set-var(txn.version) req.ver
    http-response set-header X-HTTP-Version %[var(txn.version)]
"""


class Haproxy(Peer):
    name = "HAProxy"
    program = "haproxy"
    package = "haproxy"
    version_command = ("-v",)

    def __init__(self, folder):
        super().__init__(folder)
        self.sections = []

    def add_front(self, server, bind="", mode="http", at=None):
        """A front end for a server at a port of 127.0.0.1; `bind` is what follows the address in that directive. It
        listens at a Unix socket, `at`, or at a port; returns which."""
        address = at or self.port()
        self.sections.append(f"""\
listen front-{len(self.sections)}
    mode {mode}
    bind {f"unix@{at}" if at else f"127.0.0.1:{address}"} {bind}
    server behind 127.0.0.1:{server}
""")
        if mode == "http":
            self.sections[-1] += TELL_VERSION
        return address

    def add_tls_front(self, server, identity, bind="", mode="http"):
        """HAProxy wants certificate and key in one file."""
        both = identity.certificate.with_suffix(".both")
        both.write_text(identity.certificate.read_text() + identity.key.read_text())
        return self.add_front(server, f"ssl crt {both} {bind}", mode)

    def command(self):
        (self.folder / "haproxy.cfg").write_text(CONFIGURATION + "".join(self.sections))
        return ["-db", "-f", self.folder / "haproxy.cfg"]
