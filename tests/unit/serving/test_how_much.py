"""How much anybody may ask in a day: refused beyond it, however it is asked, and what is unusual is asked about."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from charter.council.limits import Limits
from charter.errors import CharterError, DataError
from serving.casework.residents.public_door import _name_network
from serving.desk import Desk
from serving.how_much import HowMuch, TooMuchError
from serving.identity import Identity
from serving.session import API, COOKIE, PAGE, Beginning
from serving.store.connection import migrate_database, open_engine
from serving.store.counting.allowances import Allowances
from tests.unit.serving.client import Client, guarded, signed_in

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
LEAD, DPO, MANAGER = "demo-north-lead_practitioner", "demo-data_protection_officer", "demo-team_manager"


def limit(desk: Desk, text: str) -> None:
    (desk.invocation.council.folder / "limits.toml").write_text(text, encoding="utf-8")


def cases(desk: Desk) -> list[str]:
    return [referral.id for referral in desk.store.referrals("early_help", "north-2026-09-28")]


def end_lists(desk: Desk) -> None:
    """Make every case one of an older list, which is still open to its team: there is a newer list."""
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        database.execute(
            "INSERT INTO lists SELECT programme, 'north-2026-10-05', team, '2026-10-05', issued_at, "
            "expires_at, capacity, eligible, excluded, snapshot, matrix, bundle FROM lists "
            "WHERE id = 'north-2026-09-28'"
        )


def test_different_cases_count_once_and_one_more_is_refused_again_and_again(desk: Desk) -> None:
    limit(desk, "[person]\ncases = 2\n")
    one, two, three, *_ = cases(desk)
    client = signed_in(desk, LEAD)
    assert [client.get(f"/cases/{case}").status_code for case in (one, two, one, one, two)] == [200] * 5
    assert [client.get(f"/cases/{three}").status_code for _ in range(3)] == [429] * 3
    assert "2 different cases" in client.get(f"/cases/{three}").text
    assert client.get(f"/cases/{three}/sheet").status_code == 429, "by another page"
    assert client.get(f"/cases/{three.upper()}").status_code in (404, 429), "by another spelling"
    assert client.get(f"/cases/{one}").status_code == 200
    again = signed_in(desk, LEAD)
    assert again.get(f"/cases/{three}").status_code == 429, "by another session"
    token = client.token(LEAD)
    assert client.send("GET", f"/v1/referrals/{three}", headers=token).json()["code"] == "too_many_today"
    # Whoever is worried steps a case up whatever they have read.
    assert client.get(f"/cases/{three}/stepped-up").status_code != 429
    assert not [entry for entry in desk.store.entries() if entry.subject == three], "nothing was shown"


@pytest.mark.parametrize("processes", [2])
def test_many_at_once_from_several_processes_get_no_more_than_one_at_a_time(url: str, processes: int) -> None:
    engines = [open_engine(url) for _ in range(processes)]
    migrate_database(engines[0])
    counters = [Allowances(engine) for engine in engines]

    def ask(number: int) -> int | None:
        return counters[number % processes].count_subject("cases", "u1", f"case{number // 2}", 5, NOON)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(40)))
    assert {answer for answer in answers if answer} == {*range(1, 6)}, "somebody was answered"
    assert counters[0].read("cases", "u1", "%Y-%m-%d", NOON) == 5
    allowed = {number // 2 for number, answer in enumerate(answers) if answer}
    assert len(allowed) == 5
    assert counters[0].count_subject("cases", "u1", "case99", 5, NOON) is None
    assert counters[1].count_subject("cases", "u1", "case99", 5, NOON + timedelta(days=1)) == 1
    for engine in engines:
        engine.dispose()


def test_scores_sign_ins_and_prints_are_counted_for_who_asks(desk: Desk) -> None:
    limit(desk, "[person]\nscores = 3\nsign_ins = 2\nexports = 1\n[program]\nscores = 9\n")
    person, program = (Identity(name, "lead_practitioner", frozenset()) for name in ("u1", "client:case-system"))
    desk.how_much.take_scores(person, 3)
    with pytest.raises(TooMuchError, match="3 scores"):
        desk.how_much.take_scores(person, 1)
    desk.how_much.take_scores(program, 9)
    desk.how_much.take_export(person)
    with pytest.raises(TooMuchError, match="print or draft 1"):
        desk.how_much.take_export(person)
    client = Client(guarded(desk))
    tried = [client.post("/sign-in", {"who": LEAD}).status_code for _ in range(3)]
    assert tried == [303, 303, 429]
    assert client.send("POST", "/v1/session", json={"who": LEAD}).status_code == 429, "the same count"


def test_checks_are_limited_for_a_person_and_for_a_service_before_anything_is_looked_up(desk: Desk) -> None:
    limit(desk, "[person]\nchecks = 2\n[each_service]\nchecks = 100\n[[service]]\nid = 'parking'\nchecks = 3\n")
    one, other = (Identity(name, "partner", frozenset()) for name in ("client:one", "client:other"))
    for asker in (one, other, one):
        desk.how_much.take_check(asker, "parking", "1")
    with pytest.raises(TooMuchError, match="on behalf of that service"):
        desk.how_much.take_check(other, "parking", "1")
    person = Identity("u1", "front_door", frozenset())
    for _ in range(2):
        desk.how_much.take_check(person, "front_door", "1")
    with pytest.raises(TooMuchError, match="2 questions"):
        desk.how_much.take_check(person, "front_door", "1")


def test_a_change_of_the_file_holds_at_once_and_a_slip_in_it_changes_nothing(desk: Desk) -> None:
    limit(desk, "[person]\ncases = 2\n")
    assert desk.how_much.limits.person.cases == 2
    limit(desk, "[person]\ncases = 300\n")
    assert desk.how_much.limits.person.cases == 300
    limit(desk, "[person]\ncases = 'none'\n")
    assert desk.how_much.limits.person.cases == 300
    with pytest.raises(DataError, match="cases"):
        _ = HowMuch(desk.invocation, desk.store, desk.key).limits
    (desk.invocation.council.folder / "limits.toml").unlink()
    assert desk.how_much.limits == Limits(), "a council folder from before has what holds without the file"


def watched(desk: Desk) -> Client:
    """Return a worker who opened four cases outside their list, where two are usual."""
    limit(desk, "[unusual]\ncases_outside = 2\naddresses = 1\n")
    end_lists(desk)
    client = signed_in(desk, LEAD)
    assert {client.get(f"/cases/{case}").status_code for case in cases(desk)[:4]} == {200}
    return client


def test_whoever_reads_more_than_usual_sees_it_says_why_and_the_officer_reads_it(desk: Desk) -> None:
    client = watched(desk)
    assert "You read more than is usual" in client.get("/worklists/north").text
    page = client.get("/own-reading").text
    assert "4 cases that are on no newest list" in page
    form = client.form_of("/own-reading", "/own-reading")
    said = "I stood in for the <b>east</b> team."
    assert client.post("/own-reading", form | {"reason": " "}).status_code == 400
    assert client.post("/own-reading", form | {"reason": "x" * 501}).status_code == 400
    assert client.post("/own-reading", form | {"reason": said}).status_code == 303
    assert "You read more than is usual" not in client.get("/worklists/north").text
    officer = signed_in(desk, DPO)
    assert "I stood in for the &lt;b&gt;east" in officer.get("/unusual-reading").text
    whole = b"".join(path.read_bytes() for path in desk.invocation.workspace.root.glob("casework.db*"))
    assert b"stood in for" not in whole, "sealed as notes are"
    actions = [entry.action for entry in desk.store.entries()]
    assert actions.count("reading.unusual") == 1
    assert {"reading.explained", "readings.read"} <= set(actions)


def test_no_manager_sees_it_and_nobody_explains_for_another(desk: Desk) -> None:
    form = watched(desk).form_of("/own-reading", "/own-reading")
    for role in ("team_manager", "lead_practitioner", "security_officer", "operator", "board"):
        client = Client(guarded(desk))
        token = desk.sessions.begin(Identity("another", role, frozenset({"north"})), Beginning(PAGE))
        client.cookies.set(COOKIE, token, domain="127.0.0.1")
        assert client.get("/unusual-reading").status_code == 403, role
        assert "There was no such day" in client.get("/own-reading").text, role
        session = desk.sessions.read(token)
        assert session is not None
        fields = form | {"form_token": session.form_token, "reason": "not mine"}
        assert client.post("/own-reading", fields).status_code == 400, role
    assert [line.reason for line in desk.store.list_unusual(desk.today())] == [""]


def test_ones_own_list_picked_and_decided_cases_are_no_reading_outside(desk: Desk) -> None:
    limit(desk, "[unusual]\ncases_outside = 0\n")
    client = signed_in(desk, LEAD)
    assert client.get(f"/cases/{cases(desk)[0]}").status_code == 200
    assert not desk.store.list_unusual(desk.today())
    end_lists(desk)
    worker = next(entry.actor for entry in desk.store.entries() if entry.action == "referral.viewed")
    desk.store.pick(Identity(worker, "lead_practitioner", frozenset({"north"})), cases(desk)[1])
    assert client.get(f"/cases/{cases(desk)[1]}").status_code == 200
    assert not desk.store.list_unusual(desk.today())
    assert client.get(f"/cases/{cases(desk)[2]}").status_code == 200
    assert [line.count for line in desk.store.list_unusual(desk.today())] == [1]


def test_it_is_kept_for_ninety_days_and_no_address_is_kept_at_all(desk: Desk) -> None:
    limit(desk, "[unusual]\naddresses = 1\n")
    person = Identity("u1", "front_door", frozenset())
    for uprn in ("100012345678", "100012345679", "100012345679"):
        desk.how_much.take_check(person, "front_door", uprn)
    (line,) = desk.store.list_unusual(desk.today())
    assert (line.what, line.count, line.usual) == ("addresses", 2, 1)
    whole = b"".join(path.read_bytes() for path in desk.invocation.workspace.root.glob("casework.db*"))
    assert b"10001234567" not in whole
    later = desk.today() + timedelta(days=90)
    assert desk.store.list_unusual(later)
    assert not desk.store.list_unusual(later + timedelta(days=1))
    assert (desk.store.end_unusual(later), desk.store.end_unusual(later + timedelta(days=1))) == (0, 1)


@pytest.mark.parametrize(
    ("hosts", "networks"),
    [
        (("192.0.2.1", "192.0.2.2"), 2),
        (("2001:db8::1", "2001:db8::ffff:1", "2001:DB8:0:0::2"), 1),
        (("2001:db8:0:1::1", "2001:db8:0:2::1"), 2),
        (("::ffff:192.0.2.1", "192.0.2.1"), 1),
        (("fe80::1%eth0", "fe80::1%eth1"), 1),
        (("", "testclient"), 2),
    ],
)
def test_who_has_a_network_of_addresses_is_one_sender(hosts: Sequence[str], networks: int) -> None:
    assert len({_name_network(host) for host in hosts}) == networks


def test_forms_end_years_after_they_were_answered(desk: Desk) -> None:
    store, person = desk.store, Identity("u1", "resident_desk", frozenset())
    answered, waiting = (store.keep_form(kind, {"words": "x"}).id for kind in ("complaint", "access"))
    told = store.keep_form("feedback", {"words": "x"}).id
    store.note_form(person, answered, "answered")
    assert store.end_forms(lambda _at: False) == 0
    assert store.end_forms(lambda at: at < f"{date.max}") == 2
    assert [form.id for form in store.forms()] == [waiting]
    ended = {entry.subject for entry in store.entries() if entry.action == "form.ended"}
    assert ended == {answered, told}


@pytest.mark.parametrize(
    ("change", "words"),
    [("DELETE FROM unusual_readings", "was removed"), ("UPDATE unusual_readings SET who = 'another'", "was edited"),
     ("UPDATE unusual_readings SET said_at = 'now'", "was edited"),
     ("UPDATE unusual_readings SET id = '0'", "was removed")],
)  # fmt: skip
def test_who_takes_away_what_is_asked_about_them_is_found_by_verify_log(desk: Desk, change: str, words: str) -> None:
    limit(desk, "[unusual]\naddresses = 0\n")
    desk.how_much.take_check(Identity("u1", "front_door", frozenset()), "front_door", "1")
    assert not desk.store.find_faults(desk.store.entries())
    with closing(sqlite3.connect(desk.invocation.workspace.casework)) as database:
        database.execute(change)
        database.commit()
    assert any(words in fault for fault in desk.store.find_faults(desk.store.entries()))


def test_shipped_limits_are_what_holds_without_the_file() -> None:
    shipped = Limits.load(Path(__file__).resolve().parents[3] / "council")
    plain = Limits()
    assert (shipped.person, shipped.program, shipped.public_forms, shipped.unusual) == (
        plain.person, plain.program, plain.public_forms, plain.unusual,
    )  # fmt: skip
    assert shipped.checks_for("libraries") == 200
    assert shipped.checks_for("parking") == 5_000
    assert issubclass(TooMuchError, CharterError)
    assert API
