"""Pairs of records compared: the level that each reaches in each trait, and how common what they share is.

The conditions are those that Splink is given (features/linking/matching/splink_model.py). They are asked here because
Splink has no word for what a family shares.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa

from features.intake.database import Relation, bind_names, compute_rows, drop_rows, fetch_rows, give_rows, quote_text
from features.linking.matching.candidate_pairs import add_candidate_keys
from features.linking.matching.commonness import YEAR_ALONE
from features.linking.matching.comparisons import (
    BEST_REACHED,
    COLUMNS,
    IN_THE_SURNAME,
    NOTHING_SAID,
    RARER,
    make_condition,
)
from features.linking.matching.pair_weights import Compared
from features.linking.matching.told_apart import Said
from features.linking.parameters import Level, Parameters

__all__ = ["Records", "compare_candidates", "compare_given", "compare_references", "measure_shares"]

_RAREST = 1e-7
"""No value counts as rarer: one in ten million people."""
_LEAST = -14.0
"""Pairs that share less than this (bits, by the numbers that were read) are not kept."""


@dataclass(frozen=True)
class Records:
    """Records to be compared, by place (`id` from 0), their names, and the comparisons of which any says anything.

    `sizes`: how many there are, and then of each service that may give one person several, in order.
    """

    rows: Relation
    names: Sequence[str]
    sizes: Sequence[int]
    comparisons: Mapping[str, Sequence[Level]]
    said: Said

    @classmethod
    def of(
        cls,
        database: duckdb.DuckDBPyConnection,
        nodes: Relation,
        parameters: Parameters,
        again: Collection[str] = (),
    ) -> Records:
        """Return the records of `nodes` (unique_id and traits), in the order of their ids.

        `again`: services that may give one person several references; `again` of a record is the number of its own.
        """
        keyed = add_candidate_keys(database, nodes)
        rows = compute_rows(
            database,
            "select *, (row_number() over (order by unique_id) - 1)::integer as id, "
            f"{_number_service(again)} as again from keyed",
            keyed=keyed,
        )
        drop_rows(database, keyed)
        names = [name for (name,) in fetch_rows(database, "select unique_id from r order by id", r=rows)]
        counts = dict(fetch_rows(database, "select again, count(*) from r group by again", r=rows))
        sizes = (len(names), *(counts.get(place + 1, 0) for place in range(len(again))))
        known = [name for name in parameters.levels if _anybody_says(database, rows, name)]
        levels = {name: parameters.levels[name] for name in known}
        return cls(rows, names, sizes, levels, Said.read(database, rows))


def _number_service(again: Collection[str]) -> str:
    """Return SQL for the number, from 1, of a record's service among those named; 0 for any other."""
    named = ", ".join(map(quote_text, sorted(again)))
    return f"coalesce(list_position([{named}]::varchar[], service), 0)::tinyint"


def _anybody_says(database: duckdb.DuckDBPyConnection, rows: Relation, comparison: str) -> bool:
    unknown = " and ".join(
        f"{'len(' + column + ') = 0' if column == 'homes' else column + ' is null'}"
        for column in _TELLING.get(comparison, (comparison,))
    )
    return bool(fetch_rows(database, f"select 1 from r where not ({unknown}) limit 1", r=rows))


_TELLING = {"home": ("homes", "address", "postcode", "town")}


def compare_candidates(database: duckdb.DuckDBPyConnection, records: Records, partners: float) -> Compared:
    """Compare every pair that shares a candidate key; the hopeless are left out."""
    pairs = compute_rows(
        database,
        "with each as (select id, unnest(keys) as key from records) "
        "select distinct l.id as one, r.id as other from each l join each r on l.key = r.key and l.id < r.id",
        records=records.rows.select("id, keys"),
    )
    least = _LEAST - np.log2(partners / max(len(records.names), 1))
    compared = _compare(database, records.rows, records.comparisons, pairs, least, records.sizes)
    drop_rows(database, pairs)
    return compared


