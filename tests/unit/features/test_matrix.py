"""`sooner build`: a matrix is named by all it depends on, made once, and the same from either engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from charter.contracts.files import find_current, write_json
from charter.contracts.matrix import Matrix, MatrixDate
from charter.council.training_settings import AsOf, EachEntity, StatedPeriod
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation, shipped_council
from features.build import Snapshot, build_matrix, make_question, read_as_of_dates
from features.engines.rows import Event, Feed, Household, Person, Residence, Tables
from features.forget import forget
from features.grammar import Definition, Period
from features.late_cases import count_late_cases

LONG_AGO = datetime(2018, 1, 1, tzinfo=UTC)
TAKEN = datetime(2025, 9, 1, 6, tzinfo=UTC)
SERVICES = ("housing", "council_tax", "homelessness", "education", "social_care", "early_help", "youth_justice")


def small_borough() -> Tables:
    """Thirty homes with two people each, and a few hundred seeded events."""
    rng = np.random.default_rng(7)
    people = [f"{n:032x}" for n in range(60)]
    homes = [f"{n:032x}" for n in range(1000, 1030)]
    events = []
    kinds = ["housing.arrears_stage", "education.unauthorised_absence", "social_care.contact", "homelessness.duty_owed"]
    details = {"housing.arrears_stage": ["letter", "notice"], "social_care.contact": ["school", "health"]}
    for n in range(400):
        kind = kinds[rng.integers(4)]
        valid = LONG_AGO + timedelta(hours=int(rng.integers(24 * 365 * 7)))
        events.append(
            Event(
                f"e{n}",
                people[rng.integers(60)],
                kind,
                valid,
                valid + timedelta(days=int(rng.integers(60))),
                amount=int(rng.integers(10**7)) if kind.startswith(("housing", "education")) else None,
                detail=details[kind][rng.integers(2)] if kind in details else None,
            )
        )
    return Tables(
        events=tuple(events),
        people=tuple(Person(p, date(1985 if n % 2 else 2012, 1 + n % 12, 1)) for n, p in enumerate(people)),
        residence=tuple(Residence(p, homes[n // 2], LONG_AGO, LONG_AGO) for n, p in enumerate(people)),
        households=tuple(Household(h, "home", "E01990001", LONG_AGO, LONG_AGO) for h in homes),
        feeds=tuple(Feed(service, LONG_AGO, TAKEN, TAKEN) for service in SERVICES),
    )


def leave_snapshot(workspace: Path, tables: Tables, name: str = "one") -> None:
    folder = workspace / "store" / name
    tables.write(folder / "tables")
    manifest = {"schema_version": 1, "snapshot": name, "taken_at": TAKEN.isoformat(), "synthetic": True, "sources": []}
    write_json(folder / "manifest.json", manifest)
    (workspace / "store" / "current").write_text(name)


@pytest.fixture
def open_council(tmp_path: Path) -> Callable[[], Invocation]:
    council = tmp_path / "council"
    shutil.copytree(shipped_council(), council)
    leave_snapshot(tmp_path / "workspace", small_borough())
    return lambda: Invocation.open(council, "early_help", tmp_path / "workspace", quiet=True)


def test_the_matrix_keeps_its_contract_and_is_what_current_names(open_council: Callable[[], Invocation]) -> None:
    invocation = open_council()
    folder = build_matrix(invocation)
    matrix = Matrix.open(folder)
    definition = Definition.load(invocation.programme_folder / "definition.py")
    assert find_current(invocation.workspace.matrix) == folder
    assert Definition.of(matrix.definition) == definition
    assert matrix.features == [feature.name for feature in definition.features]
    assert len(matrix.dates) == 30
    assert matrix.manifest["definition"] == definition.hash
    assert set(matrix.manifest["inputs"]) > {"events.parquet", "residence.parquet", "charter.toml", "register.toml"}
    assert matrix.manifest["freshness"]["housing"] == TAKEN.isoformat()
    rows = matrix.at(date(2025, 3, 1))
    assert len(rows.entity) == matrix.manifest["as_of"]["2025-03-01"]["rows"] > 0
    assert rows.features.dtype == np.float32
    assert rows.features.shape == (len(rows.entity), len(matrix.features))
    assert list(rows.entity) == sorted(rows.entity)
    assert rows.person_row.max() < len(rows.entity)
    assert (np.bincount(rows.person_row) == rows.members).all()
    assert "What early help asks" in (folder / "register.html").read_text()


def test_building_twice_does_nothing(open_council: Callable[[], Invocation]) -> None:
    folder = build_matrix(open_council())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert build_matrix(open_council()) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_both_engines_write_the_same_bytes(open_council: Callable[[], Invocation]) -> None:
    days = [date(2022, 3, 1), date(2024, 3, 1)]
    one = build_matrix(open_council(), as_of=days)
    other = build_matrix(open_council(), as_of=days, engine="reference")
    assert one != other
    for day in days:
        for name in MatrixDate.ARRAYS:
            path = f"as_of={day}/{name}.npy"
            assert (one / path).read_bytes() == (other / path).read_bytes(), path


def test_arrays_are_those_that_numpy_would_have_written(open_council: Callable[[], Invocation], tmp_path: Path) -> None:
    folder = build_matrix(open_council(), as_of=[date(2024, 3, 1)])
    for name in MatrixDate.ARRAYS:
        path = folder / "as_of=2024-03-01" / f"{name}.npy"
        np.save(tmp_path / "again.npy", np.load(path, allow_pickle=False), allow_pickle=False)
        assert (tmp_path / "again.npy").read_bytes() == path.read_bytes(), name


def test_another_date_purpose_or_charter_is_another_matrix(open_council: Callable[[], Invocation]) -> None:
    invocation = open_council()
    first = build_matrix(invocation)
    ranked = build_matrix(invocation, purpose="rank", as_of=[date(2025, 9, 1)])
    assert ranked != first
    assert find_current(invocation.workspace.matrix) == first
    assert Matrix.open(ranked).manifest["purpose"] == "rank"
    charter = invocation.council.folder / "charter.toml"
    charter.write_text(charter.read_text() + "\n# Another word.\n")
    assert build_matrix(invocation.reread()) != first


def test_a_new_snapshot_leaves_the_old_matrix(open_council: Callable[[], Invocation], tmp_path: Path) -> None:
    first = build_matrix(open_council(), as_of=[date(2024, 3, 1)])
    tables = small_borough()
    later = [replace(event, known_until=TAKEN) if n == 0 else event for n, event in enumerate(tables.events)]
    leave_snapshot(tmp_path / "workspace", replace(tables, events=tuple(later)), "two")
    second = build_matrix(open_council(), as_of=[date(2024, 3, 1)])
    assert second != first
    assert build_matrix(open_council(), as_of=[date(2024, 3, 1)], snapshot="one") == first


def arrays_of(folder: Path, day: str) -> dict[str, bytes]:
    return {name: (folder / f"as_of={day}" / f"{name}.npy").read_bytes() for name in MatrixDate.ARRAYS}


def test_a_new_month_costs_one_date(open_council: Callable[[], Invocation], tmp_path: Path) -> None:
    days = [date(2024, 3, 1), date(2024, 4, 1)]
    first = build_matrix(open_council(), as_of=days)
    tables = small_borough()
    moment = datetime(2024, 5, 20, tzinfo=UTC)
    person = tables.people[3].person_id
    news = Event("news", person, "homelessness.duty_owed", moment, moment + timedelta(days=1))
    workspace = tmp_path / "workspace"
    leave_snapshot(workspace, replace(tables, events=(*tables.events, news)), "two")
    second = build_matrix(open_council(), as_of=[*days, date(2024, 6, 1)])
    shutil.rmtree(workspace / "matrix" / "early_help" / first.name)
    kept = {day: arrays_of(second, str(day)) for day in (*days, date(2024, 6, 1))}
    links = {day: (second / f"as_of={day}" / "features.npy").stat().st_nlink for day in ("2024-03-01", "2024-06-01")}
    assert links == {"2024-03-01": 1, "2024-06-01": 1}, "its old matrix is gone"
    shutil.rmtree(second)
    again = build_matrix(open_council(), as_of=[*days, date(2024, 6, 1)])
    assert again == second
    assert {day: arrays_of(again, str(day)) for day in kept} == kept


def test_dates_that_nothing_changed_are_the_same_files(open_council: Callable[[], Invocation]) -> None:
    first = build_matrix(open_council(), as_of=[date(2024, 3, 1)])
    second = build_matrix(open_council(), as_of=[date(2024, 3, 1), date(2024, 4, 1)])
    for name in MatrixDate.ARRAYS:
        one, other = (folder / "as_of=2024-03-01" / f"{name}.npy" for folder in (first, second))
        assert one.read_bytes() == other.read_bytes()
        later = name.startswith("outcome") and name != "outcome_before"
        assert one.samefile(other) == (not later), "outcomes become known later"
    told = [Matrix.open(folder).manifest["as_of"]["2024-03-01"] for folder in (first, second)]
    assert told[0] == told[1]


def test_what_is_forgotten_is_not_used_again(open_council: Callable[[], Invocation]) -> None:
    invocation = open_council()
    first = build_matrix(invocation, as_of=[date(2024, 3, 1)])
    second = build_matrix(invocation, as_of=[date(2024, 3, 1), date(2024, 4, 1)])
    person = Matrix.open(first).at(date(2024, 3, 1)).person[0].decode()
    assert forget([person], invocation.workspace) == 2
    assert not first.exists()
    assert not second.exists()
    third = build_matrix(invocation, as_of=[date(2024, 3, 1)])
    assert (third / "as_of=2024-03-01" / "features.npy").stat().st_nlink == 1


def test_what_the_charter_does_not_allow_is_refused(open_council: Callable[[], Invocation]) -> None:
    invocation = open_council()
    charter = invocation.council.folder / "charter.toml"
    charter.write_text(charter.read_text().replace('  "housing.notice",\n', ""))
    with pytest.raises(CharterError, match=r"reads housing.notice, which the charter does not allow"):
        build_matrix(invocation)
    assert not invocation.workspace.matrix.exists()


def test_an_unknown_engine_is_refused(open_council: Callable[[], Invocation]) -> None:
    with pytest.raises(UsageError, match="no engine 'pandas'"):
        build_matrix(open_council(), engine="pandas")


def state_dates(council: Path, stated: str) -> None:
    training = council / "early_help/training.toml"
    text = training.read_text(encoding="utf-8")
    start = text.index("\n[as_of]") + 1
    training.write_text(
        f"{text[:start]}[as_of]\n{stated}\n{text[text.index(chr(10) + '[', start) :]}", encoding="utf-8"
    )


DAILY = 'first = 2024-03-01\nlast = 2024-03-02\nstep = { n = 1, unit = "days" }\n'
LISTED = "dates = [2024-03-01, 2024-09-01]\n"


@pytest.mark.parametrize(
    ("dates", "after", "said", "do"),
    [
        (DAILY, "", "each row is at the very day of its housing.arrears_stage", 'after = { n = 1, unit = "days" }'),
        (LISTED, "", "each row is at the very day of its housing.arrears_stage", 'after = { n = 1, unit = "days" }'),
        (LISTED, ', after = { n = 90, unit = "years" }', "no housing.arrears_stage that was known by then", "[as_of]"),
    ],
)
def test_own_days_that_give_no_row_are_refused_by_their_cause(
    tmp_path: Path, open_council: Callable[[], Invocation], dates: str, after: str, said: str, do: str
) -> None:
    """A referral is recorded on its day or after it, so that its very day knows nothing of it."""
    state_dates(tmp_path / "council", f'{dates}each = {{ signal = "housing.arrears_stage"{after} }}')
    with pytest.raises(DataError, match="none of 2 as-of dates has a row") as refused:
        build_matrix(open_council())
    assert said in refused.value.message
    assert do in refused.value.next_step
    assert find_current(tmp_path / "workspace/matrix") is None


def test_cases_that_became_known_after_their_date_are_counted(
    tmp_path: Path, open_council: Callable[[], Invocation]
) -> None:
    """Of five until the date three were known only after it; what was withdrawn and what is of May are no cases."""
    told = [
        (10, 12, None),
        (29, 30, None),
        (31, 32, None),
        (31, 31, None),
        (20, 90, None),
        (20, 21, 25),
        (75, 76, None),
    ]
    first = datetime(2024, 3, 1, tzinfo=UTC)
    events = [
        Event(
            f"e{n}",
            f"{n:032x}",
            "housing.arrears_stage",
            first + timedelta(days=valid),
            first + timedelta(days=known),
            known_until=None if until is None else first + timedelta(days=until),
        )
        for n, (valid, known, until) in enumerate(told)
    ]
    leave_snapshot(tmp_path / "workspace", Tables(events=tuple(events)), "late")
    state_dates(
        tmp_path / "council",
        'first = 2024-04-01\nlast = 2024-04-01\nstep = { n = 1, unit = "months" }\n'
        'each = { signal = "housing.arrears_stage" }',
    )
    invocation = open_council()
    opened = Snapshot.open(invocation.workspace.snapshot(None))
    question, _ = make_question(invocation, opened, "train", None)
    assert count_late_cases(question, opened.tables) == (3, 5)


def test_a_failed_build_leaves_nothing(open_council: Callable[[], Invocation], tmp_path: Path) -> None:
    path = tmp_path / "workspace" / "store" / "one" / "tables" / "residence.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Exception, match=r"residence|parquet|Parquet"):
        build_matrix(open_council())
    assert not [p for p in (tmp_path / "workspace" / "matrix").rglob("*") if p.is_file()]


def test_dates_are_a_range_a_list_or_each_entitys_own() -> None:
    monthly = StatedPeriod(n=1, unit="months")
    dates, each = read_as_of_dates(AsOf(first=date(2024, 1, 31), last=date(2024, 4, 30), step=monthly))
    assert dates == (date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30))
    assert each is None
    own = EachEntity(signal="school.enrolled", after=StatedPeriod(n=28, unit="days"))
    dates, each = read_as_of_dates(AsOf(dates=(date(2024, 2, 1), date(2024, 1, 1)), each=own))
    assert dates == (date(2024, 1, 1), date(2024, 2, 1))
    assert each is not None
    assert each.after == Period(28, "days")


@pytest.mark.parametrize("wrong", [{}, {"dates": []}, {"first": date(2024, 1, 1)}, {"dates": ["2024-01-01"]}])
def test_dates_that_are_none_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"states no dates|valid date"):
        AsOf.model_validate(wrong)
