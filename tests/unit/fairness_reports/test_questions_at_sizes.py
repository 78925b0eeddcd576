"""What a question can answer by a borough's size: 10,000 boroughs drawn for each, against what the plan states.

Places are three a fortnight for 10,000 homes; a third of those listed have a need, and one in ten of the households
with children comes to be in need within two years. `python -m pytest -m deep -s` prints the table of
docs/explanation/gate.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from charter.rules.certainty.failing import FAIL, Z, find_apart_criterion
from charter.rules.certainty.score_test import measure_score
from fairness_reports.audit.audit_plan import Borough, plan_question
from tests.unit.fairness_reports.test_plan import MISSED, borough

BOROUGHS = 10_000
SIZES = (3_000, 10_000, 30_000, 110_000)
PRECISE = 1 / 3


def place(homes: int) -> Borough:
    return borough(homes, 1.5 * homes / 10_000, PRECISE)


def draw(
    size: Borough, gaps: dict[str, float], seed: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], list[str]]:
    """Draw boroughs; return whether each group fails and passes, (boroughs, groups), by the rule that decides."""
    rng = np.random.default_rng(seed)
    names = list(size.in_need["ethnicity"])
    people = rng.poisson([size.in_need["ethnicity"][name] for name in names], (BOROUGHS, len(names))).astype(np.float64)
    people = np.maximum(people, 1)
    shares = np.array([gaps.get(name, 1.0) for name in names]) * size.listed_of_need
    counted = rng.binomial(people.astype(int), shares).astype(np.float64)
    others, rest = (value.sum(axis=1, keepdims=True) - value for value in (counted, people))
    distance, apart = (-measure_score(MISSED, limit, counted, people, others, rest) for limit in (0.8, 1.0))
    enough = people >= MISSED.minimum_positives
    furthest = -measure_score(MISSED, 1.0, np.zeros_like(counted), people, others, rest)
    groups = np.full(BOROUGHS, len(names))
    for number in range(len(names), 0, -1):
        groups = np.where((enough & (furthest >= find_apart_criterion(number))).sum(axis=1) <= number, number, groups)
    criterion = np.array([find_apart_criterion(number) for number in range(len(names) + 1)])[groups]
    failing = enough & (distance >= FAIL) & (apart >= criterion[:, None])
    return failing, enough & (-distance >= Z), names


@pytest.mark.deep
@pytest.mark.parametrize("homes", SIZES)
def test_the_plan_states_what_drawn_boroughs_show(homes: int) -> None:
    """Broken by a power that is not the deciding rule's, and by a rule that blocks fair lists."""
    size = place(homes)
    plan = plan_question(MISSED, size, "not recorded")
    stated = {group["group"]: group for group in plan["groups"]}
    fair, passing, names = draw(size, {}, 1)
    assert fair.any(axis=1).mean() <= 0.05
    for number, name in enumerate(names):
        at_limit = draw(size, {name: 0.8}, 2)[0].any(axis=1).mean()
        halved = draw(size, {name: 0.5}, 3)[0][:, number].mean()
        assert at_limit <= 0.058
        if size.in_need["ethnicity"][name] >= 2 * MISSED.minimum_positives:
            assert stated[name]["found"] == pytest.approx(halved, abs=0.03)
            assert stated[name]["passes"] == pytest.approx(passing[:, number].mean(), abs=0.035)
            # The goal is 5 points: missed by 5 more where few are in need and five groups share the protection, and by
            # 9 more of 68 in need, whom the plan says that it cannot ask about.
            assert halved >= min(0.8, stated[name]["best"] - 0.14)
        if size.in_need["ethnicity"][name] >= MISSED.minimum_positives:
            figures = (halved, stated[name]["best"], at_limit, passing[:, number].mean(), stated[name]["best_passes"])
            print(
                "|", homes, "|", name, "|", size.in_need["ethnicity"][name], "|",
                " | ".join(f"{100 * value:.0f}" for value in figures), "|",
            )  # fmt: skip
