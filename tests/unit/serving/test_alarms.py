"""Alarms: each is raised by its cause alone, told once a day by a real mail server, and names nobody."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from charter.contracts.files import write_json
from charter.council.receivers import Alerts
from charter.signing.suspensions import suspend_on_breach
from serving.alarms import (
    BACKUP,
    DRIFT,
    FEED,
    FORM_DUE,
    KINDS,
    LOG,
    NO_LIST,
    STOPPED,
    list_alarms,
    look_at_log,
    tell_receivers,
)
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from serving.sending.deliverer import deliver_due
from tests.unit.serving.conftest import AS_OF, World
from tests.unit.serving.listening import Mailbox, mailing
from tests.unit.serving.receivers_file import RECEIVERS

NOW = datetime.now(UTC)
ALWAYS = """
[alerts]
list_by = "00:00"
days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
"""


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mailing(Mailbox()) as running:
        yield running


@pytest.fixture
def desk(world: World, mailbox: Mailbox) -> Iterator[Desk]:
    text = RECEIVERS.format(url="http://127.0.0.1:9/", port=mailbox.port, closes="23:59")
    path = world.invocation.council.folder / "receivers.toml"
    path.write_text(text.replace('"step_up"]\naddress', '"step_up", "alert"]\naddress'), encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(ALWAYS)
    rank_households(world.invocation, world.matrix, AS_OF)
    write_json(world.workspace.backup_taken, {"at": NOW.isoformat()})
    opened = Desk.open(world.invocation, demo=True)
    yield opened
    opened.close()


def kinds(desk: Desk, now: datetime = NOW) -> set[str]:
    return {alarm.kind for alarm in list_alarms(desk, now)}


def test_a_list_that_holds_no_more_is_an_alarm(desk: Desk) -> None:
    assert NO_LIST not in kinds(desk)
    later = NOW + timedelta(days=28)
    names = {alarm.of for alarm in list_alarms(desk, later) if alarm.kind == NO_LIST}
    assert {"north", "south"} <= names


def test_a_list_is_wanted_on_working_days_from_its_time_on() -> None:
    monday = datetime(2026, 9, 28, 7, 30, tzinfo=UTC)
    assert Alerts().wants_list(monday)
    assert not Alerts().wants_list(monday - timedelta(minutes=1))
    assert not Alerts().wants_list(monday - timedelta(days=1)), "a Sunday"


def test_late_data_a_stop_drift_and_an_old_backup_are_alarms(desk: Desk) -> None:
    workspace = desk.invocation.workspace
    assert kinds(desk) <= {FEED}
    health = max(workspace.worklist.glob("*/health.json"))
    figures = json.loads(health.read_text(encoding="utf-8"))
    figures["freshness"] = dict.fromkeys(figures["freshness"], "2026-01-01T00:00:00+00:00")
    health.write_text(json.dumps(figures), encoding="utf-8")
    assert FEED in kinds(desk)
    assert BACKUP in kinds(desk, NOW + timedelta(days=3))
    findings = workspace.audit / "run1" / "live" / "findings.json"
    findings.parent.mkdir(parents=True)
    series = {"title": "Schools: share seen", "alarm": "2026-09-21", "about": "data"}
    write_json(findings, {"drift": [series, {**series, "title": "Another", "alarm": None}]})
    assert [alarm.of for alarm in list_alarms(desk, NOW) if alarm.kind == DRIFT] == ["Schools: share seen"]
    suspend_on_breach(workspace, "a trial")
    assert STOPPED in kinds(desk)


def test_a_resident_s_clock_is_an_alarm_five_days_before_it_is_over(desk: Desk) -> None:
    form = desk.store.keep_form("complaint", {"reach": "a friend", "words": "no"})
    assert FORM_DUE not in kinds(desk, NOW + timedelta(days=24))
    assert FORM_DUE in kinds(desk, NOW + timedelta(days=26))
    desk.store.note_form(Identity("ann", "resident_desk", frozenset()), form.id, "acknowledged")
    assert FORM_DUE not in kinds(desk, NOW + timedelta(days=26))


def test_a_changed_log_is_an_alarm_that_says_no_more_than_that(desk: Desk) -> None:
    assert not look_at_log(desk)
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        changed = database.execute("UPDATE audit SET actor = 'somebody' WHERE number = 1").rowcount
    assert changed
    (alarm,) = look_at_log(desk)
    assert alarm.kind == LOG
    assert "verify-log" in alarm.next_step


def test_a_receiver_of_alerts_gets_each_once_a_day_by_mail_and_no_word_about_anybody(
    desk: Desk, mailbox: Mailbox
) -> None:
    later = (NOW + timedelta(days=28)).replace(hour=12)
    alarms = list_alarms(desk, later)
    assert {alarm.kind for alarm in alarms} <= set(KINDS)
    assert tell_receivers(desk, alarms, later) == len(alarms) > 0
    assert tell_receivers(desk, alarms, later + timedelta(hours=1)) == 0
    assert tell_receivers(desk, alarms, later + timedelta(days=1)) == len(alarms)
    assert deliver_due(desk.store, desk.receivers, "Fernhill") == 2 * len(alarms)
    assert len(mailbox.mails) == 2 * len(alarms)
    household = {referral.entity for referral in desk.store.referrals("early_help", f"north-{AS_OF}")}
    for mail in mailbox.mails:
        assert str(mail["Subject"]).startswith("Sooner: ")
        assert not [name for name in household if name in mail.as_string()]


def test_a_council_that_names_nobody_tells_nobody(desk: Desk) -> None:
    (desk.invocation.council.folder / "receivers.toml").unlink()
    other = Desk.open(desk.invocation, demo=True, chain="other")
    try:
        assert tell_receivers(other, list_alarms(other, NOW + timedelta(days=28))) == 0
    finally:
        other.close()
