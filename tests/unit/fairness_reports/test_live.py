"""Parity in test with bias in live is stopped at the second gate."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from charter.invocation import shipped_council
from charter.rules.gate import decide_findings
from charter.rules.measures import SHARES
from charter.rules.policy import Policy
from fairness_reports.audit.measuring.findings import About, measure_groups
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping
from fairness_reports.audit.measuring.units import Units

TODAY = date(2026, 9, 28)
SHIPPED = Policy.load(shipped_council() / "charter.toml", TODAY)
ASKED = SHIPPED.replace(
    gates=(
        *(one for one in SHIPPED.gates if one.id == "listed_ethnicity"),
        *(one.replace(stages=("test",)) for one in SHIPPED.gates if one.id == "missed_help_of_issued_ethnicity"),
    ),
    scenarios_at_least=0,
    usefulness=None,
    data_use=None,
)


def decided(stage: str, biased: bool) -> dict[str, Any]:
    """Decide on 6,000 homes of two children, a fifth of a group that is listed alike, or hardly, in what is judged."""
    rng = np.random.default_rng(3)
    homes = np.repeat(np.arange(6000), 2)
    group = np.repeat(rng.random(6000) < 0.2, 2)
    need = np.repeat(rng.random(6000) < 0.2, 2)
    chance = np.where(need[::2], 0.6, 0.1) * np.where(group[::2] & biased, 0.1, 1.0)
    selected = np.repeat(rng.random(6000) < chance, 2)
    label = need.astype(np.int8) if stage == "test" else np.full(len(need), UNKNOWN, dtype=np.int8)
    groups = Grouping.of(np.where(group, "Asian", "White"))
    about = About("", "ethnicity", "lightgbm", "capacity")
    rows = measure_groups(Units(homes, selected, label), groups, SHARES.values(), about, resamples=500, seed=1)
    return decide_findings(
        {
            "programme": "early_help",
            "run": "r1",
            "model": "lightgbm",
            "stage": stage,
            "charter_sha256": SHIPPED.sha256,
            "period": {"first": "2026-08-03", "last": "2026-09-28", "days": 56, "outcomes_due": "2027-09-01"},
            "findings": rows,
            "drift": [],
        },
        ASKED,
        TODAY,
    )


def test_parity_in_test_passes_the_first_gate() -> None:
    assert decided("test", biased=False)["decision"] == "pass"


def test_the_same_parity_in_live_passes_the_second() -> None:
    assert decided("shadow", biased=False)["decision"] == "pass"


def test_bias_in_live_is_stopped_at_the_second_gate_and_names_whom() -> None:
    found = decided("shadow", biased=True)
    assert found["decision"] == "block"
    failed = {(one["gate"], one["group"]) for one in found["verdicts"] if one["verdict"] == "fail"}
    assert ("listed_ethnicity", "Asian") in failed
