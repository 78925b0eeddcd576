"""One's own page at the public door: whoever was handed a code opens the copy that an officer released to them.

    GET /public/your-page    asks for the code
    POST /public/your-page   the released copy, or the question again: a wrong code and a used one are told alike

It looks nobody up, and is nowhere unless the council turned it on (`own_page_days` of public.toml). Tries are limited
as forms are, and counted apart from them, so that nobody who guesses keeps others from complaining.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from serving.casework.residents.public_door import is_within_limits, list_ways, read_public, refuse_more
from serving.casework.visit import Visit
from serving.own_page import OWN_PAGE

__all__ = ["open_own_page", "show_own_page"]

_LONGEST = 60


def show_own_page(visit: Visit) -> Response:
    """Ask for the code."""
    return _ask_for_code(visit, "")


def open_own_page(visit: Visit) -> Response:
    """Show the copy that a code opens; whoever tries too often is told the telephone."""
    if not read_public(visit.desk).own_page_days:
        raise HTTPException(404)
    if not is_within_limits(visit, "own page"):
        return refuse_more(visit)
    page = visit.desk.store.open_own_page(visit.desk.key.derive(OWN_PAGE), visit.fields.get("code", "")[:_LONGEST])
    if page is None:
        return _ask_for_code(visit, "This code opens no page. It may be mistyped, used up or past its last day.")
    response = HTMLResponse(page)
    # The copy is a page by itself: its own styles, and nothing that could run, load or send anything.
    response.headers["content-security-policy"] = (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    )
    return response


def _ask_for_code(visit: Visit, error: str) -> Response:
    days = read_public(visit.desk).own_page_days
    if not days:
        raise HTTPException(404)
    return visit.render(
        "own_page.html", 400 if error else 200, title="Your own page", error=error, days=days,
        error_list=[{"text": error, "href": "#code"}] if error else [], ways=list_ways(visit.desk),
    )  # fmt: skip
