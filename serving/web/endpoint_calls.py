"""What each call of the API does, once it is let in: lists, referrals and decisions, for a council's own case system.

One answer holds names and addresses, and says no more than the case page: who a referral is about (`give_people`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from charter.errors import CharterError, UsageError
from charter.rules.showing import WAYS
from charter.vault.check_once import Question
from serving.asking_to_show import keep_shown, require_list
from serving.casework.demo_people import list_people, refuse_connection
from serving.casework.facts import list_sights, read_facts
from serving.casework.view import write_name
from serving.casework.wanting import file_decision
from serving.check_answers import answer_check, find_asker
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.bundle import NOT_ENOUGH
from serving.ranking.reasons import group_by_source
from serving.ranking.sealed_record import SealedRecord
from serving.ranking.standing_in import NO_LIKELIHOOD, STANDS_IN_FOR
from serving.ranking.strengths import sort_strengths
from serving.session import API, CURRENT, Beginning
from serving.store.case_work import write_cursor
from serving.store.store import DecisionDraft, IssuedList, Referral, write_moment
from serving.web.bodies import (
    KEY_PATTERN,
    ChangesQuery,
    CheckBody,
    DecisionBody,
    OutcomeBody,
    ResidenceBody,
    SessionBody,
    WorklistQuery,
)
from serving.web.outcome_reports import keep_report
from serving.web.problem import describe_misfit, make_problem

__all__ = [
    "Call",
    "begin_api_session",
    "check_once",
    "check_residence",
    "give_changes",
    "give_lists",
    "give_people",
    "give_referral",
    "give_worklist",
    "keep_outcome",
    "take_decision",
]

_OVERLAP = timedelta(seconds=5)
_LONGEST_KEY = 128

_Body = TypeVar("_Body", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    """One request to the API, once it is let in; `referral` is the one that the path names."""

    desk: Desk
    request: Request
    content: bytes
    signed_in: Identity | None
    path_referral: Referral | None = None

    @property
    def identity(self) -> Identity:
        """Who asks; raises CharterError where nobody is signed in."""
        if self.signed_in is None:
            raise CharterError("nobody is signed in.", "Sign in.")
        return self.signed_in

    @property
    def referral(self) -> Referral:
        """The referral that the path names; raises UsageError where it names none."""
        if self.path_referral is None:
            raise UsageError("There is no such referral.", "")
        return self.path_referral

    def parse(self, kind: type[_Body]) -> _Body:
        """Return the body as `kind`; raise UsageError saying where it breaks the contract, never what was sent."""
        try:
            return kind.model_validate_json(self.content)
        except ValidationError as error:
            raise UsageError(describe_misfit(error.errors(), kind.model_fields)) from None

    def parse_query(self, kind: type[_Body]) -> _Body:
        """Return the query as `kind`; raise UsageError saying what of it breaks the contract, never what was sent."""
        try:
            return kind.model_validate(dict(self.request.query_params))
        except ValidationError as error:
            raise UsageError(describe_misfit(error.errors(), kind.model_fields, "query")) from None


def begin_api_session(call: Call) -> Response:
    """Give a bearer token to a person of the demonstration."""
    desk = call.desk
    if not desk.demonstrates or refuse_connection(call.request):
        return make_problem(403, "The demonstration's sign-in is closed here.")
    person = list_people(desk.invocation.council.teams, desk.roles).get(call.parse(SessionBody).who)
    if person is None:
        return make_problem(403, "The demonstration knows no such person.", "GET /sign-in lists them.")
    desk.how_much.take_sign_in(person.identity)
    return JSONResponse({"token": desk.sessions.begin(person.identity, Beginning(API)), "token_type": "bearer"})


def check_residence(call: Call) -> Response:
    """Answer whether somebody lives at an address: yes, no or can't tell, and nothing else."""
    return _answer_check(call, Question.read(call.parse(ResidenceBody).model_dump()))


