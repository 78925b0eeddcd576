"""Whom linkage takes for somebody else in populations made for it, and what that costs in pairs found and asked about.

The seeds that `make deep ONLY=hostile` has linked, and more until time is up; see tests/generative/test_hostile_people
for what widens it. Bounds are exact (Poisson), one-sided, of 95 %.

    python -m benchmarks linkage_hostile
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import chi2

from benchmarks.bench_linkage_bound import TOLD
from benchmarks.results import RESULTS, Row
from charter.contracts.files import read_json
from tests.generative.test_hostile_people import SEEDS, SIZE, link_seeds

_PER = 10_000
_GOAL = 1.0
_SIZES = (500, 1000, 1500)
"""References below which towns are pooled, of towns of 200 to 2,000."""


def bound_wrong(wrong: int, references: int) -> float:
    """Return the upper bound of wrong merges in 10,000 references."""
    return float(_PER * chi2.ppf(0.95, 2 * wrong + 2) / 2 / max(references, 1))


def _add(towns: Sequence[Mapping[str, Any]], *names: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for town in towns:
        for name in names:
            total.update(town[name])
    return total


def _pool(towns: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the bound of each group, and of each size of town."""
    wrong, references = _add(towns, "wrong", "marked"), _add(towns, "references")
    bounds = {group: bound_wrong(wrong[group], references[group]) for group in sorted(references)}
    by_size: dict[str, list[Mapping[str, Any]]] = {}
    for town in towns:
        size = sum(town["references"].values())
        under = next((edge for edge in _SIZES if size < edge), None)
        by_size.setdefault(f"towns under {under:,}" if under else f"towns of {_SIZES[-1]:,} or more", []).append(town)
    for name, some in sorted(by_size.items()):
        bounds[name] = bound_wrong(_add(some, "wrong", "marked").total(), _add(some, "references").total())
    return {name: round(bound, 2) for name, bound in bounds.items()}


def _read_bounds() -> dict[str, float]:
    """Return the recall of who was told the truth of other towns, as linkage_bound measured it, and of which kinds."""
    named = {row["name"]: row for row in read_json(RESULTS)}
    row = named.get(TOLD.format(wrong=1))
    if row is None:
        return {}
    worst = min(row["peers"].values())
    return {
        "bound: recall of who was told the truth of other towns, at as many wrong": row["figure"],
        "bound: of its kinds the worst is under the best by": round(max(row["peers"].values()) - worst, 3),
    }


def run() -> list[Row]:
    """Return what is wrong, what is found and what is asked."""
    towns = link_seeds(SEEDS)
    wrong, marked = (_add(towns, *names).total() for names in (("wrong", "marked"), ("marked",)))
    namesakes, references, found, true = (_add(towns, name) for name in ("namesakes", "references", "found", "true"))
    total, bound = references.total(), bound_wrong(wrong, references.total())
    of = f"towns of {SIZE:,}" if SIZE else "towns of 200 to 2,000"
    size = f"{total:,} references of {len(towns):,} {of}"
    asked, review = (sum(town[name] for town in towns) for name in ("asked", "review"))
    recalls = {group: round(found[group] / max(true[group], 1), 3) for group in sorted(true)}
    return [
        Row(
            f"linkage: wrong merges in 10,000 hostile references, {of}, upper 95 % bound",
            round(bound, 2),
            "in 10,000",
            "1 or less",
            bound <= _GOAL,
            {
                "found": round(_PER * wrong / total, 2),
                "found, not marked as uncertain": round(_PER * (wrong - marked) / total, 2),
                "bound: found with a namesake born on their day, whom nothing tells apart": round(
                    _PER * namesakes.total() / total, 2
                ),
                **_pool(towns),
            },
            f"{size}; {wrong} wrong, {marked} of them marked as uncertain, {namesakes.total()} with a namesake born on "
            "their day (twins of one forename); the peers are upper bounds, pooled",
        ),
        Row(
            f"linkage: recall in hostile populations, {of}",
            round(found.total() / true.total(), 3),
            "",
            "no group 2 points under the best",
            max(recalls.values()) - min(recalls.values()) <= 0.02,
            recalls | _read_bounds(),
            f"{size}; joined or asked about {(found.total() + asked) / true.total():.3f}; "
            f"{_PER * review / total:,.0f} pairs for a person in 10,000; what is possible: linkage_bound",
        ),
    ]


if __name__ == "__main__":
    for row in run():
        print(row)
