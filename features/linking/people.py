"""Which references are one person: what people said, then what is the same and rare, then what all evidence weighs.

    1 judged         a person said so (features.linking.judgements)
    2 key            a key that services share by law (register: `shared_key`) is the same, and so is the forename, and
                     the surname or the date of birth
    3 name and date  forename, surname and date of birth are all the same, and too rare for chance
    4 evidence       everything together weighs `threshold` bits or more (features.linking.matching)

Two references that a person judged different are never in one group, whatever joins them. Steps 2 and 3 only spare the
fourth work: they join what it would join. Ties go to a person, never to the order of references; the same records
always make the same people, on any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from charter.council.register import Register
from features.intake.database import Relation, compute_rows, fetch_rows, give_rows, quote_text
from features.linking.evidence import Evidence
from features.linking.judgements import DIFFERENT, SAME, Judgement
from features.linking.matching.comparing import (
    Records,
    compare_candidates,
    compare_given,
    compare_references,
    measure_shares,
)
from features.linking.matching.comparisons import IN_THE_SURNAME
from features.linking.matching.grouping import Facts, Groups, Limits, Scored, Weights, group_records
from features.linking.matching.pair_weights import Compared, Model, count_known, learn_model, weigh_at_home, weigh_pairs
from features.linking.parameters import Level, Parameters

__all__ = ["Link", "Linkage", "Pair", "link_people"]


@dataclass(frozen=True)
class Link:
    """Why a reference belongs to its person: `other` is the reference it was joined through; weight in bits."""

    ref: str
    other: str | None
    method: str
    weight: float | None
    evidence: str


@dataclass(frozen=True)
class Pair:
    """Two references left for a person: the weight in bits, the evidence in words, and the rule that left them."""

    one: str
    other: str
    weight: float
    evidence: str
    rule: str


@dataclass(frozen=True)
class Linkage:
    """Each reference's person (by a representative reference), the link that put it there; pairs left for review.

    `uncertain`: the references that are with their person by a link of less than `certain` bits: of the two sides that
    it joined, the one with fewer references. `model` and `comparisons`: what was learned and measured.
    """

    representative: Mapping[str, str]
    links: Mapping[str, Link]
    uncertain: Set[str]
    review: Sequence[Pair]
    model: Model
    comparisons: Mapping[str, Sequence[Level]]


_COMPLETED = 60
"""Records that pairs connect, of which every pair is compared; what connects more has chained strangers."""


def link_people(
    database: duckdb.DuckDBPyConnection,
    evidence: Evidence,
    register: Register,
    parameters: Parameters,
    judgements: Collection[Judgement] = (),
    persons: Mapping[str, str] | None = None,
) -> Linkage:
    """Link the references of the evidence; see the module for the rules. Of judgements, those that stand.

    `persons`: who some references are said to be, to learn from; it joins and parts nobody.
    """
    references = _References.read(database, evidence, register)
    known = [judgement for judgement in judgements if references.place.keys() >= set(judgement.pair)]
    same, links = _join_the_same(database, evidence.traits, references, known, parameters)
    leaders = [references.refs[same.find(place)] for place in range(len(references.refs))]
    node_of = dict(zip(references.refs, leaders, strict=True))
    nodes = _merge_groups(database, evidence.traits, node_of)
    records = measure_shares(database, Records.of(database, nodes, parameters))
    joined_pairs = _compare_joined(database, evidence.traits, links, records)
    scored = _score_records(database, records, joined_pairs, parameters, persons or {})
    groups = _lead_on(same, [references.place[name] for name in records.names])
    joins, review = group_records(
        scored.pairs, scored.weights, groups, Limits(parameters.threshold, parameters.plausible)
    )
    uncertain = _join_nodes(joins, scored, links, node_of, parameters)
    person = {name: records.names[groups.find(place)] for place, name in enumerate(records.names)}
    # A reference of whom nothing is said but what happened is nobody else's.
    representative = {ref: person.get(node, node) for ref, node in node_of.items()}
    undecided = [
        Pair(*scored.name(one, other), weight, scored.words(one, other), rule) for one, other, weight, rule in review
    ]
    undecided += _find_disputed_keys(database, evidence.traits, representative, parameters)
    judged = {judgement.pair for judgement in known}
    return Linkage(
        representative,
        links,
        uncertain,
        _choose_undecided(undecided, representative, judged),
        scored.model,
        records.comparisons,
    )


@dataclass(frozen=True)
class _References:
    """All references in order, the place of each, and what is said of each beyond its traits."""

    refs: Sequence[str]
    place: Mapping[str, int]
    facts: Mapping[int, Facts]
    one_each: frozenset[str]

    @classmethod
    def read(cls, database: duckdb.DuckDBPyConnection, evidence: Evidence, register: Register) -> _References:
        """Read the references of the evidence."""
        services = fetch_rows(database, "select ref, service from refs order by ref", refs=evidence.references)
        place = {ref: number for number, (ref, _) in enumerate(services)}
        one_each = frozenset(source.service for source in register.sources if source.one_reference_each)
        facts = {place[ref]: Facts(frozenset({service})) for ref, service in services if service in one_each}
        for ref, birth, born_by in fetch_rows(
            database,
            "select ref, birth_date, born_by from traits where birth_date is not null or born_by is not null",
            traits=evidence.traits,
        ):
            registers = facts[place[ref]].registers if place[ref] in facts else frozenset[str]()
            facts[place[ref]] = Facts(registers, frozenset() if birth is None else frozenset({birth}), born_by)
        return cls([ref for ref, _ in services], place, facts, one_each)


def _join_the_same(
    database: duckdb.DuckDBPyConnection,
    traits: Relation,
    references: _References,
    judgements: Collection[Judgement],
    parameters: Parameters,
) -> tuple[Groups, dict[str, Link]]:
    """Join what a person judged to be one, and what is the same in all that matters; return why each was joined."""
    groups, place = Groups(references.facts), references.place
    links = {ref: Link(ref, None, "alone", None, "") for ref in references.refs}
    for judgement in judgements:
        if judgement.says == DIFFERENT:
            groups.keep_apart(*(place[ref] for ref in judgement.pair))
    steps = {
        "judged": sorted(judgement.pair for judgement in judgements if judgement.says == SAME),
        "key": _same_key(database, traits),
        "name and date": _same_name_and_date(database, traits, references, parameters),
    }
    for method, pairs in steps.items():
        for one, other in pairs:
            first, second = groups.find(place[one]), groups.find(place[other])
            if first == second:
                continue
            rule = groups.contradict(first, second)
            if rule is None or (method == "judged" and rule != "judged"):
                groups.join(first, second)
                why = "a person said they are one" if method == "judged" else method
                links[other] = Link(other, one, method, None, why)
    return groups, links


def _lead_on(same: Groups, places: Sequence[int]) -> Groups:
    """Return the groups so far, each as one record of its own; `places` are those of their leaders, in order."""
    number = {place: record for record, place in enumerate(places)}
    facts = {record: same.pool(place) for record, place in enumerate(places)}
    groups = Groups({record: of for record, of in facts.items() if of != Facts()})
    for place, others in same.apart.items():
        for other in others:
            groups.keep_apart(number[same.find(place)], number[same.find(other)])
    return groups


@dataclass(frozen=True)
class _ScoredRecords:
    """Pairs worth a person's time, strongest first, with all weights that grouping needs; and what was learned."""

    records: Records
    pairs: Sequence[Scored]
    weights: Weights
    compared: Compared
    at: Mapping[tuple[int, int], int]
    model: Model

    def name(self, one: int, other: int) -> tuple[str, str]:
        """Return the references that lead two records, in their order."""
        return self.records.names[one], self.records.names[other]

    def words(self, one: int, other: int) -> str:
        """Return how two records compare, trait by trait."""
        place = self.at[one, other]
        said = []
        for comparison, levels in self.records.comparisons.items():
            level = int(self.compared.levels[comparison][place])
            if level < 0 and comparison == "surname" and self._is_swapped(place):
                continue
            title = comparison.replace("_", " ")
            said.append(f"{title} not known to both" if level < 0 else f"{title} {levels[level].name}")
        return "; ".join(said)

    def _is_swapped(self, place: int) -> bool:
        """Return whether each name of a pair stands in the other's place, which the forename says for both."""
        if "forename" not in self.records.comparisons:
            return False
        level = int(self.compared.levels["forename"][place])
        return level >= 0 and self.records.comparisons["forename"][level].name == IN_THE_SURNAME


