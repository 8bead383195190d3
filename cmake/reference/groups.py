"""The groups of the reference. A declaration belongs to the first group with a pattern that fits its whole name."""

import re
from dataclasses import dataclass


@dataclass
class Group:
    name: str
    title: str
    brief: str
    patterns: str
    parent: str = ""


GROUPS = [
    Group("life", "A client's life", "Make, start, pause, stop, wait for and free a client; ask what it is doing.", r"""
        eventsource_(t|new|check|start|run|stop|wait|free|pause|unpause|reconnect_now)
        eventsource_get_(?!reconnect|number|cookies).* eventsource_(state|stats|result)_t EVENTSOURCE_NO_LIMIT"""),
    Group("settings", "Settings", "What a client is told before it starts.", ""),
    Group("settings_request", "The request", "What every attempt sends.", r"""
        eventsource_(set|add|remove)_(sensitive_)?header
        eventsource_set_(url|basic_auth|method|body|compression|reconnect_with_get|last_event_id)
        eventsource_(set|share|add|get)_cookies""", "settings"),
    Group("settings_reconnect", "Reconnecting", "Whether and when a client makes another attempt.", r"""
        eventsource_(set|get)_reconnect eventsource_reconnect_init eventsource_set_mode eventsource_(mode|reconnect)_t""", "settings"),
    Group("settings_limits", "Limits", "Timeouts, sizes, and which responses are accepted.", r"""
        eventsource_set_.*_timeout eventsource_set_max_.* eventsource_set_check_.* eventsource_set_end_marker""", "settings"),
    Group("settings_network", "The way to the server", "Proxies, names, Unix sockets, versions of HTTP.", r"""
        eventsource_set_((no_)?proxy|unix_socket|interface|watch_network|http_version) eventsource_(set|add|remove)_resolve eventsource_http_t""", "settings"),
    Group("settings_tls", "TLS", "Whom a client trusts, and how it identifies itself.", r"""
        eventsource_set_(ca_.*|client_cert_.*|pinned_keys|min_tls_version|server_name|insecure_.*|key_log_file)
        eventsource_tls_version_t""", "settings"),
    Group("callbacks", "Callbacks", "What a client tells the program, and what the program can answer.", r"""
        eventsource_on_.* eventsource_(?!parser_|log_|thread_).*_fn eventsource_set_(user_data|next_delay)
        eventsource_(event|comment|header|response|error|close|close_reason|decision|redirect|redirect_decision|document|http_version)_t
        eventsource_(response|error)_get_header"""),
    Group("requests", "Requests", "Look at the request of the next attempt, and change it, in `on_request`.",
          r"eventsource_request_.*"),
    Group("runtimes", "Runtimes", "The threads that clients run on, and where callbacks run.",
          r"""eventsource_runtime_.* eventsource_set_runtime eventsource_(dispatch|fd|metrics)_t eventsource_thread_fn
          EVENTSOURCE_LATENCY_BUCKETS"""),
    Group("parser", "The parser", "Event streams without any network, for programs that have an HTTP client.",
          r"eventsource_parser_.*"),
    Group("log", "The log", "What the library tells of all clients of the process, and which client it tells it of.",
          r"eventsource_log_.* eventsource_set_name eventsource_get_number"),
    Group("library", "The library", "Statuses, versions, and what one platform alone needs.", r"""
        eventsource_status_.* eventsource_version(_number)? eventsource_has_feature eventsource_android_init
        EVENTSOURCE_VERSION_.* EVENTSOURCE_HAS EVENTSOURCE_(NO_)?NODISCARD"""),
    Group("settings", "", "", r"eventsource_set_.*"),  # a setter that is none of the above
]


def group_of(name):
    """The group of a declaration, or None."""
    for group in GROUPS:
        if any(re.fullmatch(pattern, name) for pattern in group.patterns.split()):
            return group.name
    return None
