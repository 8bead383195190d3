"""A server that goes through scripts of answers, on loopback, and writes down what is asked.

Each client of each script has a session of its own, so that the browser and the library can go through the same script
at their own pace. The server speaks HTTP by hand: it has to end bodies in ways that no HTTP library would.
"""

import asyncio
import gzip
import json
import socket
import struct
import time
from pathlib import Path

from generator import sentinel_data
from heads import HEADS
from standard import BROKEN, END, Trace

PAGE = Path(__file__).with_name("page.html")
PAUSE = 0.001  # between a body's chunks, to have the client read them one by one
PATIENCE = 10  # seconds to wait for a sentinel; a client that has not seen it then has lost it


class Session:
    """One client's way through one script."""

    def __init__(self, path, script):
        self.path, self.script = path, script
        self.attempt, self.hop, self.redirected_to = -1, 0, None
        self.ended_at = None
        self.sentinels = {sentinel_data(attempt): asyncio.Event() for attempt in range(len(script))}
        self.trace = Trace()

    def saw(self, data):
        """The client has delivered an event with this data."""
        if data in self.sentinels:
            self.sentinels[data].set()

    async def answer(self, path, last_event_id, hosts, writer):
        if path != self.redirected_to:
            self.attempt, self.hop = self.attempt + 1, 0
            if self.ended_at is not None:
                self.trace.delays.append(round((time.monotonic() - self.ended_at) * 1000, 3))
        self.trace.requests.append([path, last_event_id])
        answer = self.script[self.attempt] if self.attempt < len(self.script) else END
        if self.hop < len(answer.redirects):
            await self.redirect(answer.redirects[self.hop], path, hosts, writer)
        else:
            self.redirected_to = None
            await self.send(answer, writer)

    async def redirect(self, redirect, path, hosts, writer):
        self.redirected_to = f"/{self.attempt}.{self.hop}"
        self.hop += 1
        locations = [self.location(redirect.location, path, *hosts)]
        if redirect.location == "twice":
            locations *= 2
        elif redirect.location == "bad: different ones":
            locations.append(locations[0] + "-other")
        self.ended_at = time.monotonic()
        fields = [("Location", location) for location in locations if location]
        writer.write(head(redirect.status, fields, "Content-Length: 0"))

    def location(self, form, path, host, other_host):
        """A form of `generator.LOCATIONS`, filled in with the way from `path` to the next hop."""
        target = self.path + self.redirected_to
        folder, _, _ = (self.path + path.rstrip("/")).rpartition("/")
        relative = target.removeprefix(folder + "/")
        return {
            "absolute": f"http://{host}{target}",
            "other origin": f"http://{other_host}{target}",
            "scheme-relative": f"//{host}{target}",
            "path": target,
            "twice": target,
            "bad: different ones": target,
            "relative": relative,
            "dots": f"./nowhere/../{relative}",
            "fragment": f"{target}#fragment",
            "bad url": "http://[",
            "bad scheme": "ftp://127.0.0.1/",
            "": "",
        }[form]

    async def send(self, answer, writer):
        if answer.status == 0:
            self.ended_at = time.monotonic()
            return
        chunks = answer.chunks
        if "gzip" in answer.values("content-encoding"):
            chunks = (gzip.compress(b"".join(chunks)),)
        odd = HEADS[answer.head]
        for _ in range(odd.gzip):
            chunks = (gzip.compress(b"".join(chunks)),)
        length = sum(map(len, chunks))
        framing = {
            "length": f"Content-Length: {length}",
            "cut length": f"Content-Length: {length + 10}",
            "close": "",
        }.get(answer.ending, "Transfer-Encoding: chunked")
        chunked = framing.startswith("Transfer")
        if answer.status in (204, 304):
            framing = ""  # they never have a body
        # Time is taken before whatever may tell the client of the end: what is measured is never less than its wait.
        self.ended_at = time.monotonic()
        headers = [(name, odd.type) for name, _ in answer.headers] if odd.type else answer.headers
        framing = "\r\n".join([odd.framing or framing, *odd.fields]).removeprefix("\r\n")
        writer.write(odd.before.encode() + head(answer.status, headers, framing))
        for chunk in chunks:
            await writer.drain()
            await asyncio.sleep(PAUSE)
            self.ended_at = time.monotonic()
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
        if answer.ending in BROKEN:
            await self.seen(self.sentinels[sentinel_data(self.attempt)])
        if answer.ending != "length":
            self.ended_at = time.monotonic()
        if answer.ending == "chunked":
            writer.write(b"0\r\n\r\n")
        elif answer.ending == "bad chunk":
            writer.write(b"xyz\r\n")
        elif answer.ending == "reset":
            await writer.drain()
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def seen(self, sentinel):
        try:
            await asyncio.wait_for(sentinel.wait(), PATIENCE)
        except TimeoutError:
            pass  # the difference shows in the trace