def _compare_joined(
    database: duckdb.DuckDBPyConnection, traits: Relation, links: Mapping[str, Link], records: Records
) -> Compared:
    """Compare the pairs that were joined already: what records of one person share is learned from them too."""
    joined = [(of.other, of.ref) for of in links.values() if of.other and of.method in ("key", "name and date")]
    return compare_references(database, traits, records.comparisons, joined)


def _score_records(
    database: duckdb.DuckDBPyConnection,
    records: Records,
    joined: Compared,
    parameters: Parameters,
    persons: Mapping[str, str],
) -> _ScoredRecords:
    """Compare records, learn what their traits are worth, and weigh every pair that grouping asks about."""
    compared = compare_candidates(database, records, parameters.partners)
    model = learn_model(compared, parameters, joined, _label_pairs(compared, records, persons))
    bits = np.round(weigh_pairs(compared, model), 6)
    worth = np.flatnonzero(bits >= parameters.review)
    order = worth[np.lexsort((compared.other[worth], compared.one[worth], -bits[worth]))]
    pairs = _list_pairs(compared.select(order), model)
    weights = Weights(pairs)
    missing = _list_missing(pairs, weights, parameters.threshold)
    if missing:
        weights.add(_list_pairs(compare_given(database, records, missing), model))
    at = {(pair.one, pair.other): int(place) for pair, place in zip(pairs, order, strict=True)}
    return _ScoredRecords(records, pairs, weights, compared, at, model)


