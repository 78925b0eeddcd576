"""How steady the lists of isolated dates are: between two as-of dates, which are months apart, much happens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.data.lists import Period

__all__ = ["measure_stability"]


def measure_stability(period: Period, place: NDArray[np.int64]) -> float | None:
    """Return the share of listed households that had been on the list of the date before; None for a single date."""
    on_list = period.listed(place)
    by_day = [set(period.household[on_list & (period.day == number)].tolist()) for number in range(len(period.days))]
    stayed = sum(len(before & after) for before, after in pairwise(by_day))
    number = sum(len(after) for after in by_day[1:])
    return stayed / number if number else None
