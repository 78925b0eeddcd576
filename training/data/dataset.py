"""Rows and labels of a matrix: what could honestly have been learned by a given moment.

The matrix stores when an outcome happened and when it became known, never 0/1. A label depends on the moment it is
asked for, the cut T (GLOSSARY.md, label):

    mature    as_of + horizon + reporting lag <= T. Before that a row has no label at all: it is neither a 0 (its
              horizon has not ended) nor a 1 (early positives without their negatives would flatter).
    asked     charter/contracts/labels.py says which components are asked of a household, and which labels follow
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from charter.contracts.labels import NOT_KNOWN, label_rows
from charter.contracts.matrix import NONE, Matrix, MatrixDate
from charter.contracts.spans import is_covered
from charter.council.council import Council
from charter.errors import DataError
from features.grammar.period import Period
from training.data.help_record import NEVER, NO_HELP, HelpRecord
from training.data.offers import NO_OFFERS, Offers

__all__ = ["MISSING", "Dataset"]

MISSING = NOT_KNOWN
"""The label of a row that has none."""


@dataclass(frozen=True)
class Dataset:
    """A matrix, and the clock by which its labels mature."""

    matrix: Matrix
    council: Council
    taken_at: datetime
    offers: Offers = NO_OFFERS
    help: HelpRecord = NO_HELP
    leave_out_treated: bool = False

    @classmethod
    def open(cls, matrix: Matrix, council: Council) -> Dataset:
        """Open the matrix's rows and labels; raise DataError where it does not say when its snapshot was taken."""
        if "taken_at" not in matrix.manifest:
            raise DataError(
                f"the matrix {matrix.manifest['id']} does not say when its snapshot was taken, so no label can mature.",
                "Build it again with `sooner build`.",
            )
        taken_at = datetime.fromisoformat(matrix.manifest["taken_at"])
        return cls(matrix, council, taken_at)

    @property
    def dates(self) -> list[date]:
        """The as-of dates, ascending."""
        return self.matrix.dates

    @property
    def lag(self) -> timedelta:
        """The measured reporting lag: how long after the horizon an outcome may still become known."""
        return timedelta(days=float(self.matrix.manifest["reporting_lag_days"]))

    @cached_property
    def _dates(self) -> dict[date, MatrixDate]:
        return {day: self.matrix.at(day) for day in self.dates}

    def at(self, as_of: date) -> MatrixDate:
        """Return the mapped arrays of one as-of date."""
        return self._dates[as_of]

    @cached_property
    def _extremes(self) -> dict[date, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        return {}

    def extremes(self, as_of: date) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the lowest and highest value of each feature at one as-of date; NaN where it is never seen there."""
        if as_of not in self._extremes:
            self._extremes[as_of] = self.at(as_of).extremes()
        return self._extremes[as_of]

    def __iter__(self) -> Iterator[MatrixDate]:
        return (self._dates[day] for day in self.dates)

    def horizon_end(self, as_of: date) -> datetime:
        """Return the end of the outcome's horizon, in UTC: calendar units, at local midnight."""
        horizon = Period.of(self.matrix.definition["outcome"]["horizon"])
        return self.council.midnight(horizon.after(as_of))

    def matures(self, as_of: date) -> datetime:
        """Return the first moment at which all rows of `as_of` may have labels: horizon end plus reporting lag."""
        return self.horizon_end(as_of) + self.lag

    def ends(self, as_of: date) -> NDArray[np.int64]:
        """Return where each row's own horizon ends, UTC microseconds; shape (rows,)."""
        return self.at(as_of).ends(to_microseconds(self.horizon_end(as_of)))

    def mature_dates(self, cut: datetime) -> list[date]:
        """Return the as-of dates of which rows may have labels at `cut`: all, or those whose end came sooner."""
        return [day for day in self.dates if self.matures(day) <= cut or self.mark_mature(day, cut).any()]

    def mark_mature(self, as_of: date, cut: datetime) -> NDArray[np.bool_]:
        """Return which rows of `as_of` have their horizon and the reporting lag behind them at `cut`; (rows,)."""
        return np.asarray(self.ends(as_of) <= to_microseconds(cut - self.lag))

    def labels(self, as_of: date, cut: datetime) -> NDArray[np.int8]:
        """Return the label of each row of `as_of` at `cut`: 1, 0 or MISSING; shape (rows,)."""
        mature = self.mark_mature(as_of, cut)
        if not mature.any():
            return np.full(len(mature), MISSING, dtype=np.int8)
        return np.where(mature, self._label(as_of, cut)[0], MISSING).astype(np.int8)

    def treated(self, as_of: date, cut: datetime) -> NDArray[np.bool_]:
        """Return which rows of `as_of` were offered help or had it within their horizon, as known at `cut`; (rows,)."""
        start, end = (to_microseconds(moment) for moment in (self.council.midnight(as_of), self.horizon_end(as_of)))
        rows, by = self.at(as_of), to_microseconds(cut)
        offered = self.offers.treated(rows.entity, start, end, by)
        return np.asarray(offered | (self.help.find_first(rows, start, end, by) != NEVER))

    def tells_help(self, as_of: date) -> bool:
        """Whether all of the horizon of `as_of` was delivered by every service that records help; true without any."""
        start, end = (to_microseconds(moment) for moment in (self.council.midnight(as_of), self.horizon_end(as_of)))
        return not self.help.signals or is_covered(self.help.covered, start, end)

    def lessons(self, as_of: date, cut: datetime) -> NDArray[np.int8]:
        """Return the labels to learn from at `cut`: those of treated rows too, or MISSING for them, as was chosen."""
        labels = self.labels(as_of, cut)
        if self.leave_out_treated and len(self.offers) + len(self.help):
            labels[self.treated(as_of, cut)] = MISSING
        return labels

    def components(self, as_of: date, cut: datetime) -> NDArray[np.bool_]:
        """Return which component of those asked of it each row had, as known at `cut`; shape (rows, components)."""
        return self._label(as_of, cut)[1]

    def _label(self, as_of: date, cut: datetime) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
        rows = self.at(as_of)
        known_at = np.asarray(rows.outcome_known_at)
        happened = (np.asarray(rows.outcome_at) != NONE) & (known_at != NONE)
        happened &= known_at < to_microseconds(cut)
        return label_rows(rows, self.matrix.definition["outcome"], happened)


def to_microseconds(moment: datetime) -> int:
    """Return a moment as UTC microseconds since 1970, the unit of every time in a matrix."""
    since = moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return since // timedelta(microseconds=1)
