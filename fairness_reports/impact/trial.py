"""Does it help? The outcome of listed households by arm, from what was issued and what happened since.

Reads `issued.csv` of every list, `actions.csv`, and the newest snapshot. A household counts once, by the first list
it was on. Only lists whose whole horizon and reporting lag are over by the snapshot are measured: before that, and
with fewer than MINIMUM households in an arm, the answer is "insufficient", and when it can be given.

This is for a council without a registered trial (effect.py has that): households of different arms are different
households, and the sentence says so.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from charter.contracts.files import find_current, read_json
from charter.contracts.matrix import Matrix
from charter.errors import DataError
from charter.invocation import Invocation
from fairness_reports.audit.measuring.intervals import bound_difference, bound_share
from fairness_reports.audit.population.audited_people import find_horizon_end
from fairness_reports.impact.later_need import OutcomePeriod, read_offers
from fairness_reports.impact.missed_need import measure_missed, read_looks, read_offers_of_looks

__all__ = ["MINIMUM", "Issued", "measure_trial"]

MINIMUM = 30
"""Households in an arm below which its share is not an answer."""


@dataclass(frozen=True)
class Issued:
    """A household's first place on any list: when, and in which arm."""

    entity: str
    as_of: date
    arm: str


def measure_trial(invocation: Invocation) -> dict[str, Any]:
    """Return the outcome by arm with 95 % intervals, or "insufficient" with the day on which there is an answer.

    Raises DataError where nothing has been issued.
    """
    issued = _read_first_places(invocation.workspace.worklist)
    actions = invocation.workspace.worklist / "actions.csv"
    offered = {entity for entity, _ in read_offers(actions)}
    looks = read_looks(invocation.workspace.worklist)
    folder = find_current(invocation.workspace.matrix)
    if folder is None:
        raise DataError("there is no matrix, so the outcome is not defined.", "Run `sooner build`.")
    matrix = Matrix.open(folder)
    lag = timedelta(days=float(matrix.manifest["reporting_lag_days"]))
    tables = invocation.workspace.snapshot() / "tables"
    taken_at = datetime.fromisoformat(read_json(tables.parent / "manifest.json")["taken_at"])
    over = {
        day: find_horizon_end(matrix.definition, invocation.council, day) + lag
        for day in {place.as_of for place in issued} | {look.as_of for look in looks}
    }
    signals = sorted({name for part in matrix.definition["outcome"]["components"] for name in part["signals"]})
    period = OutcomePeriod(invocation.council, matrix.definition, tables, taken_at)
    covered = period.read_covered(signals)
    followed = {day for day, end in over.items() if end <= taken_at and period.is_followed(day, covered)}
    mature = [place for place in issued if place.as_of in followed]
    ended = [look for look in looks if look.as_of in followed]
    had = period.find_needs({place.as_of for place in mature} | {look.as_of for look in ended}, signals)
    missed = measure_missed(ended, had, read_offers_of_looks(actions)) if looks else None
    arms = [_measure_arm(arm, issued, mature, had, offered) for arm in sorted({place.arm for place in issued})]
    first = min(over.values())
    ready = [arm for arm in arms if arm["verdict"] == "measured"]
    return {
        "programme": invocation.programme,
        "verdict": "measured" if len(ready) > 1 else "insufficient",
        "sentence": " ".join([_write_sentence(ready, arms, first), *([missed["sentence"]] if missed else [])]),
        "missed_need": missed,
        "answer_from": first.date().isoformat(),
        "arms": arms,
        "comparisons": [_compare_arms(arm, other) for number, arm in enumerate(ready) for other in ready[number + 1 :]],
    }


def _read_first_places(folder: Path) -> list[Issued]:
    rows: dict[str, Issued] = {}
    for path in sorted(folder.glob("*/issued.csv")):
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                place = Issued(row["entity"], date.fromisoformat(row["as_of"]), row["arm"])
                if place.entity not in rows or place.as_of < rows[place.entity].as_of:
                    rows[place.entity] = place
    if not rows:
        raise DataError("no list has been issued, so there is nothing to learn from.", "Run `sooner rank` first.")
    return [rows[entity] for entity in sorted(rows)]


def _measure_arm(
    arm: str,
    issued: Iterable[Issued],
    mature: Iterable[Issued],
    had: set[tuple[date, str]],
    offered: set[str],
) -> dict[str, Any]:
    all_of, measured = [place for place in issued if place.arm == arm], [place for place in mature if place.arm == arm]
    row: dict[str, Any] = {
        "arm": arm,
        "households": len(all_of),
        "offered_help": sum(place.entity in offered for place in all_of),
        "measured": len(measured),
        "verdict": "measured" if len(measured) >= MINIMUM else "insufficient",
        "estimate": None,
        "interval": None,
    }
    if row["verdict"] == "measured":
        counted = sum((place.as_of, place.entity) in had for place in measured)
        low, high = bound_share(np.array([counted / len(measured)]), np.array([float(len(measured))]))
        row |= {"estimate": counted / len(measured), "interval": [float(low[0]), float(high[0])]}
    return row


def _compare_arms(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    low, high = bound_difference(
        np.array([first["estimate"]]),
        np.array([float(first["measured"])]),
        np.array([second["estimate"]]),
        np.array([float(second["measured"])]),
    )
    return {
        "arms": [first["arm"], second["arm"]],
        "difference": first["estimate"] - second["estimate"],
        "interval": [float(low[0]), float(high[0])],
        # Of what was issued without a registered trial no lot is known: `sooner trial` of a trial compares by its lots.
        "by_lot": False,
    }


def _write_sentence(ready: list[dict[str, Any]], arms: list[dict[str, Any]], first: datetime) -> str:
    if len(ready) > 1:
        shares = "; ".join(
            f"{arm['arm']} {100 * arm['estimate']:.1f} % of {arm['measured']}"
            f" ({100 * arm['interval'][0]:.1f} to {100 * arm['interval'][1]:.1f})"
            for arm in ready
        )
        return (
            f"Later need by how households came to be listed: {shares}. They are different households, so no difference"
            " between them says what help changed; a registered trial does."
        )
    households = sum(arm["households"] for arm in arms)
    return (
        f"Insufficient: of {households} listed households too few have a finished outcome period in two arms. The first"
        f" one ends on {first.date()}."
    )
