"""How likely two records are one person, against each way in which they could be two: four explanations of one pair.

    one person    what records of one person share (m), times how many of a person's references there are
    strangers     what two people picked at random share (u): for a shared value, how common that value is
    housemates    two people of one home: surname and home are shared anyway, so they say nothing
    twins         the same, and the date of birth; what is left to tell them apart is the forename (and a key)
    namesakes     two of one home and one name, father and son: what is left is the date of birth

The weight is log2 of the first over the sum of the others: bits. What a record of one home shares with everybody in it
thus cannot make one person of a family, however rare the home and the surname are among strangers.

The m of each level and the sizes of the explanations are learned from the records at hand by expectation maximisation,
held near the numbers that were read as by so many pairs' worth of evidence (`learn`): with few pairs they hardly move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.linking.parameters import Parameters

__all__ = ["Compared", "Model", "count_known", "learn_model", "weigh_at_home", "weigh_pairs", "weigh_parts"]

Floats = NDArray[np.float64]
_ROUNDS = 8
_RECORDS = 500.0
"""Records' worth of trust in how many partners and housemates a record has to begin with."""
_SELDOM = -3.0
"""Bits: two of one home have one forename by chance eight times more seldom than strangers; else they are namesakes."""
_MATES = 2000.0
"""Pairs' worth of trust in how many housemates are twins or namesakes to begin with."""
_FEWEST, _MOST = 0.02, 12.0
_SMALLEST = 200
"""A place has no fewer records than this: of six that are at hand, two John Smiths are two of a town's."""


@dataclass(frozen=True)
class Compared:
    """Pairs (places of records) with the level of each comparison (-1: unknown) and log2 u of what they share.

    `best`: the best level that a pair can reach by what both say, of comparisons where that is not always the first.
    `again`: the number, from 1, of the service that has both, where it may give one person several references; else 0.
    `sizes`: how many records the pairs were chosen from, and then how many each of those services has.
    """

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    levels: Mapping[str, NDArray[np.int8]]
    shares: Mapping[str, NDArray[np.float32]]
    best: Mapping[str, NDArray[np.int8]]
    again: NDArray[np.int64]
    sizes: Sequence[int]

    def select(self, places: Any) -> Compared:
        """Return some of the pairs."""
        return Compared(
            self.one[places],
            self.other[places],
            {name: of[places] for name, of in self.levels.items()},
            {name: of[places] for name, of in self.shares.items()},
            {name: of[places] for name, of in self.best.items()},
            self.again[places],
            self.sizes,
        )


@dataclass(frozen=True)
class Model:
    """log2 of the chance of each level by comparison, and of each explanation before anything is compared.

    `again`, by service (`Compared.again`): how many more of its references a person has there. `homes`: what `person`
    says of "home" between services, and in each of those. Both are empty where nothing was learned: as anywhere.
    `met`: records of others of its home that a record was found with, whatever was believed before.
    """

    person: Mapping[str, Floats]
    homes: Floats
    again: Floats
    housemates: Mapping[str, Floats]
    twins: Mapping[str, Floats]
    namesakes: Mapping[str, Floats]
    partners: float
    mates: float
    twin_share: float
    namesake_share: float
    met: float = 0.0

    @classmethod
    def of(cls, parameters: Parameters) -> Model:
        """Return the model that the parameters say; an empty dictionary entry means: as two strangers."""
        logs: dict[str, dict[str, Floats]] = {"m": {}, "home": {}, "twins": {}, "namesakes": {}}
        for name, levels in parameters.levels.items():
            logs["m"][name] = _log([level.m for level in levels])
            for share in ("home", "twins", "namesakes"):
                stated = [getattr(level, share) or level.home for level in levels]
                if all(value is not None for value in stated):
                    logs[share][name] = _log(stated)
        return cls(
            logs["m"],
            np.zeros((0, 0)),
            np.zeros(0),
            logs["home"],
            logs["twins"],
            logs["namesakes"],
            parameters.partners,
            parameters.housemates,
            parameters.twins,
            parameters.namesakes,
        )


def _log(shares: Any) -> Floats:
    """Return log2 of shares by level, and a 0 at the end for what is not known (-1)."""
    return np.append(np.log2(np.asarray(shares, dtype=float)), 0.0)


