"""Makes event streams, good and bad, and scripts of answers. A case depends on its seed and its number alone."""

import random

from heads import HEADS
from standard import BROKEN, CLEAN, Answer, Parser, Redirect

BOM = b"\xef\xbb\xbf"
BOMS = ([b""] * 12 + [BOM] * 5 + [BOM * 2, BOM[:1], BOM[:2], b"\xbb\xbf", b"\xfe\xff", b"\xff\xfe", b"\n" + BOM,
        "\xef\xbb\xbf".encode()])  # the last is a BOM that was decoded as Latin-1 and encoded again: three characters

LINE_ENDS = [[b"\n"]] * 4 + [[b"\r\n"]] * 2 + [[b"\r"]] * 2 + [[b"\n", b"\r\n", b"\r"]] * 3

PLAIN = [b"a", b"b", b"hello", b"42", b"0", b"{\"k\":[1]}", b"data", b"id", b"message", "é".encode(), "€".encode(),
         "日本".encode(), "😀".encode()]
# What somebody might take for a line end, a blank or an end of the text; or cut, trim or fold.
ODD = [b" ", b"  ", b":", b": ", b"::", b"\t", b"\0", b"\x0b", b"\x0c", b"\x1c", b"\x1e", b"\x1a", b"\x7f", b"\\n",
       b"\"", "\x85".encode(), "\xa0".encode(), "\u2028".encode(), "\u2029".encode(), "\u200b".encode(),
       "\u0301".encode(), "\ufdd0".encode(), "\ufffd".encode(), "\uffff".encode(), "\U0010ffff".encode(), BOM]
