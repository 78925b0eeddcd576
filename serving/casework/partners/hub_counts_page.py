"""What a hub counted in a week, entered by who counts for it: two numbers, and never a person.

    GET /hub-counts    the weeks that were counted of one's own hubs, and a form for one more, or one put right
    POST /hub-counts   keep a week's counts

Who counts for a hub the council says in `counted_by` of hubs.csv; without it nobody has the page. The row goes into the
file that a spreadsheet would be saved as, and is refused for what that would be (charter.contracts.hub_counts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from charter.contracts.files import file_digest
from charter.contracts.hub_counts import (
    PARTNERS,
    HubWeek,
    find_newest_out,
    find_quarter,
    keep_hub_week,
    list_hub_weeks,
    list_own_hubs,
)
from charter.errors import DataError
from charter.plain_text import is_whole
from charter.rules.gate_sentences import say_day
from serving.casework.partners.area_maps import READ_MAPS
from serving.casework.visit import Visit
from serving.desk import Desk
from serving.identity import Identity

__all__ = ["has_own_hub", "keep_hub_counts", "show_hub_counts"]

_WEEKS = 14
"""How many weeks back the form offers: a quarter's, so that nothing of an open quarter is out of reach."""


def has_own_hub(desk: Desk, identity: Identity) -> bool:
    """Whether somebody counts for a hub."""
    return identity.may(READ_MAPS) and any(True for _ in _list_own(desk, identity))


def show_hub_counts(visit: Visit) -> Response:
    """Show the weeks of one's own hubs, and a form for each hub."""
    return _render(visit, None, "", {})


def keep_hub_counts(visit: Visit) -> Response:
    """Keep a week's counts of one's own hub; say what is wrong with them, and show them again, where something is."""
    topic, fields = visit.fields.get("topic", ""), visit.fields
    typed = HubWeek(*(fields.get(name, "").strip() for name in ("hub", "week", "parcels", "turned_away")))
    own = {(folder.name, hub): folder for folder, hub in _list_own(visit.desk, visit.identity)}
    folder = own.get((topic, typed.hub))
    if folder is None:
        raise HTTPException(404)
    try:
        keep_hub_week(folder, typed, visit.desk.today())
    except DataError as error:
        return _render(visit, typed, topic, _say_fault(typed, error))
    visit.desk.store.log(
        visit.identity,
        "map.hub_counted",
        subject=file_digest(folder / PARTNERS),
        purpose="area_statistics",
        detail={"topic": topic, "hub": typed.hub, "week": typed.week},
    )
    return visit.go_to("/hub-counts?kept=1")


def _list_own(desk: Desk, identity: Identity) -> Iterator[tuple[Path, str]]:
    """Yield the folder of a topic and the hub in it, for each hub that somebody counts for."""
    for path in sorted(desk.invocation.workspace.maps.glob("*/hubs.csv")):
        for hub in list_own_hubs(path.parent, identity.user):
            yield path.parent, hub


def _say_fault(typed: HubWeek, error: DataError) -> Mapping[str, str]:
    """Return what is wrong in words, by the field that it is about; a column of the file has its field's label."""
    field = next((name for name in ("parcels", "turned_away") if not is_whole(getattr(typed, name))), "week")
    words = str(error).replace("turned_away", "people turned away")
    return {field: f"{words[:1].upper()}{words[1:]}"}


def _render(visit: Visit, typed: HubWeek | None, topic: str, faults: Mapping[str, str]) -> Response:
    today = visit.desk.today()
    hubs = [_describe_hub(folder, hub, today) for folder, hub in _list_own(visit.desk, visit.identity)]
    if not hubs:
        raise HTTPException(404)
    for hub in hubs:
        wrong = bool(typed and (hub["topic"], hub["name"]) == (topic, typed.hub))
        hub["typed"], hub["faults"] = (typed, faults) if wrong else (None, {})
    return visit.render(
        "hub_counts.html",
        400 if faults else 200,
        title=f"Error: {visit.title}" if faults else visit.title,
        hubs=hubs,
        kept=visit.request.query_params.get("kept") == "1",
    )


def _describe_hub(folder: Path, hub: str, today: date) -> dict[str, Any]:
    """Return a hub with the weeks that may be entered, the newest that is over first, and those that were."""
    out = find_newest_out(folder)
    monday = today - timedelta(days=today.weekday())
    mondays = [monday - timedelta(weeks=back) for back in range(_WEEKS)]
    open_weeks = [day for day in mondays if find_quarter(day) > out]
    over = next((day for day in open_weeks if day + timedelta(days=6) <= today), None)
    sent = list_hub_weeks(folder, hub)[:_WEEKS]
    return {
        "topic": folder.name,
        "name": hub,
        "weeks": [(day.isoformat(), say_day(day), day == over) for day in open_weeks],
        "sent": [
            {"week": _say_week(row.week), "open": row.week in {day.isoformat() for day in open_weeks},
             "parcels": row.parcels, "turned_away": row.turned_away}
            for row in sent
        ],
    }  # fmt: skip


def _say_week(text: str) -> str:
    """Return a week of the file in words, or as it stands there where it is no day: the map will refuse it."""
    try:
        return say_day(date.fromisoformat(text))
    except ValueError:
        return text
