"""Ways to make a gap smaller, each beside the plain model, with what it costs: to compare and never to hide.

    plain           a small LightGBM model, trained as all below are
    reweighed       each row weighs what it would if group and later need had nothing to do with each other
                    (Kamiran and Calders, Knowledge and Information Systems 2012, 33:1-33)
    reduction       fairlearn's exponentiated gradient under equal true positive rates
                    (Agarwal et al., ICML 2018); rows are ordered by the mixture's chance of choosing them
    by area         the plain order, with each team's places shared among its areas by their households
    by coverage     the same, shared between households that most services can see and those that few can

A household's group is used to train the second and third, never to rank: a row's margin comes from its data alone. No
way is a default; to use one is a decision that the board records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.council.council import Council
from charter.errors import DataError, UsageError
from charter.rules.measures import SHARES
from fairness_reports.audit.measuring.findings import About, measure_everyone, measure_groups
from fairness_reports.audit.measuring.tally import UNKNOWN
from fairness_reports.audit.measuring.units import Units
from fairness_reports.audit.population.audited_people import find_horizon_end, read_outcomes
from fairness_reports.audit.population.scored_lists import Listing
from fairness_reports.audit.run_findings import RESAMPLES, SEED, Audited

__all__ = ["WAYS", "compare_mitigations"]

WAYS = ("plain", "reweighed", "reduction", "by area", "by coverage")

_ROWS = 20_000
"""Rows to learn from, drawn; the reduction trains one model for each of its rounds."""

_ROUNDS = 8
_MODEL: dict[str, Any] = {
    "n_estimators": 60,
    "num_leaves": 8,
    "min_child_samples": 40,
    "learning_rate": 0.1,
    "n_jobs": 1,
    "random_state": SEED,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}

Floats = NDArray[np.float64]


def compare_mitigations(audited: Audited, council: Council, characteristic: str) -> list[dict[str, Any]]:
    """Return precision, recall and gaps at capacity of every way, by one characteristic; `at` names the way.

    Learns from the dates whose outcomes were known before the first tested one. Raises DataError where there is none,
    UsageError for a characteristic that the charter does not audit.
    """
    if characteristic not in audited.groups:
        raise UsageError(f"the charter audits no {characteristic!r}.", f"Choose from: {', '.join(audited.groups)}.")
    groups = _group_of_households(audited, characteristic)
    data, label, group = _gather_training_rows(audited, council, groups)
    listing = audited.people.listing
    tested = np.concatenate([_read_features(audited, number) for number in range(len(listing.days))])
    plain = _fit_model(data, label, None).predict(tested, raw_score=True)
    margins = {
        "plain": plain,
        "reweighed": _fit_model(data, label, _reweigh_rows(group, label)).predict(tested, raw_score=True),
        "reduction": _reduce_gap(data, label, group, tested),
    }
    lists = {name: listing.select(np.asarray(margin, dtype=np.float64)) for name, margin in margins.items()}
    shared = replace(listing, margin=np.asarray(plain, dtype=np.float64))
    lists["by area"] = _allot_places(shared, _read_areas(audited))
    lists["by coverage"] = _allot_places(shared, _split_by_coverage(audited))
    rows: list[dict[str, Any]] = []
    for way in WAYS:
        people = audited.people
        units = Units(people.cluster, lists[way][people.listed_as], people.label)
        about = About("", None, "comparison", f"capacity, {way}")
        main = [SHARES[name] for name in ("precision", "recall", "selection_rate")]
        rows += measure_everyone(units, main, about, resamples=RESAMPLES, seed=SEED)
        gaps = [SHARES[name] for name in ("recall", "false_positive_rate", "selection_rate")]
        by = about.of_group(characteristic, None)
        rows += measure_groups(units, audited.groups[characteristic], gaps, by, resamples=RESAMPLES, seed=SEED)
    return rows


def _group_of_households(audited: Audited, characteristic: str) -> Mapping[bytes, int]:
    """Return each household's group: that of its first audited person, for training alone."""
    names, first = np.unique(audited.people.entity, return_index=True)
    codes = audited.groups[characteristic].code[first]
    return dict(zip(names.tolist(), codes.tolist(), strict=True))


def _gather_training_rows(
    audited: Audited, council: Council, groups: Mapping[bytes, int]
) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.int64]]:
    matrix = audited.matrix
    lag = timedelta(days=float(matrix.manifest["reporting_lag_days"]))
    cut = council.midnight(audited.people.listing.days[0])
    days = [day for day in matrix.dates if find_horizon_end(matrix.definition, council, day) + lag <= cut]
    if not days:
        raise DataError("no date's outcomes were known before the first tested one.", "Build earlier dates.")
    parts = []
    for day in days:
        rows = matrix.at(day)
        label = read_outcomes(matrix, rows, council)[0]
        group = np.array([groups.get(name, -1) for name in np.asarray(rows.entity).tolist()], dtype=np.int64)
        usable = np.flatnonzero((label != UNKNOWN) & (group >= 0))
        parts.append((spread_codes(np.asarray(rows.features)[usable], matrix), label[usable], group[usable]))
    data, label, group = (np.concatenate(part) for part in zip(*parts, strict=True))
    sample = np.random.default_rng(SEED).permutation(len(label))[:_ROWS]
    return data[sample], label[sample], group[sample]


