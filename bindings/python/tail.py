"""Prints the events of a stream.

python3 tail.py URL [COUNT]     until the server asks for the end, or COUNT events have come
"""

import itertools
import sys

from libeventsource import Stream


def main(url, count=None):
    with Stream(url) as stream:
        for event in itertools.islice(stream, count and int(count)):
            print(f"{event.type}: {event.data}", flush=True)


main(*sys.argv[1:])
