"""A TCP relay on loopback, between a client and a server: keeps what passes, and fails when told to."""

import socket
import threading
from contextlib import contextmanager


class Relay:
    """Listens on `port` and passes everything on to a port of 127.0.0.1, and back."""

    def __init__(self, target):
        self.target = target
        self.sent = bytearray()  # to the server, by all connections
        self.received = bytearray()
        self.connections = []
        self.open = threading.Event()  # while it is not, whoever connects waits
        self.open.set()
        self.lock = threading.Lock()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.listener.close()
        self.cut()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.open.wait()
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            with self.lock:
                self.connections.append((client, server))
            for pair in ((client, server, self.sent), (server, client, self.received)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink, record):
        try:
            while data := source.recv(65536):
                with self.lock:
                    record += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # cut, or by one of the two: the other direction notices

    def cut(self):
        """Ends all connections, in both directions, without a word of either side's protocol."""
        with self.lock:
            ended, self.connections = self.connections, []
        for connection in (end for pair in ended for end in pair):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # has ended by itself
            connection.close()

    @contextmanager
    def interrupted(self):
        """Cuts all connections; who connects meanwhile waits."""
        self.open.clear()
        self.cut()
        yield
        self.open.set()
