"""The named ways in which programs depart from the standard's text. A difference that these do not predict is a fault.

Each is a class whose first line of documentation says what the program does, and the rest what the text says, or why
the library does not follow it. What it overrides makes the executable text do the same, so a trace must match in full;
nothing is let through for resembling a known difference.
"""

import codecs
import re

from heads import TRANSFER
from standard import FAIL, RECONNECT, STREAM, Client, Parser


def predict(departures):
    """A client that has these departures, and no others."""
    parser = compose(Parser, departures)
    return compose(Client, departures)(parser)


def compose(base, departures):
    return type(base.__name__, (*(entry for entry in departures if issubclass(entry, base)), base), {})


def explain(seen, departures, run):
    """The departures that account for what was seen of a program that has them all; None when they do not.

    `run(departures)` says what a program that has these does.
    """
    if seen == run(()):
        return ()
    if seen != run(departures):
        return None
    needed = departures
    for entry in departures:
        fewer = tuple(other for other in needed if other is not entry)
        if run(fewer) == seen:
            needed = fewer
    return needed



# ---- npm: eventsource-parser 3.1.1 ----------------------------------------------------------------------------------


def decoded(chunks):
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return [decoder.decode(chunk) for chunk in chunks]


class LatinBomRemoved(Parser):
    """The characters U+00EF U+00BB U+00BF at the start are removed.

    They are a BOM's bytes decoded as Latin-1, which an event stream never is: "Streams must be decoded using the UTF-8
    decode algorithm". In UTF-8 they are six bytes, and the beginning of an unknown field's name. The parser looks for
    them in its first chunk only.
    """

    def decode(self, chunks):
        text = super().decode(chunks)
        first = "".join(decoded(chunks[:1])).removeprefix("\ufeff")
        return text[3:] if first.startswith("\u00ef\u00bb\u00bf") else text


class LastCrHeldBack(Parser):
    """A CR that ends a chunk ends its line only when another line end comes.

    The text: "a single CR not followed by a LF" ends a line, so what comes next decides only whether its end has a LF,
    too. A live event may be late by one event; here, where streams end, some never come.
    """

    def decode(self, chunks):
        pieces = decoded(chunks)  # the parser's chunks: text, without a character that is not complete yet
        with_line_end = [piece for piece in pieces if "\r" in piece or "\n" in piece]
        self.held_back = with_line_end != [] and with_line_end[-1].endswith("\r")
        return super().decode(chunks)

    def lines(self, text):
        lines = super().lines(text)
        return lines[:-1] if self.held_back else lines


class IdWithoutDataLost(Parser):
    """The ID of a block without data is not reported.

    The text sets the last event ID string of the event source for every block, before it looks at the data. The
    parser's interface has no place for it but in an event.
    """

    def dispatch(self):
        if self.data == "":
            self.id = self.last_event_id
        super().dispatch()


NPM_EVENTSOURCE_PARSER = (LatinBomRemoved, LastCrHeldBack, IdWithoutDataLost)


# ---- Go: tmaxmax/go-sse 0.12.0 --------------------------------------------------------------------------------------


class EmptyBlockDispatched(Parser):
    """A block without data that has an `id` or an `event` is an event, with empty data.

    The text: "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string
    and return."
    """

    dirty = False

    def process(self, name, value):
        super().process(name, value)
        self.dirty |= name in ("data", "event") or (name == "id" and "\0" not in value)

    def dispatch(self):
        if self.dirty and self.data == "":
            self.data = "\n"
        self.dirty = False
        super().dispatch()


class BomAfterBlankLinesRemoved(Parser):
    """A BOM after blank lines at the start is removed as if it were leading.

    The text: the UTF-8 decode algorithm removes it at the start of the stream; elsewhere U+FEFF is a character.
    """

    def decode(self, chunks):
        rest = b"".join(chunks).lstrip(b"\r\n")
        return super().decode([rest] if rest.startswith(codecs.BOM_UTF8) else chunks)


GO_SSE = (EmptyBlockDispatched, BomAfterBlankLinesRemoved)


# ---- Chromium 156 ---------------------------------------------------------------------------------------------------


class LineEndAfterBomMissed(Parser):
    """A CR or LF straight after the BOM is taken for a character of the line that follows.

    By the text the BOM is gone once the stream is decoded, and such a line end ends the first, empty line. It seems
    that Chromium's parser, which looks for the BOM when it comes to the byte after it, goes on with the next byte.
    """

    def decode(self, chunks):
        text = super().decode(chunks)
        has_bom = b"".join(chunks).startswith(codecs.BOM_UTF8)
        return "\0" + text[1:] if has_bom and text[:1] in ("\r", "\n") else text


class RedirectForgottenOnError(Client):
    """The target of a redirect is remembered for the next attempt only if it answers.

    By the text Fetch appends it to the URL list of the request at once, and the next attempt starts from the last.
    """

    def request(self, answer, trace):
        path = self.path
        verdict = super().request(answer, trace)
        if verdict == RECONNECT:
            self.path = path
        return verdict