def _read_features(audited: Audited, number: int) -> NDArray[np.float32]:
    listing = audited.people.listing
    at = audited.matrix.at(listing.days[number])
    place = np.searchsorted(np.asarray(at.entity), listing.entity[listing.day == number])
    return spread_codes(np.asarray(np.asarray(at.features)[place], dtype=np.float32), audited.matrix)


def spread_codes(rows: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float32]:
    """Return rows (n, features) with a column of 0 or 1 for each code of a category in place of the category's.

    All ways are compared on the same columns, and fairlearn's asks for models of numbers alone.
    """
    codes = [
        (rows[:, [column]] == np.arange(number, dtype=np.float32)).astype(np.float32)
        for column, number in matrix.categories.items()
    ]
    return np.hstack([np.delete(rows, list(matrix.categories), axis=1), *codes])


def _fit_model(data: NDArray[np.float32], label: NDArray[np.int8], weights: Floats | None) -> lgb.LGBMClassifier:
    return lgb.LGBMClassifier(**_MODEL).fit(data, label, sample_weight=weights)


def _reweigh_rows(group: NDArray[np.int64], label: NDArray[np.int8]) -> Floats:
    """Return the chance of each row's group times that of its label, over the chance of both together."""
    weights = np.ones(len(label))
    for code in np.unique(group):
        for value in (0, 1):
            both = (group == code) & (label == value)
            if both.any():
                weights[both] = (group == code).mean() * (label == value).mean() / both.mean()
    return weights


def _reduce_gap(
    data: NDArray[np.float32], label: NDArray[np.int8], group: NDArray[np.int64], tested: NDArray[np.float32]
) -> Floats:
    """Return the chance that the reduction's mixture of models would choose each tested row."""
    from fairlearn.reductions import ExponentiatedGradient, TruePositiveRateParity  # type: ignore[import-untyped]

    mitigator = ExponentiatedGradient(lgb.LGBMClassifier(**_MODEL), TruePositiveRateParity(), max_iter=_ROUNDS)
    mitigator.fit(data, label, sensitive_features=group)
    # Each model of the mixture chooses or not; their own chances, mixed the same way, also order what all leave out.
    used = [(weight, model) for weight, model in zip(mitigator.weights_, mitigator.predictors_, strict=True) if weight]
    return np.asarray(sum(weight * model.predict_proba(tested)[:, 1] for weight, model in used), dtype=np.float64)


def _read_areas(audited: Audited) -> NDArray[np.str_]:
    listing = audited.people.listing
    parts = []
    for number, day in enumerate(listing.days):
        at = audited.matrix.at(day)
        place = np.searchsorted(np.asarray(at.entity), listing.entity[listing.day == number])
        parts.append(np.asarray(at.area)[place].astype(str))
    return np.concatenate(parts)


def _split_by_coverage(audited: Audited) -> NDArray[np.str_]:
    """Say of each scored household whether more than half of what services could see of it is seen."""
    listing = audited.people.listing
    parts = []
    for number, day in enumerate(listing.days):
        at = audited.matrix.at(day)
        place = np.searchsorted(np.asarray(at.entity), listing.entity[listing.day == number])
        members = np.maximum(np.asarray(at.members, dtype=np.float64), 1.0)[place]
        share = np.asarray(at.seen)[place].mean(axis=1) / members
        parts.append(np.where(share > np.median(share), "seen by most", "seen by few"))
    return np.concatenate(parts)


def _allot_places(listing: Listing, stratum: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Share each team's places at each date among its strata by their households, the largest remainders first.

    Five places and strata of 60, 30 and 10 households: exactly 3, 1.5 and 0.5; whole places 3, 1 and 0; the place that
    is left goes to the second, which is first among equal remainders.
    """
    team = np.char.add(np.char.add(listing.team.astype(str), "|"), stratum)
    room = np.zeros(len(team), dtype=np.int64)
    for number in range(len(listing.days)):
        here = listing.day == number
        for name in np.unique(listing.team[here]):
            mine = np.flatnonzero(here & (listing.team == name))
            strata, place, counts = np.unique(stratum[mine], return_inverse=True, return_counts=True)
            exact = counts / counts.sum() * listing.room[mine[0]]
            places = np.floor(exact).astype(np.int64)
            rest = int(listing.room[mine[0]] - places.sum())
            places[np.argsort(-(exact - places), kind="stable")[:rest]] += 1
            room[mine] = places[place] if len(strata) else 0
    return replace(listing, team=team, room=room).select()
