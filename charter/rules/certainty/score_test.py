"""The score test of two shares: how far a group is from a limit, in standard errors, given both sides' own figures.

Of a ratio Miettinen and Nurminen's statistic, of a difference theirs too (Statistics in Medicine 1985, 4:213-226): the
figure minus the limit, over its standard error where the limit holds, with the shares that are then most likely. It
stays right where nobody or nearly everybody of a group counts. 5 of 50 beside 20 of 100: the ratio 1 is 1.54 away.

All functions take and give float arrays of one shape, or numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.measures import MEASURES
from charter.rules.questions import NOT_SHARES, Gate

__all__ = ["ENOUGH", "Side", "bisect", "find_scale", "find_share_ends", "measure_score", "read_sides"]

Floats = NDArray[np.float64]

Z = 1.959963984540054
_ONE_OF_MANY = 1e-7
"""A rate of 1,000 people and a year as a share of as many chances to be listed: small enough never to be near 1."""
_HALVINGS = 60
_MOST_PEOPLE = 1e15

ENOUGH = 20.0
"""Independent people counted on a side from which on it shows by itself how far its households agree."""


@dataclass(frozen=True)
class Side:
    """A share, and how many independent people it is worth."""

    share: float
    people: float

    @property
    def counted(self) -> float:
        """How many of them count."""
        return self.share * self.people


def measure_score(gate: Gate, limit: float, counted: Floats, people: Floats, others: Floats, rest: Floats) -> Floats:
    """Return how far below (negative) or above `limit` the group's figure is, in standard errors.

    `counted` of the group's `people`, and `others` of the `rest`: counts need not be whole.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        if gate.statistic == "ratio":
            likely, likely_rest = _fit_ratio(limit, counted, people, others, rest)
            gap, weight = counted / people - limit * others / rest, limit**2
        else:
            likely, likely_rest = _fit_difference(limit, counted, people, others, rest)
            gap, weight = counted / people - others / rest - limit, 1.0
        variance = likely * (1 - likely) / people + weight * likely_rest * (1 - likely_rest) / rest
        variance = variance * (people + rest) / (people + rest - 1)
        return np.asarray(np.where(variance > 0, gap / np.sqrt(variance), 0.0), dtype=np.float64)


def _fit_ratio(limit: float, counted: Floats, people: Floats, others: Floats, rest: Floats) -> tuple[Floats, Floats]:
    """Return the two shares that are most likely where the first is `limit` times the second."""
    a = (people + rest) * limit
    b = -(people * limit + counted + rest + others * limit)
    # The root in the form that loses no digits.
    share = 2 * (counted + others) / (-b + np.sqrt(np.maximum(b**2 - 4 * a * (counted + others), 0)))
    return np.clip(limit * share, 0, 1), np.clip(share, 0, 1)


def _fit_difference(
    limit: float, counted: Floats, people: Floats, others: Floats, rest: Floats
) -> tuple[Floats, Floats]:
    """Return the two shares that are most likely where the first is `limit` more than the second: a cubic's root."""
    every = people + rest
    third = every
    second = (people + 2 * rest) * limit - every - counted - others
    first = (rest * limit - every - 2 * others) * limit + counted + others
    constant = others * limit * (1 - limit)
    q = second**3 / (3 * third) ** 3 - second * first / (6 * third**2) + constant / (2 * third)
    p = np.where(q < 0, -1.0, 1.0) * np.sqrt(np.maximum(second**2 / (3 * third) ** 2 - first / (3 * third), 0))
    angle = (np.pi + np.arccos(np.clip(np.where(p != 0, q / p**3, 0.0), -1, 1))) / 3
    share = np.clip(2 * p * np.cos(angle) - second / (3 * third), max(0.0, -limit), min(1.0, 1 - limit))
    return share + limit, share


def read_sides(gate: Gate, finding: Mapping[str, Any]) -> tuple[Side, Side] | None:
    """Return group and everyone else as shares of independent people: as many as give their own intervals' widths.

    None for an average, or where a side has no figure or no interval. Where fewer than ENOUGH are counted on a side,
    how far its households agree cannot be seen in it: one child listed of 87 seems to say as much as 87 people. There a
    household says as much as one of the other side does: of 600 others' households worth 480 people each says 0.8, so
    the group's 60 households say 48.
    """
    measure = MEASURES[gate.measure]
    if gate.measure in NOT_SHARES and not measure.rate:
        return None
    scale = find_scale(gate)
    sides = []
    for side in (finding, finding.get("rest") or {}):
        share, interval = side.get("estimate"), side.get("interval")
        if share is None or interval is None:
            return None
        sides.append(Side(share * scale, _count_people(share * scale, (interval[1] - interval[0]) * scale)))
    group, rest = sides
    households, others = (side.get("clusters") or side.get("n") for side in (finding, finding["rest"]))
    if min(group.counted, rest.counted) >= ENOUGH or not households or not others:
        return group, rest
    if group.counted < rest.counted:
        return Side(group.share, rest.people * households / others), rest
    return group, Side(rest.share, group.people * others / households)


def find_scale(gate: Gate) -> float:
    """Return what makes a question's figure a share: 1, or of a rate so little that it is never near 1."""
    return _ONE_OF_MANY if MEASURES[gate.measure].rate else 1.0


def find_share_ends(share: Floats, people: float) -> tuple[Floats, Floats]:
    """Return the ends of the interval (Wilson's) of shares seen among so many people."""
    weight = 1 + Z**2 / people
    middle = (share + Z**2 / (2 * people)) / weight
    half = Z / weight * np.sqrt(np.maximum(share * (1 - share), 0) / people + Z**2 / (4 * people**2))
    return middle - half, middle + half


def _count_people(share: float, width: float) -> float:
    """Return among how many people a share would have an interval (Wilson's) of this width: the more, the narrower.

    With q = Z^2 / people the width's square is (4 share (1 - share) q + q^2) / (1 + q)^2: the positive root of that.
    An interval without width is of more people than can be counted; one from 0 to 1 is of one.
    """
    square = width**2
    if square <= 0:
        return _MOST_PEOPLE
    b = 4 * share * (1 - share) - 2 * square
    root = b + math.sqrt(max(b**2 + 4 * (1 - square) * square, 0.0))
    return min(max(Z**2 * root / (2 * square), 1.0), _MOST_PEOPLE)


def bisect(holds: Callable[[float], bool], inside: float, outside: float, halvings: int = _HALVINGS) -> float:
    """Return the last value from `inside`, where `holds` is true, towards `outside` at which it still is."""
    for _ in range(halvings):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside
