"""Runs the benchmark's programs and measures the clients: by what they report, what /proc tells and what valgrind counts.

Each measurement starts a server of its own, and all that it starts ends with it, after a time limit at the latest.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import subprocess
import tempfile
import threading
import time

LIMIT_S = 120  # for a run; under valgrind, too
# Memory is looked at when it has been the same for so long: longer than a thread waits for work before it goes.
CALM_S, CALM_MOST_S = 2, 15
# Where there are more streams than the ports of one address, or more at once than a listener's queue holds.
ADDRESSES = 8
FURTHER_FILES = 64

CALLGRIND = {"tool": ["--tool=callgrind", "--callgrind-out-file=/dev/null"], "found": r"Collected : (\d+)"}
MEMCHECK = {
    "tool": ["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"],
    "found": r"total heap usage: ([\d,]+) allocs",
}


class Failed(Exception):
    """A program ended before it had said what it was to say."""


@contextlib.contextmanager
def running(command, environment=None):
    """A program and its time limit; it is killed at the end. Its environment is small: to look into that costs instructions."""
    began_ns = time.monotonic_ns()
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ.get("PATH", ""), **(environment or {})},
    )
    process.began_ns = began_ns
    limit = threading.Timer(LIMIT_S, process.kill)
    limit.daemon = True
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        for pipe in process.stdin, process.stdout:
            with contextlib.suppress(OSError):
                pipe.close()


def read_line(process):
    line = process.stdout.readline()
    if not line:
        raise Failed(f"{' '.join(map(str, process.args))}: ended with {process.wait()} or took over {LIMIT_S} s")
    return line.strip()


def shared_library(file):
    """The environment in which programs find this build of the library, and the folder that must be kept for it."""
    folder = tempfile.TemporaryDirectory()
    os.symlink(pathlib.Path(file).resolve(), pathlib.Path(folder.name) / "libeventsource.so.0")
    return {"LD_LIBRARY_PATH": folder.name}, folder


class Client:
    """A client's program. Whom it trusts, the environment says; to libcurl, an option."""

    def __init__(self, name, command, environment=None, has_roots=False):
        self.name = name
        self.command = command
        self.environment = environment
        self.has_roots = has_roots

    def with_roots(self):
        """The same, with each stream given its roots."""
        return Client(f"{self.name} with roots", self.command, self.environment, True)

    def start(self, url, arguments, prefix=(), tls=None):
        environment = dict(self.environment or {})
        if tls:
            environment["SSL_CERT_FILE"] = str(tls.certificate)
            arguments = [*arguments, *(["--ca", tls.certificate] if self.has_roots else [])]
        return running([*prefix, *self.command, *arguments, url], environment)


