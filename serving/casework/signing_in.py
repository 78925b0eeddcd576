"""Signing in and out."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from serving.casework.demo_people import list_people, refuse_connection
from serving.casework.visit import Visit
from serving.session import COOKIE, KEPT_HOURS

__all__ = ["begin_session", "end_session", "show_first_page", "show_sign_in"]


def show_first_page(visit: Visit) -> Response:
    """Send everybody to their own first page."""
    links = visit.links()
    return visit.go_to(links[0]["href"] if links else "/sign-in")


def show_sign_in(visit: Visit) -> Response:
    """Show who can sign in: the demonstration's people, or nobody."""
    desk = visit.desk
    error = refuse_connection(visit.request) if desk.demo else ""
    people = list_people(desk.invocation.council.teams, desk.roles).values()
    ended = visit.request.query_params.get("ended", "")
    return visit.render("sign_in.html", demo=desk.demo and not error, error=error, people=people, ended=ended)


def begin_session(visit: Visit) -> Response:
    """Begin a session of the demonstration."""
    desk = visit.desk
    if not desk.demo or refuse_connection(visit.request):
        raise HTTPException(403)
    person = list_people(desk.invocation.council.teams, desk.roles).get(visit.fields.get("who", ""))
    if person is None:
        raise HTTPException(403)
    desk.store.log(person.identity, "session.begun", purpose="display")
    response = visit.go_to("/")
    response.set_cookie(
        COOKIE,
        desk.sessions.begin(person.identity),
        max_age=KEPT_HOURS * 3600,
        httponly=True,
        samesite="strict",
        secure=visit.request.url.scheme == "https",
    )
    return response


def end_session(visit: Visit) -> Response:
    """End the session."""
    response = visit.go_to("/sign-in")
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response
