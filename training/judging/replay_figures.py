"""Every contender replayed over the same weeks: figures with intervals, differences, and what they rest on.

All contenders share weeks, draws of the households, lots and decisions, so a difference is paired by household. Drawing
lots is a contender too; what it would list is known by expectation, so no list of it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Dataset
from training.data.folds import FINAL, SELECTION
from training.data.list_rules import ListRules
from training.data.weeks import ListWeeks
from training.judging.bootstrap import Spread, bound
from training.judging.metrics import Figure
from training.judging.replay import Exposure, HouseholdDraws, Replay, measure_replay, replay_model
from training.judging.replay_weeks import FEWEST_WEEKS, WeekPlan, choose_fold
from training.models.fitting import Trained
from training.models.planning import Plan

__all__ = [
    "CURVE",
    "DECIDES",
    "HALF_UNDECIDED",
    "LOTS",
    "ReplayInput",
    "Replayed",
    "describe_replay",
    "score_weeks",
]

Float = NDArray[np.float64]
Spreads = Mapping[str, Spread]

LOTS = "random"
DECIDES = "needed_of_listed"
"""The figure that models are chosen by: of 100 listings, those whose need was recorded within a horizon."""

LOTTERIES = 100
CURVE = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Where the released model is replayed with more places or fewer, in times the teams' places."""

HALF_UNDECIDED = "half undecided"
"""The same lists where half of what is listed is undecided when the next list comes."""


@dataclass(frozen=True)
class ReplayInput:
    """All that the contenders' replays share; `margins` by model (rows,)."""

    plan: WeekPlan
    rules: ListRules
    weeks: ListWeeks
    margins: Mapping[str, Float]
    draws: HouseholdDraws
    exposure: Exposure
    threads: int

    @classmethod
    def of(
        cls, planned: Plan, plan: WeekPlan, rules: ListRules, weeks: ListWeeks, margins: Mapping[str, Float]
    ) -> ReplayInput:
        """Draw the households again, as often as `[bootstrap]` of training.toml says."""
        by = planned.settings.bootstrap
        draws = HouseholdDraws.of(weeks.names, by.resamples, LOTTERIES, by.seed)
        exposure = Exposure.of(weeks, plan.part, draws, rules.apart)
        return cls(plan, rules, weeks, margins, draws, exposure, planned.settings.lightgbm.threads)

    def replay(self, model: str, rules: ListRules | None = None) -> dict[str, Spreads]:
        """Replay one contender, under other rules of deciding where some are given; return its spreads by period."""
        if model == LOTS:
            return {
                period: expect_lots(self.weeks, self.plan.part == part, self.draws)
                for part, period in enumerate(self.plan.periods)
            }
        return self.measure(self.make_lists(model, rules))

    def make_lists(self, model: str, rules: ListRules | None = None, keep: bool = False) -> Replay:
        """Make one contender's lists, under other rules of deciding where some are given; `keep` whom they hold."""
        by = rules or self.rules
        return replay_model(self.weeks, self.margins[model], self.plan.part, by, self.draws, self.threads, keep)

    def measure(self, replay: Replay) -> dict[str, Spreads]:
        """Return the spreads of what a replay made, by period."""
        return {period: measure_replay(replay, self.exposure, part) for part, period in enumerate(self.plan.periods)}

    def with_places(self, times: float, draws: int) -> ReplayInput:
        """Return the same weeks with so many times the places (rounded), and the first of the draws."""
        room = np.rint(self.weeks.room * times).astype(np.int32)
        weeks = replace(self.weeks, room=room)
        return replace(self, weeks=weeks, draws=self.draws.first(draws), exposure=self.exposure.first(draws))


@dataclass(frozen=True)
class Replayed:
    """What the replay measured: by period and model, each measure's spread; `plan.why` where nothing could be.

    `half` is the released model's, by period, where half of what is listed waits undecided for the next list; `curve`
    is its own too, by times of the places and by period; `matrix` is that of the weeks. `gives_way` says to which other
    programmes' lists households gave way; `practice` is what its lists add to the council's own practice
    (own_practice.py), as JSON values.
    """

    plan: WeekPlan
    rules: ListRules
    spreads: Mapping[str, Mapping[str, Spreads]]
    half: Mapping[str, Mapping[str, Spreads]] = field(default_factory=dict)
    curve: Mapping[float, Mapping[str, Spreads]] = field(default_factory=dict)
    matrix: str | None = None
    gives_way: str = ""
    practice: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def nothing(cls, rules: ListRules, why: str) -> Replayed:
        """Return that nothing was measured, and why."""
        return cls(WeekPlan.nothing(rules.apart, why), rules, {})

    def deciding(self, period: str) -> dict[str, Spread]:
        """Return by model, simplest first, the spread that decides between models; empty where there is none."""
        return {model: spreads[DECIDES] for model, spreads in self.spreads.get(period, {}).items()}

    @property
    def headline(self) -> str:
        """The period that headlines are of: the final one, which chose nothing, where it is long enough to say."""
        long_enough = FINAL in self.plan.periods and self.plan.count_weeks(1) >= FEWEST_WEEKS
        return FINAL if long_enough else SELECTION

    def figures(self, level: float) -> list[Figure]:
        """Return every figure, and each model's difference to every simpler one, with intervals of that level."""
        measures = []
        for part, spreads_by_period in (("all", self.spreads), (HALF_UNDECIDED, self.half)):
            for period, by_model in spreads_by_period.items():
                for model, spreads in by_model.items():
                    for measure, spread in spreads.items():
                        measures.append(Figure(model, period, measure, *bound(spread, level), part=part))
        for period, by_model in self.spreads.items():
            measures += _differences(period, by_model, level)
        return measures


