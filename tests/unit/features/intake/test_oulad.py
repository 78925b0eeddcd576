"""Real input: module AAA of OULAD goes through pull and link, and none of its traps leaks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from charter.contracts.files import writer_lock
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation
from features.linking.link import link_records
from features.pull import pull_sources

ROOT = Path(__file__).resolve().parents[4]
DATA = ROOT.parent / "shared/data/oulad_aaa"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/oulad_aaa beside the repository")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("course")
    council = Council.load(ROOT / "examples/course")
    invocation = Invocation(council, "aaa", Workspace(root, "aaa"), quiet=True)
    with writer_lock(root):
        pull_sources(invocation, extracts=DATA.parent)
        link_records(invocation)
    return invocation.workspace.snapshot() / "tables"


def query(tables: Path, sql: str) -> list[tuple]:
    with duckdb.connect() as database:
        for path in tables.glob("*.parquet"):
            database.execute(f"create view {path.stem} as select * from read_parquet('{path}')")
        return database.execute(sql).fetchall()


def test_every_row_comes_through(tables: Path) -> None:
    assert query(tables, "select count(*) from people") == [(748,)]
    assert query(
        tables,
        "select signal, detail, count(*) from events where signal not like 'learning%' group by all order by all",
    ) == [
        ("assessment.submission", "TMA", 3107),
        ("registry.did_not_complete", "failed", 91),
        ("registry.did_not_complete", "withdrawn", 126),
        ("registry.enrolment", None, 748),
    ]
    clicks = query(tables, "select count(*), sum(amount)::bigint from events where signal = 'learning.clicks'")
    with duckdb.connect() as database:
        assert (
            clicks
            == database.execute(
                f"select count(*), sum(sum_click)::bigint from '{DATA / 'studentVle.parquet'}'"
            ).fetchall()
        )


def test_an_outcome_is_known_when_it_happened_and_no_earlier(tables: Path) -> None:
    assert query(
        tables, "select count(*) from events where signal = 'registry.did_not_complete' and known_at <> valid_at"
    ) == [(0,)]
    # A fail is known at the end of the presentation: 268 and 269 days after 1 October.
    assert query(tables, "select distinct valid_at from events where detail = 'failed' order by 1") == [
        (datetime(2014, 6, 25, 23),),
        (datetime(2015, 6, 26, 23),),
    ]


def test_on_day_28_only_those_already_gone_have_an_outcome(tables: Path) -> None:
    with duckdb.connect() as database:
        (gone,) = database.execute(
            f"select count(*) from '{DATA / 'studentRegistration.csv'}' where date_unregistration < 28"
        ).fetchall()
    assert query(
        tables,
        "select count(*) from events o join events e using (person_id) where o.signal = 'registry.did_not_complete' "
        "and e.signal = 'registry.enrolment' and o.known_at < "
        "case when e.end_at < timestamp '2014-08-01' then timestamp '2013-10-29' else timestamp '2014-10-29' end",
    ) == [gone]


def test_banked_scores_of_an_earlier_presentation_are_left_out(tables: Path) -> None:
    with duckdb.connect() as database:
        (own,) = database.execute(
            f"select count(*) from '{DATA / 'studentAssessment.csv'}' where is_banked = 0"
        ).fetchall()
    assert query(tables, "select count(*) from events where signal = 'assessment.submission'") == [own]


def test_a_student_who_enrols_twice_is_two_enrolments(tables: Path) -> None:
    with duckdb.connect() as database:
        (students,) = database.execute(
            f"select count(distinct id_student) from '{DATA / 'studentInfo.csv'}'"
        ).fetchall()
    assert students[0] < 748
    assert query(
        tables,
        "select max(n) from (select count(*) as n from events where signal = 'registry.enrolment' group by person_id)",
    ) == [(1,)]


def test_students_without_a_single_click_are_there(tables: Path) -> None:
    assert query(
        tables,
        "select count(*) > 0 from people where person_id not in "
        "(select person_id from events where signal like 'learning.%')",
    ) == [(True,)]


def test_the_unknown_is_a_group_and_the_odd_label_is_mended(tables: Path) -> None:
    bands = dict(
        query(tables, "select value, count(*) from protected where characteristic = 'imd_band' group by value")
    )
    assert bands["not recorded"] > 0
    assert "?" not in bands
    assert "10-20" not in bands
    assert bands["10-20%"] > 0


def test_the_result_is_no_signal_and_protected_is_no_event(tables: Path) -> None:
    assert query(
        tables, "select count(*) from events where detail in ('Pass', 'Distinction', 'Fail', 'Withdrawn')"
    ) == [(0,)]
    assert {row[0] for row in query(tables, "select distinct characteristic from protected")} == {
        "gender",
        "age_band",
        "disability",
        "imd_band",
        "region",
    }
