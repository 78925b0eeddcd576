"""One audit from files to files: findings, and a board pack that says the same and nothing of anybody."""

from __future__ import annotations

import html.parser
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from charter.contracts import check_document
from charter.contracts.files import find_current, read_json, write_json
from charter.errors import DataError
from charter.signing.decisions import decide_run
from fairness_reports.audit.explaining.explanations import Explained, correlate_weights, explain_scores, sum_by_service
from fairness_reports.audit.run_findings import SEED, gather_run
from fairness_reports.commands import verbs
from fairness_reports.forget import forget
from fairness_reports.publish.record import publish_record
from fairness_reports.unchanged_audit import find_unchanged_audit
from fairness_reports.whole_audit import audit_run

pytestmark = pytest.mark.filterwarnings(
    # fairlearn 0.15 still calls pandas functions that pandas 3 warns will change.
    "ignore::pandas.errors.Pandas4Warning",
    # shap 0.51 sets up colours in a way that matplotlib 3.11 is going to drop.
    "ignore:The set_(bad|over|under) function:PendingDeprecationWarning",
)

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(html.parser.HTMLParser):
    """Collects what a page holds, and fails where tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory, make: Callable[..., Any]) -> tuple[Any, Path, dict[str, Any]]:
    world = make(tmp_path_factory.mktemp("audited"), seed=4, signals=0.2)
    folder, document = audit_run(world.invocation)
    return world, folder, document


@pytest.fixture(scope="module")
def page(audited: tuple[Any, Path, dict[str, Any]]) -> Page:
    page = Page()
    page.feed((audited[1] / "report.html").read_text())
    assert page.open == []
    return page


def test_an_audit_leaves_findings_and_report_and_points_to_them(audited: tuple[Any, Path, dict[str, Any]]) -> None:
    world, folder, document = audited
    check_document("findings", document)
    assert read_json(folder / "findings.json") == document
    assert find_current(world.invocation.workspace.audit) == folder
    assert "model.lgb" in document["inputs"]


def test_the_report_answers_as_the_gate_does(audited: tuple[Any, Path, dict[str, Any]], page: Page) -> None:
    world, _, _ = audited
    decision = decide_run(world.invocation)
    assert decision["decision"] == "block"
    text = " ".join(" ".join(page.text).split())
    assert decision["sentence"] in text
    assert "Blocked by the charter" in text


def test_the_report_is_self_contained_and_says_what_it_is_not(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag != "script"
        for name in ("src", "href"):
            value = attributes.get(name) or ""
            assert value == "" or value.startswith(("#", "data:image/png")), value
    text = " ".join(page.text)
    assert "not evidence of harm" in text
    assert "nobody in these figures exists" in text
    assert not re.search(r"\brisk", text, re.IGNORECASE)


def test_every_contents_link_leads_somewhere_and_every_id_is_one(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert {str(link)[1:] for link in links} <= set(ids)


def test_every_picture_has_words(page: Page) -> None:
    for tag, attributes in page.tags:
        if tag == "img":
            assert attributes.get("alt")
        if tag == "svg":
            assert attributes.get("role") == "img"
            assert attributes.get("aria-labelledby")


def test_no_pseudonym_is_in_report_or_findings(audited: tuple[Any, Path, dict[str, Any]]) -> None:
    world, folder, _ = audited
    people = gather_run(world.invocation).people
    text = (folder / "report.html").read_text() + (folder / "findings.json").read_text()
    names = {bytes(name).decode() for name in np.r_[people.entity[:400], people.person[:400]]}
    assert not any(name in text for name in names)


def test_each_folds_weights_are_its_own_models(audited: tuple[Any, Path, dict[str, Any]], page: Page) -> None:
    world, _, document = audited
    seen = gather_run(world.invocation)
    explained = explain_scores(seen.run / "model.lgb", seen.matrix, seen.people, seen.groups, SEED)
    by_fold = {at: value for _, at, value in _rows(document, "fold_agreement")}
    assert set(by_fold) == {"fold 0", "fold 1"}
    for at in by_fold:
        booster = lgb.Booster(model_file=str(seen.run / "folds" / f"{at.removeprefix('fold ')}.lgb"))
        own = np.abs(booster.predict(explained.data[explained.drawn], pred_contrib=True)[:, :-1]).mean(axis=0)
        told = [value for _, fold, value in _rows(document, "fold_weight") if fold == at]
        assert told == pytest.approx(own, abs=1e-6)
        assert by_fold[at] == pytest.approx(spearmanr(own, explained.weight()).statistic)
    assert "Weights as each fold learned them" in {found.get("aria-label") for _, found in page.tags}


def test_what_services_move_adds_up_to_what_their_data_move(audited: tuple[Any, Path, dict[str, Any]]) -> None:
    _, _, document = audited
    leans: dict[tuple[str, str], dict[str, float]] = {}
    for row in document["findings"]:
        if row["measure"].endswith("contribution_lean") and row["estimate"] is not None:
            of_group = leans.setdefault((row["characteristic"], row["group"]), {})
            of_group[row["measure"]] = of_group.get(row["measure"], 0.0) + row["estimate"]
    assert len(leans) > 5
    for of_group in leans.values():
        assert of_group["service_contribution_lean"] == pytest.approx(of_group["contribution_lean"])
    data = np.array([[1.0, 2.0, 4.0]])
    none = np.zeros(1, dtype=np.int64)
    one = Explained(("a", "b", "c"), data, data.astype(np.float32), none, none, none == 0)
    summed = sum_by_service(one, {"a": ["x"], "b": ["x", "y"], "c": []})
    assert (summed.features, summed.values.tolist()) == (("x", "y"), [[2.0, 1.0]])


def _rows(document: dict[str, Any], measure: str) -> list[tuple[str | None, str, float]]:
    return [(row["component"], row["at"], row["estimate"]) for row in document["findings"] if row["measure"] == measure]


def test_orders_of_features_agree_with_themselves_alone() -> None:
    weights = np.array([0.4, 0.1, 0.3, 0.0, 0.0])
    assert correlate_weights(weights, 10 * weights) == pytest.approx(1.0)
    assert correlate_weights(weights, -weights) == pytest.approx(-1.0)
    assert np.isnan(correlate_weights(weights, np.zeros(5)))


def test_contributions_are_lightgbms_own(audited: tuple[Any, Path, dict[str, Any]]) -> None:
    import shap  # type: ignore[import-untyped]  # it ships no types; with a warning, so not when tests are gathered

    world, _, document = audited
    gathered = gather_run(world.invocation)
    explained = explain_scores(gathered.run / "model.lgb", gathered.matrix, gathered.people, gathered.groups, SEED)
    booster = lgb.Booster(model_file=str(gathered.run / "model.lgb"))
    own = booster.predict(explained.data, pred_contrib=True, num_threads=1)
    assert np.abs(explained.values - own[:, :-1]).max() < 1e-6
    with warnings.catch_warnings():
        # shap says that a binary classifier's values may come as a list.
        warnings.filterwarnings("ignore", "LightGBM binary classifier", UserWarning)
        of_shap = shap.TreeExplainer(booster).shap_values(explained.data, check_additivity=False)
    assert np.array_equal(explained.values, of_shap), "to the bit"
    weights = {
        row["component"]: row["estimate"]
        for row in document["findings"]
        if row["group"] is None and row["measure"] == "contribution_weight"
    }
    expected = np.abs(own[explained.drawn, :-1]).mean(axis=0)
    assert list(weights.values()) == pytest.approx(expected.tolist(), abs=1e-6)


def test_the_gap_in_score_is_the_sum_of_what_each_feature_makes_of_it(
    audited: tuple[Any, Path, dict[str, Any]],
) -> None:
    _, folder, document = audited
    rows = [row for row in document["findings"] if row["measure"] == "score_gap" and row["group"] == "Black"]
    by = {row["component"]: row["difference"] for row in rows}
    whole = by.pop("all features together")
    assert sum(by.values()) == pytest.approx(whole, abs=1e-9)
    # Less of this group's contact was recorded, so its scores are lower.
    assert whole < -0.1
    assert "Gap in score" in (folder / "report.html").read_text(encoding="utf-8")


def test_small_groups_are_topped_up_and_the_sample_is_seeded(audited: tuple[Any, Path, dict[str, Any]]) -> None:
    gathered = gather_run(audited[0].invocation)
    parts = (gathered.run / "model.lgb", gathered.matrix, gathered.people, gathered.groups)
    one, two = explain_scores(*parts, SEED), explain_scores(*parts, SEED)
    assert np.array_equal(one.rows, two.rows)
    grouping = gathered.groups["ethnicity"]
    smallest = int(np.argmin(np.bincount(grouping.code)))
    there = min(150, int((grouping.code == smallest).sum()))
    assert one.of_group(grouping, smallest)[2] >= there
    assert 1 <= one.of_group(grouping, smallest)[3] <= one.of_group(grouping, smallest)[2]
    assert one.of_group(grouping, 99)[2:] == (0, 0)


def test_a_model_of_other_features_is_refused(audited: tuple[Any, Path, dict[str, Any]], tmp_path: Path) -> None:
    gathered = gather_run(audited[0].invocation)
    text = (gathered.run / "model.lgb").read_text().replace("absences_6m", "absences_7m")
    (tmp_path / "model.lgb").write_text(text)
    with pytest.raises(DataError, match="not those of its matrix"):
        explain_scores(tmp_path / "model.lgb", gathered.matrix, gathered.people, gathered.groups, SEED)


def test_the_same_inputs_make_the_same_findings(audited: tuple[Any, Path, dict[str, Any]]) -> None:
    _, again = audit_run(audited[0].invocation)
    assert again["findings"] == audited[2]["findings"]


def test_the_pack_says_what_peers_lent_where_an_exchange_was_made_of_this_run(
    audited: tuple[Any, Path, dict[str, Any]],
) -> None:
    world, folder, document = audited
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert b'id="lent"' not in before[folder / "report.html"]
    row = next(row for row in document["findings"] if row.get("ratio") and row["measure"] == "recall")
    peers = {"ratio": 1.1, "interval": [0.9, 1.3], "own_weight": 0.4, "borrowed": True, "unlike": False}
    group = {"group": row["group"], "finding": row["id"], "with_peers": peers}
    question = {"measure": "recall", "characteristic": row["characteristic"], "groups": [group]}
    council = {"title": "Norbury", "measured_on": "2026-01-30"}
    strength = {"run": "another", "expected": "Alike.", "councils": [council], "questions": [question]}
    path = world.invocation.workspace.exchange / "exchange.json"
    try:
        write_json(path, strength)
        audit_run(world.invocation)
        assert 'id="lent"' not in (folder / "report.html").read_text()
        write_json(path, strength | {"run": document["run"]})
        audit_run(world.invocation)
        report = (folder / "report.html").read_text()
        assert all(words in report for words in ('id="lent"', "Norbury (audited on", row["id"]))
        assert "Of 1 of 1 comparisons most is borrowed" in report
    finally:
        path.unlink()
        for file, content in before.items():
            file.write_bytes(content)


def test_an_audit_stands_until_anything_of_it_changes(audited: tuple[Any, Path, dict[str, Any]]) -> None:
    world, folder, _ = audited
    other = folder.with_name("other")
    other.mkdir()
    world.invocation.workspace.exchange.mkdir(parents=True, exist_ok=True)
    changed = (
        folder / "report.html",
        folder / "advice.json",
        other / "decision.json",
        other / "findings.json",
        world.council / "register.toml",
        world.invocation.workspace.exchange / "exchange.json",
        gather_run(world.invocation).run / "metrics.json",
    )
    for path in changed:
        before = path.read_bytes() if path.exists() else None
        standing = find_unchanged_audit(world.invocation)
        assert standing is not None
        assert standing[0] == folder
        path.write_bytes((before or b"") + b"\n")
        assert find_unchanged_audit(world.invocation) is None, path
        path.unlink() if before is None else path.write_bytes(before)
    other.rmdir()
    assert find_unchanged_audit(world.invocation, "nobody's") is None


def test_the_public_record_hides_small_groups_and_counts_what_is_left(
    audited: tuple[Any, Path, dict[str, Any]],
) -> None:
    world, _, document = audited
    decide_run(world.invocation)
    made, record = publish_record(world.invocation)
    assert record["left_to_write"] == [name for name, value in record["fields"].items() if value.startswith("[To be")]
    assert len(record["left_to_write"]) < 0.3 * len(record["fields"])
    small = {
        (row["measure"], row["group"])
        for row in document["findings"]
        if row["group"]
        and not row.get("component")
        and (row["clusters"] if row.get("clusters") is not None else row["n"]) < 10
    }
    shown = {
        (row["measure"], row["characteristic"], row["group"])
        for row in document["findings"]
        if row["group"]
        and not row.get("component")
        and row["at"] == "capacity"
        and row["measure"] in ("recall", "false_positive_rate", "selection_rate")
    }
    assert len(shown) > 6
    assert {(row["measure"], row["characteristic"], row["group"]) for row in record["groups"]} == shown
    assert any("%" in row["figure"] and row["interval"] for row in record["groups"])
    for row in record["groups"]:
        if (row["measure"], row["group"]) in small:
            assert "%" not in row["figure"]
    assert small, "the world should have a group too small to show"
    text = (made / "record.md").read_text()
    assert "precision" in text
    assert "articles 22A" in text
    assert read_json(made / "record.json") == record


def test_an_undecided_run_is_not_published(worlds: Callable[..., Any]) -> None:
    with pytest.raises(DataError, match="no decided audit"):
        publish_record(worlds(households=200).invocation)


def test_the_verbs_say_where_things_are(audited: tuple[Any, Path, dict[str, Any]]) -> None:
    world, _, _ = audited
    options = ["--council", str(world.council), "--workspace", str(world.workspace)]
    done = CliRunner().invoke(verbs, ["audit", *options, "--run", "r1"])
    assert done.exit_code == 0, done.exception
    assert "report.html" in done.stdout
    decide_run(world.invocation)
    assert "fields are yours" in CliRunner().invoke(verbs, ["publish", *options]).stdout
    trial = CliRunner().invoke(verbs, ["trial", *options])
    assert "nothing to learn from" in str(trial.exception)


def test_forgetting_removes_what_was_kept_row_by_row(tmp_path: Path) -> None:
    from charter.contracts.workspace import Workspace

    workspace = Workspace(tmp_path, "early_help")
    assert forget(["p"], workspace) == 0
    (workspace.start / "2026-09-28").mkdir(parents=True)
    (workspace.start / "2026-09-28" / "single_view.csv").write_text("household\nh\n")
    assert forget([], workspace) == 0
    assert forget(["p"], workspace) == 1
    assert list(workspace.start.iterdir()) == []
