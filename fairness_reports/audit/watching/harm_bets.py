"""Whether a group fares worse than the charter's limit, asked after every list, with one error for all looks together.

Households speak one after the other, each once. A gambler who doubts that the group keeps the limit bets before each of
them; where it does keep it, no way of betting wins on average. So the chance that the stake ever grows to 1 / level is
at most the level (Ville), however often one looks, and one may stop at any time. This is auditing by betting (Chugg,
Cortes-Gomez, Wilder and Ramdas, Advances in Neural Information Processing Systems 36, 2023) with the limit inside the
bet, and bets of Waudby-Smith and Ramdas (Journal of the Royal Statistical Society B 2024, 86:1-27, section B.3).

    counted among all      whoever is listed next: is it a household of the group? Were the group listed at just the
                           limit times the rate of everyone else, it would be in `odds * limit / (odds * limit + 1)`,
                           where there are `odds` households of the group for each of everyone else
    a share of each        a household of the group beside the mean of some of everyone else: at most limit times it

At the limit 0.5 and one household of the group to four others, the next listed is of the group with 0.25 * 0.5 /
(0.25 * 0.5 + 1) = 0.11. A stake of which 0.5 is bet on "fewer" grows by 0.5 * 0.11 = 5.6 % where it is not, and loses
44 % where it is: 1 for 1 on average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.questions import Gate

__all__ = ["Spoken", "bet_against", "find_first_win", "pair_sides", "watch_harms"]

Floats = NDArray[np.float64]

_RATIOS = np.exp(np.linspace(np.log(1 / 16), np.log(16), 241))
_DIFFERENCES = np.linspace(-1, 1, 241)
"""What the group's ratio, or difference, might be; an interval's ends are of this grid."""

_MOST = 0.75
"""The largest share of the stake that one bet may lose."""

_SPREAD = 0.25
"""The variance that is expected before anybody spoke: of one step, the largest there is."""


@dataclass(frozen=True)
class Spoken:
    """What households said of one question about one group, in the order in which it came to be known.

    `days` (steps,) of lists; `values` (steps,) between 0 and 1, of the group. `beside` (steps,) is everyone else's
    mean, or, where `counted`, how many households of the group there were for each of everyone else.
    """

    gate: Gate
    group: str
    days: Sequence[date]
    values: Floats
    beside: Floats
    counted: bool
    households: int
    others: int


def watch_harms(spoken: Sequence[Spoken], error: float) -> list[dict[str, Any]]:
    """Return each question and group with what can be believed at every look, and since when it is beyond the limit.

    `error` is the chance that any of them is ever called beyond its limit while all keep it: shared alike between all,
    those of whom nobody spoke yet too, so that it stays what it was when outcomes come.
    """
    level = error / max(len(spoken), 1)
    return [_watch_alone(one, level) for one in spoken]


def _watch_alone(spoken: Spoken, level: float) -> dict[str, Any]:
    gate = spoken.gate
    step = find_first_win(bet_against(spoken, np.array([gate.limit]), fewer=gate.at_least)[:, 0], level)
    return {
        "gate": gate.id,
        "measure": gate.measure,
        "harm": gate.harm,
        "characteristic": gate.characteristic,
        "group": spoken.group,
        "statistic": gate.statistic,
        "limit": gate.limit,
        "value": _measure_gap(spoken),
        "interval": _bound_gap(spoken, level),
        "households": spoken.households,
        "households_of_rest": spoken.others,
        "alarm": None if step is None else spoken.days[step].isoformat(),
    }


def bet_against(spoken: Spoken, gaps: Floats, *, fewer: bool) -> Floats:
    """Return by step and gap (steps, gaps) the logarithm of the stake of who bets that the group has less than the gap.

    Not `fewer`: that it has more. Of each gap that is true the stake is a supermartingale that starts at 1.
    """
    values, beside = spoken.values[:, None], spoken.beside[:, None]
    if spoken.counted:
        expected = gaps * beside / (gaps * beside + 1)
    else:
        expected = gaps * beside if spoken.gate.statistic == "ratio" else beside + gaps
    won = expected - values if fewer else values - expected
    # What is known before a bet is how much it can lose at most; everyone else's mean is not, only what it can be.
    if spoken.counted:
        worst = 1 - expected if fewer else expected
    elif spoken.gate.statistic == "ratio":
        worst = np.ones_like(gaps) if fewer else gaps
    else:
        worst = 1 + np.abs(gaps)
    steps = np.arange(1, len(won) + 1)[:, None]
    mean = np.cumsum(won, axis=0) / (steps + 1)
    spread = (_SPREAD + np.cumsum((won - mean) ** 2, axis=0)) / (steps + 1)
    first = np.zeros((1, won.shape[1]))
    mean, spread = np.r_[first, mean[:-1]], np.r_[first + _SPREAD, spread[:-1]]
    bet = np.clip(mean / (spread + mean**2), 0, _MOST / np.maximum(worst, 1e-9))
    return np.asarray(np.cumsum(np.log1p(bet * won), axis=0), dtype=np.float64)


def find_first_win(stake: Floats, level: float) -> int | None:
    """Return the step at which the logarithm of a stake (steps,) first is that of 1 / level; None where it never is."""
    beyond = np.flatnonzero(stake >= -np.log(level))
    return int(beyond[0]) if len(beyond) else None


def _measure_gap(spoken: Spoken) -> float | None:
    """Return the group's ratio to everyone else, or its difference; None where nobody spoke or there is no ratio."""
    if not len(spoken.values):
        return None
    if spoken.counted:
        others = float(((1 - spoken.values) * spoken.beside).sum())
        return float(spoken.values.sum()) / others if others > 0 else None
    value, other = float(spoken.values.mean()), float(spoken.beside.mean())
    if spoken.gate.statistic == "difference":
        return value - other
    return value / other if other > 0 else None


