"""The replay of one run, from its fitted models to the choice of one.

    weeks      which are replayed (replay_weeks.py), and a matrix built at their dates
    margins    each contender's, by the fold that could have been in use
    replays    every contender's lists (replay.py)
    choice     by the margin that the board signed (choosing.py)
    bands      what its likelihoods mean on its lists (list_scaling.py, bands.py, list_calibration.py)

Where the weeks cannot be replayed, nothing is chosen: the run says why, and the simplest model stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from charter.contracts.entity_words import EntityWords
from charter.council.programme import Programme
from charter.council.training_settings import RELEASABLE
from charter.invocation import Invocation
from features.grammar.definition import Definition
from training.data.dataset import Dataset
from training.data.folds import FINAL, SELECTION
from training.data.list_decisions import read_list_rules
from training.data.other_lists import read_other_lists
from training.judging.bands import Wording, leave_unsaid, measure_bands
from training.judging.calibration import scale_folds
from training.judging.choosing import Choice, choose_model, leave_open
from training.judging.choosing_words import LIST_WORDS, QUEUE_WORDS, say_choice, say_contradiction
from training.judging.list_calibration import measure_groups
from training.judging.list_scaling import ListScaling, choose_scaling
from training.judging.listed_rows import gather_listed_rows, measure_without_band
from training.judging.own_practice import PRACTICE, PracticeWeeks, compare_practice, find_practice, measure_practice
from training.judging.queues.queue_lists import keep_queue
from training.judging.queues.queue_run import Queued, choose_by_queue, describe_queue, judge_queue
from training.judging.replay import Listings
from training.judging.replay_figures import CURVE, LOTS, Replayed, ReplayInput, Spreads, describe_replay, score_weeks
from training.judging.replay_weeks import WeekPlan, build_weeks, plan_weeks, say_weeks
from training.judging.replayed_lists import ReplayedLists, keep_lists
from training.models.fitting import Trained
from training.models.planning import Plan

__all__ = [
    "Likelihoods",
    "ReplayResult",
    "describe_choice",
    "is_queue",
    "plan_replay",
    "released_model",
    "replay_run",
    "say_plan",
]

KEPT = ("points", "last_contact")
"""Beside the released model, whose lists are left for the audit: what stands in for it, and today's practice."""

WORKED = (1.0, 3.0, 5.0)
"""Margins, of 100 listed, that the board is shown in families a year."""


@dataclass(frozen=True)
class Likelihoods:
    """What the released model's likelihoods mean on lists: how they are scaled, bands in words, calibration by group.

    `scaling` is None where no week could be replayed: then bands have no figure, and nothing is known of a group.
    """

    scaling: ListScaling | None
    bands: Sequence[Mapping[str, Any]]
    groups: Sequence[Mapping[str, Any]] = ()
    without_band: Mapping[str, Any] | None = None

    def as_document(self) -> dict[str, Any]:
        """Return what metrics.json keeps of them."""
        document = {"bands": list(self.bands), "calibration": list(self.groups)}
        return document | ({"list_scaling": self.scaling.as_document()} if self.scaling else {})


class ReplayResult(NamedTuple):
    """What the replay of a run gave; `lists` are rows of the released model and of KEPT, where a week was replayed.

    `queued` is what a queue's cases gave instead, where the programme has one.
    """

    replayed: Replayed
    choice: Choice
    likelihoods: Likelihoods
    lists: ReplayedLists | None
    queued: Queued | None = None


