"""What a resident puts right: at once in the vault, from then on in the store, and no version is overwritten."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from charter.contracts.files import writer_lock
from charter.errors import UsageError
from charter.vault.key import Key
from charter.vault.rights_ledger import list_outstanding
from charter.vault.vault import NamedPerson, Vault
from features.linking.corrections import PAPER
from features.linking.link import link_records
from features.rights.asking import Certificate, file_request
from features.rights.rectify import file_correction

KEY = Key(bytes.fromhex("5a" * 32))
FILED = datetime(2024, 10, 1, 12, tzinfo=UTC)
ARREARS = """id,person_ref,day,balance,stage,recorded,corrected
A1,H1,30/06/2024,120.50,letter,02/07/2024,
A2,H1,31/07/2024,240.00,court,02/08/2024,
A3,H2,31/07/2024,240.00,court,02/08/2024,
"""


@pytest.fixture
def homes(town):
    town.write("housing/arrears.csv", ARREARS)
    town.pull()
    town.link()
    return town


def put_right(town, **said: object) -> Certificate:
    with writer_lock(town.workspace):
        made = file_correction(town.invocation, through="housing", reference="H1", said=said, now=FILED)
        link_records(town.invocation)
    return made


def rows(town, rows_of, name: str, order: str = "all") -> list[dict[str, object]]:
    return rows_of(town.invocation.workspace.snapshot() / "tables" / f"{name}.parquet", order)


def who(town, person: str) -> NamedPerson:
    vault = Vault.open(town.workspace / "vault", KEY)
    return vault.identify([person], role="auditor", reason="a test", log=[].append)[person]


def again(town, arrears: str = ARREARS, tenants: str = "") -> None:
    """Let the service deliver once more, after the correction."""
    town.deliver("housing", received="2024-11-01")
    town.write("housing/arrears.csv", arrears)
    if tenants:
        town.write("housing/tenants.csv", tenants)
    town.pull()
    town.link()


def test_a_name_and_a_birth_date_are_right_at_once(homes, rows_of) -> None:
    (person,) = put_right(homes, surname="March", birth_date="1981-02-01").people
    named = who(homes, person)
    assert (named.name, named.birth_date) == ("Ada March", date(1981, 2, 1))
    (row,) = (row for row in rows(homes, rows_of, "people") if row["person_id"] == person)
    assert row["birth_date"] == date(1981, 2, 1)
    assert list_outstanding(homes.invocation.workspace) == ()


def test_the_same_mistake_sent_again_changes_nothing_and_something_new_is_believed(homes) -> None:
    (person,) = put_right(homes, surname="March").people
    again(homes, ARREARS + "A4,H2,31/08/2024,240.00,court,02/09/2024,\n")
    assert who(homes, person).name == "Ada March"
    tenants = (homes.workspace / "extracts/housing/tenants.csv").read_text(encoding="utf-8")
    again(homes, tenants=tenants.replace("Ada,Marsh", "Ada,Merrick"))
    assert who(homes, person).name == "Ada Merrick"


def event_of(town, rows_of, day: datetime, person: str) -> dict[str, object]:
    (row,) = (
        one
        for one in rows(town, rows_of, "events")
        if one["valid_at"] == day and one["person_id"] == person and one["known_until"] is None
    )
    return row


JULY = datetime(2024, 7, 30, 23)


def test_an_events_wrong_version_is_closed_and_the_right_one_follows(homes, rows_of) -> None:
    (person,) = put_right(homes, forename="Ada").people
    before = rows(homes, rows_of, "events")
    wrong = event_of(homes, rows_of, JULY, person)
    put_right(homes, event=wrong["event_id"], detail="letter", amount=24)
    found = [row for row in rows(homes, rows_of, "events", "known_at") if row["event_id"] == wrong["event_id"]]
    filed = datetime(2024, 10, 1, 12)
    assert [(row["detail"], float(row["amount"]), row["known_at"], row["known_until"]) for row in found] == [
        ("court", 240.0, wrong["known_at"], filed),
        ("letter", 24.0, filed, None),
    ]
    others = [row for row in before if row["event_id"] != wrong["event_id"]]
    assert [row for row in rows(homes, rows_of, "events") if row["event_id"] != wrong["event_id"]] == others
    # The service sends the mistake again, and then what it found out itself.
    again(homes, ARREARS + "A4,H2,31/08/2024,240.00,court,02/09/2024,\n")
    assert event_of(homes, rows_of, JULY, person)["detail"] == "letter"
    again(homes, ARREARS + "A2,H1,31/07/2024,99.00,letter,02/08/2024,15/10/2024\n")
    assert float(event_of(homes, rows_of, JULY, person)["amount"]) == 99.0


def test_an_event_that_never_happened_ends_being_known(homes, rows_of) -> None:
    (person,) = put_right(homes, forename="Ada").people
    wrong = event_of(homes, rows_of, JULY, person)
    put_right(homes, event=wrong["event_id"], never_happened=True)
    (row,) = (row for row in rows(homes, rows_of, "events") if row["event_id"] == wrong["event_id"])
    assert row["known_until"] == datetime(2024, 10, 1, 12)


def test_a_home_is_right_from_when_it_began_and_a_later_word_of_a_service_counts(homes, rows_of) -> None:
    (person,) = put_right(homes, uprn="000200", since="2024-05-01").people
    new, old = KEY.pseudonym("household", "200"), KEY.pseudonym("household", "100")

    def lived() -> list[tuple[object, object, object]]:
        mine = [row for row in rows(homes, rows_of, "residence", "start, known_at") if row["person_id"] == person]
        return [(row["household_id"], row["start"].year, row["end"] and row["end"].month, row["known_until"] is None)
                for row in mine]  # fmt: skip

    assert lived() == [(old, 2020, None, False), (old, 2020, 4, True), (new, 2024, None, True)]
    tenants = (homes.workspace / "extracts/housing/tenants.csv").read_text(encoding="utf-8")
    again(homes, tenants=tenants.replace("01/02/1980,000100,01/03/2020", "01/02/1980,000300,01/10/2024"))
    assert lived()[-1] == (KEY.pseudonym("household", "300"), 2024, None, True)
    assert (new, 2024, 9, True) in lived()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "nothing was said"),
        ({"income": "0"}, "'income' can't be corrected"),
        ({"birth_date": "1 May"}, "birth_date is not a day"),
        ({"uprn": "200"}, "since is missing"),
        ({"event": "f" * 32, "never_happened": True}, "no such event"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_repeated(homes, said, message) -> None:
    with pytest.raises(UsageError, match=message):
        put_right(homes, **said)
    assert Vault.open(homes.workspace / "vault", KEY).papers(PAPER) == {}


def test_a_correction_of_somebody_else_s_event_is_refused(homes, rows_of) -> None:
    (person,) = put_right(homes, forename="Ada").people
    theirs = next(row for row in rows(homes, rows_of, "events") if row["person_id"] != person)
    with pytest.raises(UsageError, match="no such event of this person"):
        put_right(homes, event=theirs["event_id"], never_happened=True)


def test_what_was_said_is_outside_no_vault_and_goes_with_erasure(homes) -> None:
    put_right(homes, surname="Zzyzxmarch")
    for path in homes.workspace.rglob("*"):
        if path.is_file():
            assert b"Zzyzxmarch" not in path.read_bytes(), path
    with writer_lock(homes.workspace):
        file_request(homes.invocation, "erase", through="housing", reference="H1")
    assert Vault.open(homes.workspace / "vault", KEY).papers(PAPER) == {}
