"""Which household speaks to which question, and when; what is seen blocks at once, unless the charter accepts it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from charter.invocation import shipped_council
from charter.rules.gate import decide_findings
from charter.rules.policy import Policy
from charter.rules.waivers import Caveat, Waiver
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping
from fairness_reports.audit.population.issued_lists import Issued
from fairness_reports.audit.watching.harm_bets import Spoken
from fairness_reports.audit.watching.harm_watch import gather_households, list_spoken
from fairness_reports.publish.live_page import render_live_page

DATES = (date(2026, 1, 5), date(2026, 2, 2), date(2026, 3, 2))
SHIPPED = Policy.load(shipped_council() / "charter.toml", DATES[0])
ASKED = SHIPPED.replace(
    gates=tuple(gate.replace(stages=("test",)) for gate in SHIPPED.gates if gate.id == "listed_ethnicity"),
    scenarios_at_least=0,
    usefulness=None,
    data_use=None,
)
"""A charter that asks nothing else at the second gate."""
HOMES = 6
_TURN = DATES[0].toordinal() // 28 % 13
NAMES = [f"{13 * number + _TURN:032x}".encode() for number in range(HOMES)]
"""By their pseudonyms it is their turn, of thirteen lists a year, at the first."""


@pytest.fixture
def spoken() -> dict[str, Spoken]:
    return speak(outcomes_known=True)


def speak(*, outcomes_known: bool, also: frozenset[tuple[int, int]] = frozenset()) -> dict[str, Spoken]:
    """Return what six homes said of group A: two children in each, both of A in homes 0 and 1, one of them in home 2.

    Homes 0 and 3 are listed at the first date, 1, 3 and 4 at the second. Homes 1 and 3 are in need 100 days after the
    first, home 2 is 50. Workers offer home 0 help, and turn down 3 and then 1; a reviewer would help 2 and 4.
    `also` are further (date, home) that are listed.
    """
    day, home = (side.ravel() for side in np.meshgrid(np.arange(3), np.repeat(np.arange(HOMES), 2), indexing="ij"))
    listed = {(0, 0), (0, 3), (1, 1), (1, 3), (1, 4)} | also
    need = {1: 100.0, 3: 100.0, 2: 50.0}
    lead = np.array([need.get(h, np.nan) - 28 * d for d, h in zip(day, home, strict=True)])
    label = np.where(np.isnan(lead) | (lead < 0), 0, 1)
    known = label if outcomes_known else np.full(len(label), UNKNOWN)
    people = SimpleNamespace(
        as_of=np.array(DATES, dtype="datetime64[D]")[day],
        entity=np.array(NAMES, dtype="S32")[home],
        cluster=home.astype(np.int64),
        selected=np.array([(d, h) in listed for d, h in zip(day, home, strict=True)]),
        label=known.astype(np.int8),
        lead_days=lead,
        seen={"education": np.where(home < 3, 0.5, 1.0), "housing": np.ones(len(home))},
        dates=list(DATES),
    )
    first = np.r_[True, home[1:] != home[:-1]]
    code = np.where((home < 2) | ((home == 2) & first), 0, 1)
    groups = {"ethnicity": Grouping(code.astype(np.int64), ("A", "B"))}
    keys = [(DATES[d], NAMES[h]) for d, h in ((0, 0), (0, 3), (1, 1))]
    issued = Issued(
        dates=DATES,
        listed=frozenset(),
        acted=dict(zip(keys, (True, False, False), strict=True)),
        reviewed={(DATES[0], NAMES[2]): True, (DATES[0], NAMES[5]): False, (DATES[1], NAMES[4]): True},
        inputs={},
    )
    households = gather_households(cast("Any", people), groups, issued)
    told = list_spoken(households, groups, SHIPPED, 365.0, 28)
    return {one.gate.measure: one for one in told if one.group == "A" and one.gate.characteristic == "ethnicity"}


def test_whoever_is_newly_listed_is_of_the_group_or_not_among_all_not_listed_before(spoken: dict[str, Spoken]) -> None:
    listed = spoken["selection_rate"]
    assert (listed.days, listed.values.tolist()) == ([DATES[0], DATES[0], DATES[1], DATES[1]], [1.0, 0.0, 1.0, 0.0])
    # Home 2 speaks for the group of one of its two by its lot; the second list leaves out who was on the first.
    assert listed.beside.tolist() == [3 / 3, 3 / 3, 2 / 2, 2 / 2]


def test_a_lot_says_for_whom_a_mixed_household_speaks_and_large_families_speak_for_nobody_more() -> None:
    """Of a fair list that large families are on more often. Broken by a household that speaks for all its groups."""
    rng = np.random.default_rng(11)
    homes = 4000
    size = rng.integers(1, 5, homes)
    cluster = np.repeat(np.arange(homes), size)
    names = np.array([rng.bytes(16).hex() for _ in range(homes)], dtype="S32")
    people = SimpleNamespace(
        as_of=np.full(len(cluster), np.datetime64(DATES[0], "D")), entity=names[cluster], cluster=cluster,
        selected=(rng.random(homes) < 0.1 * size)[cluster], label=np.full(len(cluster), UNKNOWN, dtype=np.int8),
        lead_days=np.full(len(cluster), np.nan), seen={}, dates=[DATES[0]],
    )  # fmt: skip
    groups = {"sex": Grouping(rng.integers(0, 2, len(cluster)), ("female", "male"))}
    issued = Issued(DATES[:1], frozenset(), {}, {}, {})
    told = list_spoken(gather_households(cast("Any", people), groups, issued), groups, SHIPPED, 365.0, 28)
    listed = [one for one in told if one.gate.measure == "selection_rate" and one.gate.characteristic == "sex"]
    assert [one.group for one in listed] == ["female", "male"]
    assert listed[0].households + listed[0].others == homes
    for one in listed:
        ratio = one.values.mean() / (1 - one.values.mean()) / one.beside[0]
        assert ratio == pytest.approx(1.0, abs=0.15)


def test_whose_need_is_known_speaks_once_of_any_list_before_it(spoken: dict[str, Spoken]) -> None:
    reached, early = spoken["recall"], spoken["days_before"]
    # Home 1 was on the second list, 72 days before its need; home 2 on none; home 3 on the first.
    assert (reached.households, reached.others) == (2, 1)
    assert reached.values.tolist() == [0.5]
    assert reached.beside.tolist() == [1.0]
    assert early.values.tolist() == [pytest.approx(72 / 365)]
    assert early.beside.tolist() == [pytest.approx(100 / 365)]
    contacted = spoken["false_positive_rate"]
    # Home 0 had no need and was listed, of three without one. When home 4 was, nobody of the group was left to compare.
    assert contacted.values.tolist() == [1.0]
    assert contacted.beside.tolist() == [1 / 2]


def test_a_list_after_the_need_reached_nobody_before_it(spoken: dict[str, Spoken]) -> None:
    """Home 2 comes to need 50 days after the first list, and is on the third, 56 days after."""
    late = speak(outcomes_known=True, also=frozenset({(2, 2)}))
    assert late["recall"].values.tolist() == spoken["recall"].values.tolist() == [0.5]
    assert late["days_before"].values.tolist() == spoken["days_before"].values.tolist()


def test_what_was_said_counts_in_the_order_in_which_it_was_said(spoken: dict[str, Spoken]) -> None:
    overridden, reviewed = spoken["overridden"], spoken["listed_of_reviewed"]
    # Homes 0 and 3, then 1 and 4, whom a reviewer would help: whoever was not listed is no override.
    assert (overridden.values.tolist(), overridden.beside.tolist()) == ([0.0, 1.0], [1.0, 0.0])
    assert overridden.households == 2
    assert (reviewed.values.tolist(), reviewed.beside.tolist()) == ([0.0], [1.0])
    assert spoken["seen"].days == [DATES[0]] * 3
    assert spoken["seen"].values.tolist() == [0.75] * 3


def test_before_outcomes_are_due_nobody_looks_at_any() -> None:
    """Broken by a need that is read from its day, and not from whether the list's horizon is over."""
    told = speak(outcomes_known=False)
    silent = {measure for measure, one in told.items() if not one.households}
    assert silent == {"recall", "false_positive_rate", "days_before"}
    assert len(told["selection_rate"].values) == 4


