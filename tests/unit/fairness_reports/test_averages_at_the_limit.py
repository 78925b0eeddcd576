"""How often a group exactly at the limit of an average is blocked: days from the listing to the need, however uneven.

Three kinds of days: as often long as short, falling off as chance has it, and half of them short. Figures of 20,000
draws of each (2,000 here), in 100, at the rule's 1.96 and at the 1.70 of shares:

    households of the group          30          60          100         200
    as often long as short     2.1   3.7   2.1   3.9   2.1   4.1   2.1   4.0
    falling off                4.7   7.0   3.8   5.7   3.0   4.9   3.2   5.2
    half of them short         6.3   8.6   4.6   6.6   3.8   5.8   3.1   4.9
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from charter.rules.certainty.failing import ERROR, FAIL, measure_standing
from charter.rules.certainty.fair_chances import find_null
from charter.rules.questions import Gate
from fairness_reports.audit.measuring.findings import About, write_finding
from fairness_reports.audit.measuring.means import average_groups
from fairness_reports.audit.measuring.tally import Grouping
from tests.unit.charter.gates import REACHED

GATE: Gate = REACHED.replace(measure="days_before", harm="later help", limit=0.67)
DRAWS = 2000
OTHERS = 500


def draw_days(rng: np.random.Generator, kind: str, rows: int, mean: float) -> NDArray[np.float64]:
    if kind == "even":
        return rng.uniform(0, 2 * mean, rows)
    if kind == "falling":
        return rng.exponential(mean, rows)
    return np.where(rng.random(rows) < 0.5, rng.exponential(0.3 * mean, rows), rng.exponential(1.7 * mean, rows))


@pytest.mark.parametrize(("kind", "people", "most"), [("even", 30, 0.04), ("falling", 30, 0.06), ("half", 60, 0.06)])
def test_a_group_at_the_limit_is_blocked_about_as_rarely_as_is_said(kind: str, people: int, most: float) -> None:
    """Broken by failing at 1.70 as shares do: then up to 8 of 100 fail."""
    rng = np.random.default_rng(11)
    code = np.repeat([0, 1], [people, OTHERS])
    groups = Grouping(code, ("A", "others"))
    failing = at_shares_rule = 0
    for _ in range(DRAWS):
        days = np.concatenate([draw_days(rng, kind, people, 67), draw_days(rng, kind, OTHERS, 100)])
        gap = average_groups(np.arange(len(code)), groups, days, np.ones(len(code)))[0]
        row = write_finding(About("days_before", "ethnicity", "m", "as used"), gap, labelled=False)
        standing = measure_standing(GATE, row)
        null = find_null(GATE, row)
        failing += standing.is_beyond and null is not None and null.find_rarity(standing.apart) <= ERROR / 5
        at_shares_rule += standing.distance >= FAIL
    assert failing / DRAWS <= most
    assert at_shares_rule > 1.2 * failing
