#!/usr/bin/env python3
"""The benchmark: measures libeventsource beside eventsource-client (the reference) and libcurl, and holds the figures
against the goals. Prints a table, and writes it as Markdown and as a plot. README.md tells how it is run and what it
means.

    bench.py [--rows REGEX] [--goals] [--runs N] [--quick] [--tables NAME,...]

BENCH_OPTIONS in the environment may hold options, too.
"""

import argparse
import collections
import dataclasses
import os
import pathlib
import random
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import measure  # noqa: E402: after the line that keeps it from writing beside the sources
import present  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parents[3]
MIB = 1024 * 1024
OURS = ("isolated", "inline")


# ---- what is measured -------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Experiment:
    """What gives the figures of some rows, and how often: counts do not depend on the machine's mood."""

    measure: object  # of a bench, a client and the scale
    runs: int | None = None  # None: as many as asked for
    clients: tuple = (*OURS, "reference", "curl")


def blast(shape, framing, count):
    return Experiment(
        lambda bench, client, scale: bench.blast(client, shape, framing, max(1, int(count * scale)))
    )


def instructions(shape, framing, many):
    return Experiment(
        lambda bench, client, scale: bench.instructions(client, shape, framing, many // 4, many), runs=1
    )


def stamped(streams, rounds, pause_us):
    return Experiment(
        lambda bench, client, scale: bench.stamped(client, streams, max(5, int(rounds * scale)), pause_us),
        clients=(*OURS, "reference", "curl", "floor"),
    )


def streams_of(count, scale):
    return max(50, int(count * scale))


EXPERIMENTS = {
    "small": blast("1x20", "16384", 8_000_000),
    "small counted": instructions("1x20", "16384", 400_000),
    "small allocated": Experiment(
        lambda bench, client, scale: bench.allocations(client, "1x20", "16384", 50_000, 200_000), runs=1
    ),
    "chunks": blast("1x20", "event", 3_000_000),
    "chunks counted": instructions("1x20", "event", 200_000),
    "fields": blast("5x20+", "16384", 2_000_000),
    "1 KiB": blast("1x1024", "16384", 1_000_000),
    "64 KiB": blast("1x65536", "16384", 16_384),
    "lines": blast("1000x1048", "16384", 1_000),
    "full": Experiment(
        lambda bench, client, scale: bench.with_options("--no-tickets").idle(client, streams_of(1_000, scale))
    ),
    "resumed": Experiment(lambda bench, client, scale: bench.resumed(client, streams_of(1_000, scale))),
    "idle": Experiment(
        lambda bench, client, scale: bench.idle(client, streams_of(5_000, scale)),
        clients=(*OURS, "reference", "curl", "floor"),
    ),
    "roots": Experiment(
        lambda bench, client, scale: bench.idle(client.with_roots(), streams_of(500, scale)), clients=OURS
    ),
    # As many as servers commonly allow. The reference's transport opens no second connection, and its streams would wait.
    "connections": Experiment(
        lambda bench, client, scale: bench.with_streams(100).idle(client, streams_of(5_000, scale)),
        clients=(*OURS, "curl"),
    ),
    # HTTP/1.1 as far as the system lets a process open files.
    "growth": Experiment(
        lambda bench, client, scale: bench.growth(
            client,
            streams_of(1_000, scale),
            min(streams_of(100_000, scale), MOST_STREAMS if bench.http2 else bench.most_streams()),
            5,
        ),
        runs=3,
        clients=(*OURS, "reference"),
    ),
    "at once": Experiment(lambda bench, client, scale: bench.at_once(client, streams_of(10_000, scale))),
    "reconnects": Experiment(
        lambda bench, client, scale: bench.reconnects(client, streams_of(5_000, scale)), clients=(*OURS, "reference")
    ),
    "burst": Experiment(
        lambda bench, client, scale: bench.burst(client, streams_of(1_000, scale), "1x1024", 1_024)
    ),
    "round": stamped(500, 50, 20_000),
    "tick": stamped(1, 500, 2_000),
    "long line": blast("1x67108864", "1024", 1),
    "long line's peak": Experiment(lambda bench, client, scale: bench.peak(client, "1x67108864", "1024", 1), runs=3),
    "bytes": blast("1x20", "1", 3_657),
    "comments": blast("comments", "16384", 10 * MIB // 2),
    "first event": Experiment(lambda bench, client, scale: bench.first_event(client)),
    "size": Experiment(lambda bench, client, scale: {"size": bench.library_size}, runs=1, clients=("isolated",)),
}


# Streams that share a connection, which libcurl 7.88 does over TLS alone: to a server that is known to speak HTTP/2, the
# second stream of a connection ends with an error.
SHARING = ("idle", "connections", "burst", "round", "at once")


# ---- what is shown, and the goals -------------------------------------------------------------------------------------


TABLES = {
    "http1": "Plain HTTP/1.1",
    "tls": "TLS, HTTP/1.1",
    "http2": "HTTP/2 without TLS",
    "http2-tls": "HTTP/2 over TLS",
}
# The most streams of a connection: all share one.
STREAMS = 16_000
# Of the row with the most.
MOST_STREAMS = 100_000


@dataclasses.dataclass
class Goal:
    """At most, or for what is better the larger it is, at least: so much, or so many times what a peer has."""

    bound: float
    versus: str | None = None
    mode: str = "isolated"


@dataclasses.dataclass
class Row:
    work: str
    experiment: str
    figure: str
    goals: tuple = ()  # of the first table
    tables: tuple = tuple(TABLES)  # those that have it
    further: dict = dataclasses.field(default_factory=dict)  # the goals of other tables

    @property
    def more_is_better(self):
        return self.figure == "rate"


def versus(bound, peer="reference", mode="isolated"):
    return Goal(bound, peer, mode)


ROWS = [
    Row("20-byte events, 16 KiB chunks: events/s", "small", "rate", (versus(5.5), versus(1.5, "curl")),
        further={"http2-tls": (versus(1.2, "curl"),)}),
    Row("the same: user instructions per event", "small counted", "instructions", (Goal(220),)),
    # A buffer that has grown once more in the longer run is no allocation per event.
    Row("the same: heap allocations per event", "small allocated", "allocations", (Goal(0.001),),
        ("http1", "http2")),
    Row("one 20-byte event per chunk: events/s", "chunks", "rate", (versus(9), versus(1.4, "curl"))),
    Row("the same: user instructions per event", "chunks counted", "instructions", (Goal(800),),
        further={"http2": (versus(1, "curl"),)}),
    Row("5 data lines, event, id: user CPU per event", "fields", "user_ns", (versus(0.28),)),
    Row("1 KiB events: user CPU per event", "1 KiB", "user_ns", (versus(0.13),), further={"tls": (versus(1, "curl"),)}),
    Row("64 KiB lines: user CPU per event", "64 KiB", "user_ns", (versus(0.15),),
        further={"tls": (versus(1, "curl"),), "http2-tls": (versus(1, "curl"),)}),
    Row("1 MiB over 1,000 lines: user CPU per event", "lines", "user_ns", (versus(0.20),)),
    Row("5,000 idle streams: memory of each", "idle", "memory", (Goal(3_000), Goal(3_000, mode="inline")),
        further={"tls": (Goal(8_000),), "http2": (Goal(3_000),), "http2-tls": (Goal(3_000),)}),
    Row("1,000 streams, idle after 1 MiB each: memory of each", "burst", "memory", (Goal(8_000),)),
    Row("CPU to establish a stream", "idle", "cpu_ns", (versus(0.65),), ("http1", "http2", "http2-tls")),
    Row("CPU to establish a stream: full handshake", "full", "cpu_ns", tables=("tls",), further={"tls": (versus(0.9),)}),
    Row("4 at a time, sessions resumed: CPU to establish a stream", "resumed", "cpu_ns", tables=("tls",),
        further={"tls": (versus(1),)}),
    Row("the same: share that was resumed", "resumed", "resumed", tables=("tls",)),
    Row("1,000 to 100,000 streams, or as many as may be open: memory of each, growth", "growth", "memory_times",
        (Goal(1.1),), ("http1", "http2"), {"http2": (Goal(1.1),)}),
    Row("the same: CPU per event, growth", "growth", "cpu_times", (Goal(1.1),), ("http1", "http2"), {"http2": (Goal(1.1),)}),
    Row("10,000 streams started at once: time until all are open", "at once", "wall_s", (versus(1),)),
    Row("the same: most threads", "at once", "threads", (Goal(os.cpu_count() + 3),)),
    Row("5,000 reconnects at once: CPU, as times that to establish the streams", "reconnects", "times", (Goal(1),),
        ("http1", "tls")),
    # Delays of 1 s and up to half of that more: a fifth of them in each tenth of a second.
    Row("the same: share within the busiest 0.1 s", "reconnects", "busiest", (Goal(0.25),), ("http1", "tls")),
    Row("each of 500 given roots of its own: memory", "roots", "memory", tables=("tls",)),
    Row("the same: CPU to establish it", "roots", "cpu_ns", tables=("tls",)),
    Row("5,000 idle streams, 100 to a connection: memory of each", "connections", "memory", tables=("http2", "http2-tls")),
    Row("the same: CPU to establish a stream", "connections", "cpu_ns", tables=("http2", "http2-tls")),
    Row("CPU per event, 500 streams in one burst", "round", "cpu_ns", (versus(0.90), versus(0.75, mode="inline"))),
    Row("CPU per event, one stream ticking", "tick", "cpu_ns", (versus(0.85), versus(0.70, mode="inline")),
        further={"http2": (versus(0.9),), "tls": (versus(0.85),)}),
    Row("500 streams in one burst: p99, send to callback", "round", "p99_s",
        (versus(0.8), versus(0.65, mode="inline"))),
    Row("one 64 MiB line in 1 KiB chunks: time", "long line", "wall_s", (versus(0.75),)),
    Row("the same: peak memory of the process", "long line's peak", "peak", (Goal(1.1 * 64 * MIB),)),
    Row("100 KB as 1-byte chunks: time", "bytes", "wall_s", (versus(0.2),)),
    Row("10 MiB of comments: time", "comments", "wall_s", (versus(0.35),)),
    Row("5,000 idle streams: threads of the process", "idle", "threads", (Goal(4),), ("http1", "http2")),
    Row("stripped shared library", "size", "size", (Goal(4 * MIB),), ("http1",)),
    Row("a fresh process: time to the first event", "first event", "wall_s", (versus(1.0),)),
]


# ---- measuring --------------------------------------------------------------------------------------------------------


class Figures:
    """The medians."""

    def __init__(self):
        self.runs = {}  # (experiment, client): dicts of figures
        self.failures = []

    def add(self, experiment, client, figures):
        self.runs.setdefault((experiment, client), []).append(figures)

    def get(self, row, client):
        """None where it was not measured."""
        values = [run[row.figure] for run in self.runs.get((row.experiment, client), []) if row.figure in run]
        return statistics.median(values) if values else None

    def ratio(self, row, client, peer):
        value, other = self.get(row, client), self.get(row, peer)
        return value / other if value is not None and other else None

    def met(self, row, goal):
        """None where it cannot be told."""
        value = self.ratio(row, goal.mode, goal.versus) if goal.versus else self.get(row, goal.mode)
        if value is None:
            return None
        return value >= goal.bound if row.more_is_better else value <= goal.bound


def measure_all(bench, clients, rows, runs, scale):
    """Each repetition has the clients in another order, so that the machine's moods meet all of them."""
    figures = Figures()
    began = time.monotonic()
    for name in dict.fromkeys(row.experiment for row in rows):
        experiment = EXPERIMENTS[name]
        cannot_share = ("curl",) if bench.http2 and not bench.tls and name in SHARING else ()
        chosen = [client for client in clients if client.name in experiment.clients and client.name not in cannot_share]
        repetitions = min(runs, experiment.runs or runs)
        for repetition in range(repetitions):
            over = ("HTTP/2, " if bench.http2 else "") + ("TLS, " if bench.tls else "")
            progress = f"{time.monotonic() - began:5.0f} s  {over}{name}, {repetition + 1} of {repetitions}"
            print(progress, file=sys.stderr, flush=True)
            for client in random.sample(chosen, len(chosen)):
                try:
                    figures.add(name, client.name, experiment.measure(bench, client, scale))
                except (measure.Failed, OSError) as failure:
                    print(failure, file=sys.stderr, flush=True)
                    figures.failures.append(f"{name} by {client.name}")
    return figures


def library_size(library):
    """In bytes, without the symbols that only debuggers read."""
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / "stripped"
        subprocess.run(["strip", "--strip-unneeded", "-o", stripped, library], check=True)
        return stripped.stat().st_size


def rows_of(table, pattern="", only_goals=False):
    """A table's rows, with its goals; over HTTP/2 with its words."""
    chosen = [row for row in ROWS if table in row.tables]
    if table != "http1":
        chosen = [dataclasses.replace(row, goals=row.further.get(table, ())) for row in chosen]
    if "http2" in table:
        chosen = [dataclasses.replace(row, work=row.work.replace("chunk", "frame")) for row in chosen]
    return [row for row in chosen if re.search(pattern, row.work) and (row.goals or not only_goals)]


class Tls:
    """A certificate for the server that is its own authority."""

    def __init__(self, folder):
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        names = ",".join(f"IP:127.0.0.{1 + number}" for number in range(measure.ADDRESSES))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-subj", "/CN=bench", "-days", "2", "-addext", f"subjectAltName={names}",
             "-addext", "basicConstraints=critical,CA:FALSE", "-out", self.certificate, "-keyout", self.key],
            check=True, capture_output=True,
        )  # fmt: skip


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = SOURCE / "build" / "release"

    def path(name, default, text):
        options.add_argument(name, type=pathlib.Path, default=default, help=f"{text} (default: {default})")

    path("--programs", build / "tests" / "stress" / "bench", "where the server and the clients in C are")
    path("--library", build / "lib" / "libeventsource.so", "the shared library that is measured")
    path("--reference", SOURCE / "target" / "bench" / "release" / "bench-reference", "the reference's client")
    path("--output", build / "bench", "where bench.md and bench.svg are put")
    options.add_argument("--rows", default="", help="only rows whose text matches this regular expression")
    options.add_argument("--goals", action="store_true", help="only rows that have a goal")
    options.add_argument("--runs", type=int, default=7, help="how often each figure is taken (default: 7)")
    options.add_argument("--quick", action="store_true", help="one run, a tenth of the work: to try the benchmark")
    options.add_argument("--tables", default=",".join(TABLES), help="which, of these (default: %(default)s)")
    given = options.parse_args([*shlex.split(os.environ.get("BENCH_OPTIONS", "")), *sys.argv[1:]])
    runs, scale = (1, 0.1) if given.quick else (given.runs, 1)

    environment, _folder = measure.shared_library(given.library)
    ours = given.programs / "bench-ours"
    clients = [
        measure.Client("isolated", [ours], environment),
        measure.Client("inline", [ours, "--inline"], environment),
    ]
    absent = []
    others = {"curl": given.programs / "bench-curl", "floor": given.programs / "bench-floor", "reference": given.reference}
    for name, program in others.items():
        if program.exists():
            clients.append(measure.Client(name, [program], has_roots=name == "curl"))
        else:
            absent.append(f"{name}: its client has not been built")
    has_valgrind = shutil.which("valgrind")
    if not has_valgrind:
        absent.append("instructions and allocations: no valgrind")

    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for name in filter(TABLES.get, given.tables.split(",")):
            over_tls, over_http2 = "tls" in name, "http2" in name
            try:
                tls = Tls(pathlib.Path(folder)) if over_tls else None
                bench = measure.Bench(given.programs / "bench-server", tls, STREAMS if over_http2 else None)
                bench.library_size = library_size(given.library)
                bench.first_event(clients[0])
            except (OSError, subprocess.CalledProcessError, measure.Failed) as reason:
                absent.append(f"{TABLES[name]}: {reason}")
                continue
            chosen = rows_of(name, given.rows, given.goals)
            if not has_valgrind:
                chosen = [row for row in chosen if row.figure not in ("instructions", "allocations")]
            # The floor knows nothing of TLS and HTTP/2.
            able = [client for client in clients if client.name != "floor" or name == "http1"]
            figures = measure_all(bench, able, chosen, runs, scale)
            tables.append(present.Table(TABLES[name], chosen, figures))
    failures = [failure for table in tables for failure in table.figures.failures]

    about = present.about(ours, environment, runs, given.quick)
    times = collections.Counter(failures).items()
    text = present.markdown(tables, about, absent + [f"{what}, which failed {count}×" for what, count in times])
    print(text)
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "bench.md").write_text(text)
    if tables:
        (given.output / "bench.svg").write_text(present.plot(tables[0], about))
    print(f"written to {given.output}/bench.md and bench.svg", file=sys.stderr)
    # A goal that is missed is a result; a run that failed is none.
    return len(failures) > 0


if __name__ == "__main__":
    sys.exit(main())
