"""The contracts of every file that crosses rooms: schemas, layout, and how files are written.

Tables follow the Data Package standard's Table Schema (`schemas/*.table.json`), documents JSON Schema 2020-12
(`schemas/*.schema.json`). Column names and types are public: changing one is a new `schema_version`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from charter.errors import DataError

__all__ = [
    "SCHEMA_VERSION",
    "Column",
    "TableContract",
    "check_document",
    "document_names",
    "read_document_members",
    "read_table_contract",
    "table_names",
]

SCHEMA_VERSION = 1
_SCHEMAS = files(__package__) / "schemas"


@dataclass(frozen=True)
class Column:
    """A column of a table that crosses rooms; `type` is a Table Schema type."""

    name: str
    type: str
    description: str
    required: bool
    allowed: tuple[str, ...]


@dataclass(frozen=True)
class TableContract:
    """The columns of one table that crosses rooms, in order, and its primary key."""

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)


@cache
def _read_schema(file_name: str) -> Any:
    return json.loads((_SCHEMAS / file_name).read_text(encoding="utf-8"))


@cache
def _compile_schema(file_name: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(_read_schema(file_name), validate_formats=True)


def _list_names(ending: str) -> tuple[str, ...]:
    return tuple(sorted(p.name.removesuffix(ending) for p in _SCHEMAS.iterdir() if p.name.endswith(ending)))


def table_names() -> tuple[str, ...]:
    """Return the names of all table contracts."""
    return _list_names(".table.json")


def document_names() -> tuple[str, ...]:
    """Return the names of all document contracts."""
    return _list_names(".schema.json")


@cache
def read_table_contract(name: str) -> TableContract:
    """Return the contract of the table `name`; raise KeyError for an unknown one."""
    if name not in table_names():
        raise KeyError(name)
    schema = _read_schema(f"{name}.table.json")
    columns = tuple(
        Column(
            field["name"],
            field["type"],
            field["description"],
            bool(field.get("constraints", {}).get("required", False)),
            tuple(field.get("constraints", {}).get("enum", ())),
        )
        for field in schema["fields"]
    )
    return TableContract(name, schema["title"], columns, tuple(schema["primaryKey"]))


def check_document(name: str, document: Any) -> None:
    """Raise DataError, naming the field and the rule, unless `document` keeps the contract `name`."""
    # Here and not above: most commands check no document. An audit's findings are ten thousand rows, so what keeps the
    # contract is let through by compiled code; what doesn't is judged, and worded, by the standard's own library.
    if _compile_schema(f"{name}.schema.json").is_valid(document):
        return
    import jsonschema

    validator = jsonschema.Draft202012Validator(
        _read_schema(f"{name}.schema.json"), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path) or "the top level"
        raise DataError(
            f"a {name} document breaks its contract at {where}: {error.message[:200]}.",
            "Make it again with this version of Sooner.",
        )


@cache
def read_document_members(name: str) -> Mapping[str, str]:
    """Return what a document contract says of each member of its top level, "" where it says nothing.

    Raises KeyError for an unknown contract.
    """
    if name not in document_names():
        raise KeyError(name)
    members = _read_schema(f"{name}.schema.json")["properties"]
    return {member: str(rules.get("description", "")) for member, rules in members.items()}
