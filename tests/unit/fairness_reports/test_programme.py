"""The audit of a run: whom it counts, what it may read, what it says when it cannot tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from charter.contracts import check_document
from charter.contracts.files import read_json, set_current
from charter.errors import CharterError, DataError, UsageError
from charter.rules.gate import decide_findings
from charter.rules.tie_break import order_rows, select
from fairness_reports.audit.measuring.tally import UNKNOWN
from fairness_reports.audit.population.protected import read_characteristics
from fairness_reports.audit.run_findings import Audited, gather_run, measure_run

TODAY = date(2026, 9, 28)


@pytest.fixture(scope="module")
def audited(shared_world: Any) -> Audited:
    return gather_run(shared_world.invocation)


@pytest.fixture(scope="module")
def document(audited: Audited) -> dict[str, Any]:
    return measure_run(audited)


def test_people_of_the_audited_ages_carry_their_household(audited: Audited) -> None:
    people = audited.people
    assert ((people.age >= 0) & (people.age < 18)).all()
    for day in people.dates:
        rows = audited.matrix.at(day)
        inside = people.as_of == np.datetime64(day, "D")
        place = {bytes(person): i for i, person in enumerate(rows.person)}
        for i in np.flatnonzero(inside)[:50]:
            at = place[bytes(people.person[i])]
            assert bytes(rows.entity[rows.person_row[at]]) == bytes(people.entity[i])


def test_selection_is_each_teams_capacity_by_the_published_order(audited: Audited, shared_world: Any) -> None:
    council = shared_world.invocation.council
    people = audited.people
    day = people.dates[-1]
    inside = people.as_of == np.datetime64(day, "D")
    entity, first = np.unique(people.entity[inside], return_index=True)
    listed = people.selected[inside][first]
    assert listed.sum() <= 32
    # Households without anybody of the audited ages are ranked too, so the list is made from all that were scored.
    rows = audited.matrix.at(day)
    scores = duckdb.execute(
        "SELECT entity, margin FROM read_parquet(?) WHERE model = 'lightgbm' AND as_of = ? ORDER BY entity",
        [str(audited.run / "scores.parquet"), day],
    ).fetchnumpy()
    teams = [council.team_of(bytes(area).decode(), day).id for area in rows.area]
    chosen = select(
        order_rows(np.char.encode(scores["entity"].astype(str)), day, scores["margin"]),
        teams,
        {team.id: team.places for team in council.teams},
    )
    expected = dict(zip(scores["entity"].tolist(), chosen.tolist(), strict=True))
    assert [expected[bytes(name).decode()] for name in entity] == listed.tolist()


def test_labels_are_of_outcomes_known_by_the_snapshot(audited: Audited) -> None:
    assert set(np.unique(audited.people.label)) == {UNKNOWN, 0, 1}
    assert np.isfinite(audited.people.lead_days[audited.people.label == 1]).all()
    assert (audited.people.lead_days[audited.people.label == 1] >= 0).all()


def test_a_date_whose_year_is_not_over_has_no_labels(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    manifest = world.workspace / "matrix" / "early_help" / "m1" / "manifest.json"
    edited = json.loads(manifest.read_text()) | {"taken_at": "2025-10-01T00:00:00+00:00"}
    manifest.write_text(json.dumps(edited))
    people = gather_run(world.invocation).people
    for day in people.dates:
        labels = people.label[people.as_of == np.datetime64(day, "D")]
        over = day <= date(2024, 9, 1)
        assert ((labels != UNKNOWN).any()) == over


def test_the_findings_keep_their_contract_and_name_every_input(document: dict[str, Any]) -> None:
    check_document("findings", document)
    assert {"scores.parquet", "charter.toml", "matrix/manifest.json"} <= set(document["inputs"])
    assert document["period"] == {"first": "2024-05-01", "last": "2025-05-01", "days": 487, "dates": 4}
    assert len({row["id"] for row in document["findings"]}) == len(document["findings"])


def test_every_measure_of_every_group_is_there(document: dict[str, Any]) -> None:
    found = {(row["measure"], row["characteristic"], row["group"]) for row in document["findings"]}
    for measure in ("recall", "false_positive_rate", "selection_rate", "observed_over_expected", "lead_days"):
        for group in ("White", "Black", "not recorded"):
            assert (measure, "ethnicity", group) in found
    components = {row["component"] for row in document["findings"] if row["measure"] == "recall"}
    assert components == {None, "homelessness.duty_owed", "social_care.child_in_need"}
    services = {row["component"] for row in document["findings"] if row["measure"] == "seen"}
    assert services == {"education", "housing", "council_tax", "health_visiting"}


def test_whoever_objected_to_monitoring_is_not_recorded(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    tables = world.workspace / "store" / "s1" / "tables"
    policy = world.policy
    now = datetime(2026, 9, 28, tzinfo=UTC)
    before = read_characteristics(tables, policy, now)
    objector, overruled, later, elsewhere = (name.decode() for name in list(before["ethnicity"])[:4])
    rows = [
        (objector, "*", "equality_monitoring", "objection", "received", "2026-01-01", "2026-01-01"),
        (overruled, "*", "*", "objection", "overruled", "2026-01-01", "2026-01-01"),
        (later, "*", "*", "objection", "received", "2026-01-01", "2026-10-01"),
        (elsewhere, "*", "rank", "objection", "received", "2026-01-01", "2026-01-01"),
    ]
    names = ("person_id", "service", "purpose", "kind", "status", "start", "known_at")
    columns = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    moment = pa.timestamp("us", "UTC")
    for name in ("start", "known_at"):
        columns[name] = pa.array([datetime.fromisoformat(day + "T00:00:00+00:00") for day in columns[name]], moment)
    nothing = pa.nulls(len(rows), moment)
    pq.write_table(pa.table(columns | {"end": nothing, "known_until": nothing}), tables / "permission.parquet")
    after = read_characteristics(tables, policy, now)
    for name in policy.characteristics:
        assert set(before[name]) - set(after[name]) <= {objector.encode()}
    assert objector.encode() not in after["ethnicity"]
    assert {overruled.encode(), later.encode(), elsewhere.encode()} <= set(after["ethnicity"])


def test_nobody_has_a_group_where_no_table_says_so(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    (world.workspace / "store" / "s1" / "tables" / "protected.parquet").unlink()
    groups = gather_run(world.invocation).groups
    assert all(grouping.names == ("not recorded",) for grouping in groups.values())


def test_a_register_that_allows_no_monitoring_stops_the_audit(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    register = world.council / "register.toml"
    register.write_text(register.read_text().replace('"equality_monitoring"', '"evaluate"'))
    with pytest.raises(CharterError, match="equality_monitoring"):
        gather_run(world.invocation)


def test_without_a_run_there_is_nothing_to_audit(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    with pytest.raises(UsageError, match="no training run"):
        gather_run(world.invocation, "r9")
    shutil.rmtree(world.workspace / "scores")
    with pytest.raises(UsageError, match="sooner train"):
        gather_run(world.invocation)


def test_scores_of_households_that_the_matrix_lacks_are_refused(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    path = world.workspace / "scores" / "early_help" / "r1" / "scores.parquet"
    table = pq.read_table(path)
    others = pc.replace_substring(table["entity"], "0", "1")
    pq.write_table(table.set_column(0, "entity", others), path)
    with pytest.raises(DataError, match="not in the matrix"):
        gather_run(world.invocation)


def test_scores_of_another_model_or_twice_or_none_are_refused(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    run = world.workspace / "scores" / "early_help" / "r1"
    manifest = read_json(run / "manifest.json")
    (run / "manifest.json").write_text(json.dumps(manifest | {"model": "logistic"}))
    with pytest.raises(DataError, match="no scores of the model 'logistic'"):
        gather_run(world.invocation)
    (run / "manifest.json").write_text(json.dumps(manifest))
    path = run / "scores.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table]), path)
    with pytest.raises(DataError, match="an entity twice"):
        gather_run(world.invocation)
    path.unlink()
    with pytest.raises(DataError, match="is missing"):
        gather_run(world.invocation)


def test_less_recorded_contact_at_equal_need_blocks(worlds: Callable[..., Any]) -> None:
    world = worlds(signals=0.15)
    audited = gather_run(world.invocation)
    decision = decide_findings(measure_run(audited), audited.policy, TODAY)
    assert decision["decision"] == "block"
    failed = {(v["measure"], v["group"]) for v in decision["verdicts"] if v["verdict"] == "fail"}
    assert ("listed_before_need", "Black") in failed


def test_less_recorded_need_is_found_out_by_the_independent_outcome(worlds: Callable[..., Any]) -> None:
    world = worlds(labels=0.25)
    audited = gather_run(world.invocation)
    decision = decide_findings(measure_run(audited), audited.policy, TODAY)
    failed = {(v["measure"], v["group"]) for v in decision["verdicts"] if v["verdict"] == "fail"}
    assert ("recorded_per_independent", "Black") in failed


def test_the_fair_world_is_not_blocked(audited: Audited, document: dict[str, Any], shared_world: Any) -> None:
    red_lines = shared_world.invocation.red_lines
    assert decide_findings(document, audited.policy, TODAY, red_lines=red_lines)["decision"] == "refer"


@pytest.mark.parametrize("what", ["charter", "register", "delivery", "years", "none"])
def test_where_the_independent_outcome_cannot_be_seen_the_pack_says_so(worlds: Callable[..., Any], what: str) -> None:
    world = worlds(households=300)
    tables = world.workspace / "store" / "s1" / "tables"
    charter, register = world.council / "charter.toml", world.council / "register.toml"
    if what == "charter":
        allowed = 'signals = ["hospital.emergency_admission", "food_bank.parcel"]'
        assert allowed in charter.read_text()
        charter.write_text(charter.read_text().replace(allowed, "signals = []"))
    elif what == "none":
        charter.write_text(charter.read_text().replace('independent_outcomes = ["hospital', '#["hospital'))
    elif what == "register":
        text = register.read_text()
        start = text.index('service = "hospital"')
        register.write_text(text[:start] + text[start:].replace('"evaluate"', '"area_statistics"'))
    elif what == "delivery":
        # Without a delivery that says what it covers, a service is live from its first event on: it has none.
        for name in ("feeds", "events"):
            pq.write_table(pq.read_table(tables / f"{name}.parquet").slice(0, 0), tables / f"{name}.parquet")
    else:
        path = tables / "feeds.parquet"
        feeds = pq.read_table(path)
        ended = pa.array([datetime(2017, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"))
        pq.write_table(feeds.set_column(2, "covers_to", ended), path)
    audited = gather_run(world.invocation)
    assert audited.independent.label is None
    found = measure_run(audited)
    assert any("cannot be seen" in note for note in found["notes"])
    decision = decide_findings(found, audited.policy, TODAY)
    assert decision["decision"] == "block"
    assert "Nothing was found out about recorded_per_independent" in decision["sentence"]


def test_a_snapshot_before_any_audited_year_is_over_gives_no_audit(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    manifest = world.workspace / "matrix" / "early_help" / "m1" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"taken_at": "2024-10-01T00:00:00+00:00"}))
    with pytest.raises(DataError, match="no audited person has a known outcome"):
        measure_run(gather_run(world.invocation))


def test_an_unlinked_snapshot_is_not_audited(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    shutil.rmtree(world.workspace / "store" / "s1" / "tables")
    set_current(world.workspace / "store", "s1")
    with pytest.raises(DataError, match="no linked snapshot"):
        gather_run(world.invocation)
