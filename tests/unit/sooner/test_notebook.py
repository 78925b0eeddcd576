"""From frames to a matrix and an audit in counts: what counts is what was known, and nothing of a row comes back."""

from __future__ import annotations

import ast
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from charter.errors import CharterError, DataError, SoonerError, UsageError
from features.grammar import Cohort, Feature, Outcome, any_of, count, months, signal
from sooner.frame_council import read_categories, to_arrow
from sooner.notebook import Workbench, read_feature_table
from tests.conftest import ROOT
from training.data.folds import count_fold
from training.models.planning import make_plan

PAGE = ROOT / "docs/how-to/start-in-a-notebook.md"
COHORT = Cohort("Everybody", entity="person")
OUTCOME = Outcome("A notice", any_of(signal("rents.notice"), next=months(3)))
LETTERS = Feature("letters", count(signal("rents.letter"), last=months(12)), reason="Letters: {value}", because="They.")


def make_events() -> pd.DataFrame:
    days = pd.date_range("2018-01-15", "2024-12-15", freq="MS")
    rows = [(f"p{n}", "rents.letter", day, day + pd.Timedelta(days=40)) for day in days for n in range(3)]
    rows = [row for row in rows if row[0] == "p0" or row[2].month % 5]
    rows += [("p1", "rents.notice", day, day) for day in days[::5]]
    return pd.DataFrame(rows, columns=["person_id", "signal", "valid_at", "known_at"])


def open_frames(workspace: Path, events: Any, **more: Any) -> Workbench:
    asked = {"cohort": COHORT, "outcome": OUTCOME, "features": [LETTERS], "made_up": True} | more
    return Workbench.of_frames(workspace, events=events, **asked)


def test_frames_become_a_matrix_of_what_was_known(tmp_path: Path) -> None:
    index = pd.DataFrame(
        {"person_id": ["p0", "p0"], "known_at": [date(2020, 1, 1), date(2022, 1, 1)], "index": [7.0, 9.5]}
    )
    more, ready = read_feature_table(index, service="bureau", columns=["index"])
    bench = open_frames(tmp_path / "work", [make_events(), more], features=[LETTERS, *ready], places=2)
    matrix = bench.matrix()
    before, after = (
        max(day for day in matrix.dates if day <= until) for until in (date(2021, 12, 1), date(2024, 1, 1))
    )
    assert before < date(2022, 1, 1) < after
    values = {day: dict(zip(matrix.at(day).entity, matrix.at(day).features, strict=True)) for day in (before, after)}
    assert values[before][b"p0"].tolist() == [11.0, 7.0], "the newest letter was known forty days later"
    assert values[after][b"p0"].tolist()[1] == 9.5
    assert "places = 2" in (tmp_path / "work/councils/first/council.toml").read_text(encoding="utf-8")


def test_a_service_none_of_whose_events_says_when_it_was_known_is_read(tmp_path: Path) -> None:
    """Beside a frame that does: its own column is empty then, not missing."""
    days = pd.date_range("2018-01-15", "2024-12-15", freq="MS")
    visits = pd.DataFrame({"person_id": "p2", "signal": "care.visit", "valid_at": days})
    bench = open_frames(tmp_path / "work", [make_events(), visits])
    assert bench.matrix().dates


def test_a_ready_table_keeps_its_texts_as_categories_and_its_names_as_they_can_be() -> None:
    table = pd.DataFrame(
        {
            "person_id": ["a", "b", "c", "d"],
            "known_at": [date(2020, 1, 1)] * 4,
            "Mother's job": ["nurse", "nurse", "cook", None],
            "G-1": [1, 2, 3, 4],
            "paid": [True, False, True, True],
        }
    )
    events, features = read_feature_table(table, service="school", columns=["Mother's job", "G-1", "paid"])
    assert [feature.name for feature in features] == ["school_mother_s_job", "school_g_1", "school_paid"]
    job, grade, _ = (feature.document()["expression"] for feature in features)
    assert "category" in str(job)
    assert "nurse" in str(job)
    assert "latest" in str(grade)
    rows = events.to_pylist()
    assert [row["detail"] for row in rows if row["signal"] == "school.mother_s_job"] == ["nurse", "nurse", "cook"]
    assert [row["amount"] for row in rows if row["signal"] == "school.paid"] == [1.0, 0.0, 1.0, 1.0]


