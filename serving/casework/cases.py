"""A case: reading it, giving one's own view first, answering what its household says against it."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from serving.casework.case.glance import view_glance
from serving.casework.case.timeline_page import view_timeline
from serving.casework.view import make_reference, view_case
from serving.casework.visit import Visit
from serving.casework.working.after_help import view_answer
from serving.casework.working.agreeing import view_agreement
from serving.casework.working.case_file import open_file
from serving.casework.working.case_list import name_team
from serving.casework.working.handing_over import view_passages
from serving.casework.working.notices import find_notice
from serving.casework.working.queue import read_queue
from serving.casework.working.reporting import view_reports
from serving.store.audit_log import NEED_SEEN
from serving.store.challenges import OUTCOMES, keep_answer, read_challenges
from serving.store.papers import DRAFT

__all__ = ["answer_challenge", "give_own_view", "show_case"]

_OWN_VIEWS = (
    ("offer", "I would offer help"),
    ("wait", "I would make no contact now"),
    ("unsure", "I can’t tell without the reasons"),
)


def show_case(visit: Visit) -> Response:
    """Show one case."""
    desk, referral, team, identity = visit.desk, visit.referral, visit.team, visit.identity
    file = open_file(visit, "case")
    record = file.record
    opening = desk.store.opened_by_others(identity, [referral.id]).get(referral.id)
    desk.store.log(identity, "referral.viewed", subject=referral.id, purpose="display")
    decisions = desk.store.decisions(referral.id)
    roles = desk.roles.ids_of(identity.role)
    holder = desk.store.picks([referral.id]).get(referral.id)
    queue = read_queue(desk, identity, team)
    following = queue.following(referral.id)
    problem = "Choose your decision." if visit.request.query_params.get("problem") == "1" else ""
    return visit.render(
        "case.html",
        manifest=file.manifest,
        title=f"Case {make_reference(referral)}",
        team=team,
        case=view_case(file, desk.settings, desk.usual(record), decisions, desk.day),
        glance=view_glance(file, roles),
        timeline=view_timeline(file, roles, visit.request.query_params),
        challenges=read_challenges(desk.vault, [referral.id]),
        outcomes=list(OUTCOMES.items()),
        reports=view_reports(visit, desk.store.reports(referral=referral.id, kind="wrong_record"), file.manifest),
        agreement=view_agreement(visit, desk.store.agreement(referral.id)),
        passages=view_passages(desk, referral.id),
        after=view_answer(visit, desk.store.help_answer(referral.id)),
        choices=desk.settings.choices,
        drafts=_list_drafts(visit),
        ask_own_view=desk.asks_own_view(identity, referral),
        own_views=_OWN_VIEWS,
        one_in=desk.settings.own_view.one_in,
        nameless=desk.holds_names_back(referral),
        key=secrets.token_hex(16),
        waits=bool(desk.store.conflicts([referral.id])) and not decisions,
        moved="" if record.team == team.id else name_team(visit, record.team),
        others=desk.others(team) if identity.may("referral.transfer", team.id) else [],
        until=queue.due.get(referral.id, ""),
        mine=holder is not None and holder[0] == identity.user,
        hand=_write_hand(visit, holder),
        opened=f"{desk.roles.title(opening.role)}, at {desk.local_time(opening.at):%H:%M}" if opening else "",
        progress=queue.progress if queue.cases else "",
        following={"id": following.id, "reference": make_reference(following)} if following else None,
        notice=find_notice(
            visit, referral.id,
            link=f"/cases/{following.id}" if following else f"/worklists/{team.id}",
            link_words=f"Next case: {make_reference(following)}" if following else "Nothing waits. Back to the list",
        ),
        error_list=[{"text": problem, "href": "#decide"}] if problem else [],
        as_of=record.as_of,
        case_bundle=referral.bundle,
        snapshot=referral.snapshot,
    )  # fmt: skip


def _list_drafts(visit: Visit) -> frozenset[str]:
    """Return the choices whose form the reader began and has not sent."""
    read, user, case = visit.desk.papers.read, visit.identity.user, visit.referral.id
    if case not in visit.desk.papers.list_cases(DRAFT, user):
        return frozenset()
    return frozenset(choice.id for choice in visit.desk.settings.choices if read(DRAFT, user, f"{case}/{choice.id}"))


def _write_hand(visit: Visit, holder: tuple[str, str] | None) -> str:
    if holder is None:
        return ""
    return "You are working on it." if holder[0] == visit.identity.user else (
        f"{visit.desk.roles.title(holder[1])} is working on it."
    )  # fmt: skip


def give_own_view(visit: Visit) -> Response:
    """Record the reviewer's own view, then show the reasons; or that they see a need at a look, then show its names."""
    store, referral, view = visit.desk.store, visit.referral, visit.fields.get("view", "")
    if view == "need":
        if visit.desk.holds_names_back(referral):
            store.log(visit.identity, NEED_SEEN, subject=referral.id, purpose="display")
        return visit.go_to(f"/cases/{referral.id}?done=need")
    if view in dict(_OWN_VIEWS) and store.own_view(visit.identity, referral.id) is None:
        store.log(visit.identity, "own_view.given", subject=referral.id, purpose="rank", detail={"view": view})
    return visit.go_to(f"/cases/{referral.id}?done=view")


def answer_challenge(visit: Visit) -> Response:
    """Answer what the household says against the referral."""
    desk, fields = visit.desk, visit.fields
    keep_answer(
        desk.vault, desk.store, visit.identity, visit.referral.id, fields.get("challenge", ""),
        outcome=fields.get("outcome", ""), words=fields.get("answer", ""),
    )  # fmt: skip
    return visit.go_to(f"/cases/{visit.referral.id}?done=answered")
