"""What is asked of a scored table: which columns are what, who counts as chosen, and whose groups are compared.

    --label happened                 a column of 0 and 1
    --label class=Low                it happened where the column says just that
    --group sex                      a column
    --group "age: 0-17, 18-64, 65+"  a column of numbers, in bins of whole years
    --group "sex and ethnicity"      two columns together
    --reference sex=male             every group of it beside that one too

A column of just that name always comes first, so no table needs to be renamed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from charter.errors import DataError, UsageError

__all__ = ["Bin", "Characteristic", "Column", "Flag", "Selection", "TableQuestion", "find_column", "read_references"]

_BINS = 'Write whole years: --group "age: 0-17, 18-64, 65+".'
_BIN = re.compile(r"(\d+)\s*(?:-\s*(\d+)|(\+))$")
_TOGETHER = " and "


@dataclass(frozen=True)
class Selection:
    """Who counts as chosen: so many of the largest scores, scores of so much and more, or where a column says so."""

    capacity: int | None = None
    threshold: float | None = None
    column: str | None = None

    @property
    def words(self) -> str:
        """How it is called in findings."""
        if self.capacity is not None:
            return f"capacity {self.capacity}"
        return f"threshold {self.threshold:g}" if self.threshold is not None else f"column {self.column}"


@dataclass(frozen=True)
class Flag:
    """A column that says yes or no: by 0 and 1, or by being `value`."""

    column: str
    value: str | None = None

    @classmethod
    def of(cls, text: str, columns: Sequence[str], where: str) -> Flag:
        """Read `column` or `column=value`; raise DataError for a column that is not there."""
        name, sign, value = text.partition("=")
        if text not in columns and sign and name.strip() in columns:
            return cls(name.strip(), value.strip())
        return cls(find_column(text, columns, where))


@dataclass(frozen=True)
class Bin:
    """Whole years of age from `low` to just below `beyond`; None: no end."""

    name: str
    low: int
    beyond: int | None


@dataclass(frozen=True)
class Column:
    """A column of groups, or of numbers that fall into bins."""

    name: str
    bins: tuple[Bin, ...] = ()

    @classmethod
    def of(cls, text: str, columns: Sequence[str], where: str) -> Column:
        """Read `column` or `column: 0-17, 18+`."""
        name, sign, bins = text.partition(":")
        if text in columns or not sign or name.strip() not in columns:
            return cls(find_column(text.strip() if not sign else name.strip(), columns, where))
        return cls(name.strip(), _read_bins(bins))


@dataclass(frozen=True)
class Characteristic:
    """Whose groups are compared: those of one column, or of several together."""

    name: str
    columns: tuple[Column, ...]
    reference: str | None = None

    @classmethod
    def of(cls, text: str, columns: Sequence[str], where: str, references: Mapping[str, str]) -> Characteristic:
        """Read one `--group`, knowing which columns there are."""
        parts = [text] if text in columns else text.split(_TOGETHER)
        of = tuple(Column.of(part.strip(), columns, where) for part in parts)
        name = _TOGETHER.join(column.name for column in of)
        return cls(name, of, references.get(name))


@dataclass(frozen=True)
class TableQuestion:
    """Which columns of which file are what. `references` are by characteristic; `each` is one list for each value."""

    file: Path
    groups: tuple[str, ...]
    selections: tuple[Selection, ...]
    score: str | None = None
    label: str | None = None
    cluster: str | None = None
    weight: str | None = None
    each: str | None = None
    references: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.selections:
            raise UsageError(
                "a scored table is audited of those who were chosen.",
                "Say who: --capacity N or --threshold X of the scores, or --selected COLUMN.",
            )
        if self.score is None and any(selection.column is None for selection in self.selections):
            raise UsageError("there is no score to select by.", "Name its column with --score, or --selected.")
        if not self.groups:
            raise UsageError("there is no group to compare.", "Name at least one column with --group.")
        for selection in self.selections:
            if selection.capacity is not None and selection.capacity < 1:
                raise UsageError(f"a list of {selection.capacity} selects nobody.", "Give --capacity a number from 1.")
        if len(set(self.selections)) != len(self.selections):
            raise UsageError("one selection is named twice.", "Name each once.")

    def read_characteristics(self, columns: Sequence[str]) -> tuple[Characteristic, ...]:
        """Return whose groups are compared; raise DataError for a column that is not there."""
        where = self.file.name
        listed = tuple(Characteristic.of(text, columns, where, self.references) for text in self.groups)
        names = [characteristic.name for characteristic in listed]
        if len(set(names)) != len(names):
            raise UsageError("one group column is named twice.", "Name each --group once.")
        for name in self.references:
            if name not in names:
                raise UsageError(f"--reference names {name!r}, which is no --group.", "Name its column with --group.")
        return listed


def read_references(texts: Sequence[str]) -> dict[str, str]:
    """Read `characteristic=group` each; raise UsageError for anything else, and for two of one characteristic."""
    references: dict[str, str] = {}
    for text in texts:
        name, sign, group = (part.strip() for part in text.partition("="))
        if not sign or not name or not group:
            raise UsageError(f"{text!r} names no reference group.", "Write --reference sex=male.")
        if name in references:
            raise UsageError(f"{name!r} has two reference groups.", "Name one of each characteristic.")
        references[name] = group
    return references


def find_column(name: str, columns: Sequence[str], where: str) -> str:
    """Return the column of that name; raise DataError, naming one that is spelled much alike."""
    if name in columns:
        return name
    near = get_close_matches(name, columns, n=1)
    alone = columns[0] if len(columns) == 1 else ""
    between = next((sign for sign in (";", "\t", "|") if sign in alone), "")
    if between:
        shown = "a tab" if between == "\t" else f"{between!r}"
        raise DataError(f"{where} has {shown} between its cells.", "Save it with commas between them (CSV UTF-8).")
    hint = f"Did you mean {near[0]!r}?" if near else f"Its first line names {len(columns)} others."
    raise DataError(f"{where} has no column {name!r}.", hint)


def _read_bins(text: str) -> tuple[Bin, ...]:
    bins = []
    for part in text.split(","):
        match = _BIN.match(part.strip())
        if match is None:
            raise UsageError(f"{part.strip()!r} is no bin of ages.", _BINS)
        low, high = int(match[1]), int(match[2]) if match[2] else None
        if high is not None and high < low:
            raise UsageError(f"{part.strip()!r} ends before it begins.", _BINS)
        bins.append(Bin(part.strip().replace(" ", ""), low, None if high is None else high + 1))
    bins.sort(key=lambda one: one.low)
    for earlier, later in pairwise(bins):
        if earlier.beyond is None or earlier.beyond > later.low:
            raise UsageError(f"{earlier.name!r} and {later.name!r} overlap.", _BINS)
    return tuple(bins)
