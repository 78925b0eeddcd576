"""The board's page on reading an answer: its made-up groups are worked out as an independent library would."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from serving.casework.worked_answers import work_answers
from serving.desk import Desk
from tests.unit.serving.client import signed_in


def test_the_three_groups_show_the_three_answers_with_the_intervals_of_another_library() -> None:
    groups = work_answers()
    assert [group.answer for group in groups] == ["pass", "fail", "cannot be told"]
    for group in groups:
        low, high = confint_proportions_2indep(
            group.listed, group.in_need, 300, 1000, compare="ratio", method="score", correction=True
        )
        assert (group.low, group.high) == pytest.approx((low, high), abs=1e-9)


def test_the_board_is_led_there_and_reads_that_what_cannot_be_told_is_no_pass(desk: Desk) -> None:
    board = signed_in(desk, "demo-board")
    assert 'href="/board/how-to-read"' in board.get("/board").text
    page = board.get("/board/how-to-read")
    assert page.status_code == 200
    assert "10 of 40: 25 in 100" in page.text
    assert "0.83 (0.47 to 1.35)" in page.text
    assert "This is <strong>not</strong> a pass" in page.text
    assert signed_in(desk, "demo-east-lead_practitioner").get("/board/how-to-read").status_code == 403
