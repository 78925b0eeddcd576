"""The JSON API beside the score route: lists, referrals and decisions, for a council's own case system.

    POST /v1/session                          the demonstration's bearer token
    GET  /v1/worklists/{team}                 a team's newest list (?after=HOW_MANY&limit=N)
    GET  /v1/referrals/{id}                   one referral: reasons, what was not seen, band, versions
    POST /v1/referrals/{id}/decisions         decide, with an Idempotency-Key
    POST /v1/residence-checks                 is this person resident at this address? (serving.web.residence_answer)
    GET  /v1/openapi.json                     the contract of all of it, `/v1/score` among it

No answer holds a name or address: a case system knows people by its own keys. Who may ask is `serving.identity`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from charter.contracts.files import read_json
from charter.errors import SoonerError
from charter.vault.residence_check import Question
from serving.casework import demo
from serving.desk import Desk
from serving.identity import Identity, require
from serving.ranking.bundle import NOT_ENOUGH
from serving.ranking.reasons import group_by_source
from serving.ranking.sealed_record import SealedRecord
from serving.store.store import IssuedList, Referral, now_text
from serving.web.guard import CURRENT
from serving.web.problem import misfit, of_error, problem
from serving.web.residence_answer import check

__all__ = ["DecisionBody", "Endpoints", "ResidenceBody", "routes"]

_OPENAPI = Path(__file__).parent / "openapi.json"
_MOST = 200


class DecisionBody(BaseModel):
    """What a case system sends to decide; `version` is the referral's as it was read."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    version: int = Field(ge=1)
    disposition: str = Field(max_length=32)
    reason: str = Field(max_length=64)
    note: str = Field(default="", max_length=500)
    reference: str = Field(default="", max_length=60)
    safe_to_contact_checked: bool = False


