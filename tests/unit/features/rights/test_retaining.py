"""What the register promises to keep no longer is gone, in every file, at its date and not before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow.parquet as pq
import pytest

from charter.contracts.files import read_json, writer_lock
from charter.vault.key import Key
from charter.vault.rights_ledger import Request, append_request
from charter.vault.vault import Vault
from features.intake.database import open_database
from features.intake.keeping.expiry import Hold, Retention, remove_past
from features.rights.asking import find_reference, find_references
from features.rights.retaining import Forgetting, choose_moment, plan_retention, retain_records
from tests.unit.features.conftest import Town

NOTHING = Forgetting(lambda *_: 0, lambda *_: 0, lambda *_: 0)
SPAN = """
    [[source.file.record]]
    kind = "address"
    reference = "person_ref"
    uprn = "uprn"
    start = "since"
"""
OLD_TENANTS = """person_ref,forename,surname,born,uprn,since,until
H1,Ada,Marsh,01/02/1980,000100,01/03/2010,
H2,Ben,Quillfeather,05/06/1950,101,01/03/2008,29/02/2016
H3,Cy,Okonedo,07/08/1960,102,01/03/2008,30/09/2021
"""
OLD_ARREARS = """id,person_ref,day,balance,stage,recorded,corrected
A1,H1,30/06/2012,120.50,letter,02/07/2012,
A2,H1,31/07/2024,240.00,court,02/08/2024,
A3,H2,15/01/2014,98765.43,court,16/01/2014,
"""


@pytest.fixture
def long_town(town: Town) -> Town:
    """Give a town with records of 14 years, a former tenant of whom no more is known, and one who left lately."""
    town.register('  since = "date"\n', '  since = "date"\n  until = "date"\n')
    town.register(SPAN, f'{SPAN}    end = "until"\n')
    town.write("housing/tenants.csv", OLD_TENANTS)
    town.write("housing/arrears.csv", OLD_ARREARS)
    town.pull()
    town.link()
    return town


def retain(town: Town, moment: datetime | None = None) -> dict[str, object]:
    invocation = town.invocation
    with writer_lock(town.workspace):
        _, certificate = retain_records(invocation, moment or choose_moment(invocation), "officer", NOTHING)
    return read_json(certificate)


def said(town: Town, table: str, columns: str, folder: str = "records") -> list[tuple[object, ...]]:
    (snapshot,) = town.snapshots
    with duckdb.connect() as database:
        path = snapshot / folder / f"{table}.parquet"
        return database.execute(f"select {columns} from read_parquet('{path}') order by all").fetchall()


def bytes_of(town: Town) -> Iterator[tuple[Path, bytes]]:
    """All that the workspace holds but what the service itself sent: files, what tables say, sealed sets opened."""
    for path in town.workspace.rglob("*"):
        if path.is_file() and "extracts" not in path.parts:
            yield path, path.read_bytes()
            if path.suffix == ".parquet":
                yield path, repr(pq.read_table(path).to_pylist()).encode()
    vault = Vault.open(town.workspace / "vault", Key.load(town.invocation.council, town.invocation.workspace))
    for snapshot in vault.snapshots():
        for name in ("people", "places"):
            rows = pq.read_table(BytesIO(vault.get_set(snapshot, name)))
            yield Path(name), repr(rows.to_pylist()).encode()


@pytest.mark.parametrize(
    ("over", "now", "gone"),
    [
        ("2017-05-31 00:00", "2024-05-30 23:59:59.999999", False),
        ("2017-05-31 00:00", "2024-05-31 00:00", True),
        ("2016-02-29 00:00", "2023-02-27 23:59", False),
        ("2016-02-29 00:00", "2023-02-28 00:00", True),
        ("2017-01-31 00:00", "2024-01-31 00:00", True),
    ],
)
def test_a_record_goes_on_its_anniversary_by_the_councils_clock(town, over: str, now: str, gone: bool) -> None:
    """Days of the council's: in summer its midnight is 23:00 UTC of the day before."""
    zone = town.invocation.council.time_zone
    moment = datetime.fromisoformat(now).replace(tzinfo=zone)
    at = datetime.fromisoformat(over).replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    retention = Retention(town.invocation.register, moment, zone.key)
    with open_database(Key(b"k" * 32)) as database:
        database.execute(
            "create table events as select 'housing' as service, 'r' as ref, 'housing.arrears' as signal, "
            "$1::timestamp as valid_at, null::timestamp as end_at, $1::timestamp as known_at, "
            "null::timestamp as known_until, 'given' as known_rule",
            [at],
        )
        remove_past(database, retention, {"events": "events"})
        assert database.execute("select count(*) from events").fetchall() == [(0 if gone else 1,)]


def test_the_plan_says_what_is_past_its_date_and_changes_nothing(long_town: Town) -> None:
    before = dict(bytes_of(long_town))
    plan = plan_retention(long_town.invocation, choose_moment(long_town.invocation))
    assert plan.rows == {"housing": {"addresses": 1, "events": 2, "people": 1}}
    assert len(plan.gone) == 1
    assert dict(bytes_of(long_town)) == before
    earlier = plan_retention(long_town.invocation, datetime(2019, 7, 3, tzinfo=UTC))
    assert earlier.rows == {"housing": {"events": 1}}


