#!/usr/bin/env python3
"""A real browser as the oracle: Chromium's EventSource and `eventsource tail --json` go through the same scripts of answers.

Compared are what each delivers (opened, events with type, data and last event ID, connection lost, closed), what it
requests (path, `Last-Event-ID`), and that it does not reconnect sooner than the server asked. Where the two disagree
the standard's text decides (`standard.py`): what departs from it, and how, is a named entry (`departures.py`).
"""

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from departures import CHROMIUM, LIBRARY, explain, predict
from generator import Generator
from report import Report, dump, need
from server import Server

PORTS = 16
TAILS = 4  # tail processes at a time
TOO_LONG = 60  # seconds for a case
EARLY = 2  # ms that a clock may be off

CHROMIUM_OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --no-proxy-server
    --disable-background-networking --disable-component-update --disable-sync --disable-default-apps --mute-audio
    --disable-background-timer-throttling --disable-renderer-backgrounding --disable-dev-shm-usage""".split()


class Case:
    """One script, and what was seen of the two clients that went through it."""

    def __init__(self, seed, number):
        self.number = number
        generator = Generator(seed, number)
        self.script = generator.script()
        self.retry_initial = generator.chance(0.5)
        self.traces = {}

    def types(self):
        """Every event type that a client could find in the streams by any reading: an EventSource can listen to named
        types only, and would keep quiet about another."""
        text = "\n".join(b"".join(answer.chunks).decode("utf-8", "replace") for answer in self.script)
        values = [line.partition(":")[2] for line in re.split("[\r\n]", text)]
        read = [step[1] for step in predict(()).run(self.script).steps if step[0] == "event"]
        return ["message", *values, *(value.removeprefix(" ") for value in values), *read]

    def predict(self, departures, delays):
        """What a client with these departures does; of its `delays`, whether they are long enough."""
        trace = predict(departures).run(self.script, self.retry_initial)
        enough = [seen >= least - EARLY for seen, least in zip(delays, trace.delays)]
        return trace.steps, trace.requests, enough

    def explain(self, name, departures):
        trace = self.traces[name]
        seen = trace.steps, trace.requests, [True] * len(trace.delays)
        return explain(seen, departures, lambda entries: self.predict(entries, trace.delays))


class Comparison:
    """Hands cases to both clients and judges them once both are done."""

    def __init__(self, seed, numbers, report, verbose):
        self.seed, self.numbers, self.report, self.verbose = seed, numbers, report, verbose
        self.cases = {}
        self.left = len(numbers)
        self.queues = {"Chromium": iter(numbers), "tail": iter(numbers)}
        self.server = Server(self.next_in_browser)
        self.progress = asyncio.Event()
        self.streams = self.events = 0

    def next_session(self, name):
        """The next case for a client, and the server's session for it; None when there is none."""
        number = next(self.queues[name], None)
        if number is None:
            return None
        if number not in self.cases:
            self.cases[number] = Case(self.seed, number)
        case = self.cases[number]
        return case, self.server.open(f"/case/{number}/{name}", case.script)

    def finish(self, name, case, session, steps):
        trace = self.server.close(session)
        trace.steps = steps
        case.traces[name] = trace
        if len(case.traces) == 2:
            self.judge(self.cases.pop(case.number))

    def judge(self, case):
        judged = {name: case.explain(name, entries) for name, entries in PARTIES}
        for name, entries in judged.items():
            self.report.explain(name, entries or ())
        if None in judged.values():
            self.report.fail(show(case, judged, self.seed))
        elif self.verbose:
            print(show(case, judged, self.seed))
        steps = case.traces["tail"].steps
        self.streams += steps.count(["open"])
        self.events += sum(step[0] == "event" for step in steps)
        self.left -= 1
        self.progress.set()

    # ---- The browser ----

    def next_in_browser(self, result):
        """A worker of the page hands in a result and gets its next case."""
        if result:
            session = self.server.sessions[result["path"]]
            self.finish("Chromium", session.case, session, result["steps"])
        next_session = self.next_session("Chromium")
        if not next_session:
            return None
        case, session = next_session
        session.case = case
        return {"path": session.path, "types": case.types()}

    # ---- The library ----

    async def work_with_tail(self, tool, port):
        while next_session := self.next_session("tail"):
            case, session = next_session
            url = f"http://127.0.0.1:{port}{session.path}"
            options = ["--json", "--delay", "1"] + ["--retry-initial"] * case.retry_initial
            self.finish("tail", case, session, await run_tail([tool, "tail", *options, url], session))


PARTIES = (("Chromium", CHROMIUM), ("tail", LIBRARY))


