"""Tinyproxy as a forward proxy that asks for a password."""

from process import Peer

CONFIGURATION = """\
Listen 127.0.0.1
Port {port}
Timeout 3600
MaxClients 100
LogLevel Connect
BasicAuth {user} {password}
Filter "{folder}/forbidden"
"""


class Tinyproxy(Peer):
    """To `forbidden.test` it lets nobody go."""

    name = "Tinyproxy"
    program = "tinyproxy"
    package = "tinyproxy"
    user = "tinyproxy-user"
    # Letters, digits and these are all that its configuration takes.
    password = "pass.w-r_d"
    in_url = "tinyproxy%2Duser:pass%2ew-r%5fd"

    def __init__(self, folder):
        super().__init__(folder)
        self.http = self.port()

    def command(self):
        (self.folder / "tinyproxy.conf").write_text(
            CONFIGURATION.format(port=self.http, user=self.user, password=self.password, folder=self.folder)
        )
        (self.folder / "forbidden").write_text("^forbidden\\.test$\n")
        return ["-d", "-c", self.folder / "tinyproxy.conf"]
