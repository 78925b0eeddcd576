"""The index that what is checked once is answered from: of whom what may be told, for each purpose, and nothing else.

    residence_check    the homes that a service whose entry covers the purpose says
    age_check          the birth date, found by name and such a home
    roll_check         whether a service whose entry covers the purpose counts the person in now (`coverage`)
    entitlement_check  whether a signal that charter and register allow for the purpose is open now

Nothing is told of whoever chose so, has died, or lives at a protected or shared address; nor of a roll or an
entitlement where a feed is late, because nothing recorded is then no "no".
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from charter.council.register import Check
from charter.rules.policy import Policy
from charter.vault.check_once import (
    AGE,
    ENTITLEMENT,
    RESIDENCE,
    ROLL,
    find_age_token,
    find_birth_token,
    fold_name,
    index_row,
    make_tokens,
)
from charter.vault.key import Key
from charter.vault.vault import Vault
from features.intake.database import Relation, fetch_rows, quote_text
from features.linking.canonical_tables import CanonicalTables, LinkingRules
from features.linking.linked_people import LinkedPeople
from features.permission import Choice, is_permitted

__all__ = ["Spoken", "find_tokens", "index_checks"]

_BY_BIRTH_DATE = (RESIDENCE, ROLL, ENTITLEMENT)


@dataclass(frozen=True)
class Spoken:
    """What services say of who people are (`said`) and where they live (`claims`), and which reference is whom."""

    said: Relation
    claims: Relation
    linked: LinkedPeople


def index_checks(
    database: duckdb.DuckDBPyConnection,
    key: Key,
    spoken: Spoken,
    tables: CanonicalTables,
    rules: LinkingRules,
    policy: Policy,
) -> Mapping[str, bytes]:
    """Return the index rows by token, for every [[check]] of the register; {} where it has none.

    Two people of one token can't be told apart, so nothing is told of either.
    """
    if not rules.register.checks:
        return {}
    asked = _Asked(database, spoken, tables, rules, _find_choices(database, tables))
    rows: dict[str, bytes] = {}
    for check in rules.register.checks:
        told = _tell(asked, check, policy)
        for token, people in asked.find_tokens(key, check.purpose).items():
            only = next(iter(people)) if len(people) == 1 else ""
            rows[token] = told[only] if only in told else index_row(people, (), purpose=check.purpose)
    return rows


@dataclass(frozen=True)
class _Asked:
    """One snapshot, as its checks read it; `choices` are everybody's, by person."""

    database: duckdb.DuckDBPyConnection
    spoken: Spoken
    tables: CanonicalTables
    rules: LinkingRules
    choices: Mapping[str, Sequence[Choice]]

    @property
    def now(self) -> str:
        """When the snapshot was taken, as SQL."""
        return f"timestamp {quote_text(self.rules.taken_at.isoformat(sep=' '))}"

    def find_tokens(self, key: Key, purpose: str) -> Mapping[str, set[str]]:
        """Return whom each token of a purpose is about: whoever has such a name and birth date, or name and home."""
        people: dict[str, set[str]] = defaultdict(set)
        make = make_tokens(key, purpose)
        if purpose in _BY_BIRTH_DATE:
            for person, forename, surname, born in self.names:
                if born:
                    people[make(forename, surname, born)].add(person)
            return people
        homes: dict[str, set[str]] = defaultdict(set)
        for person, home in fetch_rows(self.database, _HERE.format(now=self.now), residence=self.tables.residence):
            homes[person].add(home)
        for person, forename, surname, _ in self.names:
            for home in homes.get(person, ()):
                people[make(forename, surname, home)].add(person)
        return people

    @cached_property
    def names(self) -> Sequence[tuple[str, str, str, str]]:
        """Each person under every name with letters that a service said, folded; and the birth date, or ''."""
        rows = fetch_rows(
            self.database,
            "select distinct person_id, forename, surname, p.birth_date from said s join used using (ref) "
            "join people p using (person_id) where s.forename is not null and s.surname is not null",
            said=self.spoken.said,
            used=self.spoken.linked.used,
            people=self.tables.people,
        )
        folded = {name: fold_name(name) for name in {name for row in rows for name in row[1:3]}}
        return sorted(
            {
                (person, folded[forename], folded[surname], _write_day(born))
                for person, forename, surname, born in rows
                if folded[forename] and folded[surname]
            }
        )

    def may_tell(self, person: str, service: str, purpose: str) -> bool:
        """Whether what a person chose lets a service's word of them be told."""
        by_consent = self.rules.register.consent_based(service)
        return is_permitted(
            self.choices.get(person, ()), service, purpose, self.rules.taken_at, consent_based=by_consent
        )

    @cached_property
    def plain(self) -> Mapping[str, date | None]:
        """The birth dates of whoever lives and is apart from nobody: alive, and at no protected address."""
        rows = fetch_rows(
            self.database,
            f"""
            with here as ({_HERE.format(now=self.now)})
            select person_id, birth_date from people where death_date is null and person_id not in (
                select person_id from here join households h using (household_id) where h.kind <> 'home')
            """,
            residence=self.tables.residence,
            households=self.tables.households,
            people=self.tables.people,
        )
        return dict(rows)

    def find_homes(self, purpose: str) -> Mapping[str, set[str]]:
        """Return the current homes that may be told for a purpose, by person; people of whom none may be left out."""
        services = [source.service for source in self.rules.register.sources if purpose in source.purposes]
        telling = ", ".join(map(quote_text, services)) or "''"
        rows = fetch_rows(
            self.database,
            f"""
            with here as ({_HERE.format(now=self.now)}),
            said as (
                select distinct person_id, household_id, service from claims
                where service in ({telling}) and known_until is null)
            select h.person_id, h.household_id, s.service from here h join said s using (person_id, household_id)
            order by all
            """,
            claims=self.spoken.claims,
            residence=self.tables.residence,
        )
        plain = self.plain
        homes: dict[str, set[str]] = defaultdict(set)
        for person, home, service in rows:
            if person in plain and self.may_tell(person, service, purpose):
                homes[person].add(home)
        return homes

    def are_fresh(self, services: Iterable[str]) -> bool:
        """Whether there are such services, and the newest delivery of each reaches as near to now as it promised."""
        names = set(services)
        rows = fetch_rows(
            self.database, "select service, max(covers_to) from feeds group by service", feeds=self.tables.feeds
        )
        reach = {service: to for service, to in rows if service in names}
        late = [
            name
            for name in names
            if name not in reach or reach[name] + self._promised(name) < self.rules.taken_at
        ]  # fmt: skip
        return bool(names) and not late

    def _promised(self, service: str) -> timedelta:
        return timedelta(days=self.rules.register.source(service).promised_lag_days)


