from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from charter.council.register import Register
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import shipped_council
from charter.rules.policy import Policy

ROOT = Path(__file__).resolve().parents[3]
ROW = """
[[source]]
service = "housing"
title = "Rents"
basis = "public task"
purposes = ["link", "train"]
retention_years = 7

  [[source.signal]]
  name = "arrears"
  title = "Rent arrears"

  [[source.file]]
  name = "arrears.csv"
  key = ["id"]
  columns = { id = "text", day = "date" }

    [[source.file.record]]
    kind = "event"
    signal = "'housing.arrears'"
    reference = "id"
    key = "id"
    valid_at = "day"
"""


def load(tmp_path: Path, text: str) -> Register:
    path = tmp_path / "register.toml"
    path.write_text(text, encoding="utf-8")
    return Register.load(path)


def test_a_register_answers_what_may_be_used_for_what(tmp_path: Path) -> None:
    register = load(tmp_path, ROW + ROW.replace("housing", "clinic").replace("public task", "consent"))
    assert register.permits("housing", "train")
    assert not register.permits("housing", "rank")
    assert not register.permits("nobody", "train")
    assert not register.consent_based("housing")
    assert register.consent_based("clinic")
    assert register.signal("housing.arrears").title == "Rent arrears"
    assert register.source("clinic").files[0].records[0].fields["valid_at"] == "day"
    with pytest.raises(CharterError, match="no source 'nobody'"):
        register.source("nobody")
    with pytest.raises(CharterError, match=r"declares the signal 'housing\.gossip'"):
        register.signal("housing.gossip")


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ('basis = "public task"\n', "", CharterError, "'housing' gives no lawful basis"),
        ('basis = "public task"', 'basis = " "', CharterError, "without a lawful basis nothing may be used"),
        ('"train"', '"gossip"', DataError, "holds 'gossip', which is not known"),
        ("retention_years = 7\n", "", DataError, "lacks 'retention_years'"),
        ("retention_years = 7", 'retention_years = "7"', DataError, 'is "7", not a whole number'),
        ("retention_years = 7", "retention_years = true", DataError, "is true, not a whole number"),
        ("retention_years = 7", "retention_years = 7\nintrusiveness = 9", DataError, "is 9, and must be at most 5"),
        ("retention_years = 7", "retention_years = 7\nretains = 7", DataError, "unknown key 'retains'"),
        ("retention_years = 7", 'retention_years = 7\nformat = "xlsx"', DataError, 'is "xlsx", which is not known'),
        ("retention_years = 7", "retention_years = 7\ntolerance = { bad_value = 1.5 }", DataError, "must be below 1"),
        ('"arrears"', '"school.arrears"', DataError, "which is not of this service"),
        ('day = "date"', 'day = "moment"', DataError, "is 'moment', which is not known"),
        ('key = ["id"]', 'key = ["number"]', DataError, "names 'number', which is no column"),
        ('kind = "event"', 'kind = "rumour"', DataError, 'is "rumour", which is not known'),
        ('service = "housing"', "service = 7", DataError, "is 7, not a text"),
        ('kind = "event"\n', "", DataError, "lacks 'kind'"),
        (
            "retention_years = 7",
            'retention_years = 7\ndelivery = { received_at = "soon", covers_from = 2016-01-01, '
            "covers_to = 2026-09-28 }",
            DataError,
            'is "soon", not a date or a time',
        ),
        ("retention_years = 7", 'retention_years = 7\ndates = "DD/MM/YYYY"', DataError, "no form of a date"),
        ('valid_at = "day"\n', "", DataError, "lacks 'valid_at'"),
        ('valid_at = "day"\n', 'valid_at = "day"\nmood = "x"\n', DataError, "unknown key 'mood'"),
    ],
)
def test_a_row_that_breaks_its_form_is_refused_by_name(tmp_path: Path, old, new, error, said) -> None:
    assert old in ROW
    with pytest.raises(error, match=said) as refused:
        load(tmp_path, ROW.replace(old, new, 1))
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROW + ROW, r"two \[\[source\]\] with service = 'housing'"),
        (
            ROW.replace(
                "  [[source.file]]", '  [[source.signal]]\n  name = "arrears"\n  title = "x"\n\n  [[source.file]]'
            ),
            "twice",
        ),
        ("", "lacks 'source'"),
        ("source = []\n", r"has no \[\[source\]\]"),
        ("[other]\n", "unknown key 'other'"),
    ],
)
def test_a_register_that_makes_no_sense_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(tmp_path, text)


