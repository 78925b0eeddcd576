"""The casework pages as one Starlette app: each page is a GET, each act a POST that redirects; none needs JavaScript.

Who is acting is settled by the guard (web.guard); what they may do, by each page: `Pages.allow` refuses by role and
by team.

    pages.py        what all share        signing_in.py  sign in and out
    cases.py        a worker's pages      manager.py     a manager's
    board.py        the board's           signing_off.py its decisions
    analyst.py      an analyst's          practice.py    everybody's
    reviewing.py    blind reviewers'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from charter.errors import SoonerError
from serving.casework.analyst import Analyst
from serving.casework.board import Board
from serving.casework.cases import Cases
from serving.casework.manager import Manager
from serving.casework.pages import Pages
from serving.casework.practice_page import PracticePage
from serving.casework.reviewing import Reviewing
from serving.casework.signing_in import SignIn
from serving.casework.signing_off import SigningOff
from serving.desk import Desk

__all__ = ["build"]

_ASSETS = Path(__file__).parent / "assets"


def build(desk: Callable[[], Desk], extra: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the app; `desk` gives the process's desk at the first request, `extra` routes (the API's) come first."""
    pages, door, cases, practice = Pages(desk), SignIn(desk), Cases(desk), PracticePage(desk)
    manager, board, reviewing = Manager(desk), Board(desk), Reviewing(desk)
    return Starlette(
        routes=[
            *extra,
            Mount("/assets", StaticFiles(directory=_ASSETS), name="assets"),
            Route("/", door.home),
            Route("/sign-in", door.sign_in, methods=["GET"]),
            Route("/sign-in", door.signed_in, methods=["POST"]),
            Route("/sign-out", door.sign_out, methods=["POST"]),
            Route("/worklists/{team}", cases.worklist),
            Route("/cases/{referral}", cases.case),
            Route("/cases/{referral}/decision", cases.decide, methods=["POST"]),
            Route("/cases/{referral}/step-up", cases.step_up, methods=["POST"]),
            Route("/cases/{referral}/own-view", cases.own_view, methods=["POST"]),
            Route("/cases/{referral}/challenge", cases.challenge, methods=["POST"]),
            Route("/cases/{referral}/conflict", cases.conflict, methods=["POST"]),
            Route("/cases/{referral}/transfer", cases.transfer, methods=["POST"]),
            Route("/practice", practice.practice, methods=["GET"]),
            Route("/practice", practice.answered, methods=["POST"]),
            Route("/manager", manager.manager),
            Route("/manager/refresh", manager.refresh, methods=["POST"]),
            Route("/manager/second-look/{look}", manager.second_look, methods=["GET"]),
            Route("/manager/second-look/{look}", manager.looked, methods=["POST"]),
            Route("/reviews/{team}", reviewing.review, methods=["GET"]),
            Route("/reviews/{team}", reviewing.reviewed, methods=["POST"]),
            Route("/analyst", Analyst(desk).analyst),
            Route("/board", board.board),
            Route("/board/packs/{stage}", board.board_pack),
            Route("/board/decisions/{stage}", SigningOff(desk).sign, methods=["POST"]),
            Route("/board/suspend", board.suspend, methods=["POST"]),
            Route("/board/resume", board.resume, methods=["POST"]),
        ],
        exception_handlers={HTTPException: pages.refused, SoonerError: pages.failed},
    )
