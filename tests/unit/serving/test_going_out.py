"""What leaves the council: after a family's yes, once, in order, with a receipt; against real servers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from charter.council.receivers import Receivers
from charter.council.worklist_settings import OwnView
from charter.errors import SoonerError
from charter.vault.vault import NamedPerson, Vault
from serving.casework.unanswered import note_unanswered
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from serving.sending.deliverer import DAYS, deliver_due
from serving.sending.mail_words import write_mail
from serving.sending.signing import sign_webhook, verify_webhook
from serving.store.connection import migrate_database, open_engine
from serving.store.follow_ups import AgreementDraft
from serving.store.leaving.outbox import LEASE, MessageDraft
from serving.store.store import Store
from tests.unit.serving.client import Client, guarded, signed_in
from tests.unit.serving.conftest import AS_OF, World
from tests.unit.serving.listening import Mailbox, WebSystem, mailing, read_mail, web_system
from tests.unit.serving.receivers_file import RECEIVERS

LEAD, DOOR, OPERATOR = "demo-north-lead_practitioner", "demo-front_door", "demo-operator"
SECRET = b"thirty-two bytes of a shared key"


@pytest.fixture
def system() -> Iterator[WebSystem]:
    with web_system(WebSystem()) as system:
        yield system


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mailing(Mailbox()) as mailbox:
        yield mailbox


@pytest.fixture
def desk(world: World, system: WebSystem, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Open a desk whose people have names and whose receivers listen."""
    monkeypatch.setenv("CASE_SYSTEM_SECRET", base64.b64encode(SECRET).decode())
    return open_desk(world, system, mailbox)


def open_desk(world: World, system: WebSystem, mailbox: Mailbox, closes: str = "23:59") -> Desk:
    text = RECEIVERS.format(url=system.url, port=mailbox.port, closes=closes)
    (world.invocation.council.folder / "receivers.toml").write_text(text)
    if not world.workspace.casework.exists():
        rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation.reread(), demo=True)
    vault = Vault.open(world.workspace.vault, desk.key)
    named = zip(world.arrays["person"], world.arrays["person_row"], strict=True)
    vault.replace(
        {person.decode(): NamedPerson(f"Kim Quillfeather{row}", None, f"{row} Elm Lane", "Never on Mondays")
         for person, row in named}
    )  # fmt: skip
    # Every case shows its reasons at once: a lottery may ask for one's own view first.
    return replace(desk, settings=desk.settings.replace(own_view=OwnView(one_in=0)))


def case_of(desk: Desk, number: int = 0) -> str:
    return desk.store.referrals("early_help", "north-2026-09-28")[number].id


def take_up(desk: Desk, case: str) -> Client:
    client = signed_in(desk, LEAD)
    action = f"/cases/{case}/decision"
    hidden = client.form_of(f"/cases/{case}/decide/taken_up", action)
    fields = {"reason": "taken_up:need_confirmed", "safe": "yes"}
    assert client.post(action, {**hidden, **fields}).headers["location"].endswith("done=decided")
    return client


def agree(desk: Desk, case: str, to: str = "case_system", shared: tuple[str, ...] = ("needs",)) -> str:
    """Say on the page that the family said yes; return what the case says then."""
    client = take_up(desk, case)
    path = f"/cases/{case}/agreement"
    days = re.findall(r'name="until" type="radio" value="([^"]+)"', client.get(path).text)
    fields = {f"shared-{name}": "yes" for name in shared} | {"to": to, "until": days[0], "words": "Help with mornings"}
    answer = client.post(path, {**client.form_of(path, path), **fields})
    assert answer.headers["location"].endswith("done=agreed"), answer.headers["location"]
    return client.get(answer.headers["location"]).text


def withdraw(desk: Desk, case: str) -> str:
    client = signed_in(desk, LEAD)
    action = f"/cases/{case}/withdrawn"
    answer = client.post(action, client.form_of(f"/cases/{case}", action))
    return client.get(answer.headers["location"]).text


def deliver(desk: Desk, later: timedelta = timedelta(0)) -> int:
    return deliver_due(desk.store, desk.receivers, "Fernhill", datetime.now(UTC) + later)


def states(desk: Desk) -> list[tuple[str, str]]:
    return [(message.kind, message.state) for message in desk.store.messages()]


def test_nothing_leaves_before_the_family_s_yes(desk: Desk, system: WebSystem, mailbox: Mailbox) -> None:
    """Seen to fail with a message put when the case is taken up."""
    case = case_of(desk)
    take_up(desk, case)
    assert deliver(desk) == 0
    assert (desk.store.messages(), system.requests, mailbox.mails) == ([], [], [])
    page = agree(desk, case_of(desk, 1))
    assert "It goes to Family support case system now" in page
    assert "on its way" in page
    assert deliver(desk) == 1
    assert len(system.requests) == 1