def head(status, headers, framing):
    # Connections are not used again: after a break in one that was, a browser repeats the request by itself. And after
    # a redirect to another origin, a page may read only what allows it to.
    headers = (("Connection", "close"), ("Access-Control-Allow-Origin", "*"), *headers)
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines + [framing] * (framing != "") + ["", ""]).encode("latin-1")


class Server:
    """Serves sessions, and the page whose workers ask for cases.

    `next_case(result)` takes a worker's result (None at its start) and answers with its next case, None for no more.
    """

    def __init__(self, next_case):
        self.next_case = next_case
        self.sessions = {}

    async def start(self, ports):
        self.listeners = [await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 20) for _ in range(ports)]
        self.ports = [listener.sockets[0].getsockname()[1] for listener in self.listeners]

    def open(self, path, script):
        self.sessions[path] = Session(path, script)
        return self.sessions[path]

    def close(self, session):
        """Ends a session whose client is done, and with it whatever still waits for that client."""
        for sentinel in session.sentinels.values():
            sentinel.set()
        return self.sessions.pop(session.path).trace

    async def serve(self, reader, writer):
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            (_, target, _), headers = parse(request)
            body = await reader.readexactly(int(headers.get("content-length", b"0")))
            await self.route(target, headers, body, writer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # a browser opens connections that it then has no use for
        finally:
            writer.close()

    def hosts(self, writer):
        """The host and port that a request came to, and another."""
        port = writer.get_extra_info("sockname")[1]
        other = self.ports[self.ports.index(port) - 1]
        return f"127.0.0.1:{port}", f"127.0.0.1:{other}"

    async def route(self, target, headers, body, writer):
        _, kind, *rest = target.split("/")
        session = self.sessions.get("/".join(target.split("/")[:4]))
        if session:
            last_event_id = headers.get("last-event-id")
            if last_event_id is not None:
                last_event_id = last_event_id.decode("utf-8", "backslashreplace")
            path = target.removeprefix(session.path) or "/"
            await session.answer(path, last_event_id, self.hosts(writer), writer)
        elif kind == "next":
            case = self.next_case(json.loads(body))
            reply(writer, "application/json", json.dumps(case).encode())
        elif kind == "saw":
            path, data = json.loads(body)
            if path in self.sessions:
                self.sessions[path].saw(data)
            reply(writer, "application/json", b"null")
        elif kind == "":
            page = PAGE.read_text().replace("PORTS_OF_SERVER", json.dumps(self.ports))
            reply(writer, "text/html", page.encode())
        else:
            writer.write(head(404, (), "Content-Length: 0"))


def parse(request):
    first, *lines = request[:-4].split(b"\r\n")
    fields = (line.partition(b":") for line in lines)
    return first.decode().split(" "), {name.decode().lower(): value.strip(b" \t") for name, _, value in fields}


def reply(writer, content_type, body):
    writer.write(head(200, (("Content-Type", content_type),), f"Content-Length: {len(body)}") + body)
