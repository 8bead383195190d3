"""What the two tests have in common: counting differences, showing them, and ending."""

import re
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tools import fetch, need  # noqa: E402, F401: for the tests, too; found by the path set above


class Report:
    def __init__(self, shown=5):
        self.shown = shown
        self.explained = Counter()
        self.unexplained = 0

    def explain(self, who, departures):
        self.explained.update((who, entry) for entry in departures)

    def fail(self, text):
        """A difference that nothing explains. The first few are shown in full."""
        self.unexplained += 1
        if self.unexplained <= self.shown:
            print(text, flush=True)
        elif self.unexplained == self.shown + 1:
            print("… and more, not shown\n", flush=True)

    def finish(self, parties):
        """Prints the table of `parties` (a name, its departures) and ends the program."""
        for who, departures in parties:
            for entry in departures:
                what = entry.__doc__.splitlines()[0]
                print(f"{self.explained[who, entry]:8}  {who}: {entry.__name__}: {what}")
        print(f"{self.unexplained:8}  differences unexplained")
        sys.exit(1 if self.unexplained else 0)


def dump(stream):
    """Bytes as a C string, a line for each line."""
    lines = re.split(rb"(?<=\n)|(?<=\r)(?!\n)", stream)
    return "\n".join("".join(map(escape, line)) for line in lines)


def escape(byte):
    named = {0x0A: "\\n", 0x0D: "\\r", 0x5C: "\\\\", 0x22: "\\\""}
    return named.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}")
