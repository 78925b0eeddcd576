"""Problem details (RFC 9457): how the API says no. They never repeat what was sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from charter.errors import BlockedError, CharterError, SoonerError
from serving.casework.wanting import WantingError
from serving.store.store import ConflictError

__all__ = ["describe_misfit", "make_error_problem", "make_problem"]


def make_problem(status: int, detail: str, next_step: str = "", headers: dict[str, str] | None = None) -> JSONResponse:
    """Return a problem of an HTTP status: what is wrong in one sentence, and what to do next."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if next_step:
        body["next"] = next_step
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def make_error_problem(error: SoonerError) -> JSONResponse:
    """Return the problem of one of our errors: 409 for a conflict or suspension, 403 not allowed, else 400.

    Of a body's field that is wanting, it says what may stand there.
    """
    if isinstance(error, WantingError):
        check, sentence = error.wants[0].check, error.wants[0].sentence
        next_step = sentence.next_step
        if len(sentence.choices) == 1:
            next_step = f"Send {check.field}: {sentence.choices[0]}."
        elif sentence.choices:
            next_step = f"{check.field} is one of: {', '.join(sentence.choices)}."
        return make_problem(check.status, sentence.message, next_step)
    if isinstance(error, ConflictError | BlockedError):
        return make_problem(409, error.message, error.next_step)
    return make_problem(403 if isinstance(error, CharterError) else 400, error.message, error.next_step)


def describe_misfit(errors: Iterable[Mapping[str, Any]], known: Collection[str]) -> str:
    """Say where a body breaks its contract: places by number or by a `known` field's name, never by what was sent."""
    places = []
    for error in list(errors)[:3]:
        parts = [str(part) for part in error.get("loc", ()) if isinstance(part, int) or part in known]
        places.append(f"{'/'.join(parts) or 'body'}: {error.get('type', 'invalid')}")
    return f"The body does not fit the contract ({'; '.join(places)})."
