"""Whether an order finds need, or only what services will record: told from signs of need that others recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fairness_reports.audit.explaining.beyond_records import measure_beyond_records
from fairness_reports.audit.measuring.tally import UNKNOWN
from fairness_reports.publish.group_parts import say_beyond_records

HOUSEHOLDS, DATES = 3000, 3


class Simulated:
    """People of households at three dates: need, what was recorded of it, and a sign that others saw."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        need = np.tile(random.normal(size=HOUSEHOLDS), DATES) + 0.4 * random.normal(size=DATES * HOUSEHOLDS)
        rows = len(need)
        self.label = (random.random(rows) < 1 / (1 + np.exp(2.6 - 1.2 * need))).astype(np.int8)
        self.sign = (random.random(rows) < 1 / (1 + np.exp(3.0 - 0.9 * need))).astype(np.int8)
        self.as_of = np.repeat(np.arange(DATES).astype("datetime64[D]"), HOUSEHOLDS)
        self.cluster = np.tile(np.arange(HOUSEHOLDS), DATES)
        noise = random.normal(size=rows)
        self.by_need, self.by_record = need + 0.7 * noise, self.label + 0.01 * noise

    def measure(self, margin: np.ndarray) -> dict[str, Any]:
        self.margin = margin
        return measure_beyond_records(self, self.sign, resamples=300, seed=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_order_by_need_finds_signs_where_nothing_was_recorded_and_one_by_records_does_not(seed: int) -> None:
    """Broken by asking of all people (who has a record has a sign more often), or by the first tenth of all."""
    people = Simulated(seed)
    by_need, by_record = people.measure(people.by_need), people.measure(people.by_record)
    assert by_need["answer"] == "need"
    assert by_need["sign_without_record"]["ratio"] > 1.5
    assert by_record["answer"] in ("records", "cannot be told")
    assert by_record["recorded"]["ratio"] > 3 * by_need["recorded"]["ratio"]
    assert abs(by_record["sign_without_record"]["ratio"] - 1) < 0.3


def test_what_is_not_known_counts_on_no_side() -> None:
    people = Simulated(4)
    people.sign[:HOUSEHOLDS] = UNKNOWN
    people.label[-HOUSEHOLDS:] = UNKNOWN
    of = people.measure(people.by_need)["recorded"]
    assert of["first"]["n"] + of["others"]["n"] == HOUSEHOLDS
    assert of["first"]["n"] == HOUSEHOLDS // 10


def test_where_all_are_equal_nothing_can_be_told() -> None:
    people = Simulated(5)
    found = people.measure(np.zeros(len(people.label)))
    assert found["answer"] == "cannot be told"
    assert "too few people" in say_beyond_records(found)
    assert say_beyond_records(None) == ""
