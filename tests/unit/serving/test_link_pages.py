"""Two records side by side on a page: who is shown names, what a word does, and how right links are by two readers."""

from __future__ import annotations

import re

import pytest

from charter.vault.blind_pairs import READING_PAPER, read_readings
from charter.vault.link_judgements import read_judgements
from charter.vault.link_sheets import LINK_SHEET, replace_sheets
from serving.desk import Desk
from tests.unit.serving.client import Client, signed_in
from tests.unit.serving.link_sheets import PAIR, leave_pairs, make_sheet, open_vault

CLERK, OFFICER, DOOR = "demo-resident_desk", "demo-data_protection_officer", "demo-front_door"


def say(client: Client, page: str, says: str) -> str:
    """Answer a page's question; return where it leads."""
    answer = client.post(page, {**client.form_of(page, page), "says": says})
    assert answer.status_code == 303, answer.text[-300:]
    return answer.headers["location"]


def test_a_pair_is_shown_by_name_to_a_reviewer_alone_after_a_line_in_the_log(desk: Desk) -> None:
    """Broken by the sheet opened without its log, and by names on the list of pairs."""
    leave_pairs(desk)
    client = signed_in(desk, CLERK)
    listed = client.get("/link-pairs").text
    assert PAIR in listed
    assert "Marsh" not in listed
    assert desk.store.done("identify") == []
    page = client.get(f"/link-pairs/{PAIR}").text
    (line,) = desk.store.done("identify")
    assert (line.subject, line.role, line.detail["people"]) == (PAIR, "resident_desk", 2)
    assert "arsh" not in str(desk.store.entries())
    assert "Ada Marsh" in page
    assert re.search(r"Ada Marsh <span[^>]*>\(Schools, Council housing\)", page), "one value once, with whose it is"
    assert "1 February 1980" in page
    assert "protected address" in page
    assert "speaks strongly for one person" in page
    assert "speaks strongly against one person" in page
    for other in ("demo-north-lead_practitioner", "demo-operator", "demo-partner"):
        for path in ("/link-pairs", f"/link-pairs/{PAIR}", "/link-readings"):
            assert signed_in(desk, other).get(path).status_code == 403, (other, path)
    assert client.get("/link-pairs/3f9c1a2b4c5d-9e01b7c2d3e4").status_code == 404
    assert len(desk.store.done("identify")) == 1


def test_what_is_said_goes_where_the_verb_s_word_goes_and_the_next_pair_is_shown(desk: Desk) -> None:
    """Broken by a word that is only logged, and by one that is asked for again."""
    leave_pairs(desk)
    client = signed_in(desk, CLERK)
    sheet = make_sheet(1, 1.5)
    second = make_sheet(2, 0.5).name
    assert say(client, f"/link-pairs/{PAIR}", "same") == f"/link-pairs/{second}?done=link_judged"
    (judgement,) = read_judgements(desk.invocation.workspace)
    assert (judgement.pair, judgement.says, judgement.role) == (sheet.pair, "same", "resident_desk")
    page = client.get(f"/link-pairs/{second}?done=link_judged").text
    assert "It counts from the next link on" in page
    assert say(client, f"/link-pairs/{second}", "cannot_tell") == "/link-pairs?done=link_judged"
    listed = client.get("/link-pairs").text
    assert "2 of 2 looked at" in listed
    assert "One person, " in listed
    # Another word takes it back: the newest counts.
    assert "Resident desk said on" in client.get(f"/link-pairs/{PAIR}").text
    say(client, f"/link-pairs/{PAIR}", "different")
    assert [each.says for each in read_judgements(desk.invocation.workspace)] == ["same", "cannot_tell", "different"]


@pytest.mark.parametrize("page", [f"/link-pairs/{PAIR}", "/link-readings"])
@pytest.mark.parametrize("says", ["", "perhaps"])
def test_nothing_is_kept_of_an_answer_that_is_none(desk: Desk, page: str, says: str) -> None:
    leave_pairs(desk)
    client = signed_in(desk, CLERK)
    answer = client.post(page, {**client.form_of(page, page), "says": says})
    assert answer.status_code == 400
    assert "<title>Error: " in answer.text
    assert answer.text.count("Say whether it is one person or two") == 2, "in the summary and beside the answer"
    assert read_judgements(desk.invocation.workspace) == ()
    assert read_readings(open_vault(desk)) == {}


def test_two_read_blind_and_a_third_what_they_differ_on(desk: Desk) -> None:
    """Broken by a reader told by themselves who they are, and by a page that says what the other said."""
    leave_pairs(desk)
    first, second, third, fourth = (signed_in(desk, who) for who in (CLERK, OFFICER, DOOR, "demo-resident_desk"))
    page = first.get("/link-readings").text
    assert "You are the first reader; 3 left." in page
    for hidden in ("bits", "joined: ", "certain", "How alike"):
        assert hidden not in page
    for _ in range(3):
        assert say(first, "/link-readings", "same") == "/link-readings?done=link_read"
    done = first.get("/link-readings").text
    assert "You read all that is yours to read." in done
    assert "a second person has to read the same pairs" in done
    assert "You are the second reader; 3 left." in second.get("/link-readings").text
    for says in ("same", "different", "same"):
        say(second, "/link-readings", says)
    assert "You are the third reader; 1 left." in third.get("/link-readings").text
    say(third, "/link-readings", "same")
    found = third.get("/link-readings").text
    assert "100.0%" in found
    assert "3 of 3 pairs, 2 alike" in found
    assert "You read all that is yours to read." in fourth.get("/link-readings").text, "the same person as the first"
    assert read_judgements(desk.invocation.workspace) == ()
    assert len(open_vault(desk).papers(READING_PAPER)) == 7


def test_nobody_reads_a_pair_that_is_not_theirs_to_read(desk: Desk) -> None:
    leave_pairs(desk)
    client = signed_in(desk, CLERK)
    hidden = client.form_of("/link-readings", "/link-readings")
    for pair in ("", PAIR, "3f9c1a2b4c5d-9e01b7c2d3e4"):
        assert client.post("/link-readings", {**hidden, "pair": pair, "says": "same"}).status_code == 400
    for _ in range(3):
        say(client, "/link-readings", "same")
    assert client.post("/link-readings", {**hidden, "says": "different"}).status_code == 400, "read once"


def test_a_reviewer_opens_no_more_in_a_day_than_limits_toml_says(desk: Desk) -> None:
    """Broken by pairs that count as nothing."""
    (desk.invocation.council.folder / "limits.toml").write_text("[person]\ncases = 1\n")
    leave_pairs(desk)
    client = signed_in(desk, CLERK)
    assert client.get(f"/link-pairs/{PAIR}").status_code == 200
    assert client.get(f"/link-pairs/{PAIR}").status_code == 200
    refused = client.get(f"/link-pairs/{make_sheet(2, 0.5).name}")
    assert refused.status_code == 429
    assert "Marsh" not in refused.text


def test_where_nothing_waits_the_pages_say_so(desk: Desk) -> None:
    client = signed_in(desk, CLERK)
    assert "No pair waits" in client.get("/link-pairs").text
    assert "No pairs were drawn" in client.get("/link-readings").text
    leave_pairs(desk, waiting=60, drawn=0)
    page = client.get("/link-pairs").text
    assert "0 of 60 looked at" in page
    assert "And 40 more" in page
    replace_sheets(open_vault(desk), LINK_SHEET, [])
    assert "No pair waits" in client.get("/link-pairs").text
