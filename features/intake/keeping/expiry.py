"""What is past the date until which the register lets it be kept, and how a table is rid of it.

    record                          is over                                     and past its date
    an event, or an interval        when it happened, when it ended             `retention_years` calendar years later,
    an address, coverage, a choice  when it ended                               in the council's time zone
    any that never ended            when it was taken back or corrected
    who somebody is                 when all dated records of their reference are past; where there were none, by when
                                    it was recorded

What the service recorded only later, by a time that it gives, is over only then: an earlier home that somebody told of
last year is a record of last year. What is still open stays, as does what a legal hold names. Of a tenancy under
`retention_years = 7`:

    2012-03-01 to 2017-05-31        past its date from 2024-05-31 00:00 on, not a moment before
    2012-03-01, not ended           stays
    2016-02-29                      past its date from 2023-02-28 on: a day that a year lacks is the last of its month

A feed covers no time before the date from which its rows are kept: a window that reaches further back is "not seen",
and never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from charter.council.register import Register, Source
from charter.invocation import Invocation
from charter.vault.rights_ledger import Request, find_last_certificate, read_requests
from features.intake.database import quote_moment, quote_text

__all__ = [
    "ALL",
    "Hold",
    "Retention",
    "leave_out_past",
    "list_holds",
    "remove_past",
]

ALL = "*"
_CANONICAL = "canonical_"
_GIVEN = ("people", "protected", "feeds")


@dataclass(frozen=True)
class Hold:
    """Records that must stay whatever their date: of a service or of all, of some references or of everybody."""

    id: str
    service: str
    refs: frozenset[str]


@dataclass(frozen=True)
class _Dated:
    """A table whose rows are over at some time: SQL of the service that owns a row, of whom it is, and of when."""

    owner: str
    ref: str
    over_at: str


@dataclass(frozen=True)
class _Identities:
    """Tables that say who somebody is: SQL of their service, of whom they are about, and of when that was recorded."""

    tables: tuple[str, ...]
    owner: str
    ref: str
    recorded_at: str
    canonical: bool


_IDENTITIES = (
    _Identities(("people", "protected"), "service", "ref", "known_at", canonical=False),
    _Identities(("canonical_people", "canonical_protected"), "''", "person_id", "null::timestamp", canonical=True),
)


@dataclass(frozen=True)
class Retention:
    """The register's promise at one `moment` (aware), days being those of `zone`."""

    register: Register
    moment: datetime
    zone: str
    holds: tuple[Hold, ...] = ()

    @classmethod
    def at(cls, invocation: Invocation, moment: datetime) -> Retention:
        """Return the promise of a council's register at a moment, with the holds that are in force."""
        holds = list_holds(read_requests(invocation.workspace))
        return cls(invocation.register, moment, invocation.council.time_zone.key, holds)

    def dated_tables(self) -> Mapping[str, _Dated]:
        """Return the tables whose rows have a date, those of canonical sources among them."""
        lasting = [signal.name for signal in self.register.signals if signal.interval]
        names = ", ".join(map(quote_text, lasting)) or "''"
        happened = (
            f"case when signal in ({names}) and end_at is null then known_until else coalesce(end_at, valid_at) end"
        )
        ended = 'coalesce("end", known_until)'
        # When a service sends a row again, only the time that it gives itself is the same as before.
        event, span = (_latest_of(over, "if(known_rule = 'given', known_at, null)") for over in (happened, ended))
        given_event, given_span = (_latest_of(over, "known_at") for over in (happened, ended))
        # Canonical tables that name no service are of all canonical sources, and are kept as long as any of them may.
        of_all = quote_text(next((source.service for source in self._canonical_by_length()), ""))
        return {
            "events": _Dated("service", "ref", event),
            "addresses": _Dated("service", "ref", span),
            "coverage": _Dated("service", "ref", span),
            "permission": _Dated("source", "ref", span),
            "canonical_events": _Dated("split_part(signal, '.', 1)", "person_id", given_event),
            "canonical_coverage": _Dated("service", "person_id", given_span),
            "canonical_residence": _Dated(of_all, "person_id", given_span),
            "canonical_permission": _Dated(of_all, "person_id", given_span),
        }

    def _canonical_by_length(self) -> Sequence[Source]:
        canonical = [source for source in self.register.sources if source.format == "canonical"]
        return sorted(canonical, key=lambda source: -source.retention_years)

    def is_past(self, owner: str, ref: str, over_at: str) -> str:
        """Return SQL that is true of a row that is past its date and that no hold names; of no date, false."""
        over, now = _local(over_at, self.zone), _local(quote_moment(self.moment), self.zone)
        years = " ".join(
            f"when {quote_text(source.service)} then {source.retention_years}" for source in self.register.sources
        )
        held = " or ".join(f"({_is_of(owner, hold.service)} and {_among(ref, hold.refs)})" for hold in self.holds)
        past = f"{over} + to_years(case {owner} {years} end) <= {now}"
        return f"coalesce({past}, false) and not ({held or 'false'})"

    def begins(self, source: Source) -> str:
        """Return SQL of the first moment whose rows are kept: nothing before it can be called seen."""
        back = f"{_local(quote_moment(self.moment), self.zone)} - interval {source.retention_years} year"
        return f"(timezone({quote_text(self.zone)}, {back})::timestamp + interval 1 microsecond)"

    def holds_all_of(self, source: Source) -> bool:
        """Whether a hold names a whole source, so that none of it goes."""
        return any(hold.service in (ALL, source.service) and not hold.refs for hold in self.holds)


def _latest_of(over: str, recorded: str) -> str:
    """Return SQL of the later of both, null where it is not over."""
    return f"case when {over} is not null then greatest({over}, {recorded}) end"


