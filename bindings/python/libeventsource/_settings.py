"""The options of a stream: for each, how its value becomes the arguments of a setter of the library.

What a value means is for the library to say. Here is refused only what would reach it as something else.
"""

import collections.abc
import datetime
import math
import operator
import os

from . import _native
from ._errors import HEADER, METHOD, URL, UTF8, VALUE, SettingError

_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)
_SIZE = (0, 2**64 - 1)


def _type(value):
    """What an error tells of a value that may be a secret."""
    return "None" if value is None else type(value).__name__


def text(value, setting, status=VALUE):
    """C's text ends at its first NUL, and is UTF-8."""
    if not isinstance(value, str):
        raise TypeError(f"{setting}: a str is wanted, not {_type(value)}")
    if "\0" in value:
        raise SettingError(setting, status, "the text has a NUL, where it would end")
    return _utf8(value, setting)


def _utf8(value, setting):
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise SettingError(setting, UTF8, f"the text is no Unicode text: {error.reason}") from None


def _path(value, setting):
    return text(os.fspath(value) if isinstance(value, os.PathLike) else value, setting)


def content(value, setting):
    """Bytes, or text, which is sent as UTF-8."""
    if isinstance(value, str):
        return _utf8(value, setting)
    try:
        return bytes(memoryview(value))
    except (TypeError, ValueError):
        raise TypeError(f"{setting}: bytes or a str are wanted, not {_type(value)}") from None


def _integer(value, setting, limits):
    if isinstance(value, bool):
        raise TypeError(f"{setting}: a number is wanted, not {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{setting}: a whole number is wanted, not {value!r}") from None
    if not limits[0] <= number <= limits[1]:
        raise SettingError(setting, VALUE, f"{number} is not from {limits[0]} to {limits[1]}")
    return number


def milliseconds(value, setting):
    """Of seconds, or of a timedelta; math.inf for no limit. What is more than nothing is at least a millisecond."""
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{setting}: seconds are wanted, not {value!r}")
    if value == math.inf:
        return _native.NO_LIMIT
    if value != value or not _INT64[0] < value * 1000 < _INT64[1]:
        raise SettingError(setting, VALUE, f"{value} seconds are no time that fits")
    # -1 would be no limit. Any other negative number the library refuses.
    return math.ceil(value * 1000) if value >= 0 else min(math.floor(value * 1000), -2)


def _flag(value, setting):
    if not isinstance(value, bool):
        raise TypeError(f"{setting}: True or False is wanted, not {value!r}")
    return int(value)


