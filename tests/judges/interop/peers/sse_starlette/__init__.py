"""Python with the package sse-starlette, served by hypercorn."""

import re
import shutil
import sys
from pathlib import Path

from process import Peer
from tools import fetch, skip

HERE = Path(__file__).parent
PINNED = HERE / "requirements.txt"


class SseStarlette(Peer):
    name = "sse-starlette"

    def __init__(self, folder, identity, streams=100):
        super().__init__(folder)
        self.identity = identity
        self.streams = streams  # of a connection over HTTP/2, at most
        self.http, self.https = self.port(), self.port()

    @classmethod
    def prepare(cls, folder):
        """Makes a virtual environment of what requirements.txt pins, unless it is there from an earlier run."""
        cls.home = folder / "sse_starlette"
        done = cls.home / PINNED.name
        if done.exists() and done.read_bytes() == PINNED.read_bytes():
            return
        try:
            import ensurepip  # noqa: F401: Debian has it in another package
        except ImportError:
            skip("Python's venv is missing; to have it: apt-get install python3-venv")
        shutil.rmtree(cls.home, ignore_errors=True)
        fetch([sys.executable, "-m", "venv", cls.home], HERE)
        fetch([cls.path(), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", PINNED], HERE)
        shutil.copy(PINNED, done)

    @classmethod
    def path(cls):
        return cls.home / "bin" / "python"

    @classmethod
    def version(cls):
        pinned = dict(re.findall(r"^(\S+)==(\S+)", PINNED.read_text(), re.MULTILINE))
        return f"{pinned['sse-starlette']} on hypercorn {pinned['hypercorn']}"

    def command(self):
        return [
            "-B", "-m", "hypercorn", "app:app", "--config", "hypercorn.toml", "--bind", f"127.0.0.1:{self.https}",
            "--insecure-bind", f"127.0.0.1:{self.http}",
            "--certfile", self.identity.certificate, "--keyfile", self.identity.key, "--graceful-timeout", "0",
        ]  # fmt: skip

    def start(self):
        shutil.copy(HERE / "app.py", self.folder)
        (self.folder / "hypercorn.toml").write_text(f"h2_max_concurrent_streams = {self.streams}\n")
        super().start()
