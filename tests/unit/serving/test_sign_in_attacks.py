"""Attacks on signing in, on sessions and on the API's tokens: each is refused, and said why in the service's log alone.

Every one is made of a sign-in that works, with one thing changed, at a real provider; where one got in, its test fails.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from charter.contracts.files import file_digest, read_json, write_json
from charter.vault.made_up import is_made_up, mark_files
from serving.access.provider import OpenIDProvider, UnreachableProviderError
from serving.session import PAGE, Beginning
from tests.unit.serving.client import BASE, Client
from tests.unit.serving.entering import Entering, form_token_of, open_entering, token_of
from tests.unit.serving.signing_provider import Provider

LIST = "/worklists/north"
ADA = {"forename": "Ada", "surname": "Marsh", "birth_date": "1980-02-01", "uprn": "100012345678", "asked_by": "parking"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Entering]:
    with open_entering(tmp_path_factory.mktemp("attacked"), provider) as opened:
        provider.person("victim", ["workers-north"])
        provider.person("attacker", ["workers-east"])
        yield opened


@pytest.fixture
def entering(world: Entering, caplog: pytest.LogCaptureFixture) -> Iterator[Entering]:
    caplog.set_level(logging.WARNING, "sooner.sign_in")
    yield world
    world.provider.lie()


def refused(client: Client, page: httpx.Response, words: str) -> bool:
    """Whether a page says that nobody was let in, in words, and the browser indeed opens nothing."""
    assert words in page.text, page.text[-3000:]
    return page.status_code == 403 and client.get(LIST).status_code == 303


def answer_to(entering: Entering, client: Client, user: str = "victim") -> str:
    """Return the provider's answer to a sign-in that this browser began."""
    return entering.provider.let_in(entering.go(client), user)


def test_the_state_of_another_sign_in(entering: Entering) -> None:
    client = entering.browser()
    page = entering.come_back(client, answer_to(entering, client), state="A" * 32)
    assert refused(client, page, "not begun in this browser")


def test_no_state_at_all(entering: Entering) -> None:
    client = entering.browser()
    assert refused(client, entering.come_back(client, answer_to(entering, client), state=None), "not begun in this")


def test_login_csrf_an_attacker_s_answer_in_the_victim_s_browser(entering: Entering) -> None:
    attacker, victim = entering.browser(), entering.browser()
    answer = answer_to(entering, attacker, "attacker")
    assert refused(victim, entering.come_back(victim, answer), "not begun in this browser")
    entering.go(victim)  # even where the victim's browser has a beginning of its own
    assert refused(victim, entering.come_back(victim, answer), "not begun in this browser")


def test_the_nonce_of_another_sign_in(entering: Entering) -> None:
    entering.provider.lie(id_token={"nonce": "of-another-one"})
    assert refused(*entering.sign_in("victim"), "nonce")


def test_no_nonce(entering: Entering) -> None:
    entering.provider.lie(id_token={"nonce": None})
    assert refused(*entering.sign_in("victim"), "nonce")


def test_a_stolen_code_without_the_verifier_of_its_beginning(entering: Entering) -> None:
    """PKCE: the thief has the code, and a beginning of their own with another verifier."""
    victim, thief = entering.browser(), entering.browser()
    code = parse_qs(urlsplit(answer_to(entering, victim)).query)["code"][0]
    page = entering.come_back(thief, answer_to(entering, thief, "attacker"), code=code)
    assert refused(thief, page, "does not stand by it")


def test_pkce_is_asked_for_with_s256(entering: Entering) -> None:
    query = parse_qs(urlsplit(entering.go(entering.browser())).query)
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["code_challenge"][0]) == 43
    assert query["response_type"] == ["code"]


def test_mix_up_an_answer_at_another_provider_s_address(entering: Entering) -> None:
    client = entering.browser()
    answer = answer_to(entering, client).replace("/sign-in/back/staff", "/sign-in/back/other")
    assert refused(client, entering.come_back(client, answer), "another provider answered")


def test_mix_up_an_answer_that_names_another_issuer(entering: Entering) -> None:
    entering.provider.lie(iss="https://evil.example")
    assert refused(*entering.sign_in("victim"), "another provider answered")


