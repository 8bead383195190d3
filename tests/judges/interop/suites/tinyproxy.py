"""Tinyproxy."""

from peers.tinyproxy import Tinyproxy
from suite import Suite
from suites.proxies import HttpProxy


class Http(HttpProxy, Suite):
    needs = (Tinyproxy,)
    tested = "http by absolute URL, https by CONNECT, passwords, 403, 407, 500, crash"
    unreachable = HttpProxy.answered(500, retried=True)

    @classmethod
    def setUpClass(cls):
        cls.start_without_tls(Tinyproxy)
