"""Each promise of the charter is kept, due or broken by what shows it and by the day, never by what somebody typed."""

from __future__ import annotations

from datetime import date

import pytest

from charter.clocks import INFORMATION_DAYS, add_month, add_working_days
from charter.council.public_file import DataRequest, Promise, PublicFile
from charter.errors import DataError
from charter.invocation import shipped_council
from fairness_reports.residents.charter_status import BROKEN, DUE, KEPT, judge_promise

TODAY = date(2026, 11, 30)


def promise(**changes: object) -> Promise:
    return Promise.model_validate({"id": "one", "principle": "trust", "text": "We say so.", **changes})


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, DUE),
        ({"due": date(2026, 11, 30)}, DUE),
        ({"due": date(2026, 11, 29)}, BROKEN),
        ({"kept_on": date(2026, 1, 1), "evidence": "Minutes"}, KEPT),
        ({"kept_on": date(2025, 11, 30), "evidence": "Minutes", "months": 12}, KEPT),
        ({"kept_on": date(2025, 11, 29), "evidence": "Minutes", "months": 12}, BROKEN),
        ({"record": "site"}, KEPT),
    ],
)
def test_a_promise_is_judged_by_its_day_and_its_evidence(changes: dict[str, object], state: str) -> None:
    """Broken by a due day that counts as past, and by a yearly promise that is kept for ever."""
    assert judge_promise(promise(**changes), TODAY, {}, ["early_help"]) == state


def test_a_record_keeps_a_promise_only_while_every_released_programme_has_it() -> None:
    kept = promise(record="data_protection")
    both = ["early_help", "homelessness"]
    assert judge_promise(kept, TODAY, {"data_protection": both}, both) == KEPT
    assert judge_promise(kept, TODAY, {"data_protection": ["early_help"]}, both) == BROKEN
    assert judge_promise(kept, TODAY, {"equality": both}, both) == BROKEN
    assert judge_promise(kept, TODAY, {}, []) == DUE


def test_nobody_can_type_that_a_promise_was_kept_without_evidence() -> None:
    with pytest.raises(ValueError, match="nothing shows it"):
        promise(kept_on=date(2026, 1, 1))
    with pytest.raises(ValueError, match="has a day too"):
        promise(kept_on=date(2026, 1, 1), evidence="Minutes", record="site")


def test_working_days_leave_out_saturdays_and_sundays() -> None:
    assert add_working_days(date(2026, 6, 19), 1) == date(2026, 6, 22)
    assert add_working_days(date(2026, 6, 20), 10) == date(2026, 7, 3)


def test_a_use_of_data_and_a_principle_that_there_is_not_are_refused() -> None:
    with pytest.raises(DataError, match="early_help"):
        PublicFile.load(shipped_council(), ["another"], ["trust"])


def test_a_request_for_data_has_a_clock_and_says_what_came_of_it() -> None:
    """Twenty working days from Monday 22 June end on Monday 20 July; broken by days of the calendar."""
    assert add_working_days(date(2026, 6, 22), INFORMATION_DAYS) == date(2026, 7, 20)
    assert [add_month(date(2026, 1, 31)), add_month(date(2026, 12, 5))] == [date(2026, 2, 28), date(2027, 1, 5)]


def test_an_answer_needs_a_reason_and_a_day_that_is_not_before_the_question() -> None:
    row = {"on": date(2026, 6, 22), "asked": "Offers by month.", "answer": "not published"}
    with pytest.raises(ValueError, match="without a reason or a day"):
        DataRequest.model_validate(row)
    with pytest.raises(ValueError, match="before it was asked"):
        DataRequest.model_validate({**row, "why": "Too few.", "answered_on": date(2026, 6, 21)})
    assert DataRequest.model_validate({**row, "why": "Too few.", "answered_on": date(2026, 7, 2)}).link == ""
