"""Signing in with the council's own provider, or by its proxy: out, back, and the choice of a role.

    GET  /sign-in/with/{provider}   sends the browser to the provider, and keeps the beginning sealed in it
    GET  /sign-in/back/{provider}   takes what it brings back; a session begins, or one chooses a role first
    POST /sign-in/role              begins in the chosen role
    POST /sign-in/proxy             begins as the proxy's signed header says

Whoever comes back is always let in to their own first page: no address that somebody sent is followed.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import replace
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.errors import CharterError
from serving.access.provider import Belonging, Login, OpenIDProvider, UnreachableProviderError
from serving.access.standing import GUEST, PROVIDER, PROXY
from serving.access.tokens import RefusedTokenError
from serving.casework.entering.cookies import (
    INVITED,
    LOGIN,
    drop_cookie,
    keep_meanwhile,
    read_cookie,
    read_session_cookie,
    set_session_cookie,
)
from serving.casework.entering.signing_in import enter, render_sign_in
from serving.casework.visit import Visit
from serving.identity import Identity
from serving.session import CHOOSING, Beginning

__all__ = ["begin_by_proxy", "choose_role", "come_back", "go_to_provider"]

_ANSWER = frozenset({"code", "state", "iss", "error"})
_LOG = logging.getLogger("sooner.sign_in")


def go_to_provider(visit: Visit) -> Response:
    """Send the browser to a provider."""
    provider = _find_provider(visit)
    login, address = provider.begin(_back_address(visit, provider), read_cookie(visit.request, INVITED))
    response = visit.go_to(address)
    keep_meanwhile(visit.request, response, LOGIN, visit.desk.entrance.seal_login(login))
    return response


def come_back(visit: Visit) -> Response:
    """Let in whoever a provider sent back, or say that nobody was, and why."""
    provider = _find_provider(visit)
    try:
        login = visit.desk.entrance.open_login(read_cookie(visit.request, LOGIN))
        if login.provider != provider.row.id:
            raise RefusedTokenError("another provider answered")
        answer = {name: value for name, value in visit.request.query_params.items() if name in _ANSWER}
        belonging = provider.finish(login, answer, _back_address(visit, provider))
        response = _let_in(visit, provider, login, belonging)
    except CharterError as error:
        _LOG.warning("a sign-in was refused: %s", error.message)
        status = 503 if isinstance(error, UnreachableProviderError) else 403
        response = render_sign_in(visit, f"{error.message[:1].upper()}{error.message[1:]} {error.next_step}", status)
    drop_cookie(visit.request, response, LOGIN)
    drop_cookie(visit.request, response, INVITED)
    return response


def choose_role(visit: Visit) -> Response:
    """Begin in the role that somebody chose of theirs."""
    sessions = visit.desk.sessions
    row = sessions.read_row(read_session_cookie(visit.request), CHOOSING)
    if row is None or not hmac.compare_digest(sessions.form_token(row), visit.fields.get("form_token", "")):
        raise HTTPException(403, "form")
    user, groups = str(row.held.get("user", "")), frozenset(row.held.get("groups", ()))
    standings = visit.desk.sign_in.rules.standings(row.provider, user, groups)
    role = visit.fields.get("role", "")
    if role not in standings or visit.desk.roles.get(role) is None:
        raise HTTPException(403)
    how = Beginning(way=PROVIDER, provider=row.provider, held=row.held)
    return enter(visit, Identity(user, role, standings[role]), how, visit.go_to("/"))


def begin_by_proxy(visit: Visit) -> Response:
    """Begin a session of whomever the proxy's signed header names; it holds while the header does."""
    belonging, provider = visit.desk.entrance.read_header(visit.request.headers)
    standings = visit.desk.sign_in.rules.standings(provider, belonging.user, belonging.groups)
    role = visit.fields.get("role", "")
    if role not in standings or visit.desk.roles.get(role) is None:
        raise HTTPException(403)
    how = Beginning(way=PROXY, provider=provider, held=_hold(belonging))
    return enter(visit, Identity(belonging.user, role, standings[role]), how, visit.go_to("/"))


def _let_in(visit: Visit, provider: OpenIDProvider, login: Login, belonging: Belonging) -> Response:
    """Begin a session of whoever it is: a guest, somebody of one role, or one who chooses among theirs first."""
    desk = visit.desk
    # The beginning is used once, whoever has its cookie: a second session with its proof can't be added.
    proof = hashlib.sha256(login.state.encode()).hexdigest()
    how = Beginning(way=PROVIDER, provider=login.provider, proof=proof, held=_hold(belonging))
    standings = {
        role: teams
        for role, teams in desk.sign_in.rules.standings(login.provider, belonging.user, belonging.groups).items()
        if desk.roles.get(role) is not None
    }
    if login.invited or not standings:
        return _let_guest_in(visit, provider, login, belonging, how)
    if len(standings) == 1:
        role, teams = next(iter(standings.items()))
        return enter(visit, Identity(belonging.user, role, teams), how, visit.render("signed_in.html"))
    roles = sorted(standings, key=desk.roles.title)
    token = desk.entrance.begin(
        Identity(belonging.user, roles[0], frozenset()), replace(how, kind=CHOOSING), read_session_cookie(visit.request)
    )
    row = desk.sessions.read_row(token, CHOOSING)
    form_token = desk.sessions.form_token(row) if row else ""
    titles = [(role, desk.roles.title(role)) for role in roles]
    response = visit.render("choose_role.html", roles=titles, choosing_token=form_token)
    set_session_cookie(visit.request, response, token)
    return response


def _let_guest_in(
    visit: Visit, provider: OpenIDProvider, login: Login, belonging: Belonging, how: Beginning
) -> Response:
    """Begin a guest's session: invited, with a second factor, until their invitation ends at the latest."""
    invitations = visit.desk.invitations
    invitation = invitations.of(login.provider, belonging.user)
    if not login.invited and invitation is None:
        raise CharterError(
            "your account is in no group that may sign in here.", "Ask your manager, or whoever invited you."
        )
    if not belonging.second_factor:
        raise CharterError("guests sign in with a second factor, and there was none.", "Set one up and sign in again.")
    if login.invited:
        invitation = invitations.take_up(login.invited, provider.row.id, belonging.user) or invitation
    if invitation is None or not invitation.holds(datetime.now(UTC)):
        raise CharterError("your invitation has ended, or was taken up before.", "Ask whoever invited you for another.")
    identity = Identity(invitation.user, invitation.role, invitation.teams)
    how = replace(how, way=GUEST, ends_at=datetime.fromisoformat(invitation.ends_at))
    return enter(visit, identity, how, visit.render("signed_in.html"))


def _hold(belonging: Belonging) -> dict[str, object]:
    return {"user": belonging.user, "groups": sorted(belonging.groups), "tokens": dict(belonging.tokens)}


def _find_provider(visit: Visit) -> OpenIDProvider:
    provider = visit.desk.sign_in.provider(visit.request.path_params["provider"])
    if provider is None:
        raise HTTPException(404)
    return provider


def _back_address(visit: Visit, provider: OpenIDProvider) -> str:
    """Return where the provider sends the browser back to: one address for each, so that answers can't be mixed up."""
    base = visit.desk.sign_in.rules.address or f"{visit.request.url.scheme}://{visit.request.url.netloc}"
    return f"{base.rstrip('/')}/sign-in/back/{provider.row.id}"
