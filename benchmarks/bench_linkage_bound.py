"""What the records of hostile populations let anybody know: a reader who was told who is whom in other such towns.

The reader is LightGBM over what two records say and what stands around them (others of their names, homes, keys). It is
taught by the truth of TAUGHT towns and reads others, strongest pair first; of all its cuts, the one that the truth of
the towns it reads likes best. No linkage that must do without the truth can be asked for more: what it misses at one
wrong merge in 10,000 references is what the records do not say.

    python -m benchmarks linkage_bound
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import duckdb
import lightgbm as lgb
import numpy as np
import pyarrow as pa
from anyascii import anyascii
from numpy.typing import NDArray

from benchmarks.results import Row
from tests.generative.hostile_people import SERVICES, make_population

TAUGHT, READ = range(1000, 1060), range(100, 150)
"""Seeds of the towns that the reader is taught by, and of those that it reads: decision 151 has ours of the same."""
_MOST_OF_A_KEY = 60
_NO_KEYS = ("UN1", "9999999999")
_PLACEHOLDERS = ("1900-01-01", "2000-01-01", "1980-07-01", "1970-01-01")
_PER = 10_000
TOLD = "linkage: recall in hostile populations of who was told the truth of others, at {wrong:g} wrong in 10,000"
"""The names of the rows."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Town:
    """A town's records, pairs worth comparing, what is seen of each pair, and whether it is one person."""

    records: Sequence[Record]
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    seen: NDArray[np.float32]
    same: NDArray[np.bool_]


def make_town(seed: int) -> Town:
    """Return a town of 200 to 2,000 references as the reader sees it."""
    size = random.Random(seed).randrange(200, 2000)  # noqa: S311 a made-up town has no secret
    records = make_population(seed, size).to_pylist()
    for record in records:
        record["f"], record["s"] = (anyascii(record[name]).lower() for name in ("forename", "surname"))
        record["k"] = None if record["shared_key"] in _NO_KEYS else record["shared_key"]
        record["kind"] = _tell_date(record["birth_date"])
    pairs = _pair(records)
    likeness = _compare_names(records, pairs)
    around = _Around.of(records)
    seen = [
        (*alike, *_compare(records[one], records[other]), *around.see(one, other))
        for (one, other), alike in zip(pairs, likeness, strict=True)
    ]
    places = np.array(pairs)
    same = np.array([records[one]["person"] == records[other]["person"] for one, other in pairs])
    return Town(records, places[:, 0], places[:, 1], np.array(seen, dtype=np.float32), same)


def _tell_date(born: Any) -> int:
    """Return 0 for no date, 1 for a placeholder, 2 for a year's first day, 3 for a day."""
    if born is None:
        return 0
    return 1 if str(born) in _PLACEHOLDERS else 2 if (born.month, born.day) == (1, 1) else 3


def _pair(records: Sequence[Record]) -> Sequence[tuple[int, int]]:
    """Return the pairs that share a home, key, whole name, or part of a name with something else."""
    by_key: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        forename, surname, home, born = (record[name] for name in ("f", "s", "household_id", "birth_date"))
        keys = {("n", *sorted((forename, surname))), ("a", forename[:4], surname[:4]), ("a", surname[:4], forename[:4])}
        keys |= {("e", forename, surname[-3:]), ("g", surname, forename[-3:])}
        keys |= {("h", home, name[:3]) for name in (forename, surname)} if home else set()
        keys |= {("h", home)} if home and not home.startswith("block") else set()
        keys |= {("k", record["k"])} if record["k"] else set()
        keys |= {("d", born, name[:2]) for name in (forename, surname)} if born else set()
        for key in keys:
            by_key[key].append(place)
    return sorted({pair for of in by_key.values() if len(of) <= _MOST_OF_A_KEY for pair in combinations(of, 2)})


