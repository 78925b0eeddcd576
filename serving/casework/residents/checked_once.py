"""What is checked once, as a page: a question of one purpose, and one word for an answer.

The questions are those that the register lets the reader's role ask. Nothing that was typed is kept, shown again or put
into an address: the answer has the question's title, the word, and what it means. The limits and the line in the log
are those of the API and the verb (serving.check_answers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.council.register import Check
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.plain_text import is_whole
from charter.vault.check_once import CANNOT_TELL, NEEDS, NO, YES, Asker, Question
from serving.casework.visit import Visit
from serving.check_answers import answer_check
from serving.desk import Desk
from serving.identity import Identity

__all__ = ["ask_question", "has_questions", "show_check", "show_checks"]

_FIELDS: Mapping[str, tuple[str, str, str]] = {
    "forename": ("Forename", "", "Give a forename"),
    "surname": ("Surname", "", "Give a surname"),
    "birth_date": ("Date of birth", "For example, 1980-02-01", "Give a date of birth"),
    "uprn": ("Address, as its UPRN", "The number of the address in the local gazetteer", "Give the address’s UPRN"),
    "age": ("Age", "", "Choose an age"),
}
"""By field: its label, a hint, and what is said where it is wanting."""

_MEANS: Mapping[str, str] = {
    YES: "You need not ask for a proof.",
    NO: "What we hold says otherwise. They may prove it to you in the usual way.",
    CANNOT_TELL: "This says nothing about them. Ask for a proof in the usual way.",
}
_LONGEST = 100


def has_questions(desk: Desk, identity: Identity) -> bool:
    """Whether there is a question that somebody's role may ask, as the register was when the service began."""
    return bool(_list_checks(desk.invocation, identity))


def show_checks(visit: Visit) -> Response:
    """Show the questions that the reader's role may ask."""
    return visit.render("checked_once.html", checks=_list_checks(visit.desk.invocation.reread(), visit.identity))


def show_check(visit: Visit) -> Response:
    """Show one question's form."""
    return _render_form(visit, _find_check(visit), {}, {})


def ask_question(visit: Visit) -> Response:
    """Answer a question with one word; what was typed is not said again."""
    check = _find_check(visit)
    needed = ("forename", "surname", *NEEDS[check.purpose])
    fields = {name: visit.fields.get(name, "").strip()[:_LONGEST] for name in (*needed, "asked_by")}
    errors = {name: _FIELDS[name][2] for name in needed if not fields[name]}
    if fields["asked_by"] not in check.asked_by:
        errors["asked_by-1"] = "Say for which service you ask"
    if "age" in needed and not errors.get("age") and not is_whole(fields["age"]):
        errors["age"] = "Choose an age"
    if errors:
        return _render_form(visit, check, fields, errors)
    words: dict[str, object] = {**fields, "purpose": check.purpose}
    if "age" in needed:
        words["age"] = int(fields["age"])
    try:
        question = Question.read(words)
    except UsageError as error:
        wrong = "birth_date" if "birth_date" in needed else needed[-1]
        return _render_form(visit, check, fields, {wrong: f"{error.message[:1].upper()}{error.message[1:]}"})
    word = answer_check(visit.desk, visit.identity, question, Asker(role=visit.identity.role))
    return visit.render("checked_once.html", check=check, answer=word, means=_MEANS[word])


def _render_form(visit: Visit, check: Check, fields: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    names = ("forename", "surname", *(name for name in NEEDS[check.purpose] if name != "age"))
    rows = [{"name": name, "label": _FIELDS[name][0], "hint": _FIELDS[name][1]} for name in names]
    return visit.render(
        "checked_once.html",
        400 if errors else 200,
        title=f"Error: {check.title}" if errors else check.title,
        check=check,
        rows=rows,
        services=[(name, name.replace("_", " ").capitalize()) for name in check.asked_by],
        fields=fields,
        errors=errors,
        error_list=[{"text": text, "href": f"#{name}"} for name, text in errors.items()],
        longest=_LONGEST,
    )


def _list_checks(invocation: Invocation, identity: Identity) -> Sequence[Check]:
    """Return the register's checks that somebody's role may ask; none where the council has no register."""
    if not (invocation.council.folder / "register.toml").exists():
        return ()
    return [check for check in invocation.register.checks if not check.roles or identity.role in check.roles]


def _find_check(visit: Visit) -> Check:
    purpose = visit.request.path_params["purpose"]
    check = next(
        (row for row in _list_checks(visit.desk.invocation.reread(), visit.identity) if row.purpose == purpose),
        None,
    )
    if check is None:
        raise HTTPException(404)
    return check