def test_what_may_break_a_rule_and_what_a_source_is_about_are_read_from_its_row(tmp_path: Path) -> None:
    register = load(
        tmp_path, ROW.replace("retention_years = 7", "retention_years = 7\ntolerance = { bad_value = 0.25 }")
    )
    tolerance = register.source("housing").tolerance
    assert (tolerance.of("bad_value"), tolerance.of("vanished_rows")) == (0.25, 0.1)
    assert register.source("housing").bears_people
    shipped = Register.load(shipped_council() / "register.toml")
    assert [source.service for source in shipped.sources if not source.bears_people] == ["addresses"]


def test_a_check_that_was_never_agreed_is_refused(tmp_path: Path) -> None:
    assert Register.load(shipped_council() / "register.toml").check("residence_check").asked_by
    other = '[[check]]\npurpose = "roll_check"\ntitle = "Who?"\nasked_by = ["parking"]\nbasis = "public task"\n'
    for text in (ROW, ROW + other):
        with pytest.raises(CharterError, match="no check for the purpose residence_check"):
            load(tmp_path, text).check("residence_check")


def test_a_missing_register_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"register\.toml is missing"):
        Register.load(tmp_path / "register.toml")


@pytest.mark.parametrize("folder", [ROOT / "council", ROOT / "examples/course"], ids=["borough", "course"])
def test_the_shipped_registers_fit_their_charters(folder: Path) -> None:
    register, policy = Register.load(folder / "register.toml"), Policy.load(folder / "charter.toml")
    for signal in register.signals:
        assert any(policy.allows(signal.name, purpose) for purpose in policy.purposes), signal.name


def test_every_row_of_the_fictional_borough_is_marked_as_the_example() -> None:
    register = Register.load(ROOT / "council/register.toml")
    assert {f"source {source.service}" for source in register.sources} | {"check residence_check"} < set(
        register.marked
    )
    assert not Register.load(ROOT / "examples/course/register.toml").marked


def test_the_register_declares_every_file_and_column_that_the_fictional_borough_sends() -> None:
    sent = tomllib.loads((ROOT / "borough/extracts.toml").read_text(encoding="utf-8"))
    register = Register.load(ROOT / "council/register.toml")
    for source in register.sources:
        files = {file.name: file for file in source.files}
        declared = {one["file"]: one for one in sent[source.service].values() if isinstance(one, dict)}
        assert set(files) == set(declared)
        for name, file in files.items():
            assert dict(file.columns) == {column[0]: column[1] for column in declared[name]["columns"]}, name
        assert source.dates == sent[source.service]["dates"]


def test_hospital_is_for_evaluation_and_nothing_that_decides() -> None:
    register = Register.load(ROOT / "council/register.toml")
    assert register.source("hospital").purposes == {"link", "evaluate"}


def test_a_signal_of_which_nothing_more_is_said_lasts_for_no_time_and_is_no_service_s_own_act(tmp_path: Path) -> None:
    (signal,) = load(tmp_path, ROW).sources[0].signals
    assert (signal.interval, signal.weekly, signal.system_response) == (False, False, False)
    assert (signal.details, signal.unit) == ((), "")


WHOLE = """contact = "rents@council.example"
conditions = ["UK GDPR article 6(1)(e)"]
arrival_lag_days = 0
promised_lag_days = 35
review_by = 2027-03-31
assessment = "DPIA 2026/14"
details_to = []
"""


def with_all_said(row: str) -> str:
    return row.replace("retention_years = 7\n", "retention_years = 7\n" + WHOLE)


def test_a_complete_register_refuses_a_row_that_leaves_something_open(tmp_path: Path) -> None:
    marked = ROW.replace("housing", "clinic").replace('title = "Rents"', 'title = "Rents"\nexample = true')
    unused = ROW.replace("housing", "pool").replace('title = "Rents"', 'title = "Rents"\ndisabled = true')
    said = load(tmp_path, "complete = true\n" + with_all_said(ROW) + marked + unused)
    assert said.source("housing").left_open == ()
    assert len(said.source("clinic").left_open) == 7
    keys = [line.split(" = ")[0] for line in WHOLE.splitlines()]
    assert len(keys) == 7
    for key, line in zip(keys, WHOLE.splitlines(), strict=True):
        with pytest.raises(CharterError, match=rf"the row of 'housing' leaves open {key}\.") as refusal:
            load(tmp_path, "complete = true\n" + with_all_said(ROW).replace(line + "\n", ""))
        assert refusal.value.exit_code == 12
    with pytest.raises(CharterError, match=r"leaves open contact, conditions, .*details_to; 1 more leave something"):
        load(tmp_path, "complete = true\n" + ROW + ROW.replace("housing", "clinic"))


def test_a_register_that_does_not_say_that_it_is_complete_is_read_with_its_gaps(tmp_path: Path) -> None:
    assert load(tmp_path, ROW).source("housing").left_open[:2] == ("contact", "conditions")
