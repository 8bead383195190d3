from . import _native

# The statuses that the package itself uses.
UTF8, URL, HEADER, METHOD, VALUE, STATE, IN_CALLBACK, FORKED = 2, 3, 4, 5, 6, 8, 9, 14


class EventSourceError(Exception):
    """What the library refused, or why it failed.

    `status` is the status's number in C, `code` its name, such as "EVENTSOURCE_ERR_CONNECT".
    """

    def __init__(self, status, message=""):
        super().__init__(message or _native.status_text(status))
        self.status = status
        self.code = _native.status_name(status)


class SettingError(EventSourceError, ValueError):
    """An option, or a change in `on_request`, was refused. `setting` is the option's name."""

    def __init__(self, setting, status, message=""):
        super().__init__(status, f"{setting}: {message or _native.status_text(status)}")
        self.setting = setting


class StreamError(EventSourceError):
    """An attempt failed, or a stream was lost.

    `http_status`: the error response's, 0 if there was none; `os_error`: the operating system's error number, 0 if there was
    none; `will_retry`: whether the client tries again by itself; `attempt`: failed attempts in a row, this one included, 0 when
    an open stream was lost; `delay`: seconds until the next attempt; `headers` and `body` of the error response.
    """

    def __init__(
        self, status, message="", *, http_status=0, os_error=0, will_retry=False, attempt=0, delay=0.0, headers=(), body=""
    ):
        super().__init__(status, message)
        self.http_status = http_status
        self.os_error = os_error
        self.will_retry = will_retry
        self.attempt = attempt
        self.delay = delay
        self.headers = list(headers)
        self.body = body
