"""What lowers a likelihood, and whether it is good: strengths, and what is only less than usual.

    the values of the households on the same list (sealed records)   ->  what is usual there, feature by feature
    a reason that lowers the likelihood, with its feature's `better`  ->  a strength, less than most, or not said

The sign of a contribution says what the model does with a value, never whether the value is good for a family: six
sessions missed lower a likelihood where most listed households missed twenty. A strength needs three things: the
definition says which side is good, nothing harmful stands recorded in it, and it is on the good side of what is usual.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from features.grammar.words import DAYS_SINCE, describe_value
from serving.ranking.reasons import Reason
from serving.ranking.sealed_record import SealedRecord

__all__ = ["FEWEST", "Strengths", "Usual", "find_columns", "read_usual", "sort_strengths"]

FEWEST = 10
"""With fewer households to compare with, nothing is called less or more than usual: two would make a "most" of it."""


@dataclass(frozen=True)
class Usual:
    """What `households` listed households have: by feature in the bundle's order, their seen values in order."""

    households: int = 0
    values: tuple[tuple[float, ...], ...] = ()

    def side_of(self, column: int, value: float) -> int | None:
        """Return -1 where most have more than `value`, 1 where most have less, 0 where neither, None for too few."""
        values = self.values[column] if column < len(self.values) else ()
        if len(values) < FEWEST:
            return None
        more, less = len(values) - bisect_right(values, value), bisect_left(values, value)
        return -1 if 2 * more > len(values) else 1 if 2 * less > len(values) else 0


@dataclass(frozen=True)
class Strengths:
    """What lowers the likelihood and may be said: `good` for the family, or only `less` than for most listed ones.

    `compared` is with how many listed households, 0 where they are too few.
    """

    good: tuple[Reason, ...]
    less: tuple[Reason, ...]
    compared: int


def read_usual(records: Sequence[SealedRecord]) -> Usual:
    """Return what is usual on a list; `records` are those of its households, all of one bundle."""
    columns = zip(*(record.values for record in records), strict=True)
    return Usual(
        len(records), tuple(tuple(sorted(value for value in column if value is not None)) for column in columns)
    )


def sort_strengths(record: SealedRecord, manifest: Mapping[str, Any], usual: Usual) -> Strengths:
    """Return what may be said of all that lowers a record's likelihood, strongest first.

    `manifest` is its bundle's; one made before definitions had `better` claims no strength.
    """
    good, less = [], []
    for reason, column in zip(
        record.reasons.against, find_columns(record, manifest, record.reasons.against), strict=True
    ):
        value = record.values[column] if column is not None else None
        if column is None or value is None:
            continue
        feature, side = manifest["features"][column], usual.side_of(column, value)
        if _is_good(feature, value, side, record.as_of):
            good.append(reason)
        elif side == -1 and feature["unit"] not in ("yes or no", "category"):
            less.append(reason)
    compared = usual.households if usual.households >= FEWEST else 0
    return Strengths(tuple(good), tuple(less), compared)


def _is_good(feature: Mapping[str, Any], value: float, side: int | None, as_of: date) -> bool:
    """Whether a value is good for a family by the definition's own direction, and better than usual.

    Where too few are listed to say what is usual, only that nothing harmful was recorded is good in itself.
    """
    better, word = feature.get("better"), feature["expression"]["word"]
    if better is None:
        return False
    good_side = -1 if better == "lower" else 1
    if word == "change":
        # A change counts nothing: what eases is good, and only what is known to ease more than usual.
        return value * good_side > 0 and side == good_side
    if word in DAYS_SINCE:
        # Trouble of 500 days ago is trouble that is recorded: only none within the window is good.
        nothing = describe_value(feature, value, as_of) == "none"
        return nothing and side in (1, None) if better == "higher" else not nothing and side == -1
    if better == "lower":
        return value == 0 and side in (-1, None)
    return value > 0 and side == 1


def find_columns(record: SealedRecord, manifest: Mapping[str, Any], reasons: Sequence[Reason]) -> list[int | None]:
    """Return the column of each of a record's reasons in the bundle; None where it is there no more.

    A sealed reason names no feature, but its contribution is the row's own number to the last bit.
    """
    features = manifest.get("features", ())
    if len(features) != len(record.values):
        return [None] * len(reasons)
    free = dict(enumerate(record.contributions))
    columns: list[int | None] = []
    for reason in reasons:
        column = next(
            (
                column
                for column, contribution in free.items()
                if contribution == reason.contribution
                and record.values[column] is not None
                and features[column]["because"] == reason.because
                and tuple(features[column]["signals"]) == reason.signals
            ),
            None,
        )
        if column is not None:
            del free[column]
        columns.append(column)
    return columns
