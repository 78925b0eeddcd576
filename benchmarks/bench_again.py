"""What the second run costs: nothing changed, and the window of one feature changed, beside the first.

A fictional borough goes from extracts to the audit; every verb is run once more with nothing changed; then one feature
looks back half as far, and build, train and audit run again; then it looks back otherwise once more. The first run
looks at the final period and the next may not, so it trains and audits other rows; from then on rows are the same.
Figures are whole processes' by the operating system.

    SOONER_BENCH_HOMES="3000" python -m benchmarks again     another size than 10,000
"""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from pathlib import Path

from benchmarks.bench_verbs import KEY, REFERRED, open_borough, run_verb, sign_as_all
from benchmarks.results import Row
from benchmarks.verb_sections import bound_again, measure_start, run_in_sections
from benchmarks.whole_process import Cost

HOMES = 10_000
VERBS = ("pull", "link", "build", "train", "audit")
SHARES = {"build": 0.10, "train": 0.60, "audit": 0.50}
"""At most so much of the first run, where one feature changed."""
UNCHANGED = 1.0
"""Seconds by the processor where nothing changed."""
_USED_AGAIN = {
    "build": "rows and the other columns are the earlier matrix's; one feature's column is made",
    "train": "the weekly rows' other columns are used again; every fit and replay is made anew",
    "audit": "figures whose people, scores and groups are the same stand; all others are made anew",
}
_FEATURE = "count(arrears, last=months({}))"
_MONTHS = (6, 3, 4)
"""How far one feature looks back: as shipped, changed, and changed again."""

Sectioned = tuple[Cost, dict[str, float]]
"""What a verb cost, and its sections' processor seconds."""


def change_feature(root: Path, before: int, after: int) -> None:
    """Let one feature of the borough's definition look back other months; raise ValueError where there is none."""
    path = open_borough(root).programme_folder / "definition.py"
    text, feature = path.read_text(encoding="utf-8"), _FEATURE.format(before)
    if feature not in text:
        raise ValueError(f"the definition has no {feature}")
    path.write_text(text.replace(feature, _FEATURE.format(after), 1), encoding="utf-8")


def run() -> list[Row]:
    """Measure the first run, the second with nothing changed, and the third with one feature changed."""
    os.environ.setdefault("SOONER_KEY", KEY)
    homes = int(os.environ.get("SOONER_BENCH_HOMES", HOMES))
    with tempfile.TemporaryDirectory(prefix="sooner-again-") as folder:
        root = Path(folder) / "workspace"
        run_verb(root, "synth", "--households", str(homes))
        sign_as_all(root, "charter")
        first = {verb: run_verb(root, verb) for verb in VERBS}
        again = {verb: run_verb(root, verb) for verb in VERBS}
        changes = []
        for before, after in pairwise(_MONTHS):
            change_feature(root, before, after)
            changes.append({verb: run_in_sections(root, verb, ending=(0, REFERRED)) for verb in SHARES})
        start = measure_start(root, _find_slowest(again), (0, REFERRED))
    once, twice = changes
    return [
        _row_of_unchanged(homes, first, again, start),
        *_rows_of_changed(homes, first, once, again, "where one feature changed"),
        *_rows_of_changed(homes, first, twice, again, "where one feature changed again"),
    ]


def _find_slowest(costs: dict[str, Cost]) -> str:
    return max(costs, key=lambda verb: costs[verb].processor)


def _row_of_unchanged(homes: int, first: dict[str, Cost], again: dict[str, Cost], start: float) -> Row:
    slowest = _find_slowest(again)
    seconds = again[slowest].processor
    peers: dict[str, float | str] = {
        f"{verb}, first and again, s": f"{first[verb].processor:.1f}, {again[verb].processor:.2f}" for verb in VERBS
    }
    peers[f"bound: starting, and importing what {slowest} then holds, s"] = round(start, 2)
    return Row(
        f"again/{homes:,} homes, the slowest verb where nothing changed",
        round(seconds, 2),
        "s of processor time",
        f"under {UNCHANGED:g}",
        seconds < UNCHANGED,
        peers,
        f"{slowest}; whole processes",
    )


def _rows_of_changed(
    homes: int, first: dict[str, Cost], changed: dict[str, Sectioned], unchanged: dict[str, Cost], when: str
) -> list[Row]:
    return [
        Row(
            f"again/{homes:,} homes, {verb} {when}",
            round(100 * changed[verb][0].processor / first[verb].processor, 1),
            "% of the first run",
            f"under {100 * share:g}",
            changed[verb][0].processor < share * first[verb].processor,
            {
                "first, processor s": round(first[verb].processor, 1),
                "changed, processor s": round(changed[verb][0].processor, 1),
                "nothing changed, processor s": round(unchanged[verb].processor, 1),
                **bound_again(verb, changed[verb][1], first[verb].processor),
            },
            _USED_AGAIN[verb],
        )
        for verb, share in SHARES.items()
    ]