def _explain(pairs: Compared, model: Model) -> tuple[Floats, list[Floats]]:
    """Return log2 of how likely each pair is as one person, and as strangers, housemates, twins and namesakes."""
    count = max(pairs.sizes[0], _SMALLEST)
    person = _expect_before(pairs, model)
    mates = np.log2(model.mates / count)
    others = [
        np.zeros(len(pairs.one)),
        np.full(len(pairs.one), mates),
        np.full(len(pairs.one), mates + np.log2(model.twin_share)),
        np.full(len(pairs.one), mates + np.log2(model.namesake_share)),
    ]
    for name, level in pairs.levels.items():
        person += _look_up_person(model, pairs, name)
        shared = pairs.shares[name]
        one_name = name == "forename" and (level == 0) | (level == 1)
        of_a_home = shared + np.where(one_name, _SELDOM, 0.0)
        others[0] += shared
        for total, told in zip(others[1:], (model.housemates, model.twins, model.namesakes), strict=True):
            total += _look_up(told[name], pairs, name) if name in told else of_a_home
    return person, others


def _expect_before(pairs: Compared, model: Model) -> Floats:
    """Return log2 of how likely each pair is one person before anything is compared."""
    chances = [model.partners / max(pairs.sizes[0], _SMALLEST)]
    chances += [more / max(size, _SMALLEST) for more, size in zip(model.again, pairs.sizes[1:], strict=False)]
    logs: Floats = np.log2(np.maximum(chances, 1e-15))
    return logs[np.where(pairs.again < len(logs), pairs.again, 0)]


def _look_up(logs: Floats, pairs: Compared, name: str) -> Floats:
    """Return log2 of the chance of each pair's level; of the best that a pair can reach, of that and all better ones.

    Of two who say a postcode alone nobody knows whether they share the address too.
    """
    level = pairs.levels[name]
    if name not in pairs.best:
        return logs[level]
    so_far = np.append(np.log2(np.minimum(np.cumsum(np.exp2(logs[:-1])), 1.0)), 0.0)
    return np.where(level == pairs.best[name], so_far[level], logs[level])


def _look_up_person(model: Model, pairs: Compared, name: str) -> Floats:
    """Return log2 of the chance of each pair's level in one person: of homes, in the service that has both."""
    if name != "home" or not len(model.homes):
        return _look_up(model.person[name], pairs, name)
    told = np.zeros(len(pairs.one))
    for service, logs in enumerate(model.homes):
        of_service = np.flatnonzero(pairs.again == service)
        told[of_service] = _look_up(logs, pairs.select(of_service), name)
    return told


def weigh_pairs(pairs: Compared, model: Model) -> Floats:
    """Return the weight of each pair in bits."""
    person, others = _explain(pairs, model)
    against: Floats = np.logaddexp2.reduce(others, axis=0)
    return person - against


def weigh_parts(pairs: Compared, model: Model) -> Floats:
    """Return of each pair (a row) what its weight is made of, in bits that add up to it.

    First what is likely before anything is compared, then each comparison in its order, against strangers; last what
    is taken off because people of one home, twins and namesakes share it too.
    """
    parts = [_expect_before(pairs, model)]
    parts += [_look_up_person(model, pairs, name) - pairs.shares[name] for name in pairs.levels]
    return np.column_stack([*parts, weigh_pairs(pairs, model) - np.sum(parts, axis=0)])


def weigh_at_home(pairs: Compared, model: Model) -> Floats:
    """Return what each pair would weigh at best if the two shared a home that nobody else has.

    Somebody who moved three times shares no home with themselves of before: what speaks against two records being one
    person is what stays, names, dates, sex and keys.
    """
    size = len(pairs.one)
    levels = {name: level for name, level in pairs.levels.items() if name in _STAYS}
    shares = {name: pairs.shares[name] for name in levels}
    best: dict[str, NDArray[np.int8]] = {}
    if "home" in model.person:
        levels["home"] = best["home"] = np.full(size, len(model.person["home"]) - 3, dtype=np.int8)
        shares["home"] = np.full(size, -np.log2(max(pairs.sizes[0], 2)), dtype=np.float32)
    at_home = replace(pairs, levels=levels, shares=shares, best=best)
    return np.maximum(weigh_pairs(pairs, model), weigh_pairs(at_home, model))


def count_known(pairs: Compared) -> NDArray[np.int64]:
    """Return of how many of forename, surname and date of birth both records of each pair say anything."""
    known = [pairs.levels[name] >= 0 for name in ("forename", "surname", "birth_date") if name in pairs.levels]
    return np.sum(known, axis=0) if known else np.zeros(len(pairs.one), dtype=np.int64)


_STAYS = ("forename", "surname", "birth_date", "sex", "shared_key")


