"""A manager's page: places, waiting, and the second look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.council.council import Team
from charter.errors import UsageError
from charter.rules.showing import Asking, find_refusals
from serving.asking_to_show import keep_shown
from serving.casework.facts import list_sights
from serving.casework.managing.list_history import ListOfWeek, MovedCase, read_history, read_moves
from serving.casework.managing.places_by_week import WHY, PlacesOfWeek, change_places, find_most, list_weeks
from serving.casework.managing.team_cover_form import CoverLine, list_cover, set_cover
from serving.casework.second_look import VIEWS, KindTally, Look, draw_looks, tally_looks
from serving.casework.view import STATUS, describe_list, make_reference, write_day
from serving.casework.visit import Visit
from serving.casework.wanting import require_case
from serving.casework.working.notices import find_notice
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.strengths import sort_strengths
from serving.store.store import IssuedList, write_moment

__all__ = ["TeamFigures", "change_team", "give_second_look", "request_refresh", "show_second_look", "show_teams"]

_OPEN = ("new", "deferred")
_KINDS = {
    "agreed": "Where the list was agreed with",
    "overridden": "Where it was not",
    "below": "Just below the line",
}


@dataclass(frozen=True)
class TeamFigures:
    """What the page says of one team: `conflicts` are (case id, words); `refresh_day` when a new list was asked."""

    team: Team
    header: IssuedList | None
    words: str = ""
    waiting: int = 0
    decided: Sequence[tuple[str, int]] = ()
    sample: Sequence[Look] = ()
    tally: Sequence[KindTally] = ()
    conflicts: Sequence[tuple[str, str]] = ()
    refresh_day: str = ""
    history: Sequence[ListOfWeek] = ()
    moves: Sequence[MovedCase] = ()
    weeks: Sequence[PlacesOfWeek] = ()
    most: int = 0
    cover: Sequence[CoverLine] = ()
    others: Sequence[Team] = ()


@dataclass(frozen=True)
class _Mistake:
    """A form of one team that can't be kept: which one, why, and what was typed."""

    form: str
    team: str
    words: str
    typed: Mapping[str, str]

    @property
    def field(self) -> str:
        """The first field of that form, where its error summary leads."""
        return {"places": "places", "cover": "by"}[self.form]


def show_teams(visit: Visit) -> Response:
    """Show a manager's own teams: places, waiting, decided, and a second look drawn by lot."""
    return _render_teams(visit)


_FORMS: Mapping[str, Callable[[Visit], Response]] = {"places": change_places, "cover": set_cover}


def change_team(visit: Visit) -> Response:
    """Keep places of a week, or cover; what can't be kept is said beside what was typed."""
    form = visit.request.url.path.rpartition("/")[2]
    try:
        return _FORMS[form](visit)
    except UsageError as error:
        return _render_teams(visit, _Mistake(form, visit.fields.get("team", ""), str(error).strip(), visit.fields))


def _render_teams(visit: Visit, mistake: _Mistake | None = None) -> Response:
    desk, identity = visit.desk, visit.identity
    counts = desk.store.counts(desk.programme)
    teams = [
        _count_team(desk, team, counts.get(team.id, {}), identity)
        for team in desk.invocation.council.teams
        if identity.may("manager.read", team.id)
    ]
    desk.store.log(identity, "manager.viewed", purpose="display")
    return visit.render(
        "manager.html",
        400 if mistake else 200,
        title="Managing the lists",
        teams=teams,
        kinds=_KINDS,
        why=WHY,
        notice=find_notice(visit),
        mistake=mistake,
        error_list=[{"text": mistake.words, "href": f"#{mistake.field}-{mistake.team}"}] if mistake else [],
        today=desk.today().isoformat(),
    )


