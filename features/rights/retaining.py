"""Retention carried out: what is past its date goes from every snapshot, the vault, and whatever was made of it.

    plan     counts, of every snapshot, and changes nothing
    run      first what was made of the rows: scores, lists, matrices (each room's `forget`); then snapshot by snapshot
             the vault's names, the records, and the tables, made again of what is left; last the certificate

Killed at any moment, it is finished by the next run: rows that are still there are found again, and a snapshot that
was begun has a mark until its tables are made. What `sooner pull` reads afterwards is held to the certificate's moment,
so that a service that sends old rows again brings none of them back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from charter.contracts.files import content_id, find_current, new_file, read_json, write_json, write_text
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from charter.invocation import Invocation
from charter.vault.key import Key
from charter.vault.link_judgements import drop_judgements
from charter.vault.rights_ledger import Request, append_request, find_retention_due, read_requests
from charter.vault.vault import Vault
from features.forget import forget
from features.intake.database import fetch_rows, open_database, quote_text
from features.intake.keeping.expiry import Retention, remove_past
from features.linking.link import settle_tables_again
from features.permission import ALL
from features.pull_plan import find_newest_snapshot
from features.rights.vault_clearing import clear_vault, drop_papers_about, find_unmarked

__all__ = ["Forgetting", "RetentionPlan", "choose_moment", "plan_retention", "replay_retention", "retain_records"]

_DATED = ("events", "addresses", "coverage", "permission", "protected", "feeds")
_GIVEN = ("events", "coverage", "residence", "permission", "people", "protected", "feeds")
_MARK = "retaining.json"
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_HOMES = {"addresses", "canonical_residence"}
"""Tables that say who lived together: every matrix reads them."""
_SLACK = timedelta(days=7)
"""More than any rule of calendars, months of 31 days included, can add to a window."""


@dataclass(frozen=True)
class Forgetting:
    """What the other rooms do: `scores` of people in matrices that go (of all where None), `lists` and `views`.

    `count_made` says of what Sooner itself made how much is past its own date at a moment, by what it is; `end_made`
    removes it.
    """

    scores: Callable[[Iterable[str], Workspace, Collection[str] | None], int]
    lists: Callable[[Iterable[str], Workspace], int]
    views: Callable[[Iterable[str], Workspace], int]
    count_made: Callable[[datetime], Mapping[str, int]] = lambda _: {}
    end_made: Callable[[datetime], Mapping[str, int]] = lambda _: {}


@dataclass(frozen=True)
class _Rows:
    """What is past its date in one snapshot: counts by service and table, and whom it reaches."""

    snapshot: Path
    counts: Mapping[str, Mapping[str, int]]
    touched: Mapping[str, Mapping[str, datetime]]
    """By person the services whose rows go, each with the latest moment that any of them was over."""
    before: frozenset[str]
    after: frozenset[str]
    gone_references: frozenset[str]


@dataclass(frozen=True)
class RetentionPlan:
    """What retention removes at a moment, or has removed; counts alone, but for `gone` and `touched`, which are ids."""

    moment: datetime
    snapshots: tuple[_Rows, ...]
    matrices: tuple[str, ...]
    gone: frozenset[str]
    begun: tuple[Path, ...] = ()
    made: Mapping[str, int] = field(default_factory=dict)
    """What Sooner itself made, by what it is: cases, lists, files of lists, and what restores replaced."""

    @property
    def rows(self) -> Mapping[str, Mapping[str, int]]:
        """Rows by service and table, of the newest snapshot: older ones hold the same records once more."""
        return self.snapshots[-1].counts if self.snapshots else {}

    @property
    def is_nothing(self) -> bool:
        """Whether nothing at all is past its date."""
        return not any(rows.counts for rows in self.snapshots) and not self.begun and not any(self.made.values())

    def document(self) -> dict[str, Any]:
        """Return it as counts."""
        return {
            "moment": self.moment.isoformat(),
            "snapshots": {rows.snapshot.name: rows.counts for rows in self.snapshots},
            "people_gone": len(self.gone),
            "matrices": list(self.matrices),
            "made": dict(self.made),
        }


@dataclass(frozen=True)
class _Reach:
    """How far back a matrix looks, and which services it reads."""

    earliest: datetime
    services: frozenset[str]


def choose_moment(invocation: Invocation, now: datetime | None = None) -> datetime:
    """Return the moment that retention is judged at: now, or of made-up data the newest snapshot's own."""
    newest = find_newest_snapshot(invocation.workspace.store)
    if newest is None:
        raise DataError("nothing was pulled yet, so nothing is kept.", "Run `sooner pull`.")
    manifest = read_json(newest / "manifest.json")
    if now is None and manifest["synthetic"]:
        return datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC)
    return (now or datetime.now(UTC)).astimezone(UTC)


