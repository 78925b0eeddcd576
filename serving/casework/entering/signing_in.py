"""Signing in and out: who may, by which way; the demonstration's people; whether an open page is still open."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.errors import CharterError
from serving.access.standing import DEMO
from serving.casework.demo_people import list_people, refuse_connection
from serving.casework.entering.cookies import read_session_cookie, set_session_cookie
from serving.casework.visit import Visit
from serving.identity import Identity
from serving.session import Beginning, name_cookie

__all__ = [
    "answer_still_open",
    "begin_session",
    "end_session",
    "enter",
    "render_sign_in",
    "show_first_page",
    "show_sign_in",
]

_NO_PAGE = "What your role does is done by commands or by programs; no page here is for it."
ENDED = {
    "kept": "Your session had ended, so nothing was recorded.",
    "lost": "Your session had ended, so nothing was recorded.",
    "shut": "Your session has ended, and its page was shut.",
    "out": "You have signed out.",
}


def show_first_page(visit: Visit) -> Response:
    """Send everybody to their own first page."""
    links = visit.links()
    if visit.session is not None and not links:
        role = visit.desk.roles.title(visit.identity.role)
        return visit.render(
            "message.html", title="You are signed in", message=f"You are in as: {role}.", next_step=_NO_PAGE
        )
    return visit.go_to(links[0]["href"] if links else "/sign-in")


def show_sign_in(visit: Visit) -> Response:
    """Show by which way one can sign in here."""
    return render_sign_in(visit)


def render_sign_in(visit: Visit, refused: str = "", status: int = 200) -> Response:
    """Return the sign-in page; `refused` says why the last attempt let nobody in."""
    desk, rules = visit.desk, visit.desk.sign_in.rules
    error = refuse_connection(visit.request) if desk.demonstrates else ""
    ended = visit.request.query_params.get("ended", "")
    return visit.render(
        "sign_in.html",
        status,
        demo=desk.demonstrates and not error,
        error=error,
        refused=refused,
        people=list_people(desk.invocation.council.teams, desk.roles).values(),
        ended=ended if ended in ENDED else "",
        ended_words=ENDED.get(ended, ""),
        providers=rules.offered,
        proxied=_list_proxied_roles(visit),
        sign_out_addresses=_list_sign_out_addresses(visit) if ended == "out" else (),
        guests=bool(rules.guests.roles) and any(provider.second_factor for provider in rules.offered),
        emergency=bool(rules.emergency.roles),
    )


def _list_proxied_roles(visit: Visit) -> list[tuple[str, str]]:
    """Return the roles that the proxy's signed header gives whoever asks, by id and title."""
    rules = visit.desk.sign_in.rules
    if rules.proxy is None:
        return []
    try:
        belonging, provider = visit.desk.entrance.read_header(visit.request.headers)
    except CharterError:
        return []
    standings = rules.standings(provider, belonging.user, belonging.groups)
    return [(role, visit.desk.roles.title(role)) for role in sorted(standings)]


def _list_sign_out_addresses(visit: Visit) -> list[tuple[str, str]]:
    """Return each provider's own page for signing out, with its title: on a shared desk that matters."""
    table = visit.desk.sign_in
    providers = [(row, table.provider(row.id)) for row in table.rules.offered]
    pages = [(row.title, provider.sign_out_address()) for row, provider in providers if provider]
    return [(title, address) for title, address in pages if address]


def begin_session(visit: Visit) -> Response:
    """Begin a session of the demonstration."""
    desk = visit.desk
    if not desk.demonstrates or refuse_connection(visit.request):
        raise HTTPException(403)
    person = list_people(desk.invocation.council.teams, desk.roles).get(visit.fields.get("who", ""))
    if person is None:
        raise HTTPException(403)
    return enter(visit, person.identity, Beginning(way=DEMO), visit.go_to("/"))


def enter(visit: Visit, identity: Identity, how: Beginning, answer: Response) -> Response:
    """Begin a session, end the one that the browser had, and give its cookie with the answer.

    Raises TooMuchError for one more than somebody may begin in a day.
    """
    visit.desk.how_much.take_sign_in(identity)
    token = visit.desk.entrance.begin(identity, how, before=read_session_cookie(visit.request))
    set_session_cookie(visit.request, answer, token)
    return answer


def end_session(visit: Visit) -> Response:
    """End the session, on the server and in the browser."""
    visit.desk.sessions.end_token(read_session_cookie(visit.request), "signed_out")
    response = visit.go_to("/sign-in?ended=out")
    secure = visit.request.url.scheme == "https"
    response.delete_cookie(name_cookie(secure=secure), httponly=True, samesite="strict", secure=secure)
    return response


def answer_still_open(visit: Visit) -> Response:
    """Say to an open page whether its session is still open: 204, or 401."""
    return Response(status_code=204 if visit.session else 401)
