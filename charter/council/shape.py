"""What a file may hold, asked of the types that read it: the keys of a table, and the tables below it.

Read by the reader (to say which key was meant and what to write) and by the reference pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

__all__ = ["is_list", "keys_of", "kind_tag", "tables_below", "tables_in", "toml_text"]


def keys_of(kind: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Return the fields of a table by the key that a file has for each."""
    return {str(field.validation_alias or name): field for name, field in kind.model_fields.items()}


def tables_in(annotation: Any) -> tuple[type[BaseModel], ...]:
    """Return the kinds of table that a value of this type holds; several where a word in each says which it is."""
    return tuple(dict.fromkeys(_tables(annotation)))


@cache
def tables_below(kind: type[BaseModel]) -> tuple[tuple[str, tuple[type[BaseModel], ...]], ...]:
    """Return the keys of a table that hold tables, each with their kinds; asked of every row, so worked out once."""
    below = ((key, tables_in(field.annotation)) for key, field in keys_of(kind).items())
    return tuple((key, tables) for key, tables in below if tables)


def _tables(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _tables(argument)


def is_list(annotation: Any) -> bool:
    """Whether a value of this type is a TOML list, of tables or of values."""
    inside = (argument for argument in get_args(annotation) if get_origin(annotation) is Annotated)
    return get_origin(annotation) in (tuple, frozenset) or any(map(is_list, inside))


def kind_tag(kind: type[BaseModel]) -> str:
    """Return the word in `kind = ...` that says that a table is one of these, or an empty text."""
    words = get_args(kind.model_fields["kind"].annotation) if "kind" in kind.model_fields else ()
    return str(words[0]) if len(words) == 1 else ""


def toml_text(value: Any) -> str:
    """Return a value as a council would write it, cut where it is long."""
    text = _toml(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_toml(item)}' for key, item in value.items())} }}"
    return str(value)
