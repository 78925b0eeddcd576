"""Which references are one person: lawful exact keys, then exact name and date of birth, then Splink for the rest.

    1 judged         a person said so (features.linking.judgements)
    2 key            a key that services share by law (register: `shared_key`) is the same
    3 name and date  folded forename, surname and date of birth are all the same
    4 splink         Splink 5's Fellegi-Sunter score with the fixed parameters, from `threshold` bits on

Two references that a person judged different are never in one group, whatever joins them. Other links are made
strongest first, each only if it keeps every rule: two references of a service that gives each person
one reference are never one person (so twins stay two), nor are records whose forenames have nothing in common (so
relatives at one address stay apart), nor those whose dates of birth contradict each other beyond a slip. Ties are
broken by the references, so the same records always make the same people, on any number of threads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from charter.council.register import Register
from features.intake.database import Relation, compute_rows, fetch_rows, give_rows, quote_text
from features.linking.evidence import Evidence
from features.linking.judgements import DIFFERENT, SAME, Judgement
from features.linking.match_scores import score_pairs
from features.linking.parameters import Parameters

__all__ = ["Link", "Linkage", "Pair", "link_people"]


@dataclass(frozen=True)
class Link:
    """Why a reference belongs to its person: `other` is the reference it was joined through; weight in bits."""

    ref: str
    other: str | None
    method: str
    weight: float | None
    evidence: str


Pair = tuple[str, str, float, str]
"""Two references, the weight in bits, and the evidence in words."""


@dataclass(frozen=True)
class Linkage:
    """Each reference's person (by a representative reference), the link that put it there; pairs left for review.

    `uncertain`: the references that are with their person by a link of less than `certain` bits: of the two sides that
    it joined, the one with fewer references.
    """

    representative: Mapping[str, str]
    links: Mapping[str, Link]
    uncertain: Set[str]
    review: Sequence[Pair]


_NOTHING: Set[Any] = frozenset()
_Born = tuple[str, date | None, date | None]
"""A reference, its date of birth, and the latest one that the service's youngest age leaves."""


class _Groups:
    """Disjoint groups of references, joined only where nothing that is said of both contradicts it."""

    def __init__(
        self, services: Mapping[str, str], one_each: frozenset[str], born: Sequence[_Born], apart: frozenset[str]
    ) -> None:
        # By a group's representative; a group of which nothing is said has no entry, as most have none.
        self._parent = {ref: ref for ref in services}
        self._own = {ref: {service} for ref, service in services.items() if service in one_each}
        self._births_apart = "birth_date" in apart
        self._births: dict[str, set[date]] = {}
        self._born_by: dict[str, date] = {}
        self._apart: dict[str, set[str]] = {}
        self._joined: dict[str, list[str]] = {}
        for ref, birth_date, born_by in born:
            if birth_date is not None:
                self._births[ref] = {birth_date}
            if born_by is not None:
                self._born_by[ref] = born_by

    def find(self, ref: str) -> str:
        """Return the representative of the group of `ref`: its smallest reference."""
        root = ref
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[ref] != root:
            self._parent[ref], ref = root, self._parent[ref]
        return root

    def keep_apart(self, one: str, other: str) -> None:
        """Never let the two references, nor what either is joined with, be one group."""
        self._apart.setdefault(self.find(one), set()).add(other)
        self._apart.setdefault(self.find(other), set()).add(one)

    def smaller(self, one: str, other: str) -> Sequence[str]:
        """Return the references of whichever of the two groups has fewer; of equals, the later one's."""
        first, second = sorted((self.find(one), self.find(other)))
        members = ((ref, *self._joined.get(ref, ())) for ref in (second, first))
        return min(members, key=len)

    def join(self, one: str, other: str, *, judged: bool = False) -> bool:
        """Join the groups of two references unless something contradicts it; return whether they were joined.

        What a person judged to be one person, only another judgement contradicts.
        """
        first, second = sorted((self.find(one), self.find(other)))
        if first == second or any(self.find(ref) == second for ref in self._apart.get(first, ())):
            return False
        if not judged and (self._own_contradict(first, second) or self._births_contradict(first, second)):
            return False
        self._parent[second] = first
        self._joined.setdefault(first, []).extend((second, *self._joined.pop(second, ())))
        for statements in (self._apart, self._own, self._births):
            _pool_sets(statements, first, second)
        limits = [limit for limit in (self._born_by.get(first), self._born_by.pop(second, None)) if limit is not None]
        if limits:
            self._born_by[first] = min(limits)
        return True

    def _own_contradict(self, first: str, second: str) -> bool:
        """Whether a service that gives each person one reference has one in both groups."""
        return not self._own.get(first, _NOTHING).isdisjoint(self._own.get(second, _NOTHING))

    def _births_contradict(self, first: str, second: str) -> bool:
        """Whether two dates of birth differ by more than a slip, or one is too late for a service's youngest age."""
        births, others = self._births.get(first, _NOTHING), self._births.get(second, _NOTHING)
        if self._births_apart and any(not _is_slip(birth, other) for birth in births for other in others):
            return True
        limits = [limit for limit in (self._born_by.get(first), self._born_by.get(second)) if limit is not None]
        return bool(limits) and any(birth.year > min(limits).year + 1 for birth in (*births, *others))


def _pool_sets(said: dict[str, set[Any]], first: str, second: str) -> None:
    """Say of the first group what was said of the second."""
    if moved := said.pop(second, None):
        said.setdefault(first, set()).update(moved)


