"""Caddy, with the sites that a test gives it."""

from process import Peer

# Certificates are the test's; nothing is asked for at an authority, and nobody is served but on this machine.
CONFIGURATION = """\
{{
	admin off
	auto_https off
	default_bind 127.0.0.1
	storage file_system {folder}
	servers {{
		protocols h1 h2 h2c
	}}
}}
{sites}
"""

SITE = """\
{address} {{
	{settings}
	header X-Protocol {{http.request.proto}}
	reverse_proxy {origin}
}}
"""


class Caddy(Peer):
    name = "Caddy"
    program = "caddy"
    package = "caddy"
    version_command = ("version",)

    def __init__(self, folder):
        super().__init__(folder)
        self.sites = []

    def add_site(self, origin, settings="", scheme="http"):
        """A site of its own port, which forwards to an origin; returns where it is."""
        address = f"{scheme}://localhost:{self.port()}"
        self.sites.append(SITE.format(address=address, settings=settings, origin=origin))
        return address

    def add_tls_site(self, origin, identity, settings=""):
        tls = f"tls {identity.certificate} {identity.key}\n\t"
        return self.add_site(origin, tls + settings, "https")

    def command(self):
        configuration = CONFIGURATION.format(folder=self.folder, sites="\n".join(self.sites))
        (self.folder / "Caddyfile").write_text(configuration)
        return ["run", "--config", self.folder / "Caddyfile", "--adapter", "caddyfile"]
