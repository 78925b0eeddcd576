"""Signs of need that others recorded: any of them counts, each is told by itself, and one that is missing is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fairness_reports.audit.measuring.tally import UNKNOWN
from fairness_reports.audit.run_findings import Audited, _measure_by_independent, _write_notes, gather_run, measure_run
from fairness_reports.publish.council_words import CouncilWords
from fairness_reports.publish.group_parts import describe_independent, say_beyond_records

HOSPITAL, FOOD_BANK = "hospital.emergency_admission", "food_bank.parcel"


def deliver_parcels(world: Any, persons: list[str], covers_to: datetime = datetime(2026, 9, 28, 6, tzinfo=UTC)) -> None:
    """Give each of some people a parcel on 3 March of each year, in a delivery of the food bank."""
    tables = world.workspace / "store" / "s1" / "tables"
    events, feeds = (pq.read_table(tables / f"{name}.parquet") for name in ("events", "feeds"))
    times = [datetime(year, 3, 3, tzinfo=UTC) for year in range(2023, 2027)]
    rows = [
        dict.fromkeys(events.schema.names)
        | {"event_id": f"f{number:030x}", "person_id": person, "signal": FOOD_BANK, "valid_at": time, "known_at": time}
        for number, (person, time) in enumerate((person, time) for person in persons for time in times)
    ]
    more = pa.Table.from_pylist(rows, schema=events.schema)
    pq.write_table(pa.concat_tables([events, more]), tables / "events.parquet")
    feed = {"service": "food_bank", "covers_from": datetime(2016, 1, 1, tzinfo=UTC), "covers_to": covers_to}
    delivery = pa.Table.from_pylist([feed | {"received_at": covers_to}], schema=feeds.schema)
    pq.write_table(pa.concat_tables([feeds, delivery]), tables / "feeds.parquet")


def leave_gap(world: Any, service: str, begin: datetime, end: datetime) -> None:
    """Take a stretch out of what a service delivered."""
    path = world.workspace / "store" / "s1" / "tables" / "feeds.parquet"
    feeds = pq.read_table(path)
    rows = [
        part
        for row in feeds.to_pylist()
        for part in ([row | {"covers_to": begin}, row | {"covers_from": end}] if row["service"] == service else [row])
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=feeds.schema), path)


def draw_members(audited: Audited, share: Callable[[np.ndarray], np.ndarray], seed: int = 5) -> list[str]:
    """Return one member of each household that `share` (by row of the audited people's group) draws."""
    people, rng = audited.people, np.random.default_rng(seed)
    grouping = audited.groups["ethnicity"]
    day = audited.matrix.dates[-1]
    rows = audited.matrix.at(day)
    member = {bytes(rows.entity[row]): bytes(rows.person[place]) for place, row in enumerate(rows.person_row.tolist())}
    names = np.array(grouping.names)[grouping.code]
    chance = share(names)
    drawn: dict[bytes, bool] = {}
    for entity, odds in zip(people.entity.tolist(), chance.tolist(), strict=True):
        drawn.setdefault(entity, bool(rng.random() < odds))
    return [member[entity].decode() for entity, yes in drawn.items() if yes and entity in member]


@pytest.fixture(scope="module")
def both(make: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Return a world whose needs of Black residents are recorded less, and whose food bank sees few of them."""
    world = make(tmp_path_factory.mktemp("both"), labels=0.3)
    persons = draw_members(
        gather_run(world.invocation), lambda names: np.where(names == "Black", 0.05, 0.3).astype(np.float64)
    )
    deliver_parcels(world, persons)
    return gather_run(world.invocation)


@pytest.fixture(scope="module")
def document(both: Audited) -> dict[str, Any]:
    return measure_run(both)


def test_any_of_the_signs_counts_and_each_is_kept(both: Audited) -> None:
    """Broken by the first sign alone, or by asking for all of them."""
    independent = both.independent
    assert list(independent.by_signal) == [HOSPITAL, FOOD_BANK]
    assert not independent.without
    of_hospital, of_food_bank = independent.by_signal.values()
    assert independent.label is not None
    assert ((of_hospital == 1) & (of_food_bank != 1)).any()
    assert ((of_food_bank == 1) & (of_hospital != 1)).any()
    assert (independent.label == np.maximum(of_hospital, of_food_bank)).all()


def test_each_sign_is_a_finding_of_its_own_and_a_sign_that_sees_a_group_less_hides_the_gap(
    document: dict[str, Any],
) -> None:
    """Broken by findings of all signs together alone: the food bank's own ratio looks fair."""
    rows = [
        row
        for row in document["findings"]
        if (row["measure"], row["characteristic"], row["group"]) == ("recorded_per_independent", "ethnicity", "Black")
    ]
    ratio = {row["component"]: row["ratio"] for row in rows}
    assert set(ratio) == {None, HOSPITAL, FOOD_BANK}
    assert ratio[HOSPITAL] < 0.5 < 0.8 < ratio[FOOD_BANK]
    assert ratio[HOSPITAL] < ratio[None] < ratio[FOOD_BANK]


def test_a_date_that_one_sign_does_not_cover_says_neither_yes_nor_no(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    persons = draw_members(gather_run(world.invocation), lambda names: np.full(len(names), 0.5))
    deliver_parcels(world, persons, covers_to=datetime(2025, 6, 1, tzinfo=UTC))
    independent = gather_run(world.invocation).independent
    of_food_bank = independent.by_signal[FOOD_BANK]
    assert (of_food_bank == UNKNOWN).any()
    assert (of_food_bank != UNKNOWN).any()
    assert independent.label is not None
    assert (independent.label[of_food_bank == UNKNOWN] == UNKNOWN).all()
    assert (independent.by_signal[HOSPITAL][of_food_bank == UNKNOWN] == 1).any()


def test_a_sign_without_a_delivery_is_named_and_the_other_one_judges(shared_world: Any) -> None:
    audited = gather_run(shared_world.invocation)
    assert list(audited.independent.by_signal) == [HOSPITAL]
    assert audited.independent.without == {FOOD_BANK: "There is no delivery of food_bank."}
    assert "A sign of need is left out of that. There is no delivery of food_bank." in _write_notes(audited)
    rows = _measure_by_independent(audited, "ethnicity", audited.groups["ethnicity"])
    assert {(row["measure"], row["component"]) for row in rows} == {
        (measure, None)
        for measure in ("recall_of_independent", "recorded_given_independent", "recorded_per_independent")
    }


def test_the_pack_draws_all_signs_together_first_and_then_each(both: Audited, document: dict[str, Any]) -> None:
    words = CouncilWords({}, {HOSPITAL: "Emergency admission to hospital", FOOD_BANK: "Food parcel"}, {})
    said = describe_independent(both.policy, words, document["findings"], {})
    assert said is not None
    assert said["several"]
    assert said["signal"] == "Emergency admission to hospital and Food parcel"
    assert "all signs together" in said["figures"][1]["caption"] != said["figures"][0]["caption"]
    titles = [figure["title"] for figure in said["figures"]]
    assert titles[:3] == [
        f"Needs recorded for each {sign}: by ethnic group"
        for sign in ("independent sign of need", "Emergency admission to hospital", "Food parcel")
    ]


def test_a_run_says_whether_its_order_finds_need_beyond_the_records(document: dict[str, Any]) -> None:
    found = document["beyond_records"]
    assert found["answer"] == "need"
    sign = found["sign_without_record"]
    said = say_beyond_records(found)
    assert f"{100 * sign['first']['estimate']:.1f} % of the tenth that it puts first had" in said
    assert f"{sign['ratio']:.2f} times as often ({sign['ratio_interval'][0]:.2f} to" in said
    assert said.endswith("So the order finds need that no service recorded, and not only what services will record.")


def test_a_gap_in_what_others_delivered_is_no_absence_of_signs(make: Callable[..., Any], tmp_path: Path) -> None:
    """Broken by taking everything between the first and the last delivery for delivered."""
    world = make(tmp_path, households=200)
    audited = gather_run(world.invocation)
    whole = audited.independent.by_signal[HOSPITAL]
    days = sorted(set(audited.people.as_of.tolist()))
    assert len(days) > 1
    begin = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC) + timedelta(days=3)
    leave_gap(world, "hospital", begin, begin + timedelta(days=2))
    label = gather_run(world.invocation).independent.by_signal.get(HOSPITAL)
    first = audited.people.as_of == np.datetime64(days[0], "D")
    assert (whole[first] != UNKNOWN).all()
    assert label is None or (label[first] == UNKNOWN).all()
