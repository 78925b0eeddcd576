"""The arrays that kernels are handed, by what they are about: each group a NamedTuple, which numba takes as it is.

Every array has one name from where it is read to where it is used, and two of one group can't be swapped unseen.
Of a group with a `start`, the rows of key n are `start[n]:start[n + 1]`. A mask is 64 bits, bit k for as-of date k of
the frame. Times are microseconds, amounts ten-thousandths; "none" is the least 64-bit number.

What a date's rows depend on is hashed from these groups (digest.py), their names and fields included: a field more
or less makes every key another, so that no row made before is taken for one made now.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ChoiceRows", "CohortRows", "CoverageRows", "EventRows", "Histories", "HomeRows", "Identities", "MemberRows",
    "OutcomeRows", "Outcomes", "PersonRows", "Program", "Results", "Timetable", "WantedRows",
]  # fmt: skip


class WantedRows(NamedTuple):
    """What a block is asked for: entities, and by entity (of all, not of the block) the dates it gets a row at."""

    entity: NDArray[np.int64]
    mask: NDArray[np.uint64]


class MemberRows(NamedTuple):
    """Who belongs to which entity at which dates, grouped by entity."""

    start: NDArray[np.int64]
    person: NDArray[np.int64]
    mask: NDArray[np.uint64]

    @property
    def entities(self) -> int:
        """How many entities there are."""
        return len(self.start) - 1

    @property
    def most(self) -> int:
        """The most members that an entity has over all dates."""
        return int(np.diff(self.start).max(initial=0))

    @property
    def owner(self) -> NDArray[np.int64]:
        """The entity of each row."""
        return np.repeat(np.arange(self.entities), np.diff(self.start))

    def any_of(self, masks: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return, by entity, the dates at which any member's mask holds."""
        if not len(self.person):
            return np.zeros(self.entities, np.uint64)
        # reduceat gives a wrong value for an empty group, so an empty row is added and empty groups are cleared.
        folded = np.bitwise_or.reduceat(np.append(masks, np.uint64(0)), self.start[:-1])
        return np.where(np.diff(self.start) > 0, folded, np.uint64(0)).astype(np.uint64)


class PersonRows(NamedTuple):
    """By person: the dates at which each seen column and each service's choices hold; by date and person the age.

    `seen[p, w]` and `allowed[p, service]` are masks; `ages[k, p]` is in whole years, -1 where it is not known.
    """

    seen: NDArray[np.uint64]
    allowed: NDArray[np.uint64]
    ages: NDArray[np.int16]


class CohortRows(NamedTuple):
    """By entity: the dates at which no simple rule puts it out, those at which one can't be evaluated, and its area.

    `area[entity, k]` is a code.
    """

    candidates: NDArray[np.uint64]
    unknown: NDArray[np.uint64]
    area: NDArray[np.int32]


class EventRows(NamedTuple):
    """Versions of events, grouped by person; version e is visible, and its moment has come, at `first <= k < last`.

    `signal` and `detail` are codes, detail 0 nothing that is read. `ended` is read only where something asks what is
    open; `tie`, the place of the event's id among those of the same moments, and `ident`, a digest of that id, only
    where something asks for the latest: else they are empty.
    """

    start: NDArray[np.int64]
    signal: NDArray[np.int16]
    detail: NDArray[np.int16]
    valid: NDArray[np.int64]
    known: NDArray[np.int64]
    amount: NDArray[np.int64]
    ended: NDArray[np.int64]
    tie: NDArray[np.int32]
    ident: NDArray[np.uint64]
    first: NDArray[np.uint8]
    last: NDArray[np.uint8]


class OutcomeRows(NamedTuple):
    """The outcome's standing events, grouped by person; `service[c]` is whose choices hold for component c."""

    start: NDArray[np.int64]
    valid: NDArray[np.int64]
    known: NDArray[np.int64]
    component: NDArray[np.int64]
    service: NDArray[np.int64]


class Timetable(NamedTuple):
    """All the calendar there is: `times[k]` is as-of date k, `today[k]` its day, `ends[k]` where its horizon ends.

    `windows[w, k]` is when window w starts; `since[w, k]` what days_since says of nothing; `midnights[d]` when day d
    begins, one more at the end.
    """

    times: NDArray[np.int64]
    windows: NDArray[np.int64]
    since: NDArray[np.int64]
    today: NDArray[np.int64]
    midnights: NDArray[np.int64]
    ends: NDArray[np.int64]


class Program(NamedTuple):
    """What is to be done (kernel_plan.py): entries by signal code, slots to sum into, columns to make of them.

    Entries of signal s are `entry[begin[s]:end[s]]`; `payload[n, d]` is what detail d means to entry n. `fresh[row]`
    is what a row of the slots starts from, `carry[row]` how it is carried along the dates. `composition[entity, k, c]`
    is who lives there.
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    entry: NDArray[np.int64]
    payload: NDArray[np.int16]
    fresh: NDArray[np.int64]
    carry: NDArray[np.int8]
    column: NDArray[np.int64]
    column_seen: NDArray[np.int32]
    composition: NDArray[np.float64]


class Results(NamedTuple):
    """What the sums fill: by date, entity of the block and column the value, and how many members were seen."""

    values: NDArray[np.float32]
    seen: NDArray[np.uint16]


class Outcomes(NamedTuple):
    """What the look ahead fills: by date, entity of the block and component; `closed` by entity and component."""

    valid: NDArray[np.int64]
    known: NDArray[np.int64]
    closed: NDArray[np.uint64]


class Identities(NamedTuple):
    """64-bit digests of the texts behind the codes: of entities, people, areas, and the seen columns."""

    entity: NDArray[np.uint64]
    person: NDArray[np.uint64]
    area: NDArray[np.uint64]
    seen: NDArray[np.uint64]


class Histories(NamedTuple):
    """What each version of an event says, as one number; grouped and visible as in EventRows."""

    start: NDArray[np.int64]
    state: NDArray[np.uint64]
    first: NDArray[np.uint8]
    last: NDArray[np.uint8]


class CoverageRows(NamedTuple):
    """Whom one service could have seen: intervals, grouped by the people in `person`, ordered by begin.

    Each is visible at the dates `first <= k < last`.
    """

    start: NDArray[np.int64]
    person: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


class ChoiceRows(NamedTuple):
    """What people chose, ordered by (key, start, known_at, forbids); service -1 is all of them."""

    person: NDArray[np.int32]
    service: NDArray[np.int32]
    kind: NDArray[np.int32]
    key: NDArray[np.int64]
    forbids: NDArray[np.int32]


class HomeRows(NamedTuple):
    """Who ever lived at each home, grouped by home."""

    start: NDArray[np.int64]
    person: NDArray[np.int64]