def _differences(period: str, by_model: Mapping[str, Spreads], level: float) -> list[Figure]:
    models = list(by_model)
    return [
        Figure(
            model,
            period,
            f"{DECIDES}_difference",
            *bound(by_model[model][DECIDES].less(by_model[simpler][DECIDES]), level),
            against=simpler,
        )
        for place, model in enumerate(models)
        for simpler in models[:place]
    ]


def score_weeks(planned: Plan, trained: Trained, data: Dataset, names: Sequence[str]) -> dict[str, Float]:
    """Return each model's margin of every row, (rows,): by the fold whose model could have been in use that week."""
    threads = planned.settings.lightgbm.threads
    parts: dict[str, list[Float]] = {name: [] for name in names}
    for day in data.dates:
        fold, rows = choose_fold(planned.folds, day), data.at(day)
        features = np.asarray(rows.features)
        for name in names:
            parts[name].append(trained.by_fold[fold.name][name].margins(features, threads))
        rows.let_go()
    return {name: np.concatenate(margins) for name, margins in parts.items()}


def expect_lots(weeks: ListWeeks, counted: NDArray[np.bool_], draws: HouseholdDraws) -> dict[str, Spread]:
    """Return what lists drawn by lot would hold of the `counted` weeks (weeks,), by expectation.

    Each list's places go to its rows with equal chance. Who rests was drawn by lot too, so rests change no chance.

        list of 40 rows, 4 places: each row with a label counts 4 / 40; of those with the need, as much is needed
    """
    rows = np.flatnonzero(counted[weeks.week] & (weeks.list_of >= 0) & weeks.labelled)
    size = np.bincount(weeks.list_of[rows], minlength=len(weeks.room))
    chance = (weeks.room / np.maximum(size, 1))[weeks.list_of[rows]]

    def spread(which: NDArray[np.bool_]) -> tuple[float, Float]:
        weight = np.where(which[rows], chance, 0.0)
        value = np.bincount(weeks.household[rows], weights=weight, minlength=len(weeks.names)).astype(np.float64)
        return float(value.sum()), draws.totals(value)

    every, every_drawn = spread(np.ones(len(weeks.household), dtype=np.bool_))
    made = {}
    for measure, which in (
        ("needed_of_listed", weeks.needed),
        ("new_of_listed", weeks.new),
        ("new_needed_of_listed", weeks.new & weeks.needed),
    ):
        total, drawn = spread(which)
        share = total / every if every else np.nan
        made[measure] = Spread(np.full(draws.lotteries, share), drawn / np.maximum(every_drawn, 1e-12))
    return made


def describe_replay(replayed: Replayed, level: float, resamples: int) -> dict[str, Any]:
    """Return the replay as JSON values: what it rests on, and its figures."""
    plan, rules = replayed.plan, replayed.rules
    return {
        "why": plan.why,
        "matrix": replayed.matrix,
        "headline": replayed.headline if plan.days else None,
        "days_apart": rules.apart,
        "burn_in_weeks": plan.burn_in * rules.apart // 7,
        "answers": dict(rules.answers),
        "decisions": _describe_decisions(rules),
        "undecided": rules.undecided,
        "decided_after_days": rules.decided_after,
        "rests_weeks": {name: rules.weeks.get(name, 0) for name in rules.answers},
        "with_worker": list(rules.with_worker),
        "by_lot": rules.by_lot,
        "resamples": resamples,
        "lotteries": LOTTERIES,
        "level": level,
        "periods": [
            {
                "period": period,
                "first": plan.days_of(part)[0].isoformat(),
                "last": plan.days_of(part)[-1].isoformat(),
                "weeks": plan.count_weeks(part),
                "lists": len(plan.days_of(part)),
            }
            for part, period in enumerate(plan.periods)
        ],
        "figures": [{**figure.__dict__} for figure in replayed.figures(level)],
        "curve": [
            {"times_places": times, "measure": measure, "period": replayed.headline}
            | dict(zip(("estimate", "low", "high"), bound(by_period[replayed.headline][measure], level), strict=True))
            for times, by_period in replayed.curve.items()
            for measure in (DECIDES, "listed_of_need", "places_filled")
        ],
        "practice": dict(replayed.practice),
        "note": " ".join(part for part in (NOTE, replayed.gives_way, _say_exploration(rules.by_lot)) if part),
    }


def _describe_decisions(rules: ListRules) -> dict[str, Any] | None:
    """Return whose decisions `answers` are; None where they are as worklist.toml states them."""
    if rules.decisions is None:
        return None
    first, last = (day.isoformat() for day in (rules.decisions.first, rules.decisions.last))
    return {"listings": rules.decisions.listings, "first": first, "last": last}


def _say_exploration(share: float) -> str:
    if not share:
        return ""
    return (
        f"Of each list's places {100 * share:g} of 100, rounded down, are drawn by lot for exploration: they are no"
        " model's and are in no figure, and who has one does not rest here."
    )


NOTE = (
    "Every past week's lists were made again with the model that could have been in use that week. Households are drawn"
    " again, one drawn several times as so many households, and all lists made again; the models are held fixed."
)
