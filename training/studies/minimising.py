"""Which services' data the list can do without: left out one after the other, fitted again, replayed.

    most intrusive first    youth justice     the order reads nothing of it        not needed
                            social care       -0.4 (-1.1 to +0.6) of 100 fewer     not needed: within the margin of 3
                            homelessness      +4.1 (+1.2 to +7.0) of 100 fewer     helps
                            education         +1.9 (-0.8 to +4.5) of 100 fewer     cannot be told, so it stays

What is fitted is the kind of model that is released, by every fold, without the service's features and without those of
every service that was not needed before it; its lists are made again for the weeks that choose, with the same draws of
households. So what is left is the smallest set that can be shown to lose no more than the board gives for a simpler
list (`[choosing]` of charter.toml). All answers together are wrong at most as often as the level says: so much error is
shared out over the services that the order reads (Bonferroni).

Then the same is asked of single pieces of data, those of the most intrusive services first, without the services that
are not needed and, all at once, without whatever the order reads nothing of: what is left is the smallest set of
pieces. They share an error of their own, so that asking about them makes no answer about a service less sure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np

from charter.invocation import Invocation
from training.data.dataset import Dataset
from training.data.folds import SELECTION
from training.data.list_decisions import read_list_rules
from training.judging.bootstrap import Spread, bound
from training.judging.replay_figures import DECIDES, ReplayInput
from training.judging.replay_run import plan_replay
from training.judging.replay_weeks import WeekPlan, build_weeks, choose_fold
from training.models.contenders import Fitted
from training.models.fitting import Bins, fit_model, gather_lessons
from training.models.planning import Plan

__all__ = [
    "HELPS",
    "NOT_NEEDED",
    "OPEN",
    "UNREAD",
    "answer_loss",
    "find_smallest",
    "minimise_data",
    "rank_services",
    "weigh_intrusion",
]

_Loss = tuple[float | None, float | None, float | None]

UNREAD, NOT_NEEDED, HELPS, OPEN = "unread", "not needed", "helps", "cannot be told"


@dataclass(frozen=True)
class Step:
    """One service left out, beside those that were not needed before it: how many fewer of 100 listed had a need."""

    service: str
    intrusiveness: int
    features: Sequence[str]
    also_without: Sequence[str]
    fewer_of_100: Mapping[str, float | None]
    answer: str


@dataclass(frozen=True)
class Weeks:
    """The weeks that are replayed, and what any models of the folds would have listed in those that choose."""

    planned: Plan
    data: Dataset
    shared: ReplayInput
    model: str
    bins: Bins

    @classmethod
    def of(cls, invocation: Invocation, planned: Plan, plan: WeekPlan, model: str) -> Weeks:
        """Build the matrix of the weeks, or find it."""
        rules = read_list_rules(invocation, planned.data.taken_at)
        data, weeks = build_weeks(invocation, planned, plan, rules)
        return cls(planned, data, ReplayInput.of(planned, plan, rules, weeks, {}), model, Bins.of(planned))

    def fit(self, without: Collection[str]) -> dict[str, Fitted]:
        """Fit the model on every fold that ranks a week, as if the features `without` had never been seen."""
        folds = {fold.name: fold for fold in (choose_fold(self.planned.folds, day) for day in self.data.dates)}
        return {
            name: fit_model(self.planned, self.bins, gather_lessons(self.planned, fold), self.model, without=without)
            for name, fold in folds.items()
        }

    def replay(self, by_fold: Mapping[str, Fitted]) -> Spread:
        """Return the share of listings whose need was recorded, in every draw of the households."""
        threads, parts = self.planned.settings.lightgbm.threads, []
        for day in self.data.dates:
            rows = self.data.at(day)
            fitted = by_fold[choose_fold(self.planned.folds, day).name]
            parts.append(fitted.margins(np.asarray(rows.features), threads))
            rows.let_go()
        scored = replace(self.shared, margins={self.model: np.concatenate(parts)})
        return scored.replay(self.model)[SELECTION][DECIDES]


def minimise_data(
    invocation: Invocation, planned: Plan, model: str, margin: float, advance: Callable[[], None]
) -> dict[str, Any]:
    """Return which services the lists of `model` can do without, each with its figure (contract `studies`).

    `margin` is the share of those listed that may be lost; `advance` is told of each service, and of all pieces. Where
    no week can be replayed the document says why, and of no service anything is known.
    """
    level = planned.settings.bootstrap.level
    about = {"model": model, "margin_of_100": 100 * margin, "level": level, "why": "", "steps": [], "without": []}
    plan = plan_replay(invocation, planned)
    if plan.why:
        return about | {"why": plan.why}
    weeks = Weeks.of(invocation, planned, plan, model)
    intrusiveness = {source.service: source.intrusiveness for source in invocation.register.sources}
    services = rank_services(planned.data.matrix.definition, intrusiveness)
    whole_models = weeks.fit(())
    whole, read = weeks.replay(whole_models), list_reads(whole_models.values())
    shared = 1 - (1 - level) / max(sum(bool(set(features) & read) for features in services.values()), 1)
    steps: list[Step] = []
    for service, features in services.items():
        before = [step.service for step in steps if step.answer in (UNREAD, NOT_NEEDED)]
        left_out = {*features, *(feature for entry in before for feature in services[entry])}
        less: _Loss = (None, None, None)
        if not set(features) & read:
            less, answer = (0.0, 0.0, 0.0), UNREAD
        elif len(left_out) == len(planned.data.matrix.features):
            answer = OPEN  # nothing would be left to learn from
        else:
            less = bound(whole.less(weeks.replay(weeks.fit(left_out))), shared)
            answer = answer_loss(less, margin)
        steps.append(Step(service, intrusiveness.get(service, 3), features, before, _write_loss(less), answer))
        advance()
    without = [step.service for step in steps if step.answer in (UNREAD, NOT_NEEDED)]
    gone = {feature for service in without for feature in services[service]}
    pieces = find_smallest(
        weeks, whole, gone, weigh_intrusion(planned.data.matrix.definition, intrusiveness), margin, level
    )
    advance()
    return about | {"steps": [asdict(step) for step in steps], "without": without, "pieces": pieces}


def find_smallest(
    weeks: Weeks, whole: Spread, gone: Collection[str], intrusion: Mapping[str, int], margin: float, level: float
) -> dict[str, Any]:
    """Return which pieces of data are left where each that can be shown not to be needed is left out (`studies`).

    `gone` are those of services that are not needed, `whole` what the lists with every piece find; `intrusion` says how
    intrusive each piece is, in the definition's order.
    """
    base = weeks.fit(gone)
    in_use = list_reads(base.values())
    candidates = sorted((piece for piece in intrusion if piece in in_use), key=lambda piece: -intrusion[piece])
    unread = [piece for piece in intrusion if piece not in in_use and piece not in gone]
    shared = 1 - (1 - level) / (len(candidates) + 1)
    left_out, smallest = set(gone), bound(whole.less(weeks.replay(base)), shared)
    # Fitted without what it reads nothing of, a model may still turn out otherwise: by the lots of its fitting.
    if unread and candidates:
        less = bound(whole.less(weeks.replay(weeks.fit({*gone, *unread}))), shared)
        if answer_loss(less, margin) == NOT_NEEDED:
            left_out, smallest = {*gone, *unread}, less
    steps: list[dict[str, Any]] = []
    for number, piece in enumerate(candidates):
        needed = sum(step["answer"] != NOT_NEEDED for step in steps)
        less = (None, None, None)
        answer = OPEN
        # Without the last piece nothing would be left to learn from.
        if needed or number < len(candidates) - 1:
            less = bound(whole.less(weeks.replay(weeks.fit({*left_out, piece}))), shared)
            answer = answer_loss(less, margin)
        if answer == NOT_NEEDED:
            left_out.add(piece)
            smallest = less
        steps.append({"piece": piece, "fewer_of_100": _write_loss(less), "answer": answer})
    return {
        "steps": steps,
        "unread": [piece for piece in unread if piece in left_out],
        "kept": [piece for piece in intrusion if piece not in left_out],
        "fewer_of_100": _write_loss(smallest),
    }


def weigh_intrusion(definition: Mapping[str, Any], intrusiveness: Mapping[str, int]) -> dict[str, int]:
    """Return how intrusive each piece of data is: as the most intrusive service that it reads; 0 of none."""
    return {
        feature["name"]: max((intrusiveness.get(service, 3) for service in feature["services"]), default=0)
        for feature in definition["features"]
    }


def _write_loss(less: _Loss) -> dict[str, float | None]:
    return dict(zip(("estimate", "low", "high"), (None if end is None else 100 * end for end in less), strict=True))


def rank_services(definition: Mapping[str, Any], intrusiveness: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the features that read each service, the most intrusive service first."""
    services = sorted({service for feature in definition["features"] for service in feature["services"]})
    services.sort(key=lambda service: -intrusiveness.get(service, 3))
    return {
        service: [feature["name"] for feature in definition["features"] if service in feature["services"]]
        for service in services
    }


def list_reads(models: Collection[Fitted]) -> set[str]:
    """Return the features that any of the models, all of LightGBM's native text, splits on."""
    read = set()
    for fitted in models:
        booster = lgb.Booster(model_str=fitted.text)
        splits = booster.feature_importance(importance_type="split")
        read |= {name for name, number in zip(booster.feature_name(), splits.tolist(), strict=True) if number}
    return read


def answer_loss(less: _Loss, margin: float) -> str:
    """Say what a loss with its interval answers: `helps`, `not needed` where it is wholly within the margin, or open.

    A loss that is surely more than nothing and surely within the margin is small: it is not needed.
    """
    _, low, high = less
    if low is None or high is None:
        return OPEN
    if high <= margin:
        return NOT_NEEDED
    return HELPS if low > 0 else OPEN
