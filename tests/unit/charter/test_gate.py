"""The gate answers the charter's questions of findings, and denies by default."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from charter.contracts import check_document
from charter.invocation import shipped_council
from charter.rules.certainty.compared_groups import weigh_chances
from charter.rules.certainty.visible_gap import find_visible_gap
from charter.rules.data_use import DataUse
from charter.rules.gate import decide_findings
from charter.rules.gate_sentences import say_day
from charter.rules.policy import Policy
from charter.rules.questions import Gate
from charter.rules.usefulness import Usefulness
from charter.rules.waivers import Caveat, Waiver
from fairness_reports.publish.gate_tables import tabulate_gate
from house.covering import add_up
from tests.conftest import ROOT
from tests.unit.charter.gates import CONTACTED, GAP, GAP_ABOVE, REACHED, finding

TODAY = date(2026, 9, 28)
CHARTER = Policy.load(Path(shipped_council() / "charter.toml"), TODAY)
OUTREACH = "Outreach to them begins in May."
LINE = {"id": "one", "story": "The police ask.", "expected": "refused", "answer": "refused", "held": True}


def policy_of(*gates: Gate, waivers: tuple[Waiver, ...] = ()) -> Policy:
    return CHARTER.replace(gates=gates, waivers=waivers, usefulness=None, data_use=None)


def findings(*rows: Any, **changes: Any) -> Any:
    return {
        "schema_version": 1,
        "programme": "early_help",
        "run": "r1",
        "model": "lightgbm",
        "charter_sha256": CHARTER.sha256,
        "period": {"first": "2023-09-01", "last": "2025-05-01", "days": 730, "dates": 6},
        "findings": list(rows),
    } | changes


def decided(*rows: Any, gates: tuple[Gate, ...] = (REACHED,), **options: Any) -> Any:
    policy = policy_of(*gates, waivers=options.pop("waivers", ()))
    policy = policy.model_copy(update={"pooling": options.pop("pooling", policy.pooling)})
    changes = options.pop("changes", {})
    options.setdefault("red_lines", [LINE] * CHARTER.scenarios_at_least)
    decision = decide_findings(findings(*rows, **changes), policy, TODAY, **options)
    check_document("decision", decision)
    return decision


def test_groups_treated_alike_pass() -> None:
    decision = decided(finding((600, 1000, 5000, 8000)))
    assert decision["decision"] == "pass"
    assert decision["sentence"].startswith("Passed")


def test_a_group_reached_less_often_blocks_and_is_named_with_the_measure() -> None:
    decision = decided(finding((50, 1000, 2000, 8000), group="Black"))
    assert decision["decision"] == "block"
    assert "Black" in decision["sentence"]
    assert "recall" in decision["sentence"]
    assert "missed help" in decision["sentence"]


def test_too_few_to_tell_is_referred_with_the_gap_that_would_have_been_seen() -> None:
    decision = decided(finding((70, 300, 2000, 8000)))
    (verdict,) = decision["verdicts"]
    assert decision["decision"] == "refer"
    assert verdict["verdict"] == "insufficient"
    assert 0 < verdict["smallest_visible_gap"] < 0.8
    assert date.fromisoformat(verdict["enough_data_by"]) > TODAY
    due = say_day(date.fromisoformat(verdict["enough_data_by"]))
    assert f"due for 1 of their answers by {due}" in decision["sentence"]


def test_fewer_households_than_the_charter_asks_for_are_never_an_answer() -> None:
    decision = decided(finding((0, 5, 4000, 8000)))
    (verdict,) = decision["verdicts"]
    assert verdict["verdict"] == "insufficient"
    assert "fewer on one side than the 30" in verdict["sentence"]
    assert verdict["enough_data_by"] is not None


def test_an_empty_group_is_insufficient_and_no_date_is_promised() -> None:
    decision = decided(finding((0, 0, 4000, 8000)))
    assert decision["verdicts"][0]["enough_data_by"] is None
    assert "not due within ten years" in decision["verdicts"][0]["sentence"]
    assert "due for" not in decision["sentence"]


def test_a_pair_informs_where_it_cannot_be_told_and_blocks_where_it_can() -> None:
    both = REACHED.replace(id="both", characteristic="ethnicity and sex")

    def of_pair(*counts: int) -> Any:
        alone, pair = finding((600, 1000, 5000, 8000)), finding(counts, group="A, female")  # type: ignore[arg-type]
        return decided(alone, pair | {"characteristic": "ethnicity and sex"}, gates=(REACHED, both))

    unknown = of_pair(3, 5, 2000, 8000)
    assert [one["verdict"] for one in unknown["verdicts"]] == ["pass", "insufficient"]
    assert unknown["decision"] == "pass"
    assert "the one question is answered" in unknown["sentence"]
    assert "1 about two characteristics together cannot be told" in unknown["sentence"]
    assert of_pair(50, 1000, 2000, 8000)["decision"] == "block"


def test_rows_count_where_a_table_has_no_clusters() -> None:
    row = finding((600, 1000, 5000, 8000))
    row["clusters"] = None
    assert decided(row)["decision"] == "pass"


def test_no_date_is_promised_without_a_period() -> None:
    decision = decided(finding((70, 300, 2000, 8000)), changes={"period": None})
    assert decision["verdicts"][0]["enough_data_by"] is None


def test_a_gate_that_no_finding_answers_blocks() -> None:
    decision = decided(finding((600, 1000, 5000, 8000), measure="precision"))
    assert decision["decision"] == "block"
    assert "Nothing was found out" in decision["sentence"]


@pytest.mark.parametrize("changes", [{"at": "threshold 0.5"}, {"component": "x"}, {"model": "points"}, {"group": None}])
def test_findings_about_something_else_answer_nothing(changes: dict[str, Any]) -> None:
    assert decided(finding((600, 1000, 5000, 8000), **changes))["decision"] == "block"


def test_findings_made_under_another_charter_block() -> None:
    decision = decided(finding((600, 1000, 5000, 8000)), changes={"charter_sha256": "1" * 64})
    assert decision["decision"] == "block"
    assert "edited" in decision["sentence"]


def test_more_unwanted_contact_blocks_and_less_passes() -> None:
    more = finding((300, 1000, 800, 8000), measure="false_positive_rate")
    less = finding((40, 1000, 800, 8000), measure="false_positive_rate")
    assert decided(more, gates=(CONTACTED,))["decision"] == "block"
    assert decided(less, gates=(CONTACTED,))["decision"] == "pass"


def test_a_difference_can_be_asked_about_too() -> None:
    assert decided(finding((100, 1000, 2000, 8000)), gates=(GAP,))["decision"] == "block"
    assert decided(finding((2500, 10000, 2500, 10000)), gates=(GAP,))["decision"] == "pass"
    refer = decided(finding((12, 60, 2000, 8000)), gates=(GAP,))
    assert refer["verdicts"][0]["smallest_visible_gap"] < -0.05
    above = finding((20, 60, 1600, 8000), measure="false_positive_rate")
    assert decided(above, gates=(GAP_ABOVE,))["verdicts"][0]["smallest_visible_gap"] > 0.05


def test_what_has_no_interval_is_insufficient_never_a_pass() -> None:
    row = finding((600, 1000, 5000, 8000), ratio=None, ratio_interval=None)
    assert decided(row)["decision"] == "refer"
    assert decided(finding((600, 1000, 5000, 8000), interval=None))["decision"] == "refer"


def test_an_unbounded_end_is_insufficient() -> None:
    nobody_else = finding((20, 1000, 0, 8000), measure="false_positive_rate", ratio=9.0, ratio_interval=[2.0, None])
    assert decided(nobody_else, gates=(CONTACTED,))["decision"] == "block"
    # Below, the end that would have to keep the limit is missing.
    kept = finding((2, 1000, 0, 60), measure="false_positive_rate", ratio=1.1, ratio_interval=[0.2, None])
    assert decided(kept, gates=(CONTACTED,))["decision"] == "refer"
    unknown_gap = finding((20, 1000, 20, 1000), difference=0.0, difference_interval=[None, 0.1])
    assert decided(unknown_gap, gates=(GAP,))["decision"] == "refer"
    no_upper = finding((500, 1000, 500, 1000), ratio=0.5, ratio_interval=[0.4, None])
    assert decided(no_upper)["decision"] == "refer"


def test_help_taken_from_everyone_fails_at_the_bound_although_the_gap_is_closed() -> None:
    decision = decided(finding((1, 1000, 8, 8000)))
    assert decision["decision"] == "block"
    assert "bound on the figure itself" in decision["sentence"]


def test_contact_raised_for_everyone_fails_at_the_ceiling() -> None:
    row = finding((500, 1000, 4000, 8000), measure="false_positive_rate")
    assert decided(row, gates=(CONTACTED,))["decision"] == "block"


AT_LEAST_A_LOT = REACHED.replace(id="reached_as_by_lot", floor=None, floor_of_overall=1.0)


def listed(share: float, group: str = "A") -> Any:
    """Return the finding of who was listed at all: `share` of 1,000 of a group and of 8,000 others."""
    return finding((round(1000 * share), 1000, round(8000 * share), 8000), group=group, measure="selection_rate")


@pytest.mark.parametrize(
    ("share", "answer"), [(0.02, "pass"), (0.3, "fail"), (0.1, "insufficient"), (None, "insufficient")]
)
def test_a_relative_floor_follows_how_many_were_listed_at_all(share: float | None, answer: str) -> None:
    # 100 of 1,000 and 800 of 8,000 in need were listed: better than a lot where one in fifty is listed, worse where
    # three in ten are; where nobody knows how many were, it cannot be told.
    rows = [] if share is None else [listed(share)]
    verdict = decided(finding((100, 1000, 800, 8000)), *rows, gates=(AT_LEAST_A_LOT.replace(limit=0.5),))["verdicts"][0]
    assert verdict["verdict"] == answer
    assert verdict["reason"] == {"pass": "limit", "fail": "bound"}.get(answer, "unsure of bound")
    assert "1 times the share on a worklist, over everybody" in verdict["sentence"]


def test_a_relative_bound_is_unknown_where_nobody_is_there_to_be_listed() -> None:
    nobody = listed(0.02) | {"estimate": None}
    verdict = decided(finding((100, 1000, 800, 8000)), nobody, gates=(AT_LEAST_A_LOT.replace(limit=0.5),))["verdicts"][
        0
    ]
    assert verdict["reason"] == "unsure of bound"


def test_a_relative_ceiling_follows_how_many_were_listed_at_all() -> None:
    gate = CONTACTED.replace(ceiling=None, ceiling_of_overall=2.0)
    row = finding((50, 1000, 400, 8000), measure="false_positive_rate")
    assert decided(row, listed(0.1), gates=(gate.replace(limit=1.5),))["decision"] == "pass"
    assert decided(row, listed(0.01), gates=(gate,))["decision"] == "block"


def test_a_relative_floor_of_what_is_no_list_follows_the_measure_itself() -> None:
    gate = REACHED.replace(id="seen", measure="seen", floor=None, floor_of_overall=0.25)
    assert decided(finding((900, 1000, 7200, 8000), measure="seen"), gates=(gate,))["decision"] == "pass"
    assert decided(finding((50, 1000, 7200, 8000), measure="seen"), gates=(gate,))["decision"] == "block"


def test_a_figure_exactly_known_and_beyond_fails() -> None:
    row = finding((100, 1000, 8000, 8000), ratio=0.1, ratio_interval=[0.1, 0.1])
    assert decided(row)["decision"] == "block"


def test_a_figure_at_the_limit_cannot_be_told_by_more_data() -> None:
    row = finding((80, 400, 250, 1000), ratio=0.8, ratio_interval=[0.6, 1.0])
    assert decided(row)["verdicts"][0]["enough_data_by"] is None


def test_more_groups_in_one_gate_need_a_clearer_gap() -> None:
    # Alone, nobody reached of 50 is more than chance; of eight groups as small one is that often by chance.
    alone = finding((0, 50, 640, 8000))
    assert decided(alone)["decision"] == "block"
    others = [finding((4, 50, 640, 8000), group=name) for name in "BCDEFGH"]
    assert decided(alone, *others)["verdicts"][0]["verdict"] == "insufficient"


def test_groups_too_small_to_stand_out_weaken_nobody_elses_answer() -> None:
    """Broken by counting every group among those that chance may put apart."""
    small = finding((1, 40, 640, 8000))
    clear = finding((0, 60, 640, 8000), group="Z")
    tiny = [finding((1, 30, 640, 8000), group=name) for name in "BCDEF"]
    assert decided(clear, small, *tiny)["verdicts"][0]["verdict"] == "fail"


ASKED = REACHED.replace(id="asked", too_few="say", ask_not_recorded=False)


def test_a_group_too_small_to_ask_about_is_named_and_lets_the_question_be_answered_for_the_others() -> None:
    """Broken by dropping it without a word, or by letting a question pass that could ask about nobody."""
    fair, small = finding((600, 1000, 5000, 8000)), finding((3, 40, 640, 8000), group="B")
    other = finding((600, 1000, 5000, 8000), group="C")
    decision = decided(fair, small, other, gates=(ASKED,))
    (question,) = decision["questions"]
    assert (decision["decision"], question["verdict"]) == ("pass", "pass")
    assert (question["asked"], question["not_asked"]) == (["A", "C"], ["B"])
    assert "Nothing could be asked about some groups, which are too small: B (ethnicity)." in decision["sentence"]
    assert decision["verdicts"][1]["reason"] == "not asked"
    everybody = decided(fair, other, gates=(ASKED,))
    assert (everybody["decision"], "Nothing could be asked" in everybody["sentence"]) == ("pass", False)
    assert decided(fair, small, other, gates=(REACHED,))["decision"] == "refer"
    assert decided(small, gates=(ASKED,))["decision"] == "refer"
    # However small: one that nobody could explain by chance fails.
    assert decided(fair, finding((0, 60, 640, 8000), group="B"), other, gates=(ASKED,))["decision"] == "block"


def test_those_of_whom_no_group_is_recorded_are_shown_and_asked_about_only_where_the_charter_says_so() -> None:
    rows = [finding((600, 1000, 5000, 8000)), finding((20, 1000, 5000, 8000), group="not recorded")]
    decision = decided(*rows, gates=(ASKED,))
    assert decision["decision"] == "pass"
    assert decision["verdicts"][1]["reason"] == "not recorded"
    assert "2.0 %" in decision["verdicts"][1]["sentence"]
    assert decided(*rows)["decision"] == "block"


def test_two_groups_are_asked_about_once_as_the_one_worse_off() -> None:
    women, men = finding((600, 1000, 500, 1000), group="female"), finding((500, 1000, 600, 1000), group="male")
    (verdict,) = decided(women, men, gates=(ASKED,))["verdicts"]
    assert verdict["group"] == "male"
    assert [one["group"] for one in decided(women, men)["verdicts"]] == ["female", "male"]


def test_what_a_gap_comes_to_in_a_year_is_said_of_lists_as_they_are_used() -> None:
    used = {"used_lists": {"why": "", "days": 731, "lists": 104}}
    gate = REACHED.replace(measure="listed_before_need")
    row = finding((200, 1000, 2400, 8000), measure="listed_before_need", at="as used")
    (verdict,) = decided(row, gates=(gate,), changes=used)["verdicts"]
    assert verdict["expected_a_year"] == pytest.approx(50, abs=0.1)
    rate = CONTACTED.replace(measure="unneeded_listings", ceiling=500.0)
    row |= {"measure": "unneeded_listings", "estimate": 30.0, "interval": [20.0, 40.0], "n": 104_000}
    row |= {"rest": {"estimate": 20.0, "interval": [19.0, 21.0], "n": 900_000, "clusters": 9000}}
    (verdict,) = decided(row, gates=(rate,), changes=used)["verdicts"]
    assert verdict["expected_a_year"] == pytest.approx(10.0)


def test_what_other_groups_show_stands_beside_an_answer_where_the_charter_expects_something() -> None:
    (verdict,) = decided(finding((200, 1000, 2400, 8000)))["verdicts"]
    assert verdict["pooled"]["beyond_limit"] > 0.9
    (verdict,) = decided(finding((200, 1000, 2400, 8000)), pooling=None)["verdicts"]
    assert verdict["pooled"] is None


def test_families_a_year_beside_a_pooled_estimate_are_by_its_own_ratio() -> None:
    """Broken by taking the group's own ratio, or by not drawing it towards the others."""
    used = {"used_lists": {"why": "", "days": 731, "lists": 104}}
    gate = REACHED.replace(measure="listed_before_need")
    row = finding((9, 60, 2400, 8000), measure="listed_before_need", at="as used")
    (verdict,) = decided(row, gates=(gate,), changes=used)["verdicts"]
    assert verdict["expected_a_year"] == pytest.approx((0.3 - 0.15) * 60 * 365.25 / 731)
    pooled = verdict["pooled"]
    own, mean = verdict["expected_a_year"], pooled["expected_a_year"]
    assert 0 < mean < 0.9 * own, "drawn towards what everyone else has"


