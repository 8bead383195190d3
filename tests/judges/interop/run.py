#!/usr/bin/env python3
"""One suite of the interoperation tests: the client `eventsource tail` against software that others wrote, on loopback."""

import argparse
import importlib
import json
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from process import Peer  # noqa: E402: its modules need the path set above
from suite import Suite  # noqa: E402
from table import PEERS  # noqa: E402


class Result(unittest.TextTestResult):
    """Shows what the peers said when a test fails."""

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.show_peers()

    def addError(self, test, error):
        super().addError(test, error)
        self.show_peers()

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.show_peers()

    def show_peers(self):
        for peer in Peer.running:
            print(f"---- {peer.name}\n{peer.said(12)}", flush=True)


def suites_of(module):
    return [
        entry for entry in vars(module).values()
        if isinstance(entry, type) and issubclass(entry, Suite) and entry.__module__ == module.__name__
    ]  # fmt: skip


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("suite", help="a file of suites/, without .py")
    arguments.add_argument("--tool", type=Path, required=True, help="the command eventsource")
    arguments.add_argument("--test-server", type=Path, required=True, help="the server behind the peers")
    arguments.add_argument("--replacing", type=Path, required=True, help="the client of replacing.c")
    arguments.add_argument("--build", type=Path, required=True, help="a folder for files of this run")
    arguments.add_argument("--fault", help="of the client, from faulty.py: the tests must fail")
    arguments.add_argument("--only", help="a part of the names of the tests to run")
    options = arguments.parse_args()

    module = importlib.import_module(f"suites.{options.suite}")
    Suite.tool, Suite.test_server = options.tool.resolve(), options.test_server.resolve()
    Suite.tail = [Suite.tool, "tail"]
    Suite.replacing = options.replacing.resolve()
    if options.fault:
        Suite.tail = [sys.executable, HERE / "faulty.py", options.fault, *Suite.tail]
    Suite.folder = options.build.resolve() / "-".join(filter(None, (options.suite, options.fault)))
    Suite.folder.mkdir(parents=True, exist_ok=True)
    (Suite.folder / PEERS).unlink(missing_ok=True)

    suites = suites_of(module)
    peers = {}
    for suite in suites:
        for peer in suite.needs:
            peer.prepare(options.build.resolve())
            peer.path()
            peers.setdefault(peer.name, {"version": peer.version(), "tested": []})["tested"].append(suite.tested)
    for name, row in peers.items():
        print(f"{name} {row['version']}", flush=True)

    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{options.only}*"] if options.only else None
    tests = unittest.TestSuite(map(loader.loadTestsFromTestCase, suites))
    result = unittest.TextTestRunner(sys.stdout, resultclass=Result, verbosity=2).run(tests)
    if not result.testsRun:
        sys.exit("no test has run")
    if result.wasSuccessful():
        (Suite.folder / PEERS).write_text(json.dumps(peers))
    else:
        sys.exit(1)


if __name__ == "__main__":
    main()