def test_a_provider_s_document_that_names_another_issuer(entering: Entering) -> None:
    row = entering.desk.sign_in.rules.provider("staff")
    assert row is not None
    OpenIDProvider(row).begin("http://127.0.0.1/")
    with pytest.raises(UnreachableProviderError):
        OpenIDProvider(row.replace(issuer=f"{row.issuer}/")).begin("http://127.0.0.1/")


def test_a_code_used_twice(entering: Entering) -> None:
    client = entering.browser()
    answer = answer_to(entering, client)
    beginning = client.cookies.get("sooner_login")
    assert entering.come_back(client, answer).status_code == 200
    again = entering.browser()
    again.cookies.set("sooner_login", str(beginning), domain="127.0.0.1", path="/sign-in")
    assert refused(again, entering.come_back(again, answer), "does not stand by it")


def test_a_beginning_used_twice(entering: Entering) -> None:
    """Even where a provider gives a second code for one beginning."""
    client = entering.browser()
    address = entering.go(client)
    beginning = client.cookies.get("sooner_login")
    assert entering.come_back(client, entering.provider.let_in(address, "victim")).status_code == 200
    again = entering.browser()
    again.cookies.set("sooner_login", str(beginning), domain="127.0.0.1", path="/sign-in")
    page = entering.come_back(again, entering.provider.let_in(address, "victim"))
    assert refused(again, page, "used before")


def test_a_beginning_from_too_long_ago(entering: Entering, monkeypatch: pytest.MonkeyPatch) -> None:
    client = entering.browser()
    answer = answer_to(entering, client)
    now = time.time()
    monkeypatch.setattr("cryptography.fernet.time.time", lambda: now + 601)
    assert refused(client, entering.come_back(client, answer), "too long ago")


def test_a_forged_id_token(entering: Entering) -> None:
    entering.provider.lie(alg="another key")
    assert refused(*entering.sign_in("victim"), "signature is not the issuer")


def test_an_unsigned_id_token(entering: Entering) -> None:
    entering.provider.lie(alg="none")
    assert refused(*entering.sign_in("victim"), "not signed with a key pair")


def test_key_confusion_the_public_key_as_a_shared_secret(entering: Entering) -> None:
    entering.provider.lie(alg="HS256")
    assert refused(*entering.sign_in("victim"), "not signed with a key pair")