def test_a_category_of_a_ready_table_is_its_twenty_commonest_texts() -> None:
    codes = [f"code {n:03}" for n in range(300) for _ in range(1 + n)]
    table = pd.DataFrame({"person_id": "a", "known_at": date(2020, 1, 1), "code": codes})
    _, (feature,) = read_feature_table(table, service="jobs", columns=["code"])
    said = str(feature.document()["expression"])
    assert "code 299" in said
    assert "code 280" in said
    assert "code 279" not in said


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("lost", "no column 'lost'"),
        ("seen_on", "holds neither numbers nor texts"),
        ("2nd", "a name begins with a letter"),
        ("Index", "is one column's"),
    ],
)
def test_a_ready_tables_column_that_cannot_be_a_feature_is_refused_in_a_sentence(column: str, said: str) -> None:
    table = pd.DataFrame(
        {"person_id": ["a"], "known_at": [date(2020, 1, 1)], "2nd": [1], "Index": [1], "index": [1]}
        | {"seen_on": [date(2020, 1, 1)]}
    )
    with pytest.raises(DataError, match=re.escape(said)):
        read_feature_table(table, service="bureau", columns=[column, "index"])


def test_real_peoples_frames_wait_for_those_who_answer_for_them(tmp_path: Path) -> None:
    with pytest.raises(CharterError, match=r"are not marked synthetic"):
        open_frames(tmp_path / "work", make_events(), made_up=False)
    assert (tmp_path / "work/councils/first/charter.toml").exists(), "there is a folder to make one's own"


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (pd.DataFrame({"person_id": ["a"], "valid_at": ["2024-01-01"]}), "no column 'signal'"),
        (pd.DataFrame({"person_id": ["a"], "signal": ["letter"], "valid_at": ["2024-01-01"]}), "is no signal"),
        (pd.DataFrame({"person_id": ["a"], "signal": ["a.b"], "valid_at": ["01/02/2024"]}), "no ISO date"),
        (make_events().head(0), "have no row"),
        ([1, 2], "no data frame"),
    ],
)
def test_frames_that_cannot_be_read_are_refused_in_a_sentence(tmp_path: Path, events: Any, said: str) -> None:
    with pytest.raises(DataError, match=re.escape(said)) as refused:
        open_frames(tmp_path / "work", events)
    assert refused.value.next_step


def test_a_signal_that_the_drafted_charter_prohibits_is_refused_before_its_rows_are_lost(tmp_path: Path) -> None:
    """A hospital's ward is no area where people live; the charter reads words."""
    stays = pd.DataFrame({"person_id": "p2", "signal": "ward.stay", "valid_at": [datetime(2020, 1, 1)]})
    with pytest.raises(UsageError, match=r"prohibit a signal by a word in its name \(ward.stay: ") as refused:
        open_frames(tmp_path / "work", [make_events(), stays])
    assert "call it otherwise" in refused.value.next_step
    assert not (tmp_path / "work/councils/first").exists()


def test_frames_say_since_when_they_are_complete(tmp_path: Path) -> None:
    """Without it a service that recorded nothing in its first years would count as not delivered then."""
    late = pd.DataFrame({"person_id": "p2", "signal": "care.visit", "valid_at": [datetime(2024, 1, 1)]})
    open_frames(tmp_path / "work", [make_events(), late], since=date(2018, 1, 1))
    register = (tmp_path / "work/councils/first/register.toml").read_text(encoding="utf-8")
    assert re.findall(r"covers_from = (\S+)", register) == ["2018-01-01"] * 2
    with pytest.raises(DataError, match="not before their end"):
        open_frames(tmp_path / "other", make_events(), since=date(2030, 1, 1))


def test_a_ready_table_without_days_or_people_is_refused_with_what_to_do() -> None:
    table = pd.DataFrame({"person_id": ["a"], "index": [1]})
    with pytest.raises(DataError, match="has no column 'known_at'") as refused:
        read_feature_table(table, service="bureau", columns=["index"])
    assert "audit that" in refused.value.next_step
    with pytest.raises(DataError, match="has no column 'person_id'") as refused:
        read_feature_table(table[["index"]], service="bureau", columns=["index"])
    assert refused.value.next_step.startswith("Call the column person_id")


def test_a_contender_that_takes_no_empty_cells_is_refused_with_its_mend(tmp_path: Path) -> None:
    index = pd.DataFrame({"person_id": ["p0"], "known_at": [date(2020, 1, 1)], "index": [7.0]})
    more, ready = read_feature_table(index, service="bureau", columns=["index"])
    seen = pd.DataFrame(
        {"person_id": ["p0"], "service": "bureau", "start": [date(2018, 1, 1)], "known_at": [date(2018, 1, 1)]}
    )
    bench = open_frames(tmp_path / "work", [make_events(), more], features=[LETTERS, *ready], places=1, coverage=seen)
    with pytest.raises(DataError, match="'mine' takes no empty cells") as refused:
        bench.replay({"mine": LogisticRegression()})
    assert "SimpleImputer" in refused.value.next_step


def test_whatever_gives_arrow_its_rows_is_a_frame() -> None:
    class Polars:
        """As polars, DuckDB and others hand over their rows."""

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pa.table({"a": [1, 2]}).__arrow_c_stream__(requested_schema)

    assert to_arrow(Polars(), "events")["a"].to_pylist() == [1, 2]