def test_a_system_gets_what_the_family_agreed_to_and_no_more(desk: Desk, system: WebSystem) -> None:
    """Seen to fail with names put in whatever was agreed."""
    case = case_of(desk)
    client, path = signed_in(desk, LEAD), f"/cases/{case}/help"
    client.post(path, {**client.form_of(path, path), "offer-own-1": "yes"})
    agree(desk, case)
    agree(desk, case_of(desk, 1), shared=("contact",))
    agree(desk, case_of(desk, 2), shared=("records",))
    assert deliver(desk) == 3
    (headers, body), (_, other), (_, recorded) = system.requests
    assert {"people", "home", "needs"} & set(json.loads(recorded)["data"]) == set()
    assert "Quillfeather" not in recorded.decode()
    assert verify_webhook(SECRET, headers, body, datetime.now(UTC)) == desk.store.messages()[0].name
    data = json.loads(body)["data"]
    assert (json.loads(body)["type"], data["referral"], data["needs"]) == ("referral", case, "Help with mornings")
    assert data["made_up"] is True
    assert data["offers"] == ["Family support worker, eight weeks, North family help team"]
    assert "Quillfeather" not in body.decode()
    assert "Elm Lane" not in body.decode()
    told = json.loads(other)["data"]
    assert "needs" not in told
    assert all("Quillfeather" in name for name in told["people"])
    assert told["home"].endswith("Elm Lane")
    page = signed_in(desk, LEAD).get(f"/cases/{case}").text
    assert "Family support case system has it" in page
    assert "202 Accepted, reference FS-4711" in page
    # What was said lies nowhere in the outbox once it is delivered.
    assert all(message.body == b"" for message in desk.store.messages())


def test_failures_end_in_each_message_once_and_in_order(desk: Desk, system: WebSystem) -> None:
    """Seen to fail with a name made anew for each attempt, and with lanes left out of the claim."""
    cases = [case_of(desk, number) for number in range(3)]
    for case in cases:
        agree(desk, case)
    system.script = [503, "drop", "lost", 429, 202]
    later = timedelta(0)
    for _ in range(12):
        deliver(desk, later)
        later += timedelta(hours=1)
    put = [message.name for message in desk.store.messages()]
    assert states(desk) == [("referral", "delivered")] * 3
    assert system.taken == put
    # The one whose answer was lost came a second time, by the same name; no other did.
    assert [system.names.count(name) for name in put] == [2, 1, 1]
    assert [message.attempts for message in desk.store.messages()] == [5, 1, 1]


def test_a_message_waits_as_long_as_it_is_asked_to(desk: Desk, system: WebSystem) -> None:
    agree(desk, case_of(desk))
    system.script, system.headers = [503], {"retry-after": "3600"}
    assert deliver(desk) == 0
    assert "Tried once: it answered 503" in signed_in(desk, LEAD).get(f"/cases/{case_of(desk)}").text
    assert deliver(desk, timedelta(minutes=50)) == 0
    assert len(desk.store.messages(state="waiting")) == 1
    assert deliver(desk, timedelta(minutes=61)) == 1


def test_what_was_not_sent_yet_is_stopped_by_a_withdrawal(desk: Desk, system: WebSystem) -> None:
    """Seen to fail with `_call_back` left out of the withdrawal."""
    case = case_of(desk)
    agree(desk, case)
    page = withdraw(desk, case)
    assert "It had not left the council" in page
    assert deliver(desk) == 0
    assert system.requests == []
    assert states(desk) == [("referral", "cancelled")]


def test_what_was_sent_is_called_back_with_a_receipt(desk: Desk, system: WebSystem) -> None:
    case = case_of(desk)
    agree(desk, case)
    deliver(desk)
    assert "What was sent is called back" in withdraw(desk, case)
    assert deliver(desk) == 1
    sent, recall = (json.loads(body) for _, body in system.requests)
    assert (recall["type"], recall["data"]["calls_back"]) == ("recall", sent["data"]["message"])
    assert "Calling back: Family support case system has it" in signed_in(desk, LEAD).get(f"/cases/{case}").text


