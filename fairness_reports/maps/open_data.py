"""The public map as open data: a catalogue (DCAT, as data.json), a dictionary of its columns, and its licence.

public/data.json         DCAT-US 1.1, which has the four members that data.gov.uk asks for; CKAN and Socrata read it
public/dictionary.csv    every column of map.csv: type, unit, and what it says
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from charter.contracts import check_document
from charter.contracts.files import write_json
from charter.council.council import Council
from charter.errors import DataError
from fairness_reports.maps.area_files import Row, write_csv
from fairness_reports.maps.need import MODE, expires_on

__all__ = ["LICENCE", "describe_set", "require_contact", "write_catalogue", "write_datasets"]

LICENCE = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"
_FILES = (
    ("map.csv", "text/csv", "Figures by area"),
    ("map.geojson", "application/geo+json", "Figures with boundaries"),
    ("map.gpkg", "application/geopackage+sqlite3", "Figures with boundaries, for a GIS"),
    ("dictionary.csv", "text/csv", "What each column says"),
    ("map.html", "text/html", "The map as a page"),
)
_COLUMNS = {
    "code": ("text", "", "The area's code"),
    "name": ("text", "", "What it is called"),
    "msoa": ("text", "", "The middle layer area that it belongs to, where it is smaller"),
    "nearest_hub": ("text", "", "The open hub that is nearest in a straight line"),
    "straight_line_km": ("number", "km", "Straight line from the middle of the area to that hub"),
    "straight_line_km_with_planned": ("number", "km", "The same with the planned hubs too"),
    "expires_on": ("date", "", "The day from which these figures are too old"),
}
_MEASURES = {
    "need": "Estimated share of households in need",
    "reach": "Of households in need, estimated share that help reached",
    "pooled": "1 where the area is shown as one with others of its MSOA",
}


def write_catalogue(
    folder: Path, council: Council, topic: str, quarter: str, made_on: date, rows: Sequence[Row]
) -> None:
    """Write data.json and dictionary.csv beside a public map. Raises DataError for what breaks the schema."""
    if not council.contact:
        raise DataError(
            "the maps are drawn, and the open data has no catalogue: nobody is named whom readers could ask.",
            "Write `contact` in council.toml, then draw the map again.",
        )
    write_csv(folder / "dictionary.csv", [_describe_column(name) for name in rows[0]])
    write_datasets(folder / "data.json", [_describe_map(council, topic, quarter, made_on)])


def require_contact(council: Council) -> None:
    """Raise DataError where council.toml names nobody whom readers of open data could ask."""
    if not council.contact:
        raise DataError(
            "open data has no catalogue: nobody is named whom readers could ask.",
            "Write `contact` in council.toml, then publish again.",
        )


def write_datasets(path: Path, datasets: Sequence[dict[str, Any]]) -> None:
    """Write a catalogue of data sets (`describe_set`) to a file. Raises DataError for what breaks the schema."""
    catalogue = {
        "@type": "dcat:Catalog",
        "conformsTo": "https://project-open-data.cio.gov/v1.1/schema",
        "dataset": list(datasets),
    }
    check_document("catalogue", catalogue)
    write_json(path, catalogue)


def _describe_map(council: Council, topic: str, quarter: str, made_on: date) -> dict[str, Any]:
    return describe_set(
        council,
        {
            "identifier": f"{topic}-need-by-area-{quarter.lower()}",
            "title": f"{topic.capitalize()} need by area, {quarter}",
            "description": (
                f"Estimated shares of households in {topic} need, and of those reached by help, by MSOA, with"
                f" intervals; of counts after disclosure control in the mode {MODE}. Too old from"
                f" {expires_on(quarter).isoformat()}."
            ),
            "keyword": [f"{topic} need", "small area estimates", "early help"],
            "modified": made_on.isoformat(),
        },
        _FILES,
    )


def describe_set(council: Council, words: Mapping[str, Any], files: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """Return a data set as DCAT has it: its own `words`, who publishes it, its licence, and each of its files.

    A file is its name beside the catalogue, its media type and what it is called.
    """
    return {
        "@type": "dcat:Dataset",
        **words,
        "publisher": {"@type": "org:Organization", "name": council.name},
        "contactPoint": {"@type": "vcard:Contact", "fn": council.name, "hasEmail": f"mailto:{council.contact}"},
        "accessLevel": "public",
        "license": LICENCE,
        "distribution": [
            {"@type": "dcat:Distribution", "title": title, "downloadURL": name, "mediaType": kind}
            for name, kind, title in files
        ],
    }


def _describe_column(name: str) -> Row:
    if name in _COLUMNS:
        kind, unit, words = _COLUMNS[name]
        return {"column": name, "type": kind, "unit": unit, "description": words}
    what, year, quarter, *end = name.split("_")
    bound = {"low": ", lower end of the 95 % interval", "high": ", upper end of the 95 % interval"}
    words = f"{_MEASURES[what]}, {year}-{quarter.upper()}{bound[end[0]] if end else ''}"
    unit = "" if what == "pooled" else "share, 0 to 1; empty: not shown"
    return {"column": name, "type": "number", "unit": unit, "description": words}
