"""What services say of people, row by row, linked as `sooner link` links it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from charter.council.register import Register, Source
from charter.vault.key import Key
from features.intake.database import Relation, compute_rows, give_rows, open_database
from features.linking.evidence import Evidence, gather_traits
from features.linking.joining.linkage import Linkage, Pair
from features.linking.joining.people import link_people
from features.linking.parameters import Parameters

KINDS = {"birth_date": pa.date32(), "known_at": pa.timestamp("us")}
COLUMNS = (
    "ref", "service", "forename", "surname", "birth_date", "death_date", "sex", "postcode", "household_id", "address",
    "town", "email", "phone", "shared_key", "known_at",
)  # fmt: skip


def make_source(service: str, *, one: bool) -> Source:
    return Source(
        service=service,
        title=service,
        basis="public task",
        purposes=frozenset({"link"}),
        retention_years=1,
        one_reference_each=one,
    )


REGISTER = Register(
    sources=(make_source("school", one=True), make_source("care", one=True), make_source("tax", one=False))
)


def say(
    service: str, ref: str, forename: str | None, surname: str | None, born: date | None, **more: Any
) -> dict[str, Any]:
    return {"ref": ref, "service": service, "forename": forename, "surname": surname, "birth_date": born, **more}


def link_said(
    database: duckdb.DuckDBPyConnection,
    people: Relation,
    register: Register = REGISTER,
    parameters: Parameters | None = None,
    readings: Mapping[tuple[str, str], bool] | None = None,
    persons: Mapping[str, str] | None = None,
) -> Linkage:
    """Link what is said of people, without addresses that last; `readings` and `persons`: what is learned from."""
    nowhere = compute_rows(
        database,
        "select null::varchar as ref, null::varchar as service, null::varchar as household_id, "
        'null::timestamp as start, null::timestamp as "end" where false',
    )
    traits = gather_traits(database, people, nowhere, register, "2026-01-01")
    evidence = Evidence(people, traits.select("ref, service"), traits)
    return link_people(database, evidence, register, parameters or Parameters.load(), (), persons, readings)


@dataclass(frozen=True)
class Linked:
    """Who is whom by reference, and what is left for a person."""

    person: Mapping[str, str]
    review: Sequence[Pair]

    def are_one(self, one: str, other: str) -> bool:
        return self.person[one] == self.person[other]

    def rule(self, one: str, other: str) -> str | None:
        """Return the rule that left a pair, or the people of a pair, for review."""
        whose = {self.person[one], self.person[other]}
        return next(
            (pair.rule for pair in self.review if {self.person[pair.one], self.person[pair.other]} == whose), None
        )


def link_rows(rows: Iterable[Mapping[str, Any]], register: Register = REGISTER) -> Linked:
    """Link rows of `say`."""
    told = list(rows)
    table = pa.table(
        {name: pa.array([row.get(name) for row in told], KINDS.get(name, pa.string())) for name in COLUMNS}
    )
    with open_database(Key(b"k" * 32), 1) as database:
        linkage = link_said(database, give_rows(database, table), register)
    return Linked(linkage.representative, linkage.review)


def make_strangers(count: int) -> list[dict[str, Any]]:
    """Return people of the tax list who have nothing to do with each other, so that names are as rare as names are."""
    beginnings, middles, ends = (
        "bcdfghjklmnprstvwz",
        ("ari", "ello", "un", "ota", "eri"),
        ("n", "ra", "s", "lo", "mi", "da"),
    )
    return [
        say(
            "tax",
            f"x{number:04}",
            (beginnings[number % 18] + middles[number * 7 % 5] + ends[number * 5 % 6]).title(),
            (beginnings[number * 11 % 18] + middles[number * 3 % 5] + beginnings[number % 17] + "ake").title(),
            date(1940 + number * 37 % 70, 1 + number * 5 % 12, 1 + number * 11 % 28),
            household_id=f"home of x{number // 2}",
        )
        for number in range(count)
    ]
