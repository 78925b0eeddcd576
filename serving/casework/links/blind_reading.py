"""Pairs drawn by lot, read blind: two readers who see neither each other's word, nor whether a pair is joined.

Who is the first reader and who the second is settled by who signed in: nobody can read as both. What they say joins
and parts nobody: it says how right links are, once a pair is read twice (charter.rules.certainty.linked_shares).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.errors import DataError, UsageError
from charter.rules.certainty.linked_shares import reckon_shares
from charter.vault.blind_pairs import READERS, Reading, file_readings, find_reader, list_unread, read_pairs
from charter.vault.link_sheets import BLIND_SHEET
from charter.vault.vault import Vault
from serving.casework.links.compared_records import SAYINGS, list_fields
from serving.casework.links.pair_pages import open_for_reviewer
from serving.casework.visit import Visit
from serving.casework.working.notices import find_notice

__all__ = ["give_reading", "show_reading"]

_REASON = "blind reading"


@dataclass(frozen=True)
class ShareWords:
    """A share in words, with its range: "97 in 100 (94 to 99)"."""

    title: str
    words: str


def show_reading(visit: Visit) -> Response:
    """Show the next pair that this reader has not read; where there is none, what all readings say."""
    return _render_reading(visit, "")


def _render_reading(visit: Visit, error: str) -> Response:
    desk, vault = visit.desk, visit.desk.vault
    pairs = read_pairs(vault) if vault else []
    if vault is None or not pairs:
        return visit.render("link_reading.html", drawn=0)
    reader = find_reader(vault, visit.identity.user)
    unread = _list_readable(vault, reader)
    if not unread:
        return visit.render(
            "link_reading.html", drawn=len(pairs), reader=reader, shares=_list_shares(vault),
            notice=find_notice(visit),
        )  # fmt: skip
    sheet = open_for_reviewer(visit, vault, BLIND_SHEET, unread[0])
    return visit.render(
        "link_reading.html",
        400 if error else 200,
        drawn=len(pairs),
        reader=reader,
        left=len(unread),
        name=sheet.name,
        fields=list_fields(sheet, desk.manifest()),
        sayings=SAYINGS,
        notice=find_notice(visit),
        error=error,
        error_list=[{"text": error, "href": "#says-1"}] if error else [],
    )


def _list_readable(vault: Vault, reader: str) -> list[str]:
    """Return the names of what a reader has not read and that has a sheet: of records that left, there is none."""
    if not reader:
        return []
    sheets = vault.papers(BLIND_SHEET).keys()
    return [pair.name for pair in list_unread(vault, reader) if pair.name in sheets]


def _list_shares(vault: Vault) -> list[ShareWords]:
    """Return what the readings say of links, nothing while no pair is settled."""
    try:
        measured = reckon_shares(vault)
    except DataError:
        return []
    shares: Mapping[str, tuple[float, float, float]] = {
        "Of links that were made, right": measured.precision,
        "Of those that should be made among what was joined or left for a person, made": measured.recall,
    }
    lines = [
        ShareWords(title, f"{share:.1%} ({low:.1%} to {high:.1%})") for title, (share, low, high) in shares.items()
    ]
    return [
        *lines,
        ShareWords("Read by two", f"{measured.read_twice} of {measured.drawn} pairs, {measured.alike} alike"),
        ShareWords("Not settled yet", str(measured.unsettled)),
    ]


def give_reading(visit: Visit) -> Response:
    """Keep what somebody reads of a pair, and go on to the next."""
    desk, vault = visit.desk, visit.desk.vault
    if vault is None:
        raise HTTPException(404)
    name, says = visit.fields.get("pair", ""), visit.fields.get("says", "")
    if says not in SAYINGS:
        return _render_reading(visit, "Say whether it is one person or two, or that you can’t tell.")
    reader = find_reader(vault, visit.identity.user)
    if reader not in READERS or name not in _list_readable(vault, reader):
        raise UsageError("There is no such pair for you to read.", "Open the page again.")

    def log(entry: Mapping[str, object]) -> None:
        detail = {"reader": reader, "refs": entry["subjects"]}
        desk.store.log(visit.identity, "link.read", subject=name, purpose="link", detail=detail)

    reading = Reading(reader, visit.identity.role, _REASON, visit.identity.user)
    file_readings(vault, {name: says}, reading, log=log)
    return visit.go_to("/link-readings?done=link_read")
