"""A borough is made all at once, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from borough.synth import count_steps, make_borough
from charter.contracts import check_document
from charter.contracts.files import file_digest, folder_digest, read_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import UsageError
from charter.vault.key import Key
from charter.vault.made_up import confirm_snapshot, is_confirmed


def test_the_same_seed_makes_the_same_bytes_whatever_the_threads(fernhill: Council, extracts: Path, tmp_path: Path):
    before = pa.cpu_count()
    pa.set_cpu_count(1)
    try:
        make_borough(tmp_path / "extracts", fernhill, 600, 1)
    finally:
        pa.set_cpu_count(before)
    assert folder_digest(tmp_path / "extracts") == folder_digest(extracts)


def test_another_seed_makes_another_borough(fernhill: Council, extracts: Path, tmp_path: Path):
    make_borough(tmp_path / "extracts", fernhill, 600, 2)
    same = [
        path.relative_to(extracts)
        for path in extracts.rglob("*.*")
        if path.name != "delivery.json"
        and file_digest(path) == file_digest(tmp_path / "extracts" / path.relative_to(extracts))
    ]
    assert same == []


def test_every_delivery_keeps_its_contract_and_says_that_it_is_synthetic(extracts: Path):
    deliveries = sorted(extracts.glob("*/delivery.json"))
    assert len(deliveries) == 12
    for path in deliveries:
        delivery = read_json(path)
        check_document("delivery", delivery)
        assert delivery["synthetic"] is True
        assert delivery["service"] == path.parent.name
        assert delivery["covers_from"] < delivery["covers_to"] < delivery["received_at"]


def test_some_feeds_started_late_stopped_or_lag(extracts: Path):
    covers = {path.parent.name: read_json(path) for path in extracts.glob("*/delivery.json")}
    snapshot = covers["housing"]["covers_to"]
    assert covers["early_help"]["covers_from"] > covers["housing"]["covers_from"]
    assert {name for name, delivery in covers.items() if delivery["covers_to"] < snapshot} == {
        "youth_justice",
        "health_visiting",
    }


def test_an_interrupt_keeps_the_old_extracts_whole_and_leaves_nothing_beside(fernhill: Council, tmp_path: Path):
    folder = tmp_path / "extracts"
    make_borough(folder, fernhill, 200, 1)
    before = folder_digest(folder)
    done = []

    def interrupt(step: int) -> None:
        done.append(step)
        if len(done) == count_steps() - 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_borough(folder, fernhill, 200, 2, progress=interrupt)
    assert folder_digest(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["extracts", "made_up.json"]


@pytest.mark.parametrize("delivery", ["", "{}", "[]", '{"synthetic": false}'])
def test_deliveries_that_nobody_made_up_stay(fernhill: Council, tmp_path: Path, delivery: str):
    housing = tmp_path / "extracts" / "housing"
    housing.mkdir(parents=True)
    (housing / "tenants.csv").write_text("person_ref\n1\n")
    if delivery:
        (housing / "delivery.json").write_text(delivery)
    with pytest.raises(UsageError, match="housing/, a delivery that is not marked synthetic"):
        make_borough(tmp_path / "extracts", fernhill, 200, 1)
    assert (housing / "tenants.csv").read_text() == "person_ref\n1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["extracts"]


def test_a_second_borough_replaces_the_first_entirely(fernhill: Council, tmp_path: Path):
    folder = tmp_path / "extracts"
    make_borough(folder, fernhill, 200, 1)
    (folder / "left over.txt").write_text("of the first")
    make_borough(folder, fernhill, 200, 2)
    assert not (folder / "left over.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["extracts", "made_up.json"]


def test_a_borough_made_again_leaves_the_demonstration_open(fernhill: Council, tmp_path: Path) -> None:
    """Broken by forgetting which snapshots were signed: a second `make demo` pulls none, and nobody could sign in."""
    workspace, key = Workspace(tmp_path, "early_help"), Key(b"k" * 32)
    make_borough(tmp_path / "extracts", fernhill, 200, 1)
    confirm_snapshot(workspace, key, "one")
    make_borough(tmp_path / "extracts", fernhill, 200, 1)
    assert is_confirmed(workspace, key, ["one"])
    assert not is_confirmed(workspace, key, ["one", "another"])


@pytest.mark.parametrize(
    ("homes", "seed", "unfair", "variant", "said"),
    [
        (99, 1, "", "standard", "too small"),
        (200, -1, "", "standard", "negative"),
        (200, 1, "everything", "standard", "signals, labels, both"),
        (200, 1, "", "exciting", "standard, points"),
    ],
)
def test_arguments_that_make_no_borough_are_refused_with_what_to_type(
    fernhill: Council, tmp_path: Path, homes: int, seed: int, unfair: str, variant: str, said: str
):
    with pytest.raises(UsageError) as error:
        make_borough(tmp_path / "extracts", fernhill, homes, seed, unfair, variant)
    assert said in str(error.value)
    assert not (tmp_path / "extracts").exists()


def _auroc(score: NDArray[np.float64], outcome: NDArray[np.bool_]) -> float:
    rank = np.empty(len(score))
    rank[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)
    positives = outcome.sum()
    return float((rank[outcome].sum() - positives * (positives + 1) / 2) / (positives * (~outcome).sum()))


_OUTCOMES = """
create table known as select service, reference, person from '{0}/truth/references.parquet';
create table outcome as
    select person, strptime(owed_on, '%d-%b-%Y')::date as day
        from read_csv('{0}/homelessness/duties.csv', all_varchar = true)
        join known on service = 'homelessness' and reference = applicant_ref
    union all select person, started_on::date from read_csv('{0}/social_care/cin_periods.csv', all_varchar = true)
        join known on service = 'social_care' and reference = child_id
    union all select person, ended_on from '{0}/education/half_terms.parquet'
        join known on service = 'education' and reference = upn where 2 * sessions_missed >= sessions_possible
    union all select person, started_on::date from read_csv('{0}/education/exclusions.csv', all_varchar = true)
        join known on service = 'education' and reference = upn where category = 'PERM';
