"""Files as other countries' services write them: dates of birth by any name, commas before decimals."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from charter.starting.new_council import ProposedSource
from tests.unit.features.intake.test_proposal import extracts, file_of, propose, records

PEOPLE = 130


def visits(birth: str, *, who: str = "Patientennummer", amount: str = "523,15") -> str:
    """Three visits of each person, with a date of birth in front."""
    rows = [f"{who};{birth};Besuchsdatum;Betrag"]
    for number in range(PEOPLE * 3):
        person = number % PEOPLE
        born = date(1930, 1, 1) + timedelta(days=150 * person)
        seen = date(2023, 1, 2) + timedelta(days=2 * number)
        rows.append(f"P{person:04d};{born:%d.%m.%Y};{seen:%d.%m.%Y};{amount}")
    return "\n".join(rows) + "\n"


def propose_one(folder: Path, text: str) -> ProposedSource:
    (proposal,) = propose(extracts(folder, klinik__besuche=text))
    return proposal


@pytest.mark.parametrize(
    "name", ["Geburtsdatum", "date_naissance", "DOB", "Fødselsdato", "fecha_nacimiento", "Spalte3"]
)
def test_a_date_of_birth_is_no_day_on_which_something_happened(tmp_path: Path, name: str) -> None:
    """By its name; and `Spalte3` by its days, decades before the others and one for each person."""
    proposal = propose_one(tmp_path, visits(name))
    found = records(file_of(proposal.source, "besuche.csv"))
    quoted = name if name.islower() else f'"{name}"'
    assert found["person"]["birth_date"] == quoted
    assert found["person"]["reference"] == found["event"]["reference"] == '"Patientennummer"'
    assert found["event"]["valid_at"] == '"Besuchsdatum"'
    said = f"Confirm: {name} is a date of birth, and no day on which something happened."
    assert (said in proposal.remarks["besuche.csv"]) == (name != "DOB")


def test_a_day_that_began_long_ago_is_no_date_of_birth(tmp_path: Path) -> None:
    """A tenancy that began decades ago has one day for each tenant, too; and so has nobody with two days."""
    found = records(file_of(propose_one(tmp_path, visits("tenancy_start")).source, "besuche.csv"))
    assert "birth_date" not in found.get("person", {})
    changing = visits("Spalte3").replace("P0001;31.05.1930", "P0001;31.05.1931", 1)
    rows = changing.splitlines()
    rows[1:] = [
        f"{row.split(';')[0]};{at % 28 + 1:02d}.03.19{at % 50 + 10};{row.split(';', 2)[2]}"
        for at, row in enumerate(rows[1:])
    ]
    found = records(file_of(propose_one(tmp_path, "\n".join(rows) + "\n").source, "besuche.csv"))
    assert "birth_date" not in found.get("person", {})


def test_people_by_a_foreign_date_of_birth_alone_are_people(tmp_path: Path) -> None:
    rows = "".join(f"K{number};V{number};0{number % 9 + 1}.02.19{number + 40}\n" for number in range(20))
    found = records(file_of(propose_one(tmp_path, f"Kunden_ID;Vorname;Geburtsdatum\n{rows}").source, "besuche.csv"))
    assert found == {"person": {"reference": '"Kunden_ID"', "birth_date": '"Geburtsdatum"'}}


@pytest.mark.parametrize(
    ("amount", "marks", "kind"),
    [
        ("523.15", (".", ""), "decimal"),
        ("523,15", (",", ""), "decimal"),
        ("1.523,15", (",", "."), "decimal"),
        ("1 523,15", (",", " "), "decimal"),
        ("12,345", (".", ","), "integer"),
        ("12,345.50", (".", ","), "decimal"),
        ("5 kg", (".", ""), "text"),
    ],
)
def test_numbers_are_read_as_a_service_writes_them(
    tmp_path: Path, amount: str, marks: tuple[str, str], kind: str
) -> None:
    proposal = propose_one(tmp_path, visits("Geburtsdatum", amount=amount))
    assert (proposal.source.decimal_mark, proposal.source.thousands_mark) == marks
    assert file_of(proposal.source, "besuche.csv").columns["Betrag"] == kind
    said = [line for line in proposal.remarks["klinik"] if line.startswith("Confirm: numbers are written with")]
    assert bool(said) == (marks != (".", ""))
