"""Protected characteristics, read for the purpose `equality_monitoring` alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.rules.policy import Policy
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.reading_tables import open_connection

__all__ = ["group_persons", "read_characteristics"]

_OPTED_OUT = """
    SELECT DISTINCT person_id FROM read_parquet($permission)
    WHERE purpose IN ('equality_monitoring', '*') AND kind IN ('refusal', 'objection', 'restriction')
      AND status <> 'overruled' AND start <= $now AND ("end" IS NULL OR "end" > $now)
      AND known_at < $now AND (known_until IS NULL OR known_until >= $now)
"""
# An overruling is a later version of the same row, so what is visible now says what stands now.

_VALUES = """
    SELECT person_id, arg_max(value, (known_at, value)) AS value FROM read_parquet($protected)
    WHERE characteristic = $characteristic AND known_at < $now GROUP BY person_id
"""


def read_characteristics(tables: Path, policy: Policy, now: datetime) -> dict[str, Mapping[bytes, str]]:
    """Return by characteristic each person's newest value known at `now` (the snapshot's `taken_at`).

    Whoever refused, objected or asked for restriction of monitoring is left out, and so counts as not recorded; an
    empty value does too. The characteristics are the charter's; others in the table are not read.
    """
    permission, protected = tables / "permission.parquet", tables / "protected.parquet"
    connection = open_connection()
    left_out: set[str] = set()
    if permission.exists():
        rows = connection.execute(_OPTED_OUT, {"permission": str(permission), "now": now}).fetchall()
        left_out = {person for (person,) in rows}
    by_name: dict[str, Mapping[bytes, str]] = {}
    for name in policy.characteristics:
        rows = []
        if protected.exists():
            parameters = {"protected": str(protected), "characteristic": name, "now": now}
            rows = connection.execute(_VALUES, parameters).fetchall()
        by_name[name] = {
            person.encode(): value.strip()
            for person, value in rows
            if value and value.strip() and person not in left_out
        }
    return by_name


def group_persons(
    values: Mapping[bytes, str], person: NDArray[np.bytes_], not_recorded: str, number: NDArray[np.int64] | None = None
) -> Grouping:
    """Group rows by their person's value, in alphabetical order; whoever has none is in the group `not_recorded`.

    `person` (rows,) are names, each of which may occur often; or, where `number` (rows,) says whose row each is, the
    names (persons,) that it numbers, each once, so that none is looked up twice. Everybody numbered has a row.
    """
    named = [values.get(name, not_recorded) for name in person.tolist()]
    names = sorted(set(named))
    code_of = {name: code for code, name in enumerate(names)}
    code = np.fromiter((code_of[name] for name in named), np.int64, len(named))
    return Grouping(code if number is None else code[number], tuple(names))