def test_a_handful_is_not_asked_about_and_an_average_is_where_it_has_an_interval() -> None:
    used = {"used_lists": {"why": "", "days": 731, "lists": 104}}
    handful = decided(finding((0, 5, 4000, 8000)), gates=(ASKED,), changes=used)
    assert handful["verdicts"][0]["reason"] == "not asked"
    average = ASKED.replace(measure="recorded_per_independent")
    row = finding((600, 1000, 5000, 8000), measure="recorded_per_independent")
    (verdict,) = decided(row, gates=(average,), changes=used)["verdicts"]
    assert (verdict["asked"], verdict["expected_a_year"]) == (True, None)
    assert not decided(row | {"ratio_interval": None}, gates=(average,))["verdicts"][0]["asked"]


def test_a_run_without_lists_as_they_are_used_is_referred_with_what_to_type() -> None:
    nothing = dict.fromkeys(("estimate", "interval", "ratio", "ratio_interval", "difference", "difference_interval"))
    empty = nothing | {"n": 0, "clusters": 0, "rest": {"estimate": None, "interval": None, "n": 0, "clusters": 0}}
    row = finding((1, 2, 3, 4), measure="listed_before_need", at="as used", note="None: `sooner train`.", **empty)
    decision = decided(row, gates=(REACHED.replace(measure="listed_before_need"),))
    assert decision["decision"] == "refer"
    assert decision["verdicts"][0]["sentence"].endswith("Cannot be told: None: `sooner train`.")


