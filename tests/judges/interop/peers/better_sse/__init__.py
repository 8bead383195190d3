"""Node.js with the package better-sse, on http and http2 of its own."""

import json
import shutil
from pathlib import Path

from process import Peer, run
from tools import fetch, need

HERE = Path(__file__).parent


class BetterSse(Peer):
    name = "better-sse"
    program = "node"
    package = "nodejs"

    def __init__(self, folder, identity):
        super().__init__(folder)
        self.identity = identity
        self.http, self.https = self.port(), self.port()

    @classmethod
    def prepare(cls, folder):
        """Fetches what package-lock.json pins."""
        npm = need("npm", "apt-get install npm")
        cls.home = folder / "better_sse"
        shutil.copytree(HERE, cls.home, dirs_exist_ok=True)
        fetch([npm, "ci", "--prefer-offline", "--no-audit", "--no-fund", "--silent"], cls.home)

    @classmethod
    def version(cls):
        pinned = json.loads((HERE / "package.json").read_text())["dependencies"]["better-sse"]
        return f"{pinned} on Node.js {run(cls.path(), '--version').stdout.strip().lstrip('v')}"

    def command(self):
        return [self.home / "server.js", self.http, self.https, *self.identity]
