"""Pairs that linkage left for a person: the list of them, two records side by side, and what somebody says of them.

    /link-pairs          which pairs wait, named by pseudonyms and services: nobody's name
    /link-pairs/PAIR     both records, from the vault; one line in the log before they are shown, one case of the day

What is said goes where `sooner link decide` puts it (link_judgements.jsonl): the next link honours it, and the newest
word counts, so it can be taken back by another. Sheets are what the last link left (charter.vault.link_sheets).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.vault.link_judgements import Judgement, append_judgements, find_standing, read_judgements
from charter.vault.link_sheets import LINK_SHEET, LinkSheet, open_sheet, read_sheets
from charter.vault.vault import Vault
from serving.casework.links.compared_records import SAYINGS, list_agreement, list_fields, name_services
from serving.casework.view import write_day
from serving.casework.visit import Visit
from serving.casework.working.notices import find_notice
from serving.store.store import write_moment

__all__ = ["judge_pair", "open_for_reviewer", "show_pair", "show_pairs"]

_LISTED = 20
_REASON = "review of links"
_RULES: Mapping[str, str] = {"close": "too close to call"}


@dataclass(frozen=True)
class PairLine:
    """A pair on the list: its name, the services of both sides, why it waits, and what was said of it, if anything."""

    name: str
    one: str
    other: str
    why: str
    said: str = ""


def show_pairs(visit: Visit) -> Response:
    """Show which pairs wait for a person, the likeliest first; nobody's name."""
    sheets = read_sheets(visit.desk.vault, LINK_SHEET) if visit.desk.vault else []
    judgements = _read_said(visit)
    lines = [_list_pair(visit, sheet, judgements.get(sheet.pair)) for sheet in sheets]
    waiting = [line for line in lines if not line.said]
    visit.desk.store.log(visit.identity, "link.listed", purpose="link", detail={"count": len(lines)})
    return visit.render(
        "link_pairs.html",
        waiting=waiting[:_LISTED],
        more=max(len(waiting) - _LISTED, 0),
        left=len(waiting),
        judged=[line for line in lines if line.said],
        total=len(lines),
        notice=find_notice(visit),
    )


def _read_said(visit: Visit) -> Mapping[tuple[str, str], Judgement]:
    return find_standing(read_judgements(visit.desk.invocation.workspace))


def _list_pair(visit: Visit, sheet: LinkSheet, judgement: Judgement | None) -> PairLine:
    manifest = visit.desk.manifest()
    first, second = (name_services(side, manifest) for side in sheet.services)
    words = f"{SAYINGS[judgement.says]}, {write_day(visit.desk.day(judgement.at))}" if judgement else ""
    return PairLine(sheet.name, first, second, _RULES.get(sheet.rule, sheet.rule.replace("_", " ")), words)


def open_for_reviewer(visit: Visit, vault: Vault, kind: str, name: str) -> LinkSheet:
    """Return a sheet with the names on it: one case of what somebody may open in a day, and one line in the log.

    Raises TooMuchError for one more than they may, before anything is opened.
    """
    desk, identity = visit.desk, visit.identity
    desk.how_much.take_household(identity, f"pair {name}")

    def log(entry: Mapping[str, object]) -> None:
        detail = {"reason": _REASON, "people": entry["count"], "persons": entry["subjects"]}
        desk.store.log(identity, str(entry["action"]), subject=name, purpose="link", detail=detail)

    sheet = open_sheet(vault, kind, name, log=log)
    if sheet is None:
        raise HTTPException(404)
    return sheet


def show_pair(visit: Visit) -> Response:
    """Show two records side by side, and how alike they are field by field."""
    return _render_pair(visit, "")


def _render_pair(visit: Visit, error: str) -> Response:
    desk, vault = visit.desk, visit.desk.vault
    if vault is None:
        raise HTTPException(404)
    sheet = open_for_reviewer(visit, vault, LINK_SHEET, visit.request.path_params["pair"])
    judgement = _read_said(visit).get(sheet.pair)
    return visit.render(
        "link_pair.html",
        400 if error else 200,
        title=f"Are these one person? {sheet.name}",
        name=sheet.name,
        fields=list_fields(sheet, desk.manifest()),
        agreement=list_agreement(sheet),
        weight=sheet.weight,
        sayings=SAYINGS,
        chosen=judgement.says if judgement else "",
        said=write_day(desk.day(judgement.at)) if judgement else "",
        role=desk.roles.title(judgement.role) if judgement else "",
        notice=find_notice(visit),
        error=error,
        error_list=[{"text": error, "href": "#says-1"}] if error else [],
    )


def judge_pair(visit: Visit) -> Response:
    """Keep what somebody says of a pair, then go on to the next that waits."""
    desk, vault, name = visit.desk, visit.desk.vault, visit.request.path_params["pair"]
    sheets = read_sheets(vault, LINK_SHEET) if vault else []
    sheet = next((sheet for sheet in sheets if sheet.name == name), None)
    if sheet is None:
        raise HTTPException(404)
    says = visit.fields.get("says", "")
    if says not in SAYINGS:
        return _render_pair(visit, "Say whether it is one person or two, or that you can’t tell.")
    first, second = sorted(sheet.pair)
    detail = {"says": says, "refs": [first, second]}
    desk.store.log(visit.identity, "link.judged", subject=name, purpose="link", detail=detail)
    append_judgements(desk.invocation.workspace, [Judgement(first, second, says, visit.identity.role, write_moment())])
    following = _find_next(sheets, _read_said(visit))
    return visit.go_to(f"/link-pairs{f'/{following.name}' if following else ''}?done=link_judged")


def _find_next(sheets: Sequence[LinkSheet], said: Mapping[tuple[str, str], Judgement]) -> LinkSheet | None:
    return next((sheet for sheet in sheets if sheet.pair not in said), None)