def useful(
    estimate: float, low: float | None, high: float | None, more: tuple[float, float] | None = (0.01, 0.05)
) -> Any:
    """Decide on a fair list of which so many of those listed had a need, under a charter that asks for 5 in 100."""
    row = {"characteristic": None, "group": None, "model": "lightgbm", "at": "as used", "n": 0, "positives": None}
    rows = [row | {"id": "u", "measure": "needed_of_100", "component": None, "estimate": estimate}]
    rows[0]["interval"] = None if low is None else [low, high]
    if more is not None:
        rows.append(row | {"id": "m", "measure": "needed_of_100_more", "component": "last_contact", "estimate": 0.03})
        rows[1]["interval"] = list(more)
    asked = Usefulness(of_100_listed=5.0, better_than="last_contact")
    policy = policy_of(REACHED).replace(usefulness=asked)
    found = findings(finding((600, 1000, 5000, 8000)), *rows)
    decision = decide_findings(found, policy, TODAY, red_lines=[LINE] * CHARTER.scenarios_at_least)
    check_document("decision", decision)
    return decision


def test_a_fair_list_of_no_use_does_not_pass() -> None:
    """Broken by asking about groups alone."""
    assert useful(0.08, 0.06, 0.1)["decision"] == "pass"
    assert useful(0.03, 0.02, 0.04)["decision"] == "block"
    assert useful(0.06, 0.04, 0.08)["decision"] == "refer"
    assert useful(0.08, None, None)["decision"] == "refer"
    assert useful(0.08, 0.06, 0.1, more=(-0.01, 0.05))["decision"] == "refer"
    worse = useful(0.08, 0.06, 0.1, more=(-0.05, -0.01))
    assert worse["decision"] == "block"
    assert "more of 100 listed than last contact first" in worse["sentence"]
    assert useful(0.08, 0.06, 0.1, more=None)["decision"] == "refer"