def _is_slip(one: date, other: date) -> bool:
    """Whether two dates are the same, or one digit, two neighbouring digits, or day and month apart."""
    if one == other or (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return True
    before, after = f"{one:%Y%m%d}", f"{other:%Y%m%d}"
    apart = [place for place in range(8) if before[place] != after[place]]
    if len(apart) == 2 and apart[1] == apart[0] + 1:
        return before[apart[0]] == after[apart[1]] and before[apart[1]] == after[apart[0]]
    return len(apart) <= 1


def link_people(
    database: duckdb.DuckDBPyConnection,
    evidence: Evidence,
    register: Register,
    parameters: Parameters,
    judgements: Collection[Judgement] = (),
) -> Linkage:
    """Link the references of the evidence; see the module for the rules. Of judgements, those that stand."""
    traits = evidence.traits
    services: Mapping[str, str] = dict(
        fetch_rows(database, "select ref, service from refs order by ref", refs=evidence.references)
    )
    one_each = frozenset(source.service for source in register.sources if source.one_reference_each)
    born: Sequence[_Born] = fetch_rows(database, "select ref, birth_date, born_by from traits", traits=traits)
    groups = _Groups(services, one_each, born, parameters.apart)
    links = {ref: Link(ref, None, "alone", None, "") for ref in services}
    judged = sorted(
        judgement.pair for judgement in judgements if judgement.says == SAME and services.keys() >= set(judgement.pair)
    )
    for judgement in judgements:
        if judgement.says == DIFFERENT and services.keys() >= set(judgement.pair):
            groups.keep_apart(*judgement.pair)
    for first, second in judged:
        if groups.join(first, second, judged=True):
            links[second] = Link(second, first, "judged", None, "a person said they are one")
    exact = {
        "key": _same_key(database, traits),
        "name and date": _same_name_and_date(database, traits, one_each),
    }
    for method, edges in exact.items():
        for first, second in edges:
            if groups.join(first, second):
                links[second] = Link(second, first, method, None, method)
    nodes = _merge_groups(database, traits, {ref: groups.find(ref) for ref in services})
    review: list[Pair] = []
    uncertain: set[str] = set()
    for first, second, weight, why in score_pairs(database, nodes, len(born), parameters):
        if weight < parameters.threshold:
            review.append((first, second, weight, why))
            continue
        side = groups.smaller(first, second) if weight < parameters.certain else ()
        if groups.join(first, second):
            links[second] = Link(second, first, "splink", weight, why)
            uncertain.update(side)
    judged_pairs = {judgement.pair for judgement in judgements}
    return Linkage(
        {ref: groups.find(ref) for ref in services}, links, uncertain, _choose_undecided(review, groups, judged_pairs)
    )


def _choose_undecided(review: Sequence[Pair], groups: _Groups, said: Set[tuple[str, str]]) -> Sequence[Pair]:
    """Return the strongest pair of each two groups that nothing joined and of which nobody has said anything."""
    strongest: dict[tuple[str, str], Pair] = {}
    for pair in review:
        first, second = sorted((groups.find(pair[0]), groups.find(pair[1])))
        if first != second and pair[:2] not in said:
            strongest.setdefault((first, second), pair)
    return tuple(strongest.values())


def _same_key(database: duckdb.DuckDBPyConnection, traits: Relation) -> Sequence[tuple[str, str]]:
    return fetch_rows(
        database,
        "select first_value(ref) over w, ref from traits where shared_key is not null "
        "window w as (partition by shared_key order by ref) qualify row_number() over w > 1 order by all",
        traits=traits,
    )


def _same_name_and_date(
    database: duckdb.DuckDBPyConnection, traits: Relation, one_each: frozenset[str]
) -> Sequence[tuple[str, str]]:
    """Return pairs of the first and each further reference with one name and date of birth.

    Where a service that gives each person one reference has two such, the name doesn't tell them apart: all of that
    name are left to the scores.
    """
    services = ", ".join(quote_text(service) for service in sorted(one_each)) or "''"
    return fetch_rows(
        database,
        f"""
        with named as (
            select *, if(service in ({services}),
                         count(*) over (partition by forename, surname, birth_date, service), 1) as same
            from traits where forename is not null and surname is not null and birth_date is not null),
        clear as (select * from named qualify max(same) over (partition by forename, surname, birth_date) = 1)
        select first_value(ref) over w, ref from clear
        window w as (partition by forename, surname, birth_date order by ref)
        qualify row_number() over w > 1 order by all
        """,
        traits=traits,
    )


def _merge_groups(database: duckdb.DuckDBPyConnection, traits: Relation, group_of: Mapping[str, str]) -> Relation:
    """Return each group so far as one record, for scoring: of each trait what its first reference that has one says.

    r1   bob   (none)        home A                  r2   robert   2010-03-01   home B
    one node, r1:   bob   2010-03-01   homes A, B
    """
    members = pa.table({"ref": list(group_of), "node": list(group_of.values())})
    return compute_rows(
        database,
        """
        select node as unique_id,
               arg_min(forename, ref) filter (forename is not null) as forename,
               coalesce(arg_min(forename_forms, ref) filter (forename is not null), []) as forename_forms,
               arg_min(surname, ref) filter (surname is not null) as surname,
               arg_min(birth_date, ref) filter (birth_date is not null) as birth_date,
               min(sex) as sex,
               list_sort(list_distinct(flatten(list(homes)))) as homes,
               list_sort(list_distinct(flatten(list(came)))) as came,
               list_sort(list_distinct(flatten(list(gone)))) as gone
        from traits join member using (ref) group by node
        """,
        traits=traits,
        member=give_rows(database, members),
    )
