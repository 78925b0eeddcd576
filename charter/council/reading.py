"""The one reader of what a council writes: TOML in, frozen values out, and every slip of a file said at once.

    File       a whole file: what it is called, how it is refused, and the very bytes that were parsed
    MarkedRow  a table that may still carry `example = true`
    Row        a table of a file

A key that is not known, is missing, of another kind, out of its range or names what does not exist is a slip. Kinds are
strict: `"false"` is a text and never false, `true` is not 1, 1.5 is not 1, a text is no list of letters. A rule about
several values is judged where each of them can be read. The descriptions and examples of the keys make the reference
pages (`docs/reference/files`) and say in an error what to write.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, PrivateAttr, Strict, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from charter.council.shape import tables_below
from charter.council.slips import Slip, choose, refused, slips_of
from charter.errors import DataError, SoonerError, UsageError

__all__ = [
    "File",
    "Listed",
    "MarkedRow",
    "OneOf",
    "Origin",
    "RefersTo",
    "Row",
    "Text",
    "Words",
    "broken",
    "read_toml",
    "row_ids",
]

Item = TypeVar("Item")
Listed = Annotated[tuple[Item, ...], Strict(False)]
"""A TOML list, kept as a tuple. Not strict for itself alone: TOML has lists and no tuples; its items stay strict."""

Words = Annotated[frozenset[Item], Strict(False)]
"""A TOML list of words whose order says nothing."""

Text = Annotated[str, Field(min_length=1)]
"""A text that may not be empty."""


def broken(rule: str, remedy: str, *, key: str = "", forbidden: bool = False) -> PydanticCustomError:
    """Return the error that a validator raises: the rule that `key` of a row breaks, and what to write instead.

    What is `forbidden` is not allowed (exit 12), whatever file says it.
    """
    return PydanticCustomError("broken", "{rule}", {"rule": rule, "remedy": remedy, "key": key, "forbidden": forbidden})


@dataclass(frozen=True)
class OneOf:
    """A text that is one of a few words."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Check the text after it was read as one."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        """Say the words where the key is described."""
        return {**handler(schema), "enum": list(self.words)}

    def _checked(self, value: str) -> str:
        if value not in self.words:
            raise broken(f"is {value!r}, which is not known", choose(value, self.words))
        return value


@dataclass(frozen=True)
class RefersTo:
    """The id of a row elsewhere: `what` is the key of that table, `where` says its file for people.

    Judged where the reader knows those ids; a value that is made in code refers to nothing.
    """

    what: str
    where: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Check the text after it was read as one, with the names that the reader gathered."""
        return core_schema.with_info_after_validator_function(self._checked, handler(source))

    def _checked(self, value: str, info: core_schema.ValidationInfo) -> str:
        known = (info.context or {}).get(self.what)
        if known is not None and value not in known:
            raise broken(f"is {value!r}, which is no {self.what} of {self.where}", choose(value, sorted(known)))
        return value


class Row(BaseModel):
    """A table of a file: frozen, strict, and without a key that it does not know.

    `identity` is the key that names a row of its kind among its neighbours; no two may have the same.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, validate_by_name=True, validate_by_alias=True
    )
    identity: ClassVar[str] = ""

    def replace(self, **changes: Any) -> Self:
        """Return the same row with other values, judged like those of a file."""
        return type(self).model_validate(dict(self) | changes)


class MarkedRow(Row):
    """A row that the people who answer for it must make their own."""

    example: Annotated[
        bool,
        Field(
            description="Marks a row that is still the shipped example; no real data is read while one is left.",
            examples=[True],
        ),
    ] = False


