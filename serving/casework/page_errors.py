"""Refusals and errors as pages: each in words, with what to do next."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from charter.errors import CharterError, SoonerError
from charter.rules.showing import ASK_FOR_HELP
from serving.asking_to_show import UnshownError
from serving.casework.visit import Page, SessionEndedError, Visit, render_alone
from serving.casework.wanting import WantingError
from serving.desk import Desk
from serving.faults import FAULT_ERRORS, find_fault, say_what_was_saved
from serving.how_much import TooMuchError
from serving.store.papers import DRAFT
from serving.store.saving import SAVING
from serving.store.store import ConflictError

__all__ = ["answer_errors", "answer_fault"]

_LOG = logging.getLogger("sooner.fault")

_Answer = Callable[[Request, Exception], Awaitable[Response]]

_REFUSALS: Mapping[int, tuple[str, str, str]] = {
    403: ("Not yours to open", "Your role or team doesn’t open this page.", "Ask your manager if you need it."),
    404: ("Page not found", "There is nothing at this address.", "Go back to the worklist."),
    409: ("No list is shown now", "", ASK_FOR_HELP),
}
_FAILURE = ("That didn’t work", "The page could not be made.", "Try again, or tell the operator.")
_FAULT_NEXT = "Whoever runs the service can see what is wrong. Try again in a minute."
_FORM = ("Not yours to open", "This form is not from your session, so nothing was saved.", "Open the page again.")

_WANTS: Mapping[str, str] = {
    "role": "Not yours to open",
    "team": "Not yours to open",
    "taken_off": "Taken off the list",
    "conflict": "Not yours to open",
    "silence": "No list is shown now",
}
"""What a page is called that says so, by the check; any other is of something that was not saved."""


def answer_errors(desk: Callable[[], Desk], pages: Sequence[Page]) -> Mapping[type[Exception], _Answer]:
    """Return what answers refusals and our own errors; someone who isn't signed in goes to the sign-in page."""

    def render_message(request: Request, status: int, words: Mapping[str, Any]) -> Response:
        return Visit(desk(), request, pages).render("message.html", status, **words)

    async def answer_refusal(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 401:
            return RedirectResponse("/sign-in", status_code=303)
        detail = error.detail if isinstance(error, HTTPException) else ""
        title, message, next_step = _FORM if detail == "form" else _REFUSALS.get(status, _FAILURE)
        words = {"title": title, "message": message or detail, "next_step": next_step}
        answer = await run_in_threadpool(render_message, request, status, words)
        if isinstance(error, HTTPException) and error.headers:
            answer.headers.update(error.headers)
        return answer

    async def answer_error(request: Request, error: Exception) -> Response:
        status, words = _explain_error(request, error)
        return await run_in_threadpool(render_message, request, status, words)

    async def answer_ended(request: Request, error: Exception) -> Response:
        kept = await run_in_threadpool(_keep_late_form, desk(), request, error)
        return RedirectResponse(f"/sign-in?ended={'kept' if kept else 'lost'}", status_code=303)

    async def answer_failure(request: Request, error: Exception) -> Response:
        return await run_in_threadpool(answer_fault, desk, request, error)

    return {
        HTTPException: answer_refusal,
        SoonerError: answer_error,
        SessionEndedError: answer_ended,
        **dict.fromkeys((*FAULT_ERRORS, SQLAlchemyError, sqlite3.Error, OSError, Exception), answer_failure),
    }


def answer_fault(desk: Callable[[], Desk], request: Request, error: Exception) -> Response:
    """Say that the service failed, whose fault that is and what was saved; it needs nothing that could have failed."""
    fault = find_fault(error)
    _LOG.error("%s: %s", fault.id, type(error).__name__)
    saved = say_what_was_saved(SAVING.get()) if request.method == "POST" else ""
    try:
        council = desk().invocation.council.name
    except (*FAULT_ERRORS, SoonerError, SQLAlchemyError, sqlite3.Error, OSError):
        council = "Sooner"
    words = {
        "title": "The service has a fault",
        "message": f"{fault.message} The fault is the service’s, not yours. {saved}".strip(),
        "next_step": f"{ASK_FOR_HELP} {_FAULT_NEXT}",
    }
    return render_alone(request, fault.status, council, **words)


def _keep_late_form(desk: Desk, request: Request, error: Exception) -> bool:
    """Keep what somebody typed into a case's form after their session had ended; return whether there was anything."""
    identity = error.identity if isinstance(error, SessionEndedError) else None
    parts = request.url.path.strip("/").split("/")
    if identity is None or not isinstance(error, SessionEndedError) or parts[0] != "cases" or len(parts) < 3:
        return False
    choice = error.fields.get("disposition", "") if parts[2] == "decision" else parts[2]
    typed = {name: value for name, value in error.fields.items() if name not in ("form_token", "key") and value}
    desk.papers.keep(DRAFT, identity.user, f"{parts[1]}/{choice}", typed, referral=parts[1])
    return True


def _explain_error(request: Request, error: Exception) -> tuple[int, Mapping[str, Any]]:
    """Return the status and the words of one of our own errors."""
    message, next_step = (error.message, error.next_step) if isinstance(error, SoonerError) else ("", "")
    title = "Nothing was saved" if request.method == "POST" else "This page can’t be shown"
    if isinstance(error, WantingError):
        check = error.wants[0].check
        status, title = check.status, _WANTS.get(check.id, title)
        changed = check.id == "version"
    else:
        status = 403 if isinstance(error, CharterError) else 400
        if isinstance(error, ConflictError | UnshownError):
            status = 409
        if isinstance(error, TooMuchError):
            status, title = 429, "That is as much as you can ask today"
        title = _WANTS["silence"] if isinstance(error, UnshownError) else title
        changed = isinstance(error, ConflictError)
    words = {"title": title, "message": message, "next_step": next_step}
    if changed:
        words |= {"link": request.url.path.rsplit("/", 1)[0], "link_words": "Open the case again"}
    return status, words
