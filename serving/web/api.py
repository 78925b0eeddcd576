"""The API's table, and how a call is let in: `ENDPOINTS` has one row each, as casework/page_table.py is the pages'.

endpoint_calls.py   what each call does          bodies.py, answers.py   what is sent, and what comes back
contract.py         the contract of all of it, made from this table and those types
allowance.py        how many calls one person may make in a minute
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serving.casework.visit import ANYBODY
from serving.casework.wanting import require_case
from serving.desk import Desk
from serving.identity import require_act
from serving.session import CURRENT
from serving.web import answers, bodies, endpoint_calls
from serving.web.allowance import Allowance
from serving.web.endpoint_calls import Call
from serving.web.failed_calls import FAILURES, answer_failure
from serving.web.look_up import look_up_referral
from serving.web.problem import make_problem

__all__ = ["ENDPOINTS", "Endpoint", "make_routes"]


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
    id: str = ""
    answer: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    made: int = 200
    query: type[BaseModel] | None = None
    headers: type[BaseModel] | None = None


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "POST", "/v1/session", ANYBODY, "Get a bearer token of the demonstration, on this computer alone",
        endpoint_calls.begin_api_session, id="beginSession", answer=answers.Token, body=bodies.SessionBody,
    ),
    Endpoint("GET", "/v1/openapi.json", ANYBODY, "The contract of the API", lambda _call: _give_contract(),
             id="giveContract"),
    Endpoint(
        "GET", "/v1/lists", "worklist.read", "The newest list of each of one's teams, and how it stands",
        endpoint_calls.give_lists, id="giveLists", answer=answers.Lists,
    ),
    Endpoint(
        "GET", "/v1/changes", "worklist.read",
        "Which referrals of one's teams were listed or changed since a cursor", endpoint_calls.give_changes, "list",
        id="giveChanges", answer=answers.Changes,
        query=bodies.ChangesQuery,
    ),
    Endpoint(
        "GET", "/v1/worklists/{team}", "worklist.read", "A team's newest list, a page at a time",
        endpoint_calls.give_worklist, "list", id="giveWorklist", answer=answers.Worklist,
        query=bodies.WorklistQuery,
    ),
    Endpoint(
        "GET", "/v1/referrals/{referral}", "referral.read",
        "One referral: why, what speaks against, what was not seen, versions", endpoint_calls.give_referral, "case",
        id="giveReferral", answer=answers.ReferralAnswer,
    ),
    Endpoint(
        "GET", "/v1/referrals/{referral}/people", "referral.read",
        "Who lives in a referral's household, for a program that may be told; logged each time",
        endpoint_calls.give_people, "case", id="givePeople", answer=answers.PeopleAnswer,
    ),
    Endpoint(
        "POST", "/v1/lookups", "referral.read",
        "Which of one's cases somebody lives in whom a service calls by its own reference; logged each time",
        look_up_referral, "case", id="lookUpReferral", answer=answers.LookUpAnswer, body=bodies.LookUpBody,
    ),
    Endpoint(
        "POST", "/v1/referrals/{referral}/decisions", "referral.decide",
        "Record what a person decided, once for one Idempotency-Key", endpoint_calls.take_decision, "decision",
        id="takeDecision", answer=answers.DecisionAnswer, body=bodies.DecisionBody, made=201,
        headers=bodies.DecisionHeaders,
    ),
    Endpoint(
        "POST", "/v1/residence-checks", "residence.check",
        "Say whether a person is resident at an address: yes, no or can't tell, and nothing else",
        endpoint_calls.check_residence, id="checkResidence", answer=answers.ResidenceAnswer, body=bodies.ResidenceBody,
    ),
    Endpoint(
        "POST", "/v1/checks", "residence.check",
        "Check once what a resident would have to prove: yes, no or can't tell, and nothing else",
        endpoint_calls.check_once, id="checkOnce", answer=answers.CheckAnswer, body=bodies.CheckBody,
    ),
    Endpoint(
        "POST", "/v1/outcomes", ANYBODY,
        "What became of a referral, reported by the receiver that it was sent to; signed, without a token",
        endpoint_calls.keep_outcome, id="keepOutcome", answer=answers.OutcomeAnswer, body=bodies.OutcomeBody, made=201,
        headers=bodies.ReportHeaders,
    ),
    Endpoint(
        "POST", "/v1/score", "score.listed",
        "Scores with contributions: of listed households in your scope, or (analysts) of rows of features", None,
        "score", id="score", answer=answers.Scores, body=bodies.ScoreBody,
    ),
)  # fmt: skip
"""Every endpoint of the API."""


def _give_contract() -> Response:
    # Here and not above: the contract is made from this table.
    from serving.web.contract import make_contract

    return JSONResponse(make_contract())


def make_routes(desk: Callable[[], Desk]) -> list[Route]:
    """Return the routes of the table over `desk`, but those that the service answers itself."""
    allowance = Allowance()
    return [
        Route(
            endpoint.path,
            _answer_endpoint(endpoint, endpoint.handler, desk, allowance),
            methods=[endpoint.method],
        )
        for endpoint in ENDPOINTS
        if endpoint.handler is not None
    ]


def _answer_endpoint(
    endpoint: Endpoint, handler: Callable[[Call], Response], desk: Callable[[], Desk], allowance: Allowance
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await run_in_threadpool(answer_call, request, await request.body())

    def answer_call(request: Request, content: bytes) -> Response:
        session = CURRENT.get()
        asked_by = session.identity.user if session else f"address {request.client.host if request.client else ''}"
        left = allowance.take_call(asked_by)
        try:
            answered = _answer_one(request, content) if left.allowed else _refuse_more(left.seconds)
        except FAILURES as error:
            answered = answer_failure(error)
        answered.headers.update(left.headers)
        return answered

    def _answer_one(request: Request, content: bytes) -> Response:
        opened = desk()
        with opened.store.read_together():
            call = _let_in(endpoint, opened, request, content)
            return call if isinstance(call, Response) else _leave_out_unchanged(request, handler(call))

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


def _refuse_more(seconds: int) -> Response:
    return make_problem(
        429, "That was the last call of this minute.", f"Ask again in {seconds} seconds.",
        {"retry-after": str(seconds)}, code="too_many",
    )  # fmt: skip


def _leave_out_unchanged(request: Request, answer: Response) -> Response:
    """Return an answer with its ETag; of one that the caller has as it is, 304 and no body."""
    if request.method != "GET" or answer.status_code != 200:
        return answer
    etag = answer.headers.get("etag") or f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
    answer.headers["etag"] = etag
    if etag in re.findall(r'"[^"]*"', request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers={"etag": etag})
    return answer
