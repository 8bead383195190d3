"""nginx's module Nchan: a server of event streams, to which messages are published by POST, and which replays them."""

import urllib.request

from peers.nginx import Nchan
from relay import Relay
from suite import Suite
from transcript import CLOSED, line, lost, opened

PUBLISH = """
            nchan_publisher;
            nchan_channel_id $arg_channel;
            nchan_message_buffer_length 100;
            nchan_message_timeout 1m;"""
SUBSCRIBE = """
            nchan_subscriber eventsource;
            nchan_channel_id $arg_channel;
            nchan_subscriber_first_message oldest;"""


class Replay(Suite):
    needs = (Nchan,)
    tested = "event streams with replay by Last-Event-ID, over HTTP/1.1, HTTP/2 and TLS"

    @classmethod
    def setUpClass(cls):
        cls.authority = cls.new_authority()
        nchan = cls.nchan = cls.new(Nchan)
        locations = {"/publish": PUBLISH, "/subscribe": SUBSCRIBE}
        cls.http = nchan.add_server(locations=locations)
        cls.https = nchan.add_tls_server(cls.authority.issue("localhost"), "ssl http2", locations=locations)
        cls.start(nchan)

    def setUp(self):
        self.channel = self._testMethodName

    def publish(self, first, last):
        for number in range(first, last + 1):
            url = f"http://127.0.0.1:{self.http}/publish?channel={self.channel}"
            headers = {"Content-Type": "text/plain", "X-EventSource-Event": "message"}
            request = urllib.request.Request(url, f"message {number}".encode(), headers)
            urllib.request.urlopen(request, timeout=10).close()

    def subscribe(self, base, *options):
        return self.client(*options, f"{base}/subscribe?channel={self.channel}")

    def check_messages(self, client, first, last):
        """The next events are these, each with an id of Nchan's making."""
        reports = client.take(last - first + 1)
        told = [(report["kind"], report.get("data"), bool(report.get("id"))) for report in reports]
        self.assertEqual(told, [("event", f"message {number}", True) for number in range(first, last + 1)])

    def check_opened(self, client):
        """Nchan greets with a comment."""
        self.check(list(map(line, client.take(2))), [opened(), "comment: hi"])

    def test_messages_come_as_they_are_published(self):
        client = self.subscribe(f"http://127.0.0.1:{self.http}")
        self.check_opened(client)
        for number in (1, 2, 3):
            self.publish(number, number)
            self.check_messages(client, number, number)

    def check_replay(self, scheme, port, *options):
        """What was published while the connection was lost comes once it is there again, and nothing comes twice."""
        with Relay(port) as relay:
            client = self.subscribe(f"{scheme}://localhost:{relay.port}", *options)
            self.publish(1, 3)
            self.check_opened(client)
            self.check_messages(client, 1, 3)
            for first in (4, 7):
                with relay.interrupted():
                    self.check([line(client.next())], [lost()])
                    self.publish(first, first + 2)
                self.check_opened(client)
                self.check_messages(client, first, first + 2)
            self.publish(10, 10)
            self.check_messages(client, 10, 10)

    def test_a_lost_connection_continues_where_it_was(self):
        self.check_replay("http", self.http)

    def test_a_lost_connection_continues_where_it_was_over_tls(self):
        self.check_replay("https", self.https, "--cacert", self.authority.certificate)

    def test_a_client_that_knows_an_id_gets_what_came_after_it(self):
        self.publish(1, 4)
        client = self.subscribe(f"http://127.0.0.1:{self.http}")
        self.check_opened(client)
        self.check_messages(client, 1, 4)
        second = client.seen[3]["id"]
        later = self.subscribe(f"http://127.0.0.1:{self.http}", "--last-event-id", second, "--count", "2")
        self.check_opened(later)
        self.check_messages(later, 3, 4)
        self.check(list(map(line, later.rest()[0])), [CLOSED])
