"""A team's list, or all one's teams' in one: what waits first; searched, sorted, filtered, a page at a time.

How somebody filtered a list is kept for them, sealed on the server, until they clear it: whoever comes back from a case
finds the list as they left it. Search reads names that this reader may see anyway, with the same line in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from charter.council.council import Team
from charter.plain_text import is_whole
from serving.asking_to_show import UnshownError, require_list
from serving.casework.case.glance import name_people, view_glance
from serving.casework.timeline_view import Entry
from serving.casework.view import STATUS, CaseFile, Row, describe_list, view_row
from serving.casework.visit import Visit
from serving.casework.working.notices import find_notice
from serving.casework.working.queue import Queue, read_queue
from serving.ranking.reasons import write_day
from serving.ranking.standing_in import say_standing_in
from serving.store.papers import FILTERS

__all__ = ["ListedCase", "name_team", "show_all_teams", "show_worklist"]

PAGE = 25
"""So many cases stand on one page."""

WAITS, DECIDED = "waiting", "decided"
_GROUPS = {WAITS: "Waiting for a decision", DECIDED: "Decided"}
_SORTS = {"": "Waiting first, then by place", "change": "Newest change", "youngest": "Youngest child", "name": "Name"}
_KEPT = ("status", "need", "sort", "q")


@dataclass(frozen=True)
class ListedCase:
    """A row of a list, with what the team's work adds to it: words for who has it in hand, and where it came from."""

    row: Row
    team: Team
    waits: bool
    change: Entry | None
    ago: str
    names: tuple[str, ...]
    until: str
    back: bool
    hand: str
    opened: str
    moved: str
    conflict: bool
    youngest: int
    place: int


def name_team(visit: Visit, team_id: str) -> str:
    """Return what a team is called."""
    team = visit.desk.team(team_id)
    return team.title if team else team_id.replace("_", " ")


def show_worklist(visit: Visit) -> Response:
    """Show a team's newest list."""
    desk, team = visit.desk, visit.team
    header = desk.store.current_list(desk.programme, team.id)
    require_list(desk, "list", team.id, header)
    return _show_list(visit, [(team, read_queue(desk, visit.identity, team))], f"/worklists/{team.id}", team.title)


def show_all_teams(visit: Visit) -> Response:
    """Show the lists of all one's teams as one; a team whose list is not shown now is left out, and named."""
    desk, identity = visit.desk, visit.identity
    queues = []
    silent = []
    for team in desk.invocation.council.teams:
        if not identity.may("worklist.read", team.id):
            continue
        header = desk.store.current_list(desk.programme, team.id)
        try:
            require_list(desk, "list", team.id, header)
        except UnshownError:
            silent.append(team.title)
        else:
            queues.append((team, read_queue(desk, identity, team)))
    return _show_list(visit, queues, "/worklists", "All your teams", silent)