_HERE = """
select r.person_id, r.household_id from residence r
where r.start <= {now} and (r."end" is null or r."end" > {now}) and r.known_until is null
"""


def _tell(asked: _Asked, check: Check, policy: Policy) -> Mapping[str, bytes]:
    """Return the row of each person of whom something may be told for a check."""
    if check.purpose == RESIDENCE:
        return _tell_homes(asked, check)
    if check.purpose == AGE:
        return _tell_ages(asked, check)
    return _tell_rolls(asked, check) if check.purpose == ROLL else _tell_entitlements(asked, check, policy)


def _tell_homes(asked: _Asked, check: Check) -> Mapping[str, bytes]:
    return {person: index_row([person], homes) for person, homes in asked.find_homes(check.purpose).items()}


def _tell_ages(asked: _Asked, check: Check) -> Mapping[str, bytes]:
    born = asked.plain
    return {
        person: index_row([person], homes, purpose=AGE, born=_write_day(born[person]))
        for person, homes in asked.find_homes(check.purpose).items()
        if born[person] is not None
    }


def _write_day(day: date | datetime | None) -> str:
    return "" if day is None else day.isoformat()[:10]


def _tell_rolls(asked: _Asked, check: Check) -> Mapping[str, bytes]:
    services = [source.service for source in asked.rules.register.sources if check.purpose in source.purposes]
    rows = fetch_rows(
        asked.database,
        f'select distinct person_id, service from coverage where start <= {asked.now} and ("end" is null '
        f'or "end" > {asked.now}) and known_until is null',
        coverage=asked.tables.coverage,
    )
    return _tell_held(asked, check, services, {(person, service) for person, service in rows})


