"""A use of data in sentences for residents: each follows from what was measured or decided, or says that it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from charter.contracts.entity_words import EntityWords
from charter.council.training_settings import POINTS_LISTS
from charter.rules.data_use import list_about_lists
from charter.rules.gate_sentences import say_day
from charter.rules.showing import LIVE, SHADOW, SUSPENDED
from charter.signing.closures import find_day
from fairness_reports.impact.so_far_words import say_help
from fairness_reports.publish.gate_tables import VERDICTS, tabulate_gate
from fairness_reports.publish.pack import MODELS
from fairness_reports.publish.public_figures import hide_for_public
from fairness_reports.residents.data_uses import NOT_USED, DataUse

__all__ = [
    "STATE_WORDS",
    "name_entities",
    "say_answers",
    "say_below",
    "say_figures",
    "say_model",
    "say_places",
    "say_shown_to_help",
    "say_state",
    "tabulate_questions",
]

STATE_WORDS: Mapping[str, str] = {
    LIVE: "In use",
    SHADOW: "On trial: nobody sees the lists",
    SUSPENDED: "Stopped",
    NOT_USED: "Not used",
}
_NOBODY_KNOWS = "Nobody has measured yet what lists made like this would have done."
_A_QUEUE = "It puts a queue in order. What past weeks' queues would have been is in the model card."


def name_entities(use: DataUse) -> str:
    """Return what the rows of a list are called: people, households, or the programme's own word."""
    return EntityWords.of(use.bundle).many


def say_state(use: DataUse) -> str:
    """Return in sentences whether lists are made and seen, and since when."""
    if use.closure is not None:
        day = say_day(find_day(use.closure, use.invocation.council.time_zone))
        return f"We ended it on {day}, and destroyed what was made for it. Why: {use.closure.reason}"
    if use.state == NOT_USED:
        return "No list is made by this programme."
    release = f"Lists are made as they are now since {say_day(use.released_on)}." if use.released_on else ""
    if use.state == SUSPENDED:
        return "All of it, or a part that it needs, is stopped: no list is shown until two roles agree to start again."
    if use.state == SHADOW:
        return f"{release} They are made to be measured, and nobody is shown them.".strip()
    audience = f" Workers have been allowed to see them since {say_day(use.shown_since)}." if use.shown_since else ""
    return f"{release}{audience}".strip()


def say_shown_to_help(use: DataUse) -> str:
    """Return when it was last shown to help: by a trial's answer alone, never by a figure of the past."""
    return say_help(use.so_far["trials"])


def say_figures(use: DataUse) -> list[str]:
    """Return what past lists made again would have done, with the ranges; or that nobody measured it."""
    if use.metrics.get("queue"):
        return [_A_QUEUE]
    if not use.replay:
        return [_NOBODY_KNOWS]
    period, who = use.period, name_entities(use)
    sentences = [
        f"We made the lists of {period['weeks']} past weeks again, from {_say_iso(period['first'])} to"
        f" {_say_iso(period['last'])}, each as it would have been made then."
    ]
    needed, reached = use.find_figure("needed_of_listed"), use.find_figure("listed_of_need")
    unneeded, days = use.find_figure("unneeded_per_1000"), use.find_figure("days_before")
    if needed:
        sentences.append(f"Of 100 {who} listed, {_say_range(needed, 100)} had a need recorded afterwards.")
    if reached:
        sentences.append(
            f"Of 100 {who} who came to need help, {_say_range(reached, 100)} had been on a list before; the others"
            " had not."
        )
    if unneeded:
        sentences.append(
            f"In a year, {_say_range(unneeded, 1)} of every 1,000 {who} were listed and had no need recorded."
        )
    if days:
        sentences.append(
            f"{who.capitalize()} who were listed before a need were listed {_say_range(days, 1)} days before it."
        )
    return [*sentences, "The numbers in brackets are a range that holds the true figure 95 times in 100."]


def say_model(use: DataUse) -> str:
    """Return how the order comes about, in a sentence."""
    if not use.bundle:
        return ""
    model = str(use.bundle["model"])
    if model in POINTS_LISTS and use.bundle.get("points"):
        return "The order is made by adding up points for plain facts. All of them are published."
    name = MODELS.get(model, model)
    return (
        f"The order is made by a computer model ({name}) that learned from past records which facts came before a need."
    )


def say_places(use: DataUse) -> str:
    """Return how many families the teams can be offered, which is where each list ends."""
    who = name_entities(use)
    rows = [f"{team.title}: {team.places:g} {who} a week" for team in use.teams]
    if not rows:
        return "No team has places for it."
    return f"A list is as long as the help there is. {'; '.join(rows)}."


def say_below(use: DataUse) -> str:
    """Return who looks at those below a list's last place: nobody, some that a lot chose, or a few without names."""
    who, settings, policy = name_entities(use), use.invocation.settings.worklist, use.invocation.charter
    sentences = []
    if settings.exploration.share and policy.largest_lot:
        most = policy.most_looks_a_year
        words = "our charter names no most for a year" if most is None else f"at most {most:,} in any twelve months"
        sentences.append(
            f"A lot puts some of the {who} below that on the list ({words}), so that we learn whom it misses: a person"
            " looks at what is known, without names, and may offer help where there is a need. Having been drawn says"
            " nothing about anybody."
        )
        if policy.looks_purpose is None:
            sentences.append("Our charter names no purpose of its own for such looks.")
    if settings.second_look.below:
        sentences.append(f"A manager looks at a few of the {who} just below it, without names, to check the list.")
    if not sentences:
        return f"A list ends where the places end, so no person has looked at the {who} below its last line."
    if policy.looks_purpose is not None:
        sentences.append(
            "These looks are a use of their own in our charter and register. Who objects to it is in none of them, and"
            " loses nothing: a place on the list stays open to them."
        )
    return " ".join(["A list ends where the places end.", *sentences, "At all others below it no person has looked."])


def say_answers(use: DataUse) -> str:
    """Return how many of the charter's questions the findings answer, and how."""
    if not use.decision:
        return "The charter's questions have not been asked of it."
    counts = Counter(row["verdict"] for row in list_about_lists(use.decision["questions"]))
    every = sum(counts.values())
    return (
        f"Before anything was released the charter's {every} questions about lists were asked. Within the limits:"
        f" {counts['pass']}."
        f" Beyond a limit: {counts['fail']}. Cannot be told with the data there is: {counts['insufficient']}."
    )


def tabulate_questions(use: DataUse) -> list[dict[str, Any]]:
    """Return each of the charter's questions about groups with its answers; what the public may not read has a dash."""
    if not use.decision:
        return []
    rows = hide_for_public(use.findings["findings"])
    verdicts: Sequence[Mapping[str, Any]] = use.decision["verdicts"]
    tables = [tabulate_gate(gate, rows, verdicts) for gate in use.invocation.charter.asked("test")]
    for table in tables:
        for row in table["rows"]:
            row["answer"] = VERDICTS[row["verdict"]]
    return [table for table in tables if table["rows"]]


def _say_range(figure: Mapping[str, Any], times: int) -> str:
    estimate, low, high = (figure[end] for end in ("estimate", "low", "high"))
    if estimate is None:
        return "a number that cannot be told"
    ends = "range not known" if low is None or high is None else f"{times * low:.0f} to {times * high:.0f}"
    return f"{times * estimate:.0f} ({ends})"


def _say_iso(day: str) -> str:
    return say_day(date.fromisoformat(day))
