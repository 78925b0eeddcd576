"""A session of the residents' panel on pages: cases are shown, answers kept, a new case is added and run.

    GET  /panel                        the sessions, and a form to begin one
    GET  /panel/SESSION                its cases, what was said of each, forms for what the panel adds
    POST /panel/SESSION                a case of its own, a made-up family, a recommendation, a question, or the end
    GET  /panel/SESSION/cases/CASE     one case to talk about; POST keeps what the panel says of it
    GET  /panel/SESSION/rows           what the council's files should have of it, to copy

The page writes no file of the council: what a panel says becomes a rule's test, or an answer, by whoever keeps
scenarios.toml and public.toml. Once closed, a session is part of the residents' site.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from charter.acts import ACTS
from charter.contracts.files import file_digest
from charter.council.public_file import PublicQuestion, Recommendation
from charter.plain_text import is_whole
from charter.purposes import PURPOSES
from charter.rules.scenarios import Scenario
from charter.signing.panel_sessions import (
    MOST_LETTERS,
    SAYS,
    PanelSession,
    add_entry,
    begin_session,
    close_session,
    find_session,
    list_sessions,
    session_file,
)
from charter.starting.toml_rows import write_row
from serving.casework.panel.panel_forms import CLOSE, read_remark, read_rule, try_family
from serving.casework.panel.shown_cases import ShownCase, find_points, list_cases, run_rule
from serving.casework.visit import Visit

__all__ = [
    "begin_panel",
    "keep_answer",
    "keep_of_session",
    "send_rows",
    "show_panel",
    "show_panel_case",
    "show_panel_session",
]

_BEGUN, _KEPT, _CLOSED = "panel.begun", "panel.kept", "panel.closed"
_FACTS = 6


def show_panel(visit: Visit) -> Response:
    """Show the sessions there were, and the form that begins one."""
    return _render_panel(visit, {})


def _render_panel(visit: Visit, errors: Mapping[str, str]) -> Response:
    sessions = list_sessions(visit.desk.invocation.workspace)
    return visit.render(
        "panel.html", 400 if errors else 200, sessions=sessions, errors=errors, error_list=_list_errors(errors),
        may_suspend=visit.identity.may("suspend"), present=visit.fields.get("present", ""),
    )  # fmt: skip


def begin_panel(visit: Visit) -> Response:
    """Begin a session."""
    present = visit.fields.get("present", "").strip()
    if not is_whole(present) or not 1 <= int(present) <= 200:
        return _render_panel(visit, {"present": "Say how many take part, from 1 to 200"})
    invocation = visit.desk.invocation.reread()
    session = begin_session(
        invocation.workspace, role=visit.identity.role, present=int(present), charter_sha256=invocation.charter.sha256
    )
    _log_session(visit, session, _BEGUN)
    return visit.go_to(f"/panel/{session.id}")


def show_panel_session(visit: Visit) -> Response:
    """Show a session whole."""
    return _render_session(visit, _find_session(visit), {})


def _render_session(visit: Visit, session: PanelSession, errors: Mapping[str, str]) -> Response:
    invocation, points = visit.desk.invocation.reread(), find_points(visit.desk)
    charter = invocation.charter
    answers = session.answers
    rows = [(case, answers.get(case.id)) for case in list_cases(invocation, session)]
    return visit.render(
        "panel_session.html",
        400 if errors else 200,
        title=f"Session of the panel, {session.id[:10]}",
        kept=session,
        rows=rows,
        answered=sum(answer is not None for _, answer in rows),
        says=SAYS,
        same=_says_the_same,
        remarks=[
            (words, session.list_kind(kind))
            for kind, words in (("recommendation", "You recommend"), ("question", "You ask"))
        ],
        facts=points.facts if points else (),
        fact_options=[(fact.number, f"{fact.words} ({fact.points})") for fact in (points.facts if points else ())],
        fact_fields=range(1, _FACTS + 1),
        acts=list(ACTS.items()),
        roles=[role.id for role in charter.acting],
        data=sorted({*charter.characteristics, *(name for names in charter.allowed.values() for name in names)}),
        named_purposes=[(purpose, purpose.replace("_", " ")) for purpose in PURPOSES],
        promises=[(principle.id, principle.title) for principle in charter.principles],
        fields=visit.fields if errors else {},
        errors=errors,
        error_list=_list_errors(errors),
        longest=MOST_LETTERS,
        as_logged=_is_as_logged(visit, session),
    )


def keep_of_session(visit: Visit) -> Response:
    """Keep what the panel adds to a session, or end it."""
    desk, session, what = visit.desk, _find_session(visit), visit.fields.get("what", "")
    if what == CLOSE:
        _log_session(visit, close_session(desk.invocation.workspace, session.id, visit.identity.role), _CLOSED)
        return visit.go_to(f"/panel/{session.id}")
    invocation = desk.invocation.reread()
    values: Mapping[str, Any]
    if what == "rule":
        case, errors = read_rule(visit.fields, session, invocation.charter)
        values = (
            {} if case is None else {"case": case.model_dump(exclude_unset=True), "answer": run_rule(invocation, case)}
        )
    elif what == "family":
        values, errors = try_family(visit.fields, find_points(desk), _FACTS)
    elif what in ("recommendation", "question"):
        values, errors = read_remark(visit.fields, what)
    else:
        raise HTTPException(404)
    if errors:
        return _render_session(visit, session, errors)
    session = add_entry(desk.invocation.workspace, session.id, what, visit.identity.role, values)
    _log_session(visit, session, _KEPT)
    if what in ("rule", "family"):
        return visit.go_to(f"/panel/{session.id}/cases/{session.id}-{len(session.entries)}")
    return visit.go_to(f"/panel/{session.id}#{what}s")


def show_panel_case(visit: Visit) -> Response:
    """Show one case, and once the panel has answered what the rules say."""
    session = _find_session(visit)
    return _render_case(visit, session, {})


def _render_case(visit: Visit, session: PanelSession, errors: Mapping[str, str]) -> Response:
    cases = list_cases(visit.desk.invocation.reread(), session)
    case = _find_case(visit, cases)
    answer = session.answers.get(case.id)
    others = [other for other in cases if other.id != case.id and other.id not in session.answers]
    return visit.render(
        "panel_case.html", 400 if errors else 200, title="A case", kept=session, case=case, answer=answer,
        says=SAYS[case.kind], same=_says_the_same(case, answer.values["says"]) if answer else None,
        next=others[0] if others else None, left=len(others), errors=errors, error_list=_list_errors(errors),
        fields=visit.fields, longest=MOST_LETTERS,
    )  # fmt: skip


def keep_answer(visit: Visit) -> Response:
    """Keep what the panel says of a case, beside what the rules say of it now."""
    session, fields = _find_session(visit), visit.fields
    case = _find_case(visit, list_cases(visit.desk.invocation.reread(), session))
    says, words = fields.get("says", ""), fields.get("words", "").strip()
    errors = {} if says in SAYS[case.kind] else {"says-1": "Choose what the panel says"}
    if len(words) > MOST_LETTERS:
        errors["words"] = f"Write at most {MOST_LETTERS} characters"
    if errors:
        return _render_case(visit, session, errors)
    values = {
        "case": case.id, "kind": case.kind, "story": case.story, "rules": case.rules, "says": says, "words": words
    }  # fmt: skip
    session = add_entry(visit.desk.invocation.workspace, session.id, "answer", visit.identity.role, values)
    _log_session(visit, session, _KEPT)
    return visit.go_to(f"/panel/{session.id}/cases/{case.id}")


def send_rows(visit: Visit) -> Response:
    """Give what the council's files should have of a session, as rows to copy; nothing is written by itself."""
    session = _find_session(visit)
    day = visit.desk.day(session.begun_at)
    lines = [f"# Of the panel's session {session.id}. Copy each row into the file that it names."]
    for file, name, kind in (
        ("scenarios.toml", "scenario", "rule"),
        ("public.toml", "recommendation", "recommendation"),
        ("public.toml", "question", "question"),
    ):
        for number, entry in session.list_kind(kind):
            values = entry.values
            if kind == "rule":
                row: Any = Scenario(**values["case"])
            elif kind == "recommendation":
                row = Recommendation(id=number, on=day, said=values["words"])
            else:
                row = PublicQuestion(on=day, asked=values["words"])
            lines += ["", f"# {file}", *write_row(name, row)]
    return PlainTextResponse("\n".join([*lines, ""]))


