"""An audit takes from an earlier one what was measured of the very same people, scores and groups, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charter.contracts.files import write_json
from fairness_reports.audit import run_findings
from fairness_reports.audit.kept_parts import KeptParts, digest_values
from fairness_reports.audit.run_findings import Audited, gather_run, measure_run

MADE_AT = datetime(2026, 9, 28, tzinfo=UTC)
MEASURES = (
    "measure_everyone",
    "measure_characteristic",
    "measure_sight_of_groups",
    "measure_pairs",
    "measure_used_lists",
    "measure_whole_order",
)


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_findings, "RESAMPLES", 60)
        yield


@pytest.fixture(scope="module")
def audited(shared_world: Any) -> Audited:
    whole = gather_run(shared_world.invocation)
    return replace(whole, groups={"ethnicity": whole.groups["ethnicity"]}, used_groups={})


@pytest.fixture(scope="module")
def earlier(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one audit, and where its parts are."""
    audits = tmp_path_factory.mktemp("audits")
    kept = KeptParts.of(audits, "as now")
    write_json(audits / "r1" / "findings.json", measure_run(audited, MADE_AT, kept))
    kept.write(audits / "r1")
    return audits


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what was measured, by the function's name, as it happens."""
    names: list[str] = []

    def watch(name: str) -> None:
        whole: Callable[..., Any] = getattr(run_findings, name)

        def count(*values: Any, **named: Any) -> Any:
            names.append(name)
            return whole(*values, **named)

        monkeypatch.setattr(run_findings, name, count)

    for name in MEASURES:
        watch(name)
    return names


def as_written(document: Any) -> Any:
    return json.loads(json.dumps(document))


def test_the_same_people_and_scores_are_not_measured_again(
    audited: Audited, earlier: Path, measured: list[str]
) -> None:
    stands = measure_run(audited, MADE_AT, KeptParts.of(earlier, "as now"))
    assert not measured
    assert as_written(stands) == json.loads((earlier / "r1" / "findings.json").read_text())
    assert len(stands["findings"]) > 100


def leave_out(audited: Audited, household: bytes) -> Audited:
    """Return a run as it is audited after everybody of a household withdrew: none of their rows is in any array."""
    people = audited.people
    left = people.entity != household
    assert 0 < left.sum() < len(left)
    rows = {
        part.name: value[left] for part in fields(people) if isinstance(value := getattr(people, part.name), np.ndarray)
    }
    seen = {service: share[left] for service, share in people.seen.items()}
    groups = {name: replace(grouping, code=grouping.code[left]) for name, grouping in audited.groups.items()}
    sign = audited.independent
    label = None if sign.label is None else sign.label[left]
    independent = replace(sign, label=label, by_signal={name: by[left] for name, by in sign.by_signal.items()})
    return replace(audited, people=replace(people, **rows, seen=seen), groups=groups, independent=independent)


@pytest.mark.parametrize("change", ["a score", "somebody's group", "a household that withdrew"])
def test_whoever_or_whatever_changed_is_measured_again_as_if_nothing_was_kept(
    change: str, audited: Audited, earlier: Path, measured: list[str]
) -> None:
    if change == "a score":
        score = audited.people.score.copy()
        score[0] += 0.01
        other = replace(audited, people=replace(audited.people, score=score))
    elif change == "a household that withdrew":
        other = leave_out(audited, audited.people.entity[0])
    else:
        ethnicity = audited.groups["ethnicity"]
        code = ethnicity.code.copy()
        code[0] = (code[0] + 1) % len(ethnicity.names)
        other = replace(audited, groups={"ethnicity": replace(ethnicity, code=code)})
    kept = measure_run(other, MADE_AT, KeptParts.of(earlier, "as now"))
    assert "measure_used_lists" not in measured, "past lists are of the same people and models"
    assert {"measure_everyone", "measure_characteristic", "measure_whole_order"} <= set(measured)
    assert as_written(kept) == as_written(measure_run(other, MADE_AT))


def test_a_feature_that_looks_back_otherwise_changes_what_was_seen_alone(
    audited: Audited, earlier: Path, measured: list[str]
) -> None:
    seen = {service: share * 0.5 for service, share in audited.people.seen.items()}
    assert seen
    other = replace(audited, people=replace(audited.people, seen=seen))
    document = measure_run(other, MADE_AT, KeptParts.of(earlier, "as now"))
    assert measured == ["measure_sight_of_groups"]
    overall = [row["estimate"] for row in document["findings"] if row["measure"] == "seen"]
    before = json.loads((earlier / "r1" / "findings.json").read_text())["findings"]
    assert overall == pytest.approx([row["estimate"] / 2 for row in before if row["measure"] == "seen"])


def test_nothing_stands_under_other_code_or_of_findings_that_were_changed(audited: Audited, earlier: Path) -> None:
    key = run_findings._list_measures(audited, KeptParts("as now"))[0]
    assert KeptParts.of(earlier, "as now").find(key)
    assert KeptParts("other code").name("people") != KeptParts("as now").name("people")
    path = earlier / "r1" / "findings.json"
    text = path.read_text()
    path.write_text(text + "\n")
    try:
        assert KeptParts.of(earlier, "as now").find(key) is None
    finally:
        path.write_text(text)


def test_no_two_contents_have_one_digest() -> None:
    values: list[Any] = [
        np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 1)), np.array([0.0, -0.0]), np.zeros(0), np.array([b"a"]),
        ["ab", "c"], ["a", "bc"], [["a"], "b"], ["a", ["b"]], {"a": 1}, {"a": 1.0}, ("a", 1), 1, True, None, "1", b"1",
        date(2026, 1, 1),
    ]  # fmt: skip
    assert len({digest_values(value) for value in values}) == len(values)
    assert digest_values(np.arange(6.0)[::2]) == digest_values(np.array([0.0, 2.0, 4.0]))
    for unknown in (object(), np.array([None]), Path("x")):
        with pytest.raises(TypeError, match="no content"):
            digest_values(unknown)
