"""Every option does what it says, or is refused with the reason."""

import ast
import base64
import datetime
import inspect
import json
import math
import pathlib
import tempfile

import libeventsource
from libeventsource import Cookies, EventSourceError, Redirect, SettingError, Stream, StreamError
from libeventsource._settings import _POLICY, SETTINGS

from .support import ServerTest, serve

PEM = r"(?i)certificate|PEM|key"

# For each option: a value that is taken, and values that are refused, each with what the reason says.
VALUES = {
    "name": ("prices", {"": ".", "a\nb": ".", "x" * 129: "128", "a\0b": "NUL", "\ud800": "Unicode"}),
    "method": ("POST", {"GE T": r"(?i)method", "CONNECT": "CONNECT", "A\0B": "NUL"}),
    "body": (b"bytes", {"\ud800": "Unicode"}),
    "headers": ({"X-A": ["1", "2"], "X-B": "3"}, {}),
    "sensitive_headers": ([("X-A", "1")], {}),
    "basic_auth": (("user", "password"), {("us:er", ""): ":", ("a\0b", ""): "NUL", ("", "a\0b"): "NUL"}),
    "cookies": (Cookies(), {}),
    "compression": (True, {}),
    "reconnect_with_get": (True, {}),
    "last_event_id": ("7", {"a\nb": ".", "a\0b": "NUL", "\ud800": "Unicode"}),
    "mode": ("once", {"twice": "none of auto, keep-alive, once, until-end"}),
    "reconnect": ({"delay": 5, "max_attempts": math.inf}, {}),
    "connect_timeout": (math.inf, {}),
    "response_timeout": (datetime.timedelta(seconds=5), {}),
    "read_timeout": (0.5, {}),
    "event_timeout": (0.5, {}),
    "max_redirects": (0, {}),
    "max_event_size": (1000, {}),
    "end_marker": ("[DONE]", {"": ".", "a\r": "CR", "a\0b": "NUL"}),
    "max_error_body": (1000, {}),
    "check_content_type": (False, {}),
    "watch_network": (False, {}),
    "interface": ("lo", {"a b": "interface", "a\0b": "NUL"}),
    "proxy": ("http://127.0.0.1:1", {"htp://x": ".", "http://a\0b": "NUL"}),
    "no_proxy": ("*", {"a\0b": "NUL"}),
    "key_log_file": (None, {"/nowhere/file": "nowhere", "a\0b": "NUL"}),
    "unix_socket": (pathlib.Path("/tmp/socket"), {"/" + "x" * 300: ".", "a\0b": "NUL"}),
    "resolve": (["a:1:127.0.0.1", "b:1:127.0.0.1"], {"nonsense": ".", "a\0b": "NUL"}),
    "http_version": ("1.1", {"3": "none of"}),
    "ca_pem": (None, {"nonsense": PEM}),
    "ca_file": (None, {"/nowhere": "nowhere", "a\0b": "NUL"}),
    "ca_exclusive": (True, {}),
    "client_cert_pem": (None, {"nonsense": PEM, ("nonsense", b"nonsense"): PEM}),
    "client_cert_file": (None, {"/nowhere": "nowhere", ("/nowhere", "a\0b"): "NUL"}),
    "pinned_keys": ("sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", {"sha256/abc": ".", "a\0b": "NUL"}),
    "min_tls_version": ("1.3", {"1.1": "none of"}),
    "server_name": ("example.com", {"a b": ".", "a\0b": "NUL"}),
    "insecure_skip_verification": (False, {}),
}


