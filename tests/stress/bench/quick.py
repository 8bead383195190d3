"""The quick form of the benchmark: figures that do not depend on how busy the machine is, each held against a threshold.

    quick.py CHECK --programs DIR --library FILE [--client NAME] [--only REGEX]
"""

import argparse
import pathlib
import re
import sys
import tempfile

import bench
import measure

# At most so much. They are what was measured, and a little more: tighten them with every gain, so that it stays. The goals
# are in bench.py.
THRESHOLDS = {
    "instructions": {
        "1x20/16384": 230,
        "1x20/event": 430,
        "1x1024/16384": 1_020,
        "5x20+/16384": 1_280,
        # A DATA frame for each event: those that come together reach h2 as one.
        "HTTP/2, 1x20/event": 600,
    },
    # Inline. Of those for an event that comes alone, 750 are the benchmark's own. Beside load it was seen between 4,550 and
    # 5,130: more polls find nothing then.
    # 41,400 before constructors probed for memory and streams told of their connection, 44,700 with both;
    # 46,600 when the bodies of calls were lent to what runs them (950 of it: a stream is some fifteen calls before it is started)
    # and the crate url was compiled small (1,000), which it is no more; 47,000 since
    # zones, cookies, metrics and smaller streams came, which were not told apart.
    "waking": {"to establish a stream": 47_500, "an event that comes alone": 5_600},
    # Inline: to an isolated runtime valgrind, which lets one thread run at a time, looks like a callback that blocks, and
    # each thread that is called in instead has some allocations of its own. Over HTTP/2 the buffer that h2 reads into is a
    # new one for every few hundred frames.
    "allocations": {"1x20/16384": 0.001, "1x20/event": 0.001, "5x20+/16384": 0.001, "HTTP/2, 1x20/event": 0.05},
    # Bytes of each of 3,000 idle streams, and of 1,000 that are idle again after 1 MiB each; threads of the process. Isolated,
    # threads that helped to open the streams leave some memory behind; how many did is up to how busy the machine is.
    "streams": {
        # 4,157 before clients shared what most say nothing of, and what only some need was made when it is needed.
        "inline, idle": 3_450,
        "inline, after a burst": 4_800,
        "inline, threads": 2,
        "isolated, idle": 6_000,
        "isolated, after a burst": 8_000,
        "isolated, threads": 3,
        # Inline. 4,096 of them are rustls' buffer for records.
        "TLS, idle": 12_400,
    },
    # Twice the bytes cost so many times the instructions; 4, if each byte were looked at with all before it. For a long line 1.99 to
    # 2.05 on a quiet machine, and once 2.22 beside load; why was not looked for.
    "linear": {
        "1-byte chunks": 2.2,
        "a long line": 2.4,
        "a long line in 1-byte chunks": 2.2,
        "an event of many lines": 2.2,
        "comments": 2.2,
    },
    # 3,733,000 before hyper's client connection and hyper-rustls' connector, 3,908,500 with them; 4,085,200 with the records of
    # the log and the facts of a connection; 4,190,900 with redirects that are asked about, documents and the watch on networks.
    # 3,845,200 with one copy of what runs the bodies of calls (211,000), and rustls, webpki, url and others compiled small; of these
    # only the first two still are.
    # 4 MiB, the goal: what comes next has to be paid for.
    "size": {"stripped library": 4_194_304},
}

# How many events are counted in the longer of two runs.
COUNTS = {
    "1x20/16384": 200_000,
    "1x20/event": 100_000,
    "1x1024/16384": 20_000,
    "5x20+/16384": 40_000,
    "HTTP/2, 1x20/event": 50_000,
}
IDLE, BURST = 3_000, 1_000


# The checks: each is given what is wanted of its thresholds, and yields the figures.


def over_its_version(runner, work):
    """What is to measure it, and its shape and framing."""
    plain = work.removeprefix("HTTP/2, ")
    return runner if plain == work else runner.with_streams(100), plain.split("/")


def instructions(wanted, runner, clients):
    for work in wanted:
        many = COUNTS[work]
        over, events = over_its_version(runner, work)
        yield work, over.instructions(clients["isolated"], *events, many // 4, many)["instructions"]


def waking(wanted, runner, clients):
    measures = {
        "to establish a stream": lambda: runner.opening_instructions(clients["inline"], 250, 750),
        # So far apart that under valgrind, too, each of them comes alone.
        "an event that comes alone": lambda: runner.stamped_instructions(clients["inline"], 100, 400, 4_000),
    }
    for what in wanted:
        yield what, measures[what]()["instructions"]


def allocations(wanted, runner, clients):
    for work in wanted:
        many = COUNTS[work] // 4
        over, events = over_its_version(runner, work)
        yield work, over.allocations(clients["inline"], *events, many // 4, many)["allocations"]


def streams(wanted, runner, clients):
    if "TLS, idle" in wanted:
        with tempfile.TemporaryDirectory() as folder:
            over_tls = measure.Bench(runner.server, bench.Tls(pathlib.Path(folder)))
            yield "TLS, idle", over_tls.idle(clients["inline"], BURST)["memory"]
    for name in dict.fromkeys(what.split(",")[0] for what in wanted if what != "TLS, idle"):
        client = clients[name]
        idle = runner.idle(client, IDLE)
        yield f"{name}, idle", idle["memory"]
        yield f"{name}, after a burst", runner.burst(client, BURST, "1x1024", 1_024)["memory"]
        yield f"{name}, threads", idle["threads"]


def linear(wanted, runner, clients):
    """The costs of N, 2N and 4N bytes: what the second N and the following 2N cost, so that the beginning cancels."""
    works = {
        "1-byte chunks": [("1x20", "1", 1_000 * n) for n in (1, 2, 4)],
        "a long line": [(f"1x{n}048576", "1024", 1) for n in (1, 2, 4)],
        "a long line in 1-byte chunks": [(f"1x{n}0000", "1", 1) for n in (1, 2, 4)],
        "an event of many lines": [(f"{n}0000x20", "16384", 1) for n in (1, 2, 4)],
        "comments": [("comments", "16384", 200_000 * n) for n in (1, 2, 4)],
    }
    for name in wanted:
        first, second, fourth = (runner.total_instructions(clients["isolated"], *work) for work in works[name])
        yield name, (fourth - second) / (second - first)


def size(wanted, runner, clients):
    yield "stripped library", runner.library_size


CHECKS = {check.__name__: check for check in (instructions, waking, allocations, streams, linear, size)}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("check", choices=CHECKS)
    options.add_argument("--programs", type=pathlib.Path, required=True)
    options.add_argument("--library", type=pathlib.Path, required=True)
    options.add_argument("--client", default="bench-ours", help="bench-faulty is there to be found out")
    options.add_argument("--only", default="", help="only thresholds whose name matches this regular expression")
    given = options.parse_args()
    program = given.programs / given.client
    clients = {"isolated": measure.Client("isolated", [program]), "inline": measure.Client("inline", [program, "--inline"])}
    runner = measure.Bench(given.programs / "bench-server")
    runner.library_size = bench.library_size(given.library)
    thresholds = THRESHOLDS[given.check]
    wanted = [what for what in thresholds if re.search(given.only, what)]
    over = False
    for what, figure in CHECKS[given.check](wanted, runner, clients):
        most = thresholds[what]
        over |= figure > most
        digits = 3 if most < 100 else 0
        word = "too much" if figure > most else "ok"
        print(f"{given.check}, {what}: {figure:,.{digits}f}, at most {most:,}: {word}", flush=True)
    return over


if __name__ == "__main__":
    sys.exit(main())
