"""What a council had before the second round upgrades and serves: a workspace, its database, and its council folder.

How it was made, and what is in it, is in tests/fixtures/README.md.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from charter.council.council import Council
from charter.council.practice import Practice
from charter.council.programme import Programme
from charter.council.register import Register
from charter.invocation import Invocation
from charter.rules.policy import Policy
from charter.signing.signoffs import read_charter_signoffs
from charter.vault.made_up import confirm_snapshot
from features.grammar import Definition
from serving.desk import Desk
from tests.conftest import Ran, run_sooner
from tests.unit.serving.client import signed_in

FIXTURE = Path(__file__).parents[1] / "fixtures" / "before_second_round.tar.xz"
TAKEN_UP, SET_ASIDE, SUSPENDED, WAITING = "15218ce676dca164", "9fa5a4a4c8d20e8d", "16f07fac08c67b07", "d968ee9ae1cf58bb"
LIST_DAY = "2026-09-28"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Give the folder that holds `council` and `workspace` as the earlier code left them."""
    # Not by tarfile: its extractall has no filter in Debian's Python 3.11.2, and warns without one in others.
    subprocess.run(["tar", "-xJf", str(FIXTURE), "-C", str(tmp_path)], check=True)
    # Nothing is decided on a list that has ended, and these would end a week after they were left here.
    with closing(sqlite3.connect(tmp_path / "workspace" / "casework.db")) as database, database:
        database.execute("update lists set expires_at = '2126-12-05T00:00:00.000000+00:00' where as_of = ?", [LIST_DAY])
    return tmp_path


@pytest.fixture
def upgraded(old: Path) -> Path:
    """Give the same folder after `sooner upgrade`."""
    run_on(old, "upgrade")
    return old


def run_on(old: Path, *words: str, code: int = 0) -> Ran:
    ran = run_sooner(*words, "--council", str(old / "council"), "--workspace", str(old / "workspace"))
    assert ran.code == code, ran.err
    return ran


def opened_desk(old: Path) -> Desk:
    """Open the desk, its data confirmed as made up: `sooner upgrade` would know it by its extracts, and has none."""
    desk = Desk.open(Invocation.open(old / "council", "", old / "workspace", quiet=True), demo=True)
    assert not desk.demonstrates
    for snapshot in {str(desk.manifest()["snapshot"]), *desk.store.snapshots_listed()}:
        confirm_snapshot(desk.invocation.workspace, desk.key, snapshot)
    return replace(desk)


def rows_of(old: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(old / "workspace" / "casework.db")) as database:
        return database.execute(query).fetchall()


def test_it_upgrades_without_losing_a_row_and_its_log_stays_whole(old: Path) -> None:
    counted = "select (select count(*) from referrals), (select count(*) from decisions)"
    before = rows_of(old, counted)
    log = rows_of(old, "select * from audit order by chain, number")
    records = rows_of(old, "select id, sealed, digest from referrals order by id")
    notes = {note for (note,) in rows_of(old, "select note from decisions") if note}
    stopped = run_on(old, "verify-log", code=11)
    assert "Stop serving, then run `sooner upgrade`" in stopped.err
    steps = json.loads(run_on(old, "upgrade", "--json").out)["steps"]
    assert {step["what"] for step in steps} >= {"Casework database", "Charter", "Register", "Snapshot", "Bundle"}
    assert rows_of(old, counted) == before == [(32, 2)]
    # The log has grown by what was adopted; words are sealed now, and read as they were.
    assert set(log) < set(rows_of(old, "select * from audit"))
    adopted = "select count(*) from audit where action in ('list.adopted', 'decision.adopted')"
    assert rows_of(old, adopted) == rows_of(old, "select (select count(*) from lists) + 2")
    lying = rows_of(old, "select sealed from referrals")
    assert all(not sealed.startswith(b"{") for (sealed,) in lying)
    assert not notes & {note for (note,) in rows_of(old, "select note from decisions")}
    desk = opened_desk(old)
    assert {decision.note for decision in desk.store.decisions() if decision.note} == notes
    for referral, sealed, digest in records:
        stored = desk.store.touched(id=referral)
        assert not stored or (stored[0].sealed, stored[0].digest) == (sealed, digest)
    desk.close()
    assert json.loads(run_on(old, "verify-log", "--json").out)["entries"] >= 42
    again = json.loads(run_on(old, "upgrade", "--json").out)
    assert [step["now"] for step in again["steps"]] == [step["then"] for step in steps]
    assert again["backup"] is None