def plan_retention(invocation: Invocation, moment: datetime, made: Mapping[str, int] | None = None) -> RetentionPlan:
    """Return what is past its date at a moment, with what is of that which Sooner `made`; nothing is changed."""
    workspace = invocation.workspace
    key = Key.load(invocation.council, workspace)
    vault = Vault.open(workspace.vault, key)
    retention = Retention.at(invocation, moment)
    snapshots = [_find_rows(snapshot, retention, key, vault) for snapshot in _list_snapshots(workspace)]
    after = frozenset().union(*(rows.after for rows in snapshots))
    gone = frozenset().union(*(rows.before for rows in snapshots)) - after
    begun = tuple(rows.snapshot for rows in snapshots if (rows.snapshot / _MARK).exists())
    matrices = tuple(_find_matrices(workspace, snapshots, gone))
    return RetentionPlan(moment, tuple(snapshots), matrices, gone, begun, made or {})


def retain_records(
    invocation: Invocation, moment: datetime, role: str, rooms: Forgetting
) -> tuple[RetentionPlan, Path]:
    """Remove what is past its date and return what it was, with the certificate. The writer lock is the caller's.

    It goes into the ledger first, so that a kill is finished by `sooner replay`, and a copy made before learns of it.
    """
    plan = plan_retention(invocation, moment, rooms.count_made(moment))
    filed = datetime.now(UTC).isoformat()
    entry = Request("retained", filed, ALL, "", (), ALL, ALL, decided_by=role, moment=moment.isoformat())
    if not plan.is_nothing:
        append_request(invocation.workspace, entry)
    return plan, _carry_out(invocation, plan, entry, rooms)


def replay_retention(invocation: Invocation, rooms: Forgetting) -> Path | None:
    """Carry out again, on a copy made before, the last retention that it has not seen; return its certificate, if any.

    The writer lock is the caller's.
    """
    workspace = invocation.workspace
    requests = read_requests(workspace)
    if not any(request.action == "retained" for request in requests):
        return None
    vault = Vault.open(workspace.vault, Key.load(invocation.council, workspace))
    waiting = [request for request in find_unmarked(vault, requests) if request.action == "retained"]
    due = find_retention_due(workspace, requests)
    last = due or max(waiting, key=lambda request: datetime.fromisoformat(request.moment), default=None)
    if last is None:
        return None
    moment = datetime.fromisoformat(last.moment)
    return _carry_out(invocation, plan_retention(invocation, moment, rooms.count_made(moment)), last, rooms)


def _carry_out(invocation: Invocation, plan: RetentionPlan, entry: Request, rooms: Forgetting) -> Path:
    """Remove what a plan names and leave its certificate; `entry` is the ledger's."""
    workspace, moment = invocation.workspace, plan.moment
    key = Key.load(invocation.council, workspace)
    vault = Vault.open(workspace.vault, key)
    touched = frozenset(person for rows in plan.snapshots for person in rows.touched)
    scores = rooms.scores(touched, workspace, plan.matrices) + rooms.scores(plan.gone, workspace, None)
    views = rooms.views(touched | plan.gone, workspace)
    listed = rooms.lists(plan.gone, workspace)
    made = rooms.end_made(moment)
    dropped = forget(touched, workspace, plan.matrices) + forget(plan.gone, workspace)
    references = frozenset().union(*(rows.gone_references for rows in plan.snapshots))
    if references:
        drop_papers_about(vault, references)
        drop_judgements(workspace, references)
    for rows in plan.snapshots:
        if rows.counts or rows.snapshot in plan.begun:
            _rewrite_snapshot(invocation, rows.snapshot, Retention.at(invocation, moment), key, vault)
    clear_vault(workspace, vault, [entry], plan.gone)
    certificate = {
        **plan.document(),
        "made": dict(made),
        "carried_out_at": datetime.now(UTC).isoformat(),
        "role": entry.decided_by,
        "register_sha256": invocation.register.sha256,
        "years": {source.service: source.retention_years for source in invocation.register.sources},
        "scores_removed": scores,
        "listed_removed": listed,
        "views_removed": views,
        "matrices_dropped": dropped,
        "holds": [hold.id for hold in Retention.at(invocation, moment).holds],
    }
    workspace.retention.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = workspace.retention / f"{moment:%Y-%m-%d}-{content_id(certificate)}.json"
    write_json(path, certificate)
    return path


def _list_snapshots(workspace: Workspace) -> Sequence[Path]:
    """Return every snapshot, the one in use last."""
    current = find_current(workspace.store)
    folders = sorted(path.parent for path in workspace.store.glob("*/manifest.json"))
    return sorted(folders, key=lambda folder: folder == current)


def _load_tables(database: duckdb.DuckDBPyConnection, snapshot: Path, vault: Vault) -> Mapping[str, str]:
    """Load a snapshot's records, and who people are, into tables; return their SQL names by what they are."""
    files = {name: f"{name}.parquet" for name in _DATED} | {
        f"canonical_{name}": f"canonical_{name}.parquet" for name in _GIVEN
    }
    tables = {}
    for name, file in files.items():
        path = snapshot / "records" / file
        if path.exists():
            database.execute(f"create table {name} as select * from read_parquet({quote_text(str(path))})")
            tables[name] = name
    if snapshot.name in vault.snapshots():
        database.register("given", pq.read_table(BytesIO(vault.get_set(snapshot.name, "people"))))
        database.execute("create table people as select * from given")
        database.unregister("given")
        tables["people"] = "people"
    return tables


