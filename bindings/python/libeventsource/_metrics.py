"""What the streams of this process do and have done, for monitoring."""

import dataclasses

from . import _loop, _native


@dataclasses.dataclass(frozen=True, slots=True)
class Metrics:
    """What runtimes are doing, and what their streams have done, closed ones included.

    `reconnects_*` count attempts that were not the first of their streams, by reason. `latency_counts[i]` counts events by the
    time from the read to their callback: those of at most 4 to the power of i microseconds that are in no bucket before, the
    last one all others. `latency_sum_ns` is the sum of these times.
    """

    connecting: int
    open: int
    waiting: int
    threads: int
    queued: int
    starts: int
    attempts: int
    opens: int
    errors: int
    events: int
    bytes: int
    reconnects_end: int
    reconnects_connection: int
    reconnects_timeout: int
    reconnects_response: int
    reconnects_program: int
    reconnects_other: int
    latency_sum_ns: int
    latency_counts: tuple[int, ...]


def metrics():
    """The sum of all runtimes: one for all `for` loops, and one for each event loop with `async for`.

    A runtime ends with its last stream. What was counted is then gone, and begins at 0 with the next stream.
    """
    found = [_native.metrics(runtime) for runtime in _loop.runtimes()]
    names = [field.name for field in dataclasses.fields(Metrics)[:-1]]
    counts = [sum(counts) for counts in zip(*(of.latency_counts for of in found))]
    return Metrics(*(sum(getattr(of, name) for of in found) for name in names), tuple(counts or [0] * _native.LATENCY_BUCKETS))
