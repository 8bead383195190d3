"""The server whose events are checked one by one: the program of tests/support/server."""

import subprocess

from process import Peer


class Origin(Peer):
    name = "test-server"

    def __init__(self, folder, program, tls=False):
        super().__init__(folder)
        self.program, self.tls = program, tls
        self.authority = self.folder / "ca.pem"  # with tls

    def start(self):
        """It chooses a port itself and tells it, and runs for as long as its standard input is open."""
        command = [self.program, *(("--tls", "--ca-file", self.authority) if self.tls else ())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]
        self.number = int(self.url.rsplit(":", 1)[1])

    def end(self):
        with self.process:
            self.process.terminate()

    def said(self, lines=0):
        return ""