def test_a_list_that_needs_no_such_data_is_referred_though_all_else_passes() -> None:
    row = {"characteristic": None, "group": None, "model": "lightgbm", "at": "as used", "n": 0, "positives": None}
    row |= {"id": "d", "measure": "data_needed", "component": "youth_justice", "estimate": 0.0, "interval": [0.0, 0.0]}
    share = row | {"id": "c", "measure": "order_carried", "estimate": 0.2, "interval": None}
    policy = policy_of(REACHED).replace(data_use=DataUse())
    found = findings(finding((600, 1000, 5000, 8000)), row | {"note": "unread"}, share)
    decision = decide_findings(found, policy, TODAY, red_lines=[LINE] * CHARTER.scenarios_at_least)
    check_document("decision", decision)
    assert decision["decision"] == "refer"
    assert decision["sentence"] == (
        "Referred to the board: every question about its lists is answered within the charter's limits."
        " The list does without the data of youth justice."
    )
    helps = findings(finding((600, 1000, 5000, 8000)), row | {"note": "helps"}, share)
    assert decide_findings(helps, policy, TODAY, red_lines=[LINE] * CHARTER.scenarios_at_least)["decision"] == "pass"


def test_a_second_failing_group_is_found_after_the_first() -> None:
    rows = [finding((20, 1000, 2000, 8000), group="A"), finding((30, 1000, 2000, 8000), group="B")]
    assert [verdict["verdict"] for verdict in decided(*rows)["verdicts"]] == ["fail", "fail"]


