"""Lists and cases: reading them, deciding, stepping up."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from starlette.responses import Response

from serving.asking_to_show import keep_shown, require_list
from serving.casework.timeline_view import view_timeline
from serving.casework.view import STATUS, CaseFile, describe_list, make_reference, view_case, view_row
from serving.casework.visit import Visit
from serving.casework.wanting import WantingError, file_decision, require_case
from serving.desk import Desk
from serving.store.challenges import OUTCOMES, keep_answer, read_challenges
from serving.store.store import ConflictError, DecisionDraft, write_moment

__all__ = [
    "TRANSFERS",
    "answer_challenge",
    "declare_conflict",
    "give_own_view",
    "record_decision",
    "show_case",
    "show_worklist",
    "step_up_case",
    "transfer_case",
]

_OWN_VIEWS = (
    ("offer", "I would offer help"),
    ("wait", "I would not contact this household now"),
    ("unsure", "I can’t tell without the reasons"),
)
TRANSFERS = {
    "moved_home": "The household lives, or will live, in their wards",
    "known_to_team": "We all know this family",
    "other_help": "Their help fits better",
    "cover": "They stand in for us",
}
"""Why a case may be moved to another team."""

_NOTE, _REFERENCE = 500, 60
_FIELDS: Mapping[str, str] = {
    "disposition": "disposition-1",
    "reason": "reason",
    "safe_to_contact_checked": "safe",
}
"""Where the decision form has what a check finds wanting, by the check's field."""


def show_worklist(visit: Visit) -> Response:
    """Show a team's newest list."""
    desk, team = visit.desk, visit.team
    header = desk.store.current_list(desk.programme, team.id)
    require_list(desk, "list", team.id, header)
    if header is None:
        return visit.render("worklist.html", heading=desk.settings.list.title, team=team, header=None)
    referrals = keep_shown(desk, visit.identity, "list", desk.store.worked(header, write_moment()))
    records = {referral.id: desk.record(referral) for referral in referrals}
    persons = desk.people(visit.identity, records, "worklist")
    manifest = desk.manifest(header.bundle)
    manifests = {bundle: desk.manifest(bundle) for bundle in {referral.bundle for referral in referrals}}
    seeking = desk.seeking_teams()
    rows = [
        view_row(CaseFile(referral, records[referral.id], manifests[referral.bundle], persons, seeking), desk.settings)
        for referral in referrals
    ]
    status, need = visit.request.query_params.get("status", ""), visit.request.query_params.get("need", "")
    return visit.render(
        "worklist.html",
        manifest=manifest,
        title=team.title,
        heading=desk.settings.list.title,
        basis=desk.settings.list.basis,
        team=team,
        header=header,
        list_words=describe_list(header, desk.day),
        expired=desk.expired(header),
        rows=rows,
        conflicts=desk.store.conflicts([referral.id for referral in referrals]),
        moved={name: _team_title(desk, record.team) for name, record in records.items() if record.team != team.id},
        shown=[row for row in rows if status in ("", row.status) and (not need or need in row.need)],
        statuses=list(STATUS.items()),
        needs=[need.title for need in desk.settings.needs],
        chosen_status=status,
        chosen_need=need,
        waivers=manifest.get("decision", {}).get("waivers", []),
        bands=[
            band for band in manifest.get("bands", ()) if any(referral.band == band["id"] for referral in referrals)
        ],
    )


def _team_title(desk: Desk, team_id: str) -> str:
    team = desk.team(team_id)
    return team.title if team else team_id.replace("_", " ")


def show_case(visit: Visit) -> Response:
    """Show one case."""
    return _render_case(visit)


def _render_case(
    visit: Visit, errors: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
) -> Response:
    """Return the case page; `errors` are what is wanting in its forms, by the id of the field."""
    desk, referral, team, identity = visit.desk, visit.referral, visit.team, visit.identity
    require_case(desk, identity, referral, "case", "referral.read")  # a form that wants something shows the case again
    record = desk.record(referral)
    persons = desk.people(identity, {referral.id: record}, "case")
    desk.store.log(identity, "referral.viewed", subject=referral.id, purpose="display")
    manifest = desk.manifest(referral.bundle)
    decisions = desk.store.decisions(referral.id)
    file = CaseFile(referral, record, manifest, persons, desk.seeking_teams())
    return visit.render(
        "case.html",
        400 if errors else 200,
        manifest=manifest,
        title=f"Case {make_reference(referral)}",
        team=team,
        case=view_case(file, desk.settings, desk.usual(record), decisions, desk.day),
        timeline=view_timeline(record.timeline, manifest, desk.roles.ids_of(identity.role)),
        timeline_months=record.timeline.months if record.timeline else 0,
        challenges=read_challenges(desk.vault, [referral.id]),
        outcomes=list(OUTCOMES.items()),
        choices=desk.settings.choices,
        ask_own_view=desk.asks_own_view(identity, referral),
        own_views=_OWN_VIEWS,
        one_in=desk.settings.own_view.one_in,
        key=secrets.token_hex(16),
        waits=bool(desk.store.conflicts([referral.id])) and not decisions,
        moved="" if record.team == team.id else _team_title(desk, record.team),
        others=desk.others(team) if identity.may("referral.transfer", team.id) else [],
        transfers=TRANSFERS,
        errors=errors or {},
        error_list=[{"text": text, "href": f"#{field}"} for field, text in (errors or {}).items()],
        form={"disposition": "", "reason": "", "note": "", "reference": "", "safe": "", **(form or {})},
        as_of=record.as_of,
        case_bundle=referral.bundle,
        snapshot=referral.snapshot,
    )


