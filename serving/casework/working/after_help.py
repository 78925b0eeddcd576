"""After help: three questions and why the family needs no more, asked once; and a team's look back at a quarter.

The answers are for evaluation: no list reads them. Nobody is measured by them: the look back counts a team's families,
hides small numbers, and shows words without a name, to that team alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from serving.casework.view import make_reference
from serving.casework.visit import Visit
from serving.ranking.reasons import write_day
from serving.store.help_answers import ENDED, STEP_DOWN, TAKEN, WENT, HelpAnswer
from serving.store.papers import DRAFT
from serving.store.store import write_moment

__all__ = ["keep_answers", "show_look_back", "show_questions", "view_answer"]

_QUESTIONS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("taken", "Did they take the help up?", TAKEN),
    ("ended", "How did it end?", ENDED),
    ("went", "How are things for them now, in their own view?", WENT),
    ("step_down", "Why do they need no more of it?", STEP_DOWN),
)
_WORDS = 1000
_SMALLEST = 5
"""Numbers below this are hidden, and words are not shown: a team knows its families."""


def show_questions(visit: Visit) -> Response:
    """Show the questions, with what was typed before; of a case that was answered, nothing to press."""
    case = visit.referral.id
    if visit.referral.status != "taken_up" or visit.desk.store.help_answer(case) is not None:
        raise HTTPException(404)
    paper = visit.desk.papers.read(DRAFT, visit.identity.user, f"{case}/after")
    form = dict(paper.fields) if paper else {}
    asked_again = paper is not None and visit.request.query_params.get("problem") == "1"
    errors = _find_unsaid(form) if asked_again else {}
    return visit.render(
        "after_help.html",
        title=f"After help: case {make_reference(visit.referral)}",
        team=visit.team,
        referral=visit.referral,
        reference=make_reference(visit.referral),
        questions=[(name, words, list(answers.items())) for name, words, answers in _QUESTIONS],
        form=form,
        errors=errors,
        error_list=[{"text": text, "href": f"#{name}"} for name, text in errors.items()],
    )


def _find_unsaid(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what the form lacks, by the id of the first answer to each question."""
    return {
        f"{name}-1": f"Answer: {words}" for name, words, answers in _QUESTIONS if fields.get(name, "") not in answers
    }


def keep_answers(visit: Visit) -> Response:
    """Keep the answers and close the case, or go back to the form with what it lacks."""
    case, fields = visit.referral.id, dict(visit.fields)
    if visit.referral.status != "taken_up":
        raise HTTPException(404)
    name = f"{case}/after"
    if _find_unsaid(fields):
        typed = {key: value for key, value in fields.items() if key != "form_token" and value}
        visit.desk.papers.keep(DRAFT, visit.identity.user, name, typed, referral=case)
        return visit.go_to(f"/cases/{case}/after?problem=1")
    given = {question: fields[question] for question, _, _ in _QUESTIONS}
    words = fields.get("words", "").strip()[:_WORDS]
    visit.desk.store.keep_help_answer(visit.identity, HelpAnswer(case, **given, words=words, role="", at=""))
    visit.desk.papers.drop(DRAFT, visit.identity.user, name)
    return visit.go_to(f"/cases/{case}?done=answered_help")


def view_answer(visit: Visit, answer: HelpAnswer | None) -> dict[str, Any] | None:
    """Return what became of a case's help, as its page says it."""
    if answer is None:
        return None
    lines = [(words, answers[getattr(answer, name)]) for name, words, answers in _QUESTIONS]
    return {"lines": lines, "words": answer.words, "day": write_day(visit.desk.day(answer.at))}


def show_look_back(visit: Visit) -> Response:
    """Show what became of the families that a team took up, over this quarter and the last."""
    desk, team = visit.desk, visit.team
    today = desk.today()
    begins = _first_of_quarter(today)
    before = _first_of_quarter(date.fromordinal(begins.toordinal() - 1))
    since = write_moment(desk.invocation.council.midnight(before))
    answers = desk.store.help_answers(desk.programme, team.id, since)
    desk.store.log(visit.identity, "look_back.viewed", subject=team.id, purpose="evaluate")
    quarters = [
        _view_quarter(f"Since {write_day(begins)}", [each for each in answers if desk.day(each.at) >= begins]),
        _view_quarter(f"{write_day(before)} until then", [each for each in answers if desk.day(each.at) < begins]),
    ]
    return visit.render("look_back.html", title=f"What became of them: {team.title}", team=team, quarters=quarters,
                        smallest=_SMALLEST)  # fmt: skip


def _first_of_quarter(day: date) -> date:
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def _view_quarter(title: str, answers: list[HelpAnswer]) -> dict[str, Any]:
    enough = len(answers) >= _SMALLEST
    questions = []
    for name, words, known in _QUESTIONS if enough else ():
        counts = Counter(getattr(answer, name) for answer in answers)
        questions.append((words, [(known[key], _write_count(counts[key])) for key in known]))
    return {
        "title": title,
        "number": _write_count(len(answers)),
        "enough": enough,
        "questions": questions,
        "words": [answer.words for answer in answers if answer.words] if enough else [],
    }


def _write_count(number: int) -> str:
    return str(number) if number == 0 or number >= _SMALLEST else f"fewer than {_SMALLEST}"
