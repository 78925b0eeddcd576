"""What a person reads on the terminal: the fold table, and in a few lines how good the models are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charter.contracts.entity_words import EntityWords
from training.data.onsets import say_persistence
from training.judging.bands import list_meanings
from training.judging.choosing import TITLES
from training.judging.list_calibration import say_calibration
from training.judging.own_practice import PRACTICE, say_practice
from training.report.align import align_table
from training.report.queue_table import say_queue

__all__ = [
    "find_figure",
    "find_replay_figure",
    "gather_headline",
    "list_orderings",
    "say_decisions",
    "say_help",
    "say_known_dates",
    "say_practice_beside",
    "say_reach",
    "say_steadiness",
    "summarise_run",
    "tabulate_folds",
    "tabulate_studies",
]


def tabulate_folds(folds: Sequence[Mapping[str, Any]], *, ends_with: str = "") -> str:
    """Return the folds as a table: what each trains on, the embargo, what it is tested on.

    Where each row's horizon ends with what is open (`ends_with`), rows keep an embargo of their own: that is said.
    """
    rows = [("fold", "trains on", "rows", "positive", "embargo", "tested on", "rows", "positive", "no label")]
    rows += [
        (
            str(fold["fold"]),
            _say_span(fold["train_from"], fold["train_to"]),
            f"{fold['train_rows']:,}",
            f"{fold['train_positives']:,}",
            "by row" if ends_with else f"{fold['embargo_days']} days",
            _say_span(fold["test_from"], fold["test_to"]),
            f"{fold['test_rows']:,}",
            f"{fold['test_positives']:,}",
            f"{fold['test_unlabelled']:,}",
        )
        for fold in folds
    ]
    table = align_table(rows, right=(2, 3, 4, 6, 7, 8))
    if not ends_with:
        return table
    return (
        f"{table}\nEmbargo by row: a fold learns from a row once its horizon, which ends with {ends_with}, was over and"
        " its outcome known; other rows of the same date wait."
    )


def _say_span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def find_figure(
    metrics: Mapping[str, Any], model: str, measure: str, period: str = "selection", part: str = "all"
) -> Mapping[str, Any]:
    """Return one figure of a model over a whole period; KeyError where it was not measured."""
    for figure in metrics["figures"]:
        if (figure["model"], figure["measure"], figure["period"], figure["part"], figure["against"]) == (
            model,
            measure,
            period,
            part,
            None,
        ):
            match: Mapping[str, Any] = figure
            return match
    raise KeyError(measure)


def find_replay_figure(
    metrics: Mapping[str, Any], model: str, measure: str, part: str = "all"
) -> Mapping[str, Any] | None:
    """Return one figure of a model's replayed lists, of the period that headlines are of; None where there is none."""
    replay = metrics.get("replay")
    if not isinstance(replay, Mapping):
        return None
    wanted = (model, measure, replay["headline"], part, None)
    for figure in replay["figures"]:
        if (figure["model"], figure["measure"], figure["period"], figure["part"], figure["against"]) == wanted:
            return dict(figure)
    return None


def list_orderings(metrics: Mapping[str, Any]) -> list[str]:
    """Return all orderings that were replayed, simplest first: the council's own practice, and what was compared."""
    practice = [PRACTICE] if find_replay_figure(metrics, PRACTICE, "needed_of_listed") else []
    return [*practice, *metrics["models"]]


def say_practice_beside(metrics: Mapping[str, Any]) -> list[str]:
    """Return as sentences what lists add to the council's own practice; nothing of a run that did not ask."""
    replay = metrics.get("replay")
    if not isinstance(replay, Mapping) or not replay["figures"] or not replay.get("practice"):
        return []
    return say_practice(
        replay["practice"], TITLES[metrics["model"]], replay["headline"], EntityWords.of_run(metrics).families
    )


