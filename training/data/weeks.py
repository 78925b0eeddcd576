"""The rows of many weeks' lists: everything about them that depends on no model.

    week      0        0        1
    row       0  1     2  3     4  5  6      by week, in the matrix's order
    list      0  0     1  1     2  2 -1      numbered by week and team; -1 is on no list: no team, or left out
    household 4  9     2  7     4  9  2      one number for a household in all weeks

A week here is one list's date, however many days lists are apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from charter.rules.left_out import mark_with_worker
from training.data.dataset import MISSING, Dataset
from training.data.lists import find_teams, mark_in_touch, measure_lead_days
from training.data.other_lists import OtherLists

__all__ = ["ListWeeks", "gather_weeks", "number_households"]


@dataclass(frozen=True)
class ListWeeks:
    """The rows: `names` (households,) are pseudonyms, `start` (weeks + 1,) where each week's rows begin.

    Of each list: its `list_week`, `list_team` and `room` (places). Of each row: whether it has a label, whether the
    need came (`needed`), whether no service was in touch (`new`), and the days until the need, NaN where there is none.
    """

    days: tuple[date, ...]
    names: NDArray[np.bytes_]
    household: NDArray[np.int32]
    list_of: NDArray[np.int32]
    start: NDArray[np.int64]
    list_week: NDArray[np.int32]
    list_team: tuple[str, ...]
    room: NDArray[np.int32]
    labelled: NDArray[np.bool_]
    needed: NDArray[np.bool_]
    new: NDArray[np.bool_]
    days_until: NDArray[np.float32]

    @property
    def week(self) -> NDArray[np.int32]:
        """The week of each row; shape (rows,)."""
        return np.repeat(np.arange(len(self.days), dtype=np.int32), np.diff(self.start))


def gather_weeks(
    data: Dataset,
    places: Callable[[date], Mapping[str, int]],
    with_worker: Sequence[str] = (),
    others: OtherLists | None = None,
) -> ListWeeks:
    """Gather the rows of all dates of a matrix built for lists; `places` gives each team's at a date.

    Whom `others` hold is on no list. Labels are as known by the snapshot.
    Raises DefinitionError for a feature in `with_worker` that is not there.
    """
    names, household = number_households([np.asarray(data.at(day).entity) for day in data.dates])
    lists: list[tuple[int, str, int]] = []
    list_of, labels, new, days_until = [], [], [], []
    for week, day in enumerate(data.dates):
        rows = data.at(day)
        teams = find_teams(rows.area, day, data.council)
        left_out = mark_with_worker(rows.features, data.matrix.features, with_worker)
        if others is not None:
            left_out |= _mark_entities(np.asarray(rows.entity), others.find_held(day))
        numbers = np.full(len(teams), -1, dtype=np.int32)
        for team, room in sorted(places(day).items()):
            numbers[(teams == team) & ~left_out] = len(lists)
            lists.append((week, team, room))
        list_of.append(numbers)
        labels.append(data.labels(day, data.taken_at))
        new.append(~mark_in_touch(data, day))
        days_until.append(measure_lead_days(data, day).astype(np.float32))
        rows.let_go()
    label = np.concatenate(labels)
    return ListWeeks(
        days=tuple(data.dates),
        names=names,
        household=household,
        list_of=np.concatenate(list_of),
        start=np.cumsum([0, *(len(part) for part in list_of)]),
        list_week=np.array([week for week, _, _ in lists], dtype=np.int32),
        list_team=tuple(team for _, team, _ in lists),
        room=np.array([room for _, _, room in lists], dtype=np.int32),
        labelled=label != MISSING,
        needed=label == 1,
        new=np.concatenate(new),
        days_until=np.concatenate(days_until),
    )


def _mark_entities(entity: NDArray[np.bytes_], chosen: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    """Return which of some rows are among the chosen; a matrix's entities are sorted."""
    marked = np.zeros(len(entity), dtype=np.bool_)
    if len(entity):
        at = np.minimum(np.searchsorted(entity, chosen), len(entity) - 1)
        marked[at[entity[at] == chosen]] = True
    return marked


def number_households(parts: Sequence[NDArray[np.bytes_]]) -> tuple[NDArray[np.bytes_], NDArray[np.int32]]:
    """Return every different pseudonym, and each row's number among them over all parts: (households,), (rows,).

    By hashing: sorting ten million pseudonyms takes half a minute.
    """
    width = max((part.dtype.itemsize for part in parts), default=1)
    rows = np.ascontiguousarray(np.concatenate([part.astype(f"S{width}") for part in parts]))
    fixed = pa.Array.from_buffers(pa.binary(width), len(rows), [None, pa.py_buffer(rows)])
    encoded = fixed.dictionary_encode()
    names = np.array(encoded.dictionary.to_pylist(), dtype=f"S{width}")
    return names, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