def test_a_waiver_lets_a_failure_through_until_it_expires_and_is_shown() -> None:
    row = finding((50, 1000, 2000, 8000))
    waiver = Waiver(
        gate="reached", group="A", role="senior_responsible_owner", reason=OUTREACH, expires=date(2026, 12, 1)
    )
    kept = decided(row, waivers=(waiver,))
    assert kept["decision"] == "pass"
    assert kept["verdicts"][0]["waiver"]["role"] == "senior_responsible_owner"
    assert "waived by the charter" in kept["sentence"]
    expired = waiver.replace(expires=TODAY)
    assert decided(row, waivers=(expired,))["decision"] == "block"
    another = waiver.replace(group="B")
    assert decided(row, waivers=(another,))["decision"] == "block"


@pytest.mark.parametrize("counts", [(50, 1000, 2000, 8000), (600, 1000, 5000, 8000)], ids=["would fail", "would pass"])
def test_a_caveat_refers_whatever_the_figures_say_and_says_why(counts: tuple[int, int, int, int]) -> None:
    caveat = Caveat(gate="reached", group="not recorded", reason="Only those who asked for help are asked for it.")
    policy = policy_of(REACHED).replace(caveats=(caveat, caveat.replace(group="A")))
    lines = [LINE] * CHARTER.scenarios_at_least
    rows = [finding(counts, group="not recorded"), finding((600, 1000, 5000, 8000), group="B")]
    decision = decide_findings(findings(*rows), policy, TODAY, red_lines=lines)
    assert decision["decision"] == "refer"
    assert [one["verdict"] for one in decision["verdicts"]] == ["insufficient", "pass"]
    assert "Of this group it says nothing: Only those who asked" in decision["verdicts"][0]["sentence"]


def test_a_waiver_does_not_answer_for_a_finding_that_is_missing() -> None:
    waiver = Waiver(
        gate="reached", group="A", role="senior_responsible_owner", reason=OUTREACH, expires=date(2026, 12, 1)
    )
    assert decided(waivers=(waiver,))["decision"] == "block"


def test_a_gap_closed_by_taking_from_others_is_referred() -> None:
    before = decided(finding((150, 1000, 4000, 8000)))
    assert before["decision"] == "block"
    much = finding((15000, 100000, 120000, 800000))
    assert decided(much)["decision"] == "pass"
    after = decided(much, earlier=[before])
    assert after["decision"] == "refer"
    assert "no better off" in after["verdicts"][0]["sentence"]
    better = finding((45000, 100000, 400000, 800000))
    assert decided(better, earlier=[before])["decision"] == "pass"


def test_contact_closed_by_adding_to_others_is_referred() -> None:
    before = decided(finding((200, 1000, 800, 8000), measure="false_positive_rate"), gates=(CONTACTED,))
    assert before["decision"] == "block"
    raised = finding((20000, 100000, 160000, 800000), measure="false_positive_rate")
    assert decided(raised, gates=(CONTACTED,), earlier=[before])["decision"] == "refer"
    lowered = finding((10000, 100000, 80000, 800000), measure="false_positive_rate")
    assert decided(lowered, gates=(CONTACTED,), earlier=[before])["decision"] == "pass"


def test_earlier_decisions_about_others_say_nothing() -> None:
    row = finding((60000, 100000, 500000, 800000))
    fine = decided(row)
    other_group = decided(finding((50, 1000, 2000, 8000), group="B"))
    nothing_found = decided()
    assert decided(row, earlier=[fine, other_group, nothing_found])["decision"] == "pass"


@st.composite
def unequal(draw: st.DrawFn, worst: float = 0.6, best: float = 1.0) -> tuple[int, int, int, int]:
    """Draw counts in which the group's share is mostly some way below (or above) everyone else's."""
    n, m = draw(st.integers(30, 400)), draw(st.integers(100, 3000))
    low, high = draw(st.floats(0.0, worst)), draw(st.floats(0.4, best))
    return round(low * high * n), n, round(high * m), m


