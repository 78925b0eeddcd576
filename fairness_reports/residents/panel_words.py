"""What the residents' panel said in its sessions, as the page of promises shows it: closed sessions alone.

A recommendation or question of a session stands there at once, open, with its clock; the council's answer in
public.toml takes its place: a recommendation's by its id, a question's by its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from charter.contracts.files import file_digest
from charter.council.public_file import PublicQuestion, Recommendation
from charter.invocation import Invocation
from charter.rules.gate_sentences import say_day
from charter.rules.scenarios import Scenarios
from charter.signing.panel_sessions import SAYS, PanelSession, list_sessions, session_file

__all__ = ["describe_sessions", "list_open_words", "list_stoppers"]


def describe_sessions(invocation: Invocation) -> list[dict[str, Any]]:
    """Return what the page shows of each closed session, the newest first."""
    scenarios = Scenarios.load(invocation.council.folder / "scenarios.toml", invocation.charter).scenarios
    stories = {case.story for case in scenarios}
    return [_describe_session(invocation, session, stories) for session in _list_closed(invocation)]


def list_open_words(invocation: Invocation) -> tuple[list[Recommendation], list[PublicQuestion]]:
    """Return what closed sessions recommended and asked, and public.toml has no row of yet."""
    public = invocation.public
    ids, texts = {row.id for row in public.recommendations}, {row.asked for row in public.questions}
    recommendations, questions = [], []
    for session in _list_closed(invocation):
        day = _find_day(invocation, session)
        for name, entry in session.list_kind("recommendation"):
            if name not in ids:
                recommendations.append(Recommendation.model_construct(id=name, on=day, said=entry.values["words"]))
        for _, entry in session.list_kind("question"):
            if entry.values["words"] not in texts:
                questions.append(PublicQuestion.model_construct(on=day, asked=entry.values["words"]))
    return recommendations, questions


def list_stoppers(invocation: Invocation) -> list[str]:
    """Return the titles of the roles that can stop every list, alone and at once."""
    return [role.title for role in invocation.roles.able("suspend")]


def _describe_session(invocation: Invocation, session: PanelSession, cases: set[str]) -> dict[str, Any]:
    answers = [entry.values for entry in session.answers.values()]
    ruled = [values for values in answers if values["rules"]]
    return {
        "on": say_day(_find_day(invocation, session)),
        "present": session.present,
        "answered": len(answers),
        "ruled": len(ruled),
        "same": sum(values["says"] == values["rules"] for values in ruled),
        "answers": [
            {
                "story": values["story"],
                "panel": SAYS[values["kind"]][values["says"]],
                "why": values["words"],
                "rules": SAYS["rule"][values["rules"]] if values["rules"] else "No rule answers it",
                "differs": bool(values["rules"]) and values["says"] not in (values["rules"], "split"),
            }
            for values in answers
        ],
        "own": [_describe_own(entry.values, cases) for _, entry in session.list_kind("rule")],
        "families": [
            {"story": entry.values["story"], "points": entry.values["points"], "most": entry.values["most"]}
            for _, entry in session.list_kind("family")
        ],
        "sha256": file_digest(session_file(invocation.workspace, session.id)),
    }


def _describe_own(values: Mapping[str, Any], cases: set[str]) -> dict[str, Any]:
    case = values["case"]
    return {
        "story": case["story"],
        "expected": SAYS["rule"][case["expected"]],
        "answer": SAYS["rule"][values["answer"]],
        "state": (
            "It is one of the cases that every model is asked before it is let in."
            if case["story"] in cases
            else "It is not yet one of the cases that every model is asked."
        ),
    }


def _list_closed(invocation: Invocation) -> list[PanelSession]:
    return [session for session in list_sessions(invocation.workspace) if session.closed_at]


def _find_day(invocation: Invocation, session: PanelSession) -> date:
    return datetime.fromisoformat(session.begun_at).astimezone(invocation.council.time_zone).date()