def _find_rows(snapshot: Path, retention: Retention, key: Key, vault: Vault) -> _Rows:
    with open_database(key) as database:
        tables = _load_tables(database, snapshot, vault)
        remove_past(database, retention, tables)
        counts: dict[str, dict[str, int]] = {}
        for service, name, number in database.execute(
            'select service, "of", count(*) from past_rows group by all order by all'
        ).fetchall():
            counts.setdefault(service, {})[name] = number
        remaining = " union ".join(
            f"select {'person_id' if name.startswith('canonical_') else 'ref'} as ref from {name}"
            for name in tables
            if not name.endswith("feeds")
        )
        links = snapshot / "tables" / "links.parquet"
        nobody = "(select '' as ref, '' as person_id limit 0)"
        who = f"read_parquet({quote_text(str(links))})" if links.exists() else nobody
        # People of canonical deliveries are known by their own ids, without a link.
        database.execute(
            f"create table who as select ref, person_id from {who} union all "
            f"select distinct ref, ref from (select ref from past_rows where starts_with(\"of\", 'canonical_') union "
            f"select ref from ({remaining})) where ref not in (select ref from {who})"
        )
        people = "select distinct person_id from who"
        after = fetch_rows(database, f"{people} where ref in (select ref from ({remaining}))")
        touched: dict[str, dict[str, datetime]] = {}
        for person, service, over in database.execute(
            "select person_id, service, coalesce(max(over_at), timestamp '1900-01-01') "
            "from past_rows join who using (ref) group by all"
        ).fetchall():
            touched.setdefault(person, {})[service] = over.replace(tzinfo=UTC)
        gone = fetch_rows(
            database, f"select distinct ref from past_rows where ref not in (select ref from ({remaining}))"
        )
        return _Rows(
            snapshot,
            counts,
            touched,
            frozenset(person for (person,) in fetch_rows(database, people)),
            frozenset(person for (person,) in after),
            frozenset(ref for (ref,) in gone),
        )


def _find_matrices(workspace: Workspace, snapshots: Sequence[_Rows], gone: Collection[str]) -> Iterable[str]:
    """Yield the matrices in which a row that goes could have counted: by how far back each looks, and at what."""
    by_name = {rows.snapshot.name: rows for rows in snapshots}
    for path in sorted((workspace.root / "matrix").glob("*/*/manifest.json")):
        manifest = read_json(path)
        rows = by_name.get(str(manifest["snapshot"]))
        reach = _measure_reach(path.parent, manifest)
        services = set(reach.services)
        if rows and any(
            over >= reach.earliest and (service in services or _HOMES & set(rows.counts.get(service, {})))
            for person, over_by_service in rows.touched.items()
            if person not in gone
            for service, over in over_by_service.items()
        ):
            yield str(manifest["id"])


def _measure_reach(folder: Path, manifest: Mapping[str, Any]) -> _Reach:
    """Return the earliest moment that a matrix can look back to, and the services that its definition names.

    Of the widest period in its definition twice (a change compares two windows), before its first date; one that looks
    back to the start reaches everything.
    """
    text = json.dumps(read_json(folder / "definition.json"))
    days = max([366, *(2 * count for count in _find_days(json.loads(text)))])
    first = min(datetime.fromisoformat(day) for day in manifest["as_of"])
    earliest = _BEGINNING if '"since_start"' in text else first.replace(tzinfo=UTC) - timedelta(days=days) - _SLACK
    words = {word.split(".")[0] for word in text.replace('"', " ").split()}
    return _Reach(earliest, frozenset(words))


def _find_days(value: Any) -> Iterable[int]:
    """Yield the length of every period in a document, in days, months counted long."""
    if isinstance(value, dict):
        if {"n", "unit"} <= set(value):
            yield int(value["n"]) * {"days": 1, "weeks": 7, "months": 31, "years": 366}.get(str(value["unit"]), 366)
        for part in value.values():
            yield from _find_days(part)
    elif isinstance(value, list):
        for part in value:
            yield from _find_days(part)


def _rewrite_snapshot(invocation: Invocation, snapshot: Path, retention: Retention, key: Key, vault: Vault) -> None:
    """Write a snapshot's names and records again without what is past its date, then its tables of what is left."""
    write_text(snapshot / _MARK, json.dumps({"moment": retention.moment.isoformat()}))
    with open_database(key) as database:
        tables = _load_tables(database, snapshot, vault)
        remove_past(database, retention, tables)
        if "people" in tables:
            into = BytesIO()
            pq.write_table(database.sql("select * from people").to_arrow_table(), into)
            vault.put_sets(snapshot.name, {"people": into.getvalue()})
        for name in tables:
            if name != "people":
                with new_file(snapshot / "records" / f"{name}.parquet") as beside:
                    database.execute(f"copy (select * from {name}) to {quote_text(str(beside))} (format parquet)")
    if "linkage" in read_json(snapshot / "manifest.json"):
        settle_tables_again(invocation, snapshot, f"retention {retention.moment.isoformat()}")
    (snapshot / _MARK).unlink()
