"""How lists are made and worked, as far as a replay of past weeks needs it: what `worklist.toml` says of it.

    [capacity]     weeks                   how many weeks' places one list has
    [list]         days                    lists are so many days apart
    [cooling_off]  weeks by decision       how long a household rests after each (charter/rules/left_out.py)
    [leave_out]    with_worker             features that say of a household that somebody works with it already
    [replay]       answers, decided_after  what people are expected to decide, and when; the defaults are below

A decision that `answers` does not name is not expected; what is missing to 1 is undecided when the next list comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from charter.errors import DefinitionError
from charter.rules.left_out import count_lists_left_out

__all__ = ["ListRules"]

DEFAULT_ANSWERS = {
    "taken_up": 0.4,
    "already_supported": 0.1,
    "family_said_no": 0.15,
    "set_aside": 0.15,
    "deferred": 0.1,
    "wrong_data": 0.03,
    "stepped_up": 0.02,
}
"""What is expected where the council states nothing: four in ten are offered help, one in twenty waits undecided."""

DECIDED_AFTER = 3


@dataclass(frozen=True)
class ListRules:
    """The rules: `weeks` of rest by decision, lists `apart` days apart, and the share of each decision."""

    apart: int
    weeks: Mapping[str, int]
    with_worker: tuple[str, ...]
    answers: Mapping[str, float]
    decided_after: int

    @classmethod
    def of(cls, worklist: Mapping[str, Any]) -> ListRules:
        """Read the sections; raise DefinitionError naming the key and the rule it breaks."""
        section = worklist.get("replay", {})
        unknown = sorted(set(section) - {"answers", "decided_after"})
        if unknown:
            _refuse(f"{unknown[0]} is not a key; the keys are answers, decided_after")
        answers = {str(name): share for name, share in section.get("answers", DEFAULT_ANSWERS).items()}
        decisions = {row["id"] for row in worklist.get("decision", ())}
        for name, share in answers.items():
            if decisions and name not in decisions and "answers" in section:
                _refuse(f"answers names {name}, and the decisions are {', '.join(sorted(decisions))}")
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                _refuse(f"the share of {name} is {share!r}, not a number from 0 to 1")
        if sum(answers.values()) > 1 + 1e-9:
            _refuse(f"the shares of answers add up to {sum(answers.values()):g}, which is more than 1")
        after = section.get("decided_after", DECIDED_AFTER)
        if isinstance(after, bool) or not isinstance(after, int) or not 0 <= after <= 92:
            _refuse(f"decided_after is {after!r}, not a whole number of days from 0 to 92")
        return cls(
            apart=int(worklist.get("list", {}).get("days", 7)),
            weeks={str(name): int(weeks) for name, weeks in worklist.get("cooling_off", {}).items()},
            with_worker=tuple(str(name) for name in worklist.get("leave_out", {}).get("with_worker", ())),
            answers=answers,
            decided_after=after,
        )

    @property
    def undecided(self) -> float:
        """The share that nobody has decided on when the next list comes."""
        return max(0.0, 1.0 - sum(self.answers.values()))

    def with_undecided(self, share: float) -> ListRules:
        """Return the rules with so large a share undecided; the decisions keep their proportions."""
        every = sum(self.answers.values())
        scale = (1 - share) / every if every else 0.0
        return replace(self, answers={name: value * scale for name, value in self.answers.items()})

    @property
    def lists_left_out(self) -> dict[str, int]:
        """From which list on, counted from its own, a household may be listed again, by decision."""
        return {
            name: count_lists_left_out(self.weeks.get(name, 0), self.decided_after, self.apart) for name in self.answers
        }

    @property
    def burn_in(self) -> int:
        """How many lists are made before any is counted: the rest of the commonest decision that has one.

        On the first list nobody rests, so the first lists are better than any later one; by then most rest who will.
        """
        rests = {name: number for name, number in self.lists_left_out.items() if number > 1}
        return rests[max(rests, key=lambda name: (self.answers[name], rests[name]))] if rests else 0

    @property
    def mean_rest(self) -> float:
        """How many lists a listed household misses on average, its own included."""
        lists = self.lists_left_out
        return sum(share * lists[name] for name, share in self.answers.items()) + self.undecided


def _refuse(rule: str) -> NoReturn:
    raise DefinitionError(f"worklist.toml [replay]: {rule}.", "Mend it there and run the command again.")
