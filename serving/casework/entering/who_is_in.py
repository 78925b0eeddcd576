"""Who is signed in, guests, and access in an emergency: for managers of their own teams, and for security officers.

A manager sees whoever acts for one of their teams; whoever may do `access.manage` sees all. Nothing says what somebody
read: that is the log's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.errors import UsageError
from charter.plain_text import is_whole
from serving.casework.view import write_day
from serving.casework.visit import Visit
from serving.desk import Desk
from serving.store.emergencies import OUTCOMES, Emergency
from serving.store.invitations import Invitation
from serving.store.session_rows import SessionRow
from serving.store.store import write_moment

__all__ = ["end_guest", "end_somebody", "invite_guest", "review_emergency", "show_access"]

MANAGE = "access.manage"
_WAYS = {
    "demo": "the demonstration",
    "provider": "the council’s sign-in",
    "guest": "an invitation",
    "proxy": "the council’s proxy",
    "emergency": "an emergency",
}


@dataclass(frozen=True)
class SomebodyIn:
    """Somebody who is signed in, as a manager sees them."""

    user: str
    role: str
    teams: str
    way: str
    since: str
    until: str
    own: bool


def show_access(visit: Visit) -> Response:
    """Show who is signed in; to whoever manages access, guests and emergencies too."""
    desk, identity = visit.desk, visit.identity
    manages = identity.may(MANAGE)
    desk.store.log(identity, "access.viewed", purpose="display")
    return visit.render(
        "access.html",
        people=[_describe_session(visit, row) for row in _list_visible(visit)],
        manages=manages,
        guests=[_describe_guest(desk, one) for one in desk.invitations.list_all()] if manages else (),
        emergencies=[_describe_emergency(visit, one) for one in desk.emergencies.list_all()] if manages else (),
        guest_roles=[(role, desk.roles.title(role)) for role in sorted(desk.sign_in.rules.guests.roles)],
        teams=desk.invocation.council.teams,
        longest_days=desk.sign_in.rules.guests.longest_days,
        done=_DONE.get(visit.request.query_params.get("done", ""), ""),
    )


_DONE = {
    "ended": "Ended: whoever it was must sign in again, and their open pages shut within a minute.",
    "guest": "The invitation has ended, and with it the guest’s sessions.",
    "reviewed": "The review is kept.",
}


def end_somebody(visit: Visit) -> Response:
    """End every session of somebody whom one sees."""
    who = visit.fields.get("who", "")
    if who not in {row.actor for row in _list_visible(visit)}:
        raise HTTPException(404)
    visit.desk.sessions.end_of(who, "manager", visit.identity)
    return visit.go_to("/access?done=ended")


def invite_guest(visit: Visit) -> Response:
    """Invite a guest; the code is shown this once."""
    desk, fields = visit.desk, visit.fields
    rules = desk.sign_in.rules.guests
    role, days = fields.get("role", ""), fields.get("days", "")
    teams = frozenset({fields["team"]} if fields.get("team") else ())
    team_ids = {team.id for team in desk.invocation.council.teams}
    fits = role in rules.roles and desk.roles.get(role) is not None and teams <= team_ids
    if not fits or not is_whole(days) or not 1 <= int(days) <= rules.longest_days:
        raise UsageError(
            f"a guest has a role for guests, a team there is or none, and 1 to {rules.longest_days} days.",
            "Open the page again and choose.",
        )
    last = datetime.combine(desk.today() + timedelta(days=int(days)), time.min, desk.invocation.council.time_zone)
    invitation, code = desk.invitations.make(visit.identity, role, teams, last.astimezone(UTC))
    detail = {"role": role, "teams": sorted(teams), "until": invitation.ends_at}
    desk.store.log(visit.identity, "guest.invited", subject=invitation.id, purpose="display", detail=detail)
    code_words = " ".join(code[at : at + 4] for at in range(0, len(code), 4))
    return visit.render(
        "invitation.html", code=code_words, role=desk.roles.title(role), until=write_day(desk.day(invitation.ends_at))
    )


def end_guest(visit: Visit) -> Response:
    """End a guest's invitation and their sessions."""
    desk = visit.desk
    invitation = desk.invitations.find(visit.fields.get("guest", ""))
    if invitation is None:
        raise HTTPException(404)
    if desk.invitations.end(invitation.id, visit.identity):
        desk.store.log(visit.identity, "guest.ended", subject=invitation.id, purpose="display")
    desk.sessions.end_of(invitation.user, "invitation", visit.identity)
    return visit.go_to("/access?done=guest")


def review_emergency(visit: Visit) -> Response:
    """Keep what somebody else's emergency access was found to be."""
    desk, outcome = visit.desk, visit.fields.get("outcome", "")
    emergency = desk.emergencies.find(visit.fields.get("emergency", ""))
    if emergency is None:
        raise HTTPException(404)
    if outcome not in OUTCOMES or not desk.emergencies.review(emergency.id, visit.identity, outcome):
        raise UsageError("somebody else reviews an emergency, and once.", "Ask a colleague.")
    detail = {"outcome": outcome, "whose": emergency.actor}
    desk.store.log(visit.identity, "emergency.reviewed", subject=emergency.id, purpose="display", detail=detail)
    return visit.go_to("/access?done=reviewed")


def _list_visible(visit: Visit) -> Sequence[SessionRow]:
    """Return the open sessions that whoever asks may see."""
    identity = visit.identity
    rows = visit.desk.sessions.rows.list_open(write_moment())
    return rows if identity.may(MANAGE) else [row for row in rows if row.teams & identity.teams]


def _describe_session(visit: Visit, row: SessionRow) -> SomebodyIn:
    desk = visit.desk
    titles = {team.id: team.title for team in desk.invocation.council.teams}
    return SomebodyIn(
        row.actor,
        desk.roles.title(row.role),
        ", ".join(titles.get(team, team) for team in sorted(row.teams)),
        _WAYS.get(row.way, row.way),
        f"{desk.local_time(row.began_at):%H:%M}",
        f"{desk.local_time(row.ends_at):%H:%M}",
        row.actor == visit.identity.user,
    )


def _describe_guest(desk: Desk, one: Invitation) -> dict[str, Any]:
    holds = one.holds(datetime.now(UTC))
    state = "came" if one.subject else "has not come yet"
    return {
        "id": one.id,
        "user": one.user,
        "role": desk.roles.title(one.role),
        "sponsor": one.sponsor,
        "until": write_day(desk.day(one.ends_at)),
        "state": state if holds else "ended",
        "holds": holds,
    }


def _describe_emergency(visit: Visit, one: Emergency) -> dict[str, Any]:
    desk = visit.desk
    acts = desk.store.count_acts(one.actor, one.opened_at, one.ends_at)
    return {
        "id": one.id,
        "user": one.actor,
        "role": desk.roles.title(one.role),
        "reason": one.reason,
        "day": write_day(desk.day(one.opened_at)),
        "from": f"{desk.local_time(one.opened_at):%H:%M}",
        "until": f"{desk.local_time(one.ends_at):%H:%M}",
        "used": bool(one.used_at),
        "acts": sorted(acts.items()),
        "outcome": {"in_order": "In order", "not_in_order": "Not in order"}.get(one.outcome, ""),
        "overdue": one.overdue(datetime.now(UTC)),
        "own": one.actor == visit.identity.user,
    }
