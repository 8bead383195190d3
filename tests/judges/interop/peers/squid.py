"""Squid as a forward proxy that asks for a password."""

import shutil

from certificates import openssl
from process import Peer

CONFIGURATION = """\
http_port 127.0.0.1:{http}
{https}auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/passwords
auth_param basic children 1 startup=1 idle=1
acl known proxy_auth REQUIRED
acl forbidden dstdomain forbidden.test
http_access deny forbidden
http_access allow known
http_access deny all
cache deny all
hosts_file {folder}/hosts
dns_nameservers 127.0.0.1
pid_filename none
netdb_filename none
pinger_enable off
access_log stdio:{folder}/access.log
cache_log stdio:/dev/null
cache_store_log none
coredump_dir {folder}
visible_hostname squid
shutdown_lifetime 0 seconds
"""


class Squid(Peer):
    """`target.test` is a name for 127.0.0.1 that Squid alone knows; to `forbidden.test` it lets nobody go."""

    name = "Squid"
    program = "squid"
    package = "squid"
    account = "proxy"
    user = "squid-user"
    # All that has a meaning in a URL or a header.
    password = "p@ss:w/rd %41"
    in_url = "squid-user:p%40ss%3Aw%2Frd%20%2541"

    def __init__(self, folder, identity=None):
        super().__init__(folder)
        self.identity = identity
        self.http = self.port()
        self.https = self.port() if identity else None

    def command(self):
        https = ""
        if self.identity:
            certificate, key = (shutil.copy(path, self.folder) for path in self.identity)
            shutil.chown(key, self.folder.owner())
            https = f"https_port 127.0.0.1:{self.https} tls-cert={certificate} tls-key={key}\n"
        (self.folder / "squid.conf").write_text(
            CONFIGURATION.format(http=self.http, https=https, folder=self.folder)
        )
        hashed = openssl("passwd", "-apr1", "-stdin", input=self.password.encode()).decode().strip()
        (self.folder / "passwords").write_text(f"{self.user}:{hashed}\n")
        (self.folder / "hosts").write_text("127.0.0.1 localhost target.test forbidden.test\n")
        # The name is also that of its shared memory.
        return ["-N", "-n", f"interop{self.http}", "-f", self.folder / "squid.conf"]
