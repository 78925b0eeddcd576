"""How to read the gate's answers: three made-up groups beside one limit, worked out and drawn, for the board.

The figures are counts that nobody recorded; their intervals are of the score test that the gate decides by, so that the
page cannot teach another rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from starlette.responses import Response

from charter.rules.certainty.score_test import bisect, measure_score
from charter.rules.questions import Gate
from serving.casework.visit import Visit

__all__ = ["Worked", "show_worked_answers", "work_answers"]

_LIMIT = 0.8
_OTHERS, _REST = 300, 1000
"""Of everyone else: how many of those in need were listed before it, of how many."""
_GROUPS = (("A", 180, 600), ("B", 60, 400), ("C", 10, 40))
_Z = 1.959963984540054
_LEFT, _RIGHT = 0.25, 2.0
"""The ends of the picture's axis, drawn by ratio: half as often is as far from equal as twice as often."""
_TICKS = (0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Worked:
    """One made-up group: counts, the ratio of its share to everyone else's with its 95 % interval, and the answer."""

    name: str
    listed: int
    in_need: int
    ratio: float
    low: float
    high: float
    answer: str

    @property
    def share(self) -> int:
        """Of 100 in need, how many were listed before it."""
        return round(100 * self.listed / self.in_need)

    @property
    def places(self) -> tuple[float, float, float]:
        """Where the interval begins, the figure lies and the interval ends, in per cent of the picture."""
        return _place(self.low), _place(self.ratio), _place(self.high)


@cache
def work_answers() -> tuple[Worked, ...]:
    """Return the made-up groups with what the gate would say of each."""
    question = Gate.model_validate(
        {
            "id": "worked",
            "question": "Of those in need, is each group listed before it as often as others?",
            "harm": "missed help",
            "measure": "recall",
            "characteristic": "group",
            "statistic": "ratio",
            "limit": _LIMIT,
            "floor": 0.0,
            "minimum_positives": 30,
        }
    )
    return tuple(_work(question, name, listed, in_need) for name, listed, in_need in _GROUPS)


def _work(question: Gate, name: str, listed: int, in_need: int) -> Worked:
    def is_inside(logarithm: float) -> bool:
        score = measure_score(question, math.exp(logarithm), counts[:1], counts[1:2], counts[2:3], counts[3:])
        return bool(abs(score[0]) < _Z)

    counts = np.array([listed, in_need, _OTHERS, _REST], dtype=np.float64)
    ratio = (listed / in_need) / (_OTHERS / _REST)
    middle = math.log(ratio)
    low, high = (math.exp(bisect(is_inside, middle, middle + 4 * side)) for side in (-1, 1))
    return Worked(name, listed, in_need, ratio, low, high, _answer(low, high))


def _answer(low: float, high: float) -> str:
    if high < _LIMIT:
        return "fail"
    return "pass" if low >= _LIMIT else "cannot be told"


def _place(ratio: float) -> float:
    return round(100 * math.log(ratio / _LEFT) / math.log(_RIGHT / _LEFT), 1)


def show_worked_answers(visit: Visit) -> Response:
    """Show how to read an interval, the three answers, and what to ask about them."""
    return visit.render(
        "worked_answers.html",
        worked=work_answers(),
        limit=_LIMIT,
        limit_place=_place(_LIMIT),
        ticks=[(_place(tick), f"{tick:g}") for tick in _TICKS],
        others=_OTHERS,
        rest=_REST,
    )
