"""Which references are one person: what people said, then what is the same and rare, then what all evidence weighs.

    1 judged         a person said so (charter.vault.link_judgements)
    2 key            a key that services share by law (register: `shared_key`) is the same, and so is the forename, and
                     the surname or the date of birth
    3 name and date  forename, surname and date of birth are all the same, and too rare for chance
    4 evidence       everything together weighs `threshold` bits or more (features.linking.matching)

Two references that a person judged different are never in one group, whatever joins them. Steps 2 and 3 only spare the
fourth work: they join what it would join. Ties go to a person, never to the order of references; the same records
always make the same people, on any number of threads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import duckdb
import numpy as np

from charter.council.register import Register
from charter.vault.link_judgements import DIFFERENT, SAME, Judgement
from features.intake.database import Relation, drop_rows, fetch_rows
from features.linking.evidence import Evidence
from features.linking.joining.linkage import Link, Linkage, Pair
from features.linking.joining.numbered_references import NumberedReferences, number_references
from features.linking.joining.same_records import find_same_keys, find_same_names, merge_groups
from features.linking.matching.comparing import (
    Records,
    compare_candidates,
    compare_given,
    compare_references,
    measure_shares,
)
from features.linking.matching.comparisons import IN_THE_SURNAME
from features.linking.matching.grouping import Facts, Groups, Limits, Scored, Weights, expect_wrong, group_records
from features.linking.matching.pair_weights import (
    Compared,
    Model,
    count_known,
    learn_model,
    weigh_at_home,
    weigh_pairs,
    weigh_parts,
)
from features.linking.matching.told_apart import meets_families, require_bits
from features.linking.parameters import Parameters

__all__ = ["link_people"]


_COMPLETED = 60
"""Records that pairs connect, of which every pair is compared; what connects more has chained strangers."""


@dataclass(frozen=True)
class _Labels:
    """Who some references are said to be; and pairs of which it is said whether they are one person."""

    persons: Mapping[str, str]
    pairs: Sequence[tuple[str, str, bool]]


def link_people(
    database: duckdb.DuckDBPyConnection,
    evidence: Evidence,
    register: Register,
    parameters: Parameters,
    judgements: Collection[Judgement] = (),
    persons: Mapping[str, str] | None = None,
    readings: Mapping[tuple[str, str], bool] | None = None,
) -> Linkage:
    """Link the references of the evidence; see the module for the rules. Of judgements, those that stand.

    `persons`: who some references are said to be; `readings`: whether two are one person, as readers settled it. Both
    are learned from, and join and part nobody.
    """
    order = number_references(database, evidence)
    linkage = _link_numbered(
        database,
        order.evidence,
        register,
        parameters,
        order.number_judgements(judgements),
        _Labels(order.number_persons(persons or {}), order.number_readings(readings or {})),
    )
    order.drop(database)
    return _name_references(linkage, order)


def _link_numbered(
    database: duckdb.DuckDBPyConnection,
    evidence: Evidence,
    register: Register,
    parameters: Parameters,
    judgements: Collection[Judgement],
    labelled: _Labels,
) -> Linkage:
    """Link references by number: every order and every tie below follows what records say."""
    references = _References.read(database, evidence, register)
    same, links = _join_the_same(database, evidence.traits, references, judgements, parameters)
    leaders = [references.refs[same.find(place)] for place in range(len(references.refs))]
    node_of = dict(zip(references.refs, leaders, strict=True))
    nodes = merge_groups(database, evidence.traits, node_of)
    again = {source.service for source in register.sources if not source.one_reference_each}
    records = measure_shares(database, Records.of(database, nodes, parameters, again))
    drop_rows(database, nodes)
    joined_pairs = _compare_joined(database, evidence.traits, links, records, again)
    labels = _Labels(labelled.persons, [(node_of[a], node_of[b], same) for a, b, same in labelled.pairs])
    scored = _score_records(database, records, joined_pairs, parameters, labels)
    groups = _lead_on(same, [references.place[name] for name in records.names])
    limits = Limits(scored.threshold, parameters.plausible, parameters.count_false_links(len(references.refs)))
    joins, review = group_records(scored.pairs, scored.weights, groups, limits)
    drop_rows(database, records.rows)
    uncertain = _join_nodes(joins, scored, links, node_of, parameters)
    person = {name: records.names[groups.find(place)] for place, name in enumerate(records.names)}
    # A reference of whom nothing is said but what happened is nobody else's.
    representative = {ref: person.get(node, node) for ref, node in node_of.items()}
    bits = scored.list_bits([(one, other) for one, other, _, _ in review])
    undecided = [
        Pair(*scored.name(one, other), weight, scored.words(one, other), rule, parts)
        for (one, other, weight, rule), parts in zip(review, bits, strict=True)
    ]
    undecided += _find_disputed_keys(database, evidence.traits, representative, parameters)
    judged = {judgement.pair for judgement in judgements}
    return Linkage(
        representative,
        links,
        uncertain,
        _choose_undecided(undecided, representative, judged),
        scored.model,
        records.comparisons,
        sum(expect_wrong(bits) for _, _, bits in joins),
    )


def _name_references(linkage: Linkage, order: NumberedReferences) -> Linkage:
    """Return what was linked by number, of the references themselves; both of a pair in their order."""
    name = order.find
    links = (
        replace(link, ref=name(link.ref), other=None if link.other is None else name(link.other))
        for link in linkage.links.values()
    )
    pairs = []
    for pair in linkage.review:
        one, other = sorted((name(pair.one), name(pair.other)))
        pairs.append(replace(pair, one=one, other=other))
    return replace(
        linkage,
        representative={name(ref): name(person) for ref, person in linkage.representative.items()},
        links={link.ref: link for link in links},
        uncertain=frozenset(map(name, linkage.uncertain)),
        review=tuple(pairs),
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
        "key": find_same_keys(database, traits),
        "name and date": find_same_names(database, traits, len(references.refs), references.one_each, parameters),
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
    threshold: float

    def name(self, one: int, other: int) -> tuple[str, str]:
        """Return the references that lead two records, in their order."""
        return self.records.names[one], self.records.names[other]

    def words(self, one: int, other: int) -> str:
        """Return how two records compare, trait by trait."""
        place = self.at[one, other]
        said = []
        for comparison, levels in self.records.comparisons.items():
            level = int(self.compared.levels[comparison][place])
            title = comparison.replace("_", " ")
            if level < 0 and comparison == "surname" and self._is_swapped(place):
                said.append("surname in the forename's place")
            else:
                said.append(f"{title} not known to both" if level < 0 else f"{title} {levels[level].name}")
        return "; ".join(said)

    def list_bits(self, pairs: Sequence[tuple[int, int]]) -> Sequence[tuple[float, ...]]:
        """Return what the weight of each pair is made of."""
        places = np.array([self.at[pair] for pair in pairs], dtype=np.int64)
        return list(map(tuple, np.round(weigh_parts(self.compared.select(places), self.model), 2).tolist()))

    def _is_swapped(self, place: int) -> bool:
        """Return whether each name of a pair stands in the other's place, which the forename says for both."""
        if "forename" not in self.records.comparisons:
            return False
        level = int(self.compared.levels["forename"][place])
        return level >= 0 and self.records.comparisons["forename"][level].name == IN_THE_SURNAME


