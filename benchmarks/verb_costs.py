"""The page of what each verb costs, and its stacked bars, from the rows `verb/...` of results.json (`bench_verbs`)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["draw_verbs", "write_verbs_page"]

Row = Mapping[str, Any]

_BARE = "bare work, processor s"
_BOUND, _PARTS = "bound: ", "of which, processor s"
_LETTER = 6.5
"""How wide a letter of a label is at most, on average: no label runs into the next."""
_WIDTH, _LEFT, _BAR = 860, 120, 46
_FILLS = ("#1d70b8", "#5694ca")
_INTRO = """# What each verb costs

From extracts to a list, verb by verb, each a process of its own, and beside it the bare work that it rests on: what
would be left to pay if Sooner did nothing but that. `make bench ONLY=verbs` measures it; this page and its picture are
made from `benchmarks/results.json` (`python -m benchmarks.readme`).

Seconds are the processor's, user and system, of the whole process as the operating system counts them; memory is its
largest resident set. By the clock the same work takes several times as long where a machine is shared, as this one was.
The bare work's seconds leave out its start and imports, which favours it. Each figure is of one run: on a machine that
does six other things it comes out up to twice as large. A size that has no table here was not measured. Under a table
stands what the seconds of pull, link and train go to, where that was measured: the steps are timed in the run itself.

| verb | the bare work beside it |
|---|---|
| pull | DuckDB reads each delivered file and writes Parquet: no rule, no pseudonym, no vault |
| link | plain Splink scores and clusters the same evidence with the same model, which is gathered before |
| build | pyarrow reads every column of the linked tables |
| train | `lightgbm.train` of each fold's model and of the candidate; no other model, replay, leak check or record |
| audit | pyarrow reads the run's scores and past lists; the findings are written again |
| rank | LightGBM scores the newest day's rows and explains five hundred |
"""
_END = """
What is dark in a bar is bare work; what is light is what Sooner adds, and what is left to win. A verb with nothing to
do says so, and its seconds are those of a start: [the command line](command-line.md) says what a start pays for.
"""


_SECOND = """## The second run

`make bench ONLY=again`: every verb once more with nothing changed, and where one feature changed, twice: the first
change trains and audits other rows than the first run, which looked at the final period. The bound is what the change
asks for anew at least, as a share of the first run: starting, and what rests on every column. Where it stands above the
goal, the goal can't be met at that size without a faster start or faster fits. A dash: not measured yet.

| homes | what | % of the first run | goal | met | bound, % |
|--:|---|--:|---|---|--:|
"""


def _write_second_run(rows: Sequence[Row]) -> str:
    """Return the section on the second run, from the rows `again/...`."""
    lines = []
    for row in rows:
        match = re.fullmatch(r"again/([\d,]+) homes, (\w+ where one feature changed(?: again)?)", row["name"])
        if match:
            bound = next((value for name, value in row["peers"].items() if name.startswith(_BOUND)), "-")
            met = "yes" if row["met"] else "**no**"
            lines.append(f"| {match[1]} | {match[2]} | {row['figure']:g} | {row['goal']} | {met} | {bound} |")
    return _SECOND + "\n".join(lines) + "\n" if lines else ""


def _list_sections(verbs: Sequence[tuple[str, Row]]) -> list[str]:
    """Return what the processor's seconds of some verbs went to, and how much of it the bare work has no part in."""
    lines = []
    for verb, row in verbs:
        if parts := row["peers"].get(_PARTS):
            least = next(value for name, value in row["peers"].items() if name.startswith(_BOUND))
            lines.append(f"- **{verb}**: {parts}. Start and what is asked beside the bare work: {least} times it.")
    return [*lines, ""] if lines else []


def _verbs_of(rows: Sequence[Row]) -> dict[int, list[tuple[str, Row]]]:
    """Return each size's verbs with their rows, in the order of the path, by falling size of nothing but the path."""
    order = ("pull", "link", "build", "train", "audit", "decide", "promote", "rank")
    sizes: dict[int, dict[str, Row]] = {}
    for row in rows:
        match = re.fullmatch(r"verb/([\d,]+) homes, (\w+)", row["name"])
        if match and match[2] in order:
            sizes.setdefault(int(match[1].replace(",", "")), {})[match[2]] = row
    return {homes: [(verb, sizes[homes][verb]) for verb in order if verb in sizes[homes]] for homes in sorted(sizes)}


def write_verbs_page(rows: Sequence[Row]) -> str:
    """Return the page: a table of each size, and the picture."""
    lines = [_INTRO]
    for homes, verbs in _verbs_of(rows).items():
        lines += [
            f"## {homes:,} homes",
            "",
            "| verb | processor s | bare work, s | times | memory, MiB | rows | again, nothing to do, s |",
            "|---|--:|--:|--:|--:|--:|--:|",
        ]
        for verb, row in verbs:
            beside = row["peers"]
            bare, times = beside.get(_BARE, ""), beside.get("times the bare work", "")
            count = f"{beside['rows']:,}" if beside["rows"] else ""
            again = beside["again, nothing changed, processor s"]
            lines.append(
                f"| {verb} | {row['figure']:g} | {bare} | {times} | {beside['memory, MiB']:,} | {count} | {again} |"
            )
        total = sum(row["figure"] for _, row in verbs)
        lines += ["", f"Together {total:.0f} s of the processor ({verbs[0][1]['date']}).", "", *_list_sections(verbs)]
    lines += [
        "![Each verb's share of the processor's seconds, and how much of it is bare work](verb-costs.svg)",
        _END,
        _write_second_run(rows),
    ]
    return "\n".join(lines)


def draw_verbs(rows: Sequence[Row]) -> str:
    """Return a stacked bar for each size: a verb's share of all processor seconds, the bare work's dark within it."""
    sizes = _verbs_of(rows)
    height = 50 + (_BAR + 46) * len(sizes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'font-family="Arial, Helvetica, sans-serif" font-size="13">',
        "<title>Each verb's share of the processor's seconds, and how much of it is bare work</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="10" y="24" font-weight="bold" fill="#0b0c0c">Seconds of the processor, verb by verb; '
        "dark at the foot: the bare work</text>",
    ]
    for place, (homes, verbs) in enumerate(sizes.items()):
        top = 44 + place * (_BAR + 46)
        parts.append(f'<text x="10" y="{top + 28}" fill="#0b0c0c">{homes:,} homes</text>')
        parts += _draw_bar(verbs, top)
    return "\n".join([*parts, "</svg>", ""])


def _draw_bar(verbs: Sequence[tuple[str, Row]], top: int) -> list[str]:
    total, across, parts = sum(row["figure"] for _, row in verbs), float(_LEFT), []
    for number, (verb, row) in enumerate(verbs):
        width = (_WIDTH - _LEFT - 10) * row["figure"] / total
        share = min(1.0, float(row["peers"].get(_BARE, 0.0)) / row["figure"])
        parts += [
            f'<rect x="{across:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{_FILLS[number % 2]}" '
            'stroke="#ffffff"/>',
            f'<rect x="{across:.1f}" y="{top + _BAR * (1 - share):.1f}" width="{width:.1f}" '
            f'height="{_BAR * share:.1f}" fill="#0b0c0c" fill-opacity="0.6"/>',
        ]
        label = f"{html.escape(verb)} {row['figure']:.0f}"
        if width > _LETTER * len(label):
            parts.append(f'<text x="{across + 3:.1f}" y="{top + _BAR + 16}" fill="#0b0c0c">{label}</text>')
        across += width
    return parts