def test_the_next_list_keeps_to_what_was_decided_and_suspended_and_an_old_referral_comes_out_the_same(
    upgraded: Path,
) -> None:
    old = upgraded
    result = json.loads(run_on(old, "rank", "--as-of", "2026-10-05", "--json").out)
    assert {row["team"]: (row["referrals"], row["left_out"]) for row in result["lists"]} == {
        "east": (1, 1), "north": (1, 1), "south": (1, 0),
    }  # fmt: skip
    assert "suspended" in result["refused"]["west"]
    rested = rows_of(old, f"select entity from referrals where id in ('{TAKEN_UP}', '{SET_ASIDE}')")
    listed = rows_of(old, "select entity from referrals where list like '%-2026-10-05' and status = 'new'")
    assert len(listed) == 3
    assert not set(rested) & set(listed)
    desk = opened_desk(old)
    referral = desk.store.referral(TAKEN_UP)
    desk.close()
    assert referral is not None
    sealed = referral.sealed
    assert run_on(old, "reproduce", TAKEN_UP, "--json").out.encode().strip() == sealed


def test_old_cases_are_read_decided_and_answered_on_pages(upgraded: Path) -> None:
    old = upgraded
    desk = opened_desk(old)
    try:
        north, east, south = (signed_in(desk, f"demo-{team}-lead_practitioner") for team in ("north", "east", "south"))
        assert north.get("/worklists/north").status_code == 200
        page = north.get(f"/cases/{TAKEN_UP}").text
        # Names are opened in the old vault; what services recorded is in the old sealed record.
        assert desk.vault is not None
        people = desk.store.members(TAKEN_UP)
        identities = desk.vault.identify(people, role="lead_practitioner", reason="a test", log=lambda _: None)
        assert len(identities) == len(people) > 1
        names = {identity.name.casefold() for identity in identities.values()}
        assert {name for name in names if name not in page.casefold()} == set()
        assert "Help offered" in page
        assert "Unauthorised absence in a week" in page
        assert "They have moved." in east.get(f"/cases/{SET_ASIDE}").text
        hidden = south.form_of(f"/cases/{WAITING}/decide/deferred", f"/cases/{WAITING}/decision")
        fields = {"reason": "deferred:capacity", "until": (desk.today() + timedelta(weeks=1)).isoformat()}
        assert south.post(f"/cases/{WAITING}/decision", {**hidden, **fields}).status_code == 303
        assert [decision.disposition for decision in desk.store.decisions(WAITING)] == ["deferred"]
        challenged = [client for client in (north, east, south) for case in (TAKEN_UP, SET_ASIDE, WAITING)
                      if "We paid in March." in client.get(f"/cases/{case}").text]  # fmt: skip
        assert len(challenged) == 1
        stopped = signed_in(desk, "demo-west-lead_practitioner").get("/worklists/west").text
        assert "suspended" in stopped
        assert "sooner-card" not in stopped
    finally:
        desk.close()
    run_on(old, "verify-log")


def test_what_roles_signed_still_counts_and_more_can_be_signed(old: Path) -> None:
    invocation = Invocation.open(old / "council", "", old / "workspace", quiet=True)
    policy = Policy.load(old / "council" / "charter.toml")
    rows = [signoff for signoff in read_charter_signoffs(invocation) if signoff.sha256 == policy.sha256]
    assert {role.id for role in policy.signers("charter")} == {signoff.role for signoff in rows}
    assert [signoff.role for signoff in rows if signoff.kind == "signed"] == ["data_protection_officer"]
    assert all(signoff.proved(policy) for signoff in rows)
    out = run_on(old, "sign", "--role", "chief_data_officer", "--what", "decision", "--demo", "--json").out
    assert json.loads(out)["kind"] == "demo"
    run_on(old, "promote")


def test_the_old_council_folder_reads_whole(old: Path) -> None:
    folder = old / "council"
    council = Council.load(folder)
    assert council.programmes == ("early_help", "homelessness")
    assert all(team.places in {1, 12} for team in council.teams if team.places)
    policy = Policy.load(folder / "charter.toml", date(2026, 11, 28))
    assert next(role for role in policy.roles if role.id == "data_protection_officer").public_key
    assert len(Register.load(folder / "register.toml").sources) == 11
    # The gate asks the residents' red lines of scenarios.toml, and refers to the board as it did.
    assert json.loads(run_on(old, "decide", "--json", code=15).out)["decision"] == "refer"
    assert Practice.load(folder).cases
    for name in council.programmes:
        programme = Programme.load(folder / name)
        assert Definition.load(folder / name / "definition.py").features
        assert programme.training.bands
        assert programme.worklist.choices
    assert "MISSING" not in [
        line.split()[0] for line in run_on(old, "doctor").out.splitlines() if "of early_help" in line
    ]
