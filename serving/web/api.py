"""The JSON API beside the score route: lists, referrals and decisions, for a council's own case system.

    POST /v1/session                          the demonstration's bearer token
    GET  /v1/lists                            the newest list of each of one's teams, and how it stands
    GET  /v1/changes                          what changed of one's teams' referrals (?after=CURSOR&limit=N)
    GET  /v1/worklists/{team}                 a team's newest list (?after=HOW_MANY&limit=N)
    GET  /v1/referrals/{id}                   one referral: reasons, what was not seen, band, versions
    POST /v1/referrals/{id}/decisions         decide, with an Idempotency-Key
    POST /v1/outcomes                         what became of a referral that was sent (web.outcome_reports)
    POST /v1/residence-checks                 is this person resident at this address? (serving.web.residence_answer)
    GET  /v1/openapi.json                     the contract of all of it, `/v1/score` among it

`ENDPOINTS` is its table, one row each, as casework/page_table.py is the pages'. No answer holds a name or address: a
case system knows people by its own keys.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from charter.contracts.files import read_json
from charter.errors import CharterError, UsageError
from charter.plain_text import clean_text, is_whole
from charter.rules.showing import WAYS
from charter.vault.residence_check import Question
from serving.asking_to_show import keep_shown, require_list
from serving.casework.demo_people import list_people, refuse_connection
from serving.casework.facts import list_sights, read_facts
from serving.casework.visit import ANYBODY
from serving.casework.wanting import file_decision, require_case
from serving.desk import Desk
from serving.identity import Identity, require_act
from serving.ranking.bundle import NOT_ENOUGH
from serving.ranking.reasons import group_by_source
from serving.ranking.sealed_record import SealedRecord
from serving.ranking.strengths import sort_strengths
from serving.session import API, CURRENT, Beginning
from serving.store.case_work import write_cursor
from serving.store.store import DecisionDraft, IssuedList, Referral, write_moment
from serving.web.failed_calls import FAILURES, answer_failure
from serving.web.outcome_reports import keep_report
from serving.web.problem import describe_misfit, make_problem
from serving.web.residence_answer import answer_residence

__all__ = ["ENDPOINTS", "Call", "DecisionBody", "Endpoint", "OutcomeBody", "ResidenceBody", "make_routes"]

_OPENAPI = Path(__file__).parent / "openapi.json"
_MOST = 200
_CURSOR = 100
_OVERLAP = timedelta(seconds=5)
_LONGEST_KEY = 128


def _refuse_control(text: str) -> str:
    if clean_text(text) != text:
        raise PydanticCustomError("control_character", "holds a control character")
    return text


_Plain = Annotated[str, AfterValidator(_refuse_control)]
_LARGEST = 2**31 - 1
"""The largest whole number that every column holds."""


class DecisionBody(BaseModel):
    """What a case system sends to decide; `version` is the referral's as it was read."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    version: int = Field(ge=1, le=_LARGEST)
    disposition: _Plain = Field(max_length=32)
    reason: _Plain = Field(max_length=64)
    note: _Plain = Field(default="", max_length=500)
    reference: _Plain = Field(default="", max_length=60)
    safe_to_contact_checked: bool = False
    until: _Plain = Field(default="", max_length=10)


class ResidenceBody(BaseModel):
    """Whom a service asks about, and where; none of it is kept."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    forename: _Plain = Field(min_length=1, max_length=100)
    surname: _Plain = Field(min_length=1, max_length=100)
    birth_date: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    uprn: str = Field(pattern=r"^[0-9]{1,12}$")
    asked_by: _Plain = Field(min_length=1, max_length=64)


class OutcomeBody(BaseModel):
    """What a receiver reports of a message that it was sent; the call is signed with its secret."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    receiver: _Plain = Field(min_length=1, max_length=40)
    message: _Plain = Field(min_length=1, max_length=64)
    status: Literal["received", "accepted", "declined", "started", "finished"]
    reference: _Plain = Field(default="", max_length=120)


