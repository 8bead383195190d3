"""The benchmark's tables, as Markdown, and its plot, as SVG."""

import dataclasses
import datetime
import html
import math
import os
import pathlib
import platform
import re
import subprocess

OURS = ("isolated", "inline")
PEERS = ("reference", "curl", "floor")
LOCKED = pathlib.Path(__file__).parent / "reference" / "Cargo.lock"


@dataclasses.dataclass
class Table:
    title: str
    rows: list
    figures: object


# ---- the circumstances ------------------------------------------------------------------------------------------------


def first_line(*command, environment=None):
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
        return (run.stdout.splitlines() or ["unknown"])[0]
    except OSError:
        return "none"


def version_of(package):
    found = re.search(rf'name = "{package}"\nversion = "([^"]+)"', LOCKED.read_text())
    return f"{package} {found[1]}"


def about(ours, environment, runs, is_quick):
    """Where, when and with what it was measured."""
    processor = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    words = [
        datetime.date.today().isoformat(),
        f"{processor[1] if processor else platform.machine()}, {os.cpu_count()} processors",
        f"{system[1] if system else 'Linux'}, kernel {platform.release()}",
        "libeventsource " + first_line(ours, "--version", environment={**os.environ, **environment}),
        ", ".join(map(version_of, ("eventsource-client", "hyper", "tokio"))) + ", current-thread runtime",
        "libcurl " + first_line("curl-config", "--version").removeprefix("libcurl "),
        first_line("rustc", "--version"),
        first_line("valgrind", "--version"),
        f"medians of {runs} runs" + (", a tenth of the work: no figures to quote" if is_quick else ""),
    ]
    return [word for word in words if word]


# ---- numbers ----------------------------------------------------------------------------------------------------------


def scaled(value, units):
    """The value in the largest unit of which it has at least one."""
    for size, unit in units:
        if abs(value) >= size:
            break
    value /= size
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()


TIMES = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
BYTES = ((2**20, "MiB"), (1000, "KB"), (1, "B"))
SHARES = ("times", "memory_times", "cpu_times", "busiest", "resumed")
COUNTS = ((1e6, "M"), (1e3, "k"), (1, ""))


def shown(figure, value):
    if value is None:
        return ""
    if figure in ("wall_s", "p99_s"):
        return scaled(value, TIMES)
    if figure in ("user_ns", "cpu_ns"):
        return scaled(value / 1e9, TIMES)
    if figure in ("memory", "peak", "size"):
        return scaled(value, BYTES)
    if figure == "rate":
        return scaled(value, COUNTS) + "/s"
    if figure == "allocations":
        return f"{abs(value):.2f}"
    if figure in SHARES:
        return f"{value:.2f}"
    return f"{value:,.0f}"


def shown_goal(row, goal):
    relation = "≥" if row.more_is_better else "≤"
    if row.figure == "allocations":
        return "0"
    bound = f"{goal.bound:g}× {goal.versus}" if goal.versus else shown(row.figure, goal.bound)
    return f"{relation} {bound}"


# ---- Markdown ---------------------------------------------------------------------------------------------------------


def goals_cell(row):
    """Each goal with the dispatch it is for, where there is one for each."""
    several = len({goal.mode for goal in row.goals}) > 1
    return ", ".join(shown_goal(row, goal) + (f" {goal.mode}" if several else "") for goal in row.goals)


def ours_cell(row, figures, mode):
    value = shown(row.figure, figures.get(row, mode))
    ratio = figures.ratio(row, mode, "reference") if row.figure not in ("allocations", *SHARES) else None
    return f"{value} ({ratio:.3g}×)" if ratio is not None else value


def verdict(row, figures):
    """A word for each goal, the same ones once."""
    words = {True: "pass", False: "**fail**", None: "not measured"}
    verdicts = [(goal, words[figures.met(row, goal)]) for goal in row.goals]
    if len({word for _, word in verdicts}) <= 1:
        return verdicts[0][1] if verdicts else ""
    several = len({goal.mode for goal in row.goals}) > 1
    return ", ".join(f"{word} ({goal.mode if several else goal.versus})" for goal, word in verdicts)


