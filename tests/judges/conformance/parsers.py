#!/usr/bin/env python3
"""Differential parsing: the library's parser and two that others wrote, on the same generated streams.

Each parser is a program that reads a file of streams (`peers/`). Where they disagree the standard's text decides
(`standard.py`): the library must follow it to the letter, and where a peer does not, a named entry (`departures.py`)
must predict what the peer does instead.
"""

import argparse
import base64
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

from departures import GO_SSE, NPM_EVENTSOURCE_PARSER, compose, explain
from generator import Generator
from report import Report, dump, fetch, need
from standard import Parser

HERE = Path(__file__).parent
BATCH = 5000
LARGEST_RETRY = 2**53 - 1  # JavaScript's numbers are not exact beyond


class Peer:
    def __init__(self, name, command, departures=(), read=json.loads):
        self.name, self.command, self.departures, self.read = name, command, departures, read

    def start(self, streams):
        with open(streams, "rb") as stdin:
            self.process = subprocess.Popen(self.command, stdin=stdin, stdout=subprocess.PIPE)

    def results(self):
        output, _ = self.process.communicate()
        if self.process.returncode:
            sys.exit(f"{self.name} failed with status {self.process.returncode}")
        return [self.read(line) for line in output.split(b"\n")[:-1]]


def read_go(line):
    """The Go peer hands over bytes, and an empty type where there is none."""
    events = json.loads(line)["events"]
    decoded = ([base64.b64decode(text).decode("utf-8", "replace") for text in event] for event in events)
    return {"events": [[event_type or "message", data, id] for event_type, data, id in decoded]}


def prepare_npm(build):
    node, npm = need("node", "apt-get install nodejs"), need("npm", "apt-get install npm")
    folder = build / "eventsource-parser"
    shutil.copytree(HERE / "peers/eventsource-parser", folder, dirs_exist_ok=True)
    fetch([npm, "ci", "--prefer-offline", "--no-audit", "--no-fund", "--silent"], folder)
    return [node, folder / "peer.js"]


def prepare_go(build):
    go = need("go", "apt-get install golang-go, where that is what peers/go-sse/go.mod asks for")
    fetch([go, "build", "-o", build / "go-sse", "."], HERE / "peers/go-sse")
    return [build / "go-sse"]


def encode(chunks):
    return struct.pack("<I", len(chunks)) + b"".join(struct.pack("<I", len(chunk)) + chunk for chunk in chunks)


def standard(departures, chunks, keys):
    """What the text finds in a stream, as far as a peer reports it."""
    parser = compose(Parser, departures)().parse(chunks)
    found = {
        "events": [list(event) for event in parser.events],
        "retries": parser.retries,
        "comments": parser.comments,
        "id": parser.last_event_id,
    }
    return comparable({key: found[key] for key in keys})


def comparable(found):
    if "retries" in found:
        found["retries"] = [min(retry, LARGEST_RETRY) for retry in found["retries"]]
    return found


def case(seed, number):
    generator = Generator(seed, number)
    return generator.chunks(generator.stream())


def show(number, chunks, peer, found, options):
    cuts = " ".join(str(len(chunk)) for chunk in chunks)
    return (
        f"{peer.name} differs: parsers.py --seed {options.seed} --case {number}\n"
        f"{dump(b''.join(chunks))}\nin chunks of {cuts or 'nothing'}\n"
        f"the text: {standard((), chunks, found)}\n{peer.name}: {found}\n"
    )


def compare(numbers, peers, report, options):
    """One batch of streams through all parsers. Returns the number of events in them."""
    batch = [(number, case(options.seed, number)) for number in numbers]
    streams = options.build / "streams"
    streams.write_bytes(b"".join(encode(chunks) for _, chunks in batch))
    for peer in peers:
        peer.start(streams)
    events = 0
    for peer in peers:
        results = peer.results()
        if len(results) != len(batch):
            sys.exit(f"{peer.name} answered {len(results)} of {len(batch)} streams")
        for (number, chunks), found in zip(batch, map(comparable, results)):
            events += len(found["events"]) if peer is peers[0] else 0
            entries = explain(found, peer.departures, lambda entries: standard(entries, chunks, found))
            if entries is None:
                report.fail(show(number, chunks, peer, found, options))
            else:
                report.explain(peer.name, entries)
            if options.case is not None:
                print(f"{dump(b''.join(chunks))}\n{peer.name}: {found}; {entries}")
    return events


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--library", type=Path, required=True, help="the program made of peers/libeventsource.c")
    arguments.add_argument("--build", type=Path, required=True, help="a folder to build the other peers in")
    arguments.add_argument("--count", type=int, default=10_000, help="how many streams")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--case", type=int, help="replay this one only")
    options = arguments.parse_args()

    options.build = options.build.resolve()
    options.build.mkdir(parents=True, exist_ok=True)
    peers = [
        Peer("libeventsource", [options.library.resolve()]),
        Peer("eventsource-parser (npm)", prepare_npm(options.build), NPM_EVENTSOURCE_PARSER),
        Peer("go-sse", prepare_go(options.build), GO_SSE, read_go),
    ]
    report, began, events = Report(), time.monotonic(), 0
    first, last = (options.case, options.case + 1) if options.case is not None else (0, options.count)
    for start in range(first, last, BATCH):
        events += compare(range(start, min(start + BATCH, last)), peers, report, options)
    seconds = time.monotonic() - began
    print(f"{last - first} streams, {events} events, {len(peers)} parsers, {seconds:.1f} s, seed {options.seed}")
    report.finish((peer.name, peer.departures) for peer in peers)


if __name__ == "__main__":
    os.environ.setdefault("GOFLAGS", "-mod=readonly")
    main()
