"""Canonical tables as `sooner link` leaves them, at any size, the same bytes for the same seed.

The whole work is 110,000 households, 250,000 people and 20 million event rows of 8 services over ten years, with

    versions      one event in twenty is corrected once: its first version ends when the second is known
    late news     most events are known within days, one in ten after up to four months
    choices       85 in 100 consent to health visiting, some of them for a while; 2 in 100 object to a service, a third
                  of them overruled
    membership    one person in five moves, told of late; 3 in 100 live in two homes
    coverage      schools see 9 people in 10

Nothing here is drawn from, or says anything about, a real place: it is weight to carry. The fictional borough of
`borough/` is the one with a meaning.

    python -m benchmarks.borough_at_scale HOUSEHOLDS EVENTS [SEED]
"""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.definition import DEFINITION, SIGNALS, as_of_dates
from charter.contracts.files import new_folder
from features.engines.question import Question
from features.grammar import Definition
from features.permission import Permission

__all__ = ["DETAILS", "EVENTS", "HOUSEHOLDS", "START", "TAKEN_AT", "make", "people_of", "question"]

HOUSEHOLDS, EVENTS = 110_000, 20_000_000
START, TAKEN_AT = datetime(2015, 9, 1, tzinfo=UTC), datetime(2025, 9, 28, 6, tzinfo=UTC)
WORKSPACE = Path(__file__).parent / "workspace"

_DAY = 86_400_000_000
_NEVER = np.iinfo(np.int64).max
_FIRST = int(START.timestamp()) * 1_000_000
_LAST = int(TAKEN_AT.timestamp()) * 1_000_000
_AT_ONCE = 20_000
"""People whose events are made, sorted and written together."""

NAMES = (*SIGNALS.values(), "homelessness.duty_owed", "social_care.child_in_need")
"""Every signal there is: those that features read, then those of the outcome."""
_WEIGHTS = np.array([22, 18, 5, 30, 8, 4, 3, 9, 0.5, 0.5]) / 100
DETAILS = {
    "housing.arrears_stage": ("letter", "second_letter", "pre_notice", "notice", "court"),
    "council_tax.arrears": ("reminder", "final_notice", "summons", "liability_order"),
    "homelessness.approach": ("family", "landlord", "street"),
    "education.unauthorised_absence": ("holiday", "late", "other"),
    "social_care.contact": ("individual", "school", "health", "housing", "police", "other"),
    "early_help.episode": ("outcomes_met", "step_up", "disengaged", "no_further_action"),
    "youth_justice.antisocial_behaviour": ("noise", "damage", "other"),
    "health_visiting.contact": ("home", "clinic", "phone"),
    "homelessness.duty_owed": ("prevention", "relief", "main"),
    "social_care.child_in_need": ("plan",),
}
"""The details of each signal."""


def people_of(households: int) -> int:
    """Return how many people live in so many households."""
    return households * 25 // 11


def make(households: int = HOUSEHOLDS, events: int = EVENTS, seed: int = 1) -> Path:
    """Return the folder of the tables, made first if they are not there yet."""
    folder = WORKSPACE / f"borough_{households}_{events}_{seed}"
    if not folder.exists():
        with new_folder(folder) as beside:
            _write(beside, households, events, np.random.default_rng(seed))
    return folder


def question(dates: int = 24, definition: Definition = DEFINITION) -> Question:
    """Return the question every contender answers: a definition at the last `dates` months, for training."""
    permission = Permission(
        "train", frozenset(NAMES), frozenset({"health_visiting"}), dict.fromkeys(SIGNALS, 14), {}, {}
    )
    return Question(definition, as_of_dates(dates), ZoneInfo("Europe/London"), TAKEN_AT, permission)


def _write(folder: Path, households: int, events: int, rng: np.random.Generator) -> None:
    people = people_of(households)
    person = _ids("person", people)
    home = _ids("home", households)
    _write_events(folder / "events.parquet", person, events, rng)
    born = np.array([date(1930, 1, 1).toordinal() - date(1970, 1, 1).toordinal()]) + rng.integers(0, 34_500, people)
    birth = pa.array(born.astype(np.int32), mask=rng.random(people) < 0.02).cast(pa.date32())
    _table(folder, "people", person_id=person, birth_date=birth, death_date=pa.nulls(people, pa.date32()))
    _write_residence(folder, person, home, rng)
    always = np.full(households, _FIRST - 3650 * _DAY)
    areas = np.array([f"E0199{n:04d}" for n in range(1, 41)])
    kinds = np.where(rng.random(households) < 0.01, "communal", "home")
    _table(
        folder, "households", household_id=home, kind=pa.array(kinds),
        area=pa.array(areas[rng.integers(40, size=households)]),
        start=_times(always), end=_times(np.full(households, _NEVER)), known_at=_times(always),
    )  # fmt: skip
    _write_permission(folder, person, rng)
    services = pa.array(list(SIGNALS))
    count = len(SIGNALS)
    whole = [np.full(count, _FIRST - 3650 * _DAY), np.full(count, _LAST), np.full(count, _LAST)]
    names = ("covers_from", "covers_to", "received_at")
    _table(folder, "feeds", service=services, **dict(zip(names, map(_times, whole), strict=True)))
    pupils = np.flatnonzero(rng.random(people) < 0.9)
    since = np.full(len(pupils), _FIRST - 3650 * _DAY)
    since[rng.random(len(pupils)) < 0.1] = _FIRST + 400 * _DAY
    _table(
        folder, "coverage", person_id=person.take(pa.array(pupils)), service=pa.array(["education"] * len(pupils)),
        start=_times(since), end=_times(np.full(len(pupils), _NEVER)), known_at=_times(since),
        known_until=_times(np.full(len(pupils), _NEVER)),
    )  # fmt: skip