class OtherSchemeFails(Client):
    """A redirect to another scheme than HTTP(S) ends the stream for good.

    The text: "If res is a network error, then reestablish the connection, unless the user agent knows that to be
    futile, in which case the user agent may fail the connection."
    """

    def bad_location(self, form):
        return FAIL if form == "bad scheme" else super().bad_location(form)


class OtherCharsetFails(Client):
    """A `charset` parameter other than UTF-8 ends the stream for good.

    The text wants `text/event-stream` of the content type, and nothing of its parameters: "Streams must be decoded
    using the UTF-8 decode algorithm", whatever they say.
    """

    def judge(self, answer):
        verdict = super().judge(answer)
        other = any("charset=iso-8859-1" in value for value in answer.values("content-type"))
        return FAIL if verdict == STREAM and other else verdict


class OtherTransferCodingIgnored(Client):
    """A transfer coding other than `chunked` is not looked at.

    The text of RFC 9112, section 6.1, has an error for what a recipient does not understand. Chromium takes the content
    for what it would be without, which for a body that is encoded indeed is not text.
    """

    def odd_head(self, head):
        return None if head.startswith(TRANSFER) else super().odd_head(head)


class LargestHead(Client):
    """A head of more than 256 KiB is a network error.

    The text has no limit, and memory has.
    """

    def odd_head(self, head):
        return self.network_error() if head == "300 KiB" else super().odd_head(head)


CHROMIUM = (
    LineEndAfterBomMissed,
    RedirectForgottenOnError,
    OtherSchemeFails,
    OtherCharsetFails,
    OtherTransferCodingIgnored,
    LargestHead,
)


# ---- The library, on purpose ----------------------------------------------------------------------------------------


class PassingErrorRetried(Client):
    """After 408, 425, 429 and 5xx it tries again.

    By the text every status but 200 ends the stream. A page has somebody who reloads it; a service must come through
    an overloaded or restarting server by itself.
    """

    def judge(self, answer):
        if answer.status in (408, 425, 429) or answer.status >= 500:
            return RECONNECT
        return super().judge(answer)


class FirstFailureFinal(Client):
    """A failure of the very first attempt is final, unless --retry-initial is given.

    The text reconnects after a network error, first or not. Before a stream was ever open the fault is rather in the
    URL than in the network, and a program wants to hear of it.
    """

    def request(self, answer, trace):
        verdict = super().request(answer, trace)
        return FAIL if verdict == RECONNECT and self.attempt == 0 and not self.retry_initial else verdict


class OriginalUrlRequested(Client):
    """Each reconnect starts from the original URL.

    By the text it starts from where the last redirect led (whatwg/html issue 503). Whoever redirects, to balance load
    or to hand out short-lived URLs, is asked again; a client must not be stuck with a target that has gone.
    """

    def request(self, answer, trace):
        verdict = super().request(answer, trace)
        self.path = "/"
        return verdict


class SixteenRedirects(Client):
    """It follows 16 redirects, not 20.

    Fetch has 20; the library has a setting, whose default is 16.
    """

    max_redirects = 16


class BadRedirectFinal(Client):
    """A redirect to what is no URL of HTTP, and one too many, are final.

    The text has network errors there, which are retried "unless the user agent knows that to be futile".
    """

    def bad_location(self, form):
        return FAIL

    def too_many_redirects(self):
        return FAIL


class ControlCharactersNotSent(Client):
    """A last event ID with control characters is not sent.

    The text sends every ID, which cannot have NUL, CR and LF. HTTP calls other control characters in a header's value
    invalid (RFC 9110, section 5.5), and servers refuse a request for them.
    """

    def header(self):
        value = super().header()
        return None if value and re.search("[\0-\x08\x0a-\x1f\x7f]", value) else value


class ThousandFields(Client):
    """A head of more than 1,000 fields is a network error.

    The text has no limit, and Chromium has that of the size alone.
    """

    def odd_head(self, head):
        return self.network_error() if head == "1100 fields" else super().odd_head(head)


class NoFieldRefused(Client):
    """A line of a head that is no field is a network error.

    RFC 9112, section 5, has a name and a colon with nothing between. Chromium skips what is otherwise; but two readers
    that make different things of a line are how fields are smuggled.
    """

    def odd_head(self, head):
        return self.network_error() if head in ("space before colon", "no colon") else super().odd_head(head)


class TwoCodings(Client):
    """More than two content codings are a final error.

    The text has no limit. Nobody means more than one, a proxy may add another; each costs its memory.
    """

    def odd_head(self, head):
        return FAIL if head == "coding thrice" else super().odd_head(head)


LIBRARY = (
    PassingErrorRetried,
    FirstFailureFinal,
    OriginalUrlRequested,
    SixteenRedirects,
    BadRedirectFinal,
    ControlCharactersNotSent,
    LargestHead,
    ThousandFields,
    NoFieldRefused,
    TwoCodings,
)
