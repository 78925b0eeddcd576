"""A new council's folder: rows written as the reader reads them, marked for people, all or nothing."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from charter.council.council import Council
from charter.council.register import ExtractFile, Register, Signal, Source
from charter.errors import DataError, UsageError
from charter.invocation import shipped_council
from charter.purposes import PURPOSES
from charter.rules.policy import Policy
from charter.starting.council_folder import write_council
from charter.starting.new_council import Answers, ProposedSource, propose_example
from charter.starting.shipped_rows import keep_paragraphs, read_paragraphs
from charter.starting.toml_rows import write_row

TODAY = date(2028, 2, 29)
ANSWERS = Answers('The "Old" Borough', "Europe/London", "help@smallford.example", ("Hill", "Dale"), "first_look")


def propose(kind: str) -> ProposedSource:
    """Return a source with one file of events, by the kind of its signal."""
    record = {"kind": "event", "reference": "ref", "signal": f"'housing.{kind}'", "key": "id", "valid_at": '"on"'}
    file = ExtractFile.model_validate(
        {
            "name": f"{kind}.csv",
            "columns": {"id": "text", "ref": "text", "on": "date", "Größe in m²": "decimal"},
            "key": ("id",),
            "record": ({**record, "example": True},),
            "example": True,
        }
    )
    return ProposedSource(
        Source(
            service="housing",
            title="Housing",
            basis="public task",
            purposes=frozenset(PURPOSES),
            retention_years=7,
            signals=(Signal(name=f"housing.{kind}", title=kind.capitalize(), example=True),),
            files=(file,),
            example=True,
        ),
        {f"{kind}.csv": ("Confirm: the key.",)},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_council(tmp_path / "new", ANSWERS, [propose("visits")], TODAY)
    return tmp_path / "new"


def test_a_row_written_and_read_again_is_the_same_row() -> None:
    register = Register.load(shipped_council() / "register.toml")
    assert len(register.sources) > 8
    for source in register.sources:
        text = "\n".join(write_row("source", source, {source.service: ("A remark.",)}))
        assert text.startswith("# A remark.\n[[source]]")
        assert Source.model_validate(tomllib.loads(text)["source"][0], by_alias=True, by_name=False) == source


def test_the_folder_is_read_by_the_reader_and_each_row_waits_for_people(folder: Path) -> None:
    council, register = Council.load(folder), Register.load(folder / "register.toml")
    policy = Policy.load(folder / "charter.toml", TODAY)
    assert (council.name, council.programmes) == ('The "Old" Borough', ("first_look",))
    assert [team.id for team in council.teams] == ["hill", "dale"]
    assert {team.id for team in council.teams_by_area(TODAY).values()} == {"hill", "dale"}
    assert register.sources[0].files[0].columns["Größe in m²"] == "decimal"
    assert policy.allows("housing.visits", "train")
    assert not policy.allows("housing.arrears_stage", "train")
    assert policy.review_by == date(2029, 2, 1)
    # Every team, offer, area, source, signal, file, record, promise, gate and role: nobody has decided any of them.
    assert len(council.marked) == 1 + 2 + 2 + 2
    assert len(register.marked) == 4
    rows = (policy.principles, policy.allow, policy.prohibited_inputs, policy.gates, policy.roles, policy.assessments)
    assert all(rows)
    assert all(row.example for kind in rows for row in kind)
    shipped = Policy.read(shipped_council() / "charter.toml")
    assert policy.roles == shipped.roles
    assert 5 < len(policy.gates) < len(shipped.gates)
    assert "# Confirm: the key." in (folder / "register.toml").read_text()


def test_settings_of_the_shipped_programme_are_kept_whole_but_for_what_names_its_own_services(folder: Path) -> None:
    shipped = shipped_council() / "early_help"
    for name, table in (("training.toml", "as_of"), ("worklist.toml", "need")):
        new = tomllib.loads((folder / "first_look" / name).read_text())
        old = tomllib.loads((shipped / name).read_text())
        assert new.pop(table) != old.pop(table)
        # Its services, its help and the points that its people agreed on are the shipped council's own.
        old.pop("known_trouble", None)
        old.get("offers", {}).pop("helped", None)
        if "models" in old:
            old["models"]["compare"].remove("agreed")
        assert new == old
    # What stands beside the rows stays whole: only the model that nobody agreed on yet goes from the list.
    assert '`release = "agreed"` releases what people typed' in (folder / "first_look" / "training.toml").read_text()
    assert tomllib.loads((folder / "first_look" / "training.toml").read_text())["as_of"]["last"] == date(2026, 2, 1)


def test_a_paragraph_without_a_header_is_of_the_table_above_it(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("# File.\n\ntop = 1\n\n# About a.\n\n[a]\nx = 1\n\n# And y.\ny = 2\n\n# About b.\n\n[b]\nz = 3\n")
    kept = keep_paragraphs(read_paragraphs(path), lambda paragraph: paragraph.table == "a")
    assert kept == "# About a.\n\n[a]\nx = 1\n\n# And y.\ny = 2\n"


def test_a_name_that_the_charter_prohibits_gives_no_signal(tmp_path: Path) -> None:
    write_council(tmp_path / "new", ANSWERS, [propose("visits"), _renamed(propose("loan"), "library")], TODAY)
    register = Register.load(tmp_path / "new" / "register.toml")
    assert [signal.name for signal in register.signals] == ["housing.visits"]
    assert register.source("library").files[0].records == ()
    assert "prohibits its name" in (tmp_path / "new" / "register.toml").read_text()


def test_only_what_the_charter_prohibits_goes_and_other_files_of_the_source_stay(tmp_path: Path) -> None:
    visits, loans = propose("visits"), _renamed(propose("loan"), "housing")
    both = {
        "signals": (*visits.source.signals, *loans.source.signals),
        "files": (*visits.source.files, loans.source.files[0].model_copy(update={"name": "loans.csv"})),
    }
    write_council(tmp_path / "new", ANSWERS, [ProposedSource(visits.source.model_copy(update=both))], TODAY)
    kept, emptied = Register.load(tmp_path / "new" / "register.toml").source("housing").files
    assert (len(kept.records), emptied.records) == (len(visits.source.files[0].records), ())


def test_a_table_in_a_row_is_written_as_a_table_of_its_own() -> None:
    source = Register.load(Path(__file__).parents[3] / "examples/course/register.toml").sources[0]
    text = "\n".join(write_row("source", source))
    assert "[source.delivery]" in text
    assert Source.model_validate(tomllib.loads(text)["source"][0], by_alias=True, by_name=False) == source


def _renamed(proposal: ProposedSource, service: str) -> ProposedSource:
    source = proposal.source
    signal = source.signals[0].model_copy(update={"name": f"{service}.loan"})
    record = source.files[0].records[0].model_copy(update={"signal": f"'{service}.loan'"})
    file = source.files[0].model_copy(update={"records": (record,)})
    changes = {"service": service, "folder": service, "signals": (signal,), "files": (file,)}
    return ProposedSource(source.model_copy(update=changes), proposal.remarks)


def test_without_extracts_one_source_shows_the_form(tmp_path: Path) -> None:
    write_council(tmp_path / "new", ANSWERS, [propose_example()], TODAY)
    register = Register.load(tmp_path / "new" / "register.toml")
    assert [(source.format, source.example) for source in register.sources] == [("canonical", True)]


def test_a_folder_that_holds_anything_is_refused_and_an_empty_one_is_filled(tmp_path: Path, folder: Path) -> None:
    before = (folder / "council.toml").read_bytes()
    with pytest.raises(UsageError, match="is not empty"):
        write_council(folder, ANSWERS, [propose("visits")], TODAY)
    with pytest.raises(UsageError, match="is not empty"):
        write_council(folder / "council.toml", ANSWERS, [propose("visits")], TODAY)
    assert (folder / "council.toml").read_bytes() == before
    (tmp_path / "empty").mkdir()
    write_council(tmp_path / "empty", ANSWERS, [propose("visits")], TODAY)
    assert Council.load(tmp_path / "empty").name == ANSWERS.name


def test_an_answer_that_the_reader_refuses_leaves_nothing(tmp_path: Path) -> None:
    wrong = Answers("Smallford", "Europe/Smallford", "", ("Hill",), "first_look")
    with pytest.raises(DataError, match="no time zone"):
        write_council(tmp_path / "new", wrong, [propose("visits")], TODAY)
    with pytest.raises(UsageError, match="something happened to somebody"):
        write_council(tmp_path / "new", ANSWERS, [], TODAY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("teams", "programme", "words"),
    [((), "early_help", "teams"), (("Hill", "hill"), "early_help", "teams"), (("Hill",), "Early Help", "programme")],
)
def test_teams_and_programme_need_ids(teams: tuple[str, ...], programme: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Answers("Smallford", "Europe/London", "", teams, programme)