def _compare_names(records: Sequence[Record], pairs: Sequence[tuple[int, int]]) -> Sequence[tuple[float, ...]]:
    """Return how alike the names of each pair are, straight and crosswise."""
    ones, others = zip(*pairs, strict=True)
    table = pa.table(
        {
            name: [records[place][letter] for place in places]
            for name, places, letter in (("f", ones, "f"), ("s", ones, "s"), ("g", others, "f"), ("t", others, "s"))
        }
    )
    with duckdb.connect() as database:
        database.register("pairs", table)
        return database.execute(
            "select jaro_winkler_similarity(f, g), jaro_winkler_similarity(s, t), jaro_winkler_similarity(f, t), "
            "jaro_winkler_similarity(s, g), damerau_levenshtein(f, g), damerau_levenshtein(s, t) from pairs"
        ).fetchall()


def _compare(one: Record, other: Record) -> tuple[float, ...]:
    """Return what two records say of each other beside their names."""
    if SERVICES.index(one["service"]) > SERVICES.index(other["service"]):
        one, other = other, one
    born, also = one["birth_date"], other["birth_date"]
    days = abs((born - also).days) if born and also else -1
    homes = [record["household_id"] for record in (one, other)]
    swapped = bool(days > 0 and (born.year, born.day, born.month) == (also.year, also.month, also.day))
    return (
        *(SERVICES.index(record["service"]) for record in (one, other)),
        *(record["kind"] for record in (one, other)),
        *(record["birth_date"].year if record["birth_date"] else 0 for record in (one, other)),
        *(("block", "moved", "home").index(home.rstrip("0123456789")) if home else -1 for home in homes),
        *(bool(record["k"]) for record in (one, other)),
        *(len(record["f"]) for record in (one, other)),
        one["f"].count(" ") + other["f"].count(" "),
        days,
        swapped,
        bool(born and also and born.year == also.year),
        *(_agree(one[name], other[name]) for name in ("household_id", "k", "sex")),
    )


def _agree(one: Any, other: Any) -> int:
    return -1 if one is None or other is None else int(one == other)


@dataclass(frozen=True)
class _Around:
    """Who else is there: by name and home, and how common each name is."""

    records: Sequence[Record]
    named: dict[tuple[str, str], list[int]]
    living: dict[str, list[int]]
    names: Counter[str]

    @classmethod
    def of(cls, records: Sequence[Record]) -> _Around:
        named, living = defaultdict(list), defaultdict(list)
        for place, record in enumerate(records):
            named[record["f"], record["s"]].append(place)
            if record["household_id"]:
                living[record["household_id"]].append(place)
        return cls(records, named, living, Counter(name for record in records for name in (record["f"], record["s"])))

    def see(self, one: int, other: int) -> tuple[float, ...]:
        """Return what stands around a pair: namesakes, their dates, keys, services and homes."""
        both = [self.records[place] for place in (one, other)]
        names = {name for of in both for name in ((of["f"], of["s"]), (of["s"], of["f"]))}
        near = {place for name in names for place in self.named.get(name, ())} - {one, other}
        every = [*both, *(self.records[place] for place in near)]
        homes = {of["household_id"] for of in both if of["household_id"]}
        mates = {place for home in homes for place in self.living[home]} - {one, other}
        beginnings = {of["f"][:3] for of in both}
        return (
            len(near),
            len({of["birth_date"] for of in every if of["kind"] == len(_PLACEHOLDERS) - 1}),
            len({of["k"] for of in every if of["k"]}),
            sum(self.records[place]["household_id"] in homes for place in near),
            *(sum(self.records[place]["service"] == of["service"] for place in near) for of in both),
            *(len(self.living.get(of["household_id"], ())) for of in both),
            sum(self.records[place]["f"][:3] in beginnings for place in mates),
            *(self.names[of[name]] for of in both for name in ("f", "s")),
            len(self.records),
        )