def _show_list(
    visit: Visit, queues: Sequence[tuple[Team, Queue]], path: str, title: str, silent: Sequence[str] = ()
) -> Response:
    desk = visit.desk
    headers = [queue.header for _, queue in queues if queue.header]
    if not headers:
        return visit.render("worklist.html", title=title, heading=desk.settings.list.title, path=path, header=None)
    chosen = _read_filters(visit, path)
    cases = _view_cases(visit, queues)
    shown = sorted((case for case in cases if _fits(case, chosen)), key=_sort_key(chosen["sort"]))
    pages = max(1, -(-len(shown) // PAGE))
    number = visit.request.query_params.get("page", "1")
    page = min(max(int(number) if is_whole(number) else 1, 1), pages)
    manifest = desk.manifest(headers[0].bundle)
    present = {case.row.band_id for case in cases}
    waiting = sum(case.waits for case in cases)
    return visit.render(
        "worklist.html",
        manifest=manifest,
        title=title,
        heading=desk.settings.list.title,
        basis=desk.settings.list.basis,
        path=path,
        header=headers[0],
        several=len(queues) > 1,
        silent=silent,
        list_words=describe_list(headers[0], desk.day),
        eligible=sum(header.eligible for header in headers),
        capacity=sum(header.capacity for header in headers),
        expired=any(desk.expired(header) for header in headers),
        notice=find_notice(visit, visit.request.query_params.get("case", "")),
        total=len(cases),
        decided=len(cases) - waiting,
        following=next((case for case in cases if case.waits), None),
        cases=shown[(page - 1) * PAGE : page * PAGE],
        shown=len(shown),
        page=page,
        pages=pages,
        page_links=[(number, _write_address(path, {**chosen, "page": str(number)})) for number in range(1, pages + 1)],
        groups=list(_GROUPS.items()),
        statuses=list(STATUS.items()),
        needs=[need.title for need in desk.settings.needs],
        sorts=list(_SORTS.items()),
        chosen=chosen,
        filtered=any(chosen.values()),
        standing_in=say_standing_in(manifest),
        waivers=manifest.get("decision", {}).get("waivers", []),
        bands=[band for band in manifest.get("bands", ()) if band["id"] in present],
    )


def _read_filters(visit: Visit, path: str) -> Mapping[str, str]:
    """Return how the list is filtered: as asked now, which is kept, or as it was last."""
    query, papers, user = visit.request.query_params, visit.desk.papers, visit.identity.user
    if query.get("clear") == "1":
        papers.drop(FILTERS, user, path)
        return dict.fromkeys(_KEPT, "")
    kept = papers.read(FILTERS, user, path)
    if not any(name in query for name in _KEPT):
        return {name: kept.fields.get(name, "") if kept else "" for name in _KEPT}
    chosen = {name: query.get(name, "").strip()[:100] for name in _KEPT}
    if kept is None or dict(kept.fields) != chosen:
        papers.keep(FILTERS, user, path, chosen)
    return chosen


def _view_cases(visit: Visit, queues: Sequence[tuple[Team, Queue]]) -> list[ListedCase]:
    desk, identity = visit.desk, visit.identity
    referrals = [referral for _, queue in queues for referral in queue.cases]
    ids = [referral.id for referral in referrals]
    records = {referral.id: desk.record(referral) for referral in referrals}
    persons = desk.people(identity, records, "worklist")
    manifests = {bundle: desk.manifest(bundle) for bundle in {referral.bundle for referral in referrals}}
    seeking, roles = desk.seeking_teams(), desk.roles.ids_of(identity.role)
    conflicts, holders, openings = (
        desk.store.conflicts(ids), desk.store.picks(ids), desk.store.opened_by_others(identity, ids),
    )  # fmt: skip
    cases: list[ListedCase] = []
    for team, queue in queues:
        for referral in queue.cases:
            file = CaseFile(referral, records[referral.id], manifests[referral.bundle], persons, seeking)
            glance = view_glance(file, roles)
            holder, opening = holders.get(referral.id), openings.get(referral.id)
            due = queue.due.get(referral.id, "")
            ages = [person.age for person in file.record.people if person.age is not None]
            cases.append(
                ListedCase(
                    row=view_row(file, desk.settings),
                    team=team,
                    waits=queue.waits(referral),
                    change=glance.change,
                    ago=glance.ago,
                    names=name_people(file),
                    until=write_day(due) if due > queue.today else "",
                    back=bool(due) and due <= queue.today,
                    hand="" if holder is None else "you" if holder[0] == identity.user
                    else desk.roles.title(holder[1]),
                    opened=desk.roles.title(opening.role) if opening else "",
                    moved="" if file.record.team == team.id else name_team(visit, file.record.team),
                    conflict=referral.id in conflicts and referral.status in ("new", "deferred"),
                    youngest=min(ages, default=999),
                    place=len(cases),
                )
            )  # fmt: skip
    return cases


def _fits(case: ListedCase, chosen: Mapping[str, str]) -> bool:
    status, need, words = chosen["status"], chosen["need"], chosen["q"].casefold().split()
    if status in (WAITS, DECIDED) and case.waits != (status == WAITS):
        return False
    if status in STATUS and status != case.row.status:
        return False
    text = " ".join([case.row.household, case.row.reference, *case.names]).casefold()
    return (not need or need in case.row.need) and all(word in text for word in words)


def _sort_key(sort: str) -> Callable[[ListedCase], Any]:
    if sort == "change":
        return lambda case: (-(case.change.newest.toordinal() if case.change else 0), case.place)
    if sort == "youngest":
        return lambda case: (case.youngest, case.place)
    if sort == "name":
        return lambda case: (case.row.household.casefold(), case.place)
    return lambda case: (not case.waits, case.row.drawn, case.row.rank, case.place)


def _write_address(path: str, fields: Mapping[str, str]) -> str:
    return f"{path}?{urlencode({name: value for name, value in fields.items() if value})}"
