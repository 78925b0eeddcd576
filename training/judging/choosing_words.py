"""A choice in one sentence, for the board: what is recommended, on which figures, or why nothing is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from training.judging.bootstrap import Spread, bound
from training.judging.choosing import BETTER, ENOUGH, NO_BETTER, TITLES, Choice, Step, compare_models

__all__ = [
    "LIST_WORDS",
    "QUEUE_WORDS",
    "ChoiceWords",
    "say_choice",
    "say_contradiction",
    "with_capital",
]


class ChoiceWords(NamedTuple):
    """How a choice is said: of which hundred, what an order does with them, and who comes of it."""

    of_100: str
    does: str
    whom: str


LIST_WORDS = ChoiceWords("of 100 listed", "lists", "families with a need")
QUEUE_WORDS = ChoiceWords("of 100 cases in the first tenth", "has there", "cases with a need")


def say_choice(
    choice: Choice, headline: Mapping[str, Spread], horizon: str, level: float, words: ChoiceWords = LIST_WORDS
) -> str:
    """Return the choice as sentences; `headline` is by model the spread of what is said of it, over `horizon`."""
    title = TITLES[choice.model]
    if choice.why:
        return (
            f"Which model {words.does} most {words.whom} cannot be told: {choice.why}. Until it can, lists are agreed"
            f" points, in shadow; {title} stands in for them."
        )
    first = f"{choice.contradicted} " if choice.contradicted else ""
    if choice.beaten_by:
        return first + (
            f"{with_capital(TITLES[choice.beaten_by])} {words.does} more {words.whom} than every model that was"
            f" fitted, {_share(headline, choice.beaten_by, level)} of 100 where {title} {words.does}"
            f" {_share(headline, choice.model, level)}: no model is recommended."
        )
    if choice.answer == NO_BETTER:
        return first + f"No model is recommended: {title} cannot be told from drawing lots."
    result = f"{words.of_100}, {_share(headline, choice.model, level)} had a need recorded within {horizon}"
    if not choice.recommended:
        others = ", ".join(_say_step(step, words) for step in choice.steps if step.other in choice.open_to)
        return first + (
            f"Whether {title} is enough cannot be told, and the board chooses: {others}, and it gives"
            f" {100 * choice.margin:g} for a simpler list. Until then {title} stands in: {result}."
        )
    return first + f"{with_capital(title)} is recommended: {result}{_reasons(choice, words)}."


def _reasons(choice: Choice, words: ChoiceWords) -> str:
    better = [step for step in choice.steps if (step.other, step.answer) == (choice.model, BETTER)]
    enough = [step for step in choice.steps if (step.simpler, step.answer) == (choice.model, ENOUGH)]
    text = "".join(f"; it {words.does} {_say_more(step)} than {TITLES[step.simpler]}" for step in better)
    if not enough:
        return text
    more = ", ".join(_say_step(step, words) for step in enough)
    return f"{text}; {more}, within the {100 * choice.margin:g} that the board gives for a simpler list"


def say_contradiction(
    choice: Choice, final: Mapping[str, Spread], level: float, words: ChoiceWords = LIST_WORDS
) -> str:
    """Return how the weeks that chose nothing contradict a choice, in a sentence; empty where they don't."""
    for step in choice.steps:
        again = compare_models(final, step.simpler, step.other, choice.margin, level)
        lost = step.answer == BETTER and step.other == choice.model and again.high is not None and again.high < 0
        beaten = step.answer == ENOUGH and step.simpler == choice.model and (again.low or 0.0) > choice.margin
        if lost or beaten:
            return (
                f"The final weeks contradict the choice: {words.of_100} {TITLES[step.other]} {words.does}"
                f" {_say_more(again)} there than {TITLES[step.simpler]}."
            )
    return ""


def _say_step(step: Step, words: ChoiceWords) -> str:
    return f"{TITLES[step.other]} {words.does} {_say_more(step)}"


def _say_more(step: Step) -> str:
    """Say a difference of 100 listed as more or fewer: "0.8 fewer (13.7 fewer to 7.7 more)"."""
    if step.more is None:
        return "nobody can tell how many more"
    if step.low is None or step.high is None:
        return f"{_say_signed(step.more)} (no interval can be given)"
    return f"{_say_signed(step.more)} ({_say_signed(step.low)} to {_say_signed(step.high)})"


def _say_signed(share: float) -> str:
    return f"{abs(100 * share):.1f} {'fewer' if share < 0 else 'more'}"


def _share(spreads: Mapping[str, Spread], model: str, level: float) -> str:
    estimate, low, high = bound(spreads[model], level)
    if estimate is None:
        return "nobody can tell how many"
    if low is None or high is None:
        return f"{100 * estimate:.0f}"
    return f"{100 * estimate:.0f} ({100 * low:.0f} to {100 * high:.0f})"


def with_capital(text: str) -> str:
    """Return a sentence's beginning with a capital letter."""
    return text[:1].upper() + text[1:]
