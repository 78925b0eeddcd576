"""Whether the lists are of use: `[usefulness]` of `charter.toml`, and its answers.

    enough     of 100 families listed, at least so many whose need was recorded within a horizon
    better     more of them than a list made as today's practice makes it

Both are decided on the interval that training's replay gives: pass where the whole of it is on the right side, fail
where the whole of it is on the wrong one, else it cannot be told and the board decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from charter.council.reading import MarkedRow
from charter.rules.verdicts import Verdict

__all__ = ["BETTER", "NEEDED", "Usefulness", "answer_usefulness"]

NEEDED = "needed_of_100"
BETTER = "needed_of_100_more"
_WORDS = {"last_contact": "last contact first", "one_feature": "the best single feature", "random": "drawing lots"}


class Usefulness(MarkedRow):
    """Of how much use a list must be."""

    of_100_listed: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            description="Of 100 families listed, the fewest whose need must be recorded within the outcome's horizon.",
            examples=[5.0],
        ),
    ]
    better_than: Annotated[
        Literal["last_contact", "one_feature", "random"],
        Field(
            description="The order that stands for today's practice, which the list must be better than: last contact "
            "first, the best single feature, or drawing lots.",
            examples=["last_contact"],
        ),
    ] = "last_contact"


def answer_usefulness(usefulness: Usefulness, findings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return both answers as verdicts of a decision document."""
    model = findings.get("model")
    rows = {
        (row["measure"], row.get("component")): row for row in findings["findings"] if model in (None, row["model"])
    }
    practice = _WORDS[usefulness.better_than]
    return [
        _answer(
            "useful_enough",
            f"Of 100 families listed, are there at least {usefulness.of_100_listed:g} whose need is then recorded?",
            rows.get((NEEDED, None)),
            usefulness.of_100_listed,
            "families of 100 listed had a need recorded afterwards",
        ),
        _answer(
            "better_than_practice",
            f"Does the list hold more such families than {practice} would?",
            rows.get((BETTER, usefulness.better_than)),
            0.0,
            f"more of 100 listed than {practice}",
        ),
    ]


def _answer(gate: str, question: str, row: Mapping[str, Any] | None, least: float, words: str) -> dict[str, Any]:
    verdict, reason, sentence = "insufficient", "no interval", "Cannot be told: no past week could be replayed for it."
    if row is not None and row["estimate"] is not None:
        low, high = (100 * end for end in row["interval"]) if row["interval"] else (None, None)
        figure = f"{100 * row['estimate']:.1f} {words}"
        if low is None or high is None:
            sentence = f"{figure}. Cannot be told: there is no interval to tell by."
        else:
            verdict, reason, why = _decide(low, high, least)
            sentence = f"{figure} (95 % interval {low:.1f} to {high:.1f}). {why} {least:g}."
    measure = NEEDED if gate == "useful_enough" else BETTER
    return Verdict(gate, question, "of no use", verdict, reason, sentence, measure, row).as_document()


def _decide(low: float, high: float, least: float) -> tuple[str, str, str]:
    if low >= least and (least or low > 0):
        return "pass", "limit", "Passes: the whole interval is above"
    if high < least or (not least and high <= 0):
        return "fail", "limit", "Fails: the whole interval is below"
    return "insufficient", "within unsure", "Cannot be told: the interval reaches over"