def _find_session(visit: Visit) -> PanelSession:
    session = find_session(visit.desk.invocation.workspace, visit.request.path_params["session"])
    if session is None:
        raise HTTPException(404)
    return session


def _find_case(visit: Visit, cases: list[ShownCase]) -> ShownCase:
    wanted = visit.request.path_params["case"]
    case = next((case for case in cases if case.id == wanted), None)
    if case is None:
        raise HTTPException(404)
    return case


def _says_the_same(case: ShownCase, says: str) -> bool | None:
    """Whether the panel says of a rule's case what the rules say; None where no rule answers, or it does not agree."""
    return None if not case.rules or says == "split" else says == case.rules


def _log_session(visit: Visit, session: PanelSession, action: str) -> None:
    digest = file_digest(session_file(visit.desk.invocation.workspace, session.id))
    detail = {"entries": len(session.entries), "closed": bool(session.closed_at), "sha256": digest}
    visit.desk.store.log(visit.identity, action, subject=session.id, detail=detail)


def _is_as_logged(visit: Visit, session: PanelSession) -> bool:
    """Whether the file is what the log says of the last act on it: nobody edited it afterwards."""
    store = visit.desk.store
    acts = [entry for action in (_BEGUN, _KEPT, _CLOSED) for entry in store.done(action) if entry.subject == session.id]
    if not acts:
        return False
    last = max(acts, key=lambda entry: (entry.detail["closed"], entry.detail["entries"]))
    digest = file_digest(session_file(visit.desk.invocation.workspace, session.id))
    return bool(last.detail["sha256"] == digest)


def _list_errors(errors: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"text": text, "href": f"#{name}"} for name, text in errors.items()]
