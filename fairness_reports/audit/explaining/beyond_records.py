"""Does the order find need, or only what services will record? Asked of signs of need that other hands recorded.

    of 100 people with no recorded need        their first tenth            all others
    an order by need                           9 had an independent sign    4
    an order by what is recorded               5                            5

Records and signs are two views of need, each with faults of its own. Whoever the order puts first for their need, and
whose need no service recorded after all, has a sign more often than others have. An order that knows what will be
recorded has no reason to put anybody else before another: among those without a record its first tenth is like all
others, however well it orders the records. A field that was written with the outcome orders so (decision 141), and so
does one that says whom a service looks at.

This is the audit's to ask and not training's, which may read no feed that is permitted for `evaluate` alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.machine.threads import one_thread
from charter.rules.measures import SHARES
from fairness_reports.audit.measuring.disparities import Disparity, Side, measure_disparities
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping, Tally, number_cells
from fairness_reports.audit.population.audited_people import People

__all__ = ["BARELY", "FINDS_NEED", "FINDS_RECORDS", "measure_beyond_records"]

FINDS_NEED, FINDS_RECORDS, OPEN = "need", "records", "cannot be told"

BARELY = 1.25
"""Times as often: under it by the whole of its interval, an order has shown next to nothing beyond the records."""

_FIRST = 0.1


@one_thread()
def measure_beyond_records(people: People, sign: NDArray[np.int8], *, resamples: int, seed: int) -> dict[str, Any]:
    """Return how often the first tenth of the order and all others had the need recorded, and without it a sign.

    `sign` (people,) 1, 0 or UNKNOWN. Only rows of which both are known count. `answer` is one of FINDS_NEED,
    FINDS_RECORDS and "cannot be told".
    """
    known = (people.label != UNKNOWN) & (sign != UNKNOWN)
    recorded = _compare(people, people.label, known, resamples, seed)
    unrecorded = _compare(people, sign, known & (people.label == 0), resamples, seed)
    answer, ends = OPEN, unrecorded.ratio_interval
    if ends is not None and ends[0] > 1:
        answer = FINDS_NEED
    elif ends is not None and ends[1] < BARELY:
        answer = FINDS_RECORDS
    return {"answer": answer, "recorded": _write_sides(recorded), "sign_without_record": _write_sides(unrecorded)}


def _compare(people: People, label: NDArray[np.int8], rows: NDArray[np.bool_], resamples: int, seed: int) -> Disparity:
    """Return the share with a label in the first tenth of some rows beside their others; households drawn again.

    The tenth is of each date's rows alone: of an order that knows the records, nobody without one would be in a tenth
    of all.
    """
    first = Grouping((~_mark_first(people.margin[rows], people.as_of[rows])).astype(np.int64), ("first", "others"))
    cells = number_cells(label[rows], np.zeros(int(rows.sum()), dtype=np.bool_))
    tally = Tally.make(people.cluster[rows], first, cells)
    return measure_disparities(tally, SHARES["base_rate"], tally.draws(resamples, seed))[0]


def _mark_first(margin: NDArray[np.float64], as_of: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Return who is in the first tenth of their date's order; whoever has the tenth's lowest margin is, too."""
    marked = np.zeros(len(margin), dtype=np.bool_)
    for day in np.unique(as_of):
        rows = as_of == day
        marked[rows] = margin[rows] >= np.quantile(margin[rows], 1 - _FIRST, method="higher")
    return marked


def _write_sides(both: Disparity) -> dict[str, Any]:
    ends = both.ratio_interval
    return {
        "first": _write_side(both.side),
        "others": _write_side(both.rest),
        "ratio": both.ratio,
        "ratio_interval": None if ends is None or not np.isfinite(ends).all() else [float(end) for end in ends],
    }


def _write_side(side: Side) -> dict[str, Any]:
    return {"estimate": side.estimate, "n": side.n, "positives": side.positives}