@pytest.mark.parametrize(
    ("claims", "claim"),
    [
        ({"exp": 1_700_000_000}, "exp"),
        ({"exp": None}, "exp"),
        ({"iat": 4_000_000_000}, "iat"),
        ({"aud": "somebody-else"}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": ["sooner", "somebody-else"]}, "made for somebody else too"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"sub": None}, "sub"),
        ({"sub": "ada.marsh@council.example"}, "no id of a person"),
        ({"sub": "demo-north-lead"}, "a word of ours"),
    ],
)
def test_an_id_token_whose_claims_do_not_fit(entering: Entering, claims: dict[str, object], claim: str) -> None:
    entering.provider.lie(id_token=claims)
    assert refused(*entering.sign_in("victim"), claim)


def test_an_open_redirect(entering: Entering) -> None:
    for name in ("next", "redirect", "return_to", "redirect_uri"):
        client = entering.browser()
        address = entering.go(client, **{name: "https://evil.example/"})
        assert "evil" not in address
        page = entering.come_back(client, entering.provider.let_in(address, "victim"), **{name: "//evil.example"})
        assert "evil" not in page.text
        assert 'content="0;url=/"' in page.text
        assert client.get("/").headers["location"] == LIST


def test_another_host_in_the_request_gets_no_address_of_its_own(entering: Entering) -> None:
    client = entering.browser()
    assert client.get("/sign-in/with/staff", headers={"host": "evil.example"}).status_code == 400


def test_session_fixation_a_token_from_before_names_nobody_afterwards(entering: Entering) -> None:
    attacker, _ = entering.sign_in("attacker")
    planted = token_of(attacker)
    victim = entering.browser()
    victim.cookies.set("sooner_session", planted, domain="127.0.0.1")
    entering.sign_in("victim", client=victim)
    assert token_of(victim) != planted
    assert attacker.get("/worklists/east").status_code == 303  # and the planted session is over
    made_up = entering.browser()
    made_up.cookies.set("sooner_session", "A" * 43, domain="127.0.0.1")
    entering.sign_in("victim", client=made_up)
    assert token_of(made_up) != "A" * 43


def test_a_stolen_cookie_after_its_owner_signed_out(entering: Entering) -> None:
    victim, _ = entering.sign_in("victim")
    thief = entering.browser()
    thief.cookies.set("sooner_session", token_of(victim), domain="127.0.0.1")
    assert thief.get(LIST).status_code == 200
    victim.post("/sign-out", {"form_token": form_token_of(victim, LIST)})
    assert thief.get(LIST).status_code == 303


def test_a_page_s_cookie_is_no_bearer_token_and_an_api_token_opens_no_page(entering: Entering) -> None:
    victim, _ = entering.sign_in("victim")
    headers = {"authorization": f"Bearer {token_of(victim)}"}
    assert entering.browser().get("/v1/lists", headers=headers).status_code == 401
    assert victim.get("/v1/lists").status_code == 401
    program = entering.browser()
    program.cookies.set("sooner_session", entering.provider.token(), domain="127.0.0.1")
    assert program.get(LIST).status_code == 303


def test_the_database_s_own_row_opens_nothing(entering: Entering) -> None:
    """Whoever reads the database has digests of tokens, and no token."""
    victim, _ = entering.sign_in("victim")
    raw = entering.world.workspace.casework.read_bytes()
    raw += entering.world.workspace.casework.with_name(f"{entering.world.workspace.casework.name}-wal").read_bytes()
    assert token_of(victim).encode() not in raw
    for row in entering.desk.sessions.rows.list_open("2000"):
        thief = entering.browser()
        thief.cookies.set("sooner_session", row.id, domain="127.0.0.1")
        assert thief.get(LIST).status_code == 303


def test_a_forged_form_from_another_site_or_another_session(entering: Entering) -> None:
    victim, _ = entering.sign_in("victim")
    own = form_token_of(victim, LIST)
    assert victim.post("/sign-out", {"form_token": own}, origin="https://evil.example").status_code == 403
    other, _ = entering.sign_in("attacker")
    assert victim.post("/sign-out", {"form_token": form_token_of(other, "/worklists/east")}).status_code == 403
    assert victim.get(LIST).status_code == 200


def test_the_demonstration_s_people_where_the_data_is_real(entering: Entering) -> None:
    client = entering.browser()
    assert client.post("/sign-in", {"who": "demo-north-lead_practitioner"}).status_code == 403
    answer = client.send("POST", "/v1/session", json={"who": "demo-north-lead_practitioner"})
    assert answer.status_code == 403
    # A session that was begun while the demonstration was open ends with it.
    from serving.identity import Identity

    identity = Identity("demo-north-lead_practitioner", "lead_practitioner", frozenset({"north"}))
    client.cookies.set("sooner_session", entering.desk.sessions.begin(identity, Beginning(PAGE)), domain="127.0.0.1")
    assert client.get(LIST).status_code == 303


def test_the_demonstration_s_variable_on_data_that_was_sent(entering: Entering, tmp_path: Path) -> None:
    """A delivery may call itself synthetic and bring whatever files it likes: the mark is made by synth and pull."""
    workspace = entering.world.workspace
    shown = replace(entering.desk, demo=True)
    assert shown.demonstrates  # this world's snapshot is marked as pull marks one of synth's
    document = read_json(workspace.made_up)
    sent = tmp_path / "workspace" / "extracts" / "housing"
    write_json(sent / "delivery.json", {"synthetic": True})
    write_json(sent / "made_up.json", {"files": [file_digest(sent / "delivery.json")], "snapshots": {}})
    try:
        for forged in ({}, {"snapshots": {}}, {"snapshots": {"snapshot1": "0" * 64}}):
            write_json(workspace.made_up, {**document, **forged} if forged else {})
            assert not replace(entering.desk, demo=True).demonstrates
    finally:
        write_json(workspace.made_up, document)
    elsewhere = replace(workspace, root=tmp_path / "workspace")
    assert not is_made_up(elsewhere, [file_digest(sent / "delivery.json")])
    mark_files(elsewhere.extracts)  # what synth alone does
    assert is_made_up(elsewhere, [file_digest(sent / "delivery.json")])


def ask(entering: Entering, token: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}", "origin": BASE}
    return entering.browser().send("POST", "/v1/residence-checks", json=ADA, headers=headers)


def lists(entering: Entering, token: str) -> httpx.Response:
    return entering.browser().get("/v1/lists", headers={"authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody-else"},
        {"aud": "sooner"},
        {"iss": "https://evil.example"},
        {"exp": 1_700_000_000},
        {"exp": int(time.time()) + 90_000},
        {"nbf": 4_000_000_000},
        {"azp": "a-program-nobody-named"},
        {"nonce": "of-an-id-token"},
    ],
)
def test_an_access_token_that_does_not_fit(entering: Entering, claims: dict[str, object]) -> None:
    """Seen to let each in with its check taken out of tokens.py, provider.py or clients.py."""
    assert ask(entering, entering.provider.token(**claims)).status_code == 401


