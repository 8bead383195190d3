#!/usr/bin/env python3
"""A client with a fault, to see the tests fail: faulty.py FAULT PROGRAM [ARGUMENT...]."""

import json
import os
import socket
import subprocess
import sys


def swap(tail, arguments):
    """Two events in the wrong order."""
    edit(tail, arguments, lambda lines: lines[:1] + lines[2:0:-1] + lines[3:])


def lose(tail, arguments):
    """The first event is missing."""
    edit(tail, arguments, lambda lines: lines[:1] + lines[2:])


def repeat(tail, arguments):
    """The first event comes twice."""
    edit(tail, arguments, lambda lines: lines[:2] + lines[1:])


def silence(tail, arguments):
    """Errors have no reason."""
    edit(tail, arguments, lambda lines: [json.dumps(json.loads(line) | {"message": ""}) for line in lines])


def edit(tail, arguments, change):
    """Changes what the client has told, at its end."""
    done = subprocess.run([tail, *arguments], stdout=subprocess.PIPE, text=True)
    print("\n".join(change(done.stdout.splitlines())))


def leak(tail, arguments):
    """The proxy is told the password for the target."""
    proxy = arguments[arguments.index("--proxy") + 1]
    user = arguments[arguments.index("-u") + 1]
    with socket.create_connection(("localhost", int(proxy.rsplit(":", 1)[1]))) as connection:
        connection.sendall(f"CONNECT localhost:1 HTTP/1.1\r\nX-Leak: {user}\r\n\r\n".encode())
        connection.recv(1)
    os.execv(tail, [tail, *arguments])


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2], sys.argv[3:])