def series(**changes: Any) -> dict[str, Any]:
    return {
        "gate": "listed_ethnicity", "measure": "selection_rate", "harm": "missed help", "characteristic": "ethnicity",
        "group": "Black", "statistic": "ratio", "limit": 0.5, "value": 0.2, "interval": [0.08, 0.41],
        "households": 700, "households_of_rest": 3000, "alarm": "2026-05-04",
    } | changes  # fmt: skip


def decide(policy: Policy, watched: list[dict[str, Any]]) -> dict[str, Any]:
    document = {
        "programme": "early_help", "run": "r1", "model": "m", "stage": "shadow", "charter_sha256": policy.sha256,
        "period": {"first": "2026-01-05", "last": "2026-05-04", "days": 119, "outcomes_due": "2027-02-01"},
        "findings": [], "drift": [], "harm_watch": watched,
    }  # fmt: skip
    return decide_findings(document, policy, DATES[0])


def test_a_harm_that_is_seen_blocks_with_its_figure_and_since_when() -> None:
    """Broken by a decision that reads verdicts alone."""
    policy = ASKED
    assert decide(policy, [series(alarm=None)])["decision"] == "pass"
    blocked = decide(policy, [series(), series(alarm=None, group="Other")])
    assert blocked["decision"] == "block"
    assert "Black (ethnicity) fares worse than the limit since 4 May 2026" in blocked["sentence"]
    assert (
        "a ratio of 0.20 to everyone else, and at most 0.41 at whatever list one looks, below the limit of 0.5"
        in (blocked["sentence"])
    )
    assert "Other" not in blocked["sentence"]
    more = decide(policy, [series(gate="overridden_ethnicity", measure="overridden", limit=1.5, value=3.0,
                                  interval=[1.8, None])])  # fmt: skip
    assert "and at least 1.80 at whatever list one looks, above the limit of 1.5" in more["sentence"]
    accepted = policy.replace(
        waivers=(Waiver(gate="listed_ethnicity", group="Black", role="board", reason="Half moved in since the last.",
                        expires=DATES[0] + timedelta(days=1)),)
    )  # fmt: skip
    assert decide(accepted, [series()])["decision"] == "pass"
    told = policy.replace(
        caveats=(Caveat(gate="listed_ethnicity", group="Black", reason="They are few by construction."),)
    )
    assert decide(told, [series()])["decision"] == "pass"


def test_the_page_says_what_is_watched_and_nothing_of_few() -> None:
    findings = {
        "made_at": "2026-05-05T09:00:00+00:00", "synthetic": True, "programme": "early_help", "stage": "shadow",
        "findings": [], "notes": [], "drift": [],
        "period": {"first": "2026-01-05", "last": "2026-05-04", "dates": 5, "days": 119, "outcomes_due": "2027-02-01"},
        "harm_watch": [series(), series(group="Other", households=9, alarm=None), series(group="Mixed", households=0)],
    }  # fmt: skip
    policy = ASKED
    page = render_live_page("A council", findings, decide(policy, findings["harm_watch"]), policy)
    table = page[page.index('id="harm"') : page.index('id="drift"')]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", table))
    assert "these 3 comparisons" in text
    assert (
        "Ethnic group: Black, newly listed Beyond the limit, seen on 4 May 2026 at least 0.5 0.20 0.08 to 0.41 700"
        in text
    )
    assert "Ethnic group: Other, newly listed Not beyond it, as far as can be told at least 0.5 – – under 10" in text
    assert "Mixed" not in text
