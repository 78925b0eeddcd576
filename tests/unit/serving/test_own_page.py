"""One person's own page: behind a code that is written nowhere, for some days, in one sitting, and for nobody else."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from charter.errors import CharterError, UsageError
from charter.vault.envelope import unseal_value
from serving.desk import Desk
from serving.forget import forget
from serving.own_page import OWN_PAGE, OwnPage, prepare_own_page
from serving.store.leaving import own_pages
from serving.store.leaving.own_pages import OwnPageRelease, write_code
from tests.unit.serving.client import BASE, Client, guarded
from tests.unit.serving.conftest import ROOT

COPY = "<!doctype html><title>What is held</title><p>Ada Example, of Mill Lane</p>"
PERSON, OTHER = "a" * 32, "b" * 32
PATH = "/public/your-page"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """Give a desk of a council that turned the page on."""
    text = 'own_page_days = 14\ndoor = "https://sooner.fernhill.example"\n'
    (desk.invocation.council.folder / "public.toml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "council" / "register.toml", desk.invocation.council.folder)
    return desk


def keep(desk: Desk, person: str = PERSON, days: float = 14) -> str:
    release = OwnPageRelease("x1f0", person, "data_protection_officer", datetime.now(UTC) + timedelta(days=days))
    return desk.store.keep_own_page(desk.key.derive(OWN_PAGE), COPY, release)


def try_code(client: Client, code: str) -> tuple[int, str]:
    answer = client.post(PATH, {"code": code}, origin=BASE)
    return answer.status_code, answer.text


def read_rows(desk: Desk) -> list[tuple[str, str]]:
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        return database.execute("SELECT person, ends_at FROM own_pages ORDER BY person").fetchall()


def test_the_code_opens_the_released_copy_and_no_other_word_does(desk: Desk) -> None:
    """Broken by a page that is found by anything but the whole code."""
    code, client = keep(desk), Client(guarded(desk))
    assert "Your code" in client.get(PATH).text
    for wrong in ("", code[:-1], code[:-1] + ("A" if code[-1] != "A" else "C"), "x1f0", PERSON, "é" * 20, code + "A"):
        status, text = try_code(client, wrong)
        assert (status, "This code opens no page" in text, "Ada" in text) == (400, True, False)
    typed = write_code(code).lower().replace("-", " - ")
    answer = client.post(PATH, {"code": typed}, origin=BASE)
    assert (answer.status_code, answer.text) == (200, COPY)
    assert answer.headers["cache-control"] == "no-store"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert not list(client.cookies)


def test_the_code_is_used_up_when_its_sitting_is_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken by an opening that leaves the page its days, and by one that begins the half hour again."""
    code, client = keep(desk), Client(guarded(desk))
    assert try_code(client, code)[0] == 200
    ((_, first),) = read_rows(desk)
    assert datetime.fromisoformat(first) <= datetime.now(UTC) + timedelta(minutes=30)
    assert try_code(client, code)[0] == 200, "read again within the half hour"
    assert read_rows(desk)[0][1] == first
    monkeypatch.setattr(own_pages, "SITTING", timedelta(seconds=-1))
    other = keep(desk, OTHER)
    assert try_code(client, other)[0] == 200
    assert try_code(client, other)[0] == 400
    acts = [entry for entry in desk.store.entries() if entry.action.startswith("own_page")]
    assert [entry.action for entry in acts] == [
        "own_page.made", "own_page.opened", "own_page.opened", "own_page.made", "own_page.opened",
    ]  # fmt: skip
    assert {entry.subject for entry in acts} == {"x1f0"}
    assert code not in str(acts)


def test_a_code_ends_on_its_day_and_what_is_past_is_removed(desk: Desk) -> None:
    code = keep(desk, days=-0.01)
    assert try_code(Client(guarded(desk)), code)[0] == 400
    keep(desk, OTHER)
    assert [person for person, _ in read_rows(desk)] == [OTHER]


def test_neither_code_nor_page_is_in_any_file(desk: Desk) -> None:
    """Broken by a seal of the council's key alone: the page would open without the code."""
    code = keep(desk)
    whole = b"".join(path.read_bytes() for path in desk.invocation.workspace.root.rglob("*") if path.is_file())
    assert not [text for text in (code, write_code(code), "Ada Example") if text.encode() in whole]
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        ((name, sealed),) = database.execute("SELECT id, sealed FROM own_pages").fetchall()
    secret = desk.key.derive(OWN_PAGE)
    assert unseal_value(own_pages._make_key(secret, code), name, sealed).decode() == COPY
    for key in (secret, own_pages._make_key(secret, "A" * 20), own_pages._make_key(bytes(32), code)):
        with pytest.raises(CharterError):
            unseal_value(key, name, sealed)


def test_tries_are_limited_apart_from_forms(desk: Desk) -> None:
    (desk.invocation.council.folder / "limits.toml").write_text("[public_forms]\nfrom_one_address = 2\n")
    client = Client(guarded(desk), "192.0.2.1")
    assert [try_code(client, "wrong")[0] for _ in range(3)] == [400, 400, 429]
    assert try_code(client, keep(desk))[0] == 429
    sent = {"reach": "a friend", "words": "A letter went next door."}
    assert client.post("/public/complaint", sent, origin=BASE).status_code == 201


def test_what_is_removed_of_a_person_takes_their_page_with_it(desk: Desk) -> None:
    code, other = keep(desk), keep(desk, OTHER)
    forget([PERSON], desk.invocation.workspace)
    client = Client(guarded(desk))
    assert [try_code(client, each)[0] for each in (code, other)] == [400, 200]


def test_it_is_nowhere_until_the_council_turns_it_on(desk: Desk) -> None:
    code, invocation = keep(desk), desk.invocation.reread()
    page = prepare_own_page(invocation, "x2", PERSON, "data_protection_officer")
    assert isinstance(page, OwnPage)
    page.keep(COPY)
    assert page.facts["code"] in page.words
    assert page.code not in repr(page)
    assert try_code(Client(guarded(desk)), page.facts["code"]) == (200, COPY)
    with pytest.raises(UsageError, match="whose it is"):
        prepare_own_page(invocation, "x3", "", "data_protection_officer")
    (desk.invocation.council.folder / "public.toml").write_text('door = "https://sooner.fernhill.example"\n')
    with pytest.raises(UsageError, match="no page can be opened by a code here"):
        prepare_own_page(desk.invocation.reread(), "x2", PERSON, "data_protection_officer")
    desk.invocation.__dict__.pop("public", None)
    client = Client(guarded(desk))
    assert client.get(PATH).status_code == 404
    assert try_code(client, code)[0] == 404