def _tell_entitlements(asked: _Asked, check: Check, policy: Policy) -> Mapping[str, bytes]:
    register = asked.rules.register
    signals = [
        name
        for name in check.signals
        if policy.allows(register.signal(name).name, check.purpose)
        and register.permits(name.split(".")[0], check.purpose)
    ]
    if len(signals) < len(check.signals):
        return {}
    names = ", ".join(map(quote_text, signals))
    rows = fetch_rows(
        asked.database,
        f"select distinct person_id, signal from events where signal in ({names}) and valid_at <= {asked.now} "
        f"and (end_at is null or end_at > {asked.now}) and known_until is null",
        events=asked.tables.events,
    )
    held = {(person, signal.split(".")[0]) for person, signal in rows}
    return _tell_held(asked, check, [name.split(".")[0] for name in signals], held)


def _tell_held(
    asked: _Asked, check: Check, services: Iterable[str], held: Iterable[tuple[str, str]]
) -> Mapping[str, bytes]:
    """Return the row of each person of whom every service's word may be told; none while a feed is late."""
    names, holding = sorted(set(services)), set(held)
    if not asked.are_fresh(names):
        return {}
    return {
        person: index_row(
            [person], (), purpose=check.purpose, held=any((person, service) in holding for service in names)
        )
        for person in asked.plain
        if all(asked.may_tell(person, service, check.purpose) for service in names)
    }


def find_tokens(vault: Vault, key: Key, snapshot: Path, person_id: str) -> frozenset[str]:
    """Return the tokens by which a person may have been asked about, under any name that a service said.

    None that somebody else of the same name and birth date, or home, shares: a line about it may be about them.
    """
    tables = {
        name: quote_text(str(snapshot / "tables" / f"{name}.parquet")) for name in ("links", "people", "residence")
    }
    with duckdb.connect() as database:
        database.register("said_people", pq.read_table(BytesIO(vault.get_set(snapshot.name, "people"))))
        names = database.execute(
            "select distinct s.forename, s.surname, p.birth_date from said_people s "
            f"join read_parquet({tables['links']}) using (ref) join read_parquet({tables['people']}) p "
            "using (person_id) where person_id = ? and s.forename is not null and s.surname is not null",
            [person_id],
        ).fetchall()
        homes = database.execute(
            f"select distinct household_id from read_parquet({tables['residence']}) where person_id = ?", [person_id]
        ).fetchall()
    tokens = {
        find_birth_token(key, purpose, forename, surname, born)
        for forename, surname, born in names
        for purpose in _BY_BIRTH_DATE
        if born is not None
    }
    tokens |= {find_age_token(key, forename, surname, home) for forename, surname, _ in names for (home,) in homes}
    return frozenset(
        token for token in tokens if len(json.loads(vault.resident(token) or index_row((), ()))["people"]) < 2
    )


def _find_choices(database: duckdb.DuckDBPyConnection, tables: CanonicalTables) -> Mapping[str, Sequence[Choice]]:
    """Return what everybody chose, by person."""
    columns = 'person_id, service, purpose, kind, status, start, "end", decided_by, known_at, known_until'
    chosen: dict[str, list[Choice]] = defaultdict(list)
    for row in fetch_rows(
        database,
        f"select {columns} from permission order by all",
        permission=tables.permission,
    ):
        chosen[row[0]].append(Choice(*row))
    return chosen
