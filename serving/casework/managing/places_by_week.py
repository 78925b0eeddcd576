"""Places by week: what a manager takes off the signed most for sickness or leave, before the list of that week is made.

The most is the council's ([[team.offer]] of council.toml); a manager can say fewer for a week, never more. The next
ranking of that week makes the list so, and what was said is a line of the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.council.council import Team
from charter.errors import UsageError
from charter.plain_text import is_whole
from serving.casework.visit import Visit
from serving.desk import Desk
from serving.ranking.reasons import write_day
from serving.store.audit_log import find_monday

__all__ = ["WHY", "PlacesOfWeek", "change_places", "find_most", "list_weeks"]

WHY = {"sickness": "Sickness", "leave": "Leave", "vacancy": "A post is empty", "back": "Somebody is back"}
_WEEKS = 8


@dataclass(frozen=True)
class PlacesOfWeek:
    """One week: its Monday, in ISO 8601 and in words, and how many places it has, changed or not."""

    monday: str
    words: str
    places: int
    changed: bool


def find_most(desk: Desk, team: Team) -> int:
    """Return the signed most of a team's list."""
    return int(team.places * desk.settings.capacity.weeks + 1e-6)


def list_weeks(desk: Desk, team: Team) -> list[PlacesOfWeek]:
    """Return this week and those after it, with their places."""
    first, most = find_monday(desk.today()), find_most(desk, team)
    weeks = []
    for number in range(_WEEKS):
        monday = first + timedelta(weeks=number)
        said = desk.store.places_set(desk.programme, team.id, monday)
        places = most if said is None else min(said, most)
        weeks.append(PlacesOfWeek(monday.isoformat(), write_day(monday), places, places != most))
    return weeks


def change_places(visit: Visit) -> Response:
    """Note how many places a week has; refuse more than the signed most, and a week that is over or far away."""
    desk, fields = visit.desk, visit.fields
    identity = visit.require("list.refresh", fields.get("team", ""))
    team = desk.team(fields.get("team", ""))
    if team is None:
        raise HTTPException(404)
    most, places = find_most(desk, team), fields.get("places", "").strip()
    if fields.get("week", "") not in {week.monday for week in list_weeks(desk, team)} or fields.get("why") not in WHY:
        raise UsageError("Choose a week and why its places change.", "Go back and choose both.")
    if not is_whole(places) or int(places) > most:
        raise UsageError(
            f"Places are a whole number from 0 to {most}, the most that was signed.",
            "More than that is the council's to sign, in council.toml.",
        )
    monday = date.fromisoformat(fields["week"])
    desk.store.set_places(identity, desk.programme, team.id, monday, int(places), fields["why"])
    return visit.go_to("/manager?done=places")