class Settings(ServerTest):
    def echo(self, **options):
        with Stream(f"{self.url}/echo", **options) as stream:
            return json.loads(next(stream).data)

    def assertFails(self, code, path, **options):
        with self.assertRaises(StreamError) as raised, Stream(self.url + path, **options) as stream:
            list(stream)
        self.assertEqual(raised.exception.code, code)
        return raised.exception

    def test_every_option_is_taken_or_refused_with_the_reason(self):
        self.assertEqual(VALUES.keys(), SETTINGS.keys())
        for name, (good, bad) in VALUES.items():
            with self.subTest(name):
                Stream(self.url, **{name: good}).close()
                for value, reason in bad.items():
                    with self.assertRaisesRegex(SettingError, reason, msg=repr(value)) as raised:
                        Stream(self.url, **{name: value})
                    error = raised.exception
                    self.assertIsInstance(error, (EventSourceError, ValueError))
                    self.assertTrue(error.setting.startswith(name) and str(error).startswith(f"{error.setting}: "), error)
                    self.assertRegex(error.code, "^EVENTSOURCE_ERR_")

    def test_the_types_name_every_option_and_no_other(self):
        types = ast.parse(pathlib.Path(libeventsource.__file__).with_name("__init__.pyi").read_text())
        names = {
            name: [argument.arg for function in node.body if getattr(function, "name", "") == "__init__" for argument in
                   function.args.kwonlyargs] or [member.target.id for member in node.body if isinstance(member, ast.AnnAssign)]
            for node in types.body if isinstance(node, ast.ClassDef) and (name := node.name) in ("Stream", "_ReconnectPolicy")
        }  # fmt: skip
        own = inspect.signature(Stream.__init__).parameters.values()
        own = [parameter.name for parameter in own if parameter.kind is parameter.KEYWORD_ONLY]
        self.assertEqual(sorted(names["Stream"]), sorted([*own, *SETTINGS]))
        self.assertEqual(names["_ReconnectPolicy"], [*_POLICY])

    def test_numbers_that_do_not_fit_or_would_mean_something_else_are_refused(self):
        wrong = {
            "connect_timeout": [-1, -0.001, -0.0001, math.nan, -math.inf, 2**63, 1e300, datetime.timedelta(-1)],
            "read_timeout": [-1, 2**70],
            "event_timeout": [-1, 2**70],
            "response_timeout": [-1],
            "reconnect": [{"factor": 10**400}],
            "max_redirects": [-1, 2**31, 2**32, 2**64],
            "max_event_size": [-1, 2**64],
            "buffer_size": [-1],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name, value=value), self.assertRaises(SettingError):
                    Stream(self.url, **{name: value})
        for member, value in {
            "delay": 0, "max_delay": -1, "factor": 0.5, "jitter": math.nan, "reset_after": -1, "max_attempts": -1,
            "min_delay": 0, "max_server_delay": 2**64,
        }.items():  # fmt: skip
            with self.subTest(member), self.assertRaises(SettingError):
                Stream(self.url, reconnect={member: value})

    def test_what_has_the_wrong_type_or_no_such_name_is_a_type_error(self):
        wrong = {
            "name": 1, "method": b"GET", "body": 1, "headers": "X: 1", "sensitive_headers": [("X", 1)], "compression": 1, "cookies": "a=b",
            "connect_timeout": "10", "check_content_type": "no", "ca_pem": {}, "reconnect": {"dealy": 1}, "on_open": "x",
            "header": {}, "max_redirects": 1.5, "resolve": [1], "read_timeout": True, "max_event_size": True,
            "buffer_size": 0.5, "on_request": 1,
        }  # fmt: skip
        for name, value in wrong.items():
            with self.subTest(name), self.assertRaises(TypeError):
                Stream(self.url, **{name: value})

    def test_what_has_the_wrong_form_is_a_type_error_of_the_option(self):
        wrong = {
            # A str and a set of two are no pair, and bytes are no list.
            "basic_auth": ["ab", b"ab", {"a", "b"}, {"a": 1, "b": 2}, ("a",), ("a", "b", "c"), (), 5],
            "headers": [["ab"], [("a",)], [("a", "b", "c")], [5], {"a": 5}, {"a": b"bc"}, {"a": {"b": "c"}}, {None: "a"}],
            "sensitive_headers": [["ab"], {"a": b"bc"}],
            "resolve": [5, b"a:1:127.0.0.1", {"a:1:127.0.0.1": None}],
            "client_cert_pem": [("a",), ("a", "b", "c")],
            "client_cert_file": [("a",), ("a", "b", "c"), ["a", "b"]],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name, value=value), self.assertRaisesRegex(TypeError, f"^{name}"):
                    Stream(self.url, **{name: value})
        for url in (b"http://x", None, 7):
            with self.assertRaises(TypeError):
                Stream(url)

    def test_a_url_that_is_none_is_refused_with_the_reason(self):
        for url, reason in {
            "ht tp://x": ".", "localhost:8080/x": ".", "http://x:99999/": ".", "/x": ".", "": ".",
            f"{self.url}/e\0?x": "NUL", "http://\ud800/": "Unicode",
        }.items():  # fmt: skip
            with self.subTest(url), self.assertRaisesRegex(SettingError, reason) as raised:
                Stream(url)
            self.assertEqual(raised.exception.setting, "url")

    def test_a_nul_in_a_header_is_refused(self):
        for option in ("headers", "sensitive_headers"):
            for pair in (("a\0b", "x"), ("x", "a\0b")):
                with self.assertRaisesRegex(SettingError, "NUL"):
                    Stream(self.url, **{option: [pair]})

    def test_the_request_is_as_the_options_say(self):
        request = self.echo(
            method="POST",
            body=bytearray(b"\0\x01A"),
            headers={"X-One": ["1", "2"], "User-Agent": "mine", "X-Word": "é", "Accept": None},
            sensitive_headers={"X-Secret": "s"},
            basic_auth=("user", "päss"),
            last_event_id="17",
            compression=True,
        )

        def header(name):
            return [value for key, value in request["headers"] if key == name]

        self.assertEqual((request["method"], request["body"]), ("POST", "\0\x01A"))
        self.assertEqual(header("x-one"), ["1", "2"])
        self.assertEqual(header("user-agent"), ["mine"])
        self.assertEqual(header("x-word"), ["é"])
        self.assertEqual(header("accept"), [])
        self.assertEqual(header("x-secret"), ["s"])
        self.assertEqual(header("authorization"), ["Basic " + base64.b64encode("user:päss".encode()).decode()])
        self.assertEqual(header("last-event-id"), ["17"])
        self.assertIn("gzip", header("accept-encoding")[0])

    def test_cookies_are_those_of_the_jar(self):
        cookie = "127.0.0.1\tFALSE\t/\tFALSE\t0\tkept\tbefore\n"
        jar = Cookies(cookie)
        self.assertIn(cookie, jar.text)
        self.assertIn(["cookie", "kept=before"], self.echo(cookies=jar)["headers"])
        self.assertNotIn("cookie", dict(self.echo()["headers"]))
        for bad in ("nonsense", "a\0b", "\ud800"):
            with self.assertRaises(SettingError):
                jar.add(bad)

    def test_a_secret_stays_at_its_origin_and_out_of_errors(self):
        other = serve()

        def headers(**options):
            with Stream(f"{self.url}/redirect?to={other}/echo", **options) as stream:
                return {name for name, _ in json.loads(next(stream).data)["headers"]}

        sent = headers(headers={"X-Open": "1"}, sensitive_headers={"X-Secret": "s"}, basic_auth=("user", "password"))
        self.assertIn("x-open", sent)
        self.assertFalse(sent & {"x-secret", "authorization"})
        for options in ({"headers": {"X": "hunter2\n"}}, {"basic_auth": ("user", "hunter2\0")}):
            with self.assertRaises(SettingError) as raised:
                Stream(self.url, **options)
            self.assertNotIn("hunter2", str(raised.exception))
        for options in (
            {"headers": {"X": b"hunter2"}},
            {"basic_auth": ("user", b"hunter2")},
            {"basic_auth": "user:hunter2"},
            {"client_cert_pem": ("", ["hunter2"])},
        ):
            with self.assertRaises(TypeError) as raised:
                Stream(self.url, **options)
            self.assertNotIn("hunter2", str(raised.exception))

    def test_a_document_is_a_result(self):
        documents = []
        with Stream(
            f"{self.url}/status/200?body={{}}&header=Content-Type:application/json", on_document=documents.append
        ) as stream:
            self.assertEqual(list(stream), [])
            self.assertEqual(stream.close_reason, "end-of-stream")
        self.assertEqual([(document.response.status, document.body) for document in documents], [(200, b"{}")])

    def test_an_end_marker_tells_a_complete_stream_from_one_that_was_cut(self):
        with Stream(f"{self.url}/events?count=3", end_marker="event 2") as stream:
            self.assertEqual([event.data for event in stream], ["event 1"])
            self.assertEqual(stream.close_reason, "end-of-stream")
        self.assertFails("EVENTSOURCE_ERR_END_OF_STREAM", "/events?count=3&per_connection=1", mode="once", end_marker="event 2")

    def test_the_body_of_an_error_is_as_long_as_is_set(self):
        with self.assertRaises(StreamError) as raised:
            next(Stream(f"{self.url}/status/400?body=abcdef", max_error_body=3))
        self.assertEqual(raised.exception.body, "abc")

    def test_on_redirect_decides_what_another_origin_gets(self):
        to = self.url.replace("127.0.0.1", "localhost") + "/echo"
        for decision, gets in [(None, False), ("follow", False), ("follow-with-credentials", True)]:
            seen = []

            def decide(redirect, decision=decision, seen=seen):
                seen.append(redirect)
                return decision

            with Stream(
                f"{self.url}/redirect?to={to}", sensitive_headers={"X-Key": "hidden"}, on_redirect=decide
            ) as stream:
                self.assertEqual("hidden" in next(stream).data, gets, decision)
            self.assertEqual(seen, [Redirect(302, f"{self.url}/redirect?to={to}", to, True, False)])
        self.assertFails("EVENTSOURCE_ERR_REDIRECT", "/redirect?to=/echo", on_redirect=lambda _: "refuse")
        for wrong in (1, "maybe", True):
            with self.assertRaises(TypeError):
                next(Stream(f"{self.url}/redirect?to=/echo", on_redirect=lambda _, wrong=wrong: wrong))

    def test_limits_modes_and_ways_do_what_they_say(self):
        self.assertFails("EVENTSOURCE_ERR_READ_TIMEOUT", "/hang-body", read_timeout=0.03, mode="once")
        self.assertFails("EVENTSOURCE_ERR_EVENT_TIMEOUT", "/hang-body", event_timeout=0.03, mode="once")
        self.assertFails("EVENTSOURCE_ERR_RESPONSE_TIMEOUT", "/hang", response_timeout=0.03)
        self.assertFails("EVENTSOURCE_ERR_TOO_MANY_REDIRECTS", "/redirect?to=/events", max_redirects=0)
        self.assertFails("EVENTSOURCE_ERR_CONTENT_TYPE", "/type", mode="once")
        with Stream(f"{self.url}/type", mode="once", check_content_type=False) as stream:
            self.assertEqual(len(list(stream)), 1)
        with Stream(f"{self.url}/events?count=4&per_connection=2", mode="until-end") as stream:
            self.assertEqual(len(list(stream)), 2)
            self.assertEqual(stream.close_reason, "end-of-stream")
        port = self.url.rpartition(":")[2]
        with Stream(
            f"http://nowhere.invalid:{port}/events?count=1", resolve=f"nowhere.invalid:{port}:127.0.0.1", proxy=""
        ) as stream:
            self.assertEqual(next(stream).data, "event 1")
        self.assertFails("EVENTSOURCE_ERR_PROXY", "", proxy="http://127.0.0.1:1")
        self.assertFails("EVENTSOURCE_ERR_CONNECT", "", unix_socket="/nowhere/socket")
        error = self.assertFails(
            "EVENTSOURCE_ERR_HTTP_STATUS",
            "/status/503",
            reconnect={"retry_initial": True, "delay": 0.001, "max_attempts": 3},
        )
        self.assertEqual((error.attempt, error.http_status), (3, 503))

    def test_tls_trusts_whom_the_options_say(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = pathlib.Path(folder, "ca.pem")
            secure = serve("--tls", "--ca-file", str(authority)) + "/events?count=1&then=204&retry=1"

            def read(**options):
                with Stream(secure, **options) as stream:
                    return len(list(stream))

            with self.assertRaises(StreamError) as raised:
                read()
            self.assertEqual(raised.exception.code, "EVENTSOURCE_ERR_CERTIFICATE")
            self.assertEqual(read(ca_file=authority, ca_exclusive=True), 1)
            self.assertEqual(read(ca_pem=authority.read_text(), min_tls_version="1.3"), 1)
            self.assertEqual(read(insecure_skip_verification=True), 1)
            keys = pathlib.Path(folder, "keys")
            self.assertEqual(read(ca_file=authority, key_log_file=keys), 1)
            self.assertIn("CLIENT_TRAFFIC_SECRET_0 ", keys.read_text())
            with self.assertRaisesRegex(SettingError, PEM):
                read(client_cert_file=authority)