def markdown(tables, about_it, absent):
    lines = [f"Measured {'; '.join(about_it)}.", ""]
    for table in tables:
        has_goals = any(row.goals for row in table.rows)
        head = ["work", *(["goal"] if has_goals else []), *OURS, *PEERS, *(["verdict"] if has_goals else [])]
        lines += [f"### {table.title}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for row in table.rows:
            cells = [row.work, *([goals_cell(row)] if has_goals else [])]
            cells += [ours_cell(row, table.figures, mode) for mode in OURS]
            cells += [shown(row.figure, table.figures.get(row, peer)) for peer in PEERS]
            cells += [verdict(row, table.figures)] if has_goals else []
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += ["In brackets: times the reference's.", ""]
    lines += [f"Not measured: {'; '.join(absent)}.", ""] if absent else []
    return "\n".join(lines)


# ---- the plot ---------------------------------------------------------------------------------------------------------

STYLE = """
text { font: 12px sans-serif; fill: #1f2328 } .small { font-size: 11px; fill: #59636e }
.line { stroke: #d1d9e0 } .one { stroke: #59636e } .end { text-anchor: end } .middle { text-anchor: middle }
.isolated { fill: #0969da } .inline { fill: #54aeff } .curl { fill: #bc8c4c }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { fill: #9198a1 } .line { stroke: #3d444d } .one { stroke: #9198a1 }
.isolated { fill: #4493f8 } .inline { fill: #1f5fae } .curl { fill: #9e6a03 } }
"""
LABEL, WIDTH, BAR = 340, 440, 7
LEAST, MOST = 0.01, 10  # the axis


def at(ratio):
    """Where a ratio is, logarithmically."""
    share = math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LABEL + WIDTH * share


def plot(table, about_it):
    """What each row costs, as times what it costs the reference: bars to the left of 1 cost less."""
    names = (*OURS, "curl")
    parts, y = [], 46
    for row in table.rows:
        ratios = [table.figures.ratio(row, name, "reference") for name in names]
        if not any(ratios):
            continue
        work = row.work.replace("events/s", "time")
        parts.append(f'<text class="end" x="{LABEL - 8}" y="{y + 16}">{html.escape(work)}</text>')
        for name, ratio in zip(names, ratios):
            if ratio:
                cost = at(1 / ratio if row.more_is_better else ratio)
                left, width = min(cost, at(1)), max(abs(cost - at(1)), 1)
                parts.append(f'<rect class="{name}" x="{left:.0f}" y="{y}" width="{width:.0f}" height="{BAR}"/>')
            y += BAR + 1
        y += 8
    axis = []
    for ratio in (0.01, 0.1, 1, 10):
        kind = "one" if ratio == 1 else "line"
        axis.append(f'<line class="{kind}" x1="{at(ratio):.0f}" x2="{at(ratio):.0f}" y1="38" y2="{y}"/>')
        axis.append(f'<text class="small middle" x="{at(ratio):.0f}" y="32">{ratio:g}×</text>')
    legend = [f'<text class="small" x="8" y="14">cost, as times eventsource-client’s; {html.escape(about_it[0])}</text>']
    for i, name in enumerate(names):
        x = LABEL + 130 + i * 90
        legend.append(f'<rect class="{name}" x="{x}" y="6" width="9" height="9"/>')
        legend.append(f'<text class="small" x="{x + 13}" y="14">{name}</text>')
    size = f'width="{LABEL + WIDTH + 30}" height="{y + 8}" viewBox="0 0 {LABEL + WIDTH + 30} {y + 8}"'
    body = "\n".join([*legend, *axis, *parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>\n{body}\n</svg>\n'