def gather_headline(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the released model's main figures, each as [estimate, low, high], and the recommendation.

    They are of lists as they are used, where past weeks could be replayed; `isolated_dates` holds those of the annex.
    """
    model = metrics["model"]
    used = {name: find_replay_figure(metrics, model, name) for name in REPLAYED}
    apart = {name: find_figure(metrics, model, name) for name in ("precision", "recall", "auroc")}
    return {
        "recommendation": metrics["recommendation"]["sentence"],
        "known_dates": metrics.get("known_dates"),
        **{name: _bounds(figure) for name, figure in used.items() if figure},
        "isolated_dates": {name: _bounds(figure) for name, figure in apart.items()},
    }


REPLAYED = ("needed_of_listed", "needed_of_families", "listed_of_need", "days_before", "unneeded_per_1000")
"""The measures of replayed lists that people are told first."""

_TABLE = ("needed_of_listed", "listed_of_need", "unneeded_per_1000")


def _bounds(figure: Mapping[str, Any]) -> list[float | None]:
    return [figure["estimate"], figure["low"], figure["high"]]


def summarise_run(metrics: Mapping[str, Any]) -> str:
    """Return the comparison of replayed lists, the recommendation, and what was kept apart, for a person."""
    periods = {figure["period"] for figure in metrics["figures"]}
    places = sum(metrics["capacity"]["places"].values())
    lines = [*say_queue(metrics), *_say_replay(metrics), metrics["recommendation"]["sentence"]]
    lines += [*say_known_dates(metrics), *_say_worked(metrics)]
    lines += say_practice_beside(metrics) + say_reach(metrics) + list_meanings(metrics["bands"])
    lines += [line for line in [say_calibration(metrics.get("calibration", ()))] if line] + [""]
    rows = [("model", "of 100 listed, had the outcome", "of 100 with the outcome, listed", "orders pairs rightly")]
    rows += [
        (
            TITLES[model],
            _in_hundred(find_figure(metrics, model, "precision")),
            _in_hundred(find_figure(metrics, model, "recall")),
            _in_hundred(find_figure(metrics, model, "auroc")),
        )
        for model in metrics["models"]
    ]
    lines += [
        f"Annex: isolated dates, {len(metrics['folds'])} folds, {places} places a list. No list is made like this:"
        " nobody rests between them.",
        "",
        align_table(rows, right=(1, 2, 3)),
        "",
    ]
    if "final" in periods:
        last = find_figure(metrics, metrics["model"], "precision", "final")
        lines.append(f"In the final period, scored once: {_in_hundred(last)} of 100 listed had the outcome.")
    if "search" in metrics:
        lines.append(str(metrics["search"]["sentence"]))
    elif metrics.get("final", {}).get("taken_by"):
        lines.append(
            f"The final period was looked at before, by run {metrics['final']['taken_by']}; it is scored once, so this"
            " run has no figures of it. New as-of dates make a new one."
        )
    lines += _say_beyond(metrics)
    if metrics.get("onsets"):
        lines.append(say_persistence(metrics["onsets"], metrics["model"], EntityWords.of_run(metrics).many))
    if metrics.get("suspected_leaks"):
        names = ", ".join(
            leak["feature"] + (f" ({leak['reason']})" if leak.get("reason") else "")
            for leak in metrics["suspected_leaks"]
        )
        lines.append(f"Accepted although they know the outcome too well: {names}.")
    if metrics.get("left_out"):
        lines.append(f"Left out, because they never vary here: {', '.join(metrics['left_out'])}.")
    return "\n".join(lines)


def _say_replay(metrics: Mapping[str, Any]) -> list[str]:
    """Return every contender's replayed lists as a table; nothing where no week was replayed."""
    replay = metrics.get("replay")
    if not isinstance(replay, Mapping) or not replay["figures"]:
        return []
    period = next(one for one in replay["periods"] if one["period"] == replay["headline"])
    chose = "which chose nothing" if replay["headline"] == "final" else "which chose the model"
    rows = [("model", "of 100 listed, need recorded", "of 100 in need, listed before", "unneeded, of 1,000 a year")]
    for model in list_orderings(metrics):
        needed, before, unneeded = (find_replay_figure(metrics, model, name) for name in _TABLE)
        rows.append(
            (
                TITLES[model],
                _in_hundred(needed) if needed else "",
                _in_hundred(before) if before else "",
                f"{unneeded['estimate']:.0f}" if unneeded and unneeded["estimate"] is not None else "",
            )
        )
    half = find_replay_figure(metrics, metrics["model"], "needed_of_listed", "half undecided")
    undecided = f" Were half of all cases left undecided: {_in_hundred(half)} of 100 listed." if half else ""
    return [
        f"Lists as they are used: {period['weeks']} weeks from {period['first']} to {period['last']}, {chose}, after"
        f" {replay['burn_in_weeks']} weeks until the first rests ended; {100 * replay['level']:g} % intervals by"
        f" drawing {EntityWords.of_run(metrics).many} again."
        f"{undecided} {say_decisions(replay)}",
        "",
        align_table(rows, right=(1, 2, 3)),
        "",
    ]


def say_known_dates(metrics: Mapping[str, Any]) -> list[str]:
    """Return of how many records it is assumed when they became known; nothing of a run that didn't count them."""
    counts = metrics.get("known_dates")
    return [str(counts["sentence"])] if counts else []


def say_decisions(replay: Mapping[str, Any]) -> str:
    """Return whose decisions the replayed lists are worked by, in a sentence."""
    decisions = replay.get("decisions")
    if not decisions:
        return "Decisions on them are as worklist.toml expects: too few lists were worked yet."
    return (
        f"Decisions on them are as they were made on {decisions['listings']:,} listings, of lists from"
        f" {decisions['first']} to {decisions['last']}."
    )


def _say_strangers(metrics: Mapping[str, Any]) -> str:
    words = EntityWords.of_run(metrics)
    return f"{words.many} none of whose people" if words.one == "household" else f"{words.many} none of whom"


def _say_worked(metrics: Mapping[str, Any]) -> list[str]:
    """Return what a margin between models is in families a year, which the board signs."""
    worked = metrics["recommendation"].get("worked")
    if not worked:
        return []
    choices = "; ".join(
        f"{model['fewer_of_100_listed']:g} of 100 listed is {_say_families(model['families_a_year'], metrics)} a year"
        for model in worked
    )
    return [f"The board's margin for a simpler list, [choosing] of charter.toml, at these places: {choices}."]


def _say_families(number: float, metrics: Mapping[str, Any]) -> str:
    words = EntityWords.of_run(metrics)
    return f"1 {words.family}" if f"{number:.0f}" == "1" else f"{number:.0f} {words.families}"


def _say_beyond(metrics: Mapping[str, Any]) -> list[str]:
    """Return how the model does on households it never met, and what help that was offered means for its figures."""
    lines = []
    strangers = {figure["measure"]: figure for figure in metrics.get("grouped", {}).get("figures", ())}
    if strangers:
        lines.append(
            f"On {_say_strangers(metrics)} it learned from, {_in_hundred(strangers['precision_disjoint'])} of 100"
            f" listed had the outcome; as trained, {_in_hundred(strangers['precision_temporal'])} (newest fold)."
        )
    return [*lines, *say_help(metrics)]


def say_help(metrics: Mapping[str, Any]) -> list[str]:
    """Return how many rows had help within their horizon, what came of them, and what the other choice would find."""
    treated = metrics.get("treated", {})
    untold = treated.get("untold_rows", 0)
    unknown = (
        f" Of {untold:,} test rows more nobody knows whether they had: the records of help have a gap in their horizon."
        if untold
        else ""
    )
    if not treated.get("training_rows") and not treated.get("test_rows"):
        return [f"No row that is known had help within its horizon.{unknown}"] if untold else []
    learned = {"keep": "learned from like all others", "leave_out": "left out of what is learned from"}
    figures = {figure["measure"]: figure for figure in treated["figures"]}
    other, difference = (figures.get(f"precision_{name}") for name in ("with_the_other_choice", "difference"))
    addition = (
        f" The other choice would list {_in_hundred(other)} of 100 with the outcome, on isolated dates; this one lists"
        f" {_say_more(difference)}."
        if other and difference
        else ""
    )
    shares = [treated["outcome_of_treated"], treated["outcome_of_others"]]
    came = (
        f" Of the tested {100 * shares[0]:.1f} of 100 came to need, of all others {100 * shares[1]:.1f}."
        if None not in shares
        else ""
    )
    return [
        f"{treated['training_rows']:,} training rows and {treated['test_rows']:,} test rows had help within their"
        f" horizon, by a list or without one: they are {learned[treated['choice']]}, and tested on.{came}{unknown}"
        f"{addition}"
    ]


def tabulate_studies(studied: Mapping[str, Any]) -> str:
    """Return what each part of the data adds at the team's places, in households found of 100 listed."""
    rows = [("without", "features", "of 100 listed, had the outcome", "what it adds, of 100 listed")]
    for study in studied["studies"]:
        adds = study["adds"].get("precision")
        rows.append(
            (
                study["left_out"].removeprefix("service ").replace("_", " "),
                str(len(study["features"])),
                _in_hundred(study["figures"]["precision"]),
                _in_hundred(adds) if adds else "",
            )
        )
    steady = say_steadiness(studied.get("weekly"))
    lags = (studied.get("lags") or {}).get("sentence", "")
    return "\n\n".join([align_table(rows, right=(1, 2, 3)), *(line for line in (steady, lags) if line)])


def say_steadiness(weekly: Mapping[str, Any] | None) -> str:
    """Return how many of a week's list stood on the list of the week before; empty where it was not measured."""
    if not weekly or weekly["kept"]["estimate"] is None:
        return ""
    return (
        f"From week to week {_in_hundred(weekly['kept'])} of 100 stay on the list, over the"
        f" {len(weekly['weeks'])} weeks to {weekly['as_of'][-1]}, each list made anew."
    )


def say_reach(metrics: Mapping[str, Any]) -> list[str]:
    """Return what headline figures leave out: who was new to services, how early, and who could not be listed."""
    lines = _say_reach_of_lists(metrics) or _say_reach_of_dates(metrics)
    any_of = next((part for part in metrics.get("coverage", ()) if part["component"] == "any"), None)
    # The cohort of a queue's date is that day's cases: who came on another day was not out of reach.
    if any_of and any_of["share"] is not None and not metrics.get("queue"):
        share = f"{100 * any_of['share']:.0f} of 100 people with such a need"
        lines.append(f"{share} were in the cohort; no list could reach the others.")
    return lines


def _say_reach_of_lists(metrics: Mapping[str, Any]) -> list[str]:
    new, days = (find_replay_figure(metrics, metrics["model"], name) for name in ("new_of_listed", "days_before"))
    lines = []
    listed = find_replay_figure(metrics, metrics["model"], "needed_of_listed")
    if new and new["estimate"] is None and listed and listed["estimate"] is not None:
        lines.append(
            "Whether a service was in touch with those listed cannot be told: no feature is marked as a service's own"
            " response (system_response)."
        )
    elif new and new["estimate"] is not None:
        lines.append(f"Of 100 listings {_in_hundred(new)} were new: no service had acted in three months.")
    if days and days["estimate"] is not None and days["low"] is not None:
        lines.append(
            f"Where a need followed, it was recorded {days['estimate']:.0f} days after the"
            f" {EntityWords.of_run(metrics).family}'s first such listing on average"
            f" ({days['low']:.0f} to {days['high']:.0f})."
        )
    return lines


def _say_reach_of_dates(metrics: Mapping[str, Any]) -> list[str]:
    """Return the same of isolated dates, for a run whose weeks could not be replayed."""
    new = find_figure(metrics, metrics["model"], "new_share")
    precision = find_figure(metrics, metrics["model"], "new_precision")
    lines = []
    if new["estimate"] is not None and precision["estimate"] is not None:
        lines.append(
            f"On isolated dates {100 * new['estimate']:.0f} of 100 listed were new: no service had acted in three"
            f" months; of those, {100 * precision['estimate']:.0f} in 100 had the outcome."
        )
    lead = find_figure(metrics, metrics["model"], "lead_days")
    if lead["estimate"] is not None and lead["low"] is not None:
        lines.append(
            f"Of those found, the outcome came {lead['estimate']:.0f} days after the list on average"
            f" ({lead['low']:.0f} to {lead['high']:.0f})."
        )
    return lines


def _say_more(figure: Mapping[str, Any]) -> str:
    """Say a difference of 100 listed as more or fewer: "0.8 fewer (13.7 fewer to 7.7 more)"."""
    if figure["estimate"] is None:
        return "nobody can tell how many more"
    ends = [
        f"{abs(100 * figure[end]):.1f} {'fewer' if figure[end] < 0 else 'more'}"
        for end in ("estimate", "low", "high")
        if figure[end] is not None
    ]
    return ends[0] if len(ends) < 3 else f"{ends[0]} ({ends[1]} to {ends[2]})"


def _in_hundred(figure: Mapping[str, Any]) -> str:
    if figure["estimate"] is None:
        return "cannot be told"
    ends = [f"{100 * figure[end]:.1f}" for end in ("estimate", "low", "high") if figure[end] is not None]
    return ends[0] if len(ends) < 3 else f"{ends[0]} ({ends[1]} to {ends[2]})"