class Bench:
    """The server's program, over TLS or not, over HTTP/2 with so many streams to a connection or over HTTP/1.1, and the
    measurements. Each answers a dict of figures."""

    def __init__(self, server, tls=None, http2=None, more=()):
        self.server = server
        self.tls = tls
        self.http2 = http2
        self.more = more  # further options of the server
        self.alone = {}  # by the client's name: what `_opened` answers for one stream
        # The programs inherit it: they open more files than many systems allow at first.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def with_streams(self, streams):
        """The same, with so many streams to a connection."""
        return Bench(self.server, self.tls, streams)

    def with_options(self, *more):
        """The same, with further options of the server."""
        return Bench(self.server, self.tls, self.http2, more)

    @contextlib.contextmanager
    def run(self, client, path, *arguments, prefix=()):
        """A client and a server; the client's process and the server's commands, as a function."""
        version = ["--http2", self.http2] if self.http2 else []
        keys = [self.tls.certificate, self.tls.key] if self.tls else []
        with running([self.server, *version, *self.more, *keys]) as server:

            def command(line):
                server.stdin.write(line + "\n")
                server.stdin.flush()

            command.answer = lambda: read_line(server)
            url = read_line(server) + path
            arguments = [*version[:1], *arguments]
            with client.start(url, arguments, prefix, self.tls) as process:
                yield process, command

    # ---- one stream, as fast as it goes ---------------------------------------------------------------------------

    def blast(self, client, shape, framing, count):
        """Speed and CPU time of a stream of `count` events, from its head to its end."""
        events = 1 if shape == "comments" else count
        path = f"/{shape}/{framing}/{count}"
        with self.run(client, path, "--events", events) as (process, _):
            opened, done = json.loads(read_line(process)), json.loads(read_line(process))
        check_bytes(done, shape, events)
        wall_s = (done["at_ns"] - opened["at_ns"]) / 1e9
        return {
            "wall_s": wall_s,
            "rate": count / wall_s,
            "user_ns": (done["user_us"] - opened["user_us"]) / count * 1000,
        }

    def peak(self, client, shape, framing, count):
        """Peak memory, in bytes, from a stream of so many events, after which nothing comes."""
        with self.run(client, "/open", "--stay", "--events", count) as (process, command):
            read_line(process)
            command(f"send {shape} {framing} {count}")
            check_bytes(json.loads(read_line(process)), shape, count)
            return {"peak": status(process.pid, "VmHWM") * 1024}

    def first_event(self, client):
        """Wall time of a fresh process to its first event, and the end of the stream, which comes with it."""
        with self.run(client, "/1x20/event/1", "--events", 1) as (process, _):
            read_line(process)
            return {"wall_s": (json.loads(read_line(process))["at_ns"] - process.began_ns) / 1e9}

    # ---- valgrind -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _under_valgrind(self, client, path, *arguments, tool, found):
        """As `run`, and a function that answers what valgrind has counted when the process has ended."""
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            # By turns, or threads of the library starve.
            prefix = ["valgrind", *tool, "--fair-sched=yes", f"--log-file={log}"]

            def counted():
                process.wait()
                count = re.search(found, log.read_text())
                if not count:
                    raise Failed(f"valgrind does not say {found} of {client.name}")
                return int(count[1].replace(",", ""))

            with self.run(client, path, *arguments, prefix=prefix) as (process, command):
                yield process, command, counted

    def _valgrind(self, client, shape, framing, count, **what):
        events = 1 if shape == "comments" else count
        path = f"/{shape}/{framing}/{count}"
        with self._under_valgrind(client, path, "--events", events, **what) as (process, _, counted):
            read_line(process)
            check_bytes(json.loads(read_line(process)), shape, events)
            return counted()

    def total_instructions(self, client, shape, framing, count):
        """User instructions of a process for a stream of so many events."""
        return self._valgrind(client, shape, framing, count, **CALLGRIND)

    def total_allocations(self, client, shape, framing, count):
        """Heap allocations, likewise."""
        return self._valgrind(client, shape, framing, count, **MEMCHECK)

    # What an event costs once all is set up: the difference of two counts, so that the rest cancels.

    def instructions(self, client, shape, framing, few, many):
        first, second = (self.total_instructions(client, shape, framing, count) for count in (few, many))
        return {"instructions": (second - first) / (many - few)}

    def allocations(self, client, shape, framing, few, many):
        first, second = (self.total_allocations(client, shape, framing, count) for count in (few, many))
        return {"allocations": (second - first) / (many - few)}

    def opening_instructions(self, client, few, many):
        """What it costs to establish a stream."""

        def total(streams):
            arguments = ["--stay", "--streams", streams]
            with self._under_valgrind(client, "/open", *arguments, **CALLGRIND) as (process, _, counted):
                read_line(process)
                process.terminate()
                return counted()

        return {"instructions": (total(many) - total(few)) / (many - few)}

    def stamped_instructions(self, client, few, many, pause_us):
        """What an event costs that comes alone, so that the stream has to be woken for it."""

        def total(rounds):
            arguments = ["--stay", "--stamped", "--events", rounds]
            with self._under_valgrind(client, "/open", *arguments, **CALLGRIND) as (process, command, counted):
                read_line(process)
                command(f"stamp {rounds} {pause_us}")
                read_line(process)
                process.terminate()
                return counted()

        return {"instructions": (total(many) - total(few)) / (many - few)}

    # ---- many streams ---------------------------------------------------------------------------------------------

    def _opened(self, client, streams):
        """CPU time, memory and threads of a process with so many idle streams."""
        with self.run(client, "/open", "--stay", "--streams", streams) as (process, _):
            used = cpu_us(json.loads(read_line(process)))
            return used, calm_memory(process.pid), status(process.pid, "Threads")

    def _opened_one(self, client):
        """What is subtracted, so that only further streams count."""
        if client.name not in self.alone:
            self.alone[client.name] = self._opened(client, 1)
        return self.alone[client.name]

    def idle(self, client, streams):
        """Memory and CPU time that a further stream takes, and the threads of all."""
        used_first, memory_first, _ = self._opened_one(client)
        used, memory, threads = self._opened(client, streams)
        further = streams - 1
        return {
            "memory": (memory - memory_first) / further,
            "cpu_ns": (used - used_first) / further * 1000,
            "threads": threads,
        }

    def resumed(self, client, streams):
        """CPU time to establish a further stream of TLS, few at a time, so that each finds a session to resume; and the share
        of the streams that did."""

        def used_by(streams):
            with self.run(client, "/open", "--stay", "--streams", streams, "--step", 4) as (process, command):
                used = cpu_us(json.loads(read_line(process)))
                command("resumed")
                return used, int(command.answer())

        (used_first, _), (used, resumed) = used_by(1), used_by(streams)
        return {"cpu_ns": (used - used_first) / (streams - 1) * 1000, "resumed": resumed / streams}

    def at_once(self, client, streams):
        """From the start of a process to its last stream's head, when all streams start at once, and the most threads."""
        spread = self.with_options("--addresses", ADDRESSES)
        arguments = ["--stay", "--streams", streams, "--step", streams, "--addresses", ADDRESSES]
        with spread.run(client, "/open", *arguments) as (process, _), most_threads(process.pid) as threads:
            opened = json.loads(read_line(process))
            return {
                "wall_s": (opened["at_ns"] - process.began_ns) / 1e9,
                "cpu_ns": cpu_us(opened) / streams * 1000,
                "threads": max(threads),
            }

    def reconnects(self, client, streams):
        """All streams are lost at once. CPU time of a reconnect, and as times what it took to establish the stream; the share
        of them that came in the tenth of a second that had most."""
        spread = self.with_options("--addresses", ADDRESSES)
        arguments = ["--stay", "--reconnect", "--streams", streams, "--addresses", ADDRESSES]
        with spread.run(client, "/open", *arguments) as (process, command):
            opened = json.loads(read_line(process))
            command("drop")
            reopened = json.loads(read_line(process))
        used = cpu_us(reopened) - cpu_us(opened)
        figures = {"cpu_ns": used / streams * 1000, "times": used / cpu_us(opened)}
        if "busiest" in reopened:
            figures["busiest"] = reopened["busiest"]
        return figures

    def growth(self, client, few, many, rounds):
        """Memory of a stream, and CPU time of an event, among many streams, and as times what they are among few."""
        spread = self.with_options("--addresses", ADDRESSES)

        def among(streams):
            arguments = ["--stay", "--stamped", "--streams", streams, "--events", rounds, "--addresses", ADDRESSES]
            with spread.run(client, "/open", *arguments) as (process, command):
                opened = json.loads(read_line(process))
                memory = calm_memory(process.pid)
                command(f"stamp {rounds} 20000")
                done = json.loads(read_line(process))
            return memory, (cpu_us(done) - cpu_us(opened)) / (streams * rounds) * 1000

        (one, _), (memory_few, cpu_few), (memory_many, cpu_many) = (among(streams) for streams in (1, few, many))
        few_each, many_each = (memory_few - one) / (few - 1), (memory_many - one) / (many - 1)
        return {
            "memory": many_each,
            "memory_times": many_each / few_each,
            "cpu_ns": cpu_many,
            "cpu_times": cpu_many / cpu_few,
        }

    def most_streams(self):
        """As many as the process may have, each with a socket of its own."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - FURTHER_FILES

    def burst(self, client, streams, shape, count):
        """Memory of a stream that is idle again after so many events, at once, on each."""
        _, memory_first, _ = self._opened_one(client)
        arguments = ["--stay", "--streams", streams, "--events", count]
        with self.run(client, "/open", *arguments) as (process, command):
            read_line(process)
            command(f"send {shape} 16384 {count}")
            read_line(process)
            return {"memory": (calm_memory(process.pid) - memory_first) / (streams - 1)}

    def stamped(self, client, streams, rounds, pause_us):
        """Delay from send to callback and CPU time per event, when each stream gets an event in each round."""
        arguments = ["--stay", "--stamped", "--streams", streams, "--events", rounds]
        with self.run(client, "/open", *arguments) as (process, command):
            opened = json.loads(read_line(process))
            command(f"stamp {rounds} {pause_us}")
            done = json.loads(read_line(process))
        return {
            "p50_s": done["p50_ns"] / 1e9,
            "p99_s": done["p99_ns"] / 1e9,
            "cpu_ns": (cpu_us(done) - cpu_us(opened)) / (streams * rounds) * 1000,
        }


@contextlib.contextmanager
def most_threads(pid):
    """How many threads a process has, looked at again and again."""
    seen, over = [status(pid, "Threads")], threading.Event()

    def look():
        with contextlib.suppress(OSError, TypeError):
            while not over.wait(0.005):
                seen.append(status(pid, "Threads"))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def cpu_us(report):
    return report["user_us"] + report["sys_us"]


def check_bytes(done, shape, events):
    """The client counts events itself; here, that their data was whole."""
    if match := re.match(r"(\d+)x(\d+)", shape):
        lines, length = map(int, match.groups())
        expected = events * (lines * (length + 1) - 1)
        if done["bytes"] != expected:
            raise Failed(f"{done['bytes']} bytes of data came, not {expected}")


def status(pid, name):
    """A number of /proc/PID/status."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)[1])


def resident(pid):
    """Exact, which the number in /proc/PID/status is not."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Rss:\s*(\d+)", text, re.MULTILINE)[1]) * 1024


def calm_memory(pid):
    """Resident memory in bytes, once it changes no more: what is given back when idle is given back."""
    begin = changed = time.monotonic()
    memory = resident(pid)
    while (now := time.monotonic()) - changed < CALM_S and now - begin < CALM_MOST_S:
        time.sleep(0.05)
        if (latest := resident(pid)) != memory:
            memory, changed = latest, now
    return memory
