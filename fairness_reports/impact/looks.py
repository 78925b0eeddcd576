"""One look at a trial's outcomes: the estimate, the bounds that this look may cross, and the verdict in one word.

    helps            fewer needs than the benefit bound's share of all possible lots, and the interval below nought
    harms            more needs than the harm bound's share of all possible lots, and the interval above nought
    no effect        the last look, and the whole interval is nearer nought than what was worth seeing
    cannot be told   the last look, and neither: no answer, which is not a no
    goes on          an earlier look, and no bound crossed

The interval's upper end is as many standard errors away as the benefit bound says, its lower end as the harm bound, so
that it holds at every look at once (repeated confidence intervals; Jennison and Turnbull 1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats  # type: ignore[import-untyped]  # it ships no types

from charter.council.trial_design import Answer
from fairness_reports.impact.estimates import LotTest, TrialRows, compare_with_lots, estimate_difference
from fairness_reports.impact.stopping import SPENDING, find_bounds

__all__ = ["VERDICTS", "Look", "take_look"]

VERDICTS = ("helps", "harms", "no effect", "cannot be told", "goes on")


@dataclass(frozen=True)
class Look:
    """What one look says; figures are None where nothing could be compared. Below nought: fewer needs among the listed.

    `share` of the trial's households have their outcome period over.
    """

    number: int
    share: float
    households: int
    listed: int
    needs_listed: int
    needs_held_out: int
    estimate: float | None
    error: float | None
    interval: tuple[float, float] | None
    z: float | None
    p_value: float | None
    bounds: tuple[float, float]
    verdict: str


def take_look(rows: TrialRows, answer: Answer, shares: Sequence[float]) -> Look:
    """Return a trial's newest look; `shares` are those of all looks so far, this one last."""
    last = shares[-1] >= 1
    benefit, harm = (find_bounds(SPENDING[side], answer.level / 2, shares)[-1] for side in ("benefit", "harm"))
    difference, test = estimate_difference(rows), compare_with_lots(rows)
    interval = None
    if difference is not None and difference.error > 0:
        least = float(stats.t.ppf(1 - answer.level / 2, difference.freedom))
        interval = (
            difference.estimate - max(harm, least) * difference.error,
            difference.estimate + max(benefit, least) * difference.error,
        )
    return Look(
        number=len(shares),
        share=float(min(shares[-1], 1.0)),
        households=len(rows.listed),
        listed=int(rows.listed.sum()),
        needs_listed=int(rows.listed @ rows.need),
        needs_held_out=int((1 - rows.listed) @ rows.need),
        estimate=difference.estimate if difference else None,
        error=difference.error if difference else None,
        interval=interval,
        z=test.z if test else None,
        p_value=test.p_value if test else None,
        bounds=(benefit, harm),
        verdict=_judge(test, interval, (benefit, harm), answer.worth_seeing, last=last),
    )


def _judge(
    test: LotTest | None,
    interval: tuple[float, float] | None,
    bounds: tuple[float, float],
    worth_seeing: float,
    *,
    last: bool,
) -> str:
    if test is not None and interval is not None:
        if test.fewer <= stats.norm.sf(bounds[0]) and interval[1] < 0:
            return "helps"
        if test.more <= stats.norm.sf(bounds[1]) and interval[0] > 0:
            return "harms"
        if last and -worth_seeing < interval[0] and interval[1] < worth_seeing:
            return "no effect"
    return "cannot be told" if last else "goes on"
