"""A registered trial's answer: by the arm that the lot gave, at planned looks alone, with what deviated."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from charter.contracts import read_table_contract
from charter.contracts.files import read_json, write_json
from charter.council.trial_design import Answer, TrialFile
from charter.rules.holdout import TailLot, derive_seed, draw_tail
from charter.signing.trial_lots import ListLots, write_lots
from charter.signing.trials import Registration
from fairness_reports.impact.effect import answer_registered
from fairness_reports.impact.estimates import TrialRows
from fairness_reports.impact.looks import take_look
from fairness_reports.impact.registering import register_planned_trial
from fairness_reports.publish.effect_page import VERDICT_WORDS, write_effect_page
from tests.trial_files import sign_trial, write_trial
from tests.unit.fairness_reports.test_trial import deliver, happen

FIRST = date(2023, 1, 2)


@pytest.fixture
def world(worlds: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a council whose trial ran in 2023; it was registered before, as the clock then had it."""
    world = worlds(households=200)
    write_trial(world.council, FROM="2023-01-02", until="2023-12-31", groups='["ethnicity"]', looks="2")
    sign_trial(world.invocation)
    monkeypatch.setattr("charter.signing.trials._has_ended", lambda *_: False)
    return world


def leave_lots(world: Any, registration: Registration, lists: int = 50, after: int = 0) -> dict[str, str]:
    """Leave lists of eight in the tail, a week apart; return each household's arm."""
    arms = {}
    for number in range(lists):
        day = FIRST + timedelta(days=7 * number + after)
        list_id = f"north-{day}"
        lot = TailLot(derive_seed(registration.seed, list_id), list_id, 0.5)
        draw = draw_tail(lot, [(rank, f"h{number:02d}{rank:02d}") for rank in range(5, 13)], 4)
        write_lots(
            world.invocation.workspace,
            ListLots(registration.name, "north", day, lot, 4, draw.households, (0.0,) * 8),
        )
        arms |= {row.entity: row.arm for row in draw.households}
    return arms


def need_of(arms: dict[str, str], listed: float, held_out: float) -> set[str]:
    rng = np.random.default_rng(3)
    return {name for name, arm in arms.items() if rng.random() < (listed if arm == "ranked" else held_out)}