MALFORMED = [b"\x80", b"\xbf", b"\xc2", b"\xe2", b"\xe2\x82", b"\xf0", b"\xf0\x9f", b"\xf0\x9f\x98",  # cut or alone
             b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf",  # overlong
             b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80",  # surrogates
             b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff"]  # beyond Unicode

NAMES = [b"data"] * 14 + [b"event"] * 4 + [b"id"] * 4 + [b"retry"] * 3 + [b""] * 2
UNKNOWN = [b"Data", b"DATA", b"Event", b"ID", b"Id", b"Retry", b"data ", b" data", b"\tdata", b"dat", b"datas",
           b"data\0", b"\0data", b"events", b"ids", b"retry ", b"comment", b"foo", b"x-long-field-name", b"\xff",
           b"data\x80", BOM + b"data", "dåta".encode()]
SEPARATORS = [b": "] * 8 + [b":"] * 4 + [b":  ", b"::", b": :", b":\t", b":\xa0", b" :", b" : "]

SMALL_RETRIES = [b"0", b"1", b"01", b"20", b"35", b"0000000000000000000000000000030"]
# Each asks for at least a day if it is accepted in spite of the standard.
BAD_RETRIES = [b"+86400000", b"-86400000", b"86400000 ", b" 86400000", b"86400000\t", b"86400000.0", b"864e5",
               b"0x5265c00", b"86400000ms", b"86_400_000", b"86,400,000", b"86400000\0", b"86400000\xff",
               "８６４０００００".encode(), "٨٦٤٠٠٠٠٠".encode(), b"86400000:1", b"x86400000"]
HUGE_RETRIES = [b"86400000", b"2147483647", b"2147483648", b"4294967296", b"9007199254740991", b"9007199254740992",
                b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616",
                b"1" + b"0" * 60, b"0" * 300 + b"7"]


class Generator:
    def __init__(self, seed, number):
        self.random = random.Random(f"{seed}/{number}")
        self.choice = self.random.choice
        # What is odd about heads has a chance of its own, so that cases of old stay what they were.
        self.odd = random.Random(f"{seed}/{number}/heads")

    def chance(self, probability):
        return self.random.random() < probability

    # ---- Streams ----

    def stream(self, retries=SMALL_RETRIES + BAD_RETRIES + HUGE_RETRIES, extra_block=b""):
        """A stream's bytes. `extra_block` is put among its blocks."""
        self.ends, self.retries = self.choice(LINE_ENDS), retries
        # One stream in three is in good order as far as its characters go.
        self.oddness, self.malformedness = self.choice([(0, 0), (0.3, 0), (0.2, 0.2)])
        blocks = [self.block() for _ in range(self.random.randrange(7))]
        stream = self.choice(BOMS) + b"".join(blocks[:1])
        if extra_block:
            blocks.insert(self.random.randrange(1, len(blocks) + 2), extra_block)
        stream = self.mutated(stream + b"".join(blocks[1:]))
        return stream + self.unfinished()

    def block(self):
        lines = [self.line() for _ in range(self.choice([0, 1, 1, 2, 2, 3, 5]))]
        blanks = [b""] * self.choice([1, 1, 1, 1, 2])
        return b"".join(line + self.choice(self.ends) for line in lines + blanks)

    def line(self):
        name = self.choice(UNKNOWN if self.chance(0.1) else NAMES)
        if self.chance(0.06):
            return name
        value = self.choice(self.retries) if name == b"retry" and self.chance(0.95) else self.value()
        return name + self.choice(SEPARATORS if self.chance(0.5) else SEPARATORS[:9]) + value

    def value(self):
        value = b"".join(self.atom() for _ in range(self.choice([0, 1, 1, 1, 2, 3, 4])))
        return value * self.random.randrange(1, 20_000) if self.chance(0.002) else value

    def atom(self):
        dice = self.random.random()
        if dice < self.malformedness:
            return self.choice(MALFORMED)
        if dice < self.malformedness + self.oddness:
            return self.choice(ODD)
        return self.choice(PLAIN)

    def unfinished(self):
        """An end that no blank line finishes: nothing, an event, a line or a piece of one."""
        kind = self.random.randrange(4)
        if kind == 0:
            return b""
        lines = self.choice(self.ends).join(self.line() for _ in range(self.choice([1, 1, 2])))
        return lines + (self.choice(self.ends) if kind == 1 else b"")

    def mutated(self, stream):
        """Breaks the grammar in every fifth stream."""
        if not self.chance(0.2):
            return stream
        for _ in range(self.choice([1, 1, 2, 4])):
            at = self.random.randrange(len(stream) + 1)
            until = at + self.choice([0, 1, 1, 2, 5])
            piece = self.choice([b"", b"\r", b"\n", b":", b" ", b"\0", BOM, stream[at:until] * 2,
                                 bytes([self.random.randrange(256)])])
            stream = stream[:at] + piece + stream[until:]
        return stream

    # ---- Pieces ----

    def chunks(self, stream, most=1000):
        """Cuts a stream into at most `most` pieces, none of them empty; rather where a parser could stumble."""
        cuts = range(1, len(stream))
        way = self.random.randrange(4)
        if way == 0 or not cuts:
            return (stream,) if stream else ()
        if way == 1:  # within line ends, characters and BOMs, and around colons
            cuts = [cut for cut in cuts if stream[cut - 1] in b"\r\n:" or stream[cut - 1] >= 0x80] or cuts
        if way < 3 or len(cuts) > most:
            cuts = sorted(self.random.sample(cuts, min(len(cuts), most, self.random.randrange(1, 12))))
        return tuple(stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)]))

    # ---- Scripts ----

    def script(self):
        """Answers for one attempt after the other."""
        # Few clients live on from a first answer that is no stream, so most scripts begin with one.
        answers = [self.stream_answer(0)] if self.chance(0.8) else []
        while len(answers) < 6:
            if self.chance(0.5):
                answers.append(self.stream_answer(len(answers)))
            else:
                answers.append(self.other_answer())
                if self.chance(0.6):
                    break
        return tuple(answers)

    def stream_answer(self, attempt):
        # A small retry somewhere keeps clients from waiting for the seconds of their defaults.
        stream = self.stream(SMALL_RETRIES + BAD_RETRIES, extra_block=b"\n\nretry: 1\n")
        # Chance makes a good one of a bad one, or leaves the last line, which may be the small one, without an end.
        if any(sum(Parser().parse([stream, end]).retries[-1:]) > 1000 for end in (b"", b"\n")):
            stream += b"\n\nretry: 1\n"
        head = self.odd.choice(list(HEADS)) if self.odd.random() < 0.15 else ""
        ending = HEADS[head].ending or self.choice(CLEAN * 3 + BROKEN * 2)
        if ending in BROKEN:
            stream += sentinel(attempt) + self.choice([b"", b"data: lost\nid: lost\n", b"data", b"\xe2\x82", b"\r"])
        headers = [("Content-Type", self.choice(["text/event-stream"] * 6 + STREAM_TYPES))]
        if head:
            headers = [("Content-Type", "text/event-stream")]
        elif self.chance(0.03):
            headers.append(("Content-Encoding", self.choice(["identity", "gzip"])))
        return Answer(200, tuple(headers), self.chunks(stream, most=6), ending, self.redirects(), head)

    def other_answer(self):
        kind = self.random.randrange(-1, 10)
        if kind < 1:
            return Answer(redirects=self.redirects())  # no answer at all
        if kind < 3:
            types = self.choice(WRONG_TYPES + SEVERAL_TYPES)
            return Answer(200, types, (b"data: not everywhere an event\n\n",), "length", self.redirects())
        if kind < 4:
            form = self.choice(["", "bad url", "bad scheme"])
            form = "bad: different ones" if self.odd.random() < 0.3 else form
            redirect = Redirect(self.choice(REDIRECTS), form)
            return Answer(200, redirects=self.redirects() + (redirect,))
        if kind < 5:
            count = self.choice([15, 16, 17, 19, 20, 21])
            hops = tuple(Redirect(self.choice(REDIRECTS), "path") for _ in range(count))
            return Answer(200, chunks=(b"data: after many redirects\n\n",), redirects=hops)
        headers = [("Content-Type", self.choice(["text/event-stream", "text/html"]))]
        if self.chance(0.2):
            headers.append(("Retry-After", "0"))
        return Answer(self.choice(STATUSES), tuple(headers), (), "length", self.redirects())

    def redirects(self):
        if not self.chance(0.12):
            return ()
        hops = [Redirect(self.choice(REDIRECTS), self.choice(LOCATIONS)) for _ in range(self.choice([1, 1, 2, 3]))]
        return tuple(Redirect(hop.status, "twice") if self.odd.random() < 0.1 else hop for hop in hops)


