"""Records become people: strongest pairs first, and each only if all that is known of both sides agrees.

    joined        the pair is likely enough, whoever else either might be (below); nothing that is said of both sides
                  contradicts; every two records are plausible as one person by what stays with a person (at_home); and
                  those that say most of themselves speak for it. So nobody is made by a chain: of A-B and B-C, A-C
                  is asked about too, and where B has no forename, the forenames of A and C decide.
    for review    likely enough, and a rule kept it apart: the rule is named. And what is too close to call.

Who else it might be: where record k fits a as well as b does, and b and k are not one person, then a is one of two and
nobody can tell of whom. Of the ways in which three records can be people, those that have a and b together against all:

    a-b 12 bits, a-k 11, b-k not at all     2^12 / (2^12 + 2^11 + 1): a bit over even odds, so a person decides
    a-b 12 bits, a-k 11, b-k as well        all three are one: 2^12 + 2^(12+11) against 2^11 + 1

How likely k is one with a and b, if those two are one, is what it shares with a, less what speaks against b and k by
what stays with a person: they need not share a home, and two slips of one name are unlike. But where a says less of
itself than both (no date, and b and k have one), or the three could not be one by the rule above, it is no more than
what b and k share: of father and son a record without a date fits both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

__all__ = ["APART", "NEVER", "Facts", "Groups", "Limits", "Scored", "Weights", "expect_wrong", "group_records"]

NEVER = -99.0
"""The weight of a pair that was not worth comparing."""
_CAPPED = 12.0
"""No single pair speaks louder than this, for or against, where many are added up."""
_LARGEST = 40
"""Records that differ and are one person all the same; more go to a person."""

APART: Mapping[str, str] = {
    "close": "too close to call",
    "rivals": "two fit equally well",
    "untold": "no date of birth or forename tells a relative or namesake apart",
    "register": "twice in a register that has everybody once",
    "age": "too young for a service that knows them",
    "contradiction": "another record of theirs contradicts it",
    "many": "more records than one person has",
    "key": "one key, and neither names nor date of birth agree",
    "judged": "a person judged others of theirs different",
    "limit": "weaker than the limit of wrong links allows",
    "uncertain": "joined, and uncertain",
}
"""Why a pair is left for a person, by the rule's name."""


@dataclass(frozen=True)
class Facts:
    """What is said of a record beyond its traits: registers that have everybody once, births, and the latest."""

    registers: frozenset[str] = frozenset()
    births: frozenset[date] = frozenset()
    born_by: date | None = None


class Scored(NamedTuple):
    """A pair of records: its weight in bits, what it were at one home, and of how many traits both say anything.

    `needs`: the bits from which it is joined unasked, where that is more than the threshold (told_apart).
    """

    one: int
    other: int
    weight: float
    at_home: float
    known: int
    needs: float = 0.0


class Weights:
    """What is known of pairs of records, by place."""

    def __init__(self, pairs: Iterable[Scored] = ()) -> None:
        self._of: dict[int, dict[int, Scored]] = {}
        self.add(pairs)

    def add(self, pairs: Iterable[Scored]) -> None:
        """Know more pairs."""
        for pair in pairs:
            self._of.setdefault(pair.one, {})[pair.other] = pair
            self._of.setdefault(pair.other, {})[pair.one] = pair

    def of(self, one: int, other: int) -> Scored:
        """Return what is known of a pair; of one that was not worth comparing, that it is as unlikely as can be."""
        return self._of.get(one, {}).get(other) or Scored(one, other, NEVER, NEVER, 0)

    def neighbours(self, one: int) -> Mapping[int, Scored]:
        """Return all pairs that the record is in, by the other record."""
        return self._of.get(one, {})


@dataclass
class Groups:
    """Disjoint groups of records by place; each group is led by its smallest."""

    facts: Mapping[int, Facts]
    leader: dict[int, int] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)
    apart: dict[int, set[int]] = field(default_factory=dict)

    def find(self, record: int) -> int:
        """Return the leader of the record's group."""
        return self.leader.get(record, record)

    def list_members(self, leader: int) -> Sequence[int]:
        """Return the records of a group."""
        return self.members.get(leader, [leader])

    def keep_apart(self, one: int, other: int) -> None:
        """Never let the two records, nor what either is joined with, be one group."""
        self.apart.setdefault(one, set()).add(other)
        self.apart.setdefault(other, set()).add(one)

    def join(self, one: int, other: int) -> None:
        """Make two groups one."""
        first, second = sorted((self.find(one), self.find(other)))
        joined = [*self.list_members(first), *self.list_members(second)]
        for record in self.list_members(second):
            self.leader[record] = first
        self.members.pop(second, None)
        self.members[first] = joined

    def pool(self, leader: int) -> Facts:
        """Return what is said of a whole group."""
        said = [self.facts[record] for record in self.list_members(leader) if record in self.facts]
        if len(said) == 1:
            return said[0]
        limits = [of.born_by for of in said if of.born_by is not None]
        return Facts(
            frozenset().union(*(of.registers for of in said)),
            frozenset().union(*(of.births for of in said)),
            min(limits) if limits else None,
        )

    def contradict(self, first: int, second: int) -> str | None:
        """Return which rule keeps two groups apart whatever their weights; None where none does."""
        ones, others = self.list_members(first), self.list_members(second)
        if self.apart and any(not self.apart.get(record, _NONE).isdisjoint(others) for record in ones):
            return "judged"
        one, other = self.pool(first), self.pool(second)
        if not one.registers.isdisjoint(other.registers):
            return "register"
        limits = [of.born_by for of in (one, other) if of.born_by is not None]
        if limits and any(birth.year > min(limits).year + 1 for birth in (*one.births, *other.births)):
            return "age"
        return None