def test_a_recall_comes_after_what_was_on_its_way_when_it_was_asked_for(desk: Desk) -> None:
    """Seen to fail with a claimed message that was cancelled no longer holding its lane."""
    case = case_of(desk)
    agree(desk, case)
    now = datetime.now(UTC)
    flying = desk.store.claim_message(["case_system"], now)
    assert flying is not None
    withdraw(desk, case)
    assert desk.store.claim_message(["case_system"], now + timedelta(seconds=5)) is None
    desk.store.settle_message(flying, "delivered", receipt="202")
    recall = desk.store.claim_message(["case_system"], now + timedelta(seconds=6))
    assert recall is not None
    assert recall.kind == "recall"


def test_a_yes_that_does_not_stand_any_more_is_not_sent_whatever_the_outbox_has(desk: Desk, system: WebSystem) -> None:
    """Seen to fail with `may_leave` always true."""
    case = case_of(desk)
    agree(desk, case)
    with desk.store._acting() as act:
        desk.store._add_agreement(
            act, signed_in_identity(), case, "withdrawn", desk_draft()
        )  # as if a withdrawal had cancelled nothing
    assert deliver(desk) == 0
    assert system.requests == []
    assert states(desk) == [("referral", "cancelled")]


def signed_in_identity() -> Identity:
    return Identity(LEAD, "lead_practitioner", frozenset({"north"}))


def desk_draft() -> AgreementDraft:
    return AgreementDraft((), "x", "")


def test_an_objection_calls_back_what_was_sent(desk: Desk, system: WebSystem) -> None:
    case = case_of(desk)
    agree(desk, case)
    deliver(desk)
    desk.store.remove([desk.store.members(case)[0]], "withdrawn", actor="sooner")
    assert deliver(desk) == 1
    assert [json.loads(body)["type"] for _, body in system.requests] == ["referral", "recall"]


def test_a_refusal_is_said_on_the_case_and_no_redirect_is_followed(desk: Desk, system: WebSystem) -> None:
    """Seen to fail with urllib's own redirects: the other server got it."""
    case = case_of(desk)
    agree(desk, case)
    with web_system(WebSystem()) as elsewhere:
        system.script, system.headers = [302, 422], {"location": elsewhere.url}
        deliver(desk)
        assert deliver(desk, timedelta(hours=1)) == 0
        assert elsewhere.requests == []
    assert states(desk) == [("referral", "refused")]
    page = signed_in(desk, LEAD).get(f"/cases/{case}").text
    assert "not delivered, they refused it" in page
    assert "Tell them yourself, or type it in" in page.partition("Your decision")[0]


def test_what_nobody_answers_for_days_is_given_up_and_said(desk: Desk, system: WebSystem) -> None:
    agree(desk, case_of(desk))
    system.script = ["drop"] * 3
    deliver(desk)
    deliver(desk, timedelta(days=DAYS, minutes=1))
    assert states(desk) == [("referral", "given_up")]


def test_a_mail_holds_a_case_number_and_nothing_else_about_anybody(desk: Desk, mailbox: Mailbox) -> None:
    case = case_of(desk)
    agree(desk, case, to="door", shared=("contact", "needs", "records"))
    mailbox.script = ["451 later"]
    assert deliver(desk) == 0
    assert deliver(desk, timedelta(minutes=5)) == 1
    (mail,) = mailbox.mails
    number = f"{case[:4]}-{case[4:8]}".upper()
    assert (mail["to"], mail["subject"]) == ("door@fernhill.example", f"Referral: case {number}")
    text = read_mail(mail)
    assert number in text
    for personal in ("Quillfeather", "Elm Lane", "Mondays", "mornings", case):
        assert personal not in text
    assert mail["message-id"] == f"<{desk.store.messages()[0].name}@fernhill.example>"
    page = signed_in(desk, LEAD).get(f"/cases/{case}").text
    assert "Receipt: 250 OK queued as 77" in page
    withdraw(desk, case)
    mailbox.script = ["550 no such mailbox"]
    deliver(desk)
    assert states(desk) == [("referral", "delivered"), ("recall", "refused")]


def test_no_title_begins_a_header_or_holds_up_the_mail(desk: Desk) -> None:
    """Seen to fail without one line for a subject: `mail["Subject"]` refused it, and nothing behind it was sent."""
    title = "no list for North\r\nBcc: somebody@elsewhere.example"
    told = {"title": title, "sentence": f"{title}\n\n.\n", "next_step": "Look."}
    somebody = Identity("u", "r", frozenset())
    name = desk.store.put_message(somebody, MessageDraft("mailbox", "alert", told))
    subject, text = write_mail(desk.store.messages(name=name)[0], "Fernhill\nBcc: x@elsewhere.example")
    mail = EmailMessage()
    mail["Subject"] = subject
    assert "\n" not in subject
    assert not [line for line in text.splitlines() if line.startswith(("Bcc", "."))]