"""
_FAMILIES = """
with family as (
    select r.unit, count(*) as children
    from '{0}/truth/residence.parquet' r join '{0}/truth/people.parquet' p using (person)
    where r.start <= date '{1}' - interval 6 month and coalesce(r."end", date '2100-01-01') > date '{1}'
        and p.birth > date '{1}' - interval 18 year
    group by r.unit
), needs as (
    select unit, arg_min(money, abs(day - date '{1}')) as money, arg_min(school, abs(day - date '{1}')) as school,
        arg_min(family, abs(day - date '{1}')) as family
    from '{0}/truth/need.parquet' where abs(day - date '{1}') < 60 group by unit
)
select
    0.35 * exp(1.6 * money) + 0.5 * exp(1.7 * school) + exp(1.6 * needs.family) as need,
    exists (select 1 from outcome join '{0}/truth/people.parquet' p using (person)
        where p.unit = family.unit
            and outcome.day >= date '{1}' and outcome.day < date '{1}' + interval 1 year) as happened
from family join needs using (unit)
"""


def test_who_knows_the_need_could_foresee_much_but_not_all_of_it(fernhill: Council, tmp_path: Path):
    make_borough(tmp_path / "extracts", fernhill, 3000, 1)
    with duckdb.connect() as connection:
        connection.execute(_OUTCOMES.format(tmp_path / "extracts"))
        rows = [
            row
            for day in ("2021-09-01", "2023-09-01", "2025-07-01")
            for row in connection.execute(_FAMILIES.format(tmp_path / "extracts", day)).fetchall()
        ]
    need, happened = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assert 0.05 < happened.mean() < 0.11
    assert 0.74 < _auroc(need, happened) < 0.90
