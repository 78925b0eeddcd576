"""The queue against one that is worked through in plain Python, and what its figures say of orders that are known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from charter.council.council import Council
from charter.invocation import Invocation
from tests.unit.training.conftest import Made
from training.data.dataset import to_microseconds
from training.data.help_record import HelpRecord
from training.experiment import train_models
from training.judging.bootstrap import bound
from training.judging.queues.queue_cases import UNDONE, Cases, Team, _count_unknown, _find_done, _spread_places
from training.judging.queues.queue_figures import DECIDES_QUEUE, QueueDraws, measure_done, measure_order
from training.judging.queues.queue_kernel import Waiting, head_of_order, work_queue
from training.judging.replay_run import say_plan
from training.models.planning import make_plan
from training.report.queue_table import say_queue_ground
from training.report.terminal import _say_families

# MLflow's database models use a loader that SQLAlchemy 2.1 deprecates, and its type hints warn about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]
SIZE, DAYS = 120, 60


def work_slowly(
    arrives: np.ndarray, leaves: np.ndarray, order: np.ndarray, times: np.ndarray, room: np.ndarray
) -> np.ndarray:
    """Every copy is a case of its own in a list that is sorted anew each day."""
    waiting: list[tuple[int, int]] = []
    total = np.zeros(len(arrives))
    for day in range(len(room)):
        waiting += [(int(order[n]), n) for n in range(len(arrives)) if arrives[n] == day for _ in range(times[n])]
        for _, n in [one for one in waiting if leaves[one[1]] < day]:
            total[n] += leaves[n] + 1
        waiting = sorted(one for one in waiting if leaves[one[1]] >= day)
        taken, waiting = waiting[: room[day]], waiting[room[day] :]
        for _, n in taken:
            total[n] += day
    for _, n in waiting:
        total[n] += min(len(room), leaves[n] + 1)
    return total


def make_cases(seed: int = 3, *, as_done: bool = False) -> Cases:
    generator = np.random.default_rng(seed)
    arrives = np.sort(generator.integers(0, DAYS - 20, SIZE))
    done = np.minimum(arrives + generator.integers(0, 20, SIZE), DAYS - 1)
    needed = generator.random(SIZE) < 0.3
    return Cases(
        first=date(2024, 1, 1),
        days=DAYS,
        names=np.array([f"p{n:03d}".encode() for n in range(SIZE // 2)]),
        household=np.arange(SIZE, dtype=np.int32) // 2,
        arrives=arrives,
        leaves=arrives + 70,
        month=(arrives >= 31).astype(np.int64),
        done=done,
        labelled=np.ones(SIZE, dtype=bool),
        needed=needed,
        days_until=np.where(needed, 5.0, np.nan),
        team=np.array(["t"] * SIZE),
        teams=[Team("t", np.arange(SIZE), _spread_places(14.0, date(2024, 1, 1), DAYS))],
        as_done=as_done,
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_queue_takes_whom_a_slow_one_takes_on_the_same_day(seed: int) -> None:
    generator = np.random.default_rng(seed)
    arrives = np.sort(generator.integers(0, DAYS, SIZE))
    leaves, order = arrives + generator.integers(3, 30, SIZE), generator.permutation(SIZE)
    times, room = generator.integers(0, 3, SIZE), generator.integers(0, 4, DAYS)
    fast = work_queue(Waiting(arrives, leaves), order, times, room)
    slow = work_slowly(arrives, leaves, order, times, room)
    assert fast.tolist() == slow.tolist()
    assert len(set(slow.tolist())) > 20


def test_places_of_a_week_are_those_of_its_working_days() -> None:
    room = _spread_places(3.0, date(2024, 1, 1), 14)  # a Monday
    assert room.tolist() == [0, 1, 0, 1, 1, 0, 0] * 2
    assert room.sum() == 6


def test_the_head_of_an_order_shares_its_last_places_among_equals() -> None:
    block, level_end = np.array([0, 10]), np.array([1, 5, 5, 5, 5, 10, 10, 10, 10, 10])
    value = np.array([[1.0], [1], [1], [0], [0], [0], [0], [0], [0], [0]])
    once = np.ones(10, dtype=np.int64)
    assert head_of_order(block, level_end, value, once, 0.1).tolist() == [1.0]
    assert head_of_order(block, level_end, value, once, 0.3).tolist() == [2.0], "two places among four, two of a need"
    twice = np.where(np.arange(10) == 0, 3, once)
    assert head_of_order(block, level_end, value, twice, 0.25).tolist() == [3.0], "who was drawn thrice fills three"


def test_an_order_that_knows_the_need_has_it_first_and_sooner_than_both_others() -> None:
    cases = make_cases()
    draws = QueueDraws.of(cases, 100, 60, 1)
    first, taken = measure_order(cases, -cases.arrives.astype(float), draws, None)
    knowing, _ = measure_order(cases, cases.needed.astype(float), draws, taken)
    blind, _ = measure_order(cases, np.zeros(SIZE), draws, taken)
    assert bound(knowing[DECIDES_QUEUE], 0.95)[0] == 1.0
    assert bound(blind[DECIDES_QUEUE], 0.95)[0] == pytest.approx(cases.needed.mean(), abs=0.1)
    assert bound(first["days_sooner_first_come"], 0.95)[0] == 0.0
    sooner, low, _ = bound(knowing["days_sooner_first_come"], 0.95)
    assert sooner is not None
    assert low is not None
    assert sooner > low > 1
    done = measure_done(cases, draws, taken)
    ours = bound(knowing["days_sooner_done"], 0.95)[0]
    theirs = bound(done["days_sooner_first_come"], 0.95)[0]
    assert ours == pytest.approx(sooner - theirs, abs=1e-6), "sooner than done is sooner than first come less theirs"


def test_as_many_are_taken_each_day_as_really_were() -> None:
    cases = make_cases(as_done=True)
    draws = QueueDraws.of(cases, 20, 20, 1)
    _, taken = measure_order(cases, -cases.done.astype(float), draws, None)
    assert taken[0].tolist() == cases.done.tolist(), "the order in which it was done makes the very same days again"


def test_a_case_of_which_nobody_knows_when_it_was_done_counts_in_no_figure_of_that() -> None:
    cases = make_cases()
    unknown = cases.done.copy()
    unknown[cases.needed] = UNDONE
    draws = QueueDraws.of(cases, 20, 20, 1)
    _, taken = measure_order(cases, np.zeros(SIZE), draws, None)
    spreads, _ = measure_order(replace(cases, done=unknown), np.zeros(SIZE), draws, taken)
    assert bound(spreads["days_sooner_done"], 0.95)[0] is None


def test_what_was_done_after_days_that_no_delivery_covers_may_not_be_the_first(council: Council) -> None:
    """Broken by taking the first event there is: rows of 1 June, days to 10 June and from 20 June on delivered.

    a: done on 5 June, before the gap. b: on 25 June, after it. c: never.
    """

    def at(day: int) -> int:
        return to_microseconds(council.midnight(date(2026, 6, day)))

    rows = SimpleNamespace(
        entity=np.array([b"a", b"b", b"c"]), person=np.array([b"a", b"b", b"c"]), person_row=np.arange(3)
    )
    data = SimpleNamespace(council=council, at=lambda _: rows)
    done = HelpRecord(
        ("service.done",),
        np.array([b"a", b"b"]),
        np.array([at(5), at(25)]),
        np.array([at(5), at(25)]),
        ((at(1), at(10)), (at(20), at(30))),
    )
    first, last = date(2026, 6, 1), date(2026, 6, 29)
    assert _find_done(data, done, first, last, first).tolist() == [4, UNDONE, UNDONE]  # type: ignore[arg-type]
    whole = replace(done, covered=((at(1), at(30)),))
    assert _find_done(data, whole, first, last, first).tolist() == [4, 24, UNDONE]  # type: ignore[arg-type]
    assert _count_unknown(data, done, first, 28) == 10  # type: ignore[arg-type]
    assert _count_unknown(data, whole, first, 28) == 0  # type: ignore[arg-type]


def test_days_of_which_nobody_knows_are_said() -> None:
    period = {"period": "final", "first": "2026-06-01", "days": 28, "cases": 30, "labelled": 30, "needed": 5}
    period |= {"places": 12, "unknown_days": 10}
    queue = {"headline": "final", "places": "as_done", "level": 0.95, "periods": [period]}
    said = say_queue_ground({"queue": queue, "bootstrap": {"cluster": "person"}})
    assert "of whom nobody knows on 10 days that no delivery covers" in said
    period["unknown_days"] = 0
    assert "nobody knows" not in say_queue_ground({"queue": queue, "bootstrap": {"cluster": "person"}})


def test_a_run_of_a_queue_chooses_by_it_and_leaves_its_first_tenth_for_the_audit(
    make: Callable[[Made], Invocation], quick_council: Path, tmp_path: Path
) -> None:
    own = tmp_path / "council"
    shutil.copytree(quick_council, own)
    training, worklist = (own / "early_help" / f"{name}.toml" for name in ("training", "worklist"))
    text = training.read_text(encoding="utf-8")
    each = 'each = { signal = "housing.arrears_stage" }\n'
    training.write_text(text.replace("[as_of]\n", f"[as_of]\n{each}"), encoding="utf-8")
    worklist.write_text(worklist.read_text(encoding="utf-8") + '\n[queue]\nper = "day"\n', encoding="utf-8")
    made = make(Made(households=300))
    opened = replace(made, council=Council.load(own).serving("early_help"))
    assert "Judged as a queue" in say_plan(opened, make_plan(opened))
    run = train_models(opened)
    metrics = run.metrics
    queue = metrics["queue"]
    contenders = {figure["model"] for figure in queue["figures"]}
    assert {"first_come", "points", "lightgbm"} <= contenders
    assert "done" not in contenders, "nothing says when a case was worked"
    assert (
        "in the first tenth" in metrics["recommendation"]["sentence"]
        or "lots" in (metrics["recommendation"]["sentence"])
    )
    listings = pq.read_table(run.folder / "replayed.parquet").to_pylist()
    share = sum(row["model"] == metrics["model"] and row["lottery"] == 0 for row in listings)
    cases = sum(period["cases"] for period in queue["periods"])
    assert 0.08 * cases < share < 0.12 * cases


def test_where_rows_are_persons_people_are_spoken_of() -> None:
    assert _say_families(1.2, {"bootstrap": {"cluster": "person"}}) == "1 person"
    assert _say_families(3.0, {"bootstrap": {"cluster": "person"}}) == "3 people"
    assert _say_families(3.0, {"bootstrap": {"cluster": "household"}}) == "3 families"