def _compare_joined(
    database: duckdb.DuckDBPyConnection,
    traits: Relation,
    links: Mapping[str, Link],
    records: Records,
    again: Collection[str],
) -> Compared:
    """Compare the pairs that were joined already: what records of one person share is learned from them too."""
    joined = [(of.other, of.ref) for of in links.values() if of.other and of.method in ("key", "name and date")]
    return compare_references(database, traits, records.comparisons, joined, again)


def _score_records(
    database: duckdb.DuckDBPyConnection,
    records: Records,
    joined: Compared,
    parameters: Parameters,
    labels: _Labels,
) -> _ScoredRecords:
    """Compare records, learn what their traits are worth, and weigh every pair that grouping asks about."""
    compared = compare_candidates(database, records, parameters.partners)
    model = learn_model(compared, parameters, joined, _label_pairs(compared, records, labels))
    bits = np.round(weigh_pairs(compared, model), 6)
    worth = np.flatnonzero(bits >= parameters.review)
    order = worth[np.lexsort((compared.other[worth], compared.one[worth], -bits[worth]))]
    pairs = _list_pairs(compared.select(order), model, records, parameters)
    weights = Weights(pairs)
    threshold = parameters.threshold
    if parameters.strangers is not None and not meets_families(model):
        threshold = parameters.strangers
    missing = _list_missing(pairs, weights, threshold)
    if missing:
        weights.add(_list_pairs(compare_given(database, records, missing), model, records, parameters))
    at = {(pair.one, pair.other): int(place) for pair, place in zip(pairs, order, strict=True)}
    return _ScoredRecords(records, pairs, weights, compared, at, model, threshold)


def _label_pairs(compared: Compared, records: Records, labels: _Labels) -> Any:
    """Return of each pair 1 where it is said to be one person, 0 where two, nan where nothing is said."""
    if not labels.persons and not labels.pairs:
        return None
    numbers = {person: number for number, person in enumerate(sorted(set(labels.persons.values())))}
    who = np.array([numbers[labels.persons[name]] if name in labels.persons else -1 for name in records.names])
    one, other = who[compared.one], who[compared.other]
    said = np.where((one < 0) | (other < 0), np.nan, (one == other).astype(float))
    place = {name: number for number, name in enumerate(records.names)}
    codes = compared.one * len(place) + compared.other
    for first, second, same in labels.pairs:
        if not {first, second} <= place.keys():
            continue
        lower, higher = sorted((place[first], place[second]))
        said[codes == lower * len(place) + higher] = float(same)
    return said


def _list_pairs(compared: Compared, model: Model, records: Records, parameters: Parameters) -> Sequence[Scored]:
    """Return compared pairs with what grouping asks of each; weights to a millionth of a bit, so that ties are ties."""
    weights, at_home = (np.round(weigh(compared, model), 6).tolist() for weigh in (weigh_pairs, weigh_at_home))
    needs = require_bits(compared, model, records.comparisons, records.said, parameters.untold).tolist()
    columns = (compared.one.tolist(), compared.other.tolist(), weights, at_home, count_known(compared).tolist(), needs)
    return list(map(Scored, *columns))


def _list_missing(pairs: Sequence[Scored], weights: Weights, threshold: float) -> Sequence[tuple[int, int]]:
    """Return the pairs, not compared yet, of records that pairs of `threshold` bits connect, and of their rivals."""
    connected = Groups({})
    for one, other, weight, *_ in pairs:
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
    bits = scored.list_bits([(one, other) for one, other, _ in joins])
    for (one, other, weight), parts in zip(joins, bits, strict=True):
        first, second = scored.name(one, other)
        links[second] = Link(second, first, "evidence", weight, scored.words(one, other), parts)
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
