"""Tables of others, real ones and awkward ones: verdicts expected by hand, and figures that others' libraries give.

Student performance (649 pupils of Portuguese): pupils with a failure behind them are the list, a final grade called Low
is the outcome. By hand: of 50 girls and 50 boys with it 26 and 23 are listed, a ratio of 0.88 (0.58 to 1.33): nobody
can tell by a limit of 0.8. Of pupils of 19 and more without it 16 of 30 are listed, of the younger 35 of 519: 7.9 times
as many, which fails any limit.
Diabetes (101,766 stays in hospital): those who came in by an emergency before are the list, readmission the outcome.
Of 188 whose race is not known and who come again 10 are listed, of 11,169 others 1,877: 0.32 (0.17 to 0.57), which
fails. Of women who do not come again 11.4 % are listed, of men 9.5 %: 1.20 (1.15 to 1.24) keeps a limit of 1.5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charter.contracts import check_document
from charter.errors import BlockedError, DataError, ReferredError, UsageError
from charter.rules.policy import Policy
from fairness_reports.audit.measuring.oracle import TOLERANCE
from fairness_reports.audit.tables.scored_table import audit_table
from fairness_reports.audit.tables.table_question import Selection, TableQuestion
from fairness_reports.publish.table_page import decide_table
from tests.unit.fairness_reports.outsiders import find, missed, run, unneeded, write_charter

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
STUDENTS = DATA / "student_performance" / "student_por_new.csv"
DIABETES = DATA / "diabetes_readmission" / "diabetic_fairlearn_preprocessed.csv.gz"

needs_students = pytest.mark.skipif(not STUDENTS.exists(), reason="../shared/data/student_performance is absent")
needs_diabetes = pytest.mark.skipif(not DIABETES.exists(), reason="../shared/data/diabetes_readmission is absent")

pytestmark = [
    pytest.mark.filterwarnings("error"),
    # fairlearn 0.15 still calls pandas functions that pandas 3 warns will change.
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]

AGES = "age: 15-16, 17-18, 19+"
FAILURES = (Selection(threshold=1),)


@needs_students
@pytest.mark.parametrize(
    ("gate", "code", "words"),
    [
        (missed("sex", 0.8), ReferredError.exit_code, "1 of 1 question cannot be answered"),
        (unneeded("age", 1.5), BlockedError.exit_code, "19+ (age)"),
        (missed("sex", 0.4), 0, "the one question is answered"),
    ],
)
def test_students_get_the_verdict_expected_by_hand(
    tmp_path: Path, gate: Mapping[str, Any], code: int, words: str
) -> None:
    charter = write_charter(tmp_path / "charter.toml", gate)
    asked = ("--score", "failures", "--threshold", "1", "--label", "class=Low", "--group", "sex", "--group", AGES)
    left, said = run("table", str(STUDENTS), *asked, "--charter", str(charter), "--into", str(tmp_path / "out"))
    assert (left, words in said) == (code, True), said
    decision = json.loads((tmp_path / "out" / "decision.json").read_text())
    check_document("decision", decision)
    assert said.count(decision["sentence"]) == 1


@pytest.fixture(scope="module")
def stays() -> Mapping[str, Any]:
    """Measure who came in by an emergency before among all stays, once for the module."""
    asked = TableQuestion(DIABETES, ("race", "gender"), (Selection(column="had_emergency"),), label="readmit_30_days")
    return audit_table(asked)


@needs_diabetes
@pytest.mark.parametrize(
    ("gates", "answer"),
    [
        ((missed("race", 0.8), unneeded("gender", 1.5)), "block"),
        ((unneeded("gender", 1.5),), "pass"),
        ((missed("gender", 0.8),), "refer"),
    ],
)
def test_hospital_stays_get_the_verdict_expected_by_hand(
    tmp_path: Path, stays: Mapping[str, Any], gates: tuple[Mapping[str, Any], ...], answer: str
) -> None:
    """Men 0.85 (0.78 to 0.93) as often as women: under a limit of 0.8 nobody can tell."""
    charter = write_charter(tmp_path / "charter.toml", *({**gate, "too_few": "say"} for gate in gates))
    policy = Policy.load(charter)
    decision = decide_table({**stays, "charter_sha256": policy.sha256}, policy, "0" * 64)
    assert decision["decision"] == answer, decision["sentence"]


@needs_diabetes
def test_every_figure_is_fairlearns_and_scikit_learns(tmp_path: Path) -> None:
    """By race, by gender and by both together; AUROC of the number of medicines. To the twelfth digit."""
    import pandas as pd
    from fairlearn.metrics import MetricFrame, false_negative_rate, false_positive_rate, selection_rate
    from sklearn.metrics import precision_score, roc_auc_score

    table = pd.read_csv(DIABETES, keep_default_na=False, nrows=15_000)
    table.to_csv(tmp_path / "stays.csv", index=False)
    selections = (Selection(column="had_emergency"),)
    question = TableQuestion(
        tmp_path / "stays.csv",
        ("race", "race and gender"),
        selections,
        score="num_medications",
        label="readmit_30_days",
    )
    document = audit_table(question, resamples=20)
    truth, chosen = table["readmit_30_days"], (table["had_emergency"].astype(str) == "True").astype(int)
    known = table["race"].str.cat(table["gender"], ", ")
    metrics = {
        "selection_rate": selection_rate,
        "false_negative_rate": false_negative_rate,
        "false_positive_rate": false_positive_rate,
        "precision": lambda y, p: precision_score(y, p, zero_division=np.nan),
        "negative_predictive_value": lambda y, p: precision_score(1 - y, 1 - p, zero_division=np.nan),
    }
    compared = 0
    for characteristic, groups in (("race", table["race"]), ("race and gender", known)):
        frame = MetricFrame(metrics=metrics, y_true=truth, y_pred=chosen, sensitive_features=groups).by_group
        for group in frame.index:
            for measure in metrics:
                row = find(document, measure, group, characteristic=characteristic)
                if row["estimate"] is not None:
                    assert abs(row["estimate"] - frame[measure][group]) <= TOLERANCE, (measure, group)
                    compared += 1
    assert compared > 60
    score = table["num_medications"]
    assert abs(find(document, "auc", None)["estimate"] - roc_auc_score(truth, score)) <= TOLERANCE
    asian = table["race"] == "Asian"
    ours = find(document, "auc", "Asian", characteristic="race")["estimate"]
    assert abs(ours - roc_auc_score(truth[asian], score[asian])) <= TOLERANCE


@needs_students
def test_ages_fall_into_bins_and_whoever_falls_into_none_is_shown() -> None:
    document = audit_table(TableQuestion(STUDENTS, ("age: 15-16, 19-22",), FAILURES, score="failures"))
    sizes = {row["group"]: row["n"] for row in document["findings"] if row["measure"] == "selection_rate"}
    assert sizes == {None: 649, "15-16": 289, "19-22": 41, "in none of these": 319}
    for text, words in (("age: 15-17, 17+", "overlap"), ("age: young", "no bin"), ("age: 9-3", "ends before")):
        with pytest.raises(UsageError, match=words):
            audit_table(TableQuestion(STUDENTS, (text,), FAILURES, score="failures"))


@needs_students
def test_a_reference_group_is_who_each_other_one_is_beside() -> None:
    asked = TableQuestion(STUDENTS, ("sex", AGES), FAILURES, "failures", "class=Low", references={"age": "15-16"})
    document = audit_table(asked)
    row = find(document, "recall", "19+", component="beside 15-16")
    assert (row["n"], row["rest"]["n"]) == (11, 34)
    assert row["ratio"] == pytest.approx((10 / 11) / (8 / 34))
    assert not [row for row in document["findings"] if row["component"] and row["characteristic"] == "sex"]
    for reference, words in (({"age": "15-6"}, "Did you mean '15-16'"), ({"school": "GP"}, "is no --group")):
        with pytest.raises((DataError, UsageError), match=words):
            audit_table(TableQuestion(STUDENTS, (AGES,), FAILURES, "failures", references=reference))


def write_table(path: Path, rows: int = 400, **columns: Any) -> Path:
    """Write a table of so many rows, in which a column may be an array or one value."""
    names = list(columns)
    values = [np.broadcast_to(np.asarray(value), rows) for value in columns.values()]
    lines = [",".join(names), *(",".join(str(value[row]) for value in values) for row in range(rows))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_row_that_weighs_three_is_three_rows_but_no_more_certain(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = 600
    part, taken, need = rng.choice(["a", "b"], rows), rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    weight = rng.choice([1, 3], rows)
    table = write_table(tmp_path / "t.csv", rows, part=part, taken=taken, need=need, weight=weight)
    again = np.repeat(np.arange(rows), weight)
    long = write_table(tmp_path / "l.csv", len(again), part=part[again], taken=taken[again], need=need[again])
    select = (Selection(column="taken"),)
    weighted = audit_table(TableQuestion(table, ("part",), select, label="need", weight="weight"))
    repeated = audit_table(TableQuestion(long, ("part",), select, label="need"))
    for measure in ("recall", "precision"):
        ours, theirs = find(weighted, measure, "a"), find(repeated, measure, "a")
        assert ours["estimate"] == pytest.approx(theirs["estimate"], abs=1e-12)
        assert ours["n"] < theirs["n"]
        assert np.ptp(ours["interval"]) > 1.1 * np.ptp(theirs["interval"])
    # Weights of another size say the same.
    scaled = write_table(tmp_path / "s.csv", rows, part=part, taken=taken, need=need, weight=weight / 1000)
    row = find(audit_table(TableQuestion(scaled, ("part",), select, label="need", weight="weight")), "recall", "a")
    assert row["interval"] == pytest.approx(find(weighted, "recall", "a")["interval"], abs=0.01)
    broken = write_table(tmp_path / "b.csv", rows, part=part, taken=taken, weight=-1)
    with pytest.raises(DataError, match="line 2: its weight is below 0"):
        audit_table(TableQuestion(broken, ("part",), select, weight="weight"))


def test_every_week_has_its_own_places(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    week, score = np.repeat(np.arange(8), 50), rng.random(400).round(3)
    score[week == 0] += 1
    table = write_table(
        tmp_path / "t.csv", week=week, score=score, part=rng.choice(["a", "b"], 400), who=np.arange(400) % 50
    )
    asked = TableQuestion(table, ("week",), (Selection(capacity=5),), "score", cluster="who", each="week")
    document = audit_table(asked)
    chosen = {row["group"]: row["selected"] for row in document["findings"] if row["characteristic"] == "week"}
    assert chosen == {str(number): 5 for number in range(8)}


def test_two_lists_of_the_same_people_are_compared(tmp_path: Path) -> None:
    """The second list reaches 90 of 100 in need whom the first reached 50 of, group by group; households are drawn."""
    rng = np.random.default_rng(6)
    need = np.arange(1200) % 3 == 0
    ours, theirs = rng.random(1200) < np.where(need, 0.5, 0.1), rng.random(1200) < np.where(need, 0.9, 0.1)
    columns = {"need": need.astype(int), "ours": ours.astype(int), "theirs": theirs.astype(int)}
    table = write_table(tmp_path / "t.csv", 1200, part=np.array(["a", "b"])[np.arange(1200) // 600], **columns)
    both = (Selection(column="ours"), Selection(column="theirs"))
    document = audit_table(TableQuestion(table, ("part",), both, label="need"))
    assert find(document, "recall", None, at="column ours")["estimate"] == ours[need].mean()
    beside = {"component": "beside column theirs"}
    for group, inside in ((None, need), ("a", need & (np.arange(1200) < 600))):
        row = find(document, "recall", group, **beside)
        assert row["difference"] == pytest.approx(ours[inside].mean() - theirs[inside].mean())
        assert row["difference_interval"][1] < 0
    same = audit_table(TableQuestion(table, ("part",), (both[0], Selection(column="ours=1")), label="need"))
    assert find(same, "recall", None, at="column ours", component="beside column ours=1")["difference"] == 0
    charter = write_charter(tmp_path / "charter.toml", missed("part", 0.8))
    words = ("--selected", "ours", "--selected", "theirs", "--label", "need", "--group", "part")
    code, said = run("table", str(table), *words, "--charter", str(charter))
    assert (code, "asked of one list, and 2 are named" in said) == (UsageError.exit_code, True)


def test_what_is_wanting_or_drawn_by_lot_is_said(tmp_path: Path) -> None:
    part = np.array(["a", "b"])[np.arange(400) % 2]
    rng = np.random.default_rng(7)
    label = rng.integers(0, 2, 400).astype(str)
    half = np.where((part == "b") & (np.arange(400) < 300), "", label)
    places = (Selection(capacity=100),)

    def notes(**columns: Any) -> str:
        table = write_table(tmp_path / "t.csv", part=part, **columns)
        named = "label" if "label" in columns else None
        return " ".join(audit_table(TableQuestion(table, ("part",), places, "score", named))["notes"])

    score = rng.permutation(400)
    assert "no outcome" in notes(score=score)
    assert notes(score=score, label=label) == ""
    assert "Of 400 rows 150 have no outcome" in notes(score=score, label=half)
    assert "least often of b (part): of 25 in 100" in notes(score=score, label=half)
    assert "Everybody had the outcome" in notes(score=score, label=1)
    assert "Every score is the same" in notes(score=0.5, label=label)
    assert "100 places were drawn by lot among 400 equal scores" in notes(score=0.5, label=label)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("score;label;part\n0,5;1;a\n", "';' between its cells"),
        ("score,label,part\n0.5,ja,a\n", "label=VALUE"),
        ("score,label,part\n0.5,1,a\n0.4,0\n", "line 3: it has 2 of 3 cells"),
        ("score,score,part\n0.5,1,a\n", "names a column twice"),
        ('score,label,part\n0.5,1,a\n"0,4",0,b\n', "first on line 3"),
        ("score,label,part\n0.5,1,Andr\xe9\n", "line 2: it is not UTF-8"),
        ("score,label,part\n0.5,1,a\nscore,label,part\n0.4,0,b\n", "line 3: it repeats the header"),
        ("score,label,part\n0.5,1,a\n-inf,0,b\n", "first on line 3"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_what_an_outsider_can_do(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("latin-1"))
    code, said = run("table", str(path), "--score", "score", "--label", "label", "--group", "part", "--capacity", "1")
    assert (code, words in said) == (DataError.exit_code, True), said
    assert "register.toml" not in said
    assert "Andr" not in said


def test_many_rows_are_counted_where_they_lie_with_the_same_figures(tmp_path: Path) -> None:
    """With scores that many share, so that the lottery is drawn; for two columns and both together."""
    rng = np.random.default_rng(9)
    columns = {"part": rng.choice(["a", "b", "nan"], 3000), "sex": rng.choice(["f", "m"], 3000)}
    columns |= {"score": rng.integers(0, 20, 3000), "label": rng.choice(["0", "1", ""], 3000)}
    columns |= {"taken": rng.choice(["yes", "no"], 3000)}
    table = write_table(tmp_path / "t.csv", 3000, **columns)
    for selection in (Selection(capacity=500), Selection(threshold=12), Selection(column="taken=yes")):
        question = TableQuestion(table, ("part", "part and sex"), (selection,), "score", "label")
        kept, counted = audit_table(question, resamples=50), audit_table(question, resamples=50, kept_rows=10)
        shares = [row for row in kept["findings"] if row["at"] == selection.words]
        assert len(shares) > 80
        assert counted["findings"] == shares
        assert "neither AUROC nor calibration" in counted["notes"][-1]
