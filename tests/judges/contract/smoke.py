"""smoke.py SERVICE URL: plays the harness's part for a moment, so that the service is tried where the harness cannot be
had. URL is the test server's, without a path. Ends with status 0 only if the service did what the protocol says."""

import http.server
import json
import queue
import subprocess
import sys
import threading
import urllib.request

LIMIT = 20  # seconds for anything
KNOWN = {
    "bom", "comments", "event-type-listeners", "headers", "last-event-id", "post", "read-timeout", "report", "restart",
    "server-directed-shutdown-request",
}


class Callbacks(http.server.BaseHTTPRequestHandler):
    """Receives what the service posts."""

    posts = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posts.put((self.path, json.loads(body)))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def ask(method, url, body=None):
    """A request to the service: the status, the Location and the JSON of the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        text = answer.read()
        return answer.status, answer.headers["Location"], json.loads(text) if text else None


def expect(what, actual, expected):
    if actual != expected:
        sys.exit(f"{what}: {actual!r}, not {expected!r}")


def main(service, server):
    callbacks = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Callbacks)
    threading.Thread(target=callbacks.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{callbacks.server_port}"

    process = subprocess.Popen([service], stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        expect("capabilities", set(ask("GET", url)[2]["capabilities"]), KNOWN)

        # A stream that is cut once: the posts are numbered, and come in the order of the stream.
        streams = {"a": "/events?count=2&per_connection=1&comment=hi", "b": "/status/500"}
        for name, path in streams.items():
            body = {"streamUrl": server + path, "callbackUrl": f"{here}/{name}", "initialDelayMs": 1}
            status, location, _ = ask("POST", url, body)
            expect("status", status, 201)
            streams[name] = location if location.startswith("http") else url.rstrip("/") + location
        posts = {"a": [], "b": []}
        while len(posts["a"]) < 5 or not posts["b"]:
            path, post = Callbacks.posts.get(timeout=LIMIT)
            _, name, number = path.split("/")
            posts[name].append(post)
            expect("number", int(number), len(posts[name]))
        expect("first event", posts["a"][1]["event"], {"type": "message", "data": "event 1", "id": "1"})
        expect("second event", posts["a"][4]["event"], {"type": "message", "data": "event 2", "id": "2"})
        expect("kinds", [post["kind"] for post in posts["a"]], ["comment", "event", "error", "comment", "event"])
        expect("kind", posts["b"][0]["kind"], "error")

        expect("restart", ask("POST", streams["a"], {"command": "restart"})[0] // 100, 2)
        for location in streams.values():
            expect("stop", ask("DELETE", location)[0] // 100, 2)
        expect("end", ask("DELETE", url)[0] // 100, 2)
        expect("exit status", process.wait(LIMIT), 0)
    finally:
        process.kill()
    print("the service does what the harness asks of it")


main(*sys.argv[1:])
