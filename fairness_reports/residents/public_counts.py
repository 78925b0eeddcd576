"""Counts for programs: every table of counts that left to everybody, at an address of its own; nothing can be asked.

published/counts/index.json    which tables there are (contract `counts_index`)
published/counts/ID.json       one table, of one period (contract `counts`)
published/counts/ID.csv        the same, a row a cell
published/counts/data.json     the catalogue of all of them (DCAT), where council.toml names whom readers can ask
published/counts/dictionary.csv   every column of the CSVs: type, unit, and what it says

How many households each team's lists held in a quarter is let out here; all other tables left by the pages that show
them. An id is of what the table says, and what is out never changes: whoever has a file need not ask for it again.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import content_id, read_json, renew_folder, write_json, write_text
from charter.council.council import Council
from charter.invocation import Invocation
from fairness_reports.audit.population.issued_lists import NOT_LISTED
from fairness_reports.disclosure.ledger import PUBLIC, Earlier, Ledger
from fairness_reports.disclosure.tables import CountTable, Dimension, Period
from fairness_reports.maps.area_files import write_csv
from fairness_reports.maps.open_data import LICENCE, describe_set, write_datasets
from fairness_reports.residents.data_uses import DataUse, gather_uses
from fairness_reports.residents.use_words import name_entities

__all__ = ["COUNTS", "publish_counts", "read_index"]

COUNTS = "counts"
"""Where the files lie, below `published/` and below `data/` of the site."""

_MODE = "ten"
"""Also the exact number of places on all lists is public: nought is hidden, so no quarter's few say which team's."""


@dataclass(frozen=True)
class _Place:
    """A place on a list: its quarter, the household, and the team's id."""

    quarter: Period
    entity: str
    team: str


def publish_counts(invocation: Invocation) -> tuple[Path, int]:
    """Write every public table of counts in the place of earlier files; return the folder and how many there are.

    Lets out how many households were listed in each quarter that is over. Raises CharterError where disclosure control
    lets nothing out, DataError for a ledger that is not as it was written.
    """
    uses = gather_uses(invocation)
    ledger = Ledger(invocation.workspace.releases)
    for use in uses:
        for table in _count_listed(use):
            ledger.release_once([table], _MODE, PUBLIC, invocation.today)
    documents = [document for entry in ledger.read() if (document := _describe_table(entry))]
    index = {
        "schema_version": SCHEMA_VERSION,
        "council": invocation.council.name,
        "licence": LICENCE,
        "made_up": any(bool(use.bundle.get("synthetic")) for use in uses),
        "tables": [_describe_entry(document) for document in documents],
    }
    check_document("counts_index", index)
    folder = invocation.workspace.releases.parent / COUNTS
    _write_folder(folder, index, documents, invocation.council)
    return folder, len(documents)


def _count_listed(use: DataUse) -> list[CountTable]:
    """Return a table for each quarter that is over: households on a list, by the team that had them first in it."""
    titles = {team.id: team.title for team in use.invocation.council.teams}
    first: dict[tuple[Period, str], str] = {}
    for place in _read_places(use.invocation):
        first.setdefault((place.quarter, place.entity), titles.get(place.team, place.team))
    tables = []
    for quarter in dict.fromkeys(quarter for quarter, _ in first):
        if quarter.end > use.invocation.today:
            continue
        teams = [team for (of, _), team in first.items() if of == quarter]
        dimension = Dimension.with_total("team", sorted({*teams, *titles.values()}))
        counted = f"{name_entities(use)} on a list of {use.programme}, lists shown to nobody included"
        tables.append(CountTable.of_leaves(counted, quarter, dimension, {team: teams.count(team) for team in teams}))
    return tables


def _read_places(invocation: Invocation) -> list[_Place]:
    """Return the places of all issued lists, the oldest first; those that a lot held out or drew are none."""
    places = []
    for path in sorted(invocation.workspace.worklist.glob("*/issued.csv")):
        quarter = Period.of_quarter(date.fromisoformat(path.parent.name))
        with path.open(encoding="utf-8", newline="") as file:
            places += [
                _Place(quarter, row["entity"], row["team"])
                for row in csv.DictReader(file)
                if row["arm"] not in NOT_LISTED
            ]
    return places