def _bound_gap(spoken: Spoken, level: float) -> list[float | None] | None:
    """Return the ends between which the gap can be believed to be; each end alone is wrong, ever, at most at `level`.

    Null where nothing is bounded yet. A gap is not believed from where on all beyond it were won against.
    """
    if not len(spoken.values):
        return None
    grid = _RATIOS if spoken.gate.statistic == "ratio" else _DIFFERENCES
    won = [bet_against(spoken, grid, fewer=fewer).max(axis=0) >= -np.log(level) for fewer in (True, False)]
    above = np.logical_and.accumulate(won[0][::-1])[::-1]
    below = np.logical_and.accumulate(won[1])
    high = float(grid[above.argmax()]) if above.any() else None
    low = float(grid[len(grid) - 1 - below[::-1].argmax()]) if below.any() else None
    return None if low is None and high is None else [low, high]


def pair_sides(
    days: Sequence[date], of_group: Sequence[Floats], of_rest: Sequence[Floats]
) -> tuple[list[date], Floats, Floats]:
    """Return steps of a group's value beside the mean of everyone else, as each list's households spoke.

    Whoever is left without a partner waits for the next list. Of a list 2 of the group and 5 others: the first of the
    two stands beside the mean of 3 others, the second beside that of 2. Of 3 and 1 the mean of 3 stands beside the 1.
    """
    steps: list[date] = []
    values: list[float] = []
    beside: list[float] = []
    waiting, others = np.zeros(0), np.zeros(0)
    for day, mine, rest in zip(days, of_group, of_rest, strict=True):
        waiting, others = np.r_[waiting, mine], np.r_[others, rest]
        pairs = min(len(waiting), len(others))
        if not pairs:
            continue
        values += [float(part.mean()) for part in np.array_split(waiting, pairs)]
        beside += [float(part.mean()) for part in np.array_split(others, pairs)]
        steps += [day] * pairs
        waiting, others = np.zeros(0), np.zeros(0)
    return steps, np.array(values), np.array(beside)
