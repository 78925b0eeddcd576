"""Cover: a manager lets another team see and decide for theirs between two days, and ends it.

Whoever may move a case to another team may let that team in for a while. What council.toml says of cover stands beside
and is ended there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.council.council import Team
from charter.errors import UsageError
from serving.casework.visit import Visit
from serving.desk import Desk
from serving.ranking.reasons import write_day

__all__ = ["CoverLine", "end_cover", "find_form_fault", "list_cover", "set_cover"]

_WEEKS = 12
"""How many weeks ahead a manager can say it; longer is the council's to write in council.toml."""


@dataclass(frozen=True)
class CoverLine:
    """One cover in words; `name` ends it, '' where it is council.toml's."""

    words: str
    name: str = ""


def list_cover(desk: Desk, team: Team) -> list[CoverLine]:
    """Return who stands in for a team, today or later."""
    titles = {each.id: each.title for each in desk.invocation.council.teams}
    today = desk.today()
    written = [
        CoverLine(f"{_write_cover(titles.get(cover.by, cover.by), cover.start, cover.end)}, as council.toml has it")
        for cover in team.cover
        if cover.end > today
    ]
    lines = [
        CoverLine(_write_cover(titles.get(cover.by, cover.by), cover.start, cover.end), cover.name)
        for cover in desk.store.covers([team.id], today)
    ]
    return [*written, *lines]


def _write_cover(title: str, start: date, end: date) -> str:
    first, last = write_day(start), write_day(end - timedelta(days=1))
    return f"{title} stands in on {first}" if first == last else f"{title} stands in from {first} to {last}"


def set_cover(visit: Visit) -> Response:
    """Let another team stand in; raise UsageError for days or a team that can't be."""
    desk, fields = visit.desk, visit.fields
    identity = visit.require("referral.transfer", fields.get("team", ""))
    team = desk.team(fields.get("team", ""))
    if team is None:
        raise HTTPException(404)
    fault = find_form_fault(desk, team, fields)
    if fault:
        raise UsageError(fault, "")
    start, last = (date.fromisoformat(fields[name]) for name in ("first", "last"))
    desk.store.set_cover(identity, team.id, fields["by"], start, last + timedelta(days=1))
    return visit.go_to("/manager?done=cover")


def find_form_fault(desk: Desk, team: Team, fields: Mapping[str, str]) -> str:
    """Return what is wrong with a form of cover, '' for nothing."""
    if fields.get("by", "") not in {other.id for other in desk.others(team)}:
        return "Choose the team that stands in."
    try:
        first, last = (date.fromisoformat(fields.get(name, "")) for name in ("first", "last"))
    except ValueError:
        return "Give the first and the last day."
    if first < desk.today():
        return "The first day is today or later."
    if last < first:
        return "The last day is the first or later."
    if last > desk.today() + timedelta(weeks=_WEEKS):
        return f"The last day is within {_WEEKS} weeks. Longer is the council’s to write, in council.toml."
    return ""


def end_cover(visit: Visit) -> Response:
    """Let a cover hold no more; one that ended meanwhile stays so."""
    desk, team = visit.desk, visit.fields.get("team", "")
    identity = visit.require("referral.transfer", team)
    for cover in desk.store.covers([team], desk.today()):
        if cover.name == visit.fields.get("cover"):
            desk.store.end_cover(identity, cover)
    return visit.go_to("/manager?done=cover_ended")
