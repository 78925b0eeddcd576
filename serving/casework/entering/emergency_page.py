"""Access in an emergency: a code that was opened with a reason and an end, used once, reviewed the next day."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from serving.access.standing import EMERGENCY
from serving.casework.entering.signing_in import enter
from serving.casework.visit import Visit
from serving.session import Beginning

__all__ = ["enter_in_emergency", "show_emergency"]


def show_emergency(visit: Visit) -> Response:
    """Ask for the code."""
    return visit.render("emergency.html", wrong=False)


def enter_in_emergency(visit: Visit) -> Response:
    """Begin the session that a code opens, until the emergency's end."""
    desk = visit.desk
    emergency = desk.emergencies.use(visit.fields.get("code", ""))
    roles = desk.sign_in.rules.emergency.roles
    if emergency is None or emergency.role not in roles or desk.roles.get(emergency.role) is None:
        return visit.render("emergency.html", 403, wrong=True)
    desk.store.log(emergency.identity, "emergency.used", subject=emergency.id, purpose="display")
    how = Beginning(way=EMERGENCY, proof=f"emergency-{emergency.id}", ends_at=datetime.fromisoformat(emergency.ends_at))
    return enter(visit, emergency.identity, how, visit.go_to("/"))