@st.composite
def contacted_more(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Draw counts in which the group is mostly contacted more."""
    counted, n, other, m = draw(unequal())
    return round(n * other / m), n, round(m * counted / n), m


ANY = st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(0, 3000), st.integers(0, 3000)).map(
    lambda counts: (min(counts[:2]), max(counts[:2]), min(counts[2:]), max(counts[2:]))
)


@settings(max_examples=100, deadline=None)
@given(unequal(), st.integers(0, 400))
def test_worsening_the_failing_group_never_opens_the_gate(counts: tuple[int, int, int, int], fewer: int) -> None:
    before = decided(finding(counts))
    assume(before["decision"] == "block")
    counted, n, other, m = counts
    assert decided(finding((max(0, counted - fewer), n, other, m)))["decision"] != "pass"


@settings(max_examples=100, deadline=None)
@given(unequal(), st.integers(0, 3000))
def test_levelling_down_never_opens_the_gate(counts: tuple[int, int, int, int], fewer: int) -> None:
    before = decided(finding(counts))
    assume(before["decision"] == "block")
    counted, n, other, m = counts
    after = decided(finding((counted, n, max(0, other - fewer), m)), earlier=[before])
    assert after["decision"] != "pass"


@settings(max_examples=100, deadline=None)
@given(contacted_more(), st.integers(0, 400))
def test_contacting_the_failing_group_more_never_opens_the_gate(counts: tuple[int, int, int, int], more: int) -> None:
    before = decided(finding(counts, measure="false_positive_rate"), gates=(CONTACTED,))
    assume(before["decision"] == "block")
    counted, n, other, m = counts
    worse = finding((min(n, counted + more), n, other, m), measure="false_positive_rate")
    assert decided(worse, gates=(CONTACTED,))["decision"] != "pass"


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY, min_size=1, max_size=6))
def test_every_verdict_is_one_of_three_and_the_decision_follows(many: list[tuple[int, int, int, int]]) -> None:
    decision = decided(*[finding(counts, group=f"g{i}") for i, counts in enumerate(many)])
    verdicts = {verdict["verdict"] for verdict in decision["verdicts"]}
    assert verdicts <= {"pass", "fail", "insufficient"}
    expected = "block" if "fail" in verdicts else "refer" if "insufficient" in verdicts else "pass"
    assert decision["decision"] == expected


def test_a_residents_case_that_comes_out_otherwise_blocks() -> None:
    row = finding((600, 1000, 5000, 8000))
    assert decided(row, red_lines=[LINE] * 15)["decision"] == "pass"
    crossed = LINE | {"answer": "allowed", "held": False}
    decision = decided(row, red_lines=[LINE] * 15 + [crossed])
    assert decision["decision"] == "block"
    assert "The police ask. Expected refused, is allowed" in decision["sentence"]


def test_fewer_cases_than_the_charter_asks_for_block() -> None:
    decision = decided(finding((600, 1000, 5000, 8000)), red_lines=[LINE])
    assert decision["decision"] == "block"
    assert "has 1 of the 15" in decision["sentence"]


SHADOW = REACHED.replace(id="listed", measure="selection_rate", stages=("shadow",))
WEEKS = CHARTER.live.shadow_weeks


def in_shadow(days: int, **changes: Any) -> dict[str, Any]:
    period = {"first": "2026-06-01", "last": "2026-08-01", "days": days, "dates": 3, "outcomes_due": "2027-09-01"}
    return {"stage": "shadow", "period": period} | changes


def test_lists_that_were_long_enough_in_shadow_pass_until_their_outcomes_are_known() -> None:
    row = finding((600, 1000, 5000, 8000), measure="selection_rate")
    decision = decided(row, gates=(SHADOW, REACHED), changes=in_shadow(7 * WEEKS))
    assert decision["decision"] == "pass"
    assert [verdict["gate"] for verdict in decision["verdicts"]] == ["listed"], "nobody knows the outcomes yet"
    assert decision["next_decision_by"] == "2027-09-01"


def test_too_short_a_shadow_blocks_however_fair() -> None:
    row = finding((600, 1000, 5000, 8000), measure="selection_rate")
    decision = decided(row, gates=(SHADOW,), changes=in_shadow(7 * WEEKS - 1))
    assert decision["decision"] == "block"
    assert f"in shadow for {WEEKS - 1} of the {WEEKS} weeks" in decision["sentence"]
    assert decided(row, gates=(SHADOW,), changes=in_shadow(0, period=None))["decision"] == "block"


def test_a_drift_of_who_is_listed_blocks_and_another_drift_does_not() -> None:
    row = finding((600, 1000, 5000, 8000), measure="selection_rate")
    drift = {"title": "Black (ethnicity) among the newly listed", "about": "selection", "reference": 0.1}
    drift |= {"tolerance": 0.1, "mean": 0.5, "interval": [0.4, 0.6], "n": 90, "alarm": "2026-07-01"}

    def with_drift(**changes: Any) -> Any:
        return decided(row, gates=(SHADOW,), changes=in_shadow(70, drift=[drift | changes]))

    blocked = with_drift()
    assert blocked["decision"] == "block"
    assert "Black (ethnicity) among the newly listed since 2026-07-01" in blocked["sentence"]
    assert with_drift(about="input")["decision"] == "pass"
    assert with_drift(alarm=None)["decision"] == "pass"


def test_a_harm_seen_while_lists_are_watched_blocks_with_what_can_be_believed() -> None:
    row = finding((600, 1000, 5000, 8000), measure="selection_rate")
    seen = {"gate": "listed_ethnicity", "measure": "selection_rate", "harm": "missed help", "group": "Black"}
    seen |= {"characteristic": "ethnicity", "statistic": "ratio", "limit": 0.5, "value": 0.2, "households": 700}
    seen |= {"households_of_rest": 3000, "interval": [0.08, 0.41], "alarm": "2026-05-04"}

    def watched(**changes: Any) -> Any:
        return decided(row, gates=(SHADOW,), changes=in_shadow(70, harm_watch=[seen | changes]))

    blocked = watched()
    assert blocked["decision"] == "block"
    assert "a ratio of 0.20 to everyone else, and at most 0.41 at whatever list one looks" in blocked["sentence"]
    assert watched(alarm=None)["decision"] == "pass"


def test_the_gap_that_would_be_seen_is_by_the_rule_that_decides_among_the_gates_groups() -> None:
    row = finding((30, 50, 500, 800))
    for groups in (1, 4):
        others = [finding((30, 60, 500, 1000), group=f"B{number}") for number in range(groups - 1)]
        chances = weigh_chances([REACHED], findings(row, *others), "not recorded")
        verdict = decided(row, *others)["verdicts"][0]
        assert verdict["smallest_visible_gap"] == find_visible_gap(REACHED, row, chances.rarity)
    assert "or less, as one of 4 comparisons, would have failed four times in five" in verdict["sentence"]


def answer(*rows: Any, gate: Gate = REACHED, **options: Any) -> tuple[str, str]:
    """Return the reason and the sentence of the first group's verdict."""
    verdict = decided(*rows, gates=(gate,), **options)["verdicts"][0]
    return verdict["reason"], verdict["sentence"]


def with_ratio(value: float, low: float, high: float | None, **changes: Any) -> Any:
    row = finding((120, 1000, 800, 8000), measure="false_positive_rate", ratio=value, ratio_interval=[low, high])
    return row | changes


def test_a_figure_well_above_the_limit_never_reads_like_one_that_keeps_it() -> None:
    reason, above = answer(with_ratio(1.77, 1.04, 3.0), gate=CONTACTED)
    assert reason == "beyond unsure"
    assert "a ratio of 1.77 (95 % interval 1.04 to 3.00), 77 % more. Cannot be told: it is above the limit" in above
    assert "above the limit of 1.25, but the interval reaches below it." in above
    reason, near = answer(with_ratio(0.99, 0.58, 1.68), gate=CONTACTED)
    assert reason == "within unsure"
    assert "0.99 (95 % interval 0.58 to 1.68), 1 % less. Cannot be told: it keeps the limit of 1.25, but the" in near
    assert "no end" in answer(with_ratio(1.77, 1.04, None), gate=CONTACTED)[1]
    assert "as good as the same" in answer(with_ratio(1.001, 0.58, 1.68), gate=CONTACTED)[1]


def test_beyond_the_limit_but_perhaps_by_chance_says_so_with_both_figures() -> None:
    alone = finding((0, 50, 640, 8000))
    others = [finding((4, 50, 640, 8000), group=name) for name in "BCDEFGH"]
    reason, sentence = answer(alone, *others)
    assert reason == "chance"
    assert "were all 8 comparisons of the gate alike, chance would block" in sentence
    assert "of 100 lists by somebody so far apart, and failing asks for less than 5" in sentence


def test_other_questions_of_the_gate_count_among_what_chance_may_do() -> None:
    """Broken by asking of each question by itself whether chance explains it."""
    alone = finding((0, 50, 640, 8000))
    others = [finding((4, 50, 640, 8000), group=name, characteristic=name) for name in "BCDEFGH"]
    gates = tuple(REACHED.replace(id=name, characteristic=name) for name in "BCDEFGH")
    assert decided(alone)["verdicts"][0]["reason"] == "limit"
    assert decided(alone, *others, gates=(REACHED, *gates))["verdicts"][0]["reason"] == "chance"


def test_a_groups_own_bound_is_asked_even_where_few_others_are_there() -> None:
    """Broken by saying "too few" of it: 1 of 1,000 reached, where 2 of 100 must be."""
    verdict = decided(finding((1, 1000, 2, 20)))["verdicts"][0]
    assert (verdict["verdict"], verdict["reason"]) == ("fail", "bound")
    assert decided(finding((100, 1000, 2, 20)))["verdicts"][0]["reason"] == "too few"


def test_a_figure_that_chance_may_put_beyond_its_bound_is_left_to_the_board() -> None:
    """Broken by blocking: of thirteen groups alike, a little above the floor, one is below it by chance."""
    gate = REACHED.replace(floor=0.18, limit=0.3)
    low, others = (2, 40, 1600, 8000), [finding((8, 40, 1600, 8000), group=name) for name in "BCDEFGHIJKLM"]
    assert finding(low)["interval"][1] < 0.18
    assert decided(finding(low), *others, gates=(gate,))["verdicts"][0]["verdict"] == "insufficient"
    assert decided(finding(low), gates=(gate,))["verdicts"][0]["reason"] == "bound"


def test_everybody_together_is_bounded() -> None:
    """Broken by bounding groups alone: each of too few households to be asked about."""
    rows = [finding((0, 25, 0, 225), group=name) for name in "BCDEFGHIJK"]
    everybody = finding((0, 250, 0, 0)) | {"characteristic": None, "group": None}
    decision = decided(*rows, everybody)
    together = decision["verdicts"][-1]
    assert (together["verdict"], together["group"], together["reason"]) == ("fail", "everybody", "bound")
    assert "everybody (ethnicity)" in together["sentence"]
    # Its sentence is shown, and no row beside everyone else's: there is nobody else.
    shown = tabulate_gate(REACHED, [*rows, everybody], decision["verdicts"])
    assert together["sentence"] in shown["lines"]
    assert "everybody" not in {row["group"] for row in shown["rows"]}
    assert decided(*rows)["decision"] == "refer"
    kept = finding((300, 1000, 0, 0)) | {"characteristic": None, "group": None}
    assert [one["group"] for one in decided(*rows, kept)["verdicts"]] == list("BCDEFGHIJK")


def test_the_side_whose_own_figure_decides_is_named_with_its_interval() -> None:
    reason, sentence = answer(finding((1, 1000, 8, 8000)))
    assert reason == "bound"
    assert "the group's own figure, 0.1 % (0.0 % to 0.6 %), is wholly below 0.02, the bound on the figure" in sentence
    reason, sentence = answer(
        finding((600, 1000, 5000, 8000)) | {"rest": {"estimate": 0.01, "interval": [0.005, 0.015], "n": 8000}}
    )
    assert (reason, "everyone else's own figure, 1.0 % (0.5 % to 1.5 %)" in sentence) == ("bound", True)
    reason, sentence = answer(finding((600, 1000, 5000, 8000), interval=[0.01, 0.9]))
    assert reason == "unsure of bound"
    assert "but the group's own figure, 60.0 % (1.0 % to 90.0 %), is not sure to be above 0.02" in sentence
    row = finding((600, 1000, 5000, 8000))
    reason, sentence = answer(row | {"rest": row["rest"] | {"interval": None}})
    assert (reason, "but everyone else's own figure, 62.5 %, is not sure" in sentence) == ("unsure of bound", True)


def test_each_other_reason_is_said() -> None:
    fair = finding((600, 1000, 5000, 8000))
    assert answer(fair)[1].endswith(
        "Passes: the whole interval keeps the limit of 0.8, and both figures keep the bound of 0.02."
    )
    assert answer(fair | {"ratio": None, "ratio_interval": None}) == (
        "no interval",
        "A (ethnicity): the share of those with a later need who were on a worklist (recall) is 60.0 % against 62.5 %"
        " of everyone else, a ratio of unknown (no interval). Cannot be told: there is no interval to tell by."
        " Enough data is not due within ten years.",
    )
    assert answer(finding((0, 5, 4000, 8000)))[0] == "too few"
    assert answer(finding((3, 40, 3500, 8000)))[1].count("no gap, however large") == 0
    assert "With so little data no gap, however large, would have failed" in answer(finding((2, 30, 640, 8000)))[1]
    assert answer(finding((100, 1000, 2000, 8000)), gate=GAP)[1].count("a difference of -0.15") == 1
    assert (
        "15.0 points less. Fails: it is below the limit of -0.05 by more than chance"
        in answer(finding((100, 1000, 2000, 8000)), gate=GAP)[1]
    )
    days = GAP.replace(measure="recorded_per_independent", limit=-0.5)
    row = finding((600, 1000, 5000, 8000), measure="recorded_per_independent", estimate=1.25)
    assert "is 1.25 against 0.62 of everyone else" in answer(row, gate=days)[1]
    assert "0.03 less" in answer(row | {"difference": -0.025}, gate=days)[1]
    assert decided()["verdicts"][0]["reason"] == "no finding"


def test_a_referral_says_how_many_questions_are_open_for_which_reason() -> None:
    rows = [finding((0, 5, 4000, 8000), group="A"), finding((70, 300, 2000, 8000), group="B")]
    rows += [finding((4, 9, 4000, 8000), group="C")]
    sentence = decided(*rows)["sentence"]
    assert "(by group, 1: within the limit, but the interval reaches beyond it; 2: too few to tell)" in sentence


def test_the_examples_of_this_file_take_every_branch_of_the_gate(tmp_path: Path) -> None:
    """Its examples alone: what random counts happen to reach is no evidence."""
    chosen = ["-k", "not every_branch and not never_opens and not every_verdict", __file__]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *chosen],
        cwd=ROOT,
        env={**os.environ, "SOONER_COVERED": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'house' / 'covered'}"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    covered = add_up(tmp_path, ["charter"])["charter/rules/gate.py"]
    assert covered.parts_run > 100
    assert covered.missing == []
