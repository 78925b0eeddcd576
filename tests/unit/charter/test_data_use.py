"""Whether the list needs the data it is given, and whether one part carries it: answered, waived, said."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from charter.rules.data_use import DataUse, answer_data_use, say_data_use
from charter.rules.waivers import Waiver

TODAY = date(2026, 11, 28)


def row(
    measure: str, part: str, estimate: float | None, note: str = "", ends: list[float] | None = None
) -> dict[str, Any]:
    return {"id": part, "measure": measure, "component": part, "estimate": estimate, "interval": ends, "note": note}


def needed(note: str, estimate: float | None = 0.01, ends: list[float] | None = None) -> dict[str, Any]:
    return row("data_needed", "youth_justice", estimate, note, ends or [-0.01, 0.02])


def answer(*rows: dict[str, Any], waivers: tuple[Waiver, ...] = (), today: date = TODAY) -> list[dict[str, Any]]:
    asked = answer_data_use(DataUse(carries_at_most=0.5), {"findings": list(rows)}, waivers, today, 3.0)
    return [verdict for verdict in asked if verdict["finding"] is not None]


@pytest.mark.parametrize(
    ("note", "verdict", "words"),
    [
        (
            "helps",
            "pass",
            "1.0 fewer of 100 listed (-1.0 to 2.0) without the data of youth justice: it is shown to help.",
        ),
        ("unread", "insufficient", "The order reads nothing of youth justice: you may stop receiving its records"),
        ("not needed", "insufficient", "wholly within the margin of 3: you may stop receiving its records"),
        ("cannot be told", "insufficient", "Cannot be told: whether it helps is not shown."),
        ("not studied", "insufficient", "nobody has left it out yet. `sooner train --studies` does."),
    ],
)
def test_only_data_that_is_shown_to_help_passes(note: str, verdict: str, words: str) -> None:
    (one,) = answer(needed(note))
    assert one["verdict"] == verdict
    assert words in one["sentence"]


def test_a_signed_reason_keeps_a_service_until_it_expires() -> None:
    reason = "The board keeps it until the winter's figures are in."
    waiver = Waiver(gate="data_needed", group="youth_justice", role="board", reason=reason, expires=date(2026, 12, 1))
    (kept,) = answer(needed("unread"), waivers=(waiver,))
    assert kept["waiver"] == {"role": "board", "reason": reason, "expires": "2026-12-01"}
    assert not say_data_use([kept])
    (again,) = answer(needed("unread"), waivers=(waiver,), today=date(2026, 12, 1))
    assert again["waiver"] is None
    assert say_data_use([again]) == " The list does without the data of youth justice."
    (helps,) = answer(needed("helps"), waivers=(waiver,))
    assert helps["waiver"] is None


def test_a_piece_that_is_not_needed_is_a_question_and_one_that_helps_or_is_open_none() -> None:
    pieces = [
        row("piece_needed", f"Visits {note}", 0.004, note, [-0.011, 0.019])
        for note in ("not needed", "helps", "cannot be told")
    ]
    helps, piece = answer(needed("helps"), *pieces)
    assert (helps["verdict"], piece["verdict"]) == ("pass", "insufficient")
    assert piece["sentence"] == (
        "0.4 fewer of 100 listed (-1.1 to 1.9) without \u201cVisits not needed\u201d, wholly within the margin of 3:"
        " the list does without it."
    )
    assert say_data_use([helps, piece]) == " The list does without \u201cVisits not needed\u201d."
    reason = "It is asked for by law."
    waiver = Waiver(
        gate="data_needed", group="Visits not needed", role="board", reason=reason, expires=date(2027, 1, 1)
    )
    assert answer(needed("helps"), *pieces, waivers=(waiver,))[1]["waiver"]["reason"] == reason


def test_what_makes_over_half_of_the_order_is_a_question() -> None:
    shares = [row("order_carried", "education", 0.51), row("order_carried", "Absences in three months", 0.5)]
    (one,) = answer(*shares)
    assert (one["verdict"], one["group"]) == ("insufficient", "education")
    assert "51 % of what moves the order is education, more than 50 %" in say_data_use([one])
    (fine,) = answer(*shares[1:])
    assert (fine["verdict"], fine["estimate"]) == ("pass", 0.5)


def test_who_worked_a_case_moves_no_order_without_a_question() -> None:
    """However little it makes. Broken by the limit of other data, or by asking of data that moves nothing."""
    team = row("order_carried", "Which team last wrote", 0.02, "tells which worker or team acted")
    (one,) = answer(row("order_carried", "education", 0.4), team)
    assert (one["verdict"], one["group"]) == ("insufficient", "Which team last wrote")
    assert one["sentence"] == (
        "2 % of what moves the order is Which team last wrote, which tells which worker or team acted: should it move"
        " the order?"
    )
    (fine,) = answer(row("order_carried", "education", 0.4), team | {"estimate": 0.0})
    assert fine["verdict"] == "pass"


def test_an_audit_that_found_nothing_out_is_no_pass() -> None:
    both = answer_data_use(DataUse(), {"findings": []}, (), TODAY, 3.0)
    assert [(one["gate"], one["verdict"]) for one in both] == [
        ("data_needed", "insufficient"),
        ("order_carried", "insufficient"),
    ]
