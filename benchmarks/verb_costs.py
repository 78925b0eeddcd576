"""The page of what each verb costs, and its stacked bars, from the rows `verb/...` of results.json (`bench_verbs`)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["draw_verbs", "write_verbs_page"]

Row = Mapping[str, Any]

_BARE = "bare work, processor s"
_WIDTH, _LEFT, _BAR = 860, 120, 46
_FILLS = ("#1d70b8", "#5694ca")
_INTRO = """# What each verb costs

From extracts to a list, verb by verb, each a process of its own, and beside it the bare work that it rests on: what
would be left to pay if Sooner did nothing but that. `make bench ONLY=verbs` measures it; this page and its picture are
made from `benchmarks/results.json` (`python -m benchmarks.readme`).

Seconds are the processor's, user and system, of the whole process as the operating system counts them; memory is its
largest resident set. By the clock the same work takes several times as long where a machine is shared, as this one was.
The bare work's seconds leave out its start and imports, which favours it. Each figure is of one run: on a machine that
does six other things it comes out up to twice as large. A size that has no table here was not measured.

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

Where train's time goes at 3,000 homes, in a checkout that has compiled nothing yet (a sampling profiler, 6,300
samples): importing 25 %, of which LightGBM with pandas, scikit-learn and SciPy 7; compiling the replay 24 %;
recording in MLflow 13 %; fits on the folds and of the candidates 15 %, of which the points list 10; the fits of the
diagnoses (strangers, the other choice about treated families) 10 %; replaying, resampling and writing the rest.
`build` compiled for 16 s of the processor in such a checkout and now compiles for 12, the replay for 4: both are
kept beside the code.

## The second run

`make bench ONLY=again`, at 10,000 homes: where nothing changed each verb takes 1.3 s of the processor or less (goal 1:
missed, it is training's start). Where one feature changed, build takes 97 %, train 90 % and audit 100 % of the first
run (goals 10, 60 and 50: missed): nothing of the earlier result is used again; every column, fit and figure is
made anew.
"""


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
        lines += ["", f"Together {total:.0f} s of the processor ({verbs[0][1]['date']}).", ""]
    lines += ["![Each verb's share of the processor's seconds, and how much of it is bare work](verb-costs.svg)", _END]
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
        if width > 34:
            label = f"{html.escape(verb)} {row['figure']:.0f}"
            parts.append(f'<text x="{across + 3:.1f}" y="{top + _BAR + 16}" fill="#0b0c0c">{label}</text>')
        across += width
    return parts
