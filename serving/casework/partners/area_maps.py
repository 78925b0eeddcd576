"""Maps of need for partners, as `sooner map` left them: of areas alone, until the day that they are too old.

    GET /maps                  what there is
    GET /maps/{topic}          the map, a page of its own
    GET /maps/{topic}/{file}   the same figures as CSV, GeoJSON or GeoPackage

It reads `map/TOPIC/partners/`, which went through disclosure control when it was drawn; no household is in reach.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

from charter.contracts.files import file_digest, read_json
from charter.rules.gate_sentences import say_day
from serving.casework.visit import Visit

__all__ = ["READ_MAPS", "send_map_file", "show_area_map", "show_area_maps"]

READ_MAPS = "map.read"
"""The act of whoever may see maps."""

_FILES = {
    "map.csv": ("text/csv", "CSV"),
    "map.geojson": ("application/geo+json", "GeoJSON"),
    "map.gpkg": ("application/geopackage+sqlite3", "GeoPackage"),
}
_TOPIC = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
)
"""A map draws with its own styles; nothing in it can run or load anything."""


@dataclass(frozen=True)
class AreaMap:
    """A map that was drawn: its topic, its folder, and the day from which it is too old."""

    topic: str
    folder: Path
    expires_on: date

    def holds(self, today: date) -> bool:
        """Whether it may still be shown."""
        return today < self.expires_on


def show_area_maps(visit: Visit) -> Response:
    """Show which maps there are, and until when each holds."""
    today = visit.desk.invocation.today
    maps = [
        {
            "topic": one.topic,
            "title": one.topic.replace("_", " ").replace("-", " ").capitalize(),
            "until": say_day(one.expires_on),
            "holds": one.holds(today),
            "files": [(name, title) for name, (_, title) in _FILES.items() if (one.folder / name).is_file()],
        }
        for one in _list_maps(visit)
    ]
    return visit.render("area_maps.html", maps=maps)


def show_area_map(visit: Visit) -> Response:
    """Show a map as it was drawn, by itself; refuse one that is too old."""
    path = _find_map(visit).folder / "map.html"
    _log(visit, path)
    response = HTMLResponse(path.read_text(encoding="utf-8"))
    response.headers["content-security-policy"] = _POLICY
    return response


def send_map_file(visit: Visit) -> Response:
    """Hand out a map's figures as a file; refuse those of one that is too old."""
    name = visit.request.path_params["file"]
    path = _find_map(visit).folder / name
    if name not in _FILES or not path.is_file():
        raise HTTPException(404)
    _log(visit, path)
    return FileResponse(path, media_type=_FILES[name][0], filename=f"{path.parent.parent.name}-{name}")


def _list_maps(visit: Visit) -> list[AreaMap]:
    """Return the maps that were drawn for partners, by topic."""
    paths = sorted(visit.desk.invocation.workspace.maps.glob("*/partners/map.geojson"))
    return [
        AreaMap(path.parents[1].name, path.parent, date.fromisoformat(str(read_json(path)["expires_on"])))
        for path in paths
        if _TOPIC.fullmatch(path.parents[1].name)
    ]


def _find_map(visit: Visit) -> AreaMap:
    topic = visit.request.path_params["topic"]
    area_map = next((one for one in _list_maps(visit) if one.topic == topic), None)
    if area_map is None or not area_map.holds(visit.desk.invocation.today):
        raise HTTPException(404)
    return area_map


def _log(visit: Visit, path: Path) -> None:
    visit.desk.store.log(visit.identity, "map.viewed", subject=file_digest(path), purpose="area_statistics")