def test_a_step_up_reaches_people_and_somebody_says_that_they_have_it(desk: Desk, mailbox: Mailbox) -> None:
    case = case_of(desk)
    worker, door = signed_in(desk, LEAD), signed_in(desk, DOOR)
    where = step_up(worker, case)
    page = worker.get(where).text
    assert page.index("999") < page.index("01632 960200")
    assert "A message goes to Front door now" in page
    mailbox.script = ["451 later"]
    deliver(desk)
    assert "The message to Front door has not arrived" in worker.get(where).text
    assert deliver(desk, timedelta(minutes=1)) == 1
    assert "Front door has the message" in worker.get(where).text
    assert [mail["subject"] for mail in mailbox.mails] == [f"Stepped up: case {case[:4]}-{case[4:8]}".upper().replace(
        "STEPPED UP: CASE", "Stepped up: case")]  # fmt: skip
    action = f"/cases/{case}/take-step-up"
    taken = door.post(action, door.form_of("/step-ups", action))
    assert "You have it" in door.get(taken.headers["location"]).text
    assert "Taken: Front door, at" in worker.get(where).text
    # Nobody takes it a second time.
    assert (
        worker.post(action, {"form_token": worker.form_of("/my-cases", "/sign-out")["form_token"]}).status_code == 400
    )
    assert note_unanswered(desk, datetime.now(UTC) + timedelta(minutes=16)) == 0


def step_up(client: Client, case: str) -> str:
    action = f"/cases/{case}/step-up"
    return client.post(action, client.form_of(f"/cases/{case}", action)).headers["location"]