def _local(moment: str, zone: str) -> str:
    return f"timezone({quote_text(zone)}, timezone('UTC', {moment}))"


def _is_of(owner: str, service: str) -> str:
    return "true" if service == ALL else f"{owner} = {quote_text(service)}"


def _among(ref: str, refs: Iterable[str]) -> str:
    names = ", ".join(map(quote_text, sorted(refs)))
    return f"{ref} in ({names})" if names else "true"


def list_holds(requests: Iterable[Request]) -> tuple[Hold, ...]:
    """Return the legal holds of the ledger that were not released."""
    filed = tuple(requests)
    released = {request.answers for request in filed if request.action == "release"}
    return tuple(
        Hold(request.id, request.service, frozenset(request.refs))
        for request in filed
        if request.action == "hold" and request.id not in released
    )


def leave_out_past(invocation: Invocation, database: duckdb.DuckDBPyConnection, moment: datetime) -> int:
    """Leave out of a snapshot that is being made what retention has removed; return how many rows more are past by now.

    The connection holds the kept, staged and canonical tables that the snapshot is written from.
    """
    present = {row[0] for row in database.execute("select table_name from duckdb_tables()").fetchall()}
    dated = Retention.at(invocation, moment).dated_tables()
    names = {name: name if name.startswith(_CANONICAL) else f"kept_{name}" for name in dated}
    names |= {name: name for name in ("people", "protected", "feeds", *(f"{_CANONICAL}{name}" for name in _GIVEN))}
    tables = {name: table for name, table in names.items() if table in present}
    carried_out = find_last_certificate(invocation.workspace)
    if carried_out is not None:
        remove_past(database, Retention.at(invocation, carried_out), tables)
    now = Retention.at(invocation, moment)
    counts = (
        f"select count(*) from {tables[name]} where {now.is_past(of.owner, of.ref, of.over_at)}"
        for name, of in dated.items()
        if name in tables
    )
    return sum(int(database.execute(query).fetchall()[0][0]) for query in counts)


def remove_past(database: duckdb.DuckDBPyConnection, retention: Retention, tables: Mapping[str, str]) -> None:
    """Delete what is past its date from `tables` (SQL names, by what they are), and leave it listed in `past_rows`.

    `past_rows` has a row for each that was deleted: `of` (the table), `service`, `ref`, `signal` and `over_at`, both
    null of who somebody is. `tables` may hold any of the dated tables, `people`, `protected`, `feeds`, and the
    canonical ones, named `canonical_...`.
    """
    database.execute(
        "create or replace temp table past_rows "
        '("of" varchar, service varchar, ref varchar, signal varchar, over_at timestamp)'
    )
    dated = {name: of for name, of in retention.dated_tables().items() if name in tables}
    for name, of in dated.items():
        past = retention.is_past(of.owner, of.ref, of.over_at)
        signal = "signal" if name.endswith("events") else "null"
        database.execute(
            f"insert into past_rows select {quote_text(name)}, {of.owner}, {of.ref}, {signal}, {of.over_at} "
            f"from {tables[name]} where {past}"
        )
        database.execute(f"delete from {tables[name]} where {past}")
    _remove_identities(database, retention, tables, dated)
    _raise_coverage(database, retention, tables)


def _remove_identities(
    database: duckdb.DuckDBPyConnection, retention: Retention, tables: Mapping[str, str], dated: Mapping[str, _Dated]
) -> None:
    """Delete who somebody is where no dated record of the reference remains, and there was one, or it is old itself.

    H1   tenancy 2010 to 2014 (gone)   arrears 2023 (kept)       stays
    H2   tenancy 2010 to 2014 (gone)                             goes
    H3   nothing dated, recorded 2009                            goes
    H4   nothing dated, not said when                            stays, as long as the service sends it
    """
    for kind in _IDENTITIES:
        names = [name for name in kind.tables if name in tables]
        of_kind = {name: of for name, of in dated.items() if name.startswith(_CANONICAL) == kind.canonical}
        if not names or not of_kind:
            continue
        standing = " union ".join(
            f"select {kind.owner if kind.canonical else of.owner}, {of.ref} from {tables[name]}"
            for name, of in of_kind.items()
        )
        dated_once = f'select {kind.owner}, ref from past_rows where "of" in ({", ".join(map(quote_text, of_kind))})'
        recorded = " union all ".join(
            f"select {kind.owner} as service, {kind.ref} as ref, {kind.recorded_at} as noted from {tables[name]}"
            for name in names
        )
        database.execute(
            f"create or replace temp table past_references as select service, ref from ({recorded}) "
            f"where (service, ref) not in ({standing}) group by service, ref "
            f"having (service, ref) in ({dated_once}) or {retention.is_past('service', 'ref', 'max(noted)')}"
        )
        for name in names:
            gone = f"({kind.owner}, {kind.ref}) in (select service, ref from past_references)"
            database.execute(
                f"insert into past_rows select {quote_text(name)}, {kind.owner}, {kind.ref}, null, null "
                f"from {tables[name]} where {gone}"
            )
            database.execute(f"delete from {tables[name]} where {gone}")


def _raise_coverage(database: duckdb.DuckDBPyConnection, retention: Retention, tables: Mapping[str, str]) -> None:
    """Let no feed cover a time of which its rows are not kept any more."""
    for name in ("feeds", "canonical_feeds"):
        if name not in tables:
            continue
        for source in retention.register.sources:
            if not retention.holds_all_of(source):
                mine, first = f"service = {quote_text(source.service)}", retention.begins(source)
                database.execute(f"delete from {tables[name]} where {mine} and covers_to <= {first}")
                database.execute(
                    f"update {tables[name]} set covers_from = {first} where {mine} and covers_from < {first}"
                )
