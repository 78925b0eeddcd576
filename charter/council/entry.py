"""One entry of the register, read key by key: what is missing, of the wrong kind or unknown is one clear sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from charter.errors import DataError

__all__ = ["one_of", "refuse_unknown", "require", "typed"]

_KINDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}


def require(row: Mapping[str, Any], key: str, where: str, kind: type) -> Any:
    """Return the value of a key that an entry must have; raise DataError where it is missing or of another kind."""
    if key not in row:
        raise DataError(f"register.toml: {where} lacks {key!r}.", "Add it, as in Sooner's own council.")
    return typed(row[key], key, where, kind)


def typed(value: Any, key: str, where: str, kind: type) -> Any:
    """Return a value of an entry, of the kind it must be; raise DataError for another."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DataError(
            f"register.toml: {key!r} of {where} is not {_KINDS[kind]}.", "Correct it, as in Sooner's own council."
        )
    return value


def refuse_unknown(row: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Raise DataError for a key that no entry of this kind has."""
    unknown = sorted(set(row) - set(known))
    if unknown:
        raise DataError(
            f"register.toml: {where} has an unknown key {unknown[0]!r}.", f"Known keys: {', '.join(sorted(known))}."
        )


def one_of(value: Any, allowed: tuple[str, ...], key: str, where: str) -> str:
    """Return a value that is one of a few words; raise DataError for another."""
    if value not in allowed:
        raise DataError(
            f"register.toml: {key} of {where} is {value!r}, which is not known.", f"Choose from: {', '.join(allowed)}."
        )
    return str(value)