def record_decision(visit: Visit) -> Response:
    """Record a decision, or show the case again with what is wanting in the form."""
    fields = visit.fields
    decision, _, code = fields.get("reason", "").partition(":")
    disposition, version = fields.get("disposition", ""), fields.get("version", "")
    draft = DecisionDraft(
        disposition=disposition,
        reason=code if decision == disposition else "",
        version=int(version) if version.isdigit() else 0,
        safe_to_contact_checked=fields.get("safe") == "yes",
        note=fields.get("note", "").strip()[:_NOTE],
        reference=fields.get("reference", "").strip()[:_REFERENCE],
    )
    try:
        file_decision(visit.desk, visit.identity, visit.referral, draft, _form_key(visit))
    except WantingError as error:
        # What the form can't mend comes first: nobody chooses a reason for a case that is not theirs to decide.
        if hindrances := tuple(want for want in error.wants if want.check.field not in _FIELDS):
            raise WantingError(hindrances) from None
        errors = {_FIELDS[want.check.field]: want.sentence.message for want in error.wants}
        return _render_case(visit, errors, fields)
    return visit.go_to(f"/cases/{visit.referral.id}")


def _form_key(visit: Visit) -> str:
    """Return the key of the form, so that sending it twice files one decision; one of its own where it has none."""
    return visit.fields.get("key") or secrets.token_hex(16)


def step_up_case(visit: Visit) -> Response:
    """Step up at once: one button, no reasons to choose, independent of any score."""
    desk, referral = visit.desk, visit.referral
    choice = desk.settings.choice("stepped_up")
    reason = choice.reasons[0][0] if choice and choice.reasons else "safety_concern"
    # The newest version on purpose: a worry about safety isn't turned away because somebody else wrote meanwhile.
    draft = DecisionDraft("stepped_up", reason, referral.version)
    file_decision(desk, visit.identity, referral, draft, _form_key(visit))
    return visit.render(
        "message.html",
        title="Stepped up",
        message=f"This case is marked as stepped up. Tell the front door now: {desk.invocation.council.contact}.",
        next_step="If somebody is in danger, call 999.",
        link=f"/cases/{referral.id}",
        link_words="Back to the case",
    )


def give_own_view(visit: Visit) -> Response:
    """Record the reviewer's own view, then show the reasons."""
    store, referral, view = visit.desk.store, visit.referral, visit.fields.get("view", "")
    if view in dict(_OWN_VIEWS) and store.own_view(visit.identity, referral.id) is None:
        store.log(visit.identity, "own_view.given", subject=referral.id, purpose="rank", detail={"view": view})
    return visit.go_to(f"/cases/{referral.id}")


def answer_challenge(visit: Visit) -> Response:
    """Answer what the household says against the referral."""
    desk, fields = visit.desk, visit.fields
    keep_answer(
        desk.vault, desk.store, visit.identity, visit.referral.id, fields.get("challenge", ""),
        outcome=fields.get("outcome", ""), words=fields.get("answer", ""),
    )  # fmt: skip
    return visit.go_to(f"/cases/{visit.referral.id}")


def declare_conflict(visit: Visit) -> Response:
    """Record that the reviewer knows the family: the case closes to them, and their manager sees that it waits."""
    visit.desk.store.log(visit.identity, "conflict.declared", subject=visit.referral.id, purpose="rank")
    return visit.go_to(f"/worklists/{visit.team.id}")


def transfer_case(visit: Visit) -> Response:
    """Move the case to another team."""
    desk, referral, team = visit.desk, visit.referral, visit.team
    to, why = visit.fields.get("team", ""), visit.fields.get("why", "")
    if to not in {receiver.id for receiver in desk.others(team)} or why not in TRANSFERS:
        return _render_case(visit, {"to-team": "Choose the team and why the case moves."})
    if visit.fields.get("version") != str(referral.version):
        raise ConflictError(
            "Somebody else changed this case since you opened it, so it was not moved.",
            "Open the case again and see what changed.",
        )
    desk.store.transfer(visit.identity, referral, to, why)
    return visit.go_to(f"/worklists/{team.id}")
