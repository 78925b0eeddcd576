"""What a new council's register is guessed to be: kinds, keys and records by names and a sample, and never a value."""

from __future__ import annotations

import gzip
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.council.register import ExtractFile, Source
from charter.errors import DataError, UsageError
from charter.starting.new_council import Months, ProposedSource, propose_dates, propose_example
from charter.starting.toml_rows import write_row
from features.grammar import signal
from features.intake.guessing.column_kinds import SAMPLE_ROWS
from features.intake.guessing.proposal import find_deliveries, propose_sources
from tests.unit.features.intake.test_opening import write_workbook

NO_SOURCE = propose_example()

TENANTS = """\
tenancyRef,Person Ref,forename,surname,dob,mother_surname,ethnicity,uprn,postcode,start,end,recorded_on
007,1,Quentin,Zwick,30/01/1980,Ah,QX,100009001,ZZ1 1ZZ,01/02/2020,,02/02/2020
007,2,Yolande,Zwick,15/10/2012,Oh,QX,100009001,ZZ1 1ZZ,01/02/2020,,02/02/2020
008,3,Xerxes,Vogt,28/02/1975,Uh,QY,,ZZ1 2ZZ,03/04/2021,05/06/2022,04/04/2021
"""
ARREARS = """\
arrears_id,Person Ref,statement_on,balance,steps,logged
A1,1,10/03/2021,120.50,2,11/03/2021
A2,1,10/04/2021,90,,11/04/2021
A3,3,10/04/2021,3.25,1,11/04/2021
"""


def extracts(folder: Path, **files: str) -> Path:
    """Write files, each named `service__file`."""
    for name, text in files.items():
        service, stem = name.split("__")
        (folder / service).mkdir(exist_ok=True)
        (folder / service / f"{stem}.csv").write_text(text)
    return folder


def propose(folder: Path) -> tuple[ProposedSource, ...]:
    return propose_sources(find_deliveries(folder)[0])


def file_of(source: Source, name: str) -> ExtractFile:
    return next(file for file in source.files if file.name == name)


def records(file: ExtractFile) -> dict[str, dict[str, str]]:
    return {record.kind: dict(record.fields) for record in file.records}


@pytest.fixture
def housing(tmp_path: Path) -> ProposedSource:
    return propose(extracts(tmp_path, housing__tenants=TENANTS, housing__arrears=ARREARS))[0]


def test_kinds_are_those_that_every_sampled_cell_can_be_read_as(housing: ProposedSource) -> None:
    tenants, arrears = (file_of(housing.source, f"{name}.csv") for name in ("tenants", "arrears"))
    assert housing.source.dates == "%d/%m/%Y"
    assert tenants.columns["dob"] == tenants.columns["recorded_on"] == tenants.columns["end"] == "date"
    # A number that is a reference stays a text: its leading zeros are part of it.
    assert tenants.columns["tenancyRef"] == tenants.columns["uprn"] == tenants.columns["Person Ref"] == "text"
    assert (arrears.columns["balance"], arrears.columns["steps"]) == ("decimal", "integer")


def test_a_key_is_the_fewest_columns_that_tell_all_rows_apart(housing: ProposedSource) -> None:
    assert file_of(housing.source, "tenants.csv").key == ("Person Ref",)
    assert file_of(housing.source, "arrears.csv").key == ("arrears_id",)


def test_people_homes_groups_and_events_become_records(housing: ProposedSource) -> None:
    people = records(file_of(housing.source, "tenants.csv"))
    assert list(people) == ["person", "address", "protected"]
    assert people["person"]["reference"] == '"Person Ref"'
    assert people["person"]["surname"] == "surname"
    assert people["person"]["birth_date"] == "dob"
    assert people["address"]["start"] == "start"
    assert people["address"]["end"] == '"end"'
    assert people["address"]["known_at"] == "recorded_on"
    event = records(file_of(housing.source, "arrears.csv"))["event"]
    assert event == {
        "reference": '"Person Ref"',
        "signal": "'housing.arrears'",
        "key": "arrears_id",
        "valid_at": "statement_on",
        "known_at": "logged",
    }
    assert [signal.name for signal in housing.source.signals] == ["housing.arrears"]
    assert any("statement_on" in line for line in housing.remarks["housing.arrears"])


