"""Whether something has drifted since the model was tested, asked at every list without ever crying wolf too often.

A series is a stream of numbers between 0 and 1, each from another household, in the order of the lists: is its score
among the highest fifth, is it of this group, what share of it could a service see. When nothing changed, each has the
mean that the tested period had. A confidence sequence is an interval for that mean that holds at every moment at once,
so one may look after every list and stop at any: ours is the hedged betting sequence of Waudby-Smith and Ramdas
(Journal of the Royal Statistical Society B 2024, 86:1-27, theorem 3). It is started anew every quarter, so that a long
good time before a change does not hide it. The year's chance of a false alarm is shared alike between all series and
quarters (Bonferroni), and holds whatever the series have to do with each other.

A series raises its alarm where the whole interval is further from the reference than the tolerance: a change too small
to matter, and the reference's own error, are no alarm (`watch.measure_tolerance`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["QUARTER", "Series", "bound_sequence", "watch_series"]

Floats = NDArray[np.float64]

QUARTER = 91
"""Days after which a sequence is started anew."""

_QUARTERS = 4
_MEANS = np.linspace(0.00125, 0.99875, 400)
"""The means that are tried; an interval's ends are of this grid."""

_MOST = 0.5
"""The largest share of the stake that one bet may lose."""


@dataclass(frozen=True)
class Series:
    """What is watched: `values` by list date, each (households,) between 0 and 1, beside the tested period's mean.

    `about` is input, score, selection or coverage.
    """

    title: str
    about: str
    reference: float
    tolerance: float
    values: Sequence[tuple[date, Floats]]


def watch_series(series: Iterable[Series], false_alarms_a_year: float) -> list[dict[str, Any]]:
    """Return each series with its newest interval, and the list at which it left its reference, if it did.

    `false_alarms_a_year` is for all of them together.
    """
    streams = list(series)
    level = false_alarms_a_year / max(len(streams) * _QUARTERS, 1)
    return [_watch_alone(stream, level) for stream in streams]


def _watch_alone(stream: Series, level: float) -> dict[str, Any]:
    alarm, ends, n, mean = None, None, 0, None
    for quarter in _cut_quarters(stream.values):
        values = np.concatenate([part for _, part in quarter])
        if not len(values):
            continue
        low, high = bound_sequence(values, level)
        lists = np.cumsum([len(part) for _, part in quarter])
        for (day, _), upto in zip(quarter, lists, strict=True):
            beyond = upto and (
                low[upto - 1] > stream.reference + stream.tolerance
                or high[upto - 1] < stream.reference - stream.tolerance
            )
            if beyond and alarm is None:
                alarm = day
        ends, n, mean = [float(low[-1]), float(high[-1])], len(values), float(values.mean())
    return {
        "title": stream.title,
        "about": stream.about,
        "reference": stream.reference,
        "tolerance": stream.tolerance,
        "mean": mean,
        "interval": ends,
        "n": n,
        "alarm": alarm.isoformat() if alarm else None,
    }


def _cut_quarters(values: Sequence[tuple[date, Floats]]) -> list[list[tuple[date, Floats]]]:
    """Cut the lists into quarters, counted from the first."""
    parts: dict[int, list[tuple[date, Floats]]] = {}
    for day, part in values:
        parts.setdefault((day - values[0][0]).days // QUARTER, []).append((day, part))
    return [parts[number] for number in sorted(parts)]


def bound_sequence(values: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the lower and upper ends (values,) of a confidence sequence of the mean of `values`, each in [0, 1].

    The chance that any of the intervals ever misses the mean is at most `level`. Of every mean a gambler would have
    won against by the factor 2 / level, nothing more is believed; bets follow the spread seen before each value, as in
    the paper's equation 26.

    Values 1, 1, 0 have running means (0.5 + sum) / (n + 1) of 0.75, 0.83 and 0.63 and spreads of 0.16, 0.11 and 0.18;
    a bet on a value uses the spread before it: 0.25 at first, then 0.16 and 0.11. Against a mean of 0.1 the bet "it is
    more" wins on the two ones and loses on the nought.
    """
    n = np.arange(1, len(values) + 1)
    mean = (0.5 + np.cumsum(values)) / (n + 1)
    spread = (0.25 + np.cumsum((values - mean) ** 2)) / (n + 1)
    before = np.r_[0.25, spread[:-1]]
    bet = np.sqrt(2 * np.log(2 / level) / (before * n * np.log1p(n)))[:, None]
    away = values[:, None] - _MEANS[None, :]
    up = np.cumsum(np.log1p(np.minimum(bet, _MOST / _MEANS) * away), axis=0)
    down = np.cumsum(np.log1p(-np.minimum(bet, _MOST / (1 - _MEANS)) * away), axis=0)
    # Each side stakes half, so either wins against a mean where it alone has made 2 / level of its stake. What was once
    # not believed is not believed again.
    believable = np.maximum.accumulate(np.maximum(up, down), axis=0) < np.log(2 / level)
    believed = believable.any(axis=1)
    low = np.where(believed, _MEANS[believable.argmax(axis=1)], 1.0)
    high = np.where(believed, _MEANS[len(_MEANS) - 1 - believable[:, ::-1].argmax(axis=1)], 0.0)
    step = _MEANS[1] - _MEANS[0]
    return np.clip(low - step, 0, 1), np.clip(high + step, 0, 1)
