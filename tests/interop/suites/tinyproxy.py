"""Tinyproxy."""

from peers.tinyproxy import Tinyproxy
from suite import Suite
from suites.proxies import HttpProxy
from transcript import error


class Http(HttpProxy, Suite):
    needs = (Tinyproxy,)
    tested = "http by absolute URL, https by CONNECT, passwords, 403, 407, 500, crash"
    unreachable = {
        "http": error("HTTP_STATUS", 500, retried=True, says="answered 500"),
        "https": error("PROXY", 500, retried=True, says="answered 500"),
    }
    forbidden = {
        "http": error("HTTP_STATUS", 403, says="answered 403"),
        "https": error("PROXY", 403, says="answered 403"),
    }

    @classmethod
    def setUpClass(cls):
        cls.start_origins()
        cls.peer = cls.start(cls.new(Tinyproxy))
        cls.proxy = f"http://{Tinyproxy.in_url}@127.0.0.1:{cls.peer.http}"
        cls.proxy_without_password = f"http://127.0.0.1:{cls.peer.http}"