def test_no_value_of_a_row_is_in_what_is_proposed(housing: ProposedSource) -> None:
    text = "\n".join(write_row("source", housing.source, housing.remarks))
    values = {cell for line in (TENANTS + ARREARS).splitlines() for cell in line.split(",")}
    values -= {cell for table in (TENANTS, ARREARS) for cell in table.splitlines()[0].split(",")}
    long = {value for value in values if len(value) > 3}
    assert len(long) > 15
    assert [value for value in long if value in text] == []
    assert all(row.example for row in (*housing.source.files, *housing.source.signals))


def test_each_sheet_of_a_workbook_is_a_file_and_what_cannot_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    """As Annex A and lists of inspections come; a file without its header costs no other."""
    folder = tmp_path / "care"
    folder.mkdir()
    write_workbook(folder / "annex_a.xlsx", [["Child ID", "Contact Date"], ["C1", "2024-03-02"]], sheets=2)
    (folder / "wrong.csv").write_text("id,2024-01-01\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"the first line of care/wrong.csv is not its header"):
        propose_sources([folder])
    (proposal,) = propose_sources([folder], skips=True)
    assert [(file.name, file.within, file.sheet) for file in proposal.source.files] == [
        ("list_1", "annex_a.xlsx", "List 1"), ("list_2", "annex_a.xlsx", "List 2"),
    ]  # fmt: skip
    assert [signal.name for signal in proposal.source.signals] == ["care.list_1", "care.list_2"]
    text = "\n".join(write_row("source", proposal.source, proposal.remarks))
    assert "# Left out: the first line of care/wrong.csv is not its header" in text
    long = "Number of episodes in which the child was missing from their placement in the last twelve months"
    write_workbook(folder / "later.xlsx", [["Child ID", long], ["C1", 2]], sheets=2)
    (proposal,) = propose_sources([folder], skips=True)
    assert [file.name for file in proposal.source.files][2:] == ["later_list_1", "later_list_2"]
    (folder / "later.xlsx").unlink()
    write_workbook(folder / "annex_a.xlsx", [["Same", "Same"], ["C1", "2024-03-02"]], sheets=2)
    with pytest.raises(DataError, match=r"care/(wrong|annex_a)") as refused:
        propose_sources([folder], skips=True)
    assert "C1" not in str(refused.value)


def test_versions_of_a_row_are_told_apart_by_when_it_was_corrected(tmp_path: Path) -> None:
    text = "id,client_id,seen_on,corrected_on\n1,9,2024-01-01,\n1,9,2024-01-02,2024-02-01\n2,8,2024-01-03,\n"
    file = propose(extracts(tmp_path, care__visits=text))[0].source.files[0]
    assert (file.key, file.versions) == (("id",), ("corrected_on",))


def test_a_key_of_the_sample_that_the_whole_file_contradicts_is_none(tmp_path: Path) -> None:
    rows = "".join(f"{number},c,x\n" for number in range(SAMPLE_ROWS + 5))
    file = propose(extracts(tmp_path, care__visits=f"id,client_id,note\n{rows}3,c,x\n"))[0].source.files[0]
    assert file.key == ()


def test_without_a_key_an_event_is_told_apart_by_its_place(tmp_path: Path) -> None:
    proposal = propose(extracts(tmp_path, care__visits="client_id,seen_on\n1,2024-01-01\n1,2024-01-01\n"))[0]
    assert records(proposal.source.files[0])["event"]["key"] == "_row"
    assert records(proposal.source.files[0])["person"] == {"reference": "client_id"}
    assert "no column was found that tells its rows apart" in proposal.remarks["visits.csv"][0]


def test_a_row_recorded_before_it_happened_gives_no_known_time(tmp_path: Path) -> None:
    text = "id,client_id,seen_on,recorded_on\n1,9,2024-01-05,2024-01-01\n2,9,2024-01-05,2024-01-06\n"
    event = records(propose(extracts(tmp_path, care__visits=text))[0].source.files[0])["event"]
    assert "known_at" not in event


def test_a_day_that_could_be_when_a_row_was_entered_is_named_in_whatever_language(tmp_path: Path) -> None:
    """`lancado` is `entered`: no word of ours says so, so a person is asked."""
    rows = "".join(f"{n},{n % 5},{1 + n % 28:02}/03/2021,{1 + n % 28:02}/04/2021\n" for n in range(40))
    (guessed,) = propose(extracts(tmp_path, care__visits=f"visit_id,client_id,dia,lancado\n{rows}"))
    (said,) = [line for lines in guessed.remarks.values() for line in lines if "known_at = " in line]
    assert said.endswith(": lancado.")


@pytest.mark.parametrize(
    ("written", "form"),
    [("2024-05-31", "%Y-%m-%d"), ("31.05.2024", "%d.%m.%Y"), ("31-May-2024", "%d-%b-%Y"), ("20240531", "%Y%m%d")],
)
def test_days_are_found_in_the_form_that_a_service_writes(tmp_path: Path, written: str, form: str) -> None:
    source = propose(extracts(tmp_path, care__visits=f"id,client_id,seen_on\n1,9,{written}\n2,9,{written}\n"))[0].source
    assert (source.dates, source.files[0].columns["seen_on"]) == (form, "date")


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16"])
def test_a_service_that_writes_otherwise_is_read_as_it_writes(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "care").mkdir()
    text = "id;Straße;client_id;seen_on\n1;x;9;2024-01-05\n2;y;8;2024-01-06\n"
    (tmp_path / "care" / "visits.csv").write_bytes(text.encode(encoding))
    source = propose(tmp_path)[0].source
    assert (source.encoding, source.delimiter) == (encoding, ";")
    assert list(source.files[0].columns) == ["id", "Straße", "client_id", "seen_on"]
    assert 'delimiter = ";"' in "\n".join(write_row("source", source))


def test_a_gazetteer_has_places_and_choices_are_choices(tmp_path: Path) -> None:
    choices = (
        "choice_id,reference_of,reference,service,purpose,kind,status,start\n1,a,9,b,*,objection,received,2024-01-01\n"
    )
    folder = extracts(tmp_path, land__homes="UPRN,LSOA21CD\n1,E01\n2,E02\n", rights__choices=choices)
    land, rights = (proposal.source for proposal in propose(folder))
    assert records(land.files[0])["place"]["area"] == '"LSOA21CD"'
    assert list(records(rights.files[0])) == ["permission"]
    assert land.signals == rights.signals == ()


def test_parquet_says_its_own_kinds(tmp_path: Path) -> None:
    (tmp_path / "care").mkdir()
    table = pa.table(
        {"client_id": ["a", "b"], "seen_on": pa.array([1, 2], pa.date32()), "minutes": [5, 6], "miles": [0.5, 1.5]}
    )
    pq.write_table(table, tmp_path / "care" / "visits.parquet")
    file = propose(tmp_path)[0].source.files[0]
    assert dict(file.columns) == {"client_id": "text", "seen_on": "date", "minutes": "integer", "miles": "decimal"}
    (tmp_path / "care" / "visits.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="Parquet"):
        propose(tmp_path)


@pytest.mark.parametrize(
    "first",
    ["Zwick,Quentin,30/01/1980", "Zwick,q@zwick.example,x", "Zwick,,x", "ZZ1 1ZZ,a,b", "12 High Street,a,b", "a,b,a"],
)
def test_a_first_line_that_holds_values_is_refused_and_not_repeated(tmp_path: Path, first: str) -> None:
    with pytest.raises(DataError) as caught:
        propose(extracts(tmp_path, care__people=f"{first}\nVogt,x,y\n"))
    assert "care/people.csv is not its header" in str(caught.value)
    assert "Zwick" not in str(caught.value)


def test_a_broken_row_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"care/people.csv, line 3: it has 1 of 2 cells") as caught:
        propose(extracts(tmp_path, care__people="id,name\n1,Zwick\nVogt\n"))
    assert "Vogt" not in str(caught.value)


def test_only_sub_folders_with_files_are_deliveries(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        find_deliveries(tmp_path / "none")
    with pytest.raises(DataError, match="no sub-folder"):
        find_deliveries(tmp_path)
    extracts(tmp_path, care__visits="id\n1\n", truth__need="id\n1\n")
    assert [folder.name for folder in find_deliveries(tmp_path)[0]] == ["care", "truth"]
    (tmp_path / "care" / "delivery.json").write_text("{}")
    deliveries, others = find_deliveries(tmp_path)
    assert ([folder.name for folder in deliveries], [folder.name for folder in others]) == (["care"], ["truth"])


def test_two_folders_that_are_called_alike_are_refused(tmp_path: Path) -> None:
    extracts(tmp_path, care__visits="id\n1\n", Care__visits="id\n1\n")
    with pytest.raises(DataError, match="no service's name of its own"):
        propose(tmp_path)


def test_names_of_files_become_ids_and_plain_titles(tmp_path: Path) -> None:
    (tmp_path / "Family care").mkdir()
    text = "id,client_id,seen_on\n1,9,2024-01-05\n2,9,2024-01-06\n"
    for name in ('Risk "register" {1}.CSV', "数.csv", "2023 visits.csv"):
        (tmp_path / "Family care" / name).write_text(text)
    source = propose(tmp_path)[0].source
    assert (source.service, source.folder) == ("family_care", "Family care")
    signals = {row.name: row.title for row in source.signals}
    assert signals == {
        "family_care.file_2023_visits": "Family care file 2023 visits",
        "family_care.risk_register_1": "Family care register 1",
        "family_care.file": "Family care file",
    }
    assert [signal(name).name for name in signals] == list(signals)
    assert Source.model_validate(tomllib.loads("\n".join(write_row("source", source)))["source"][0]) == source


INSPECTIONS = """\
inspection_id,licence_no,inspected,violations
7,A1,10/18/2016,none
8,A1,01/20/2015,none
9,A2,11/25/2014,two
"""


def test_whom_rows_are_about_is_told_or_the_reference_that_repeats(tmp_path: Path) -> None:
    folder = extracts(tmp_path, checks__inspections=INSPECTIONS)
    (guessed,) = propose(folder)
    file = file_of(guessed.source, "inspections.csv")
    assert records(file)["event"]["reference"] == "licence_no"
    assert (guessed.source.dates, file.columns["inspected"]) == ("%m/%d/%Y", "date")
    assert any("licence_no" in line and line.startswith("Confirm") for line in guessed.remarks["inspections.csv"])
    (told,) = propose_sources(find_deliveries(folder)[0], ["inspection_id"])
    assert records(file_of(told.source, "inspections.csv"))["event"]["reference"] == "inspection_id"
    with pytest.raises(UsageError, match="no file has a column licence"):
        propose_sources(find_deliveries(folder)[0], ["licence"])


def test_a_text_that_repeats_says_whom_rows_are_about_where_nothing_is_called_a_reference(tmp_path: Path) -> None:
    days = [f"2014-{1 + n % 12:02}-{1 + n % 28:02} 08:{n % 60:02}:00+01:00" for n in range(300)]
    rows = "".join(f"A{n % 120},{'ab'[n % 2]},{day}\n" for n, day in enumerate(days))
    (proposal,) = propose(extracts(tmp_path, ward__log=f"case:concept:name,concept:name,time:timestamp\n{rows}"))
    file = file_of(proposal.source, "log.csv")
    assert records(file)["event"]["reference"] == '"case:concept:name"'
    assert (proposal.source.datetimes, file.columns["time:timestamp"]) == ("%Y-%m-%d %H:%M:%S%z", "datetime")
    assert any("detail" in line for line in proposal.remarks["ward.log"])
    assert any("concept:name" in line for line in proposal.remarks["ward.log"])


def test_the_reference_that_dated_files_share_is_everybodys(tmp_path: Path) -> None:
    accounts = "account_id,district_id,date\n" + "".join(f"{n},{n % 3},9301{1 + n:02}\n" for n in range(9))
    trans = "trans_id,account_id,date\n" + "".join(f"{n},{n % 4},9302{1 + n:02}\n" for n in range(9))
    clients = "client_id,account_id\n" + "".join(f"{n},{n}\n" for n in range(9))
    folder = extracts(tmp_path, bank__account=accounts, bank__trans=trans, bank__client=clients)
    (proposal,) = propose(folder)
    assert proposal.source.dates == "%y%m%d"
    said = [record.reference for file in proposal.source.files for record in file.records]
    # A client's number beside an account's would make strangers one person.
    assert set(said) == {"account_id"}
    assert len(said) == 5


def test_columns_that_write_days_otherwise_have_forms_of_their_own(tmp_path: Path) -> None:
    rows = "".join(f"{n},P{n % 3},0{n}/02/2020,2020-0{n}-03T00:00:00Z,1{n}/01/10 8:0{n}\n" for n in range(1, 9))
    (proposal,) = propose(extracts(tmp_path, care__visits=f"visit_id,client_id,seen_on,due_on,made_at\n{rows}"))
    file = file_of(proposal.source, "visits.csv")
    assert proposal.source.dates == "%d/%m/%Y"
    # A time that is midnight in every row is a day: in UTC it would be an hour into a day of the council's.
    assert (file.columns["due_on"], file.forms["due_on"]) == ("date", "%Y-%m-%dT00:00:00Z")
    assert file.columns["made_at"] == "datetime"


def test_where_no_reference_repeats_nothing_is_guessed(tmp_path: Path) -> None:
    (source,) = propose(extracts(tmp_path, checks__visits="visit_no,seen_on\n1,02/03/2021\n2,03/03/2021\n"))
    assert not source.source.signals


def test_one_reference_in_several_services_is_for_people_to_confirm(tmp_path: Path) -> None:
    repairs = "report_id,Person Ref,reported_on\nR1,1,10/03/2021\nR2,1,11/03/2021\n"
    folder = extracts(tmp_path, housing__tenants=TENANTS, repairs__reports=repairs)
    for proposal in propose(folder):
        (remarks,) = (lines for name, lines in proposal.remarks.items() if name.endswith(".csv"))
        assert any("shared_key" in line for line in remarks)
        assert all("shared_key" not in record for file in proposal.source.files for record in file.records)


def test_the_months_of_what_happened_are_told_and_no_day(tmp_path: Path) -> None:
    rows = "".join(f"{n},P{n % 7},{1 + n % 28:02}/{1 + n % 12:02}/{2015 + n % 4}\n" for n in range(400))
    (proposal,) = propose(extracts(tmp_path, care__visits=f"visit_id,client_id,seen_on\n{rows}9999,P1,01/01/1901\n"))
    assert proposal.months == Months(date(2015, 1, 1), date(2018, 12, 1))
    dates = propose_dates([proposal], date(2026, 1, 1))
    assert (dates.first, dates.last, dates.horizon) == (date(2015, 6, 1), date(2017, 11, 1), 12)
    assert propose_dates([], date(2026, 1, 1)).first.year == 2022


@pytest.mark.parametrize("months", range(18, 130))
def test_proposed_dates_leave_something_to_learn_from(months: int) -> None:
    whole = 2015 * 12 + months
    between = Months(date(2015, 1, 1), date(whole // 12, whole % 12 + 1, 1))
    dates = propose_dates([replace(NO_SOURCE, months=between)], date(2030, 1, 1))
    assert dates.is_enough
    days = [date(n // 12, n % 12 + 1, 1) for n in range(number(dates.first), number(dates.last) + 1, dates.step)]
    tested = dates.folds * 3 + 3
    learned = [day for day in days if number(day) + dates.horizon < number(days[-tested])]
    assert len(learned) >= 2
    assert number(dates.last) + dates.horizon < number(between.last)
    assert dates.first > between.first


def test_too_short_a_time_is_said() -> None:
    short = Months(date(2015, 1, 1), date(2015, 9, 1))
    assert not propose_dates([replace(NO_SOURCE, months=short)], date(2030, 1, 1)).is_enough


def number(day: date) -> int:
    """Return a month's number, to count with."""
    return day.year * 12 + day.month - 1


def test_packed_files_workbooks_and_json_lines_are_looked_into(tmp_path: Path) -> None:
    folder = tmp_path / "checks"
    folder.mkdir()
    (folder / "visits.csv.gz").write_bytes(
        gzip.compress(b"visit_id;client_id;seen_on\n1;P1;02/03/2021\n2;P1;13/03/2021\n")
    )
    (folder / "calls.jsonl").write_text("".join(f'{{"call_id":"{n}","client_id":"P1"}}\n' for n in range(2)))
    (proposal,) = propose(tmp_path)
    assert [file.name for file in proposal.source.files] == ["calls.jsonl", "visits.csv.gz"]
    assert (proposal.source.delimiter, proposal.source.dates) == (";", "%d/%m/%Y")
    assert [signal.name for signal in proposal.source.signals] == ["checks.visits"]
