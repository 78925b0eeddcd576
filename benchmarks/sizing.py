"""The table of what a server needs, made from measured rows alone: `fill_sizing_table` fills it into a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["fill_sizing_table"]

_OPENING, _CLOSING = "<!-- sizing: made by `python -m benchmarks.readme` -->", "<!-- /sizing -->"
_VERBS = ("pull", "link", "build", "train", "audit", "decide", "promote", "rank")
_SIZES = ("3,000", "10,000", "110,000")
_NOT = "not measured"

_WORKER: Mapping[str, tuple[str, str, str]] = {
    "memory, after 30 scores": ("memory of a worker", "", "MB"),
    "start, until it is ready": ("from the command to ready", "processor s", "s of the processor"),
    "a worklist page, names out of a vault of 110,000 homes": (
        "worklist page, p99", "processor ms", "ms of the processor"),
    "one case scored with its contributions": (
        "one case with contributions, beyond plain FastAPI, p50", "ours, processor ms", "ms of the processor"),
}  # fmt: skip


def fill_sizing_table(text: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a page with its tables of workers and verbs; one without the marks as it is."""
    head, _, rest = text.partition(_OPENING)
    _, mark, tail = rest.partition(_CLOSING)
    if not mark:
        return text
    rows_by_name = {row["name"]: row for row in rows}
    lines = ["| a worker of `sooner serve` | measured |", "|---|--:|"]
    lines += [f"| {title} | {_say(rows_by_name, *where)} |" for title, where in _WORKER.items()]
    lines += ["", f"| verb | {' | '.join(f'{size} homes' for size in _SIZES)} |", "|---|--:|--:|--:|"]
    titles = {f"`{verb}`": verb for verb in _VERBS} | {"pull to rank": "pull to rank"}
    for title, verb in titles.items():
        cells = (_say_verb(rows_by_name, size, verb) for size in _SIZES)
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return f"{head}{_OPENING}\n\n" + "\n".join(lines) + f"\n\n{mark}{tail}"


def _say_verb(rows_by_name: Mapping[str, Mapping[str, Any]], size: str, verb: str) -> str:
    row = rows_by_name.get(f"verb/{size} homes, {verb}")
    return f"{row['figure']:,.1f} s, {row['peers']['memory, MiB']:,} MiB" if row else _NOT


def _say(rows_by_name: Mapping[str, Mapping[str, Any]], name: str, figure: str, unit: str) -> str:
    row = rows_by_name.get(name)
    if row is None:
        return _NOT
    value = row["peers"][figure] if figure else row["figure"]
    return f"{value:,.3g} {unit}" if value < 100 else f"{value:,.0f} {unit}"