class _SessionBody(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    who: _Plain = Field(max_length=64)


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


def begin_api_session(call: Call) -> Response:
    """Give a bearer token to a person of the demonstration."""
    desk = call.desk
    if not desk.demonstrates or refuse_connection(call.request):
        return make_problem(403, "The demonstration's sign-in is closed here.")
    person = list_people(desk.invocation.council.teams, desk.roles).get(call.parse(_SessionBody).who)
    if person is None:
        return make_problem(403, "The demonstration knows no such person.", "GET /sign-in lists them.")
    return JSONResponse({"token": desk.sessions.begin(person.identity, Beginning(API)), "token_type": "bearer"})


def check_residence(call: Call) -> Response:
    """Answer whether somebody lives at an address: yes, no or can't tell, and nothing else."""
    question = Question.read(call.parse(ResidenceBody).model_dump())
    return JSONResponse({"answer": answer_residence(call.desk, call.identity, question)})


def keep_outcome(call: Call) -> Response:
    """Keep what a receiver reports of what it was sent."""
    body = call.parse(OutcomeBody)
    is_new = keep_report(
        call.desk, call.request.headers, call.content, receiver_id=body.receiver, message=body.message,
        status=body.status, reference=body.reference,
    )  # fmt: skip
    return JSONResponse({"message": body.message, "status": body.status}, 201 if is_new else 200)


def give_contract(_call: Call) -> Response:
    """Return the contract."""
    return JSONResponse(read_json(_OPENAPI))


def give_worklist(call: Call) -> Response:
    """Return a team's newest list, a page at a time."""
    desk, team, query = call.desk, call.request.path_params["team"], call.request.query_params
    after, limit = query.get("after", "0"), query.get("limit", "50")
    if not (is_whole(after) and is_whole(limit) and 1 <= int(limit) <= _MOST):
        return make_problem(400, f"after is how many to skip and limit lies between 1 and {_MOST}.")
    header = desk.store.current_list(desk.programme, team)
    if header is None:
        return make_problem(404, "This team has no list yet.", "It gets one when the next ranking runs.")
    require_list(desk, "list", team, header)
    shown = keep_shown(desk, call.identity, "list", desk.store.worked(header, write_moment()))
    page = shown[int(after) : int(after) + int(limit)]
    desk.store.log(
        call.identity, "worklist.read", subject=header.id, purpose="display", detail={"referrals": len(page)}
    )
    end = int(after) + len(page)
    return JSONResponse(
        _header_document(header)
        | {
            "referrals": [
                {"id": r.id, "rank": r.rank, "band": r.band, "status": r.status, "version": r.version} for r in page
            ],
            "next": f"/v1/worklists/{team}?after={end}&limit={limit}" if end < len(shown) else None,
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
    desk, identity, query = call.desk, call.identity, call.request.query_params
    after, limit = query.get("after", ""), query.get("limit", "50")
    if len(after) > _CURSOR or not (is_whole(limit) and 1 <= int(limit) <= _MOST):
        return make_problem(400, f"after is the cursor of an answer before and limit lies between 1 and {_MOST}.")
    teams = [team.id for team in desk.invocation.council.teams if identity.may("worklist.read", team.id)]
    changes = desk.store.changes(desk.programme, teams, after, int(limit))
    by_id = {referral.id: referral for referral, _ in changes}
    shown = {referral.id for referral in keep_shown(desk, identity, "list", list(by_id.values()))}
    desk.store.log(identity, "changes.read", purpose="display", detail={"referrals": sorted(shown)})
    more = len(changes) == int(limit)
    last = write_cursor(*changes[-1]) if changes else after
    settled = write_moment(datetime.now(UTC) - _OVERLAP)[:26]
    return JSONResponse(
        {
            "changes": [
                {"id": r.id, "team": r.team, "list": r.list, "status": r.status, "version": r.version, "changed_at": at}
                for r, at in changes
                if r.id in shown
            ],
            "cursor": last if more else min(last, max(after, settled)),
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


def _name_key(user: str, key: str) -> str:
    """Return the key of a person's decision as its column holds it: as it is, or its digest where that is too long."""
    name = f"{user}:{key}"
    return name if len(name) <= _LONGEST_KEY else hashlib.sha256(name.encode()).hexdigest()


def take_decision(call: Call) -> Response:
    """Record a decision."""
    key = call.request.headers.get("idempotency-key", "")
    if not re.fullmatch(r"[!-~]{8,100}", key):
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


@dataclass(frozen=True)
class Endpoint:
    """One row of the API's table: `act` is what a role must be allowed to do, or ANYBODY.

    With `{team}` in the path it must be allowed for that team, with `{referral}` for the team that works the case.
    Without a handler the service answers it itself, by the same act. `way` is the way out (charter.rules.showing) by
    which it shows or touches a household, '' where it touches none.
    """

    method: str
    path: str
    act: str
    title: str
    handler: Callable[[Call], Response] | None
    way: str = ""


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/v1/session", ANYBODY,
             "Get a bearer token of the demonstration, on this computer alone", begin_api_session),
    Endpoint("GET", "/v1/openapi.json", ANYBODY, "The contract of the API", give_contract),
    Endpoint("GET", "/v1/lists", "worklist.read",
             "The newest list of each of one's teams, and how it stands", give_lists),
    Endpoint("GET", "/v1/changes", "worklist.read",
             "Which referrals of one's teams were listed or changed since a cursor", give_changes, "list"),
    Endpoint("GET", "/v1/worklists/{team}", "worklist.read", "A team's newest list, a page at a time", give_worklist,
             "list"),
    Endpoint("GET", "/v1/referrals/{referral}", "referral.read",
             "One referral: why, what speaks against, what was not seen, versions", give_referral, "case"),
    Endpoint("POST", "/v1/referrals/{referral}/decisions", "referral.decide",
             "Record what a person decided, once for one Idempotency-Key", take_decision, "decision"),
    Endpoint("POST", "/v1/residence-checks", "residence.check",
             "Say whether a person is resident at an address: yes, no or can't tell, and nothing else",
             check_residence),
    Endpoint("POST", "/v1/outcomes", ANYBODY,
             "What became of a referral, reported by the receiver that it was sent to; signed, without a token",
             keep_outcome),
    Endpoint("POST", "/v1/score", "score.listed",
             "Scores with contributions: of listed households in your scope, or (analysts) of rows of features", None,
             "score"),
)  # fmt: skip
"""Every endpoint of the API."""


def make_routes(desk: Callable[[], Desk]) -> list[Route]:
    """Return the routes of the table over `desk`, but those that the service answers itself."""
    return [
        Route(
            endpoint.path,
            _answer_endpoint(endpoint, endpoint.handler, desk),
            methods=[endpoint.method],
        )
        for endpoint in ENDPOINTS
        if endpoint.handler is not None
    ]


def _answer_endpoint(
    endpoint: Endpoint, handler: Callable[[Call], Response], desk: Callable[[], Desk]
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await run_in_threadpool(answer_call, request, await request.body())

    def answer_call(request: Request, content: bytes) -> Response:
        try:
            call = _let_in(endpoint, desk(), request, content)
            return call if isinstance(call, Response) else handler(call)
        except FAILURES as error:
            return answer_failure(error)

    return answer


def _let_in(endpoint: Endpoint, desk: Desk, request: Request, content: bytes) -> Call | Response:
    """Return the call with the referral of its path; refuse whoever may not do the endpoint's act there.

    What a decision wants is all said by its handler, with what its body wants.
    """
    act = endpoint.act
    session = CURRENT.get()
    identity = session.identity if session else None
    if act == ANYBODY:
        return Call(desk, request, content, identity)
    if "{referral}" in endpoint.path:
        referral = desk.store.referral(request.path_params["referral"])
        if referral is None or referral.programme != desk.programme or referral.removed:
            require_act(identity, act)
            return make_problem(404, "There is no such referral.")
        require_act(identity, act, referral.team)
        call = Call(desk, request, content, identity, referral)
        if endpoint.way == "case":
            require_case(desk, call.identity, referral, endpoint.way, act)
        return call
    return Call(desk, request, content, require_act(identity, act, request.path_params.get("team")))


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
            "meaning": band.get("meaning", "") if referral.band else NOT_ENOUGH,
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