async def run_tail(command, session):
    """The steps that tail prints until it ends."""
    steps = []
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, limit=1 << 24)
    try:
        async with asyncio.timeout(TOO_LONG):
            async for line in process.stdout:
                steps += read_tail(line, session)
            status = await process.wait()
            if status != 1:  # the stream ended for good by itself
                steps.append([f"exit status {status}"])
    except TimeoutError:
        process.kill()
        await process.wait()
        steps.append(["no end in time"])
    return steps


def read_tail(line, session):
    """What a line of tail's output adds to the steps."""
    try:
        told = json.loads(line)
    except ValueError:
        return [["no JSON", repr(line)]]
    if told["kind"] == "event":
        session.saw(told["data"])
        return [["event", told["type"], told["data"], told["id"]]]
    if told["kind"] == "error":
        return [["lost"]] if told["will_retry"] else []
    return [[told["kind"]]] if told["kind"] in ("open", "closed") else []


def show(case, judged, seed):
    """Everything about a case: how to replay it, what the server did, and what each client made of it."""
    lines = [f"browser.py --seed {seed} --case {case.number}" + " (with --retry-initial)" * case.retry_initial]
    for number, answer in enumerate(case.script):
        lines += [f"-- answer {number}: {answer.status or 'hangs up'} {list(answer.headers)} {answer.ending} {answer.head}"]
        lines += [f"   after {redirect}" for redirect in answer.redirects]
        lines += [dump(b"".join(answer.chunks)), f"   in chunks of {[len(chunk) for chunk in answer.chunks]}"]
    text = predict(()).run(case.script, case.retry_initial)
    for name, trace in {"the standard's text": text, **case.traces}.items():
        entries = judged.get(name, ())
        why = "UNEXPLAINED" if entries is None else ", ".join(entry.__name__ for entry in entries)
        lines += [f"-- {name} {why}", *(f"   {step}" for step in trace.steps)]
        lines += [f"   requests {trace.requests}", f"   delays {trace.delays}"]
    return "\n".join(lines) + "\n"


class Chromium:
    """A headless browser with a profile of its own."""

    def __init__(self, program, build):
        self.program, self.build = program, build
        self.process = None
        self.log = open(build / "chromium.log", "wb")

    def version(self):
        return subprocess.run([self.program, "--version"], capture_output=True, text=True).stdout.strip()

    def open(self, url):
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", dir=self.build, ignore_cleanup_errors=True)
        command = [self.program, *CHROMIUM_OPTIONS, f"--user-data-dir={self.profile.name}", url]
        # A session of its own, so that all its processes can be ended.
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def has_ended(self):
        return self.process.poll() is not None

    def close(self):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.profile.cleanup()

    def close_and_exit(self, *_):
        """For SIGTERM, which would leave a browser without us."""
        self.close()
        os._exit(1)


async def compare(comparison, chromium, tool):
    await comparison.server.start(PORTS)
    ports = comparison.server.ports
    chromium.open(f"http://127.0.0.1:{ports[0]}/")
    try:
        async with asyncio.TaskGroup() as tasks:
            for n in range(TAILS):
                tasks.create_task(comparison.work_with_tail(tool, ports[n % PORTS]))
            tasks.create_task(watch(comparison, chromium))
    finally:
        chromium.close()


async def watch(comparison, chromium):
    """Returns when all cases are done, and gives up when there is no more progress."""
    while comparison.left:
        comparison.progress.clear()
        try:
            await asyncio.wait_for(comparison.progress.wait(), TOO_LONG * 2)
        except TimeoutError:
            state = "has ended" if chromium.has_ended() else "does nothing"
            sys.exit(f"Chromium {state}; see {chromium.log.name}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--tool", type=Path, required=True, help="the command eventsource")
    arguments.add_argument("--build", type=Path, required=True, help="a folder for the browser's log")
    arguments.add_argument("--count", type=int, default=400, help="how many scripts")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--case", type=int, help="replay this one only, and show it")
    options = arguments.parse_args()

    options.build = options.build.resolve()
    options.build.mkdir(parents=True, exist_ok=True)
    chromium = Chromium(need("chromium", "apt-get install --no-install-recommends chromium"), options.build)
    signal.signal(signal.SIGTERM, chromium.close_and_exit)
    numbers = range(options.count) if options.case is None else [options.case]
    report, began = Report(), time.monotonic()

    async def run():
        comparison = Comparison(options.seed, numbers, report, verbose=options.case is not None)
        await compare(comparison, chromium, options.tool.resolve())
        return comparison

    comparison = asyncio.run(run())
    seconds = time.monotonic() - began
    print(f"{chromium.version()}: {len(numbers)} scripts, {comparison.streams} streams, {comparison.events} events, "
          f"{seconds:.1f} s, seed {options.seed}")
    report.finish(PARTIES)


if __name__ == "__main__":
    main()
