"""Every measure is a row that says whom it counts among whom, and what a gate asks by it."""

from __future__ import annotations

import pytest

from charter.rules.measures import CELLS, MEASURES, SHARES, Measure
from charter.rules.questions import MEASURES as ASKED
from charter.rules.questions import NOT_SHARES, PAIRED


@pytest.mark.parametrize("measure", SHARES.values(), ids=SHARES)
def test_a_share_counts_some_of_those_it_counts_among(measure: Measure) -> None:
    assert set() < set(measure.counted) < set(measure.among) <= set(range(CELLS))
    assert (measure.above <= measure.below).all()
    assert measure.above.sum() == len(measure.counted)
    assert measure.below.sum() == len(measure.among)


def test_only_being_listed_is_measured_where_no_outcome_is_known() -> None:
    assert {name for name, measure in SHARES.items() if not measure.needs_label} == {"selection_rate"}


def test_every_measure_can_be_shown_or_asked() -> None:
    assert all(measure.title or measure.asked for measure in MEASURES.values())
    assert all(measure.title for measure in SHARES.values())
    assert len({measure.asked for measure in MEASURES.values() if measure.asked}) == len(ASKED)
    assert set(PAIRED) <= set(SHARES) & set(ASKED)
    rates = {"unneeded_listings", "listings", "days_before"}
    assert {"recorded_per_independent"} | rates == NOT_SHARES
