"""A list: the published order (tie_break.py) without whom it leaves out, cut at each team's places.

    team      a   a   a   b   a        places: a 2, b 3
    margin    9   8   7   7   5
    left out      *
    rank      1       2   1   3        the third of team a is beyond its places

`rank` lists by it, and the replay of past weeks is proved equal to it. Needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charter.rules.tie_break import order_rows, rank_within

__all__ = ["order_lists"]


def order_lists(
    entity: ArrayLike,
    as_of: date,
    margin: NDArray[np.float64],
    team: NDArray[np.str_],
    places: Mapping[str, int],
    left_out: NDArray[np.bool_],
    times: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that are on a list and their rank from 1 within their team, by team and rank.

    All arrays are (rows,) of one as-of date; a row of a team without places is on no list. With `times`, lists go on
    until so many times the team's places: who is just below the line. Raises what `tie_break.order_rows` raises.
    """
    room = {str(name): places.get(str(name), 0) * times for name in np.unique(team)}
    names = np.asarray(entity)
    rows = np.flatnonzero(~left_out & np.array([room[str(name)] > 0 for name in team.tolist()], dtype=bool))
    if not rows.size:
        return rows, rows
    rank = rank_within(order_rows(names[rows], as_of, margin[rows]), team[rows])
    within = rank <= np.array([room[str(name)] for name in team[rows].tolist()], dtype=np.int64)
    rows, rank = rows[within], rank[within]
    by_team = np.lexsort((rank, team[rows]))
    return rows[by_team], rank[by_team]
