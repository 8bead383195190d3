#!/usr/bin/env python3
"""The table of the peers that the suites have just been run against; docs/verification.md must have it, whatever the versions."""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tools import skip  # noqa: E402: found by the path set above

PEERS = "peers.json"  # what a suite that has passed leaves in its folder
HEAD = "| tested against | version | with it |"


def collect(build):
    """What was tested with each peer, in the order of the suites: name, version, list of texts."""
    peers = {}
    for file in sorted(build.glob(f"*/{PEERS}")):
        for name, row in json.loads(file.read_text()).items():
            tested = peers.setdefault(name, (row["version"], []))[1]
            tested += [text for text in row["tested"] if text not in tested]
    return {name: (version, "; ".join(tested)) for name, (version, tested) in sorted(peers.items(), key=by_name)}


def by_name(entry):
    return entry[0].lower()


def stated(document):
    """The same as the document has it, without versions."""
    lines = document.read_text().split(f"{HEAD}\n", 1)[-1].splitlines()
    rows = (line.strip("| ").split(" | ") for line in lines[1:lines.index("")])
    return {name: tested for name, _, tested in rows}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--build", type=Path, required=True, help="the folder that the suites were given")
    arguments.add_argument("--document", type=Path, required=True)
    options = arguments.parse_args()

    peers = collect(options.build)
    if not peers:
        skip("no suite has passed")
    rows = [f"| {name} | {version} | {tested} |" for name, (version, tested) in peers.items()]
    table = "\n".join([HEAD, "|---|---|---|", *rows])
    (options.build / "peers.md").write_text(table + "\n")
    print(table)
    tested = {name: set(tested.split("; ")) for name, (_, tested) in peers.items()}
    known = {name: set(tested.split("; ")) for name, tested in stated(options.document).items()}
    unknown = {name for name, texts in tested.items() if not texts <= known.get(name, set())}
    if unknown:
        sys.exit(f"{options.document.name} does not say all of {', '.join(sorted(unknown))}")
    if tested != known:
        missing = {name for name, texts in known.items() if texts != tested.get(name)}
        skip(f"not all that {options.document.name} names has been tested here: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main()