def measure_shares(database: duckdb.DuckDBPyConnection, records: Records) -> Records:
    """Return the records with u of each level as it is between random pairs of them, held near what was read.

    Where all forenames of a council are much alike, that two are alike says little. Levels that share a value are left:
    they count by how common the value is.
    """
    count = len(records.names)
    chance = np.random.default_rng(0)
    drawn = np.sort(chance.integers(0, max(count, 1), (_RANDOM_PAIRS, 2)), axis=1)
    pairs = np.unique(drawn[drawn[:, 0] < drawn[:, 1]], axis=0)
    compared = compare_given(database, records, list(map(tuple, pairs.tolist())))
    measured: dict[str, Sequence[Level]] = {}
    for name, levels in records.comparisons.items():
        known = compared.levels[name][compared.levels[name] >= 0]
        seen = np.bincount(known, minlength=len(levels))
        shares = [
            (n + _TRUSTED_PAIRS * level.u) / (len(known) + _TRUSTED_PAIRS)
            for n, level in zip(seen, levels, strict=True)
        ]
        measured[name] = [level.model_copy(update={"u": float(u)}) for level, u in zip(levels, shares, strict=True)]
    return replace(records, comparisons=measured)


_RANDOM_PAIRS = 40_000
_TRUSTED_PAIRS = 2_000.0
"""Random pairs that are compared, and how many pairs' worth of trust what was read has against them."""


def compare_given(database: duckdb.DuckDBPyConnection, records: Records, pairs: Iterable[tuple[int, int]]) -> Compared:
    """Compare the pairs of places that are given, each as (smaller, larger), whatever they share."""
    ones, others = list(zip(*pairs, strict=True)) or [(), ()]
    table = pa.table({"one": pa.array(ones, pa.int32()), "other": pa.array(others, pa.int32())})
    return _compare(database, records.rows, records.comparisons, give_rows(database, table), -np.inf, records.sizes)


def compare_references(
    database: duckdb.DuckDBPyConnection,
    traits: Relation,
    comparisons: Mapping[str, Sequence[Level]],
    pairs: Sequence[tuple[str, str]],
    again: Collection[str] = (),
) -> Compared:
    """Compare pairs of references by what each says itself; the places of the result are those of `traits` by ref."""
    ones, others = list(zip(*pairs, strict=True)) or [(), ()]
    named = give_rows(database, pa.table({"l": pa.array(ones, pa.string()), "r": pa.array(others, pa.string())}))
    rows = compute_rows(
        database,
        "select *, (row_number() over (order by ref) - 1)::integer as id, "
        f"{_number_service(again)} as again from traits",
        traits=traits,
    )
    places = compute_rows(
        database,
        "select l.id as one, r.id as other from named join rows l on l.ref = named.l join rows r on r.ref = named.r",
        named=named,
        rows=rows,
    )
    compared = _compare(database, rows, comparisons, places, -np.inf, (len(rows),))
    drop_rows(database, named, rows, places)
    return compared


