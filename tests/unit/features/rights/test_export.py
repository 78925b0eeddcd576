"""What a resident is given: all of their own, nothing of others, and only what an officer has released."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from charter.contracts.files import writer_lock
from charter.errors import CharterError, DataError, UsageError
from charter.vault.key import Key
from features.rights.export import CHECKS, draft_export, hand_over_export

KEY = Key(bytes.fromhex("5a" * 32))


def query(town, sql: str) -> list[tuple]:
    folder = town.invocation.workspace.snapshot() / "tables"
    with duckdb.connect() as database:
        for path in folder.glob("*.parquet"):
            database.execute(f"create view {path.stem} as select * from read_parquet('{path}')")
        return database.execute(sql).fetchall()


def young_person(town) -> tuple[str, str]:
    """Return the youth justice number and pseudonym of somebody of 13 to 17 with a home, whom education knows too."""
    known = dict(query(town, "select ref, person_id from links where service = 'youth_justice'"))
    ages = query(
        town,
        "select person_id from people where birth_date between date '2009-01-01' and date '2012-12-31' and "
        "person_id in "
        "(select person_id from events where signal like 'education.%') and person_id in "
        "(select person_id from events where signal like 'youth_justice.%') and person_id in "
        '(select person_id from residence where "end" is null and known_until is null)',
    )
    pseudonym = KEY.pseudonyms("reference")
    for line in (town.workspace / "extracts/youth_justice/people.csv").read_text(encoding="utf-8").splitlines()[1:]:
        number = line.split(",")[0].strip('"')
        person = known.get(pseudonym("youth_justice", number), "")
        if (person,) in ages:
            return number, person
    raise AssertionError("the borough has no such person")


def made(town, number: str, by: str = "self", elsewhere: dict[str, list[dict[str, object]]] | None = None) -> str:
    with writer_lock(town.workspace):
        return draft_export(
            town.invocation, through="youth_justice", reference=number, elsewhere=elsewhere or {}, by=by,
            role="resident_desk", reason="asked", log=[].append, now=datetime(2026, 9, 1, tzinfo=UTC),
        ).id  # fmt: skip


def released(town, export: str, to: Path, **how: object) -> dict[str, object]:
    with writer_lock(town.workspace):
        hand_over_export(town.invocation, export, to=to, **{"checked": CHECKS, **how})
    return json.loads((to / "your-data.json").read_text(encoding="utf-8"))


def test_it_holds_every_row_of_theirs_and_of_nobody_else(borough_town, tmp_path) -> None:
    number, person = young_person(borough_town)
    document = released(borough_town, made(borough_town, number), tmp_path / "out")
    told = {event["event_id"] for service in document["services"] for event in service["events"]}
    assert told == {row[0] for row in query(borough_town, f"select event_id from events where person_id = '{person}'")}
    text = (tmp_path / "out/your-data.json").read_text() + (tmp_path / "out/your-data.html").read_text()
    others = query(borough_town, f"select person_id from people where person_id <> '{person}'")
    assert others
    assert not any(other in text for (other,) in others)
    assert document["identity"]["name"] in text
    assert number not in text
    assert {row["service"] for row in document["links"]} >= {"youth_justice", "education"}
    assert document["characteristics"]
    assert [row["action"] for row in document["requests"]] == []


def test_a_parent_is_told_nothing_confidential_and_nothing_once_the_own_voice_counts(borough_town, tmp_path) -> None:
    number, _ = young_person(borough_town)
    document = released(borough_town, made(borough_town, number, by="parent"), tmp_path / "out")
    services = {one["service"] for one in document["services"]}
    # Youth justice is confidential; social care's own voice begins at 13, education's at 16.
    assert not services & {"youth_justice", "hospital"}
    assert "youth" not in json.dumps({**document, "seen_by": []}).lower()
    assert document["characteristics"] == []


def test_nothing_leaves_without_every_check_and_nothing_into_the_workspace(borough_town, tmp_path) -> None:
    number, _ = young_person(borough_town)
    export = made(borough_town, number)
    for missing in CHECKS:
        with pytest.raises(CharterError, match="was not checked"):
            released(borough_town, export, tmp_path / "out", checked=[one for one in CHECKS if one != missing])
    with pytest.raises(UsageError, match="inside the workspace"):
        released(borough_town, export, borough_town.workspace / "out")
    assert not (tmp_path / "out").exists()
    released(borough_town, export, tmp_path / "out")
    with pytest.raises(DataError, match="no draft"):
        released(borough_town, export, tmp_path / "out")


def test_no_page_is_made_while_safe_contact_is_unknown_and_it_is_said_whether_a_service_knows(
    borough_town, tmp_path
) -> None:
    """Broken by taking `safe_contact` from CHECKS."""
    number, _ = young_person(borough_town)
    export = made(borough_town, number)
    unasked = ("identity", "third_parties", "serious_harm")
    with pytest.raises(CharterError, match="safe contact was not checked") as refusal:
        released(borough_town, export, tmp_path / "out", checked=unasked)
    assert "not by a letter to their home" in refusal.value.next_step
    assert not (tmp_path / "out").exists()
    with writer_lock(borough_town.workspace):
        done = hand_over_export(borough_town.invocation, export, to=tmp_path / "out", checked=CHECKS)
    document = json.loads((tmp_path / "out/your-data.json").read_text(encoding="utf-8"))
    assert done["safe_contact_recorded"] is bool(document["identity"]["safe_contact"])


def test_the_page_says_that_nobody_decided_who_stands_below_the_line_and_how_to_ask_without_a_list(
    borough_town, tmp_path
) -> None:
    number, _ = young_person(borough_town)
    document = released(borough_town, made(borough_town, number), tmp_path / "out")
    page = (tmp_path / "out/your-data.html").read_text(encoding="utf-8")
    assert "no person decides that a household stands below the last place" in page
    ways = borough_town.invocation.public.help_ways
    assert len(ways) > 1
    assert document["help"] == [{"title": way.title, "how": way.how} for way in ways]
    assert all(html.escape(way.how) in page for way in ways)


def test_an_officer_may_leave_out_what_would_harm(borough_town, tmp_path) -> None:
    number, _ = young_person(borough_town)
    export = made(borough_town, number)
    with pytest.raises(UsageError, match="holds nothing of 'gossip'"):
        released(borough_town, export, tmp_path / "out", leave_out=["gossip"])
    document = released(borough_town, export, tmp_path / "out", leave_out=["social_care"])
    for name in ("services", "links", "choices", "coverage"):
        assert all(row["service"] != "social_care" for row in document[name]), name


def test_the_own_part_is_what_their_own_records_put_into_a_household_value(borough_town, tmp_path) -> None:
    """The list is named by hand; its household, date and the records counted are the borough's."""
    number, person = young_person(borough_town)
    rows = query(
        borough_town,
        f"select household_id from residence where person_id = '{person}' and \"end\" is null and known_until is null",
    )
    (day,) = query(borough_town, f"select max(known_at) from events where person_id = '{person}'")[0]
    listed = {"programme": "early_help", "entity": rows[0][0], "as_of": f"{day:%Y-%m-%d}", "team": "north"}
    listed |= {"status": "new", "taken_off": "", "decisions": []}
    export = made(borough_town, number, elsewhere={"lists": [listed]})
    (one,) = released(borough_town, export, tmp_path / "out")["lists"]
    own = query(borough_town, f"select count(*) from events where person_id = '{person}'")[0][0]
    counts = [part["value"] for part in one["own_part"] if part["feature"].startswith(("absences", "suspensions"))]
    assert one["own_part"]
    assert all(0 < value <= own for value in counts)
