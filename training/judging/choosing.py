"""Which model to release, by the margin that the board signed: steps up in complexity, each with its own answer.

    simpler          better, of 100 listed        answer
    points list      +1.1 (+0.3 to +1.9)          enough: the upper end is within the margin of 3
    points list      +4.4 (+2.1 to +6.6)          better: beyond the margin perhaps, and above 0 surely
    points list      +2.6 (-0.4 to +5.7)          cannot be told: the board chooses

The simplest model that is enough beside every more complex one is chosen, where each simpler one is shown to be worse.
What is compared is of 100 listings those whose need was recorded within a horizon, replayed (replay.py), over the weeks
that choose. Each answer stands on one end of an interval, and all answers together are wrong at most as often as the
level says, 5 times in 100: so much error is shared out over the steps up in complexity (Bonferroni).

    upper end    9 parts of the error: that a simpler model is enough is the claim that needs power
    lower end    1 part: beyond the margin, better than nothing is sure enough

No model is recommended that cannot be told from drawing lots, or where an order that was not fitted (last contact
first, the council's own practice, the points that people agreed) lists more than each of them. Needs the spreads alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from charter.council.training_settings import FITTED
from training.judging.bootstrap import Spread, bound

__all__ = ["TITLES", "Choice", "Step", "choose_model", "compare_models", "leave_open"]

TITLES = {
    "practice": "the council's own practice",
    "first_come": "first come, first served",
    "done": "what was really done",
    "random": "drawing lots",
    "last_contact": "last contact first",
    "one_feature": "the best single feature",
    "agreed": "the agreed points list",
    "points": "the points list",
    "logistic": "logistic regression",
    "lightgbm": "LightGBM",
}

ENOUGH, BETTER, OPEN = "enough", "better", "cannot be told"
CHOSEN, NO_BETTER, BEATEN = "chosen", "no better than lots", "beaten"

LOTS = "random"

_TO_ENOUGH = 0.9
"""Of the error allowed, the part that stands behind "enough"."""


@dataclass(frozen=True)
class Step:
    """A more complex model beside a simpler one: by how much it lists more, of those listed, and what that says."""

    simpler: str
    other: str
    more: float | None
    low: float | None
    high: float | None
    answer: str


@dataclass(frozen=True)
class Choice:
    """The model to release and how it was chosen.

    `answer` is one of CHOSEN, OPEN, NO_BETTER and BEATEN; only a chosen model is `recommended`. `steps` are all pairs,
    `best` lists most by estimate, `beaten_by` is an order that no model comes up to. `level` is 1 less the error that
    is allowed over all steps. `why` says why nothing could be compared, `contradicted` what the final weeks say.
    """

    model: str
    answer: str
    best: str
    margin: float
    level: float
    steps: tuple[Step, ...] = ()
    beaten_by: str = ""
    why: str = ""
    contradicted: str = ""

    @property
    def recommended(self) -> bool:
        """Whether anything is recommended at all."""
        return self.answer == CHOSEN

    @property
    def beats_lots(self) -> bool | None:
        """Whether it is surely better than drawing lots; None where that was not compared."""
        return None if self.why else self.answer != NO_BETTER

    @property
    def open_to(self) -> tuple[str, ...]:
        """The more complex models that it cannot be told from."""
        return tuple(step.other for step in self.steps if (step.simpler, step.answer) == (self.model, OPEN))

    def as_document(self) -> dict[str, Any]:
        """Return the choice as JSON values, without its sentence."""
        steps = [asdict(step) for step in self.steps]
        return asdict(self) | {"steps": steps, "recommended": self.recommended, "beats_lots": self.beats_lots}


def compare_models(
    spreads: Mapping[str, Spread], simpler: str, other: str, margin: float, level: float, ups: int = 1
) -> Step:
    """Return what both ends of a difference say, of `ups` steps up: enough, better, or that it cannot be told."""
    difference, error = spreads[other].less(spreads[simpler]), (1 - level) / ups
    more, _, high = bound(difference, 1 - 2 * _TO_ENOUGH * error)
    _, low, _ = bound(difference, 1 - 2 * (1 - _TO_ENOUGH) * error)
    if more is None or low is None or high is None:
        return Step(simpler, other, more, low, high, OPEN)
    if high <= margin:
        return Step(simpler, other, more, low, high, ENOUGH)
    return Step(simpler, other, more, low, high, BETTER if low > 0 else OPEN)


def choose_model(spreads: Mapping[str, Spread], margin: float, level: float) -> Choice:
    """Choose among models, simplest first, given the spread of what decides; the rest of `spreads` are yardsticks."""
    candidates = [name for name in spreads if name in FITTED]
    ups = max(len(candidates) - 1, 1)
    steps = tuple(
        compare_models(spreads, simpler, other, margin, level, ups)
        for place, simpler in enumerate(candidates)
        for other in candidates[place + 1 :]
    )
    best = max(candidates, key=lambda name: (_estimate(spreads[name]), -candidates.index(name)))
    model, answer = _step_up(candidates, steps)
    choice = Choice(model, answer, best, margin, level, steps)
    if LOTS in spreads and not _surely_more(spreads[model], spreads[LOTS], level):
        return replace(choice, answer=NO_BETTER)
    for ranker in spreads:
        if ranker not in FITTED and all(_surely_more(spreads[ranker], spreads[name], level) for name in candidates):
            return replace(choice, answer=BEATEN, beaten_by=ranker)
    return choice


def _step_up(candidates: Sequence[str], steps: Sequence[Step]) -> tuple[str, str]:
    for model in candidates:
        answers = {step.answer for step in steps if step.simpler == model}
        if BETTER in answers:
            continue
        return model, OPEN if OPEN in answers else CHOSEN
    return candidates[-1], CHOSEN


def leave_open(candidates: Sequence[str], margin: float, level: float, why: str) -> Choice:
    """Return that nothing could be compared: the simplest model stands in until the board or more history decides."""
    simplest = next(name for name in candidates if name in FITTED)
    return Choice(simplest, OPEN, simplest, margin, level, why=why)


def _estimate(spread: Spread) -> float:
    estimate, _, _ = bound(spread, 0.95)
    return -1.0 if estimate is None else estimate


def _surely_more(spread: Spread, other: Spread, level: float) -> bool:
    _, low, _ = bound(spread.less(other), level)
    return low is not None and low > 0