@dataclass(frozen=True)
class Trade:
    """At one cut: wrong merges in 10,000 references, and recall of all and by group."""

    cut: float
    wrong: float
    recall: float
    groups: dict[str, float]


def find_trades(towns: Sequence[Town], chances: Sequence[NDArray[np.float64]]) -> Sequence[Trade]:
    """Return what is right and wrong where all pairs above a cut are joined, for cuts from even odds to 10,000 to 1."""
    trades = []
    true: Counter[str] = Counter()
    for town in towns:
        true += _count_pairs(town, range(len(town.records)), by_person=True)[1]
    references = sum(len(town.records) for town in towns)
    for bits in np.arange(1, 13.3, 0.25):
        cut, wrong, right = 1 - 2.0**-bits, 0, Counter[str]()
        for town, chance in zip(towns, chances, strict=True):
            some, of_town = _count_pairs(town, _join(town, chance, cut))
            wrong, right = wrong + some, right + of_town
        recall = {group: right[group] / true[group] for group in sorted(true)}
        trades.append(Trade(cut, _PER * wrong / references, right.total() / true.total(), recall))
    return trades


def _join(town: Town, chance: NDArray[np.float64], cut: float) -> Sequence[int]:
    """Return the leader of each record: strongest pairs first, and no register has anybody twice."""
    leader = list(range(len(town.records)))
    members = {place: [place] for place in leader}
    registers = [{of["service"]} - {"tax"} for of in town.records]
    for pair in np.argsort(-chance, kind="stable"):
        if chance[pair] < cut:
            break
        one, other = leader[town.one[pair]], leader[town.other[pair]]
        if one == other or registers[one] & registers[other]:
            continue
        for place in members[other]:
            leader[place] = one
        members[one] += members.pop(other)
        registers[one] |= registers[other]
    return leader


def _count_pairs(town: Town, leader: Sequence[int], *, by_person: bool = False) -> tuple[int, Counter[str]]:
    """Return how many references are with somebody else, and by group the pairs that are together rightly."""
    groups: dict[Any, list[Record]] = defaultdict(list)
    for record, of in zip(town.records, leader, strict=True):
        groups[record["person"] if by_person else of].append(record)
    wrong, right = 0, Counter[str]()
    for of_group in groups.values():
        people = Counter(of["person"] for of in of_group)
        wrong += len(of_group) - max(people.values())
        hard = {of["person"]: of["hard"] for of in of_group}
        for person, count in people.items():
            right[hard[person]] += count * (count - 1) // 2
    return wrong, right


def run() -> list[Row]:
    """Teach the reader, let it read, and return what it can do at one and at ten wrong merges in 10,000 references."""
    taught = [make_town(seed) for seed in TAUGHT]
    reader = lgb.LGBMClassifier(n_estimators=400, learning_rate=0.05, min_child_samples=40, colsample_bytree=0.7,
                                reg_lambda=5, n_jobs=1, verbose=-1, deterministic=True, random_state=0)  # fmt: skip
    reader.fit(np.concatenate([town.seen for town in taught]), np.concatenate([town.same for town in taught]))
    towns = [make_town(seed) for seed in READ]
    trades = find_trades(towns, [reader.predict_proba(town.seen)[:, 1] for town in towns])
    size = (
        f"{sum(len(town.records) for town in towns):,} references of {len(towns)} towns, taught by {len(taught)} others"
    )
    rows = []
    for most in (1.0, 10.0, 35.0):
        best = max((trade for trade in trades if trade.wrong <= most), key=lambda trade: trade.recall)
        peers = {group: round(recall, 3) for group, recall in best.groups.items()}
        rows.append(
            Row(
                TOLD.format(wrong=most),
                round(best.recall, 3),
                "",
                None,
                None,
                peers,
                f"{size}; {best.wrong:.1f} wrong in 10,000",
            )
        )
    return rows


if __name__ == "__main__":
    for row in run():
        print(row)
