"""Columns that stand: an earlier matrix of the very same rows holds them, so only the other features' are made.

A matrix's rows at a date depend on its `rows_key`: all that its id is made of (tables, rules, purpose, cohort, outcome,
engine) but the features and the dates. A column depends on its rows and on its own words; so of two matrices with one
rows key, features of the same words have the same column at a date that both have, under whatever name and in whatever
order, and so have seen columns of the same name, which says service and window. There is no other cache than the
matrices themselves: what is forgotten with them can't be used again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import content_id, read_json
from features.engines.question import ColumnsOnly, Question

__all__ = ["KeptColumns", "Places", "find_kept_columns"]


@dataclass(frozen=True)
class Places:
    """Where the columns of an array come from: by column the place among the earlier ones, or -1: made anew."""

    earlier: tuple[int, ...]
    earlier_width: int

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.earlier)

    @property
    def made(self) -> list[int]:
        """The columns that are made anew."""
        return [column for column, place in enumerate(self.earlier) if place < 0]

    @property
    def unmoved(self) -> bool:
        """Whether the array is the earlier one."""
        return self.earlier == tuple(range(self.earlier_width))

    def join(self, before: NDArray[Any], made: NDArray[Any]) -> NDArray[Any]:
        """Return the columns of some rows: of the earlier array, shape (rows, earlier), and made, (rows, made)."""
        values = np.empty((len(before), self.width), before.dtype)
        standing = [column for column, place in enumerate(self.earlier) if place >= 0]
        values[:, standing] = before[:, [self.earlier[column] for column in standing]]
        values[:, self.made] = made
        return values

    @classmethod
    def of(cls, wanted: Sequence[str], earlier: Sequence[str]) -> Places:
        """Find columns, each by what names its values, among earlier ones."""
        places = {name: place for place, name in enumerate(earlier)}
        return cls(tuple(places.get(name, -1) for name in wanted), len(earlier))


@dataclass(frozen=True)
class KeptColumns:
    """An earlier matrix of the same rows, and where the columns of a question stand in it."""

    folder: Path
    manifest: Mapping[str, Any]
    features: Places
    seen: Places

    def has_other_dates(self, question: Question) -> bool:
        """Whether the earlier matrix has dates that the question does not ask for."""
        return set(self.manifest["as_of"]) != {day.isoformat() for day in question.dates}

    def read_entities(self, day: date) -> NDArray[np.bytes_]:
        """Return the entities of a date's rows, ascending."""
        folder = self.folder / f"as_of={day.isoformat()}"
        return np.asarray(np.load(folder / "entity.npy", mmap_mode="r", allow_pickle=False))

    def pick_seen(self, question: Question, rest: ColumnsOnly) -> list[int]:
        """Return which seen columns of the rest are those that do not stand, in order."""
        names = question.definition.seen
        return [rest.definition.seen.index(names[column]) for column in self.seen.made]

    def ask_rest(self, question: Question) -> ColumnsOnly | None:
        """Return the question after the columns that do not stand, in order; None where all do."""
        features = question.definition.features
        rest = tuple(features[column] for column in self.features.made)
        if not rest:
            return None
        parts = {part.name: getattr(question, part.name) for part in fields(question)}
        return ColumnsOnly(**parts | {"definition": replace(question.definition, features=rest)})


def find_kept_columns(matrices: Path, rows_key: str, question: Question) -> KeptColumns | None:
    """Return the matrix below `matrices` that has these rows at all dates asked for, and most of the columns.

    None where no matrix has the rows.
    """
    definition = question.definition.document()
    dates = {day.isoformat() for day in question.dates}
    best = None
    for path in sorted(matrices.glob("*/manifest.json")):
        manifest = read_json(path)
        if manifest.get("rows_key") != rows_key or not dates <= manifest["as_of"].keys():
            continue
        earlier = read_json(path.parent / "definition.json")
        columns = KeptColumns(
            path.parent,
            manifest,
            Places.of(_name_values(definition), _name_values(earlier)),
            Places.of(list(question.definition.seen), manifest["seen"]),
        )
        if best is None or len(columns.features.made) < len(best.features.made):
            best = columns
    return best


def _name_values(definition: Mapping[str, Any]) -> list[str]:
    """Return what names the values of each feature's column: its words."""
    return [content_id(feature["expression"]) for feature in definition["features"]]
