"""What came of a programme so far, in sentences: each follows from the live audit's findings, or says what is missing.

A trial's answer is headed by its verdict, whichever it is. What became of places that workers decided against stands
beside what became of those they made an offer for; neither says what help did, and the sentence says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from charter.rules.data_use import list_about_lists
from charter.rules.gate_sentences import say_day
from fairness_reports.audit.watching.live_audit import DECIDED_AGAINST, OFFERED
from fairness_reports.disclosure.rules import find_mode, read_rules

__all__ = ["TRIAL_HEADINGS", "describe_so_far_part", "say_acts", "say_help", "say_needs", "say_overrides", "say_trial"]

TRIAL_HEADINGS: Mapping[str, str] = {
    "helps": "It helps",
    "harms": "It harms",
    "no effect": "No effect worth seeing",
    "cannot be told": "It cannot be told",
    "goes on": "The trial goes on: no answer yet",
    "": "The trial has no answer yet",
}
"""What a trial's answer is headed with, all of one size."""

_FEWEST = read_rules().fewest_of_rate

Document = Mapping[str, Any]


def describe_so_far_part(findings: Document) -> dict[str, Any] | None:
    """Return what the board's papers show of it; None for findings of an audit made before it was written down."""
    so_far = findings.get("so_far")
    if not so_far:
        return None
    return {
        "acts": say_acts(so_far["acts"], "households"),
        "helps": say_help(so_far["trials"]),
        "trials": [
            {
                "heading": TRIAL_HEADINGS[trial["verdict"]],
                "question": trial["question"],
                "words": say_trial(trial),
            }
            for trial in so_far["trials"]
        ],
        "overrides": say_overrides(findings),
    }


def say_acts(acts: Document, who: str) -> list[str]:
    """Return how many places lists had, and what people made of them; `who` names what stands on a list."""
    if not acts["lists"]:
        return ["No list was made yet."]
    first, last = (say_day(date.fromisoformat(acts[end])) for end in ("first", "last"))
    span = f"of {first}" if first == last else f"from {first} to {last}"
    lists = "1 list" if acts["lists"] == 1 else f"{acts['lists']:,} lists"
    sentences = [f"{lists} {span}, with {acts['listed']:,} places for {who} in all."]
    if acts["listed"]:
        decided = acts["listed"] - acts["waiting"]
        sentences.append(
            f"People have decided on {decided:,} of them. Help was offered: {acts['offered']:,}. The worker decided"
            f" against it: {acts['declined']:,}. Put off, helped already, or the family said no: {acts['otherwise']:,}."
        )
    return sentences


def say_overrides(findings: Document) -> list[str]:
    """Return how places fared that workers decided against, beside those they offered help for.

    A figure needs as many places whose outcome is known as any rate does, and no small count behind it.
    """
    due = say_day(date.fromisoformat(findings["period"]["outcomes_due"]))
    rows = {
        row["at"]: row
        for row in findings["findings"]
        if row["measure"] == "precision" and row["group"] is None and row.get("component") is None
    }
    against, offered = (rows.get(at) for at in (DECIDED_AGAINST, OFFERED))
    if findings["stage"] != "live":
        return [
            f"How those fared that workers decided against can be told from {due}, when outcomes begin to be known."
        ]
    if against is None:
        return ["Workers have decided against no place on a list whose outcome is known."]
    sentences = [_say_share(against, "places that a worker decided against")]
    if offered is not None:
        sentences.append(_say_share(offered, "places that were offered help"))
    return [*sentences, "Help may have kept a need away, so the two do not say how well workers choose."]


def say_trial(trial: Document) -> str:
    """Return what a trial's newest look said, with its range and day; '' before the first look."""
    if not trial["verdict"]:
        return ""
    looked = say_day(date.fromisoformat(trial["looked_on"]))
    if trial["estimate"] is None or trial["interval"] is None:
        return f"Looked at on {looked}. There is no figure yet that can be given."
    low, high = (100 * end for end in trial["interval"])
    estimate = 100 * trial["estimate"]
    fewer = "fewer" if estimate < 0 else "more"
    return (
        f"Of 100 households listed by the lot {abs(estimate):.1f} {fewer} had a need afterwards than of 100 that the"
        f" lot held out (the difference lies between {low:+.1f} and {high:+.1f}). Looked at on {looked}."
    )


def say_help(trials: Sequence[Document]) -> str:
    """Return when it was last shown to help: by a trial's answer alone, never by a figure of the past."""
    helped = [trial["looked_on"] for trial in trials if trial["verdict"] == "helps"]
    if helped:
        return f"It was last shown to help on {say_day(date.fromisoformat(max(helped)))}, by a trial with a lot."
    judged = [trial["verdict"] for trial in trials if trial["verdict"]]
    if not trials:
        return "It has not been shown to help: no trial of it has been registered."
    if not judged:
        return "It has not been shown to help: a trial is registered and has no answer yet."
    words = {
        "harms": "a trial found that it does harm",
        "no effect": "a trial found no effect worth seeing",
        "cannot be told": "a trial could not tell",
        "goes on": "a trial goes on and has no answer yet",
    }
    return f"It has not been shown to help: {words[judged[-1]]}."


def say_needs(findings: Document, decision: Document, trials: Sequence[Document]) -> list[str]:
    """Return what the next decision about a use needs: outcomes, data for questions without an answer, a trial."""
    sentences = []
    if findings and findings["stage"] != "live":
        due = say_day(date.fromisoformat(findings["period"]["outcomes_due"]))
        sentences.append(f"Outcomes of the first lists: they begin to be known on {due}.")
    about_lists = list_about_lists(decision.get("questions", ()))
    questions = [row["gate"] for row in about_lists if row["verdict"] == "insufficient"]
    if questions:
        decided = decision["decided_on"]
        dated = (row.get("enough_data_by") or "" for row in _list_open(decision, questions))
        days = [day for day in dated if day > decided]
        by = f" Enough data for the first of them is due by {say_day(date.fromisoformat(min(days)))}." if days else ""
        count = len(questions)
        some = "1 question of the charter has" if count == 1 else f"{count} questions of the charter have"
        sentences.append(f"More data: {some} no answer yet.{by}")
    if not any(trial["verdict"] in {"helps", "harms", "no effect"} for trial in trials):
        going = any(trial["verdict"] in {"", "goes on"} for trial in trials)
        sentences.append(
            "A trial's answer: one is under way."
            if going
            else "A trial with a lot: without one nobody can say whether offers made by a list help."
        )
    return sentences or ["Nothing is missing that these pages know of."]


def _list_open(decision: Document, questions: Sequence[str]) -> list[Document]:
    return [row for row in decision["verdicts"] if row["gate"] in questions and row["verdict"] == "insufficient"]


def _say_share(row: Document, which: str) -> str:
    share, places = row["estimate"], row["n"]
    part = None if share is None else round(share * places)
    mode = find_mode("dfe")
    small = part is None or any(mode.hidden_from <= side <= mode.hidden_to for side in (part, places - part))
    if places < _FEWEST or small or row["interval"] is None:
        return f"Of {which} so few outcomes are known that no figure can be given."
    low, high = (100 * end for end in row["interval"])
    return (
        f"Of 100 {which}, {100 * share:.0f} had a need recorded afterwards (the range is {low:.0f} to {high:.0f}; "
        f"{places:,} are counted)."
    )
