"""The client: one run of `eventsource tail`, which prints what happens to it."""

import json
import os
import queue
import subprocess
import threading

from process import PATIENCE
from transcript import line


class Tail:
    """A run of `eventsource tail --json`; used in a with statement, at whose end the program is gone."""

    def __init__(self, command, arguments, environment):
        self.arguments = [*map(str, command), "--json", *map(str, arguments)]
        # Nobody's proxies but the test's.
        self.environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.environment |= environment
        self.reports = queue.Queue()
        self.seen = []  # all reports taken so far
        self.has_ended = False

    def __enter__(self):
        self.process = subprocess.Popen(
            self.arguments, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        threading.Thread(target=self.read, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()

    def read(self):
        for text in self.process.stdout:
            self.reports.put(json.loads(text))
        self.reports.put(None)

    def next(self):
        """The next report, which is waited for; None at the end."""
        if self.has_ended:
            return None
        try:
            report = self.reports.get(timeout=PATIENCE)
        except queue.Empty:
            told = "\n  ".join(map(line, self.seen))
            raise AssertionError(f"nothing more has come from {' '.join(self.arguments)} after\n  {told}") from None
        if report is None:
            self.has_ended = True
        else:
            self.seen.append(report)
        return report

    def take(self, count):
        """The next reports; fewer at the end."""
        reports = [self.next() for _ in range(count)]
        return [report for report in reports if report is not None]

    def rest(self):
        """All reports up to the end, and what the program wrote besides."""
        reports = list(iter(self.next, None))
        complaint = self.process.stderr.read().decode()
        self.process.wait(PATIENCE)
        return reports, complaint
