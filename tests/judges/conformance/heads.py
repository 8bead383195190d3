"""Heads of event streams that are merely odd: how they are written, by name. What they mean says `standard.py`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Head:
    before: str = ""  # interim responses
    type: str = ""  # how the content type is written
    fields: tuple = ()  # lines of their own
    gzip: int = 0  # how often the body is compressed
    framing: str = ""  # in the place of what would tell the body's length
    ending: str = ""  # the body's end that goes with it


def interim(status, size=0):
    return f"HTTP/1.1 {status} Wait\r\nX-Hint: {'x' * size}\r\n\r\n"


def coded(codings, gzip=0):
    return Head(fields=(f"Content-Encoding: {codings}",), gzip=gzip)


def many(fields, size=10):
    return Head(fields=tuple(f"X-{number}: {'y' * size}" for number in range(fields)))


TRANSFER = "transfer coding "  # one that nobody asked for

HEADS = {
    "": Head(),
    "folded field": Head(fields=("X-Folded: a,\r\n\t b",)),
    "folded type": Head(type="\r\n text/event-stream"),
    "folded parameter": Head(type="text/event-stream;\r\n  charset=utf-8"),
    "fold like a type": Head(fields=("X-Folded: a\r\n Content-Type: text/html",)),
    "fold like a length": Head(fields=("X-Folded:\r\n Content-Length: 3",)),
    "coding none": coded("none"),
    "coding utf-8": coded("utf-8"),
    "coding binary": coded("binary"),
    "coding 8bit": coded("8bit"),
    "coding aws-chunked": coded("aws-chunked"),
    "coding known and unknown": coded("gzip, none"),
    "coding unknown and known": coded("none, gzip"),
    "coding twice": coded("gzip, gzip", 2),
    "coding thrice": coded("gzip, gzip, gzip", 3),
    "interim": Head(before=interim(103)),
    "interim, large": Head(before=interim(103, 6000) * 3),
    "interim, other": Head(before=interim(100) + interim(102)),
    "interim, many": Head(before=interim(103) * 40),
    "150 fields": many(150, 130),
    "900 fields": many(900),
    "1100 fields": many(1100),
    "250 KiB": many(1, 250 << 10),
    "300 KiB": many(1, 300 << 10),
    "space before colon": Head(fields=("X-Space : y",)),
    "no colon": Head(fields=("X-NoColon",)),
    "chunked twice": Head(framing="Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", ending="chunked"),
    f"{TRANSFER}gzip, chunked": Head(framing="Transfer-Encoding: gzip, chunked", ending="chunked"),
    f"{TRANSFER}gzip": Head(framing="Transfer-Encoding: gzip", ending="close"),
    f"{TRANSFER}xchunked": Head(framing="Transfer-Encoding: xchunked", ending="close"),
}
