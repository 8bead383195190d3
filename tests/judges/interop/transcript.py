"""What `eventsource tail --json` tells, as a list of short lines, and how a test says what it expects of them.

    open 200
    event 1: event 1
    error END_OF_STREAM 0, retried: the server ended the stream
    closed

An expected line is a text, or a pattern that the whole line has to match.
"""

import json
import re

CLOSED = "closed"


def line(report):
    """A line of `tail --json`, shortened."""
    if report["kind"] == "open":
        return opened(report["status"])
    if report["kind"] == "event":
        kind = "event" if report["type"] == "message" else f"event of type {report['type']}"
        return f"{kind} {report['id']}: {report['data']}"
    if report["kind"] == "error":
        code = report["code"].removeprefix("EVENTSOURCE_ERR_")
        return f"error {code} {report['status']}, {fate(report['will_retry'])}: {report['message']}"
    if report["kind"] == "comment":
        return f"comment: {report['comment']}"
    return report["kind"]


def opened(status=200):
    return f"open {status}"


def event(number):
    """The event with this id of test-server's /events."""
    return f"event {number}: event {number}"


def events(first, last):
    return [event(number) for number in range(first, last + 1)]


def error(code, status=0, retried=False, says=".*"):
    """An error whose message has a match for `says`."""
    return re.compile(rf"error (?:{code}) {status}, {fate(retried)}: .*(?:{says}).*")


def lost(says=".*"):
    """The end of a connection as such, however the server or what lies between put it; it is made again."""
    return error("END_OF_STREAM|DISCONNECTED", retried=True, says=says)


def fate(retried):
    return "retried" if retried else "final"


def matches(seen, expected):
    return bool(expected.fullmatch(seen)) if isinstance(expected, re.Pattern) else seen == expected


def difference(seen, expected):
    """Both, a line each, if they differ; else None."""
    if len(seen) == len(expected) and all(map(matches, seen, expected)):
        return None
    wanted = [entry.pattern if isinstance(entry, re.Pattern) else entry for entry in expected]
    return "\n  ".join(["expected:", *wanted]) + "\n" + "\n  ".join(["seen:", *seen])


def echoed(report):
    """The request that an event of test-server's /echo tells: its headers by name."""
    request = json.loads(report["data"])
    return {name.lower(): value for name, value in request["headers"]}
