"""Whom a list leaves out: who rests after a decision, and who has a worker already. For `rank` and the replay alike.

    list of Monday 6 July    decided on Thursday 9 July: taken up, a rest of 26 weeks
    rests until              Thursday 7 January; a list of that day may hold the household, over all programmes
    lists a week apart       the 26th after that of 6 July is of 4 January, too early; the 27th, of 11 January, may

Weeks of rest are `[cooling_off]` of worklist.toml; who has a worker is said by the features that `[leave_out]` names.
Needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from charter.errors import DefinitionError

__all__ = ["count_lists_left_out", "find_resting", "mark_with_worker"]


def find_resting(decisions: Iterable[tuple[str, str, date]], weeks: Mapping[str, int], as_of: date) -> dict[str, str]:
    """Return who rests on `as_of`, and the decision that says so.

    `decisions` are (entity, disposition, local day); a disposition that `weeks` lacks has no rest. The rest that lasts
    longest counts; of two that end on one day, the one that was decided first.
    """
    until: dict[str, tuple[date, str]] = {}
    for entity, disposition, day in decisions:
        end = day + timedelta(weeks=weeks.get(disposition, 0))
        if end > until.get(entity, (date.min, ""))[0]:
            until[entity] = (end, disposition)
    return {entity: disposition for entity, (end, disposition) in until.items() if end > as_of}


def count_lists_left_out(weeks: int, decided_after: int, apart: int) -> int:
    """Return how many lists from its own on a household is not on again: the first that may hold it, counted on.

    Decided `decided_after` days after its list's date, with so many `weeks` of rest and lists `apart` days apart. At
    least 1: nobody is on one list twice.
    """
    return max(1, -(-(decided_after + 7 * weeks) // apart))


def mark_with_worker(
    features: NDArray[np.float32], names: Sequence[str], with_worker: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which rows have a worker: one of the features `with_worker` is above 0; not seen says nothing.

    `features` (rows, features) in the order of `names`. Raises DefinitionError for a feature that is not there.
    """
    missing = sorted(set(with_worker) - set(names))
    if missing:
        raise DefinitionError(
            f"worklist.toml [leave_out]: with_worker names {missing[0]}, which is no feature of the programme.",
            "Name features of definition.py that count what is open now, or none.",
        )
    columns = [names.index(name) for name in with_worker]
    if not columns:
        return np.zeros(len(features), dtype=bool)
    return np.asarray((np.asarray(features[:, columns]) > 0).any(axis=1))
