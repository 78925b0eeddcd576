"""Cards without a name that ask families: was it all right that we contacted you, and did it help.

    GET /cards/TEAM            cards to print: what is asked, a code, its QR, a telephone number
    GET /public/our-contact    the question; whoever takes a call fills it in for the family
    POST /public/our-contact   counts the answer (serving.store.arriving.family_answers)

A code stands for a team and a quarter: every family of both has the same, so it tells nobody who answers. It keeps out
whoever has no card. It can be answered in its quarter and the next; what is counted is published after that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import date
from urllib.parse import quote

from starlette.responses import Response

from charter.address_code import draw_address_code
from serving.casework.residents.public_door import is_within_limits, list_ways, read_public, refuse_more
from serving.casework.visit import Visit
from serving.desk import Desk
from serving.store.arriving.family_answers import (
    ALL_RIGHT,
    HELPED,
    FamilyAnswer,
    find_quarter,
    find_quarter_before,
)

__all__ = ["find_card", "make_code", "show_cards", "show_family_question", "take_family_answer"]

_PATH = "/public/our-contact"
_CARDS = 8
_LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "ACDEFGHJKLMNPQRTUVWXY34679ACDEFG")
"""No letter or digit that is easily taken for another."""


def make_code(desk: Desk, team: str, quarter: date) -> str:
    """Return the code of a team's cards of a quarter: six signs, the same for every family."""
    words = f"{desk.programme}/{team}/{quarter}".encode()
    digest = hmac.new(desk.key.derive("family cards"), words, hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:6].translate(_LETTERS)


def find_card(desk: Desk, text: str) -> tuple[str, date] | None:
    """Return the team and quarter that a code stands for, however it is spaced; None where it is on no card of now."""
    typed = "".join(text.split()).replace("-", "").upper()
    this = find_quarter(desk.today())
    for quarter in (this, find_quarter_before(this)):
        for team in desk.invocation.council.teams:
            if hmac.compare_digest(make_code(desk, team.id, quarter).encode(), typed.encode()):
                return team.id, quarter
    return None


def show_family_question(visit: Visit) -> Response:
    """Show the question."""
    return _render_question(visit, {"code": visit.request.query_params.get("code", "")[:20]}, {})


def take_family_answer(visit: Visit) -> Response:
    """Count an answer, or show the form again with what it lacks."""
    desk = visit.desk
    fields = {name: visit.fields.get(name, "") for name in ("code", "all_right", "helped", "group")}
    if not is_within_limits(visit):
        return refuse_more(visit)
    card = find_card(desk, fields["code"])
    errors = {} if card else {"code": "Type the six letters and numbers of your card"}
    if fields["all_right"] not in ALL_RIGHT:
        errors["all_right-1"] = "Say whether it was all right that we contacted you"
    if fields["helped"] not in HELPED:
        errors["helped-1"] = "Say whether it helped"
    if card is None or errors:
        return _render_question(visit, fields, errors, 400)
    group = fields["group"] if fields["group"] in read_public(desk).groups_asked else ""
    team, quarter = card
    desk.store.count_family_answer(
        FamilyAnswer(desk.programme, team, quarter, fields["all_right"], fields["helped"], group)
    )
    desk.exporter.changed()
    return visit.go_to(f"{_PATH}?done=1")


def _render_question(visit: Visit, fields: Mapping[str, str], errors: Mapping[str, str], status: int = 200) -> Response:
    done = visit.request.query_params.get("done") == "1"
    questions = (
        ("all_right", "Was it all right that we contacted you?", list(ALL_RIGHT.items())),
        ("helped", "Did it help?", list(HELPED.items())),
    )
    return visit.render(
        "family_question.html",
        status,
        title="Thank you" if done else "Was it all right that we contacted you?",
        done=done,
        fields=fields,
        errors=errors,
        error_list=[{"text": text, "href": f"#{name}"} for name, text in errors.items()],
        questions=questions,
        groups=list(enumerate(read_public(visit.desk).groups_asked, start=1)),
        ways=list_ways(visit.desk),
    )


def show_cards(visit: Visit) -> Response:
    """Show a sheet of a team's cards, to print and cut."""
    desk, team = visit.desk, visit.team
    quarter = find_quarter(desk.today())
    code = make_code(desk, team.id, quarter)
    public = read_public(desk)
    door = public.door.rstrip("/")
    return visit.render(
        "family_cards.html",
        title=f"Cards for families: {team.title}",
        team=team,
        cards=range(_CARDS),
        code=f"{code[:3]}-{code[3:]}",
        address=f"{door}{_PATH}" if door else "",
        drawing=draw_address_code(f"{door}{_PATH}?code={quote(code)}" if door else ""),
        phone=public.phone,
        quarter=quarter,
    )
