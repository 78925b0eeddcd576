"""Reading a TOML table so that nothing in it goes unread: a rule that nobody reads would be a rule nobody keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from charter.errors import CharterError

__all__ = ["Table"]


class Table:
    """A TOML table being read: each key is taken once, and one that nobody took is an error."""

    def __init__(self, where: str, raw: Any) -> None:
        if not isinstance(raw, dict):
            raise CharterError(f"charter.toml: {where} is not a table.", "Write it as in Sooner's own charter.toml.")
        self.where = where
        self.left: dict[str, Any] = dict(raw)

    def take(self, key: str, kind: type | tuple[type, ...], *, default: Any = ...) -> Any:
        """Return and remove the value of `key`; raise CharterError where it is missing or of another type."""
        if key not in self.left:
            if default is not ...:
                return default
            raise CharterError(f"charter.toml: {self.where} lacks {key!r}.", "Add it, as in Sooner's own charter.toml.")
        value = self.left.pop(key)
        # A TOML boolean is a Python int; a number written as true is a mistake, not a 1.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise CharterError(
                f"charter.toml: {key!r} of {self.where} is {value!r}, which is not of the right type.",
                "Write it as in Sooner's own charter.toml.",
            )
        return value

    def number(self, key: str, *, default: Any = ...) -> Any:
        """Return and remove a number as a float."""
        value = self.take(key, (int, float), default=default)
        return value if value is None else float(value)

    def words(self, key: str, *, default: Any = ...) -> tuple[str, ...]:
        """Return and remove a list of texts."""
        values = self.take(key, list, default=default)
        if not all(isinstance(value, str) for value in values):
            raise CharterError(f"charter.toml: {key!r} of {self.where} is not a list of texts.", "Quote each of them.")
        return tuple(values)

    def tables(self, key: str) -> list[Table]:
        """Return and remove an array of tables; none is an empty list."""
        return [
            Table(f"[[{key}]] number {number}", row)
            for number, row in enumerate(self.take(key, list, default=[]), start=1)
        ]

    def table(self, key: str) -> Table:
        """Return and remove a table."""
        return Table(f"[{key}]", self.take(key, dict))

    def one_of(self, key: str, choices: Iterable[str]) -> str:
        """Return and remove a text that must be one of `choices`."""
        value: str = self.take(key, str)
        known = tuple(choices)
        if value not in known:
            raise CharterError(
                f"charter.toml: {key!r} of {self.where} is {value!r}, which is not known.",
                f"Choose one of: {', '.join(known)}.",
            )
        return value

    def done(self) -> None:
        """Raise CharterError if any key is left: a rule that nobody reads would be a rule that nobody keeps."""
        self.left.pop("example", None)
        if self.left:
            raise CharterError(
                f"charter.toml: {self.where} has a key that is not known: {', '.join(sorted(self.left))}.",
                "Correct its spelling or remove it: what Sooner does not understand it does not allow.",
            )
