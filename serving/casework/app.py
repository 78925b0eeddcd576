"""The casework pages as one Starlette app: each page is a GET, each act a POST that redirects; none needs JavaScript.

Who is acting is settled by the guard (web.guard); what they may do, by the page's row of the page table.

    page_table.py    every page and act: path, method, act, title, handler, navigation
    visit.py         a row, and one visit to it       wanting.py     what is wanting before a case is opened or decided
    cases.py         a worker's pages                 manager.py     a manager's
    board.py         the board's                      signing_off.py its decisions
    analyst.py       an analyst's                     reviewing.py   blind reviewers'
    practice_page.py everybody's who decides          signing_in.py  sign in and out
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.staticfiles import StaticFiles

from serving.casework.page_errors import answer_errors
from serving.casework.page_table import PAGES
from serving.casework.visit import answer_page
from serving.desk import Desk

__all__ = ["build_app"]

_ASSETS = Path(__file__).parent / "assets"
_FILES = Mount("/", StaticFiles(directory=_ASSETS))
_STYLES = ("govuk-frontend.min.css", "casework.css")


@cache
def _join_styles() -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in _STYLES)


async def give_styles(request: Request) -> Response:  # noqa: ARG001  # a route's handler takes the request
    """Return both style sheets as one: a page asks for one file less."""
    return Response(_join_styles(), media_type="text/css")


def build_app(desk: Callable[[], Desk], extra: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the app; `desk` gives the process's desk at the first request, `extra` routes (the API's) come first."""
    return Starlette(
        routes=[
            *extra,
            Mount("/assets", GZipMiddleware(Router([Route("/sooner.css", give_styles), _FILES])), name="assets"),
            *(Route(page.path, answer_page(page, desk, PAGES), methods=[page.method]) for page in PAGES),
        ],
        exception_handlers=dict(answer_errors(desk, PAGES)),
    )
