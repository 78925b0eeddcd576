"""When each window starts and each calendar day begins, for the kernel: all the calendar there is, as numbers."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from features.engines.compiled.arrays import Timetable
from features.engines.compiled.kernel_plan import MAKE, Plan
from features.engines.question import to_microseconds
from features.engines.reading.feeds import Feeds
from features.engines.reading.frame import Frame

__all__ = ["list_midnights", "make_timetable"]


def list_midnights(frame: Frame, earliest: int | None) -> tuple[NDArray[np.int64], date]:
    """Return when each day begins, from that of `earliest` (or the first date) to the last date, and the first day."""
    first = frame.dates[0]
    if earliest is not None:
        first = min(first, frame.day(earliest))
    count = (frame.dates[-1] - first).days + 2
    days = (first + timedelta(days=n) for n in range(count))
    return np.array([to_microseconds(frame.question.midnight(day)) for day in days], dtype=np.int64), first


def make_timetable(
    frame: Frame, plan: Plan, feeds: Feeds, midnights: NDArray[np.int64], first_day: date
) -> tuple[Timetable, NDArray[np.int64]]:
    """Return the timetable of a plan, and the plan's columns, pointed at their rows of `since`."""
    dates = range(len(frame.dates))
    windows = [[frame.window_start(window, k) for k in dates] for window in plan.windows]
    since, column = _days_since_nothing(frame, plan, feeds)
    timetable = Timetable(
        times=frame.times,
        windows=np.array(windows, dtype=np.int64).reshape(len(plan.windows), len(dates)),
        since=since,
        today=np.array([(day - first_day).days for day in frame.dates], dtype=np.int64),
        midnights=midnights,
        ends=np.array([to_microseconds(frame.question.horizon_end(day)) for day in frame.dates], dtype=np.int64),
    )
    return timetable, column


def _days_since_nothing(frame: Frame, plan: Plan, feeds: Feeds) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what days_since says where there was nothing, one more than the window's days; and the plan's columns.

    Since the start there are as many windows as there are sets of services, so those columns get rows of their own.
    """
    column = plan.column.copy()
    rows = []
    for window in plan.windows:
        lasts = [window.last.before(day) if window.last else day for day in frame.dates]
        rows.append([(day - last).days + 1 if window.last else 0 for day, last in zip(frame.dates, lasts, strict=True)])
    for c, expression in enumerate(frame.question.expressions):
        if plan.column[c, 0] != MAKE["days_since"] or plan.windows[plan.column[c, 2]].last is not None:
            continue
        row = []
        for k, day in enumerate(frame.dates):
            begins = [spans[0][0] for service in expression.services if (spans := feeds.at(service, k))]
            row.append((day - frame.day(min(begins))).days + 1 if begins else 0)
        column[c, 2] = len(rows)
        rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(frame.dates)), column
