"""Which pairs are joined where a record fits two others: by hand, without any records."""

from __future__ import annotations

import pytest

from features.linking.matching.grouping import Groups, Limits, Scored, Weights, group_records

LIMITS = Limits(threshold=2.0, plausible=-9.0)


@pytest.mark.parametrize(
    ("known", "between", "at_home", "left"),
    [
        (3, -20.0, 6.0, {}),  # somebody who moved: the record between knows both homes
        (3, 9.0, 9.0, {}),
        (3, -12.0, -5.0, {}),  # two slips of one name, and the right one between
        (2, -3.0, -3.0, {(0, 1): "rivals", (0, 2): "rivals"}),  # a father and a son, and one of them without a date
        (3, -9.0, -12.0, {(0, 1): "rivals", (0, 2): "rivals"}),  # too unlike to be one
    ],
)
def test_who_fits_two_is_both_only_where_those_two_could_be_one(known, between, at_home, left) -> None:
    pairs = [Scored(0, 1, 12.0, 12.0, known), Scored(0, 2, 11.5, 11.5, known)]
    weights = Weights([*pairs, Scored(1, 2, between, at_home, 3)])
    joins, review = group_records(pairs, weights, Groups({}), LIMITS)
    assert {(one, other): rule for one, other, _, rule in review} == left
    assert len(joins) == 2 - len(left)