def learn_model(pairs: Compared, parameters: Parameters, joined: Compared, labels: Floats | None = None) -> Model:
    """Return the model learned from pairs, and from those that were `joined` before: they are one person for sure.

    `labels` (1 one person, 0 two, nan unknown), one for each pair, count for what they say.

    Expectation maximisation: how likely each pair is one person by the model so far says how often each level occurs in
    one person, and so on, eight times over.
    """
    model = Model.of(parameters)
    if not len(pairs.one):
        return model
    counted = max(pairs.sizes[0], 1)
    sure = np.ones(len(joined.one))
    for _ in range(_ROUNDS):
        person, others = _explain(pairs, model)
        everything = np.logaddexp2(person, np.logaddexp2.reduce(others, axis=0))
        chance = np.exp2(person - everything)
        if labels is not None:
            chance = np.where(np.isnan(labels), chance, labels)
        mates, twins, namesakes = (np.exp2(of - everything).sum() for of in others[1:])
        mates += twins + namesakes
        model = replace(
            model,
            partners=_near(2 * chance[pairs.again == 0].sum(), counted, parameters.partners),
            again=_learn_again(pairs, chance, parameters.partners),
            mates=_near(2 * mates, counted, parameters.housemates),
            met=float(2 * mates / counted),
            twin_share=float((twins + _MATES * parameters.twins) / (mates + _MATES)),
            namesake_share=float((namesakes + _MATES * parameters.namesakes) / (mates + _MATES)),
        )
        if parameters.learn:
            learned = {
                name: _learn(
                    _count_levels(joined, name, sure, model) + _count_levels(pairs, name, chance, model),
                    parameters,
                    name,
                )
                for name in pairs.levels
            }
            model = replace(model, person={**model.person, **learned})
            if "home" in pairs.levels:
                model = replace(model, homes=_learn_homes(pairs, joined, chance, model, parameters.learn))
    return model


def _learn_homes(pairs: Compared, joined: Compared, chance: Floats, model: Model, trusted: float) -> Floats:
    """Return how often each level of "home" occurs in one person, between services and in each that has people twice.

    A tax list gives somebody a second account because they moved, so two of its accounts that share a home are seldom
    one person's, and one that ends when another begins often is; between a school and a clinic it is the other way
    round. Each is held near what all pairs together show by `trusted` pairs' worth. Where all pairs are of one kind,
    nothing is learned apart.
    """
    if len(np.unique(np.concatenate([pairs.again, joined.again]))) < 2:
        return np.zeros((0, 0))
    together = np.exp2(model.person["home"][:-1])
    services = int(max(pairs.again.max(initial=0), joined.again.max(initial=0))) + 1
    rows = []
    for service in range(services):
        counts = trusted * together
        for some, weight in ((pairs, chance), (joined, np.ones(len(joined.one)))):
            of_service = np.flatnonzero(some.again == service)
            counts = counts + _count_levels(some.select(of_service), "home", weight[of_service], model)
        rows.append(_log(counts / counts.sum()))
    return np.stack(rows)


def _learn_again(pairs: Compared, chance: Floats, stated: float) -> Floats:
    """Return how many more references a person has in each service that may give several."""
    whole = max(pairs.sizes[0], 1)
    return np.array(
        [
            _near(2 * chance[pairs.again == service].sum(), size, stated * size / whole)
            for service, size in enumerate(pairs.sizes[1:], 1)
        ]
    )


def _near(total: float, records: int, stated: float) -> float:
    """Return how many a record has on average, held near what was stated."""
    return float(np.clip((total + _RECORDS * stated) / (records + _RECORDS), min(_FEWEST, stated), _MOST))


def _count_levels(pairs: Compared, name: str, chance: Floats, model: Model) -> Floats:
    """Return how many pairs of one person reach each level.

    A pair that reached the best it can counts for that level and all better ones, as the model has them.
    """
    shares = np.exp2(model.person[name][:-1])
    level = pairs.levels[name]
    known, at_best = level >= 0, np.zeros(len(level), dtype=bool)
    if name in pairs.best:
        at_best = known & (level == pairs.best[name])
    counts: Floats = np.zeros(len(shares))
    counts += np.bincount(level[known & ~at_best], weights=chance[known & ~at_best], minlength=len(shares))
    for place, count in enumerate(np.bincount(level[at_best], weights=chance[at_best], minlength=len(shares))):
        counts[: place + 1] += count * shares[: place + 1] / shares[: place + 1].sum()
    return counts


def _learn(seen: Floats, parameters: Parameters, name: str) -> Floats:
    stated = np.array([row.m for row in parameters.levels[name]])
    return _log((seen + parameters.learn * stated) / (seen.sum() + parameters.learn))