def _label_pairs(compared: Compared, records: Records, persons: Mapping[str, str]) -> Any:
    """Return of each pair 1 where it is said to be one person, 0 where two, nan where nothing is said."""
    if not persons:
        return None
    numbers = {person: number for number, person in enumerate(sorted(set(persons.values())))}
    who = np.array([numbers[persons[name]] if name in persons else -1 for name in records.names])
    one, other = who[compared.one], who[compared.other]
    return np.where((one < 0) | (other < 0), np.nan, (one == other).astype(float))


def _list_pairs(compared: Compared, model: Model) -> Sequence[Scored]:
    """Return compared pairs with what grouping asks of each; weights to a millionth of a bit, so that ties are ties."""
    weights, at_home = (np.round(weigh(compared, model), 6).tolist() for weigh in (weigh_pairs, weigh_at_home))
    columns = (compared.one.tolist(), compared.other.tolist(), weights, at_home, count_known(compared).tolist())
    return list(map(Scored, *columns))


def _list_missing(pairs: Sequence[Scored], weights: Weights, threshold: float) -> Sequence[tuple[int, int]]:
    """Return the pairs, not compared yet, of records that pairs of `threshold` bits connect, and of their rivals."""
    connected = Groups({})
    for one, other, weight, _, _ in pairs:
        if weight >= threshold and connected.find(one) != connected.find(other):
            connected.join(one, other)
    missing: set[tuple[int, int]] = set()
    for leader, members in connected.members.items():
        if leader == connected.find(leader) and len(members) <= _COMPLETED:
            near = sorted(
                {
                    *members,
                    *(rival for of in members for rival, pair in weights.neighbours(of).items() if pair.weight >= 0),
                }
            )
            if len(near) <= _COMPLETED:
                missing.update(
                    (one, other) for one, other in combinations(near, 2) if other not in weights.neighbours(one)
                )
    return sorted(missing)


def _join_nodes(
    joins: Sequence[tuple[int, int, float]],
    scored: _ScoredRecords,
    links: dict[str, Link],
    node_of: Mapping[str, str],
    parameters: Parameters,
) -> Set[str]:
    """Say in `links` why nodes were joined; return the references whose link is uncertain."""
    members: dict[str, list[str]] = {}
    for ref, node in node_of.items():
        members.setdefault(node, []).append(ref)
    sides = Groups({})
    uncertain: set[str] = set()
    for one, other, weight in joins:
        first, second = scored.name(one, other)
        links[second] = Link(second, first, "evidence", weight, scored.words(one, other))
        if weight < parameters.certain:
            refs = [
                [ref for place in sides.list_members(sides.find(of)) for ref in members[scored.records.names[place]]]
                for of in (other, one)
            ]
            uncertain.update(refs[0] if len(refs[0]) <= len(refs[1]) else refs[1])
        sides.join(sides.find(one), sides.find(other))
    return uncertain


def _choose_undecided(pairs: Sequence[Pair], person: Mapping[str, str], judged: Set[tuple[str, str]]) -> Sequence[Pair]:
    """Return the strongest pair of each two people of whom nobody has said anything, the most useful answer first."""
    strongest: dict[tuple[str, str], Pair] = {}
    for pair in sorted(pairs, key=lambda pair: (-pair.weight, pair.one, pair.other)):
        first, second = sorted((person[pair.one], person[pair.other]))
        if first != second and (pair.one, pair.other) not in judged:
            strongest.setdefault((first, second), pair)
    return tuple(strongest.values())


