"""The first gate as a whole: how often it blocks a fair list, passes one, and finds one group at half of all others'.

    fair       2,000 boroughs of each size: nobody is treated otherwise
    halved     400 of each: of one group in need half as many are listed before it
    doubled    400 of each: one group is listed twice as often without a need

`make deep ONLY=whole_gates` draws them in parts of a hundred, goes on where it stopped, and prints the tables of
docs/explanation/gate.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from tests.resuming import draw_resuming
from tests.unit.fairness_reports.simulated_boroughs import Unfair, decide_borough

SIZES = (3_000, 10_000, 30_000, 110_000)
FAIR, OTHERWISE, PART = 2_000, 400, 100
ASKED_OF = ("White", "Black", "Other")
WORSE = {"halved": ("missed_help_ethnicity", {"listed_before_need": 0.5}),
         "doubled": ("unneeded_listing_ethnicity", {"unneeded": 2.0})}  # fmt: skip


def decide_part(key: str) -> dict[str, Any]:
    """Return of a hundred boroughs how many were blocked, and how often each comparison came out as what."""
    homes, kind, group, part = key.split()
    unfair = Unfair("ethnicity", group, **WORSE[kind][1]) if kind in WORSE else None
    blocked, counts = 0, Counter[str]()
    for seed in range(int(part) * PART, (int(part) + 1) * PART):
        answers = decide_borough(int(homes), seed, unfair)
        blocked += any(verdict == "fail" for *_, verdict in answers)
        counts.update("|".join(answer) for answer in answers)
        failed = {question for question, _, verdict in answers if verdict == "fail"}
        counts.update(f"{question}||fail" for question in failed)
    return {"blocked": blocked, "counts": dict(sorted(counts.items()))}


def draw_parts(homes: int, kind: str, group: str, boroughs: int) -> tuple[float, Counter[str]]:
    """Return the share of so many boroughs that were blocked, and the counts over all of them."""
    keys = [f"{homes} {kind} {group} {part}" for part in range(boroughs // PART)]
    parts: Sequence[dict[str, Any]] = list(
        draw_resuming("whole-gates", keys, decide_part, rooms=("charter", "fairness_reports")).values()
    )
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part["counts"])
    return sum(part["blocked"] for part in parts) / boroughs, counts


@pytest.mark.deep
@pytest.mark.parametrize("homes", SIZES)
def test_a_whole_gate_blocks_five_of_a_hundred_fair_boroughs_at_most(homes: int) -> None:
    """Broken by asking for one of five groups what chance asks of a question alone: 8 to 12 of 100 of 3,000 homes."""
    blocked, counts = draw_parts(homes, "fair", "-", FAIR)
    print(f"\n| {homes:,} | {100 * blocked:.1f} |", dict(counts))
    assert blocked <= 0.05


@pytest.mark.deep
@pytest.mark.parametrize("homes", SIZES)
@pytest.mark.parametrize("kind", list(WORSE))
def test_a_group_at_half_is_found(homes: int, kind: str) -> None:
    question, _ = WORSE[kind]
    for group in ASKED_OF:
        blocked, counts = draw_parts(homes, kind, group, OTHERWISE)
        found = counts[f"{question}|{group}|fail"] / OTHERWISE
        print(f"\n| {homes:,} | {kind} | {group} | {100 * found:.0f} | {100 * blocked:.0f} |")
        assert blocked >= found
