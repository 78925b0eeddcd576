"""Only what the charter audits can be compared, and only against dates that came before."""

from __future__ import annotations

from typing import Any

import pytest

from charter.errors import DataError, UsageError
from fairness_reports.publish.comparison import write_comparison


def test_only_audited_characteristics_can_be_compared(shared_world: Any) -> None:
    with pytest.raises(UsageError, match="shoe_size"):
        write_comparison(shared_world.invocation, "shoe_size")


def test_without_earlier_outcomes_nothing_can_be_trained_to_compare(shared_world: Any) -> None:
    with pytest.raises(DataError, match="before the first tested one"):
        write_comparison(shared_world.invocation, "ethnicity")