def _ids(kind: str, count: int) -> pa.Array:
    """Return ascending pseudonyms of 32 hexadecimal digits, as link makes them."""
    return pa.array(sorted(hashlib.blake2b(f"{kind} {n}".encode(), digest_size=16).hexdigest() for n in range(count)))


def _write_events(path: Path, person: pa.Array, events: int, rng: np.random.Generator) -> None:
    """Write the events sorted by person, valid_at, known_at and event_id, in row groups of DuckDB's size."""
    people = len(person)
    # Need is uneven: half of the events are about a tenth of the people.
    weight = rng.gamma(0.35, size=people) + 0.02
    per_person = rng.multinomial(events, weight / weight.sum())
    writer, made = None, 0
    for first in range(0, people, _AT_ONCE):
        counts = per_person[first : first + _AT_ONCE]
        table = _some_events(person.slice(first, len(counts)), counts, made, rng)
        made += int(counts.sum())
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema, store_decimal_as_integer=True)
        writer.write_table(table, row_group_size=122_880)
    if writer is not None:
        writer.close()


def _some_events(person: pa.Array, counts: NDArray[np.int64], made: int, rng: np.random.Generator) -> pa.Table:
    rows = int(counts.sum())
    who = np.repeat(np.arange(len(counts)), counts)
    kind = rng.choice(len(NAMES), rows, p=_WEIGHTS)
    valid = _FIRST + rng.integers(0, (_LAST - _FIRST) // _DAY, rows) * _DAY
    valid += (rng.random(rows) < 0.3) * rng.integers(0, 24 * 60, rows) * 60_000_000
    late = np.where(rng.random(rows) < 0.1, rng.integers(5, 120, rows), rng.integers(0, 5, rows))
    known = np.minimum(valid + late * _DAY + 6 * 3_600_000_000, _LAST)
    until = np.full(rows, _NEVER)
    number = np.arange(made, made + rows)
    amount = rng.integers(100, 300_000, rows) * 100
    detail = rng.integers(0, 1 << 16, rows) % np.array([len(DETAILS[name]) for name in NAMES])[kind]
    # A correction is the next row of the same person: same event, known later, another amount.
    first = np.flatnonzero((rng.random(rows) < 0.05)[:-1] & (who[:-1] == who[1:]))
    first = first[np.append(True, np.diff(first) > 1)] if len(first) else first
    corrected = known[first] + rng.integers(1, 200, len(first)) * _DAY
    first, corrected = first[corrected <= _LAST], corrected[corrected <= _LAST]
    for column in (kind, valid, number):
        column[first + 1] = column[first]
    detail[first + 1] = detail[first]
    known[first + 1] = until[first] = corrected
    ended = np.where(rng.random(rows) < 0.9, valid + rng.integers(1, 500, rows) * _DAY, _NEVER)
    open_ended = np.array([name in ("early_help.episode", "social_care.child_in_need") for name in NAMES])[kind]
    ended[~open_ended] = _NEVER
    empty = rng.random(rows) < 0.1
    order = np.lexsort((number, known, valid, who))
    texts = [detail for name in NAMES for detail in DETAILS[name]]
    offset = np.cumsum([0, *(len(DETAILS[name]) for name in NAMES)])[:-1]
    ids = np.char.mod("%016x", number[order])
    return pa.table(
        {
            "event_id": pa.array(ids.tolist()),
            "person_id": person.take(pa.array(who[order])),
            "signal": pa.DictionaryArray.from_arrays(pa.array(kind[order].astype(np.int32)), list(NAMES)).cast(
                "string"
            ),
            "valid_at": _times(valid[order]),
            "end_at": _times(ended[order]),
            "known_at": _times(known[order]),
            "known_until": _times(until[order]),
            "amount": _decimals(amount[order], empty[order]),
            "detail": pa.DictionaryArray.from_arrays(
                pa.array((offset[kind] + detail)[order].astype(np.int32)), texts
            ).cast("string"),
        }
    )


def _write_residence(folder: Path, person: pa.Array, home: pa.Array, rng: np.random.Generator) -> None:
    people, homes = len(person), len(home)
    where = np.concatenate([np.arange(homes), rng.integers(0, homes, people - homes)])
    rng.shuffle(where)
    long_ago = _FIRST - 3650 * _DAY
    moves = np.flatnonzero(rng.random(people) < 0.2)
    moved = _FIRST + rng.integers(0, 3650, len(moves)) * _DAY
    told = moved + rng.integers(0, 60, len(moves)) * _DAY
    both = np.flatnonzero(rng.random(people) < 0.03)
    since = _FIRST + rng.integers(0, 3000, len(both)) * _DAY
    stays = np.setdiff1d(np.arange(people), moves)

    def rows(who: Any, household: Any, start: Any, known: Any, end: Any = _NEVER, until: Any = _NEVER) -> NDArray[Any]:
        return np.stack([np.broadcast_to(part, len(who)) for part in (who, household, start, known, end, until)])

    found = np.concatenate(
        [
            rows(stays, where[stays], long_ago, long_ago),
            rows(moves, where[moves], long_ago, long_ago, until=told),
            rows(moves, where[moves], long_ago, told, end=moved),
            rows(moves, rng.integers(0, homes, len(moves)), moved, told),
            rows(both, rng.integers(0, homes, len(both)), since, since),
        ],
        axis=1,
    )
    found = found[:, np.lexsort((found[3], found[2], found[1], found[0]))]
    _table(
        folder, "residence", person_id=person.take(pa.array(found[0])), household_id=home.take(pa.array(found[1])),
        start=_times(found[2]), end=_times(found[4]), known_at=_times(found[3]), known_until=_times(found[5]),
    )  # fmt: skip


def _write_permission(folder: Path, person: pa.Array, rng: np.random.Generator) -> None:
    people = len(person)
    given = np.flatnonzero(rng.random(people) < 0.85)
    start = np.where(rng.random(len(given)) < 0.3, _FIRST + rng.integers(0, 3600, len(given)) * _DAY, _FIRST)
    end = np.where(rng.random(len(given)) < 0.1, start + rng.integers(200, 2500, len(given)) * _DAY, _NEVER)
    against = np.flatnonzero(rng.random(people) < 0.02)
    received = _FIRST + rng.integers(0, 3500, len(against)) * _DAY
    service = np.array(list(SIGNALS), dtype=object)[rng.integers(0, len(SIGNALS), len(against))]
    over = rng.random(len(against)) < 1 / 3
    many, none = int(over.sum()), np.full
    who = np.concatenate([given, against, against[over]])
    starts = np.concatenate([start, received, received[over] + 30 * _DAY])
    _table(
        folder, "permission",
        person_id=person.take(pa.array(who)),
        service=pa.array(["health_visiting"] * len(given) + [*service, *service[over]]),
        purpose=pa.array(["*"] * len(who)),
        kind=pa.array(["consent"] * len(given) + ["objection"] * (len(against) + many)),
        status=pa.array(["received"] * (len(given) + len(against)) + ["overruled"] * many),
        start=_times(starts),
        end=_times(np.concatenate([end, none(len(against) + many, _NEVER)])),
        decided_by=pa.array([None] * (len(given) + len(against)) + ["data_protection_officer"] * many, pa.string()),
        known_at=_times(starts),
        known_until=_times(none(len(who), _NEVER)),
    )  # fmt: skip


def _times(values: NDArray[np.int64]) -> pa.Array:
    """Return UTC microseconds as a column; `_NEVER` is null."""
    return pa.array(values, mask=values == _NEVER).cast(pa.timestamp("us"))


def _decimals(values: NDArray[np.int64], empty: NDArray[np.bool_]) -> pa.Array:
    """Return ten-thousandths as a column of decimal(18, 4), by its own layout: 128 bits, little-endian."""
    wide = np.zeros((len(values), 2), np.int64)
    wide[:, 0], wide[:, 1] = values, np.where(values < 0, -1, 0)
    valid = np.packbits(~empty, bitorder="little")
    return pa.Array.from_buffers(
        pa.decimal128(18, 4), len(values), [pa.py_buffer(valid.tobytes()), pa.py_buffer(wide.tobytes())]
    )


def _table(folder: Path, name: str, **columns: pa.Array) -> None:
    pq.write_table(pa.table(columns), folder / f"{name}.parquet", row_group_size=122_880)


if __name__ == "__main__":
    began = datetime.now(UTC)
    where = make(*(int(text) for text in sys.argv[1:]))
    print(f"{where.name}: {(datetime.now(UTC) - began) / timedelta(seconds=1):.1f} s")
