"""More read than is usual: whoever read it says why, and the data protection officer sees the same line with it.

It is asked while the day is fresh, kept for 90 days, and shown to nobody who manages anybody: how much somebody reads
says nothing about how well they work.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.responses import Response

from serving.casework.visit import Visit
from serving.casework.working.notices import find_notice
from serving.store.counting.readings import KEPT_DAYS, LONGEST_REASON, UnusualReading

__all__ = ["say_why", "show_own_reading", "show_unusual_reading"]

_WHAT = {
    "cases_outside": ("cases that are on no newest list of your teams and not your own", "cases outside their lists"),
    "addresses": ("addresses that you asked about", "addresses asked about"),
}


def show_own_reading(visit: Visit) -> Response:
    """Show whoever is signed in the days on which they read more than is usual, each with room to say why."""
    lines = visit.desk.store.list_unusual(visit.desk.today(), visit.identity.user)
    return visit.render(
        "own_reading.html",
        lines=[_view_reading(visit, line, own=True) for line in lines],
        kept=KEPT_DAYS,
        longest=LONGEST_REASON,
        notice=find_notice(visit),
    )


def say_why(visit: Visit) -> Response:
    """Keep why somebody read so much."""
    visit.desk.store.say_why(visit.identity, visit.fields.get("reading", ""), visit.fields.get("reason", ""))
    return visit.go_to("/own-reading?done=explained")


def show_unusual_reading(visit: Visit) -> Response:
    """Show everybody's days on which more than usual was read, with what they said; that it was looked at is logged."""
    lines = visit.desk.store.list_unusual(visit.desk.today())
    visit.desk.store.log(visit.identity, "readings.read", purpose="evaluate", detail={"days": len(lines)})
    return visit.render(
        "unusual_reading.html", lines=[_view_reading(visit, line, own=False) for line in lines], kept=KEPT_DAYS
    )


def _view_reading(visit: Visit, line: UnusualReading, *, own: bool) -> dict[str, Any]:
    return {
        "id": line.id,
        "day": date.fromisoformat(line.day),
        "who": line.who,
        "role": visit.desk.roles.title(line.role),
        "count": line.count,
        "usual": line.usual,
        "what": _WHAT[line.what][0 if own else 1],
        "reason": line.reason,
    }
