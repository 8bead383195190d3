"""nginx, with the servers that a test gives it."""

import os
import signal
from pathlib import Path

from process import Peer
from tools import skip

MODULES = Path("/usr/lib/nginx/modules")

CONFIGURATION = """\
{user}daemon off;
worker_processes 1;
# What a reload leaves of the old workers' connections is cut soon.
worker_shutdown_timeout 300ms;
error_log stderr info;
pid nginx.pid;
{modules}events {{ worker_connections 128; }}
http {{
    access_log access.log;
    client_body_temp_path temporary/body;
    proxy_temp_path temporary/proxy;
    fastcgi_temp_path temporary/fastcgi;
    uwsgi_temp_path temporary/uwsgi;
    scgi_temp_path temporary/scgi;
    default_type text/plain;
    {servers}
}}
"""

# A reverse proxy as its makers recommend it for event streams.
FORWARD = """
            proxy_pass {origin};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 1h;
            add_header X-Protocol $server_protocol;"""


class Nginx(Peer):
    name = "nginx"
    program = "nginx"
    package = "nginx"
    version_command = ("-v",)

    def __init__(self, folder, modules=()):
        super().__init__(folder)
        self.modules = modules
        self.servers = []

    def add_server(self, listen="", settings="", locations=None):
        """A server of its own port, which is returned; `listen` is what follows the port in that directive."""
        port = self.port()
        blocks = "".join(f"\n        location {path} {{{body}\n        }}" for path, body in (locations or {}).items())
        self.servers.append(f"server {{\n        listen 127.0.0.1:{port} {listen};\n        {settings}{blocks}\n    }}")
        return port

    def add_tls_server(self, identity, listen="ssl", settings="", locations=None):
        tls = f"ssl_certificate {identity.certificate}; ssl_certificate_key {identity.key};\n        "
        return self.add_server(listen, tls + settings, locations)

    def command(self):
        (self.folder / "temporary").mkdir(exist_ok=True)
        configuration = CONFIGURATION.format(
            # Whoever it was started by: the folder is theirs alone.
            user="user root;\n" if os.geteuid() == 0 else "",
            modules="".join(f"load_module {module};\n" for module in self.modules),
            servers="\n    ".join(self.servers),
        )
        (self.folder / "nginx.conf").write_text(configuration)
        return ["-p", self.folder, "-c", self.folder / "nginx.conf", "-e", "stderr"]

    def reload(self):
        self.process.send_signal(signal.SIGHUP)


class Extended(Nginx):
    """nginx with a module from a package of its own."""

    module: str

    def __init__(self, folder):
        super().__init__(folder, [MODULES / self.module])

    @classmethod
    def path(cls):
        if not (MODULES / cls.module).exists():
            skip(f"{cls.name}, a module of nginx, is missing; to have it: apt-get install {cls.package}")
        return super().path()


class Nchan(Extended):
    """A server of event streams."""

    name = "Nchan"
    package = "libnginx-mod-nchan"
    module = "ngx_nchan_module.so"


class Brotli(Extended):
    name = "ngx_brotli"
    package = "libnginx-mod-http-brotli-filter"
    module = "ngx_http_brotli_filter_module.so"
