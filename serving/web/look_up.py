"""A case system finds a referral by what its own service calls somebody: the reference, and nobody's name.

    service, reference  ->  the pseudonym that `pull` gave it
                        ->  the person that `link` found (contracts.reference_index)
                        ->  this caller's own cases that may be shown and that the person lives in

The answer is a list of such cases, and an empty one says nothing more: not whether the reference is known, linked, on
another team's list, taken off or held back. So nothing is learned of whoever is not in one's own cases; who is, one's
lists say too. It counts as a question of that service (limits.toml) before anything is looked up.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from charter.contracts.files import find_current
from charter.contracts.reference_index import find_person
from charter.errors import CharterError, UsageError
from serving.asking_to_show import keep_shown
from serving.desk import Desk
from serving.session import CURRENT
from serving.store.store import Referral
from serving.web.bodies import LookUpBody
from serving.web.endpoint_calls import Call

__all__ = ["look_up_referral"]


def look_up_referral(call: Call) -> Response:
    """Return which of the caller's own cases somebody lives in whom a service calls by a reference."""
    desk, identity, session = call.desk, call.identity, CURRENT.get()
    if session is None or not desk.entrance.may_hear_names(session):
        raise CharterError("this program is not told who people are.", "Ask whoever keeps sign_in.toml.")
    body = call.parse(LookUpBody)
    register = desk.invocation.reread().register
    source = next((source for source in register.sources if source.service == body.service), None)
    if source is None:
        raise UsageError("register.toml has no such service.", "Name one as register.toml does.")
    is_known = source.format == "canonical"
    reference = body.reference if is_known else desk.key.pseudonym("reference", body.service, body.reference)
    desk.how_much.take_check(identity, body.service, reference)
    referrals = [
        referral
        for referral in keep_shown(desk, identity, "case", _find_referrals(desk, reference))
        if identity.may("referral.read", referral.team)
    ]
    ids = [referral.id for referral in referrals]
    detail = {"service": body.service, "referrals": ids}
    desk.store.log(identity, "reference.asked", subject=ids[0] if ids else "", purpose="display", detail=detail)
    return JSONResponse(
        {
            "referrals": [
                {"id": each.id, "team": each.team, "list": each.list, "status": each.status, "version": each.version}
                for each in referrals
            ]
        }
    )


def _find_referrals(desk: Desk, reference: str) -> list[Referral]:
    """Return every referral of the programme that somebody of a reference lives in, the newest list's first."""
    snapshot = find_current(desk.invocation.workspace.store)
    person = find_person(snapshot / "tables", reference) if snapshot else None
    return desk.store.referrals_of(desk.programme, person) if person else []
