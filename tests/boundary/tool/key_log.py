"""With SSLKEYLOGFILE in the environment, the command writes the secrets that its server has: openssl's, which writes them, too.

key_log.py PROGRAM OPENSSL
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

program, openssl = sys.argv[1:]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: 1\n\n"


def lines(file):
    return {line for line in file.read_text().splitlines() if line and not line.startswith("#")}


def tail(port, before=None, **environment):
    """What the command prints, and its exit status. `before` is called in its process."""
    command = [program, "tail", "-v", "--once", "--data-only", "--insecure", f"https://localhost:{port}/answer"]
    environment = {**os.environ, **environment}
    return subprocess.run(command, env=environment, capture_output=True, timeout=60, preexec_fn=before)


def allow_no_file():
    """To write a file is an error, as on a full disk, and a signal besides that ends who does not block it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def check(folder, version):
    server, client = Path(folder, f"server{version}"), Path(folder, f"client{version}")
    command = [openssl, "s_server", "-HTTP", version, "-accept", "127.0.0.1:0", "-naccept", "3", "-keylogfile", server]
    command += ["-cert", "cert.pem", "-key", "key.pem"]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            # "ACCEPT 127.0.0.1:PORT"
            port = next(line for line in process.stdout if line.startswith("ACCEPT")).rsplit(":", 1)[1].strip()
            done = tail(port, SSLKEYLOGFILE=str(client))
            assert (done.returncode, done.stdout) == (0, b"1\n"), done
            # Without it, nothing is added.
            done = tail(port, SSLKEYLOGFILE="")
            assert (done.returncode, done.stdout) == (0, b"1\n"), done
            # Where the file cannot be written, the stream goes on.
            done = tail(port, allow_no_file, SSLKEYLOGFILE=str(client))
            assert (done.returncode, done.stdout) == (0, b"1\n"), done
            assert b"the key log lacks a line" in done.stderr, done
            process.wait(timeout=60)
        finally:
            process.kill()
    ours = lines(client)
    randoms = {line.split()[1] for line in ours}
    assert len(randoms) == 1, randoms
    theirs = {line for line in lines(server) if line.split()[1] in randoms}
    assert theirs and theirs == ours, f"{version}\nserver: {theirs}\nclient: {ours}"
    assert client.stat().st_mode & 0o777 == 0o600, oct(client.stat().st_mode)


with tempfile.TemporaryDirectory() as folder:
    Path(folder, "answer").write_bytes(ANSWER)
    make = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(make, cwd=folder, check=True, capture_output=True)
    check(folder, "-tls1_3")
    check(folder, "-tls1_2")

    shared = Path(folder, "shared")
    shared.touch(mode=0o644)
    shared.chmod(0o644)
    done = tail(1, SSLKEYLOGFILE=str(shared))
    assert done.returncode == 2 and b"SSLKEYLOGFILE: " in done.stderr and b"0600" in done.stderr, done
