"""A list: the published order without whom it leaves out, cut at each team's places."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charter.rules.listing import order_lists

DAY = date(2026, 7, 6)
Row = tuple[float, str, bool]


def slow_lists(rows: list[Row], places: dict[str, int], times: int) -> list[tuple[int, int]]:
    """Go down the published order and give each team's places away, one row at a time."""
    lots = [hashlib.sha256(f"h{number}{DAY.isoformat()}".encode()).digest() for number in range(len(rows))]
    listed: dict[str, list[int]] = {}
    for number in sorted(range(len(rows)), key=lambda n: (-rows[n][0], lots[n])):
        _, team, left_out = rows[number]
        if not left_out and len(listed.setdefault(team, [])) < places.get(team, 0) * times:
            listed[team].append(number)
    return [(row, rank) for team in sorted(listed) for rank, row in enumerate(listed[team], start=1)]


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.5]), st.sampled_from(["", "a", "b"]), st.booleans()), max_size=30),
    st.fixed_dictionaries({"a": st.integers(0, 4)}, optional={"b": st.integers(0, 4)}),
    st.integers(1, 2),
)
def test_lists_are_the_published_order_cut_at_the_places(rows: list[Row], places: dict[str, int], times: int) -> None:
    names = np.array([f"h{number}" for number in range(len(rows))], dtype="S32")
    margins, teams = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=str)
    left_out = np.array([row[2] for row in rows], dtype=bool)
    found = order_lists(names, DAY, margins, teams, places, left_out, times)
    assert list(zip(*(part.tolist() for part in found), strict=True)) == slow_lists(rows, places, times)