def _compare(
    database: duckdb.DuckDBPyConnection,
    records: Relation,
    comparisons: Mapping[str, Sequence[Level]],
    pairs: Relation,
    least: float,
    sizes: Sequence[int],
) -> Compared:
    names = list(comparisons)
    if not names:
        nobody = np.zeros(0, dtype=np.int64)
        return Compared(nobody, nobody, {}, {}, {}, nobody, sizes)
    columns = dict.fromkeys(column for name in names for column in COLUMNS[name])
    shares = dict.fromkeys(column for (name, _), column in RARER.items() if name in names)
    both = ", ".join(f"l.{column} as {column}_l, r.{column} as {column}_r" for column in columns)
    commoner = "".join(f", greatest(l.tf_{column}, r.tf_{column}) as tf_{column}" for column in shares)
    swapped = {"tf_whole": _WHOLE.format("least"), "tf_slip": _WHOLE.format("greatest")} if "forename" in names else {}
    birthday = {"tf_one_day": _ONE_DAY} if "birth_date" in names else {}
    apart = swapped | birthday
    commoner += "".join(f", {share} as {column}" for column, share in apart.items())
    reached = [name for name in names if name in BEST_REACHED]
    levels = ", ".join(f"{_find_level(name, comparisons[name])} as level_{name}" for name in names)
    best = "".join(f", ({BEST_REACHED[name]})::tinyint as best_{name}" for name in reached)
    bits = ", ".join(f"{_find_share(name, comparisons[name])}::float as share_{name}" for name in names)
    person = " + ".join(_find_person(name, comparisons[name]) for name in names)
    told = "".join(f", {column}" for column in (*(f"tf_{column}" for column in shares), *apart))
    kept = ", ".join(f"level_{name}, share_{name}" for name in names) + "".join(f", best_{name}" for name in reached)
    found = database.sql(
        bind_names(
            f"""
            with both_sides as (
                select p.one, p.other, l.again * (l.again = r.again)::integer as again, {both}{commoner}
                from pairs p join records l on l.id = p.one join records r on r.id = p.other),
            levelled as (
                select one, other, again, {levels}{best}{told} from both_sides),
            weighed as (select *, {bits} from levelled)
            select one, other, again, {kept} from weighed
            where {person} - ({" + ".join("share_" + name for name in names)}) >= {max(least, -1e9)}
            order by one, other
            """,
            {"pairs": pairs, "records": records},
        )
    ).fetchnumpy()
    return Compared(
        found["one"].astype(np.int64),
        found["other"].astype(np.int64),
        {name: np.asarray(found[f"level_{name}"]) for name in names},
        {name: np.asarray(found[f"share_{name}"]) for name in names},
        {name: np.asarray(found[f"best_{name}"]) for name in reached},
        found["again"].astype(np.int64),
        sizes,
    )


def _find_level(name: str, levels: Sequence[Level]) -> str:
    cases = " ".join(f"when {make_condition(name, level.name)} then {place}" for place, level in enumerate(levels[:-1]))
    return f"(case when {NOTHING_SAID[name]} then -1 {cases} else {len(levels) - 1} end)::tinyint"


def _find_share(name: str, levels: Sequence[Level]) -> str:
    """Return SQL for log2 u of the level that a pair reaches: of a shared value, how common it is."""
    cases = []
    for place, level in enumerate(levels):
        column = RARER.get((name, level.name))
        share = f"log2(greatest(coalesce(tf_{column}, {level.u}), {_RAREST}))" if column else f"{np.log2(level.u)}"
        if (name, level.name) == _SWAP:
            share = f"log2(greatest(coalesce(greatest(tf_whole, {level.m} * tf_slip), {level.u}), {_RAREST}))"
        if name == "birth_date" and level.name in _YEARS:
            share = f"log2(greatest({level.u}, {_YEARS[level.name]} * tf_one_day))"
        cases.append(f"when {place} then {share}")
    return f"(case level_{name} {' '.join(cases)} else 0 end)"


_SWAP = ("forename", IN_THE_SURNAME)
_WHOLE = "{0}(l.tf_forename * l.tf_surname, r.tf_forename * r.tf_surname)"
"""How common a whole name is. Two who are named Frank Werner and Werner Frank share two names that both are common; of
John Smith and Smith John the second is rare, and a slip of somebody of the first."""

_ONE_DAY = (
    "if(strftime(l.birth_date, '%m%d') = strftime(r.birth_date, '%m%d') "
    f"and greatest(l.tf_birthday, r.tf_birthday) > {YEAR_ALONE}, greatest(l.tf_birthday, r.tf_birthday), 0)"
)
_YEARS = {"day and month swapped, or one digit off": 0.15, "two of day, month and year the same": 0.85}
"""How often two years of birth picked at random are a digit apart, and more. Where a service writes 1 January for all
of whom it knows the year alone, two such dates of other years are no slip of each other, but two years."""


def _find_person(name: str, levels: Sequence[Level]) -> str:
    cases = " ".join(f"when {place} then {np.log2(level.m)}" for place, level in enumerate(levels))
    if name not in BEST_REACHED:
        return f"(case level_{name} {cases} else 0 end)"
    so_far = np.log2(np.minimum(np.cumsum([level.m for level in levels]), 1.0))
    best = " ".join(f"when {place} then {share}" for place, share in enumerate(so_far))
    return (
        f"(case when level_{name} = best_{name} then case level_{name} {best} end "
        f"else case level_{name} {cases} else 0 end end)"
    )
