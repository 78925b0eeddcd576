"""What residents say is wrong about them, filed by the desk: a name, a birth date, an address, an event.

A correction is a paper sealed in the vault. It holds what is right, and what the services said when it was filed: that,
and nothing else, is put right each time records are linked. So a service that sends the same mistake again changes
nothing, and one that says something new is believed. No version is overwritten: the wrong one ends being known when the
correction was filed, and the right one begins.

    name, birth date   evidence for linkage, `people` and the vault: at once
    address            claims on other homes end where the right one begins (residence)
    event              the wrong version is closed; the right one, or none, follows it
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import duckdb

from charter.contracts.files import content_id
from charter.vault.vault import Vault
from features.intake.database import Relation, compute_rows, quote_text

__all__ = [
    "CLAIM",
    "NAMED",
    "PAPER",
    "Correction",
    "correct_addresses",
    "correct_events",
    "correct_people",
    "digest_corrections",
    "read_corrections",
]

PAPER = "correction"
"""The kind of paper a correction is in the vault."""

NAMED = ("forename", "surname", "birth_date")
"""What is corrected of who somebody is."""


@dataclass(frozen=True)
class Correction:
    """One correction; times are naive UTC in ISO 8601, `household` and `refs` are pseudonyms.

    `right` holds the new values by field: those of NAMED; household and since; or event_id, valid_at, end_at, amount,
    detail (none of the last four where it never happened). `wrong` holds what was said when it was filed, by field.
    """

    request: str
    filed_at: str
    refs: tuple[str, ...]
    right: Mapping[str, Any]
    wrong: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def paper(self) -> bytes:
        """Return it as the vault keeps it."""
        return json.dumps(asdict(self), sort_keys=True, default=str).encode()


def read_corrections(vault: Vault) -> tuple[Correction, ...]:
    """Return every correction, in the order of filing."""
    corrections = [
        Correction(**{**raw, "refs": tuple(raw["refs"])}) for raw in map(json.loads, vault.papers(PAPER).values())
    ]
    return tuple(sorted(corrections, key=lambda one: (one.filed_at, one.request)))


def digest_corrections(corrections: Sequence[Correction]) -> list[str]:
    """Return what tells one set of corrections from another; nothing where there is none."""
    return [content_id([correction.request for correction in corrections])] if corrections else []


def correct_people(
    database: duckdb.DuckDBPyConnection, people: Relation, corrections: Sequence[Correction]
) -> Relation:
    """Return who people are put right: what was said when a correction was filed, where it is still said."""
    values = [(name, correction) for correction in corrections for name in NAMED if name in correction.right]
    if not values:
        return people
    copy = _copy_rows(database, people)
    for name, correction in values:
        database.execute(
            f"update {copy.alias} set {name} = $1 where list_contains($2::varchar[], ref) "
            f"and list_contains($3::varchar[], {name}::varchar)",
            [correction.right[name], list(correction.refs), list(correction.wrong.get(name, ()))],
        )
    return copy


def _copy_rows(database: duckdb.DuckDBPyConnection, rows: Relation) -> Relation:
    """Return a copy of rows to be changed by one correction after another: nobody else reads it until it is done."""
    return compute_rows(database, "select * from original", original=rows)


def correct_events(
    database: duckdb.DuckDBPyConnection, events: Relation, corrections: Sequence[Correction]
) -> Relation:
    """Return events with the wrong version of each corrected one closed, and the right one added unless it never was.

    A fine of 80 that was one of 8, filed on 1 May:

        before    e1   amount 80   known 1 March until now
        after     e1   amount 80   known 1 March until 1 May
                  e1   amount  8   known 1 May until now
    """
    wrongs = [correction for correction in corrections if "event_id" in correction.right]
    if not wrongs:
        return events
    copy = _copy_rows(database, events)
    for correction in wrongs:
        _correct_event(database, copy.alias, correction)
    return copy


def _correct_event(database: duckdb.DuckDBPyConnection, table: str, one: Correction) -> None:
    wrong = dict(zip(_EVENT, one.wrong["event"], strict=True))
    same = " and ".join(f"{name}::varchar is not distinct from ${place + 2}" for place, name in enumerate(_EVENT))
    values = [one.right["event_id"], *wrong.values()]
    filed = f"timestamp {quote_text(one.filed_at)}"
    versions = database.execute(
        f"select person_id, signal, min(known_until) from {table} where event_id = $1 and {same} "
        f"and known_at < {filed} and (known_until is null or known_until > {filed}) group by all",
        values,
    ).fetchall()
    if not versions:
        return
    person_id, signal, _ = versions[0]
    database.execute(f"delete from {table} where event_id = $1 and {same} and known_at >= {filed}", values)
    database.execute(
        f"update {table} set known_until = {filed} where event_id = $1 and {same} "
        f"and (known_until is null or known_until > {filed})",
        values,
    )
    if one.right.get("valid_at") is not None:
        database.execute(
            f"insert into {table} by name select $1 as event_id, $2 as person_id, $3 as signal, "
            f"$4::timestamp as valid_at, $5::timestamp as end_at, {filed} as known_at, "
            f"(select min(known_at) from {table} where event_id = $1 and known_at > {filed}) as known_until, "
            "$6::decimal(18, 4) as amount, $7 as detail",
            [one.right["event_id"], person_id, signal, *(one.right.get(name) for name in _EVENT)],
        )


_EVENT = ("valid_at", "end_at", "amount", "detail")


def correct_addresses(
    database: duckdb.DuckDBPyConnection, addresses: Relation, corrections: Sequence[Correction]
) -> Relation:
    """Return the address claims put right.

    The right home is a claim that every service's later word goes before; the claims that stood when it was filed end
    where it begins, in a version known from then on. Filed on 1 May: at home B since 1 March.

        before    council tax   home A   since 2019                  known 2019 until now
        after     council tax   home A   since 2019                  known 2019 until 1 May
                  council tax   home A   since 2019 until 1 March    known 1 May until now
                  the desk      home B   since 1 March               known 1 May until now
    """
    moves = [correction for correction in corrections if "household" in correction.right]
    if not moves:
        return addresses
    copy = _copy_rows(database, addresses)
    table = copy.alias
    for correction in moves:
        filed, since = (
            f"timestamp {quote_text(correction.filed_at)}",
            f"timestamp {quote_text(str(correction.right['since']))}",
        )
        stood = f"list_contains($1::varchar[], {CLAIM}) and (known_until is null or known_until > {filed})"
        claims = [list(correction.wrong.get("address", ()))]
        ended = compute_rows(
            database,
            f'select * replace ({since} as "end", {filed} as known_at) from {table} where {stood} and start < {since}',
            claims,
        )
        database.execute(f"update {table} set known_until = {filed} where {stood}", claims)
        database.execute(f"insert into {table} by name select * from {ended.alias}")
        database.execute(
            f"insert into {table} by name select $1 as service, $2 as id, $3 as ref, $4 as household_id, "
            f"{since} as start, {filed} as known_at",
            [_DESK, correction.request, correction.refs[0], correction.right["household"]],
        )
    return copy


CLAIM = "id || ' ' || household_id || ' ' || start::varchar"
"""SQL that names an address claim by what it says."""

_DESK = "resident desk"
"""The service whose claim a corrected address is; no order of services names it, so it comes after all of them."""
