"""Residents' forms: anybody may send one from anywhere, nobody is told anything by it, and the desk answers in time."""

from __future__ import annotations

import sqlite3
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from serving.desk import Desk
from serving.store.arriving.resident_forms import FORM_KINDS, ResidentForm, find_due_day
from tests.unit.serving.client import BASE, Client, guarded, signed_in

DOOR, LEAD = "demo-resident_desk", "demo-north-lead_practitioner"
SENT = {"name": "Ada Example", "reach": "01632 960999, after six", "words": "A letter of mine went next door."}
SITE = "https://www.fernhill.example"


def send(client: Client, kind: str, fields: dict[str, str], origin: str = SITE) -> int:
    return client.post(f"/public/{kind}", fields, origin=origin).status_code


def test_a_form_comes_from_the_residents_site_and_is_kept_sealed_with_its_clock(desk: Desk) -> None:
    client = Client(guarded(desk))
    answer = client.post("/public/complaint", SENT, origin=SITE)
    assert answer.status_code == 201
    (form,) = desk.store.forms()
    assert form.reference in answer.text
    assert (find_due_day(form, desk.invocation.council.time_zone) - desk.day(form.at)).days == 30
    whole = b"".join(path.read_bytes() for path in desk.invocation.workspace.root.glob("casework.db*"))
    assert not [text for text in SENT.values() if text.encode() in whole]
    assert not list(client.cookies), "nothing of theirs is kept in the browser"


def test_every_kind_is_a_page_that_works_without_an_account(desk: Desk) -> None:
    client = Client(guarded(desk))
    for kind, form in FORM_KINDS.items():
        page = client.get(f"/public/{kind}")
        assert page.status_code == 200
        assert form.title in page.text
        assert send(client, kind, SENT) == 201, kind
        needed = {"reach": form.needs_reach, "words": form.needs_words}
        for name in (name for name, is_needed in needed.items() if is_needed):
            missing = client.post(f"/public/{kind}", SENT | {name: " "}, origin=BASE)
            assert missing.status_code == 400
            assert "There is a problem" in missing.text
            assert SENT["name"] in missing.text, "what was typed stays there"
    assert len(desk.store.forms()) == len(FORM_KINDS)
    assert client.get("/public/other").status_code == 404


def test_what_is_too_long_or_odd_is_no_fault_of_ours(desk: Desk) -> None:
    client = Client(guarded(desk))
    assert send(client, "complaint", SENT | {"words": "x" * 4001}) == 400
    for odd in ("\x00", "\u202e", "\x1b[2J", "9" * 5000, "\u00b2"):
        assert send(client, "complaint", SENT | {"reach": odd, "use": odd}) in (201, 400)
    assert not [form for form in desk.store.forms() if form.kind != "complaint"]


def test_only_the_public_forms_are_taken_from_another_origin(desk: Desk) -> None:
    client = signed_in(desk, DOOR)
    form = desk.store.keep_form("access", SENT)
    fields = client.form_of(f"/requests/{form.id}", f"/requests/{form.id}") | {"step": "answered"}
    assert client.post(f"/requests/{form.id}", fields, origin=SITE).status_code == 403


def limit(desk: Desk, text: str) -> None:
    (desk.invocation.council.folder / "limits.toml").write_text(f"[public_forms]\n{text}\n", encoding="utf-8")


def test_one_address_and_all_together_are_limited_by_day(desk: Desk) -> None:
    limit(desk, "from_one_address = 2")
    app = guarded(desk)
    one, other = Client(app, "192.0.2.1"), Client(app, "192.0.2.2")
    assert [send(one, "complaint", SENT) for _ in range(3)] == [201, 201, 429]
    assert send(other, "complaint", SENT) == 201
    limit(desk, "together = 3")
    assert send(Client(app, "192.0.2.3"), "complaint", SENT) == 429
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        assert not [who for (who,) in database.execute("SELECT who FROM allowances") if "192.0.2" in who]


def test_the_desk_reads_it_acknowledges_it_and_answers_it_once_and_each_is_logged(desk: Desk) -> None:
    form = desk.store.keep_form("complaint", SENT)
    client = signed_in(desk, DOOR)
    assert form.reference in client.get("/requests").text
    assert "30 days left" in client.get("/requests").text
    page = client.get(f"/requests/{form.id}").text
    assert SENT["words"] in page
    assert "We have your complaint" in page, "the letter"
    path = f"/requests/{form.id}"
    token = client.form_of(path, path)["form_token"]
    for step in ("acknowledged", "answered"):
        assert client.post(path, {"form_token": token, "step": step}).status_code == 303
        assert client.post(path, {"form_token": token, "step": step}).status_code == 400, "once"
    assert form.reference not in client.get("/requests").text
    actions = [entry.action for entry in desk.store.entries() if entry.subject == form.id]
    assert actions[0] == "form.came"
    assert {"form.read", "form.acknowledged", "form.answered"} <= set(actions)
    assert SENT["words"] not in str(desk.store.entries())


def test_nobody_else_reads_what_residents_sent(desk: Desk) -> None:
    form = desk.store.keep_form("complaint", SENT)
    for client, status in ((Client(guarded(desk)), 303), (signed_in(desk, LEAD), 403)):
        assert client.get("/requests").status_code == status
        assert client.get(f"/requests/{form.id}").status_code == status


@pytest.mark.parametrize(
    ("kind", "came", "due"),
    [("complaint", "2026-01-31", date(2026, 3, 2)), ("access", "2026-01-31", date(2026, 2, 28)),
     ("access", "2026-12-15", date(2027, 1, 15)), ("objection", "2027-11-30", date(2027, 12, 30))],
)  # fmt: skip
def test_a_clock_ends_on_its_day(kind: str, came: str, due: date) -> None:
    form = ResidentForm("a" * 32, kind, f"{came}T12:00:00.000000+00:00", "", "", "", "")
    assert find_due_day(form, ZoneInfo("Europe/London")) == due