def test_categories_are_read_whatever_texts_they_are_kept_as() -> None:
    """As polars hands them over: a dictionary of views, which Arrow's own cast refuses."""
    codes = pa.array([1, None, 0], pa.uint32())
    kept = pa.DictionaryArray.from_arrays(codes, pa.array(["a.b", "c.d"], pa.string_view()))
    assert read_categories(pa.chunked_array([kept, kept])).to_pylist() == ["c.d", None, "a.b"] * 2
    assert read_categories(pa.chunked_array([[1, 2]])).to_pylist() == [1, 2]


def test_frames_of_polars_become_a_matrix_where_it_is_installed(tmp_path: Path) -> None:
    """Its texts, times, days and categories are others than pandas' and Arrow's own."""
    polars = pytest.importorskip("polars")
    plain = make_events()
    columns = {name: plain[name].astype(str).tolist() for name in ("person_id", "signal")}
    days = {name: [day.to_pydatetime() for day in plain[name]] for name in ("valid_at", "known_at")}
    events = polars.DataFrame(columns | days).with_columns(
        polars.col("signal").cast(polars.Categorical), polars.col("known_at").cast(polars.Date)
    )
    matrices = [open_frames(tmp_path / name, frame).matrix() for name, frame in (("a", events), ("b", plain))]
    assert matrices[0].dates == matrices[1].dates
    for day in matrices[0].dates:
        rows, same = (dict(zip(one.at(day).entity, one.at(day).features.tolist(), strict=True)) for one in matrices)
        assert rows == same


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return open_frames(tmp_path_factory.mktemp("bench") / "work", make_events(), places=1)


def test_an_audit_answers_in_counts_and_hides_the_small(bench: Workbench) -> None:
    generator = np.random.default_rng(1)
    y, score = (generator.random(400) < 0.3).astype(int), generator.random(400)
    group = np.array(["one"] * 196 + ["other"] * 200 + ["few"] * 4)
    answered = bench.audit(y, score, {"group": group}, capacity=100)
    few = answered[answered.group == "group: few"]
    assert len(few) > 3
    assert set(few["figure"]) == {"too few"}
    assert set(few["rows"]) == {"under 10"}
    chosen = answered[(answered.group == "group: other") & (answered.measure == "Chosen")]
    assert chosen["rows"].tolist() == ["200"]
    assert len(answered) < 100, "no row of anybody"


def test_rows_for_scikit_learn_say_when_and_of_whom_they_are(bench: Workbench) -> None:
    rows, y, folds = bench.data()
    assert rows.index.names == ["as_of", "entity", "team"]
    assert set(rows.index.get_level_values("team")) == {"team"}
    assert len(rows) == len(y)
    assert folds
    assert isinstance(rows.index.get_level_values("as_of")[0], date | datetime)


def test_folds_for_scikit_learn_learn_from_what_was_over_as_sooners_own_do(tmp_path: Path) -> None:
    """A horizon that ends with p0's order is over before that of the others, who are of the same dates."""
    orders = pd.date_range("2018-01-01", "2024-11-01", freq="MS") + pd.Timedelta(days=19)
    order = pd.DataFrame(
        {
            "person_id": "p0",
            "signal": "rents.order",
            "valid_at": orders,
            "end_at": orders + pd.Timedelta(days=30),
            "known_at": orders,
        }
    )
    ending = Outcome("A notice", any_of(signal("rents.notice"), next=months(12)), ends_with=signal("rents.order"))
    bench = open_frames(tmp_path / "work", [make_events(), order], outcome=ending, places=2)
    _, _, folds = bench.data()
    planned = make_plan(bench.invocation, bench.matrix())
    counts = [count_fold(planned.data, fold) for fold in planned.folds if not fold.final]
    assert any(one.train_unlabelled for one in counts)
    assert [len(train) for train, _ in folds] == [one.train_rows for one in counts]


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore")  # of MLflow's, shap's and matplotlib's own code, which a command keeps to itself
def test_the_page_takes_three_frames_to_a_list_in_few_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import runpy

    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    assert len(ast.parse(code).body) <= 15, "fifteen lines, however long each is written"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["make_files.py", "deliveries"])
    runpy.run_path(str(ROOT / "examples/tenants/make_files.py"), run_name="__main__")
    names: dict[str, Any] = {}
    *lines, last = code.strip().splitlines()
    try:
        exec(compile("\n".join(lines), "page", "exec"), names)  # noqa: S102  # the page is ours
        listed = eval(last, names)  # noqa: S307  # the same
    except SoonerError as error:
        pytest.fail(f"{error.message} {error.next_step}")
    assert len(listed) > 0
