"""Guests: the code that their sponsor handed on, and from there to a provider that asks a second factor."""

from __future__ import annotations

import re

from starlette.responses import Response

from serving.casework.entering.cookies import INVITED, keep_meanwhile
from serving.casework.visit import Visit

__all__ = ["give_invitation_code", "show_invited"]

_CODE = re.compile(r"[0-9a-f]{32}")


def show_invited(visit: Visit) -> Response:
    """Ask a guest for the code of their invitation."""
    return visit.render("invited.html", providers=(), wrong=False)


def give_invitation_code(visit: Visit) -> Response:
    """Keep the code in the browser, and show where a guest signs in; whether it opens anything is said afterwards."""
    code = re.sub(r"[\s-]", "", visit.fields.get("code", "")).lower()
    if not _CODE.fullmatch(code):
        return visit.render("invited.html", 400, providers=(), wrong=True)
    providers = [row for row in visit.desk.sign_in.rules.offered if row.second_factor]
    response = visit.render("invited.html", providers=providers, wrong=False)
    keep_meanwhile(visit.request, response, INVITED, code)
    return response