def sentinel(attempt):
    """The last event before a break. The server breaks the stream when the client has seen it: what has arrived but not
    been read when a connection breaks is lost, sooner or later as chance will have it."""
    return b"\n\ndata: %b\n\n" % sentinel_data(attempt).encode()


def sentinel_data(attempt):
    return f"sentinel {attempt}"


STREAM_TYPES = ["Text/Event-Stream", "text/event-stream;charset=utf-8", "text/event-stream; charset=UTF-8",
                "text/event-stream; charset=\"utf-8\"", "text/event-stream ; x=y", "text/event-stream;",
                "text/event-stream;charset=iso-8859-1"]
WRONG_TYPES = [(("Content-Type", value),) for value in
               ["text/html", "text/plain", "application/json", "text/event-streams", "text/event", "event-stream", "",
                "text/html; x=text/event-stream", "text /event-stream", "application/event-stream"]] + [()]
SEVERAL_TYPES = [tuple(("Content-Type", value) for value in values) for values in
                 [["text/html", "text/event-stream"], ["text/event-stream", "text/html"],
                  ["text/html, text/event-stream"], ["text/event-stream, */*", "nonsense"],
                  ["text/event-stream; x=\"a, text/html\""]]]
# 101, 407 and 421 mean something to HTTP itself. 204 has no body, 205 and 304 neither.
STATUSES = [201, 202, 203, 204, 205, 206, 300, 304, 400, 401, 403, 404, 405, 408, 409, 410, 418, 422, 425, 429, 451,
            500, 501, 502, 503, 504, 599]
REDIRECTS = [301, 302, 303, 307, 308]
LOCATIONS = ["absolute", "other origin", "other origin", "path", "relative", "dots", "scheme-relative", "fragment"]
