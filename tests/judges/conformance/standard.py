"""The standard's text, executable: what settles a disagreement.

WHATWG HTML, section 9.2 "Server-sent events" (9.2.3 processing model, 9.2.5 parsing, 9.2.6 interpreting). Written for
likeness to the text, not for speed, and in nothing like the library's parser: it decodes a whole stream, cuts it into
lines and looks at each. `departures.py` derives from these classes, one for each way in which a program is known to
differ.
"""

import re
import sys
from dataclasses import dataclass, field

from heads import TRANSFER

sys.set_int_max_str_digits(0)  # "an integer in base ten", however long


class Parser:
    """One event stream, from its bytes to its events."""

    def __init__(self, last_event_id=""):
        # The buffers "must be initialized to the empty string". For the ID this cannot be meant where a stream is
        # continued: the last event ID string "remains set to this value until the next time it is set by the server".
        self.id = self.last_event_id = last_event_id
        self.data = self.event_type = ""
        self.events, self.retries, self.comments = [], [], []

    def parse(self, chunks):
        """Takes the stream as it came in pieces, of which the standard knows nothing."""
        for line in self.lines(self.decode(chunks)):
            self.interpret(line)
        return self

    def decode(self, chunks):
        """"Streams must be decoded using the UTF-8 decode algorithm", which "strips one leading UTF-8 Byte
        Order Mark (BOM), if any"."""
        text = b"".join(chunks).decode("utf-8", "replace")
        return text[1:] if text.startswith("\ufeff") else text

    def lines(self, text):
        """CRLF, "a single LF character not preceded by a CR character, and a single CR character not followed by a LF
        character being the ways in which a line can end". What follows the last of them is no line, but "pending data",
        which "must be discarded"."""
        return re.split("\r\n|\n|\r", text)[:-1]

    def interpret(self, line):
        if line == "":
            self.dispatch()
        elif line.startswith(":"):
            # "Ignore the line." Our parser offers it, without the space that would be removed from a field's value.
            self.comments.append(line[1:].removeprefix(" "))
        else:
            # Without a colon "use the whole line as the field name, and the empty string as the field value".
            name, _, value = line.partition(":")
            self.process(name, value.removeprefix(" "))

    def process(self, name, value):
        """"Field names must be compared literally, with no case folding performed."""
        if name == "event":
            self.event_type = value
        elif name == "data":
            self.data += value + "\n"
        elif name == "id":
            if "\0" not in value:
                self.id = value
        elif name == "retry":
            # "If the field value consists of only ASCII digits"; the empty string is no integer in base ten.
            if re.fullmatch("[0-9]+", value):
                self.retry(int(value))

    def retry(self, milliseconds):
        self.retries.append(milliseconds)

    def dispatch(self):
        self.last_event_id = self.id
        if self.data != "":
            self.emit()
        self.data = self.event_type = ""

    def emit(self):
        self.events.append((self.event_type or "message", self.data.removesuffix("\n"), self.last_event_id))


@dataclass(frozen=True)
class Redirect:
    status: int
    location: str  # a form that the server fills in, see server.py; "" for none


@dataclass(frozen=True)
class Answer:
    """What the server does with one request, after redirects. Without a status it hangs up before it answers."""

    status: int = 0
    headers: tuple = (("Content-Type", "text/event-stream"),)
    chunks: tuple = ()
    ending: str = "chunked"  # how the body ends: see CLEAN and BROKEN
    redirects: tuple = ()
    head: str = ""  # in which way its head is odd, see heads.py

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name]


# How a body's end is marked, and how it can fail to be: with a connection cut or reset, or HTTP's framing broken.
CLEAN = ("chunked", "length", "close")
BROKEN = ("cut chunked", "cut length", "reset", "bad chunk")

# After a script's last answer the server says this, whatever is asked.
END = Answer(status=204, headers=())

RECONNECT, FAIL, STREAM = "reconnect", "fail", "stream"


