"""What a row's outcome is, for whoever learns from it and whoever audits: yes, no, or not known.

Of each component of the outcome a row says what was before its as-of date (FREE, CONTINUING, UNSEEN), whether it
happened within the horizon, and whether its feed and its members' choices cover the horizon.

    asked       it can be asked of the household: seen over the months before; of an onset also free of it. Where
                nobody was seen over the months before, because the feed is younger than that, of any it is asked of all
                (whom a service can see is then not known, and the horizon alone says what is covered)
    yes         any component that is asked happened
    no          every component that is asked is covered, and none happened
    not known   else; of rows with ends of their own each that is not covered to its end, yes and no alike; and
                everything of a date of which the feed of a component does not cover the horizon, yes and no
                alike: its early positives without the rest would flatter

                       before      covered   happened     of an onset   of any
    a duty owed        FREE        yes       no           asked: no     asked: no
    severe absence     CONTINUING  yes       yes          not asked     asked: yes
    an exclusion       UNSEEN      yes       no           not asked     not asked
    the household                                         no            yes
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import FREE, UNSEEN, MatrixDate

__all__ = ["NOT_KNOWN", "find_asked", "label_rows"]

NOT_KNOWN = np.int8(-1)
"""The label of a row whose outcome is not known."""


def find_asked(rows: MatrixDate, outcome: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return which components can be asked of each row, of an `outcome` (definition.json); (rows, components)."""
    before = np.asarray(rows.outcome_before)
    if outcome.get("onset"):
        return np.asarray(before == FREE)
    too_young = (before == UNSEEN).all(axis=0) & np.asarray(rows.outcome_seen).any(axis=0)
    return np.asarray((before != UNSEEN) | too_young)


def label_rows(
    rows: MatrixDate, outcome: Mapping[str, Any], happened: NDArray[np.bool_]
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return each row's label, 1, 0 or NOT_KNOWN, and which components that are asked happened.

    `happened` (rows, components) says what was known to have happened within the horizon.
    """
    asked, seen = find_asked(rows, outcome), np.asarray(rows.outcome_seen)
    counted = happened & asked
    covered = bool((seen.any(axis=0) | ~asked.any(axis=0)).all())
    if not covered:
        return np.full(len(asked), NOT_KNOWN, dtype=np.int8), np.zeros_like(counted)
    none_missing = np.asarray(asked.any(axis=1) & (seen | ~asked).all(axis=1))
    if "ends_with" in outcome:
        label = np.where(none_missing, counted.any(axis=1), NOT_KNOWN)
        return label.astype(np.int8), counted & none_missing[:, None]
    return np.where(counted.any(axis=1), 1, np.where(none_missing, 0, NOT_KNOWN)).astype(np.int8), counted
