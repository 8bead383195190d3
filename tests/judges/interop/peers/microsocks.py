"""MicroSocks: SOCKS5 with a user and a password."""

from process import Peer


class Microsocks(Peer):
    name = "MicroSocks"
    program = "microsocks"
    package = "microsocks"
    user = "socks-user"
    password = "s@cks:pass"
    in_url = "socks-user:s%40cks%3Apass"

    def __init__(self, folder):
        super().__init__(folder)
        self.socks = self.port()

    def command(self):
        return ["-i", "127.0.0.1", "-p", self.socks, "-u", self.user, "-P", self.password]
