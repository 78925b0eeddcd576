"""The practice page: made-up cases to judge, then what was right and why."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from serving.casework.visit import Visit
from serving.practice_cases import PASSED, Result, mark_answers

__all__ = ["mark_practice", "show_practice"]


def show_practice(visit: Visit) -> Response:
    """Show the cases."""
    return _render_practice(visit, {}, None)


def mark_practice(visit: Visit) -> Response:
    """Mark the answers, say why, and note in the log that somebody passed."""
    practice = visit.desk.practice
    texts = {number: visit.fields.get(f"case-{number}") for number in range(len(practice.cases))}
    answers = {number: text == "wrong" for number, text in texts.items() if text in ("wrong", "right")}
    if len(answers) < len(practice.cases):
        return _render_practice(visit, answers, None, "Answer every case, then send them together.")
    result = mark_answers(practice, answers)
    if result.passed:
        detail = {"right": sum(result.right), "found": result.found}
        visit.desk.store.log(visit.identity, PASSED, subject="practice", detail=detail)
    return _render_practice(visit, answers, result)


def _render_practice(visit: Visit, answers: Mapping[int, bool], result: Result | None, error: str = "") -> Response:
    practice = visit.desk.practice
    return visit.render(
        "practice.html",
        400 if error else 200,
        title="Practice",
        practice=practice,
        wrong=sum(case.wrong for case in practice.cases),
        answers=answers,
        result=result,
        error=error,
        passed_until=visit.desk.practised_until(visit.identity),
    )
