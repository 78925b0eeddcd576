"""Rows as a council writes them: the reader's own values turned back into TOML, with comments for people.

Only what was given is written, and nothing empty that is so by default, so a row shows what somebody has to confirm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ["Comments", "toml_value", "write_row"]

Comments = Mapping[str, tuple[str, ...]]
"""Comment lines to write above a row, by the value of its `identity`."""


_PLACES = {"kind": -1, "where": 1, "example": 2}


def write_row(name: str, row: BaseModel, comments: Comments | None = None) -> Iterator[str]:
    """Yield the lines of `[[name]]`: comments, its own keys, then its tables and lists of tables, indented."""
    yield from _write_table(f"[[{name}]]", name, row, comments or {}, "")


def _write_table(header: str, name: str, row: BaseModel, comments: Comments, indent: str) -> Iterator[str]:
    yield from (f"{indent}# {line}" for line in comments.get(str(getattr(row, getattr(row, "identity", ""), "")), ()))
    yield f"{indent}{header}"
    below: list[str] = []
    for key, value in _keys_to_write(row):
        inside = f"{name}.{key}"
        if isinstance(value, BaseModel):
            below += ["", *_write_table(f"[{inside}]", inside, value, comments, f"{indent}  ")]
        elif isinstance(value, tuple) and isinstance(value[0], BaseModel):
            for child in value:
                below += ["", *_write_table(f"[[{inside}]]", inside, child, comments, f"{indent}  ")]
        elif isinstance(value, Mapping):
            columns = (f"{indent}{_key(column)} = {toml_value(kind)}" for column, kind in value.items())
            below = [f"{indent}[{inside}]", *columns, *below]
        else:
            yield f"{indent}{key} = {toml_value(value)}"
    yield from below


def _keys_to_write(row: BaseModel) -> Iterator[tuple[str, Any]]:
    """Yield what was given of a row, by the key that a file has for it; `kind` first, `where` and `example` last."""
    fields = type(row).model_fields
    for name in sorted(fields, key=lambda name: _PLACES.get(name, 0)):
        value = getattr(row, name)
        if name in row.model_fields_set and (value or value != fields[name].default):
            yield str(fields[name].validation_alias or name), value


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else toml_value(name)


def toml_value(value: Any) -> str:
    """Return a value in TOML's words, whole."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's texts are TOML's, but for the one control character that JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, frozenset):
        return toml_value(tuple(sorted(value)))
    return str(value)