def _decimal(value, setting):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{setting}: a number is wanted, not {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise SettingError(setting, VALUE, "the number is too large") from None


def _word(words):
    def convert(value, setting):
        if isinstance(value, str) and value in words:
            return words[value]
        raise SettingError(setting, VALUE, f"{value!r} is none of {', '.join(words)}")

    return convert


def _pairs(value, setting):
    """Names and values: of a mapping, whose values may be lists, or of pairs."""
    pairs = value.items() if isinstance(value, collections.abc.Mapping) else _several(value, setting, "a mapping or pairs")
    for pair in pairs:
        name, values = _two(pair, setting, "a name and its value")
        name = text(name, setting, HEADER)
        if values is None or isinstance(values, str):
            values = [values]
        for one in _several(values, setting, "a str or a list of them"):
            yield name, None if one is None else text(one, setting, HEADER)


def _several(values, setting, wanted):
    """An iterable, but not one of characters, of bytes or of keys."""
    one = isinstance(values, (str, bytes, bytearray, collections.abc.Mapping))
    if one or not isinstance(values, collections.abc.Iterable):
        raise TypeError(f"{setting}: {wanted} is wanted, not {_type(values)}")
    return values


def _two(value, setting, parts):
    """The parts of a tuple or a list. A str of two characters is none, and a set has no order."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{setting}: a tuple of {parts} is wanted")
    return value


def _headers(value, setting, _client):
    """The first header of a name takes the place of the library's own; the others come beside it. None: no such header."""
    seen = set()
    for name, one in _pairs(value, setting):
        if one is None:
            yield "remove_header", name
        else:
            yield "add_header" if name.lower() in seen else "set_header", name, one
            seen.add(name.lower())


def _sensitive_headers(value, setting, _client):
    for name, one in _pairs(value, setting):
        if one is None:
            raise TypeError(f"{setting}: a str is wanted, not None")
        yield "set_sensitive_header", name, one


def _one(setter, convert, *more):
    return lambda value, setting, _client: [(setter, convert(value, setting, *more))]


def _blob(setter):
    def convert(value, setting, _client):
        blob = content(value, setting)
        return [(setter, blob, len(blob))]

    return convert


def _basic_auth(value, setting, _client):
    user, password = _two(value, setting, "a user and a password")
    return [("set_basic_auth", text(user, f"{setting}'s user"), text(password, f"{setting}'s password"))]


_CERT_AND_KEY = "a certificate and its key"


def _client_cert(value, setting, _client):
    cert, key = _two(value, setting, _CERT_AND_KEY) if isinstance(value, tuple) else (value, b"")
    cert, key = content(cert, setting), content(key, setting)
    return [("set_client_cert_pem", cert, len(cert), key, len(key))]


def _client_cert_file(value, setting, _client):
    cert, key = _two(value, setting, _CERT_AND_KEY) if isinstance(value, tuple) else (value, None)
    return [("set_client_cert_file", _path(cert, setting), None if key is None else _path(key, setting))]


class Cookies:
    """A jar of cookies, in memory: the option `cookies` of any number of streams.

    They keep in it what servers set, and send it back by the rules of RFC 6265. `text` has all cookies, which are secrets, in
    the format of cookies.txt, which curl reads and writes, too; what is given or added is such a text.
    """

    # A client that is never started: a jar belongs to the clients that use it.
    _client = None

    def __init__(self, text=""):
        self._client, status, reason = _native.new_client(b"http://localhost/")
        if status == 0:
            status = _native.setters["set_cookies"](self._client, 1)
            reason = _native.last_error(self._client)
        if status != 0:
            raise SettingError("cookies", status, reason)
        self.add(text)

    def __del__(self):
        if self._client is not None:
            _native.free(self._client)

    def add(self, text_of_cookies):
        """Adds the cookies of a text: all of them, or none and a SettingError."""
        status = _native.setters["add_cookies"](self._client, text(text_of_cookies, "cookies"))
        if status != 0:
            raise SettingError("cookies", status, _native.last_error(self._client))

    @property
    def text(self):
        return _native.cookies(self._client)


def _cookies(value, setting, _client):
    if not isinstance(value, Cookies):
        raise TypeError(f"{setting}: Cookies are wanted, not {value!r}")
    return [("share_cookies", value._client)]


def _resolve(value, setting, _client):
    entries = [value] if isinstance(value, str) else _several(value, setting, "a str or a list of them")
    return [("add_resolve", text(entry, setting)) for entry in entries]


def _attempts(value, setting):
    if value == math.inf:
        return _native.NO_LIMIT
    attempts = _integer(value, setting, _INT64)
    return -2 if attempts == _native.NO_LIMIT else attempts  # which the library refuses


_POLICY = {
    "retry_initial": ("retry_initial", _flag),
    "delay": ("delay_ms", milliseconds),
    "max_delay": ("max_delay_ms", milliseconds),
    "factor": ("factor", _decimal),
    "jitter": ("jitter", _decimal),
    "reset_after": ("reset_after_ms", milliseconds),
    "max_attempts": ("max_attempts", _attempts),
    "min_delay": ("min_delay_ms", milliseconds),
    "max_server_delay": ("max_server_delay_ms", milliseconds),
}


def _reconnect(value, setting, client):
    if not isinstance(value, collections.abc.Mapping):
        raise TypeError(f"{setting}: a mapping is wanted, not {value!r}")
    policy = _native.reconnect_policy(client)
    for name, member in value.items():
        if name not in _POLICY:
            raise TypeError(f"{setting} has no {name!r}")
        field, convert = _POLICY[name]
        setattr(policy, field, convert(member, f"{setting}'s {name}"))
    return [("set_reconnect", policy)]


# In this order they are given to the library, which tells of the first that it refuses.
SETTINGS = {
    "name": _one("set_name", text),
    "method": _one("set_method", text, METHOD),
    "body": _blob("set_body"),
    "headers": _headers,
    "sensitive_headers": _sensitive_headers,
    "basic_auth": _basic_auth,
    "cookies": _cookies,
    "compression": _one("set_compression", _flag),
    "reconnect_with_get": _one("set_reconnect_with_get", _flag),
    "last_event_id": _one("set_last_event_id", text),
    "mode": _one("set_mode", _word({"auto": 0, "keep-alive": 1, "once": 2, "until-end": 3})),
    "reconnect": _reconnect,
    "connect_timeout": _one("set_connect_timeout", milliseconds),
    "response_timeout": _one("set_response_timeout", milliseconds),
    "read_timeout": _one("set_read_timeout", milliseconds),
    "event_timeout": _one("set_event_timeout", milliseconds),
    "max_redirects": _one("set_max_redirects", _integer, _INT32),
    "max_event_size": _one("set_max_event_size", _integer, _SIZE),
    "end_marker": _one("set_end_marker", text),
    "max_error_body": _one("set_max_error_body", _integer, _SIZE),
    "check_content_type": _one("set_check_content_type", _flag),
    "proxy": _one("set_proxy", text, URL),
    "no_proxy": _one("set_no_proxy", text),
    "unix_socket": _one("set_unix_socket", _path),
    "key_log_file": _one("set_key_log_file", _path),
    "interface": _one("set_interface", text),
    "watch_network": _one("set_watch_network", _flag),
    "resolve": _resolve,
    "http_version": _one("set_http_version", _word({"default": 0, "1.1": 1, "2": 2})),
    "ca_pem": _blob("set_ca_pem"),
    "ca_file": _one("set_ca_file", _path),
    "ca_exclusive": _one("set_ca_exclusive", _flag),
    "client_cert_pem": _client_cert,
    "client_cert_file": _client_cert_file,
    "pinned_keys": _one("set_pinned_keys", text),
    "min_tls_version": _one("set_min_tls_version", _word({"1.2": 12, "1.3": 13})),
    "server_name": _one("set_server_name", text),
    "insecure_skip_verification": _one("set_insecure_skip_verification", _flag),
}


def apply(client, options):
    """Gives a client its settings. None is not given."""
    for setting in options:
        if setting not in SETTINGS:
            raise TypeError(f"there is no option {setting!r}")
    for setting, arguments in SETTINGS.items():
        value = options.get(setting)
        if value is None:
            continue
        for setter, *values in arguments(value, setting, client):
            status = _native.setters[setter](client, *values)
            if status != 0:
                raise SettingError(setting, status, _native.last_error(client))
