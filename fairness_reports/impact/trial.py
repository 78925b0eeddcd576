"""Does it help? The outcome of listed households by arm, from what was issued and what happened since.

Reads `issued.csv` of every list, `actions.csv`, and the newest snapshot. A household counts once, by the first list
it was on. Only lists whose whole horizon and reporting lag are over by the snapshot are measured: before that, and
with fewer than MINIMUM households in an arm, the answer is "insufficient", and when it can be given.

Compared are the arms as they were assigned (intention to treat), so that who took up help cannot tilt the answer.
Only arms assigned by lot (`ranked` and `control` of one trial) can say what the offer changed: `by_lot` marks them.
Other differences, such as ranked against random, compare different households.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from charter.contracts.files import pointed, read_json
from charter.contracts.matrix import Matrix
from charter.errors import DataError
from charter.invocation import Invocation
from fairness_reports.audit.measuring.intervals import newcombe, wilson
from fairness_reports.audit.population.people import horizon_end
from fairness_reports.audit.population.reading_tables import connect

__all__ = ["MINIMUM", "Issued", "trial"]

MINIMUM = 30
"""Households in an arm below which its share is not an answer."""

_OUTCOMES = """
    SELECT DISTINCT household_id FROM (
      SELECT household_id, person_id FROM read_parquet($residence)
      WHERE start <= $start AND ("end" IS NULL OR "end" > $start)
        AND known_at < $now AND (known_until IS NULL OR known_until >= $now))
    JOIN read_parquet($events) AS events USING (person_id)
    WHERE list_contains($signals, signal) AND valid_at >= $start AND valid_at < $end
      AND events.known_at < $now AND (events.known_until IS NULL OR events.known_until >= $now)
"""


@dataclass(frozen=True)
class Issued:
    """A household's first place on any list: when, and in which arm."""

    entity: str
    as_of: date
    arm: str


def trial(invocation: Invocation) -> dict[str, Any]:
    """Return the outcome by arm with 95 % intervals, or "insufficient" with the day on which there is an answer.

    Raises DataError where nothing has been issued.
    """
    issued = _first_places(invocation.workspace.worklist)
    offered = _offered(invocation.workspace.worklist / "actions.csv")
    folder = pointed(invocation.workspace.matrix)
    if folder is None:
        raise DataError("there is no matrix, so the outcome is not defined.", "Run `sooner build`.")
    matrix = Matrix.open(folder)
    lag = timedelta(days=float(matrix.manifest["reporting_lag_days"]))
    tables = invocation.workspace.snapshot() / "tables"
    taken = datetime.fromisoformat(read_json(tables.parent / "manifest.json")["taken_at"])
    over = {day: horizon_end(matrix.definition, invocation.council, day) + lag for day in {one.as_of for one in issued}}
    mature = [one for one in issued if over[one.as_of] <= taken]
    had = _with_outcome(mature, matrix, invocation, tables, taken)
    arms = [_arm(arm, issued, mature, had, offered) for arm in sorted({one.arm for one in issued})]
    first = min(over.values())
    ready = [arm for arm in arms if arm["verdict"] == "measured"]
    return {
        "programme": invocation.programme,
        "verdict": "measured" if len(ready) > 1 else "insufficient",
        "sentence": _sentence(ready, arms, first),
        "answer_from": first.date().isoformat(),
        "arms": arms,
        "comparisons": [_compare(one, other) for number, one in enumerate(ready) for other in ready[number + 1 :]],
    }


def _first_places(folder: Path) -> list[Issued]:
    rows: dict[str, Issued] = {}
    for path in sorted(folder.glob("*/issued.csv")):
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                one = Issued(row["entity"], date.fromisoformat(row["as_of"]), row["arm"])
                if one.entity not in rows or one.as_of < rows[one.entity].as_of:
                    rows[one.entity] = one
    if not rows:
        raise DataError("no list has been issued, so there is nothing to learn from.", "Run `sooner rank` first.")
    return [rows[entity] for entity in sorted(rows)]


def _offered(path: Path) -> set[str]:
    if not path.exists():
        return set()
    with path.open(encoding="utf-8", newline="") as handle:
        return {row["entity"] for row in csv.DictReader(handle) if row["offered_at"]}


def _with_outcome(
    mature: Iterable[Issued], matrix: Matrix, invocation: Invocation, tables: Path, taken: datetime
) -> set[tuple[date, str]]:
    signals = sorted({name for part in matrix.definition["outcome"]["components"] for name in part["signals"]})
    found: set[tuple[date, str]] = set()
    for day in sorted({one.as_of for one in mature}):
        rows = (
            connect()
            .execute(
                _OUTCOMES,
                {
                    "residence": str(tables / "residence.parquet"),
                    "events": str(tables / "events.parquet"),
                    "signals": signals,
                    "start": invocation.council.midnight(day),
                    "end": horizon_end(matrix.definition, invocation.council, day),
                    "now": taken,
                },
            )
            .fetchall()
        )
        found |= {(day, household) for (household,) in rows}
    return found


def _arm(
    arm: str,
    issued: Iterable[Issued],
    mature: Iterable[Issued],
    had: set[tuple[date, str]],
    offered: set[str],
) -> dict[str, Any]:
    all_of, measured = [one for one in issued if one.arm == arm], [one for one in mature if one.arm == arm]
    row: dict[str, Any] = {
        "arm": arm,
        "households": len(all_of),
        "offered_help": sum(one.entity in offered for one in all_of),
        "measured": len(measured),
        "verdict": "measured" if len(measured) >= MINIMUM else "insufficient",
        "estimate": None,
        "interval": None,
    }
    if row["verdict"] == "measured":
        counted = sum((one.as_of, one.entity) in had for one in measured)
        low, high = wilson(np.array([counted / len(measured)]), np.array([float(len(measured))]))
        row |= {"estimate": counted / len(measured), "interval": [float(low[0]), float(high[0])]}
    return row


def _compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    low, high = newcombe(
        np.array([one["estimate"]]),
        np.array([float(one["measured"])]),
        np.array([other["estimate"]]),
        np.array([float(other["measured"])]),
    )
    return {
        "arms": [one["arm"], other["arm"]],
        "difference": one["estimate"] - other["estimate"],
        "interval": [float(low[0]), float(high[0])],
        "by_lot": {one["arm"], other["arm"]} == {"ranked", "control"},
    }


def _sentence(ready: list[dict[str, Any]], arms: list[dict[str, Any]], first: datetime) -> str:
    if len(ready) > 1:
        shares = "; ".join(
            f"{arm['arm']} {100 * arm['estimate']:.1f} % of {arm['measured']}"
            f" ({100 * arm['interval'][0]:.1f} to {100 * arm['interval'][1]:.1f})"
            for arm in ready
        )
        return f"Later need by arm: {shares}."
    households = sum(arm["households"] for arm in arms)
    return (
        f"Insufficient: of {households} listed households too few have a finished outcome period in two arms. The first"
        f" one ends on {first.date()}."
    )
