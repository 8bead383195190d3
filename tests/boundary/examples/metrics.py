"""What the example metrics writes is OpenMetrics text to Prometheus' own parser, and has the right numbers.

metrics.py PROGRAM URL
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families

program, url = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "eventsource.prom")
    streams = [f"{url}/events?count=4&per_connection=2&retry=10&then=204"] * 2
    subprocess.run([program, file, *streams], check=True, timeout=60)
    text = file.read_text()
    left = [path.name for path in Path(folder).iterdir()]

samples = {}
types = {}
for family in text_string_to_metric_families(text):
    types[family.name] = family.type
    for sample in family.samples:
        samples[sample.name, *sample.labels.values()] = sample.value

assert left == [file.name], left
assert types["eventsource_clients"] == "gauge" and types["eventsource_latency_seconds"] == "histogram", types
for name, value in {
    ("eventsource_events_total",): 8,
    ("eventsource_starts_total",): 2,
    ("eventsource_attempts_total",): 6,
    ("eventsource_reconnects_total", "end"): 4,
    ("eventsource_reconnects_total", "timeout"): 0,
    ("eventsource_clients", "open"): 0,
    ("eventsource_latency_seconds_count",): 8,
    ("eventsource_latency_seconds_bucket", "+Inf"): 8,
}.items():
    assert samples[name] == value, (name, samples[name], text)
assert samples["eventsource_latency_seconds_sum",] > 0, text
