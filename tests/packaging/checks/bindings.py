#!/usr/bin/env python3
"""The tests that the table of the bindings names are there, and each promise has one in each binding, or a reason why not. Each
setter of the header is used by the packages, or there is a reason why not.
"""

import argparse
import re
import sys
from pathlib import Path

# For each binding, its tests, and how a test of a name begins in them.
BINDINGS = {
    "C++": ("tests/boundary/cpp/*.cpp", r"\bvoid {}\("),
    "Go": ("bindings/go/*_test.go", r"^func {}\("),
    "Swift": ("bindings/swift/Tests/**/*.swift", r"\bfunc {}\("),
    "Python": ("bindings/python/tests/test_*.py", r"\bdef {}\("),
    "Node": ("bindings/node/test/*.test.js", r"^ *test\(['\"`]{}['\"`]"),
}
PROMISES = 10

# The packages that name each setter in words: where those of a client are the options, and where those of a request are methods.
PACKAGES = {
    "Python": ("bindings/python/libeventsource/_settings.py", "bindings/python/libeventsource/_stream.py"),
    "Node": ("bindings/node/lib/settings.js", "bindings/node/lib/stream.js"),
}
# Why both have no use for a setter.
WITHOUT = {
    "on_event": "on_events brings the same events, with fewer calls",
    "on_event_type": "a loop looks at the event's type",
    "set_url": "a stream has the URL that it is made with",
    "set_next_delay": "it is what on_error returns",
    "set_resolve": "a stream is made with all its addresses, by add_resolve",
    "remove_resolve": "a stream is made with all its addresses, by add_resolve",
}


def rows(text):
    """The cells of each line of a table, headings and all."""
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("|-"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def setters(header, of):
    """What configures a client, or changes a request, without `eventsource_` and `request_`."""
    pattern = rf"^eventsource_status_t eventsource_{of}((?:set|add|remove|on)_\w+)\("
    return re.findall(pattern, header, re.MULTILINE)


def faults_of_setters(root, header):
    of_clients, of_requests = setters(header, ""), setters(header, "request_")
    if len(of_clients) < 40 or len(of_requests) < 8:
        yield f"{len(of_clients)} and {len(of_requests)} functions of the header look like setters"
    for name in WITHOUT:
        if name not in of_clients:
            yield f"the header has no {name}, for which there is a reason"
    for package, files in PACKAGES.items():
        options, stream = (root.joinpath(file).read_text() for file in files)
        for name in of_clients:
            is_used = re.search(rf"""["']{name}["']""", options) or re.search(rf"""\bsetters(\["|\.){name}\b""", stream)
            if is_used and name in WITHOUT:
                yield f"{package} uses {name}, and there is a reason why not"
            if not is_used and name not in WITHOUT:
                yield f"{package} neither uses {name} nor has a reason why not"
        for name in of_requests:
            if not re.search(rf"""["']{name}["']""", stream):
                yield f"{package} cannot {name} of a request"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--root", type=Path, required=True)
    arguments.add_argument("--header", type=Path)
    arguments.add_argument("document", nargs="?", type=Path)
    options = arguments.parse_args()

    root = options.root
    document = options.document or root / "docs/bindings.md"
    tests = {
        binding: "\n".join(path.read_text() for path in sorted(root.glob(files)))
        for binding, (files, _) in BINDINGS.items()
    }
    faults, promises, tables = [], 0, 0
    for first, *cells in rows(document.read_text()):
        if cells == list(BINDINGS):
            tables += 1
            continue
        promises += tables == 1
        for binding, cell in zip(BINDINGS, cells, strict=True):
            names = re.findall(r"`([^`]+)`", cell)
            if not names and not re.match(r"none: .", cell):
                faults.append(f"{first}: {binding} has neither a test nor a reason why not")
            for name in names:
                if not re.search(BINDINGS[binding][1].format(re.escape(name)), tests[binding], re.MULTILINE):
                    faults.append(f"{first}: {binding} has no test {name}")
    if promises != PROMISES:
        faults.append(f"there are {promises} promises, not {PROMISES}")
    header = options.header or root / "include/eventsource.h"
    faults.extend(faults_of_setters(root, header.read_text()))
    for fault in faults:
        print(f"{document.name}: {fault}", file=sys.stderr)
    return bool(faults)


sys.exit(main())