def test_a_step_up_that_nobody_took_is_said_on_every_page_and_told_once_more(
    desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail with the banner left out of the page, and with the second telling of another name each time."""
    case = case_of(desk)
    worker = signed_in(desk, LEAD)
    step_up(worker, case)
    deliver(desk)
    assert "Nobody took case" not in worker.get("/my-cases").text
    later = datetime.now(UTC) + timedelta(minutes=16)
    assert note_unanswered(desk, later) == 1
    assert note_unanswered(desk, later) == 0
    deliver(desk)
    assert len(mailbox.mails) == 2
    assert "Nobody has taken it yet" in read_mail(mailbox.mails[1])
    standing = desk.store.step_up(case)
    assert standing is not None
    assert standing.nobody

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # the test's own time
            assert tz is UTC
            return later

    monkeypatch.setattr("serving.casework.unanswered.datetime", Later)
    for path in ("/my-cases", "/worklists/north"):
        page = worker.get(path).text
        assert "Nobody took case" in page, path
        assert "01632 960200" in page
    assert "Nobody took case" not in signed_in(desk, DOOR).get("/my-cases").text


def test_outside_the_hours_nothing_waits_and_the_page_says_whom_to_ring(
    world: World, system: WebSystem, mailbox: Mailbox
) -> None:
    closed = open_desk(world, system, mailbox, closes="00:01")
    case = case_of(closed)
    worker = signed_in(closed, LEAD)
    page = worker.get(step_up(worker, case)).text
    assert "01632 960201" in page
    assert "Nobody answers messages at this hour" in page
    assert closed.store.messages() == []
    assert closed.store.step_up(case) is None


def report(desk: Desk, secret: bytes = SECRET, name: str = "report-1", **body: str) -> tuple[int, dict[str, str]]:
    content = json.dumps(body).encode()
    headers = {"content-type": "application/json", **sign_webhook(secret, name, content, datetime.now(UTC))}
    answer = Client(guarded(desk)).send("POST", "/v1/outcomes", content=content, headers=headers)
    return answer.status_code, answer.json()


def test_a_receiver_reports_back_what_became_of_what_it_was_sent(desk: Desk) -> None:
    case = case_of(desk)
    agree(desk, case)
    agree(desk, case_of(desk, 1), to="door")
    message, others = (each.name for each in desk.store.messages())
    body = {"receiver": "case_system", "message": message, "status": "accepted", "reference": "FS-4711"}
    assert report(desk, **body)[0] == 400, "nothing was sent yet"
    deliver(desk)
    assert report(desk, **body)[0] == 201
    assert report(desk, **body)[0] == 200, "the same report again"
    assert len(desk.store.list_outcomes(case)) == 1
    page = signed_in(desk, LEAD).get(f"/cases/{case}").text
    assert "Family support case system: They take it" in page
    assert "their reference FS-4711" in page
    for status, words in (
        (report(desk, b"another secret of thirty-two byt", "r2", **body)[0], "signed with another secret"),
        (report(desk, name="r3", **{**body, "receiver": "door"})[0], "no system that reports"),
        (report(desk, name="r4", **{**body, "message": "0" * 32})[0], "not there"),
        (report(desk, name="r5", **{**body, "message": others})[0], "not sent to it"),
    ):
        assert status in (400, 403), words
    assert len(desk.store.list_outcomes(case)) == 1


def test_an_old_report_is_not_taken(desk: Desk) -> None:
    content = b'{"receiver": "case_system", "message": "m", "status": "accepted"}'
    stale = sign_webhook(SECRET, "r", content, datetime.now(UTC) - timedelta(minutes=6))
    headers = {"content-type": "application/json", **stale}
    assert Client(guarded(desk)).send("POST", "/v1/outcomes", content=content, headers=headers).status_code == 403


def test_the_operator_sees_what_waits_and_why_and_no_case(desk: Desk, system: WebSystem) -> None:
    case = case_of(desk)
    agree(desk, case)
    system.script = [503]
    deliver(desk)
    client = signed_in(desk, OPERATOR)
    page = client.get("/going-out").text
    assert "it answered 503" in page
    assert case[:4].upper() not in page
    assert client.get("/").headers["location"] == "/going-out"
    answer = client.post("/going-out", client.form_of("/going-out", "/going-out"))
    assert "tried again now" in client.get(answer.headers["location"]).text
    assert deliver(desk) == 1


def test_one_process_at_a_time_has_a_message_and_another_takes_over_after_the_lease(url: str) -> None:
    """Seen to fail with the claim's update asking for no state."""
    engines = [open_engine(url) for _ in range(2)]
    migrate_database(engines[0])
    first, second = (Store(engine) for engine in engines)
    somebody = Identity("u", "r", frozenset())
    names = [first.put_message(somebody, MessageDraft("a", "alert", {"n": number})) for number in range(2)]
    now = datetime.now(UTC)
    claimed = first.claim_message(["a"], now)
    assert claimed is not None
    assert claimed.name == names[0]
    assert second.claim_message(["a"], now) is None
    assert second.claim_message(["b"], now) is None
    again = second.claim_message(["a"], now + LEASE + timedelta(seconds=1))
    assert again is not None
    assert (again.name, again.attempts) == (names[0], 2)
    # Who lost the lease settles nothing.
    first.settle_message(claimed, "refused")
    assert first.messages(state="refused") == []
    second.settle_message(again, "delivered", receipt="ok")
    following = first.claim_message(["a"], now + LEASE + timedelta(seconds=2))
    assert following is not None
    assert following.name == names[1]
    for store in (first, second):
        store.close()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('hosts = ["127.0.0.1"]', "hosts = []", "does not allow"),
        ('mail_domains = ["fernhill.example"]', "", "does not allow"),
        ('url = "{url}"', 'url = "http://cases.example/x"', "is no https address"),
        ('url = "{url}"', 'url = "https://user:word@127.0.0.1/x"', "holds a name, a password or a query"),
        ('to = ["door"]', 'to = ["case_system"]', "is not sent step-ups"),
        ('to = ["door"]', 'to = ["nobody"]', "which is no receiver"),
        ('secret_from = "CASE_SYSTEM_SECRET"', 'secret_from = "whsec_abc="', "is not the name of an environment"),
        ('host = "127.0.0.1"', 'host = "mail.example"', "open line"),
        ('opens = "00:00"', 'opens = "23:59"', "closes before it opens"),
        ('address = "door@fernhill.example"', 'address = "a@b.example, c@d.example"', "is no address"),
    ],
)
def test_a_slip_in_the_receivers_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "receivers.toml"
    assert old in RECEIVERS
    text = RECEIVERS.replace(old, new).replace("{url}", "http://127.0.0.1:1/x").replace("{port}", "25")
    path.write_text(text.replace("{closes}", "23:59"))
    with pytest.raises(SoonerError, match=said):
        Receivers.read(path)


@pytest.mark.usefixtures("desk")
def test_an_example_is_sent_nothing(world: World, system: WebSystem) -> None:
    path = world.invocation.council.folder / "receivers.toml"
    path.write_text("example = true\n" + path.read_text())
    example = Desk.open(world.invocation.reread(), demo=True)
    assert "With whom?" in take_up(example, case_of(example)).get(f"/cases/{case_of(example)}/agreement").text
    assert example.receivers.sent("referral") == ()
    example.store.put_message(signed_in_identity(), MessageDraft("case_system", "alert", {}))
    assert deliver(example) == 0
    assert system.requests == []
