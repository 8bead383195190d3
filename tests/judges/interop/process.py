"""Programs that serve on loopback for as long as a test needs them."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tools import need

PATIENCE = 20  # seconds for what takes a moment on a machine that has nothing else to do
# Below the ports that the system gives to connections, so that none of these takes one that is about to be listened on.
PORTS = range(15000, 32000)
given = set()


def free_port():
    """A port of 127.0.0.1 that nobody listens on, and that this process has not been given before."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            # As servers do; without it, a port whose last connections are not forgotten yet counts as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in given:
            given.add(port)
            return port


class Peer:
    """A program in the foreground, in a folder of its own, with its output in the file `output` there. Used in a with
    statement: at its begin the program is started and listens, at its end the program is gone."""

    name: str  # the peer's, for people
    program: str
    package: str  # Debian's, that has the program
    version_command = ("--version",)
    account = None  # a user that root is to start it as, for programs that refuse to run as root
    running = []  # all peers of this process, to show what they said when a test has failed

    def __init__(self, folder):
        self.folder = Path(folder)
        self.addresses = []  # what it listens on: ports, paths of sockets
        self.dropped = []  # setpriv's options for `account`

    def command(self):
        """The arguments of the program; writes its files."""
        raise NotImplementedError

    @classmethod
    def path(cls):
        return need(cls.program, f"apt-get install {cls.package}")

    @classmethod
    def prepare(cls, folder):
        """Fetches what no package of Debian's has into a folder of the build; skips the suite where it cannot."""

    @classmethod
    def version(cls):
        """Debian's, if it is from there; else what the program says."""
        try:
            asked = run("dpkg-query", "--show", "--showformat", "${Version}", cls.package)
        except FileNotFoundError:
            asked = None
        if asked is None or asked.returncode:
            asked = run(cls.path(), *cls.version_command)
        return (asked.stdout + asked.stderr).strip().splitlines()[0]

    def port(self):
        """One more port that it is to listen on."""
        port = free_port()
        self.addresses.append(port)
        return port

    def socket(self, name):
        """One more Unix socket, in its folder."""
        path = self.folder / name
        self.addresses.append(path)
        return path

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.account and os.geteuid() == 0:
            # The build may be where only root may go.
            self.folder = Path(tempfile.mkdtemp(prefix="interop-"))
            shutil.chown(self.folder, self.account)
            self.dropped = ["--reuid", self.account, "--regid", self.account, "--clear-groups"]
        try:
            self.start()
        except BaseException:
            self.clean_up()
            raise
        Peer.running.append(self)
        return self

    def __exit__(self, *exception):
        self.end()
        Peer.running.remove(self)
        self.clean_up()

    def clean_up(self):
        """What is in the build tree stays, for those who want to know more."""
        if self.dropped:
            shutil.rmtree(self.folder)

    def start(self):
        # Ends with this process, however that ends. In a group of its own: some have children that outlive them.
        command = ["setpriv", *self.dropped, "--pdeathsig", "TERM", self.path(), *map(str, self.command())]
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        try:
            self.wait_until_it_listens()
        except BaseException:
            self.kill()
            raise

    def wait_until_it_listens(self):
        deadline = time.monotonic() + PATIENCE
        for address in self.addresses:
            while not listens(address):
                if self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} has ended by itself:\n{self.said()}")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not listen on {address}:\n{self.said()}")
                time.sleep(0.01)  # nothing tells when a program begins to listen

    def end(self):
        """Asks it to end, and sees to it that it does."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE / 10)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self):
        """Ends it and its children at once, as a crash would."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def crash(self):
        """Is gone at once, and started anew."""
        self.kill()
        self.start()

    def said(self, lines=20):
        output = (self.folder / "output").read_text(errors="replace")
        return "\n".join(output.splitlines()[-lines:])


def run(*command):
    return subprocess.run(command, text=True, capture_output=True)


def listens(address):
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as probe:
        try:
            probe.connect(("127.0.0.1", address) if isinstance(address, int) else str(address))
        except OSError:
            return False
    return True
