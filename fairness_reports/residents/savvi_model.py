"""SAVVI's logical model, mapped to ours: from `savvi.toml` beside this file, the contracts, and what a council wrote.

published/savvi/savvi.json       the model, the council's programmes and its register (contract `savvi`)
published/savvi/model.csv        a row a field of an entity
published/savvi/relations.csv    a row a relation of two entities
published/savvi/factors.csv      a row a piece of data that a released model reads
published/savvi/signals.csv      a row a signal, with the law by which its source may be used
published/savvi/dictionary.csv   every column of the four
published/savvi/data.json        the catalogue (DCAT)

No row of a person is read for it: what is released, the register and public.toml are all that it knows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from charter.contracts import SCHEMA_VERSION, check_document, read_document_members, read_table_contract
from charter.contracts.files import renew_folder, write_json
from charter.council.council import Area, Council, Offer, Team
from charter.council.public_file import PublicUse
from charter.council.register import ExtractFile, Signal, Source
from charter.invocation import Invocation
from fairness_reports.maps.area_files import Row, write_csv
from fairness_reports.maps.open_data import LICENCE, describe_set, require_contact, write_datasets
from fairness_reports.residents.data_uses import DataUse, gather_uses

__all__ = ["SAVVI", "describe_model", "find_ours", "publish_savvi", "read_savvi"]

SAVVI = "savvi"
"""Where the files lie, below `published/` and below `data/` of the site."""

_SETTINGS: Mapping[str, type[BaseModel]] = {
    "council": Council,
    "council.area": Area,
    "council.team": Team,
    "council.offer": Offer,
    "public.use": PublicUse,
    "register.source": Source,
    "register.signal": Signal,
    "register.file": ExtractFile,
}
"""The rows of a council's files that `savvi.toml` may name, by file and row."""

_FILES = (
    ("savvi.json", "application/json", "The whole model, with the council's programmes and register"),
    ("model.csv", "text/csv", "A row a field of an entity"),
    ("relations.csv", "text/csv", "A row a relation"),
    ("factors.csv", "text/csv", "A row a piece of data that a released model reads"),
    ("signals.csv", "text/csv", "A row a signal that a service records"),
    ("dictionary.csv", "text/csv", "What each column says"),
)
_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "model.csv": {
        "entity": "SAVVI's entity",
        "stage": "The stage of SAVVI's process in which it is made",
        "ours": "What we call it",
        "field": "The field, in our words",
        "savvi": "Its name in SAVVI's logical model; empty: we know of none",
        "at": "The table, document or setting of ours that has it; empty: nothing of ours crosses",
        "type": "The column's type (Table Schema); empty where it is none of a table",
        "says": "What the contract or the setting says of it",
        "differs": "Where the field or, for its first row, the entity is not what SAVVI means",
    },
    "relations.csv": {
        "from": "The entity that it begins at",
        "does": "What the one does with the other",
        "to": "The entity that it leads to",
        "at": "Where ours is, several with a semicolon between",
    },
    "factors.csv": {
        "programme": "The programme",
        "state": "Whether its lists are live, in shadow or suspended",
        "factor": "The piece of data",
        "title": "What it is called",
        "unit": "What it counts",
        "services": "The services that it comes from",
        "signals": "The signals that it is asked of",
        "system_response": "1 where it measures what a service did",
    },
    "signals.csv": {
        "service": "The service",
        "source": "What it is called",
        "signal": "The signal",
        "title": "What that is called",
        "unit": "What its amount counts",
        "system_response": "1 where it is what a service did",
        "in_use": "1 where the source is in use",
        "basis": "The lawful basis of its source",
        "gateway": "The law that lets it be shared",
        "purposes": "What it may be used for",
        "kept_years": "For how many years a row is kept once it is over",
        "review_by": "The last day on which the source's row stands as agreed; empty: nobody said one",
    },
}


@cache
def read_savvi() -> Mapping[str, Any]:
    """Return SAVVI's stages, words, entities and relations beside ours, each field with what our contract says of it.

    Raises KeyError where the file names a table, document, setting or entity that there is not.
    """
    text = tomllib.loads(files(__package__).joinpath("savvi.toml").read_text(encoding="utf-8"))
    entities = [{**row, "fields": [_complete_field(field) for field in row["fields"]]} for row in text["entity"]]
    stages, names = {row["name"] for row in text["stage"]}, {row["name"] for row in entities}
    unknown = {row["stage"] for row in entities} - stages
    unknown |= {row[end] for row in text["relation"] for end in ("from", "to")} - names
    if unknown:
        raise KeyError(sorted(unknown)[0])
    for row in text["relation"]:
        for place in row["at"]:
            find_ours(place)
    return {
        "read_on": text["read_on"].isoformat(),
        "read_at": text["read_at"],
        "stages": text["stage"],
        "words": text["word"],
        "entities": entities,
        "relations": text["relation"],
    }


def _complete_field(field: Mapping[str, str]) -> Mapping[str, str]:
    place = field.get("at", "")
    kind, says = find_ours(place) if place else ("", "")
    said = {"savvi": field.get("savvi", ""), "differs": field.get("differs", "")}
    return {"name": field["name"], "at": place, "type": kind, "says": says, **said}


