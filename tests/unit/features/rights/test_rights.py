"""A resident's rights on a small borough: what goes, what stays, and that nobody else is touched."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from charter.contracts.files import file_digest, read_json, set_current, writer_lock
from charter.errors import CharterError, DataError, UsageError
from charter.vault.key import Key
from charter.vault.rights_ledger import read_requests, require_carried_out
from charter.vault.vault import Vault
from features.build import build_matrix
from features.rights.asking import Certificate, file_request, overrule_request, replay_requests
from features.rights.held import show_person
from serving.web.serve import make_environment

KEY = Key(bytes.fromhex("5a" * 32))
TABLES = ("events", "people", "protected", "residence", "permission", "coverage")


def query(town, sql: str) -> list[tuple]:
    folder = town.invocation.workspace.snapshot() / "tables"
    with duckdb.connect() as database:
        for path in folder.glob("*.parquet"):
            database.execute(f"create view {path.stem} as select * from read_parquet('{path}')")
        return database.execute(sql).fetchall()


def pupil(town) -> tuple[str, str]:
    """Return the number and the pseudonym of a pupil of whom three services have events."""
    known = dict(query(town, "select ref, person_id from links where service = 'education'"))
    many = {
        row[0]
        for row in query(
            town,
            "select person_id from events group by person_id having count(distinct split_part(signal, '.', 1)) >= 3",
        )
    }
    lines = (town.workspace / "extracts/education/pupils.csv").read_text(encoding="utf-8").splitlines()[1:]
    pseudonym = KEY.pseudonyms("reference")
    for line in lines:
        number = line.split(",")[0].strip('"')
        person = known.get(pseudonym("education", number))
        if person in many:
            return number, person
    raise AssertionError("the borough has no such pupil")


def request(town, action: str, number: str, **about: str) -> Certificate:
    with writer_lock(town.workspace):
        return file_request(town.invocation, action, through="education", reference=number, **about)


def others(town, person: str) -> dict[str, list[tuple]]:
    return {name: query(town, f"select * from {name} where person_id <> '{person}' order by all") for name in TABLES}


def test_withdrawing_one_service_removes_its_rows_everywhere_and_nothing_of_anybody_else(borough_town) -> None:
    number, person = pupil(borough_town)
    ref = KEY.pseudonym("reference", "education", number)
    before, kept = (
        others(borough_town, person),
        query(
            borough_town,
            f"select * from events where person_id = '{person}' and signal not like 'education.%' order by all",
        ),
    )
    certificate = request(borough_town, "withdraw", number, service="education")
    assert certificate.people == (person,)
    assert sum(certificate.rows_removed[borough_town.snapshots[0].name].values()) > 0
    assert query(
        borough_town, f"select count(*) from events where person_id = '{person}' and signal like 'education.%'"
    ) == [(0,)]
    assert kept
    assert (
        query(
            borough_town,
            f"select * from events where person_id = '{person}' and signal not like 'education.%' order by all",
        )
        == kept
    )
    for name in ("events", "addresses", "coverage", "protected"):
        held = borough_town.snapshots[0] / "records" / f"{name}.parquet"
        with duckdb.connect() as database:
            assert database.execute(f"select count(*) from read_parquet('{held}') where ref = '{ref}'").fetchall() == [
                (0,)
            ]
    assert query(
        borough_town,
        f"select kind, service, purpose, status from permission where person_id = '{person}' and service = 'education'",
    ) == [("refusal", "education", "*", "received")]
    assert others(borough_town, person) == before


def test_a_protected_value_that_only_the_withdrawn_service_gave_goes_too(borough_town) -> None:
    number, person = pupil(borough_town)
    request(borough_town, "withdraw", number, service="education")
    records = borough_town.snapshots[0] / "records/protected.parquet"
    refs = query(borough_town, f"select ref from links where person_id = '{person}'")
    with duckdb.connect() as database:
        said = {
            (row[0], row[1])
            for row in database.execute(
                f"select characteristic, value from read_parquet('{records}') where list_contains($1, ref)",
                [[ref for (ref,) in refs]],
            ).fetchall()
        }
    shown = query(borough_town, f"select characteristic, value from protected where person_id = '{person}'")
    assert len(shown) == 3
    assert all(value == "not recorded" or (characteristic, value) in said for characteristic, value in shown)


def test_restriction_and_objection_to_one_purpose_remove_nothing_but_are_in_force_now(borough_town) -> None:
    number, person = pupil(borough_town)
    before = query(borough_town, f"select count(*) from events where person_id = '{person}'")
    request(borough_town, "restrict", number)
    request(borough_town, "object", number, service="education", purpose="rank")
    assert query(borough_town, f"select count(*) from events where person_id = '{person}'") == before
    taken_at = read_json(borough_town.snapshots[0] / "manifest.json")["taken_at"][:19]
    assert query(
        borough_town,
        f"select kind, service, purpose from permission where person_id = '{person}' "
        f"and known_at < timestamp '{taken_at}' and known_at > timestamp '{taken_at}' - interval 1 second order by all",
    ) == [("objection", "education", "rank"), ("restriction", "*", "*")]


def test_erasure_leaves_no_row_and_no_name(borough_town) -> None:
    number, person = pupil(borough_town)
    before = others(borough_town, person)
    refs = [ref for (ref,) in query(borough_town, f"select ref from links where person_id = '{person}'")]
    request(borough_town, "erase", number)
    for name in ("events", "people", "protected", "residence", "coverage", "links"):
        assert query(borough_town, f"select count(*) from {name} where person_id = '{person}'") == [(0,)]
    vault = Vault.open(borough_town.workspace / "vault", KEY)
    assert vault.identify([person], role="auditor", reason="a test", log=[].append) == {}
    sealed = vault.get_set(borough_town.snapshots[0].name, "people")
    assert not any(ref.encode() in sealed for ref in refs)
    assert others(borough_town, person) == before


def test_a_later_snapshot_honours_what_was_asked_before(borough_town) -> None:
    number, person = pupil(borough_town)
    ref = KEY.pseudonym("reference", "education", number)
    request(borough_town, "erase", number)
    gazetteer = borough_town.workspace / "extracts/addresses/gazetteer.csv"
    gazetteer.write_text(
        gazetteer.read_text(encoding="utf-8") + '"990099999999","1 New Road","FH1 9ZZ","E01990001","home"\n'
    )
    borough_town.pull()
    borough_town.link()
    assert len(borough_town.snapshots) == 2
    assert query(borough_town, f"select count(*) from links where ref = '{ref}' or person_id = '{person}'") == [(0,)]
    assert query(borough_town, f"select count(*) from events where person_id = '{person}'") == [(0,)]


def test_tombstones_and_manifest_say_what_was_done(borough_town) -> None:
    number, person = pupil(borough_town)
    certificate = request(borough_town, "withdraw", number, service="education")
    snapshot = borough_town.snapshots[0]
    (line,) = (snapshot / "tombstones.jsonl").read_text(encoding="utf-8").splitlines()
    tombstone = json.loads(line)
    assert tombstone["request"] == certificate.request
    assert (tombstone["kind"], tombstone["service"], tombstone["people"]) == ("withdraw", "education", [person])
    assert tombstone["rows_removed"]["events"] > 0
    manifest = read_json(snapshot / "manifest.json")
    for name, said in manifest["tables"].items():
        assert said["sha256"] == file_digest(snapshot / "tables" / f"{name}.parquet")
    for path in ("rights.jsonl", f"store/{snapshot.name}/tombstones.jsonl"):
        assert number not in (borough_town.workspace / path).read_text(encoding="utf-8")


def test_replaying_the_ledger_does_nothing_twice_and_finishes_what_a_kill_left(borough_town) -> None:
    number, _ = pupil(borough_town)
    request(borough_town, "withdraw", number, service="education")
    assert replay_requests(borough_town.invocation) == {}
    (borough_town.snapshots[0] / "tombstones.jsonl").unlink()
    before = query(borough_town, "select * from permission order by all")
    assert len(replay_requests(borough_town.invocation)) == 1
    assert query(borough_town, "select * from permission order by all") == before
    assert len(read_requests(borough_town.invocation.workspace)) == 1


def test_matrices_that_held_the_person_are_dropped_and_others_stay(borough_town) -> None:
    number, person = pupil(borough_town)
    matrices = borough_town.workspace / "matrix/early_help"
    for name, held in (("with", person), ("without", "f" * 32)):
        (matrices / name / "as_of=2024-01-01").mkdir(parents=True)
        (matrices / name / "manifest.json").write_text("{}", encoding="utf-8")
        np.save(matrices / name / "as_of=2024-01-01/person.npy", np.array([held], dtype="S32"))
    set_current(matrices, "with")
    assert request(borough_town, "object", number).matrices_dropped == 1
    assert sorted(path.name for path in matrices.iterdir()) == ["without"]


def status_now(town, person: str) -> list[tuple[str, str, str | None]]:
    return query(
        town, f"select kind, status, decided_by from permission where person_id = '{person}' and service = 'education' "
        "order by start, known_at"
    )  # fmt: skip


def test_a_named_role_may_overrule_an_objection_and_nobody_a_withdrawal(borough_town) -> None:
    number, person = pupil(borough_town)
    objected = request(borough_town, "object", number, service="education", purpose="rank")
    before = query(borough_town, f"select * from events where person_id = '{person}' order by all")
    with writer_lock(borough_town.workspace), pytest.raises(CharterError, match="does not let team_manager"):
        overrule_request(borough_town.invocation, objected.request, role="team_manager")
    later = datetime.now(UTC) + timedelta(days=1)
    with writer_lock(borough_town.workspace):
        certificate = overrule_request(
            borough_town.invocation, objected.request, role="data_protection_officer", now=later
        )
    assert certificate.people == (person,)
    assert sum(sum(rows.values()) for rows in certificate.rows_removed.values()) == 0
    assert status_now(borough_town, person) == [
        ("objection", "received", None),
        ("objection", "overruled", "data_protection_officer"),
    ]
    assert query(borough_town, f"select * from events where person_id = '{person}' order by all") == before
    withdrawn = request(borough_town, "withdraw", number, service="education")
    with writer_lock(borough_town.workspace), pytest.raises(CharterError, match="nobody can overrule"):
        overrule_request(borough_town.invocation, withdrawn.request, role="data_protection_officer")


def test_a_restored_workspace_is_brought_in_line_before_anything_is_made_of_it(borough_town, tmp_path) -> None:
    number, person = pupil(borough_town)
    backup = tmp_path / "backup"
    shutil.copytree(borough_town.workspace, backup, symlinks=True)
    request(borough_town, "erase", number)
    after = others(borough_town, person)
    shutil.rmtree(borough_town.workspace)
    backup.rename(borough_town.workspace)
    assert query(borough_town, f"select count(*) from events where person_id = '{person}'") != [(0,)]
    with pytest.raises(CharterError, match="were not carried out"):
        build_matrix(borough_town.invocation, purpose="rank", as_of=[date(2026, 1, 1)])
    with pytest.raises(CharterError, match="were not carried out"):
        make_environment(borough_town.invocation)
    with writer_lock(borough_town.workspace):
        assert len(replay_requests(borough_town.invocation)) == 1
    assert query(borough_town, f"select count(*) from events where person_id = '{person}'") == [(0,)]
    assert others(borough_town, person) == after
    require_carried_out(borough_town.invocation.workspace)


def test_showing_needs_a_reason_and_is_logged_before_anything_is_shown(borough_town) -> None:
    number, person = pupil(borough_town)
    log: list[object] = []
    shown = show_person(
        borough_town.invocation, through="education", reference=number, role="desk", reason="asked", log=log.append
    )
    assert shown["person_id"] == person
    assert shown["identity"]["name"]
    assert shown["events"]
    assert log == [{"action": "identify", "role": "desk", "reason": "asked", "subjects": [person], "count": 1}]
    with pytest.raises(CharterError, match="without a role and a reason"):
        show_person(
            borough_town.invocation, through="education", reference=number, role="desk", reason=" ", log=log.append
        )
    assert len(log) == 1


@pytest.mark.parametrize(
    ("action", "about", "error", "said"),
    [
        ("punish", {}, UsageError, "not a right"),
        ("object", {"purpose": "gossip"}, UsageError, "not a purpose"),
        ("object", {"service": "gossip"}, CharterError, "no source 'gossip'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(borough_town, action, about, error, said) -> None:
    number, _ = pupil(borough_town)
    with pytest.raises(error, match=said):
        request(borough_town, action, number, **about)
    assert read_requests(borough_town.invocation.workspace) == ()


def test_an_unknown_reference_is_not_repeated_and_files_nothing(borough_town) -> None:
    with pytest.raises(DataError, match="nobody is known") as refused:
        request(borough_town, "erase", "Z0000000000000")
    assert "Z0000000000000" not in str(refused.value)
    assert not Path(borough_town.workspace / "rights.jsonl").exists()


def restored(town, backup: Path, part: str, *, follow: bool) -> None:
    """Put a part of a copy in the place of what is there now, as cp or a tool that follows links would."""
    place = town.workspace / part
    shutil.rmtree(place)
    shutil.copytree(backup / part, place, symlinks=not follow)
    assert follow == all(not (path.parent / "tables").is_symlink() for path in place.glob("*/manifest.json"))


@pytest.mark.parametrize("action", ["erase", pytest.param("object", marks=pytest.mark.deep)])
def test_a_vault_that_is_restored_alone_names_and_tells_nobody_who_was_erased_or_objected(
    borough_town, tmp_path, action
) -> None:
    number, person = pupil(borough_town)
    backup = tmp_path / "backup"
    shutil.copytree(borough_town.workspace, backup, symlinks=True)
    request(borough_town, action, number)
    key = Key.load(borough_town.invocation.council, borough_town.invocation.workspace)

    def told() -> tuple[bool, list[str]]:
        vault = Vault.open(borough_town.workspace / "vault", key)
        residents = sqlite3.connect(borough_town.workspace / "vault/vault.db").execute("select token from residents")
        tellable = [row for (token,) in residents if (row := vault.resident(token)) and person in row.decode()]
        return person in vault.person_ids(), tellable

    after = told()
    restored(borough_town, backup, "vault", follow=True)
    assert told() != after
    with pytest.raises(CharterError, match="were not carried out"):
        require_carried_out(borough_town.invocation.workspace)
    with writer_lock(borough_town.workspace):
        assert len(replay_requests(borough_town.invocation)) == 1
        assert replay_requests(borough_town.invocation) == {}
    assert told() == after
    require_carried_out(borough_town.invocation.workspace)


def test_a_store_that_was_copied_by_a_tool_that_follows_links_forgets_as_another_does(borough_town, tmp_path) -> None:
    number, person = pupil(borough_town)
    backup = tmp_path / "backup"
    shutil.copytree(borough_town.workspace, backup, symlinks=True)
    request(borough_town, "erase", number)
    after = others(borough_town, person)
    restored(borough_town, backup, "store", follow=True)
    ref = KEY.pseudonym("reference", "education", number).encode()
    with writer_lock(borough_town.workspace):
        assert len(replay_requests(borough_town.invocation)) == 1
    assert others(borough_town, person) == after
    tables = [path for path in (borough_town.workspace / "store").rglob("*.parquet") if path.is_file()]
    assert tables
    for path in tables:
        columns = duckdb.sql(f"select * from read_parquet('{path}')")
        for name in {"ref", "one", "other", "person_id"} & set(columns.columns):
            gone = {ref.decode(), person}
            left = columns.filter(f"{name} in {tuple(gone)}").fetchall()
            assert not left or path.stem == "permission", path
