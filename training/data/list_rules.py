"""How lists are made and worked, as far as a replay of past weeks needs it: what `worklist.toml` says of it.

    [capacity]     weeks                   how many weeks' places one list has
    [list]         days                    lists are so many days apart
    [cooling_off]  weeks by decision       how long a household rests after each (charter/rules/left_out.py)
    [leave_out]    with_worker             features that say of a household that somebody works with it already
    [replay]       answers, decided_after  what people are expected to decide, and when
    [exploration]  share                   places that a lot gives, which no model's order fills

A decision that `answers` does not name is not expected; what is missing to 1 is undecided when the next list comes.
Where lists were worked long enough, what was decided on them stands in place of `answers` (list_decisions.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from charter.council.worklist_settings import WorklistFile
from charter.rules.left_out import count_lists_left_out

__all__ = ["ListDecisions", "ListRules"]


@dataclass(frozen=True)
class ListDecisions:
    """What was decided on so many `listings` of the lists from `first` to `last`, as shares of all of them.

    What is missing to 1 was undecided when the next list was due.
    """

    listings: int
    first: date
    last: date
    shares: Mapping[str, float]


@dataclass(frozen=True)
class ListRules:
    """The rules: `weeks` of rest by decision, lists `apart` days apart, and the share of each decision.

    `by_lot` is the share of a list's places that exploration gives: they are no model's, and are counted apart.
    `decisions` are the lists whose decisions `answers` are; None where they are as worklist.toml states them.
    """

    apart: int
    weeks: Mapping[str, int]
    with_worker: tuple[str, ...]
    answers: Mapping[str, float]
    decided_after: int
    by_lot: float = 0.0
    decisions: ListDecisions | None = None

    @classmethod
    def of(cls, worklist: WorklistFile) -> ListRules:
        """Return the rules that worklist.toml states."""
        return cls(
            apart=worklist.list.days,
            weeks=worklist.cooling_off,
            with_worker=worklist.leave_out.with_worker,
            answers=worklist.replay.answers,
            decided_after=worklist.replay.decided_after,
            by_lot=worklist.exploration.share,
        )

    def count_ranked(self, places: Mapping[str, int]) -> dict[str, int]:
        """Return by team how many of its places its order fills: all but those that exploration gives by lot."""
        return {team: number - int(self.by_lot * number) for team, number in places.items()}

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