@pytest.mark.parametrize("algorithm", ["none", "HS256", "another key"])
def test_an_access_token_that_the_provider_did_not_sign(entering: Entering, algorithm: str) -> None:
    entering.provider.lie(alg=algorithm)
    assert ask(entering, entering.provider.token()).status_code == 401


def test_an_access_token_within_the_skew_and_after_the_keys_were_changed(entering: Entering) -> None:
    now = int(time.time())
    assert lists(entering, entering.provider.token(exp=now - 30, iat=now - 90)).status_code == 403  # known, not allowed
    assert lists(entering, entering.provider.token(exp=now - 61 - 5, iat=now - 90)).status_code == 401
    entering.provider.lie(rotate=True)
    entering.desk.sign_in.provider("staff").keys._fetched = 0.0  # type: ignore[union-attr]  # five seconds later
    assert lists(entering, entering.provider.token()).status_code == 403


def test_a_token_that_can_t_be_checked_while_the_provider_is_down_opens_nothing(entering: Entering) -> None:
    token = entering.provider.token()
    entering.desk.sign_in._providers.clear()  # as a worker that has just begun
    entering.provider.lie(down=True)
    answer = lists(entering, token)
    assert (answer.status_code, "sign-in does not answer" in answer.json()["detail"]) == (503, True)
    assert entering.browser().get("/sign-in/with/staff").status_code == 503


def test_a_program_does_no_more_than_its_row_its_role_and_its_token_s_scopes(entering: Entering) -> None:
    named = {"azp": "case-system", "sub": "case-system"}
    token = entering.provider.token(**named, scope="worklist.read referral.decide suspend")
    assert lists(entering, token).status_code == 200
    case = entering.desk.store.referrals("early_help", "north-2026-09-28")[0].id
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "x" * 10}
    decision = {"version": 1, "disposition": "set_aside", "reason": "no_need_found"}
    answer = entering.browser().send("POST", f"/v1/referrals/{case}/decisions", json=decision, headers=headers)
    assert answer.status_code == 403
    assert entering.browser().get(f"/v1/referrals/{case}", headers=headers).status_code == 403  # not in the scopes
    assert lists(entering, entering.provider.token(**named, scope="")).status_code == 403
    person = {"azp": "case-system", "sub": "victim", "scope": "worklist.read"}
    told = lists(entering, entering.provider.token(**person, groups=["workers-north"])).json()["lists"]
    assert [row["team"] for row in told] == ["north"]
    assert lists(entering, entering.provider.token(**person, groups=["managers-north"])).status_code == 401
    asked_by = [entry.actor for entry in entering.desk.store.done("lists.read")]
    assert asked_by == ["client:case-system", "victim"]


def test_a_program_asks_for_its_own_services_whatever_it_writes(entering: Entering) -> None:
    table = entering.desk.sign_in.rules
    entrance = entering.desk.entrance
    session = entrance.read_bearer(entering.provider.token())
    assert session is not None
    assert session.way == "client:parking"
    assert table.client("staff", "parking") is not None
    assert entrance.services_of(session) == {"parking"}


def test_a_program_that_asks_too_often_waits(entering: Entering) -> None:
    """Five calls a minute are its row's; a minute may turn once meanwhile."""
    token = entering.provider.token()
    statuses = [lists(entering, token).status_code for _ in range(12)]
    assert 429 in statuses
    refusal = next(answer for answer in (lists(entering, token) for _ in range(12)) if answer.status_code == 429)
    assert refusal.headers["retry-after"] == "60"
    assert refusal.json()["code"] == "too_many"
    other = entering.provider.token(azp="case-system", sub="case-system", scope="worklist.read")
    assert lists(entering, other).status_code == 200
