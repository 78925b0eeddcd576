"""The cookies of signing in: a session's, and what is kept sealed in a browser until somebody comes back to it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from serving.access.entrance import LOGIN_SECONDS
from serving.session import KEPT_HOURS, name_cookie

__all__ = [
    "INVITED",
    "LOGIN",
    "drop_cookie",
    "keep_meanwhile",
    "read_cookie",
    "read_session_cookie",
    "set_session_cookie",
]

LOGIN, INVITED = "sooner_login", "sooner_invited"
"""A sign-in that has begun; the code of an invitation that is being taken up. Sent back to /sign-in alone."""
_WHERE = "/sign-in"


def read_session_cookie(request: Request) -> str:
    """Return the token of the session that the browser has, or ''."""
    return request.cookies.get(name_cookie(secure=request.url.scheme == "https"), "")


def set_session_cookie(request: Request, response: Response, token: str) -> None:
    """Give the browser a session's token: for this host and its own pages alone, and out of any script's reach."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        name_cookie(secure=secure), token, max_age=KEPT_HOURS * 3600, httponly=True, samesite="strict", secure=secure
    )


def keep_meanwhile(request: Request, response: Response, name: str, value: str) -> None:
    """Keep something sealed in the browser for some minutes. Lax: the provider sends the browser back by a link."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        _name(request, name), value, max_age=LOGIN_SECONDS, path=_WHERE, httponly=True, samesite="lax", secure=secure
    )


def read_cookie(request: Request, name: str) -> str:
    """Return what was kept in the browser, or ''."""
    return request.cookies.get(_name(request, name), "")


def drop_cookie(request: Request, response: Response, name: str) -> None:
    """Throw away what was kept in the browser."""
    secure = request.url.scheme == "https"
    response.delete_cookie(_name(request, name), path=_WHERE, httponly=True, samesite="lax", secure=secure)


def _name(request: Request, name: str) -> str:
    """Return what a cookie is called: over TLS so that no page without it can set it."""
    return f"__Secure-{name}" if request.url.scheme == "https" else name
