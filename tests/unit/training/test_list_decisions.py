"""What people decided on their lists, where enough lists were worked, is what past weeks' lists are worked by."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from charter.contracts import read_table_contract
from charter.contracts.files import write_json
from charter.errors import DataError
from charter.invocation import Invocation, shipped_council
from training.data import list_decisions
from training.data.list_decisions import FEWEST, digest_answers, read_decisions, read_list_rules
from training.data.list_rules import ListRules
from training.judging.replay_figures import Replayed, describe_replay
from training.report.terminal import say_decisions

TAKEN_AT = datetime(2026, 9, 28, 6, tzinfo=UTC)
FIRST = date(2026, 3, 2)
WEEKS = 11
"""Of 20 listings each: 220 whose decision is known; the week after them is not over at the snapshot."""

DECIDED = ["taken_up"] * 8 + ["set_aside"] * 5 + ["taken_up late"] + [""] * 6


@pytest.fixture
def worked(tmp_path: Path) -> Invocation:
    """Return a workspace of a shadow week, eleven weeks that were worked, and one that is not over."""
    invocation = Invocation.open(shipped_council(), "early_help", tmp_path / "workspace", quiet=True)
    days = [FIRST + timedelta(weeks=week) for week in range(-1, WEEKS)]
    actions = []
    for day in [*days, TAKEN_AT.date()]:
        rows = [{"list": f"north-{day}", "entity": f"{day}/{place}", "arm": "ranked"} for place in range(len(DECIDED))]
        # A place by lot and a household that a trial held out are no model's, whatever was decided on them.
        others = [{"list": f"north-{day}", "entity": f"{day}/{arm}", "arm": arm} for arm in ("random", "control")]
        write_table(invocation.workspace.worklist / str(day) / "issued.csv", "issued", [*rows, *others])
        header = {"id": f"north-{day}", "as_of": day.isoformat()}
        write_json(invocation.workspace.worklist / str(day) / "list.json", {"lists": [header]})
        if day >= FIRST:
            actions += decide(day, rows, others)
    write_table(invocation.workspace.worklist / "actions.csv", "actions", actions)
    return invocation


def decide(day: date, rows: list[dict[str, str]], others: list[dict[str, str]]) -> list[dict[str, str]]:
    made = []
    midday = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    for row, decision in zip([*rows, *others], [*DECIDED, "stepped_up", "stepped_up"], strict=True):
        after = 8 if decision.endswith(" late") else 3
        if decision:
            at = (midday + timedelta(days=after)).isoformat()
            said = {"disposition": decision.removesuffix(" late"), "decided_at": at, "known_at": at}
            # Put off first, taken up in the end: the last word before the next list counts.
            made += [row | said | {"disposition": "deferred"}] if decision == "taken_up" else []
            made.append(row | said)
    return [{name: value for name, value in row.items() if name != "arm"} for row in made]


def write_table(path: Path, contract: str, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(read_table_contract(contract).names), restval="")
        writer.writeheader()
        writer.writerows(rows)


def test_past_weeks_are_worked_as_these_lists_were(worked: Invocation) -> None:
    """Broken by a decision after the next list, by the shadow week, a list that is not over, or places by lot."""
    rules, stated = read_list_rules(worked, TAKEN_AT), ListRules.of(worked.settings.worklist)
    assert rules.answers == pytest.approx({"set_aside": 0.25, "taken_up": 0.4})
    assert rules.undecided == pytest.approx(0.35)
    assert rules.decisions is not None
    assert (rules.decisions.listings, rules.decisions.first) == (20 * WEEKS, FIRST)
    assert rules.decisions.last == FIRST + timedelta(weeks=WEEKS - 1)
    assert replace(rules, answers=stated.answers, decisions=None) == stated
    assert digest_answers(rules) != digest_answers(stated)
    assert rules.burn_in == stated.burn_in == 27


def test_too_few_listings_leave_what_the_council_states(worked: Invocation, monkeypatch: pytest.MonkeyPatch) -> None:
    stated = ListRules.of(worked.settings.worklist)
    before = datetime(2026, 5, 1, tzinfo=UTC)
    decisions = read_decisions(worked, before)
    assert decisions is not None
    assert decisions.listings == 20 * 8 < FEWEST
    assert read_list_rules(worked, before) == stated
    monkeypatch.setattr(list_decisions, "FEWEST", 20 * WEEKS)
    assert read_list_rules(worked, TAKEN_AT) != stated
    assert read_decisions(worked, datetime(2026, 1, 1, tzinfo=UTC)) is None
    # Two years later nothing of them counts any more: people may work otherwise by then.
    assert read_list_rules(worked, datetime(2028, 9, 28, tzinfo=UTC)) == stated


def test_a_run_says_whose_decisions_they_are(worked: Invocation) -> None:
    rules = read_list_rules(worked, TAKEN_AT)
    document = describe_replay(Replayed.nothing(rules, "no week"), 0.95, 10)
    assert document["decisions"] == {"listings": 220, "first": "2026-03-02", "last": "2026-05-11"}
    assert say_decisions(document) == (
        "Decisions on them are as they were made on 220 listings, of lists from 2026-03-02 to 2026-05-11."
    )
    stated = describe_replay(Replayed.nothing(ListRules.of(worked.settings.worklist), "no week"), 0.95, 10)
    assert stated["decisions"] is None
    assert "as worklist.toml expects" in say_decisions(stated)


def test_a_time_of_a_decision_that_is_none_is_refused(worked: Invocation) -> None:
    path = worked.workspace.worklist / "actions.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("2026-03-05T12:00:00+00:00", "on Thursday"), encoding="utf-8")
    with pytest.raises(DataError, match=r"'on Thursday' as decided_at, which is not a time"):
        read_list_rules(worked, TAKEN_AT)
