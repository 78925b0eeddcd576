"""The replayed lists left for the audit are the replay's own first drawings, row by row."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from charter.contracts import read_table_contract
from tests.unit.training.slow_replay import decision_of, lot_of
from tests.unit.training.test_replay import rules_of, weeks_of
from training.data.folds import Fold
from training.judging.replay import Exposure, HouseholdDraws, name_keys, replay_model
from training.judging.replay_figures import ReplayInput
from training.judging.replay_kernel import BEFORE, DAYS, LISTINGS, NEEDED, SPELLS
from training.judging.replay_weeks import WeekPlan
from training.judging.replayed_lists import KEPT_LOTTERIES, ReplayedLists, keep_lists

WEEKS = 14


def folds() -> list[Fold]:
    days = (date(2023, 12, 1), date(2024, 2, 1))
    return [Fold(str(n), datetime(day.year, day.month, day.day, tzinfo=UTC), (), (day,)) for n, day in enumerate(days)]


def kept(seed: int = 4) -> tuple[ReplayInput, ReplayedLists]:
    weeks = weeks_of(seed, 60, WEEKS)
    margins = np.random.default_rng(seed).integers(0, 4, len(weeks.household)).astype(np.float64)
    part = np.where(np.arange(WEEKS) < 3, -1, 0).astype(np.int8)
    rules = rules_of(taken_up=0.5, family_said_no=0.2)
    draws = HouseholdDraws.of(weeks.names, 2, 30, seed=9)
    plan = WeekPlan(weeks.days, part, ("selection",), 7)
    exposure = Exposure.of(weeks, part, draws, 7)
    shared = ReplayInput(plan, rules, weeks, {"points": margins, "last_contact": -margins}, draws, exposure, 1)
    return shared, keep_lists(
        shared, folds(), {name: shared.make_lists(name, keep=True).listings for name in ("points", "last_contact")}
    )


def test_sums_over_the_rows_are_the_replays_sums_lottery_by_lottery() -> None:
    """Broken by other seeds, by counting the burn-in, or by lists that run out of their depth."""
    shared, lists = kept()
    for model in ("points", "last_contact"):
        replay = replay_model(shared.weeks, shared.margins[model], shared.plan.part, shared.rules, shared.draws)
        rows = lists.listings.filter(pc.equal(lists.listings["model"], model)).to_pandas()
        assert set(rows["lottery"]) == set(range(KEPT_LOTTERIES))
        for lottery, mine in rows.groupby("lottery"):
            first = mine[mine["outcome"] == "need"].sort_values("as_of").groupby("entity").first()
            sums = replay.expected[lottery, 0]
            assert len(mine) == sums[LISTINGS]
            assert (mine["outcome"] != "unknown").sum() == sums[SPELLS]
            assert (mine["outcome"] == "need").sum() == sums[NEEDED]
            assert (len(first), first["days"].sum()) == (sums[BEFORE], sums[DAYS])


def test_everybody_who_could_have_been_listed_is_counted_once_with_its_weeks() -> None:
    shared, lists = kept()
    weeks, households = shared.weeks, lists.households.to_pandas().set_index("entity")
    counted = shared.plan.part[weeks.week] >= 0
    assert households["lists"].sum() == counted.sum()
    assert households["needed"].sum() == (weeks.needed & weeks.labelled & counted).sum()
    assert (households["needed"] > 0).sum() == shared.exposure.in_need[0, 0]
    for name, row in households.iterrows():
        mine = np.flatnonzero((weeks.names[weeks.household] == str(name).encode()) & counted)
        assert weeks.days[weeks.week[mine[-1]]] == row["last"]
        assert row["known"] == weeks.labelled[mine].sum()


def test_one_drawing_of_every_week_is_left_with_what_was_decided_for_others_to_give_way_to() -> None:
    """Broken by leaving out the burn-in, by another drawing's decisions, by a decision where there was none."""
    shared, lists = kept()
    weeks, rules = shared.weeks, shared.rules
    rows = shared.make_lists("points", keep=True).listings.of_lottery(0)
    keys = name_keys(weeks.names).tolist()
    expected = []
    for row in rows.tolist():
        household, week = int(weeks.household[row]), int(weeks.week[row])
        decision = decision_of(rules, lot_of(int(shared.draws.seeds[0]), keys[household], 0, week))
        day = weeks.days[week]
        decided_on = day + timedelta(days=rules.decided_after) if decision else None
        expected.append((weeks.names[household].decode(), day, day + timedelta(days=7), decision, decided_on))
    mine = [tuple(row.values()) for row in lists.worked.to_pylist()]
    assert mine == expected
    assert {row[3] for row in mine} == {"taken_up", "family_said_no", None}
    assert min(row[1] for row in mine) == weeks.days[0]


def test_rows_keep_their_contract_and_say_whose_order_and_which_fold(tmp_path: Path) -> None:
    _, lists = kept()
    lists.write(tmp_path)
    for name in ("replayed", "replayed_households", "worked_lists"):
        assert tuple(pq.read_schema(tmp_path / f"{name}.parquet").names) == read_table_contract(name).names
    rows = lists.listings.to_pandas()
    assert {tuple(row) for row in rows[["model", "arm"]].drop_duplicates().to_numpy()} == {
        ("points", "ranked"), ("last_contact", "baseline"),
    }  # fmt: skip
    late = rows["as_of"].map(lambda day: day >= date(2024, 2, 1))
    assert set(rows[late]["fold"]) == {"1"}
    assert set(rows[~late]["fold"]) == {"0"}
    assert not rows[rows["outcome"] == "need"]["days"].isna().any()