def test_what_is_past_its_date_is_gone_from_every_byte(long_town: Town) -> None:
    key = Key.load(long_town.invocation.council, long_town.invocation.workspace)
    ref = find_reference(key, long_town.invocation.register, "housing", "H2")
    (person,) = [row for row in said(long_town, "links", "person_id, ref", "tables") if row[1] == ref]
    traces = [b"Quillfeather", ref.encode(), str(person[0]).encode(), b"98765.43"]
    everything = list(bytes_of(long_town))
    assert all(any(trace in content for _, content in everything) for trace in traces)
    certificate = retain(long_town)
    assert certificate["people_gone"] == 1
    for path, content in bytes_of(long_town):
        assert not any(trace in content for trace in traces), path
    assert said(long_town, "events", "valid_at::date::varchar") == [("2024-07-30",)]
    assert said(long_town, "events", "valid_at::date::varchar", "tables") == [("2024-07-30",)]
    assert len(said(long_town, "people", "person_id", "tables")) == 2
    assert len(said(long_town, "residence", "person_id", "tables")) == 2
    assert len(said(long_town, "links", "ref", "tables")) == 2
    assert plan_retention(long_town.invocation, choose_moment(long_town.invocation)).is_nothing


def test_no_feed_covers_what_is_not_kept(long_town: Town) -> None:
    """Else a window that reaches back would say 0, where nobody can know any more."""
    long_town.register("retention_years = 7", "retention_years = 2")
    retain(long_town)
    for folder in ("records", "tables"):
        assert said(long_town, "feeds", "covers_from::varchar", folder) == [("2022-09-01 06:00:00.000001",)]


def test_a_delivery_that_sends_old_rows_again_brings_none_back(long_town: Town) -> None:
    retain(long_town)
    long_town.deliver("housing", "2024-10-01")
    long_town.write("housing/arrears.csv", OLD_ARREARS + "A4,H1,01/09/2024,1.00,letter,02/09/2024,\n")
    result = long_town.pull()
    assert result.past_date == 0
    newest = long_town.snapshots[-1]
    with duckdb.connect() as database:
        days = database.execute(
            f"select valid_at::date::varchar from '{newest}/records/events.parquet' order by 1"
        ).fetchall()
    assert days == [("2024-07-30",), ("2024-08-31",)]
    assert not any(b"Quillfeather" in content for _, content in bytes_of(long_town))


def test_before_it_is_carried_out_a_pull_says_how_much_is_past_its_date(long_town: Town) -> None:
    long_town.deliver("housing", "2024-10-01")
    long_town.write("housing/arrears.csv", OLD_ARREARS + "A4,H1,01/09/2024,1.00,letter,02/09/2024,\n")
    assert long_town.pull().past_date == 3


def test_a_hold_keeps_one_person_or_a_whole_service(long_town: Town) -> None:
    invocation = long_town.invocation
    key = Key.load(invocation.council, invocation.workspace)
    ref = find_reference(key, invocation.register, "housing", "H2")
    refs = find_references(invocation.workspace, ref, "*")
    hold = Request("hold", "2024-09-01T07:00:00+00:00", "housing", ref, refs, "*", "*", decided_by="officer")
    append_request(invocation.workspace, hold)
    certificate = retain(long_town)
    assert certificate["holds"] == [hold.id]
    assert [row[0] for row in said(long_town, "events", "amount::varchar")] == ["240.0000", "98765.4300"]
    released = Request("release", "2024-09-01T08:00:00+00:00", "*", "", (), "*", "*", answers=hold.id)
    append_request(invocation.workspace, released)
    retain(long_town)
    assert [row[0] for row in said(long_town, "events", "amount::varchar")] == ["240.0000"]


def test_a_hold_of_a_whole_service_leaves_its_coverage() -> None:
    register = SimpleNamespace()
    retention = Retention(register, datetime(2024, 1, 1, tzinfo=UTC), "UTC", (Hold("h", "housing", frozenset()),))  # type: ignore[arg-type]
    assert retention.holds_all_of(SimpleNamespace(service="housing"))  # type: ignore[arg-type]
    assert not retention.holds_all_of(SimpleNamespace(service="school"))  # type: ignore[arg-type]


def test_a_run_that_was_killed_before_the_tables_is_finished(long_town: Town) -> None:
    """As if it had been killed when the records were written and the tables were not."""
    (snapshot,) = long_town.snapshots
    manifest, version = snapshot / "manifest.json", (snapshot / "tables").resolve()
    shutil.copytree(version, long_town.workspace / "aside")
    stated = manifest.read_bytes()
    retain(long_town)
    shutil.rmtree((snapshot / "tables").resolve())
    (snapshot / "tables").unlink()
    shutil.move(long_town.workspace / "aside", version)
    (snapshot / "tables").symlink_to(version.name)
    manifest.write_bytes(stated)
    (snapshot / "retaining.json").write_text("{}", encoding="utf-8")
    assert not plan_retention(long_town.invocation, choose_moment(long_town.invocation)).is_nothing
    retain(long_town)
    assert len(said(long_town, "events", "event_id", "tables")) == 1
    assert plan_retention(long_town.invocation, choose_moment(long_town.invocation)).is_nothing


def test_an_earlier_home_that_was_recorded_lately_is_a_late_record(town: Town) -> None:
    """Known in 2023 that it ended in 2010: kept until 2030 where the service says so, gone where it does not."""
    town.register('  since = "date"\n', '  since = "date"\n  until = "date"\n  noted = "date"\n')
    town.register(SPAN, f'{SPAN}    end = "until"\n    known_at = "noted"\n')
    town.write(
        "housing/tenants.csv",
        "person_ref,forename,surname,born,uprn,since,until,noted\n"
        "H1,Ada,Marsh,01/02/1980,100,01/03/2000,01/03/2010,01/05/2023\n"
        "H2,Ben,Marsh,,100,01/03/2000,01/03/2010,\n",
    )
    town.pull()
    town.link()
    plan = plan_retention(town.invocation, choose_moment(town.invocation))
    assert plan.rows == {"housing": {"addresses": 1, "people": 1}}