def replay_run(
    invocation: Invocation,
    planned: Plan,
    trained: Trained,
    margin: float,
    advance: Callable[[], None],
    look: bool = True,
) -> ReplayResult:
    """Replay every contender and choose one; `look`: at the final weeks too (final.py).

    `advance` is told of the matrix and of each contender. Raises what `features.build.build_matrix` raises.
    """
    programme = invocation.settings
    rules = read_list_rules(invocation, planned.data.taken_at)
    level, names = planned.settings.bootstrap.level, planned.settings.models.in_order
    plan = plan_replay(invocation, planned, look)
    if plan.why:
        unsaid = leave_unsaid(planned.settings.bands, Wording.of(planned.data.matrix.definition))
        nothing, likelihoods = Replayed.nothing(rules, plan.why), Likelihoods(None, unsaid)
        if is_queue(programme):
            queued = judge_queue(invocation, planned, trained.margins, advance, look)
            choice = choose_by_queue(queued, margin, level)
            models = dict.fromkeys((released_model(planned, choice), *(name for name in KEPT if name in names)))
            lists = keep_queue(queued, planned.folds, list(models), planned.settings.bootstrap.seed)
            return ReplayResult(nothing, choice, likelihoods, lists, queued)
        return ReplayResult(nothing, leave_open(names, margin, level, plan.why), likelihoods, None)
    data, weeks = build_weeks(invocation, planned, plan, rules)
    advance()
    margins = score_weeks(planned, trained, data, [name for name in names if name != LOTS])
    shared = ReplayInput.of(planned, plan, rules, weeks, margins)
    practice = find_practice(data, planned.data.help, weeks, plan.part >= 0, rules.apart)
    by_model = {} if practice.why else {PRACTICE: _measure_practice(shared, practice)}
    listings = {}
    for name in names:
        if name in (*RELEASABLE, *KEPT):
            made = shared.make_lists(name, keep=True)
            by_model[name], listings[name] = shared.measure(made), made.listings
        else:
            by_model[name] = shared.replay(name)
        advance()
    replayed = Replayed(plan, rules, _by_period(by_model), gives_way=read_other_lists(invocation).say())
    choice = choose_model(replayed.deciding(SELECTION), margin, level)
    final = replayed.deciding(FINAL)
    choice = replace(choice, contradicted=say_contradiction(choice, final, level) if final else "")
    released, few = released_model(planned, choice), planned.settings.bootstrap.ranking_resamples
    half = {released: shared.replay(released, rules.with_undecided(0.5))}
    curve = {times: shared.with_places(times, few).replay(released) for times in CURVE}
    lists = keep_lists(shared, planned.folds, {name: listings[name] for name in (released, *KEPT) if name in listings})
    likelihoods = _judge_likelihoods(planned, trained, data, shared, released, listings[released])
    advance()
    replayed = replace(
        replayed,
        half=_by_period(half),
        curve=curve,
        matrix=str(data.matrix.manifest["id"]),
        practice=compare_practice(shared, practice, released, level),
    )
    return ReplayResult(replayed, choice, likelihoods, lists)


def _measure_practice(shared: ReplayInput, practice: PracticeWeeks) -> dict[str, Spreads]:
    return {period: measure_practice(shared, practice, part) for part, period in enumerate(shared.plan.periods)}


def _judge_likelihoods(
    planned: Plan, trained: Trained, data: Dataset, shared: ReplayInput, model: str, listings: Listings
) -> Likelihoods:
    """Choose how the released model's margins are scaled, and measure what likelihoods mean on its lists."""
    settings, margins = planned.settings, shared.margins[model]
    rows = gather_listed_rows(planned, data, shared.weeks, shared.plan.part, listings, margins)
    released, by_name = scale_folds(planned, trained.margins[model])
    platt = (released, [by_name[fold.name] for fold in planned.folds])
    level = settings.bootstrap.level
    scaling = choose_scaling(shared.weeks, margins, rows, shared.draws.keys, platt, level)
    wording = Wording.of(planned.data.matrix.definition)
    return Likelihoods(
        scaling,
        measure_bands(rows, scaling.likelihood, settings.bands, wording, level),
        measure_groups(rows, scaling.likelihood, level),
        measure_without_band(rows, level),
    )


