#!/usr/bin/env python3
"""What the documents name is there: files that they link to, headings in these, files and tests that they name,
functions and constants of the library. And the README is not longer than a newcomer reads."""

import argparse
import re
import sys
from pathlib import Path

LONGEST_README = 150
# What they name of this project's files.
PATH = re.compile(r"`((?:src|tests|cmake|docs|examples-c|include|bindings|\.ci)/[\w./-]+)`")
# Files of the library, as its own documents call them.
MODULE = re.compile(r"`([\w/]+\.rs)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAME = re.compile(r"\b(?:eventsource_[a-z_]+[a-z]|EVENTSOURCE_(?:ERR|CLOSE|MODE|VERSION|DISPATCH|HTTP|LOG|TLS)_\w+[A-Z0-9])\b(?![_*.<])")


# Tests, which are called after the rule that they check.
TEST = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+){3,})`")
# The documents whose tables name tests of the library.
WITH_TESTS = {"verification.md", "features.md"}


def anchors(text):
    """The anchors of a document's headings, as they are made on the web."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def tests(root):
    """The names of all that may be a test in Rust, C or C++."""
    files = [file for kind in ("rs", "c", "cpp") for folder in ("src", "tests", "tool") for file in (root / folder).rglob(f"*.{kind}")]
    return set(re.findall(r"\b(?:fn|void) (\w+)\(", "".join(file.read_text() for file in files)))


def faults(document, root, names):
    """What is wrong with a document."""
    text = document.read_text()
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        if not file.exists():
            yield f"links to {target}, which is not there"
        elif anchor and anchor not in anchors(file.read_text()):
            yield f"links to {target}, which has no such heading"
    for path in PATH.findall(text):
        if not (root / path).exists():
            yield f"names {path}, which is not there"
    for path in set(MODULE.findall(text)) - set(PATH.findall(text)):
        if not any(any((root / folder).glob(f"**/{path}")) for folder in ("src", "tests")):
            yield f"names {path}, which is not there"
    if document.name in WITH_TESTS:
        for name in sorted(set(TEST.findall(text)) - names - tests(root)):
            yield f"names the test {name}, which is not there"
    for name in sorted(set(NAME.findall(text)) - names):
        yield f"names {name}, which the header does not have"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--root", type=Path, required=True)
    arguments.add_argument("documents", nargs="*", type=Path, help="else the README, docs/ and what is beside them")
    options = arguments.parse_args()

    root = options.root
    documents = options.documents or [*root.glob("*.md"), *(root / "docs").glob("*.md")]
    # The changelog says what was, and the header's names are all that CMake installs.
    headers = "".join((root / "include" / name).read_text() for name in ("eventsource.h", "eventsource.hpp"))
    # The last one is a crate of others, which docs/migrating.md shows.
    others = {"eventsource_add_skipped_test", "eventsource_client"}
    names = set(re.findall(r"\w+", headers)) | others
    found = [f"{document.name} {fault}" for document in documents if document.name != "CHANGELOG.md"
             for fault in faults(document, root, names)]
    lines = len((root / "README.md").read_text().splitlines())
    if lines > LONGEST_README:
        found.append(f"README.md has {lines} lines; {LONGEST_README} are enough")
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