@dataclass(frozen=True)
class Origin:
    """Where a value was read from: the file, the very bytes that were parsed, and their sha256."""

    path: Path
    content: bytes
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Origin:
        """Read a file once; raise UsageError where it is missing."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise UsageError(
                f"{path} is missing.", "Copy Sooner's own `council/` folder and edit it, or name yours with --council."
            ) from None
        return cls(path, content, hashlib.sha256(content).hexdigest())


_NOWHERE = Origin(Path(), b"", hashlib.sha256().hexdigest())
"""The origin of a value that is made in code."""


class File(MarkedRow):
    """A whole file of a council; `read` gives it with its origin."""

    heading: ClassVar[str]
    """What the file says, in a few words."""
    refusal: ClassVar[type[SoonerError]] = DataError
    """How it is refused."""
    signed_by: ClassVar[str]
    """Who must sign a change of it, in a sentence."""

    _origin: Origin = PrivateAttr(default=_NOWHERE)

    @classmethod
    def read(cls, path: Path, known: Mapping[str, Collection[str]] | None = None) -> Self:
        """Read a file; `known` are the ids of rows in other files that its own rows may name, by table.

        Raises UsageError where it is missing, DataError where it is not TOML, and the file's own error with every
        slip in it, one line each.
        """
        origin = Origin.of(path)
        raw = read_toml(origin)
        names = cls.names(raw) | {what: frozenset(ids) for what, ids in (known or {}).items()}
        slips = list(_named_twice(cls, raw))
        try:
            value = cls.model_validate(raw, context=names, by_alias=True, by_name=False)
        except ValidationError as error:
            slips = [*slips_of(error, raw, cls), *slips]
        if slips:
            raise refused(path.name, slips, cls.refusal)
        value._origin = origin
        return value

    def replace(self, **changes: Any) -> Self:
        """Return the same file with other values, judged like those of a file; it keeps its origin."""
        changed = super().replace(**changes)
        changed._origin = self._origin
        return changed

    @classmethod
    def names(cls, raw: Mapping[str, Any]) -> dict[str, frozenset[str]]:
        """Return the ids that rows of the file itself can name, by table: of whatever of it can be read."""
        return {key: frozenset(row_ids(raw.get(key), kind)) for key, kind in _rows_below(cls)}

    @property
    def content(self) -> bytes:
        """The bytes that were parsed; none for a value made in code."""
        return self._origin.content

    @property
    def sha256(self) -> str:
        """The sha256 of the bytes that were parsed."""
        return self._origin.sha256

    @property
    def path(self) -> Path:
        """The file that it was read from."""
        return self._origin.path

    @property
    def marked(self) -> tuple[str, ...]:
        """The rows that still carry `example = true`, in the file's order."""
        return tuple(_marked(self, ""))


def read_toml(origin: Origin) -> dict[str, Any]:
    """Return a file's tables as TOML has them; raise DataError with the place if it is not TOML."""
    try:
        return tomllib.loads(origin.content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{origin.path.name} is not TOML: {error}.", "Mend that line and try again.") from None


def _rows_below(kind: type[BaseModel]) -> Iterator[tuple[str, type[Row]]]:
    """Yield the lists of named rows in a table, by key."""
    for key, tables in tables_below(kind):
        for row in tables:
            if issubclass(row, Row) and row.identity:
                yield key, row


def row_ids(rows: Any, kind: type[Row]) -> Iterator[str]:
    """Yield the ids of those of a file's rows of one kind that have one, whatever else is wrong with them."""
    for row in rows if isinstance(rows, list) else ():
        name = row.get(kind.identity) if isinstance(row, Mapping) else None
        if isinstance(name, str):
            yield name


def _named_twice(kind: type[BaseModel], raw: Any, above: str = "") -> Iterator[Slip]:
    """Yield a slip for every row that has the id of a neighbour, at any depth, of whatever can be read."""
    if not isinstance(raw, Mapping):
        return
    for key, tables in tables_below(kind):
        value = raw.get(key)
        for table in tables:
            name = f"{above}.{key}" if above else key
            for row in value if isinstance(value, list) else (value,):
                yield from _named_twice(table, row, name)
            if issubclass(table, Row) and table.identity:
                ids = list(row_ids(value, table))
                for twice in dict.fromkeys(one for one in ids if ids.count(one) > 1):
                    yield Slip("", "", f"has two [[{name}]] with {table.identity} = {twice!r}", "Keep one of the two.")


def _marked(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, MarkedRow) and value.example:
        yield name or "the whole file"
    if isinstance(value, Row):
        for key, field in type(value).model_fields.items():
            below = getattr(value, key)
            table = str(field.validation_alias or key)
            for row in below if isinstance(below, tuple) else (below,):
                called = getattr(row, row.identity) if isinstance(row, Row) and row.identity else ""
                yield from _marked(row, f"{table} {called}".strip())
