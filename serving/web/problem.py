"""Problem details (RFC 9457): how the API says no. They never repeat what was sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from charter.errors import BlockedError, CharterError, SoonerError
from serving.asking_to_show import UnshownError
from serving.casework.wanting import WantingError
from serving.faults import FAULT_ERRORS, Fault, find_fault
from serving.how_much import TooMuchError
from serving.store.store import ConflictError

__all__ = ["PROBLEMS", "describe_misfit", "make_error_problem", "make_fault_problem", "make_problem"]

PROBLEMS: Mapping[str, str] = {
    "request": "The request breaks the contract: mend it before you send it again.",
    "signed_out": "There is no bearer token, or it has ended: sign in again.",
    "not_allowed": "The role or the team does not do this.",
    "not_found": "There is nothing of that name, or no more: stop asking for it.",
    "method": "Only GET and POST are answered.",
    "too_slow": "The body did not come in time: send it again.",
    "too_large": "That is too much at once.",
    "too_many": "That is more than the program may ask in a minute: wait as long as Retry-After says.",
    "too_many_today": "That is more than a person, program or service may ask in a day: ask no more before tomorrow.",
    "media_type": "Send application/json.",
    "failed": "It went wrong on our side: try again later.",
    "changed": "Somebody changed the case since it was read: read it again and ask the person again.",
    "suspended": "A role stopped the list: show nothing of it until two roles resume it.",
    "shadow": "The list is made to be measured, and shown to nobody.",
    "ended": "The list has ended: open the newest.",
    "conflict": "Whoever asks said that they know the family: somebody else decides.",
    "taken_off": "The household left its list: show nothing of it.",
    "practice": "Whoever decides has not practised on the made-up cases.",
    "disposition": "It is no decision of the council's.",
    "reason": "It is no reason of that decision.",
    "safe_contact": "Nobody checked how contact is safe.",
    "until": "The day does not fit.",
}
"""Every code of a problem, and what a program does about it. A code is never given another meaning, nor taken away."""

_BY_STATUS = {400: "request", 401: "signed_out", 403: "not_allowed", 404: "not_found", 405: "method", 408: "too_slow",
              409: "changed", 413: "too_large", 415: "media_type",
              429: "too_many"}  # fmt: skip
_OF_CHECK = {"version": "changed", "role": "not_allowed", "team": "not_allowed"}


def make_problem(
    status: int, detail: str, next_step: str = "", headers: dict[str, str] | None = None, *, code: str = ""
) -> JSONResponse:
    """Return a problem of an HTTP status: what is wrong in one sentence, and what to do next.

    `code` is one of PROBLEMS, by default the status's own.
    """
    code = code or _BY_STATUS.get(status, "failed")
    body = {
        "type": f"urn:sooner:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if next_step:
        body["next"] = next_step
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def make_fault_problem(fault: Fault, saved: str = "") -> JSONResponse:
    """Return the problem of a fault of ours, with what was saved."""
    return make_problem(
        fault.status,
        f"{fault.message} The fault is the service's, not the caller's. {saved}".strip(),
        "Try again in a minute.",
        {"retry-after": "30"},
    )


def make_error_problem(error: SoonerError) -> JSONResponse:
    """Return the problem of one of our errors: 409 for a conflict or suspension, 429 for too much, 403, or 400.

    One that is a fault of ours is said as that.

    Of a body's field that is wanting, it says what may stand there.
    """
    if isinstance(error, FAULT_ERRORS):
        return make_fault_problem(find_fault(error))
    if isinstance(error, WantingError):
        check, sentence = error.wants[0].check, error.wants[0].sentence
        next_step = sentence.next_step
        if len(sentence.choices) == 1:
            next_step = f"Send {check.field}: {sentence.choices[0]}."
        elif sentence.choices:
            next_step = f"{check.field} is one of: {', '.join(sentence.choices)}."
        code = sentence.state or _OF_CHECK.get(check.id, check.id)
        return make_problem(check.status, sentence.message, next_step, code=code)
    if isinstance(error, TooMuchError):
        return make_problem(429, error.message, error.next_step, code="too_many_today")
    if isinstance(error, UnshownError):
        return make_problem(409, error.message, error.next_step, code=error.state)
    if isinstance(error, ConflictError | BlockedError):
        return make_problem(409, error.message, error.next_step)
    return make_problem(403 if isinstance(error, CharterError) else 400, error.message, error.next_step)


def describe_misfit(errors: Iterable[Mapping[str, Any]], known: Collection[str], what: str = "body") -> str:
    """Say where a body or query breaks its contract: by number or a `known` field's name, never by what was sent."""
    places = []
    for error in list(errors)[:3]:
        parts = [str(part) for part in error.get("loc", ()) if isinstance(part, int) or part in known]
        places.append(f"{'/'.join(parts) or what}: {error.get('type', 'invalid')}")
    return f"The {what} does not fit the contract ({'; '.join(places)})."