class ResidenceBody(BaseModel):
    """Whom a service asks about, and where; none of it is kept."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    forename: str = Field(min_length=1, max_length=100)
    surname: str = Field(min_length=1, max_length=100)
    birth_date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    uprn: str = Field(pattern=r"^\d{1,12}$")
    asked_by: str = Field(min_length=1, max_length=64)


class _SessionBody(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    who: str = Field(max_length=64)


def routes(desk: Callable[[], Desk]) -> list[Route]:
    """Return the routes over `desk`."""
    endpoints = Endpoints(desk)
    return [
        Route("/v1/session", endpoints.session, methods=["POST"]),
        Route("/v1/openapi.json", endpoints.openapi),
        Route("/v1/worklists/{team}", endpoints.worklist),
        Route("/v1/referrals/{referral}", endpoints.referral),
        Route("/v1/residence-checks", endpoints.residence, methods=["POST"]),
        Route("/v1/referrals/{referral}/decisions", endpoints.decide, methods=["POST"]),
    ]


class Endpoints:
    """The handlers."""

    def __init__(self, desk: Callable[[], Desk]) -> None:
        self._desk = desk

    @property
    def desk(self) -> Desk:
        """The process's desk."""
        return self._desk()

    async def session(self, request: Request) -> Response:
        """Give a bearer token to a person of the demonstration."""
        desk = await run_in_threadpool(self._desk)
        if not desk.demo or demo.refusal(request):
            return problem(403, "The demonstration's sign-in is closed here.")
        body = await _body(request, _SessionBody)
        if isinstance(body, Response):
            return body
        person = demo.people(desk.invocation.council.teams).get(body.who)
        if person is None:
            return problem(403, "The demonstration knows no such person.", "GET /sign-in lists them.")
        await run_in_threadpool(desk.store.log, person.identity, "session.begun", purpose="display")
        return JSONResponse({"token": desk.sessions.begin(person.identity), "token_type": "bearer"})

    async def residence(self, request: Request) -> Response:
        """Answer whether somebody lives at an address: yes, no or can't tell, and nothing else."""
        body = await _body(request, ResidenceBody)
        if isinstance(body, Response):
            return body
        return await run_in_threadpool(self._answer, lambda _: self._residence(body), request)

    def _residence(self, body: ResidenceBody) -> Response:
        return JSONResponse({"answer": check(self.desk, _identity(), Question.read(body.model_dump()))})

    def openapi(self, request: Request) -> Response:  # noqa: ARG002  # a route's handler takes the request
        """Return the contract."""
        return JSONResponse(read_json(_OPENAPI))

    def worklist(self, request: Request) -> Response:
        """Return a team's newest list, a page at a time."""
        return self._answer(self._worklist, request)

    def referral(self, request: Request) -> Response:
        """Return one referral."""
        return self._answer(self._referral, request)

    async def decide(self, request: Request) -> Response:
        """Record a decision."""
        key = request.headers.get("idempotency-key", "")
        if not 8 <= len(key) <= 100:
            return problem(400, "A decision needs an Idempotency-Key header of 8 to 100 characters.")
        body = await _body(request, DecisionBody)
        if isinstance(body, Response):
            return body
        return await run_in_threadpool(self._answer, lambda request: self._decide(request, body, key), request)

    def _answer(self, handler: Callable[[Request], Response], request: Request) -> Response:
        try:
            return handler(request)
        except SoonerError as error:
            return of_error(error)

    def _worklist(self, request: Request) -> Response:
        team = request.path_params["team"]
        identity = require(_identity(), "worklist.read", team)
        after, limit = request.query_params.get("after", "0"), request.query_params.get("limit", "50")
        if not (after.isdigit() and limit.isdigit() and 1 <= int(limit) <= _MOST):
            return problem(400, f"after is how many to skip and limit lies between 1 and {_MOST}.")
        header = self.desk.store.current_list(self.desk.programme, team)
        if header is None:
            return problem(404, "This team has no list yet.", "It gets one when the next ranking runs.")
        if silent := self.desk.silent(team, header.bundle):
            return _silent(silent)
        known = self.desk.store.families_known(identity)
        found = self.desk.store.worked(header, now_text())
        standing = [one for one in found if not one.removed and one.id not in known]
        page = standing[int(after) : int(after) + int(limit)]
        self.desk.store.log(
            identity, "worklist.read", subject=header.id, purpose="display", detail={"referrals": len(page)}
        )
        end = int(after) + len(page)
        return JSONResponse(
            _header(header)
            | {
                "referrals": [
                    {"id": r.id, "rank": r.rank, "band": r.band, "status": r.status, "version": r.version} for r in page
                ],
                "next": f"/v1/worklists/{team}?after={end}&limit={limit}" if end < len(standing) else None,
            }
        )

    def _found(self, request: Request, act: str) -> tuple[Identity, Referral] | Response:
        referral = self.desk.store.referral(request.path_params["referral"])
        if referral is None or referral.programme != self.desk.programme or referral.removed:
            require(_identity(), act)
            return problem(404, "There is no such referral.")
        identity = require(_identity(), act, referral.team)
        if silent := self.desk.silent(referral.team, referral.bundle):
            return _silent(silent)
        if self.desk.store.knows_family(identity, referral.id):
            return problem(403, "You said that you know this family, so somebody else decides.")
        return identity, referral

    def _referral(self, request: Request) -> Response:
        found = self._found(request, "referral.read")
        if isinstance(found, Response):
            return found
        identity, referral = found
        record = self.desk.record(referral)
        self.desk.store.log(identity, "referral.viewed", subject=referral.id, purpose="display")
        return JSONResponse(_document(referral, record, self.desk))

    def _decide(self, request: Request, body: DecisionBody, key: str) -> Response:
        found = self._found(request, "referral.decide")
        if isinstance(found, Response):
            return found
        identity, referral = found
        if body.disposition != "stepped_up":
            self.desk.require_practice(identity, referral.bundle)
        choice = self.desk.settings.choice(body.disposition)
        if choice is None:
            known = ", ".join(one.id for one in self.desk.settings.choices)
            return problem(400, f"disposition is one of: {known}.")
        if body.reason not in {code for code, _ in choice.reasons}:
            return problem(400, f"reason is one of: {', '.join(code for code, _ in choice.reasons)}.")
        if choice.id == "taken_up" and not body.safe_to_contact_checked:
            return problem(400, "Taking up needs safe_to_contact_checked: true.")
        decision = self.desk.store.decide(
            identity,
            referral.id,
            version=body.version,
            disposition=body.disposition,
            reason=body.reason,
            note=body.note,
            reference=body.reference,
            own_view=self.desk.store.own_view(identity, referral.id) or "",
            key=f"{identity.user}:{key}",
        )
        self.desk.exporter.changed()
        return JSONResponse(
            {
                "referral": decision.referral,
                "disposition": decision.disposition,
                "decided_at": decision.decided_at,
                "version": decision.version + 1,
            },
            201,
        )


def _identity() -> Identity | None:
    session = CURRENT.get()
    return session.identity if session else None


def _silent(why: str) -> JSONResponse:
    return problem(409, why, "Work with requests for help as before.")


def _header(header: IssuedList) -> dict[str, Any]:
    return {
        "list": header.id,
        "team": header.team,
        "as_of": header.as_of,
        "issued_at": header.issued_at,
        "expires_at": header.expires_at,
        "capacity": header.capacity,
        "eligible": header.eligible,
    }


def _document(referral: Referral, record: SealedRecord, desk: Desk) -> dict[str, Any]:
    manifest = desk.manifest(referral.bundle)
    band: Mapping[str, Any] = next((one for one in manifest.get("bands", ()) if one["id"] == referral.band), {})
    reasons = record.reasons
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
        "not_seen": [asdict(service) for service in reasons.seeing if service.state in ("not seen", "late")],
        "seeing": [asdict(service) for service in reasons.seeing],
        "versions": {
            "snapshot": record.snapshot,
            "matrix": record.matrix,
            "definition": record.definition,
            "bundle": record.bundle,
        },
        "digest": referral.digest,
    }


_Body = TypeVar("_Body", bound=BaseModel)


async def _body(request: Request, kind: type[_Body]) -> _Body | Response:
    """Return the request's body as `kind`, or a problem that says where it breaks the contract, not what was sent."""
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        return problem(400, misfit(error.errors(), kind.model_fields))