def _same_key(database: duckdb.DuckDBPyConnection, traits: Relation) -> Sequence[tuple[str, str]]:
    """Return pairs with one key that names and dates bear out: the forename, and the surname or the date of birth.

    A record that says no name and no date (a letter about rent, by tenancy number) has its key alone: it joins the
    others of that key, as long as those who do say one all say the same. Else nobody can tell whose it is.
    """
    return fetch_rows(
        database,
        """
        with keyed as (select ref, shared_key, forename, surname, birth_date from traits
                       where shared_key is not null and forename is not null)
        select first_value(ref) over w, ref from keyed where surname is not null
        window w as (partition by shared_key, forename, surname order by ref) qualify row_number() over w > 1
        union
        select first_value(ref) over w, ref from keyed where birth_date is not null
        window w as (partition by shared_key, forename, birth_date order by ref) qualify row_number() over w > 1
        union
        select first_value(ref) over w, ref
        from (select *, forename is null and surname is null and birth_date is null as is_silent from traits)
        semi join (select shared_key from traits where shared_key is not null group by shared_key
                   having greatest(count(distinct forename), count(distinct surname), count(distinct birth_date)) <= 1)
             using (shared_key)
        window w as (partition by shared_key order by is_silent, ref) qualify row_number() over w > 1 and is_silent
        order by all
        """,
        traits=traits,
    )


def _same_name_and_date(
    database: duckdb.DuckDBPyConnection, traits: Relation, references: _References, parameters: Parameters
) -> Sequence[tuple[str, str]]:
    """Return pairs of the first and each further reference with one whole name and date of birth.

    Only where that is too rare for chance by `certain` bits, and where no service that gives each person one
    reference has two such: else the name doesn't tell them apart, and all of that name are left to the evidence.
    """
    services = ", ".join(quote_text(service) for service in sorted(references.one_each)) or "''"
    enough = parameters.certain + 3 + math.log2(max(len(references.refs), 1))
    return fetch_rows(
        database,
        f"""
        with named as (
            select * from traits
            where forename_whole is not null and len(forename) > 1 and surname is not null and birth_date is not null),
        twice as (
            select forename_whole, surname, birth_date from named where service in ({services})
            group by forename_whole, surname, birth_date, service having count(*) > 1),
        clear as (
            select forename_whole, surname, birth_date
            from named anti join twice using (forename_whole, surname, birth_date)
            group by forename_whole, surname, birth_date
            having count(*) > 1 and count(distinct sex) < 2 and count(distinct shared_key) < 2
               and -log2(max(tf_forename) * max(tf_surname) * max(tf_birth_date)) >= {enough})
        select first_value(ref) over w, ref from named semi join clear using (forename_whole, surname, birth_date)
        window w as (partition by forename_whole, surname, birth_date order by ref)
        qualify row_number() over w > 1 order by all
        """,
        traits=traits,
    )


def _find_disputed_keys(
    database: duckdb.DuckDBPyConnection, traits: Relation, person: Mapping[str, str], parameters: Parameters
) -> Sequence[Pair]:
    """Return pairs with one key that are not one person all the same."""
    rows = fetch_rows(
        database,
        """
        select first_value(ref) over w, ref from traits where shared_key is not null
        window w as (partition by shared_key order by ref) qualify row_number() over w > 1 order by all
        """,
        traits=traits,
    )
    return [
        Pair(first, second, parameters.threshold, "shared key same", "key")
        for first, second in rows
        if person[first] != person[second]
    ]


def _merge_groups(database: duckdb.DuckDBPyConnection, traits: Relation, node_of: Mapping[str, str]) -> Relation:
    """Return each group so far as one record, for scoring: of each trait what its first reference that has one says.

    r1   bob   (none)        home A                  r2   robert   2010-03-01   home B
    one node, r1:   bob   2010-03-01   homes A, B
    """
    members = pa.table({"ref": list(node_of), "node": list(node_of.values())})
    first = ", ".join(f"arg_min({name}, ref) filter ({by} is not null) as {name}" for name, by in _FIRST_SAID.items())
    every = ", ".join(f"list_sort(list_distinct(flatten(list({name})))) as {name}" for name in _ALL_SAID)
    shares = ", ".join(f"max(tf_{name}) as tf_{name}" for name in _SHARES)
    return compute_rows(
        database,
        f"select node as unique_id, {first}, {every}, {shares} from traits join member using (ref) group by node",
        traits=traits,
        member=give_rows(database, members),
    )


_FIRST_SAID = {
    **dict.fromkeys(("forename", "forename_whole", "forename_words", "forename_forms", "forename_sound"), "forename"),
    **dict.fromkeys(("surname", "surname_sound"), "surname"),
    **{name: name for name in ("birth_date", "sex", "shared_key", "address", "postcode", "town", "email", "phone")},
}
_ALL_SAID = ("surnames", "homes", "came", "gone")
_SHARES = ("forename", "surname", "birth_date", "home", "address", "postcode", "town", "email", "phone", "shared_key")