_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Limits:
    """Bits: from `threshold` on two are joined; no two records of a person are less likely than `plausible`.

    `false_links`: how many wrong joins may be expected; what is weaker than those that make up so many is reviewed.
    """

    threshold: float
    plausible: float
    false_links: float = math.inf


def group_records(
    pairs: Sequence[Scored], weights: Weights, groups: Groups, limits: Limits
) -> tuple[Sequence[tuple[int, int, float]], Sequence[tuple[int, int, float, str]]]:
    """Join the records of pairs that come strongest first; return the joins, and what is left for review with its rule.

    `pairs` are those worth a person's time and better; all pairs among records that they connect are in `weights`.
    """
    joins: list[tuple[int, int, float]] = []
    review: list[tuple[int, int, float, str]] = []
    wrong = 0.0
    for one, other, weight, _, _, needs in pairs:
        first, second = groups.find(one), groups.find(other)
        if first == second:
            continue
        if weight < limits.threshold:
            review.append((one, other, weight, "close"))
            continue
        if weight < needs:
            review.append((one, other, weight, "untold"))
            continue
        rule = groups.contradict(first, second) or _weigh_groups(
            groups.list_members(first), groups.list_members(second), weights, limits
        )
        if rule is not None:
            review.append((one, other, weight, rule))
            continue
        against_others = _weigh_against_rivals(one, other, weight, weights, groups, limits)
        if against_others < max(limits.threshold, needs):
            review.append((one, other, against_others, "rivals"))
            continue
        bits = min(weight, against_others)
        if wrong + expect_wrong(bits) > limits.false_links:
            review.append((one, other, bits, "limit"))
            continue
        wrong += expect_wrong(bits)
        groups.join(first, second)
        joins.append((one, other, bits))
    return joins, review


def expect_wrong(bits: float) -> float:
    """Return how likely a join of so many bits is wrong: of two bits one in five."""
    return float(1.0 / (1.0 + 2.0 ** min(bits, 1000.0)))


def _weigh_groups(ones: Sequence[int], others: Sequence[int], weights: Weights, limits: Limits) -> str | None:
    """Return which rule keeps two groups apart by what all their pairs weigh together; None where none does."""
    if len(ones) + len(others) > _LARGEST:
        return "many"
    if len(ones) == len(others) == 1:
        return None
    between = [weights.of(one, other) for one in ones for other in others]
    return None if _may_be_one(between, limits) else "contradiction"


def _may_be_one(between: Sequence[Scored], limits: Limits) -> bool:
    """Return whether no pair is implausible, and those that say most of themselves speak for one person together."""
    most = max(pair.known for pair in between)
    telling = [max(-_CAPPED, min(_CAPPED, pair.at_home)) for pair in between if pair.known == most]
    return min(pair.at_home for pair in between) >= limits.plausible and sum(telling) >= 0


def _weigh_against_rivals(
    one: int, other: int, weight: float, weights: Weights, groups: Groups, limits: Limits
) -> float:
    """Return the weight of a pair against everybody else that either might be: of its rivals, the strongest counts.

    b and k of the module's example were weighed as if nothing were known of a: their weight begins with the chance that
    two records picked at random are one person, which a-b and a-k have paid already. So it counts at one home.
    """
    first, second = groups.find(one), groups.find(other)
    most = 0.0
    for record, partner in ((one, other), (other, one)):
        for rival, pair in weights.neighbours(record).items():
            likeness = pair.weight
            if likeness < weight - 60 or likeness < 0 or groups.find(rival) in (first, second):
                continue
            if groups.contradict(groups.find(record), groups.find(rival)):
                continue
            between = weights.of(partner, rival)
            if groups.contradict(groups.find(partner), groups.find(rival)):
                between = Scored(partner, rival, NEVER, NEVER, 0)
            apart = _add_bits(0.0, likeness, between.weight)
            if between.known <= pair.known and _may_be_one((pair, between), limits):
                as_three = likeness + min(between.at_home, 0.0)
            else:
                as_three = min(likeness, between.at_home)
            together = _add_bits(0.0, as_three)
            most = max(most, apart - together)
    return weight - most


def _add_bits(*bits: float) -> float:
    """Return log2 of the sum of powers of two."""
    largest = max(bits)
    return largest + math.log2(sum(2.0 ** (of - largest) for of in bits))