def released_model(planned: Plan, choice: Choice) -> str:
    """Return the model to release: the chosen one, unless training.toml names another."""
    stated = planned.settings.models.release
    return choice.model if stated == "recommended" else stated


def plan_replay(invocation: Invocation, planned: Plan, look: bool = True) -> WeekPlan:
    """Return which weeks a run would replay, or why it cannot."""
    rules = read_list_rules(invocation, planned.data.taken_at)
    why = _why_not(invocation, planned, invocation.settings)
    return WeekPlan.nothing(rules.apart, why) if why else plan_weeks(planned, rules, look)


def describe_choice(planned: Plan, result: ReplayResult) -> dict[str, Any]:
    """Return the `recommendation` and the `replay` of metrics.json, and the `queue` of a programme that has one."""
    by, replayed, choice = planned.settings.bootstrap, result.replayed, result.choice
    horizon = Wording.of(planned.data.matrix.definition).horizon
    document: dict[str, Any] = {"replay": describe_replay(replayed, by.level, by.resamples)}
    if result.queued is not None:
        document["queue"] = describe_queue(result.queued, planned)
        headline = result.queued.deciding(document["queue"]["headline"])
        sentence = say_choice(choice, headline, horizon, by.level, QUEUE_WORDS)
    else:
        whom = f"{EntityWords.of(planned.data.matrix.definition).families} with a need"
        sentence = say_choice(
            choice, replayed.deciding(replayed.headline), horizon, by.level, LIST_WORDS._replace(whom=whom)
        )
    worked = _worked(replayed, choice)
    return document | {"recommendation": choice.as_document() | {"sentence": sentence, "worked": worked}}


def is_queue(programme: Programme) -> bool:
    """Whether a programme's cases wait: each row has a date of its own, and worklist.toml says how they are taken."""
    return programme.worklist.queue is not None and programme.training.as_of.each is not None


def say_plan(invocation: Invocation, planned: Plan) -> str:
    """Return what lists as they are used, or the queue, could tell of models, in a sentence."""
    plan = plan_replay(invocation, planned)
    if not is_queue(invocation.settings):
        return say_weeks(plan)
    days = [day for fold in planned.selecting for day in fold.test]
    cases = sum(len(planned.data.at(day).entity) for day in days)
    return f"Judged as a queue: {cases:,} cases of {len(days)} dates from {days[0]} to {days[-1]} choose the model."


def _worked(replayed: Replayed, choice: Choice) -> list[dict[str, float]]:
    """Return what a margin is in families a year at the places there are: what the board is asked."""
    spreads = replayed.spreads.get(SELECTION, {}).get(choice.model)
    if not spreads:
        return []
    filled = float(spreads["places_filled"].expected.mean())
    margins = sorted({*WORKED, 100 * choice.margin})
    return [{"fewer_of_100_listed": margin, "families_a_year": filled * margin / 100} for margin in margins]


def _by_period(by_model: Mapping[str, Mapping[str, Spreads]]) -> dict[str, dict[str, Spreads]]:
    periods = dict.fromkeys(period for spreads in by_model.values() for period in spreads)
    return {period: {model: spreads[period] for model, spreads in by_model.items()} for period in periods}


def _why_not(invocation: Invocation, planned: Plan, programme: Programme) -> str:
    """Return why no week of this programme can be replayed; empty where they can."""
    tables = invocation.workspace.store / str(planned.data.matrix.manifest["snapshot"]) / "tables"
    if programme.training.as_of.each is not None:
        if is_queue(programme):
            return "each row has a date of its own, and its cases are judged as a queue"
        return "each row has a date of its own, and worklist.toml has no [queue] that says how cases are taken"
    if not (tables / "events.parquet").exists():
        return "the tables of the matrix's snapshot are not in the workspace, so no week's rows can be made"
    definition = Definition.load(invocation.programme_folder / "definition.py")
    if definition.hash != planned.data.matrix.manifest["definition"]:
        return "the definition was changed since the matrix was built"
    return ""