def check_once(call: Call) -> Response:
    """Answer a question that is checked once: yes, no or can't tell, and nothing else."""
    return _answer_check(call, Question.read(call.parse(CheckBody).model_dump(exclude_none=True)))


def _answer_check(call: Call, question: Question) -> Response:
    asker = find_asker(call.desk, CURRENT.get(), question)
    return JSONResponse({"answer": answer_check(call.desk, call.identity, question, asker)})


def keep_outcome(call: Call) -> Response:
    """Keep what a receiver reports of what it was sent."""
    body = call.parse(OutcomeBody)
    is_new = keep_report(
        call.desk, call.request.headers, call.content, receiver_id=body.receiver, message=body.message,
        status=body.status, reference=body.reference,
    )  # fmt: skip
    return JSONResponse({"message": body.message, "status": body.status}, 201 if is_new else 200)


def give_worklist(call: Call) -> Response:
    """Return a team's newest list, a page at a time."""
    desk, team = call.desk, call.request.path_params["team"]
    query = call.parse_query(WorklistQuery)
    header = desk.store.current_list(desk.programme, team)
    if header is None:
        return make_problem(404, "This team has no list yet.", "It gets one when the next ranking runs.")
    require_list(desk, "list", team, header)
    shown = keep_shown(desk, call.identity, "list", desk.store.worked(header, write_moment()), [header])
    page = shown[query.after : query.after + query.limit]
    desk.store.log(
        call.identity, "worklist.read", subject=header.id, purpose="display", detail={"referrals": len(page)}
    )
    end = query.after + len(page)
    return JSONResponse(
        _header_document(header)
        | {
            "referrals": [
                {"id": r.id, "rank": r.rank, "band": r.band, "status": r.status, "version": r.version} for r in page
            ],
            "next": f"/v1/worklists/{team}?after={end}&limit={query.limit}" if end < len(shown) else None,
        }
    )


def give_lists(call: Call) -> Response:
    """Return the newest list of each team of whoever asks, and how it stands; of a silent one nothing else."""
    desk, identity = call.desk, call.identity
    documents = []
    for team in desk.invocation.council.teams:
        header = desk.store.current_list(desk.programme, team.id) if identity.may("worklist.read", team.id) else None
        if header is None:
            continue
        state = desk.standing(team.id, header.bundle, header).state
        shown = _header_document(header) if state in WAYS["list"].states else {}
        documents.append({"team": team.id, "title": team.title, "state": state, **shown})
    desk.store.log(identity, "lists.read", purpose="display")
    return JSONResponse({"lists": documents})


def give_changes(call: Call) -> Response:
    """Return which referrals of one's teams were listed or changed after a cursor, the longest ago first.

    The same change may come twice, and none is left out: the cursor stays a little behind now.
    """
    desk, identity, query = call.desk, call.identity, call.parse_query(ChangesQuery)
    teams = [team.id for team in desk.invocation.council.teams if identity.may("worklist.read", team.id)]
    changes = desk.store.changes(desk.programme, teams, query.after, query.limit)
    by_id = {referral.id: referral for referral, _ in changes}
    shown = {referral.id for referral in keep_shown(desk, identity, "list", list(by_id.values()))}
    desk.store.log(identity, "changes.read", purpose="display", detail={"referrals": sorted(shown)})
    more = len(changes) == query.limit
    last = write_cursor(*changes[-1]) if changes else query.after
    settled = write_moment(datetime.now(UTC) - _OVERLAP)[:26]
    return JSONResponse(
        {
            "changes": [
                {"id": r.id, "team": r.team, "list": r.list, "status": r.status, "version": r.version, "changed_at": at}
                for r, at in changes
                if r.id in shown
            ],
            "cursor": last if more else min(last, max(query.after, settled)),
            "more": more,
        }
    )


def give_referral(call: Call) -> Response:
    """Return one referral; whoever has it as it is gets 304 and no body."""
    desk, referral = call.desk, call.referral
    record = desk.record(referral)
    desk.store.log(call.identity, "referral.viewed", subject=referral.id, purpose="display")
    etag = f'"{referral.version}-{referral.digest[:16]}"'
    if call.request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"etag": etag})
    return JSONResponse(_referral_document(referral, record, desk), headers={"etag": etag})