@dataclass
class Trace:
    """What can be seen of a client that has gone through a script."""

    steps: list = field(default_factory=list)  # ["open"], ["event", type, data, id], ["lost"] and at last ["closed"]
    requests: list = field(default_factory=list)  # [path, Last-Event-ID]
    delays: list = field(default_factory=list)  # ms that each reconnect waits at least (observed: has waited)


class Client:
    """A client's run through a script of answers, one for each attempt (9.2.3)."""

    max_redirects = 20  # Fetch, "HTTP-redirect fetch"

    def __init__(self, parser=Parser):
        self.parser = parser

    def run(self, script, retry_initial=False):
        self.retry_initial = retry_initial
        self.attempt, self.last_event_id, self.delay, self.path = 0, "", 0, "/"
        trace = Trace()
        while True:
            answer = script[self.attempt] if self.attempt < len(script) else END
            verdict = self.request(answer, trace)
            if verdict == STREAM:
                trace.steps.append(["open"])
                stream = self.parser(self.last_event_id).parse(answer.chunks)
                trace.steps += [["event", *event] for event in stream.events]
                self.last_event_id = stream.last_event_id
                self.delay = ([self.delay] + stream.retries)[-1]
            if verdict == FAIL:
                trace.steps.append(["closed"])
                return trace
            trace.steps.append(["lost"])
            trace.delays.append(self.delay)
            self.attempt += 1

    def request(self, answer, trace):
        """Fetches, and follows redirects. Fetch appends each one's URL to the URL list of the request, and the next
        attempt fetches that same request, so it starts where this one got to (whatwg/html issue 503)."""
        for hop, redirect in enumerate(answer.redirects):
            trace.requests.append([self.path, self.header()])
            if redirect.location == "":
                return self.no_location()
            if redirect.location.startswith("bad"):
                return self.bad_location(redirect.location)
            # The request's redirect count, too, would by the letter go on counting in the next attempt. Nobody does so.
            if hop == self.max_redirects:
                return self.too_many_redirects()
            self.path = f"/{self.attempt}.{hop}"
        trace.requests.append([self.path, self.header()])
        return self.judge(answer)

    def header(self):
        """"Set (`Last-Event-ID`, lastEventIDValue) in request's header list", in UTF-8, unless it is empty. The blanks
        around a header's value are not part of it."""
        return self.last_event_id.strip(" \t") if self.last_event_id else None

    def judge(self, answer):
        """The steps given a response (9.2.2, step 15 of the constructor)."""
        if answer.status == 0:
            return self.network_error()
        odd = self.odd_head(answer.head)
        if odd is not None:
            return odd
        if answer.status != 200 or self.essence(answer) != "text/event-stream":
            return FAIL
        return STREAM

    def odd_head(self, head):
        """What an odd head means, if not that there is a response as with any other. A fold is a space (RFC 9112, section
        5.2). Interim responses end none, and there is no limit for them nor for a head. Of content codings of which one
        is unknown, Fetch ("handle content codings") leaves the bytes as they are. A transfer coding that nobody can
        decode is none of a message that can be read (RFC 9112, section 6.1)."""
        return self.network_error() if head.startswith(TRANSFER) else None

    def essence(self, answer):
        """Fetch, "extract a MIME type", without its parameters: of several the last that is valid."""
        values = re.findall(r'(?:"[^"]*"|[^",])+', ",".join(answer.values("content-type")))
        types = [value.split(";")[0].strip(" \t").lower() for value in values]
        return ([""] + [essence for essence in types if "/" in essence and essence != "*/*"])[-1]

    def network_error(self):
        """"Reestablish the connection, unless the user agent knows that to be futile"."""
        return RECONNECT

    def no_location(self):
        """Fetch: "If locationURL is null, then return response", whose status is not 200."""
        return FAIL

    def bad_location(self, form):
        """Fetch: a network error, for what is no URL or has no HTTP(S) scheme."""
        return self.network_error()

    def too_many_redirects(self):
        """Fetch: "If request's redirect count is 20, then return a network error"."""
        return self.network_error()
