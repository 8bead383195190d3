#!/usr/bin/env python3
"""Runs a command on a machine on which the project has been published: at its address, with the tags of a release.

    published.py --source FOLDER --work FOLDER --version VERSION [--home FOLDER] -- COMMAND [ARGUMENT...]

A repository of Go's and Swift's packages is made of the files in the folder. git gets it instead of the one at the address, and what asks
at the address where the repository is, as `go get` does, is told by a proxy on the loopback. Nothing else can be reached.
"""

import argparse
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

PUBLISHED = ("bindings/go", "bindings/swift", "Package.swift", "LICENSE.txt")


def publish(source, repository, version):
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir(parents=True)
    for name in PUBLISHED:
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source / name, repository / name)
    # A folder's module in Go has tags of its own (docs/packaging.md).
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", version],
                    ["tag", f"v{version}"], ["tag", f"bindings/go/v{version}"]):
        subprocess.run(["git", "-c", "user.name=tests", "-c", "user.email=tests@example.org", *command], cwd=repository, check=True)


class Address(http.server.BaseHTTPRequestHandler):
    """A proxy whose only host says where the repository is. TLS (CONNECT) is refused, and Go is allowed to do without."""

    address = ""

    def do_GET(self):
        answer = f'<meta name="go-import" content="{self.address} git https://{self.address}">'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("--source", "--work"):
        arguments.add_argument(name, type=Path, required=True)
    arguments.add_argument("--version", required=True)
    arguments.add_argument("--home", type=Path, help="where git's configuration is written, if not to a file that only COMMAND knows")
    arguments.add_argument("command", nargs="+")
    options = arguments.parse_args()

    address = (options.source / "packaging/address").read_text().strip()
    repository = options.work / "repository"
    publish(options.source, repository, options.version)
    config = options.home / ".gitconfig" if options.home else options.work / "gitconfig"
    # Made by another user, as far as git can see, in a Debian that is run as root.
    config.write_text(f'[url "file://{repository}"]\n\tinsteadOf = https://{address}\n[safe]\n\tdirectory = *\n')

    Address.address = address
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Address)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = f"http://127.0.0.1:{server.server_port}"
    host = address.split("/")[0]
    # Go: not by its public proxy and database of checksums, which could not know it.
    environment = {"GIT_CONFIG_GLOBAL": str(config), "HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "GOPRIVATE": host, "GOINSECURE": host}
    sys.exit(subprocess.run(options.command, env={**os.environ, **environment}).returncode)


main()
