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
from features.intake.database import literal

__all__ = [
    "CLAIM",
    "NAMED",
    "PAPER",
    "Correction",
    "address_claims",
    "correct_events",
    "correct_people",
    "digest_of",
    "filed_in",
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


def filed_in(vault: Vault) -> tuple[Correction, ...]:
    """Return every correction, in the order of filing."""
    read = [Correction(**{**raw, "refs": tuple(raw["refs"])}) for raw in map(json.loads, vault.papers(PAPER).values())]
    return tuple(sorted(read, key=lambda one: (one.filed_at, one.request)))


def digest_of(corrections: Sequence[Correction]) -> list[str]:
    """Return what tells one set of corrections from another; nothing where there is none."""
    return [content_id([one.request for one in corrections])] if corrections else []


def correct_people(database: duckdb.DuckDBPyConnection, corrections: Sequence[Correction]) -> None:
    """Put right who people are in `said_people`: what was said then, where it is still said."""
    for one in corrections:
        for name in NAMED:
            if name in one.right:
                database.execute(
                    f"update said_people set {name} = $1 where list_contains($2::varchar[], ref) "
                    f"and list_contains($3::varchar[], {name}::varchar)",
                    [one.right[name], list(one.refs), list(one.wrong.get(name, ()))],
                )


def correct_events(database: duckdb.DuckDBPyConnection, corrections: Sequence[Correction]) -> None:
    """Close the wrong version of each corrected event in `events`, and add the right one unless it never happened."""
    for one in corrections:
        if "event_id" not in one.right:
            continue
        wrong = dict(zip(_EVENT, one.wrong["event"], strict=True))
        same = " and ".join(f"{name}::varchar is not distinct from ${place + 2}" for place, name in enumerate(_EVENT))
        values = [one.right["event_id"], *wrong.values()]
        filed = f"timestamp {literal(one.filed_at)}"
        found = database.execute(
            f"select person_id, signal, min(known_until) from events where event_id = $1 and {same} "
            f"and known_at < {filed} and (known_until is null or known_until > {filed}) group by all",
            values,
        ).fetchone()
        if found is None:
            continue
        person_id, signal, _ = found
        database.execute(f"delete from events where event_id = $1 and {same} and known_at >= {filed}", values)
        database.execute(
            f"update events set known_until = {filed} where event_id = $1 and {same} "
            f"and (known_until is null or known_until > {filed})",
            values,
        )
        if one.right.get("valid_at") is not None:
            database.execute(
                f"insert into events by name select $1 as event_id, $2 as person_id, $3 as signal, "
                f"$4::timestamp as valid_at, $5::timestamp as end_at, {filed} as known_at, "
                f"(select min(known_at) from events where event_id = $1 and known_at > {filed}) as known_until, "
                "$6::decimal(18, 4) as amount, $7 as detail",
                [one.right["event_id"], person_id, signal, *(one.right.get(name) for name in _EVENT)],
            )


_EVENT = ("valid_at", "end_at", "amount", "detail")


def address_claims(database: duckdb.DuckDBPyConnection, addresses: str, corrections: Sequence[Correction]) -> str:
    """Return SQL of the address claims (the columns of the records) in `addresses`, put right.

    The right home is a claim that every service's later word goes before; the claims that stood when it was filed end
    where it begins, in a version known from then on.
    """
    moved = [one for one in corrections if "household" in one.right]
    if not moved:
        return addresses
    database.execute(f"create or replace temp table corrected_addresses as select * from {addresses}")
    for one in moved:
        filed, since = f"timestamp {literal(one.filed_at)}", f"timestamp {literal(str(one.right['since']))}"
        stood = f"list_contains($1::varchar[], {CLAIM}) and (known_until is null or known_until > {filed})"
        rows = [list(one.wrong.get("address", ()))]
        database.execute(
            f'create or replace temp table ended as select * replace ({since} as "end", {filed} as known_at) '
            f"from corrected_addresses where {stood} and start < {since}",
            rows,
        )
        database.execute(f"update corrected_addresses set known_until = {filed} where {stood}", rows)
        database.execute("insert into corrected_addresses by name select * from ended")
        database.execute(
            f"insert into corrected_addresses by name select $1 as service, $2 as id, $3 as ref, $4 as household_id, "
            f"{since} as start, {filed} as known_at",
            [_DESK, one.request, one.refs[0], one.right["household"]],
        )
    return "corrected_addresses"


CLAIM = "id || ' ' || household_id || ' ' || start::varchar"
"""SQL that names an address claim by what it says."""

_DESK = "resident desk"
"""The service whose claim a corrected address is; no order of services names it, so it comes after all of them."""
