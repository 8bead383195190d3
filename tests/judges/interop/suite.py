"""What all suites have in common: starting peers and clients, and comparing what the client tells."""

import json
import os
import subprocess
import time
import unittest
from pathlib import Path
from typing import ClassVar

from certificates import Authority
from client import Tail
from peers.origin import Origin
from process import PATIENCE
from transcript import CLOSED, difference, echoed, error, events, line, lost, opened


class Suite(unittest.TestCase):
    """One or more peers, started once for all tests of the class."""

    tool: ClassVar[Path]  # the command eventsource
    tail: ClassVar[list]  # the client's command
    test_server: ClassVar[Path]
    replacing: ClassVar[Path]  # the client of replacing.c
    folder: ClassVar[Path]  # for files of this run

    needs: ClassVar[tuple] = ()  # classes of the peers; without their programs there is no suite
    tested: ClassVar[str]  # with each of them, for the table of peers

    @classmethod
    def new(cls, peer, **options):
        """A peer with a folder of its own, not started yet."""
        cls.made = getattr(cls, "made", 0) + 1
        return peer(cls.folder / f"{cls.__name__}-{cls.made}-{peer.__name__}".lower(), **options)

    @classmethod
    def start(cls, peer):
        """Starts a peer, for as long as the class's tests run."""
        return cls.enterClassContext(peer)

    @classmethod
    def start_origin(cls, **options):
        """The server behind whatever is tested."""
        return cls.start(cls.new(Origin, program=cls.test_server, **options))

    @classmethod
    def new_authority(cls, name="ca"):
        return Authority(cls.folder / f"{cls.__name__}-{name}".lower())

    @classmethod
    def bundle(cls, *certificates):
        """All of them in one file."""
        path = cls.folder / f"{cls.__name__}-bundle.pem".lower()
        path.write_text("".join(certificate.read_text() for certificate in certificates))
        return path

    def client(self, *arguments, environment=()):
        """A running client, until the test ends; one that reconnects does so soon."""
        return self.enterContext(Tail(self.tail, ["--delay", "1", *arguments], dict(environment)))

    def check_server(self, url, *expected, arguments=()):
        """`eventsource check` finds these faults and warnings, and no others."""
        command = [self.tool, "check", "--json", "--for", "12", *map(str, arguments), url]
        environment = {"PATH": os.environ["PATH"]}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE + 60)
        findings = json.loads(done.stdout)["findings"]
        seen = {finding["name"] for finding in findings if finding["level"] in ("fault", "warning")}
        self.assertEqual(seen, set(expected), done.stdout)

    def run_client(self, *arguments, environment=()):
        """What a client tells from begin to end, as lines."""
        reports, complaint = self.client(*arguments, environment=environment).rest()
        self.assertEqual(complaint, "")
        return list(map(line, reports))

    def check(self, seen, expected):
        if found := difference(seen, expected):
            self.fail(found)

    def check_kinds(self, reports, *kinds):
        """For reports whose text is the test's own business."""
        self.check([report["kind"] for report in reports], kinds)

    def check_at_once(self, base, *options):
        """The first event comes although the origin sends no more than that."""
        self.check_kinds(self.client(*options, f"{base}/hang-body").take(2), "open", "event")

    def check_run(self, arguments, expected, environment=()):
        """Runs a client to its end, and compares all that it tells."""
        self.check(self.run_client(*arguments, environment=environment), expected)

    def check_refused(self, arguments, *errors, environment=()):
        """Runs a client that comes to nothing."""
        self.check_run(arguments, [*errors, CLOSED], environment)

    def check_continues(self, base, *options, environment=()):
        """Each event comes once and in order although the origin cuts the stream after every second one, cleanly; after
        the last it says that there is no more."""
        url = f"{base}/events?count=6&per_connection=2&retry=10&then=204"
        pieces = [[opened(), *events(first, first + 1), lost()] for first in (1, 3, 5)]
        self.check_run([*options, url], [*sum(pieces, []), CLOSED], environment)

    def check_continues_when_cut(self, base, *options, environment=()):
        """The same, where the origin breaks off in the middle of a response."""
        url = f"{base}/events?count=6&per_connection=3&retry=10&cut=abort&then=hold"
        expected = [opened(), *events(1, 3), lost(), opened(), *events(4, 6), CLOSED]
        self.check_run(["--count", "6", *options, url], expected, environment)

    def check_survives(self, base, interrupt, *options, environment=()):
        """A stream that goes on and on is lost through `interrupt`: nothing is missed, nothing comes twice. Returns the
        errors that were told, as lines."""
        url = f"{base}/events?count=1000000&interval_ms=2&retry=20"
        client = self.client(*options, url, environment=environment)
        before = list(map(line, client.take(4)))
        interrupt()
        seen, errors = [], []
        deadline = time.monotonic() + PATIENCE
        while len(seen) < 4 or seen[-4] != opened():
            report = client.next()
            self.assertIsNotNone(report, f"ended after {seen}")
            self.assertLess(time.monotonic(), deadline, "nothing has been lost")
            (errors if report["kind"] == "error" else seen).append(line(report))
        last = sum(entry != opened() for entry in before + seen)
        self.check([entry for entry in before + seen if entry != opened()], events(1, last))
        self.check(errors, [error(".*", status="[0-9]+", retried=True)] * len(errors))
        self.assertTrue(errors)
        return errors

    def check_survives_crash(self, base, peer, *options, code="CONNECT", says="refused"):
        """The same, where a peer is gone at once, and nobody is there until it has been started anew."""
        errors = self.check_survives(base, peer.crash, *options)
        self.check(errors, [lost(), *[error(code, retried=True, says=says)] * (len(errors) - 1)])

    def response_header(self, name, url, *options):
        """A header of the response that a client gets."""
        client = self.client(*options, url)
        (answer,) = client.take(1)
        self.check([line(answer)], [opened()])
        values = answer["headers"].get(name)
        return values and ", ".join(values)

    def echo(self, base, *options, environment=()):
        """The request as the origin has seen it, by the names of its headers."""
        client = self.client("--count", "1", *options, f"{base}/echo", environment=environment)
        reports, complaint = client.rest()
        self.assertEqual(complaint, "")
        self.check_kinds(reports, "open", "event", "closed")
        return echoed(reports[1])