def _count_team(desk: Desk, team: Team, counts: Mapping[str, int], identity: Identity) -> TeamFigures:
    header = desk.store.current_list(desk.programme, team.id)
    if header is None:
        return TeamFigures(team, None, cover=list_cover(desk, team), others=desk.others(team))
    sample = _draw_sample(desk, team.id, identity)
    refresh = desk.store.refresh_asked(desk.programme, header.id)
    return TeamFigures(
        team=team,
        header=header,
        words=describe_list(header, desk.day),
        waiting=sum(counts.get(status, 0) for status in _OPEN),
        decided=[(STATUS[status], number) for status, number in sorted(counts.items()) if status not in _OPEN],
        sample=sample,
        tally=tally_looks(sample),
        conflicts=_list_conflicts(desk, header, identity),
        refresh_day=write_day(desk.day(refresh)) if refresh else "",
        history=read_history(desk, team.id),
        moves=read_moves(desk, identity, team.id, {each.id: each.title for each in desk.invocation.council.teams}),
        weeks=list_weeks(desk, team),
        most=find_most(desk, team),
        cover=list_cover(desk, team),
        others=desk.others(team),
    )


def request_refresh(visit: Visit) -> Response:
    """Ask for a new list before this one ends; the next ranking makes it."""
    store, programme, team = visit.desk.store, visit.desk.programme, visit.fields.get("team", "")
    identity = visit.require("list.refresh", team)
    header = store.current_list(programme, team)
    if header is None:
        raise HTTPException(404)
    if store.refresh_asked(programme, header.id) is None:
        store.log(identity, "refresh.asked", subject=f"{programme}/{header.id}", purpose="rank")
    return visit.go_to("/manager")


def _list_conflicts(desk: Desk, header: IssuedList, identity: Identity) -> list[tuple[str, str]]:
    """Return the cases that wait for somebody who doesn't know the family, unless this manager does too."""
    if find_refusals(Asking("list", desk.standing(header.team, header.bundle, header))):
        return []
    worked = [referral for referral in desk.store.worked(header, write_moment()) if referral.status in _OPEN]
    waiting = {referral.id: referral for referral in keep_shown(desk, identity, "list", worked)}
    conflicts = desk.store.conflicts(list(waiting))
    return [(name, f"Case {make_reference(waiting[name])}") for name in sorted(conflicts)]


def _draw_sample(desk: Desk, team: str, identity: Identity) -> list[Look]:
    """Return the sample without families that this manager knows: the figures wait for nobody who may not look."""
    families = desk.store.families_known(identity)
    looks = draw_looks(desk.store, desk.programme, team, desk.settings.second_look)
    return [look for look in looks if look.referral.id not in families]


def _find_look(visit: Visit) -> tuple[Team, Look]:
    """Return the case of the sample that is asked for, and its team; refuse any other."""
    desk, identity = visit.desk, visit.identity
    for team in desk.invocation.council.teams:
        if identity.may("manager.read", team.id) and desk.store.lists(desk.programme, team.id):
            looks = draw_looks(desk.store, desk.programme, team.id, desk.settings.second_look)
            for look in looks:
                if look.id == visit.request.path_params["look"]:
                    require_case(desk, identity, look.referral, "second_look")
                    return team, look
    raise HTTPException(404)


def show_second_look(visit: Visit) -> Response:
    """Show one case of the sample without names, place, or what was decided."""
    desk = visit.desk
    team, look = _find_look(visit)
    desk.store.log(visit.identity, "second_look.viewed", subject=look.referral.id, purpose="evaluate")
    record, manifest = desk.record(look.referral), desk.manifest(look.referral.bundle)
    return visit.render(
        "blind.html",
        title=f"Second look: {look.words}",
        team=team,
        judged=look.view,
        action=f"/manager/second-look/{look.id}",
        hidden={},
        back={"text": "Managing the lists", "href": "/manager"},
        ages=[person.age for person in record.people],
        reasons=record.reasons,
        seeing=list_sights(record, manifest),
        strengths=sort_strengths(record, manifest, desk.usual(record)),
        as_of=record.as_of,
        views=VIEWS,
    )


def give_second_look(visit: Visit) -> Response:
    """Record what the manager would do, then go on to the next."""
    desk = visit.desk
    team, look = _find_look(visit)
    view = visit.fields.get("view", "")
    if view not in VIEWS:
        return visit.go_to(f"/manager/second-look/{look.id}")
    if not look.view:
        detail = {"view": view, "kind": look.kind}
        desk.store.log(visit.identity, "second_look.given", subject=look.referral.id, purpose="evaluate", detail=detail)
    following = next((look for look in _draw_sample(desk, team.id, visit.identity) if not look.view), None)
    return visit.go_to(f"/manager/second-look/{following.id}" if following else "/manager")