def happen_soon(world: Any, arms: dict[str, str], needs: set[str]) -> None:
    """Let each need come three months after the household's list; `happen` has one day for all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    happen(world, list(arms), needs)
    path = world.workspace / "store" / "s1" / "tables" / "events.parquet"
    events = pq.read_table(path).to_pydict()
    number = {f"p{i}": int(name[1:3]) for i, name in enumerate(arms)}
    start = datetime.fromisoformat("2023-01-02T00:00:00+00:00")
    at = [start + timedelta(days=7 * number[person] + 90) for person in events["person_id"]]
    moments = pa.array(at, pa.timestamp("us", "UTC"))
    table = pa.table(
        {**events, "valid_at": moments, "known_at": moments, "known_until": pa.nulls(len(at), moments.type)}
    )
    pq.write_table(table, path)


def offer(world: Any, arms: dict[str, str]) -> None:
    path = world.invocation.workspace.worklist / "actions.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, read_table_contract("actions").names)
        writer.writeheader()
        for number, (name, arm) in enumerate(arms.items()):
            if arm == "ranked" and number % 5:
                at = f"{FIRST + timedelta(days=7 * int(name[1:3]) + 3)}T09:00:00+00:00"
                writer.writerow(
                    {"entity": name, "list": "n", "disposition": "taken_up", "decided_at": at, "offered_at": at,
                     "known_at": at}
                )  # fmt: skip


def test_help_that_helps_is_found_and_kept(world: Any) -> None:
    registration = register_planned_trial(world.invocation)
    arms = leave_lots(world, registration)
    happen_soon(world, arms, need_of(arms, 0.2, 0.5))
    offer(world, arms)
    answer, words = answer_registered(world.invocation, registration)
    (look,) = answer["looks"]
    assert (answer["households"], answer["over"], answer["verdict"]) == (400, 400, "helps")
    assert look["estimate"] == pytest.approx(-0.3, abs=0.1)
    assert look["interval"][1] < 0
    assert look["compliers"]["estimate"] < look["estimate"]
    assert look["offered_held_out"] == 0.0
    assert "HELPS." in words
    assert "now rather than later" in words
    groups = [row for row in look["also"] if row["about"] == "ethnicity"]
    assert groups
    assert all(row["estimate"] is None and row["households"] is None for row in groups if row["hidden"])
    page = write_effect_page(world.invocation, answer, words).read_text(encoding="utf-8")
    assert "<h1>It helps</h1>" in page
    assert page.count("<circle") == 1 + sum(row["estimate"] is not None for row in look["also"])
    again, _ = answer_registered(world.invocation, registration)
    assert again["looks"] == answer["looks"], "asking again is no other look"


def test_a_gap_in_the_records_counts_on_neither_side_and_is_said(world: Any) -> None:
    """Nothing was delivered of February 2024: nobody knows of whoever was on a list from February 2023 on till then."""
    registration = register_planned_trial(world.invocation)
    arms = leave_lots(world, registration)
    happen_soon(world, arms, need_of(arms, 0.2, 0.5))
    first, gap, after = (datetime(*day, tzinfo=UTC) for day in ((2016, 1, 1), (2024, 2, 1), (2024, 3, 1)))
    deliver(world, [(first, gap), (after, datetime(2027, 1, 1, tzinfo=UTC))])
    answer, words = answer_registered(world.invocation, registration)
    before = sum(FIRST + timedelta(days=7 * int(name[1:3])) <= date(2023, 2, 1) for name in arms)
    assert (answer["over"], answer["lost"]) == (before, len(arms) - before)
    assert before == 40
    assert f"Of {len(arms) - before} households the records of needs have a gap" in words
    assert [look["households"] for look in answer["looks"]] == [before]


def test_a_household_counts_by_its_first_lot(world: Any) -> None:
    registration = register_planned_trial(world.invocation)
    arms = leave_lots(world, registration, lists=20)
    leave_lots(world, registration, lists=20, after=140)
    needs = need_of(arms, 0.2, 0.5)
    happen_soon(world, arms, needs)
    answer, _ = answer_registered(world.invocation, registration)
    (look,) = answer["looks"]
    assert (answer["households"], look["listed"]) == (160, sum(arm == "ranked" for arm in arms.values()))
    assert look["needs_listed"] == sum(arms[name] == "ranked" for name in needs)
    assert look["needs_held_out"] == sum(arms[name] != "ranked" for name in needs)


@pytest.mark.parametrize(
    ("listed", "held_out", "verdict", "headline"),
    [(0.5, 0.2, "harms", "HARMS."), (0.35, 0.35, "cannot be told", "CANNOT BE TOLD.")],
)
def test_what_it_does_not_do_is_said_as_large(
    world: Any, listed: float, held_out: float, verdict: str, headline: str
) -> None:
    registration = register_planned_trial(world.invocation)
    arms = leave_lots(world, registration)
    happen_soon(world, arms, need_of(arms, listed, held_out))
    answer, words = answer_registered(world.invocation, registration)
    assert answer["verdict"] == verdict
    assert words.splitlines()[1].startswith(headline)
    page = write_effect_page(world.invocation, answer, words).read_text(encoding="utf-8")
    assert f"<h1>{VERDICT_WORDS[verdict]}</h1>" in page


def test_between_looks_nothing_is_compared(world: Any) -> None:
    registration = register_planned_trial(world.invocation)
    arms = leave_lots(world, registration, lists=5) | leave_lots(world, registration, lists=30, after=1400)
    happen(world, list(arms), set())
    answer, words = answer_registered(world.invocation, registration)
    assert (answer["looks"], answer["verdict"]) == ([], "goes on")
    assert "Nothing has been compared" in words
    page = write_effect_page(world.invocation, answer, words).read_text(encoding="utf-8")
    assert "<svg" not in page
    assert "no answer yet" in page
    assert not (world.invocation.workspace.trials / registration.name / "looks.json").exists()


def test_deviations_stand_beside_the_answer(world: Any) -> None:
    registration = register_planned_trial(world.invocation)
    arms = leave_lots(world, registration)
    happen_soon(world, arms, need_of(arms, 0.3, 0.3))
    write_trial(world.council, FROM="2023-01-02", until="2023-12-31", worth_seeing="0.2", looks="2")
    path = world.invocation.workspace.trials / registration.name / "lots" / f"north-{FIRST}.json"
    raw = read_json(path)
    for row in raw["households"]:
        row["has_place"] = not row["has_place"]
        row["arm"] = "ranked" if row["has_place"] else "control"
    write_json(path, raw)
    answer, words = answer_registered(world.invocation, registration)
    assert len(answer["deviations"]) == 2
    assert "was not drawn by its seed" in words
    assert answer["worth_seeing"] == 0.05, "the answer is by what was registered"


def make_rows(listed: float, held_out: float, size: int, seed: int = 1) -> TrialRows:
    rng = np.random.default_rng(seed)
    arm = np.tile([1.0, 0.0], size // 2)
    need = (rng.random(size) < np.where(arm == 1, listed, held_out)).astype(float)
    return TrialRows(arm, need, arm, np.repeat(np.arange(size // 8), 8))


def test_no_effect_is_an_answer_of_its_own() -> None:
    answer = Answer(worth_seeing=0.05, looks=1)
    assert take_look(make_rows(0.3, 0.3, 16_000), answer, [1.0]).verdict == "no effect"
    assert take_look(make_rows(0.3, 0.3, 800), answer, [1.0]).verdict == "cannot be told"
    assert take_look(make_rows(0.3, 0.3, 800), answer, [0.5]).verdict == "goes on"
    assert take_look(make_rows(1.0, 1.0, 800), answer, [1.0]).verdict == "cannot be told"


def test_an_early_look_needs_more_to_stop_for_benefit_than_for_harm() -> None:
    answer = Answer(looks=4)
    look = take_look(make_rows(0.3, 0.3, 800), answer, [0.25])
    assert look.bounds[0] > 4
    assert look.bounds[1] < 2.6
    assert TrialFile.model_fields["answer"].default.looks == 3