def find_ours(place: str) -> tuple[str, str]:
    """Return the type and the words of "table NAME.COLUMN", "document NAME.MEMBER" or "setting FILE.ROW.KEY".

    A type is a column's; of the other two it is empty. Raises KeyError for what there is not.
    """
    kind, _, name = place.partition(" ")
    within, _, last = name.rpartition(".")
    if kind == "table":
        column = {column.name: column for column in read_table_contract(within).columns}[last]
        return column.type, column.description
    if kind == "document":
        return "", read_document_members(within)[last]
    if kind != "setting":
        raise KeyError(place)
    return "", _SETTINGS[within].model_fields[last].description or ""


def describe_model(invocation: Invocation, uses: Sequence[DataUse]) -> Mapping[str, Any]:
    """Return the document of a council (contract `savvi`): the model, its programmes, its register."""
    sources = [source for source in invocation.register.sources if source.bears_people]
    return {
        "schema_version": SCHEMA_VERSION,
        "council": invocation.council.name,
        "licence": LICENCE,
        "made_up": any(bool(use.bundle.get("synthetic")) for use in uses),
        "model": read_savvi(),
        "initiatives": [_describe_initiative(use) for use in uses],
        "information": [_describe_source(source) for source in sources],
    }


def _describe_initiative(use: DataUse) -> Mapping[str, Any]:
    factors = ("name", "unit", "services", "signals", "system_response")
    return {
        "programme": use.programme,
        "title": use.title,
        "why": use.words.why if use.words else "",
        "state": use.state,
        "release": str(use.bundle.get("release", "")),
        "model": str(use.bundle.get("model", "")),
        "entity": str(use.bundle.get("entity", "")),
        "cohort": str(use.bundle.get("cohort", "")),
        "outcome": str(use.bundle.get("outcome", {}).get("title", "")),
        "factors": [
            {**{key: row[key] for key in factors}, "title": row.get("title", row["name"])} for row in use.features
        ],
    }


def _describe_source(source: Source) -> Mapping[str, Any]:
    return {
        "service": source.service,
        "title": source.title,
        "in_use": not source.disabled,
        "basis": source.basis,
        "conditions": list(source.conditions),
        "gateway": source.gateway,
        "purposes": sorted(source.purposes),
        "kept_years": source.retention_years,
        "review_by": str(source.review_by)[:10] if source.review_by else "",
        "signals": [
            {"name": row.name, "title": row.title, "unit": row.unit, "system_response": row.system_response}
            for row in source.signals
        ],
    }


def publish_savvi(invocation: Invocation) -> tuple[Path, int]:
    """Write the model's files in the place of earlier ones; return their folder and how many entities are in it.

    Raises DataError where council.toml names nobody whom readers could ask.
    """
    require_contact(invocation.council)
    document = describe_model(invocation, gather_uses(invocation))
    check_document("savvi", document)
    folder = invocation.workspace.root / "published" / SAVVI
    with renew_folder(folder) as beside:
        write_json(beside / "savvi.json", document)
        for name, rows in _list_tables(document).items():
            write_csv(beside / name, [dict(zip(_COLUMNS[name], row, strict=True)) for row in rows], _COLUMNS[name])
        write_csv(beside / "dictionary.csv", list(_describe_columns()))
        write_datasets(beside / "data.json", [_describe_set(invocation)])
    return folder, len(document["model"]["entities"])


def _list_tables(document: Mapping[str, Any]) -> Mapping[str, Sequence[Sequence[str | int]]]:
    """Return the rows of each CSV, in the order of its columns."""
    model = document["model"]
    return {
        "model.csv": [row for entity in model["entities"] for row in _list_fields(entity)],
        "relations.csv": [(row["from"], row["does"], row["to"], "; ".join(row["at"])) for row in model["relations"]],
        "factors.csv": [
            (use["programme"], use["state"], row["name"], row["title"], row["unit"], "; ".join(row["services"]),
             "; ".join(row["signals"]), int(row["system_response"]))
            for use in document["initiatives"] for row in use["factors"]
        ],
        "signals.csv": [
            (source["service"], source["title"], row["name"], row["title"], row["unit"], int(row["system_response"]),
             int(source["in_use"]), source["basis"], source["gateway"], "; ".join(source["purposes"]),
             source["kept_years"], source["review_by"])
            for source in document["information"] for row in source["signals"]
        ],
    }  # fmt: skip


def _list_fields(entity: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield an entity's rows: the first has what is said of the entity, then one a field."""
    head = (entity["name"], entity["stage"], entity["ours"])
    yield (*head, "", "", "", "", "", entity["differs"])
    for field in entity["fields"]:
        yield (*head, *(field[key] for key in ("name", "savvi", "at", "type", "says", "differs")))


def _describe_columns() -> Iterator[Row]:
    numbers = {"system_response", "in_use", "kept_years"}
    for name, columns in _COLUMNS.items():
        for column, words in columns.items():
            kind = "number" if column in numbers else "text"
            yield {"file": name, "column": column, "type": kind, "unit": "", "description": words}


def _describe_set(invocation: Invocation) -> dict[str, Any]:
    words = {
        "identifier": "savvi-logical-model",
        "title": "Our programmes and register in SAVVI's words",
        "description": (
            "The entities, fields and relations of SAVVI's logical model beside our tables, documents and settings,"
            " with each programme's pieces of data and each source's law. Nobody's record is in it."
        ),
        "keyword": ["SAVVI", "logical model", "data dictionary", "early help"],
        "modified": invocation.today.isoformat(),
    }
    return describe_set(invocation.council, words, _FILES)
