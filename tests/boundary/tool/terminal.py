#!/usr/bin/env python3
"""On a terminal `eventsource tail` has colours and a status line, and nothing of the server's steers it; elsewhere neither is there.

terminal.py PROGRAM URL"""

import os
import pty
import re
import select
import subprocess
import sys
import time
import urllib.parse

PROGRAM, URL = sys.argv[1:]
RAW = "\x1b]0;title\x07\x1b[2J\u009b1m\x7f\b"  # what a server would steer a terminal with
OURS = re.compile(r"\x1b\[[0-9;]*[mK]")  # what the program has of its own: colours, and clearing to the end of the line


def on_terminal(arguments, enough, environment=()):
    """All that a run prints on a terminal, until it has printed this or 30 s have passed."""
    head, tail = pty.openpty()
    process = subprocess.Popen([PROGRAM, "tail", *arguments], stdin=subprocess.DEVNULL, stdout=tail, stderr=tail,
                               env={"PATH": os.environ["PATH"], "TERM": "xterm", **dict(environment)})  # fmt: skip
    os.close(tail)
    printed, deadline = b"", time.monotonic() + 30
    while enough not in printed and time.monotonic() < deadline:
        if select.select([head], [], [], 0.1)[0]:
            try:
                piece = os.read(head, 65536)
            except OSError:  # it has ended
                break
            printed += piece
            if not piece:
                break
    process.kill()
    process.wait()
    os.close(head)
    return printed.decode("utf-8", "surrogateescape")


def stream(text):
    return f"{URL}/status/200?header=Content-Type:text/event-stream&body={urllib.parse.quote(text)}"


def check(rule, holds, seen):
    print(f"{rule}: {'ok' if holds else f'FAILED: {seen!r}'}")
    return holds


def main():
    results = []
    hostile = stream(f": {RAW}\nevent: {RAW}\nid: {RAW}\ndata: {RAW}over\n\n")
    for options in ((), ("--json",), ("--data-only",)):
        seen = on_terminal(["--once", *options, hostile], b"over")
        harmful = re.sub(r"[\r\n\t]", "", OURS.sub("", seen))
        results.append(check(f"with {' '.join(options) or 'no option'}, nothing of a server's reaches the terminal unquoted",
                             "over" in seen and not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", harmful), seen))  # fmt: skip
    seen = on_terminal([f"{URL}/events?count=1"], b"[open, 1 event in")
    results.append(check("there is a status line", re.search(r"\r\x1b\[K(\x1b\[2m)?\[open, 1 event in \d+ s, the last \d+ s ago\]", seen), seen))
    results.append(check("there are colours", "\x1b[36mmessage" in seen, seen))
    seen = on_terminal(["--once", f"{URL}/events"], b"closed", [("NO_COLOR", "1")])
    results.append(check("NO_COLOR switches colours off", "message" in seen and "\x1b[3" not in seen, seen))
    seen = on_terminal(["--once", f"{URL}/events"], b"closed", [("TERM", "dumb")])
    results.append(check("a dumb terminal gets neither", "message" in seen and "\x1b" not in seen, seen))
    done = subprocess.run([PROGRAM, "tail", "--once", f"{URL}/events"], capture_output=True, timeout=60)
    results.append(check("what is no terminal gets neither", b"\x1b" not in done.stdout + done.stderr, done))
    sys.exit(not all(results))


main()