def _describe_table(entry: Earlier) -> Mapping[str, Any] | None:
    """Return what everybody may read of a table that is out; None where that is nothing."""
    nodes = entry.public_nodes
    if not nodes:
        return None
    table = entry.view.table
    said = {
        "schema_version": SCHEMA_VERSION,
        "counted": table.counted,
        "from": table.period.start.isoformat(),
        "until": table.period.end.isoformat(),
        "released_on": entry.released_on.isoformat(),
        "mode": entry.view.mode.name,
        "note": entry.view.mode.say_hidden("null, empty in the CSV"),
        "dimensions": [
            {"name": dimension.name, "values": list(values)}
            for dimension, values in zip(table.dimensions, nodes, strict=True)
        ],
        "cells": [{"of": list(cell), "count": entry.view.count(*cell)} for cell in itertools.product(*nodes)],
    }
    document = {"id": content_id(said), **said}
    check_document("counts", document)
    return document


def _describe_entry(document: Mapping[str, Any]) -> Mapping[str, Any]:
    same = {name: document[name] for name in ("id", "counted", "from", "until", "released_on")}
    names = [dimension["name"] for dimension in document["dimensions"]]
    return {**same, "dimensions": names, "json": f"{document['id']}.json", "csv": f"{document['id']}.csv"}


def _write_folder(folder: Path, index: Mapping[str, Any], documents: list[Mapping[str, Any]], council: Council) -> None:
    with renew_folder(folder) as beside:
        write_json(beside / "index.json", index)
        for document in documents:
            write_json(beside / f"{document['id']}.json", document)
            write_text(beside / f"{document['id']}.csv", _write_rows(document))
        if documents and council.contact:
            names = dict.fromkeys(name["name"] for document in documents for name in document["dimensions"])
            write_csv(beside / "dictionary.csv", [_describe_column(name) for name in (*names, "count")])
            write_datasets(beside / "data.json", [_describe_set(document, council) for document in documents])


def _describe_set(document: Mapping[str, Any], council: Council) -> dict[str, Any]:
    """Return a table of counts as a data set of the catalogue; what is out never changes, so its day stays."""
    by = " and ".join(dimension["name"] for dimension in document["dimensions"])
    counted = str(document["counted"])
    last = (date.fromisoformat(document["until"]) - timedelta(days=1)).isoformat()
    words = {
        "identifier": f"counts-{document['id']}",
        "title": f"{counted[:1].upper()}{counted[1:]}, by {by}, {document['from']} to {last}",
        "description": f"Counts after disclosure control in the mode {document['mode']}. {document['note']}",
        "keyword": ["counts", "early help", *(dimension["name"] for dimension in document["dimensions"])],
        "modified": document["released_on"],
    }
    files = (
        (f"{document['id']}.csv", "text/csv", "A row a cell"),
        (f"{document['id']}.json", "application/json", "The same, with what is said of it"),
        ("dictionary.csv", "text/csv", "What each column says"),
    )
    return describe_set(council, words, files)


def _describe_column(name: str) -> Mapping[str, Any]:
    if name == "count":
        words = "How many; empty where the count is hidden"
        return {"column": name, "type": "number", "unit": "of what the table counts", "description": words}
    words = f"Which {name.replace('_', ' ')}; one of its values stands for all of them together"
    return {"column": name, "type": "text", "unit": "", "description": words}


def _write_rows(document: Mapping[str, Any]) -> str:
    """Return a table as CSV: a column a dimension, and `count`, empty where it is hidden."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(dimension["name"] for dimension in document["dimensions"]), "count"])
    writer.writerows([*cell["of"], "" if cell["count"] is None else cell["count"]] for cell in document["cells"])
    return text.getvalue()


def read_index(invocation: Invocation) -> Mapping[str, Any]:
    """Return the newest index, `{}` where no counts were published."""
    path = invocation.workspace.releases.parent / COUNTS / "index.json"
    return read_json(path) if path.exists() else {}
