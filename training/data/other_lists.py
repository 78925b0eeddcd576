"""Households that other programmes' lists hold: `rank` gives way to them, and so does the replay.

    worked_lists.parquet    contract of that name: one drawing of a run's own past lists, with what was decided

The run of another programme's release left its own past weeks' lists. A household on one of them is left out here for
as long as `rank` would leave it out:

    other list of Monday 6 July, for a week    |---- held ----|
    decided on Thursday 9 July: taken up             |---------- rests as [cooling_off] here says ----------|

Of lists of one day those of the programme whose name comes first are made first, and keep the household. A programme
whose release was not replayed, or that has none, is named, and nobody gives way to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from charter.invocation import Invocation
from training.data.other_runs import find_other_lists

__all__ = ["WORKED", "OtherLists", "read_other_lists"]

WORKED = pa.schema(
    [
        ("entity", pa.string()),
        ("as_of", pa.date32()),
        ("until", pa.date32()),
        ("decision", pa.string()),
        ("decided_on", pa.date32()),
    ]
)

Days = NDArray[np.int32]


@dataclass(frozen=True)
class OtherLists:
    """Other programmes' past listings, one element each; days are counted from 1970.

    `first`: its programme's lists of a day are made before ours. `rests_until` is the first day that does not rest,
    `decided_on` for an undecided one. `listings` is how many there are by programme, `missing` why another has none.
    """

    entity: NDArray[np.bytes_]
    as_of: Days
    until: Days
    first: NDArray[np.bool_]
    decided_on: Days
    rests_until: Days
    listings: Mapping[str, int]
    missing: Mapping[str, str]

    @classmethod
    def nothing(cls, missing: Mapping[str, str] | None = None) -> OtherLists:
        """Return that no other programme's list holds anybody."""
        none = np.zeros(0, dtype=np.int32)
        return cls(np.zeros(0, dtype="S32"), none, none, none.astype(np.bool_), none, none, {}, missing or {})

    def find_held(self, day: date) -> NDArray[np.bytes_]:
        """Return the households that a list of `day` leaves out: on another list, or resting after what it led to."""
        now = (day - date(1970, 1, 1)).days
        held = (self.as_of < now) & (now < self.until) | (self.as_of == now) & self.first
        rests = (self.decided_on < now) & (now < self.rests_until)
        return np.unique(self.entity[held | rests])

    def say(self) -> str:
        """Return in a sentence to whose lists households gave way; empty where no other programme is there."""
        parts = [
            f"Households on the past lists of {name} ({number:,} listing{'' if number == 1 else 's'}), or at rest after"
            " what was decided there, were left out as `rank` leaves them out."
            for name, number in sorted(self.listings.items())
        ]
        parts += [f"Nobody gives way to lists of {name}: {why}." for name, why in sorted(self.missing.items())]
        return " ".join(parts)


def read_other_lists(invocation: Invocation) -> OtherLists:
    """Read what the council's other programmes' released runs left of their past lists."""
    weeks = invocation.settings.worklist.cooling_off
    listings, missing, parts = {}, {}, []
    for programme, found in find_other_lists(invocation).items():
        if isinstance(found, str):
            missing[programme] = found
            continue
        table = pq.read_table(found, schema=WORKED)
        listings[programme] = len(table)
        as_of, until, decided_on = (
            table[name].cast(pa.int32()).fill_null(0).to_numpy() for name in ("as_of", "until", "decided_on")
        )
        rest = np.array([7 * weeks.get(name, 0) if name else 0 for name in table["decision"].to_pylist()], np.int32)
        entity = np.array([name.encode() for name in table["entity"].to_pylist()], dtype="S32")
        first = np.full(len(table), programme < invocation.programme)
        parts.append((entity, as_of, until, first, decided_on, decided_on + rest))
    if not parts:
        return OtherLists.nothing(missing)
    entity, as_of, until, first, decided_on, rests_until = (
        np.concatenate([part[number] for part in parts]) for number in range(len(parts[0]))
    )
    return OtherLists(entity, as_of, until, first, decided_on, rests_until, listings, missing)