def give_people(call: Call) -> Response:
    """Return who lives in a referral's household; the log says who was told, of which case."""
    desk, referral = call.desk, call.referral
    session = CURRENT.get()
    if session is None or not desk.entrance.may_hear_names(session):
        raise CharterError("this program is not told who people are.", "Ask whoever keeps sign_in.toml.")
    record = desk.record(referral)
    persons = desk.people(call.identity, {referral.id: record}, "api")
    people = [(subject, persons.get(subject.person)) for subject in record.people]
    return JSONResponse(
        {
            "id": referral.id,
            "people": [
                {
                    "name": write_name(person.name) if person else "",
                    "birth_date": person.birth_date.isoformat() if person and person.birth_date else None,
                    "age": subject.age,
                    "address": person.address if person else "",
                    "safe_contact": person.safe_contact if person else "",
                }
                for subject, person in people
            ],
        }
    )


def _name_key(user: str, key: str) -> str:
    """Return the key of a person's decision as its column holds it: as it is, or its digest where that is too long."""
    name = f"{user}:{key}"
    return name if len(name) <= _LONGEST_KEY else hashlib.sha256(name.encode()).hexdigest()


def take_decision(call: Call) -> Response:
    """Record a decision."""
    key = call.request.headers.get("idempotency-key", "")
    if not re.fullmatch(KEY_PATTERN, key):
        return make_problem(400, "A decision needs an Idempotency-Key header of 8 to 100 letters, digits and signs.")
    body = call.parse(DecisionBody)
    draft = DecisionDraft(**body.model_dump())
    decision = file_decision(call.desk, call.identity, call.referral, draft, _name_key(call.identity.user, key))
    return JSONResponse(
        {
            "referral": decision.referral,
            "disposition": decision.disposition,
            "decided_at": decision.decided_at,
            "version": decision.version + 1,
        },
        201,
    )


def _header_document(header: IssuedList) -> dict[str, Any]:
    return {
        "list": header.id,
        "team": header.team,
        "as_of": header.as_of,
        "issued_at": header.issued_at,
        "expires_at": header.expires_at,
        "capacity": header.capacity,
        "eligible": header.eligible,
    }


def _say_no_band(manifest: Mapping[str, Any]) -> str:
    return NO_LIKELIHOOD[1] if STANDS_IN_FOR in manifest else NOT_ENOUGH


def _referral_document(referral: Referral, record: SealedRecord, desk: Desk) -> dict[str, Any]:
    manifest = desk.manifest(referral.bundle)
    band: Mapping[str, Any] = next((band for band in manifest.get("bands", ()) if band["id"] == referral.band), {})
    reasons, strengths = record.reasons, sort_strengths(record, manifest, desk.usual(record))
    return {
        "id": referral.id,
        "list": referral.list,
        "team": referral.team,
        "rank": referral.rank,
        "status": referral.status,
        "version": referral.version,
        "as_of": record.as_of.isoformat(),
        "need": {
            "band": referral.band,
            "title": band.get("title", ""),
            "meaning": band.get("meaning", "") if referral.band else _say_no_band(manifest),
        },
        "margin": record.margin,
        "base": reasons.base,
        "unseen": reasons.unseen,
        "for": [group.document() for group in group_by_source(reasons.for_)],
        "against": [group.document() for group in group_by_source(reasons.against)],
        "strengths": {
            "good": [reason.text for reason in strengths.good],
            "less_than_most": [reason.text for reason in strengths.less],
            "compared": strengths.compared,
        },
        "not_seen": [asdict(service.sight()) for service in read_facts(record, manifest) if service.missed],
        "seeing": [asdict(service) for service in list_sights(record, manifest)],
        "versions": {
            "snapshot": record.snapshot,
            "matrix": record.matrix,
            "definition": record.definition,
            "bundle": record.bundle,
        },
        "digest": referral.digest,
    }
