"""httpx-sse's interface: the same program reads the same events, and over reconnects."""

import asyncio
import contextlib
import json
import unittest

from libeventsource.httpx_sse import ServerSentEvent, SSEError, aconnect_sse, connect_sse

from .support import ServerTest

try:
    import httpx
except ImportError:
    httpx = None

LOST = "/events?count=4&per_connection=2&retry=1&then=204"


class HttpxSse(ServerTest):
    def both(self, client, method, path, **kwargs):
        """The events of a stream, by the one interface and by the other, which must be equal."""
        with connect_sse(client, method, self.url + path, **kwargs) as source:
            self.assertEqual(source.response.status, 200)
            events = list(source.iter_sse())

        async def read():
            async with aconnect_sse(client, method, self.url + path, **kwargs) as source:
                self.assertEqual(source.response.status, 200)
                return [event async for event in source.aiter_sse()]

        self.assertEqual(asyncio.run(read()), events)
        return events

    def test_events_come_over_reconnects_until_the_server_asks_for_the_end(self):
        events = self.both(None, "GET", LOST)
        self.assertEqual(events, [ServerSentEvent("message", f"event {n}", str(n)) for n in range(1, 5)])
        self.assertIsNone(events[0].retry)

    def test_what_opens_no_stream_is_raised_when_the_block_is_entered(self):
        with self.assertRaises(SSEError) as raised, connect_sse(None, "GET", f"{self.url}/status/404"):
            self.fail("it has opened")
        self.assertEqual(raised.exception.http_status, 404)

    def test_a_server_that_asks_for_the_end_at_once_has_no_response_and_no_events(self):
        with connect_sse(None, "GET", f"{self.url}/status/204") as source:
            self.assertIsNone(source.response)
            self.assertEqual(list(source.iter_sse()), [])

    def test_an_event_is_json_and_has_httpx_sse_s_defaults(self):
        self.assertEqual(ServerSentEvent(data='{"a": [1]}').json(), {"a": [1]})
        event = ServerSentEvent()
        self.assertEqual((event.event, event.data, event.id, event.retry), ("message", "", "", None))

    def test_options_of_a_stream_take_the_place_of_what_follows_from_the_request(self):
        with connect_sse(None, "POST", f"{self.url}/echo", json={"a": 1}, options={"method": "PUT"}) as source:
            echoed = next(source.iter_sse()).json()
        self.assertEqual((echoed["method"], json.loads(echoed["body"])), ("PUT", {"a": 1}))


@unittest.skipIf(httpx is None, "httpx is not installed")
class OfAClient(ServerTest):
    def echo(self, path="/echo", method="GET", *, client=None, **kwargs):
        with httpx.Client(base_url=self.url, **(client or {})) as made:
            with connect_sse(made, method, path, **kwargs) as source:
                return next(source.iter_sse()).json()

    def test_its_base_url_headers_cookies_parameters_and_body_are_sent(self):
        client = {"headers": {"X-A": "1"}, "cookies": {"c": "2"}, "params": {"p": "3"}}
        echoed = self.echo(method="POST", client=client, json={"a": 4}, headers={"X-B": "5"})
        headers = dict(echoed["headers"])
        self.assertEqual((echoed["method"], echoed["target"]), ("POST", "/echo?p=3"))
        self.assertEqual((headers["x-a"], headers["cookie"], headers["x-b"]), ("1", "c=2", "5"))
        self.assertEqual((json.loads(echoed["body"]), headers["content-type"]), ({"a": 4}, "application/json"))
        self.assertEqual((headers["accept"], headers.get("accept-encoding")), ("text/event-stream", None))

    def test_its_authentication_is_sent_and_that_of_the_call_goes_before_it(self):
        for client, call in (("a", "b"), {}), ({"auth": ("a", "b")}, {}), ({}, {"auth": httpx.BasicAuth("a", "b")}):
            client = client if isinstance(client, dict) else {"auth": client}
            echoed = self.echo(client=client, **call)
            self.assertEqual(dict(echoed["headers"])["authorization"], "Basic YTpi")

    def test_redirects_are_followed_if_the_client_does(self):
        self.assertEqual(self.echo("/redirect?to=/echo", follow_redirects=True)["target"], "/echo")
        with self.assertRaises(SSEError) as raised:
            self.echo("/redirect?to=/echo")
        self.assertEqual(raised.exception.code, "EVENTSOURCE_ERR_TOO_MANY_REDIRECTS")

    def test_its_timeouts_hold(self):
        with httpx.Client(timeout=httpx.Timeout(60, read=0.05)) as client:
            with self.assertRaises(SSEError) as raised:
                with connect_sse(client, "GET", f"{self.url}/echo", options={"mode": "once"}) as source:
                    list(source.iter_sse())
            self.assertEqual(raised.exception.code, "EVENTSOURCE_ERR_READ_TIMEOUT")

    def test_an_async_client_makes_the_request_of_an_async_stream(self):
        async def read():
            async with httpx.AsyncClient(base_url=self.url, headers={"X-A": "1"}) as client:
                async with aconnect_sse(client, "GET", "/echo") as source, contextlib.aclosing(source.aiter_sse()) as events:
                    return (await anext(events)).json()

        self.assertEqual(dict(asyncio.run(read())["headers"])["x-a"], "1")
