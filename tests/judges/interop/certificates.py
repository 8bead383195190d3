"""Certificates made for one run, with Debian's openssl."""

import base64
import hashlib
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from tools import need

CONFIGURATION = """\
[ca]
default_ca = authority
[authority]
dir = {folder}
database = $dir/issued
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
"""


class Identity(NamedTuple):
    """A certificate and its key, in PEM, in files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; who trusts `certificate` trusts them."""

    def __init__(self, folder, name="Interop CA"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "issued").write_text("")
        (self.folder / "configuration").write_text(CONFIGURATION.format(folder=self.folder))
        self.certificate = self.folder / "ca.pem"
        openssl(
            "req", "-x509", "-days", "2", "-subj", f"/CN={name}", *new_key(self.folder / "ca.key"),
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
            "-out", self.certificate,
        )  # fmt: skip

    def issue(self, name, hosts=("DNS:localhost", "IP:127.0.0.1"), purpose="serverAuth", expired=False):
        """A new identity; `hosts` as openssl wants alternative names."""
        identity = Identity(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        openssl(
            "req", "-new", "-subj", f"/CN={name}", *new_key(identity.key), "-addext", f"extendedKeyUsage={purpose}",
            *(("-addext", f"subjectAltName={','.join(hosts)}") if hosts else ()), "-out", request,
        )  # fmt: skip
        end = datetime.now(timezone.utc) + timedelta(days=-1 if expired else 1)
        begin = end - timedelta(days=2)
        openssl(
            "ca", "-batch", "-notext", "-config", self.folder / "configuration", "-in", request,
            "-out", identity.certificate, "-startdate", f"{begin:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}",
        )  # fmt: skip
        return identity


def pin(key):
    """A key's pin, as curl and the library want it."""
    public = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
    return "sha256//" + base64.b64encode(hashlib.sha256(public).digest()).decode()


def new_key(path):
    return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path


def openssl(*arguments, **options):
    program = need("openssl", "apt-get install openssl")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, **options)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode()}")
    return done.stdout
