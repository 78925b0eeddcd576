"""The matrix as it crosses rooms: memory-mapped arrays per as-of date, entity-sorted, with a manifest.

    matrix/PROGRAMME/ID/
      manifest.json          contract `matrix`
      definition.json        contract `definition`
      uncertain.csv          person_id,service: whose records of which service are there by an uncertain link
      as_of=2025-03-01/
        entity.npy           (rows,)             bytes `S32`: household or person pseudonym, ascending
        area.npy             (rows,)             bytes `S9`: LSOA 2021, empty where unknown
        features.npy         (rows, features)    float32; NaN is "not seen"
        seen.npy             (rows, seen)        uint16: how many members were seen, by service and window
        members.npy          (rows,)             uint16: how many members at the as-of date
        person.npy           (people,)           bytes `S32`: the members of all rows, in row order
        person_row.npy       (people,)           int32: the row that each person belongs to
        person_age.npy       (people,)           float32: age in years at the as-of date; NaN where unknown
        outcome_at.npy       (rows, components)  int64: valid_at of the first in the horizon, UTC µs; NONE if none
        outcome_known_at.npy (rows, components)  int64: its known_at
        outcome_seen.npy     (rows, components)  bool: whether feed and permission cover the whole horizon
        outcome_before.npy   (rows, components)  int8: over the months before, seen to be free of it (FREE), in it
                                                 already (CONTINUING), or not seen (UNSEEN)
        outcome_until.npy    (rows,)             int64: where the row's horizon ends, UTC µs; absent in older matrices

Needs numpy alone, so that serving can read it. Nothing here is pickled.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter.contracts import check_document
from charter.contracts.files import read_json
from charter.errors import DataError

__all__ = [
    "COLUMNS",
    "CONTINUING",
    "FREE",
    "ID_BYTES",
    "NONE",
    "UNSEEN",
    "Matrix",
    "MatrixColumn",
    "MatrixDate",
    "Widths",
    "count_codes",
]

NONE = np.iinfo(np.int64).min
"""The time that means "no such time" in int64 microsecond arrays."""

FREE, CONTINUING, UNSEEN = 0, 1, -1
"""What a row says of a component before its as-of date."""

ID_BYTES = 32
"""How long an id of a person or a household may be."""


class Widths(NamedTuple):
    """How many columns the wide arrays of a matrix have: one per feature, seen column and outcome component."""

    features: int
    seen: int
    components: int


class MatrixColumn(NamedTuple):
    """One array of a matrix: its NumPy type, whether it has one value a row or a person, and how many values each."""

    name: str
    dtype: str
    per: Literal["row", "person"] = "row"
    width: Literal["features", "seen", "components"] | None = None

    def row_shape(self, widths: Widths) -> tuple[int, ...]:
        """Return the shape of one row (or person): () for one value."""
        return () if self.width is None else (getattr(widths, self.width),)

    def row_bytes(self, widths: Widths) -> int:
        """Return how many bytes a row (or person) takes."""
        return np.dtype(self.dtype).itemsize * math.prod(self.row_shape(widths))


COLUMNS = (
    MatrixColumn("entity", f"|S{ID_BYTES}"),
    MatrixColumn("area", "|S9"),
    MatrixColumn("features", "<f4", width="features"),
    MatrixColumn("seen", "<u2", width="seen"),
    MatrixColumn("members", "<u2"),
    MatrixColumn("person", f"|S{ID_BYTES}", per="person"),
    MatrixColumn("person_row", "<i4", per="person"),
    MatrixColumn("person_age", "<f4", per="person"),
    MatrixColumn("outcome_at", "<i8", width="components"),
    MatrixColumn("outcome_known_at", "<i8", width="components"),
    MatrixColumn("outcome_seen", "|b1", width="components"),
    MatrixColumn("outcome_before", "|i1", width="components"),
    MatrixColumn("outcome_until", "<i8"),
)
"""Every array of a matrix: what is written, read back, estimated, and sent between machines."""


_LATER = ("outcome_before", "outcome_until")
"""Arrays that older matrices lack."""


@dataclass(frozen=True)
class MatrixDate:
    """The rows of a matrix at one as-of date; see the module for the shapes and types."""

    as_of: date
    entity: NDArray[np.bytes_]
    area: NDArray[np.bytes_]
    features: NDArray[np.float32]
    seen: NDArray[np.uint16]
    members: NDArray[np.uint16]
    person: NDArray[np.bytes_]
    person_row: NDArray[np.int32]
    person_age: NDArray[np.float32]
    outcome_at: NDArray[np.int64]
    outcome_known_at: NDArray[np.int64]
    outcome_seen: NDArray[np.bool_]
    outcome_before: NDArray[np.int8]
    outcome_until: NDArray[np.int64] | None = None

    ARRAYS = tuple(column.name for column in COLUMNS)

    @classmethod
    def of(cls, as_of: date, widths: Widths, values: Mapping[str, Any]) -> MatrixDate:
        """Return the arrays of `values` (sequences by name, rows first), each of its column's type and width."""
        arrays = {
            column.name: np.asarray(values[column.name], column.dtype).reshape(
                len(values[column.name]), *column.row_shape(widths)
            )
            for column in COLUMNS
            if column.name in values
        }
        return cls(as_of, **arrays)

    def write(self, folder: Path) -> None:
        """Write one `.npy` file per array into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.ARRAYS:
            if getattr(self, name) is not None:
                np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)

    def ends(self, otherwise: int) -> NDArray[np.int64]:
        """Return where each row's horizon ends, (rows,): UTC µs, or `otherwise` in a matrix that does not say."""
        if self.outcome_until is None:
            return np.full(len(self.entity), otherwise, dtype=np.int64)
        return np.asarray(self.outcome_until)

    def extremes(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the lowest and the highest value of each feature, (features,); NaN where it is never seen here."""
        values = np.asarray(self.features)
        # A date can have no row, where each row has a date of its own: fmin and fmax pass over the NaN begun with.
        ends = np.fmin.reduce(values, axis=0, initial=np.nan), np.fmax.reduce(values, axis=0, initial=np.nan)
        self.let_go()
        return ends

    def let_go(self) -> None:
        """Give the mapped pages of the features back; reading them again maps them again.

        A pass over every date would else hold the whole matrix in memory by its end.
        """
        if isinstance(self.features, np.memmap):
            self.features._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]  # not in numpy's stubs


def count_codes(definition: Mapping[str, Any]) -> dict[str, int]:
    """Return how many codes each category of a definition has, by feature: 0 for none, its details, and another."""
    return {
        feature["name"]: len(feature["expression"]["steps"]) + 2
        for feature in definition["features"]
        if feature["expression"].get("word") == "category"
    }


@dataclass(frozen=True)
class Matrix:
    """A matrix on disk: features x (entity, as-of date), with outcomes as times."""

    folder: Path
    manifest: Mapping[str, Any]
    definition: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Matrix:
        """Open the matrix in `folder`; raise DataError if its manifest or definition breaks its contract."""
        manifest = read_json(folder / "manifest.json")
        check_document("matrix", manifest)
        definition = read_json(folder / "definition.json")
        check_document("definition", definition)
        return cls(folder, manifest, definition)

    @property
    def features(self) -> list[str]:
        """The names of the feature columns, in order."""
        return list(self.manifest["features"])

    @property
    def categories(self) -> dict[int, int]:
        """The columns of codes without an order, and how many codes each has."""
        codes = count_codes(self.definition)
        return {column: codes[name] for column, name in enumerate(self.features) if name in codes}

    @property
    def dates(self) -> list[date]:
        """The as-of dates, ascending."""
        return sorted(date.fromisoformat(day) for day in self.manifest["as_of"])

    def uncertain(self) -> frozenset[tuple[str, str]]:
        """Return (person, service) where that service's records may be somebody else's: the link is uncertain."""
        path = self.folder / "uncertain.csv"
        if not path.exists():
            return frozenset()
        lines = path.read_text(encoding="utf-8").splitlines()[1:]
        return frozenset((person, service) for person, _, service in (line.partition(",") for line in lines))

    def at(self, as_of: date) -> MatrixDate:
        """Map the arrays of one as-of date; raise DataError if the matrix has no such date."""
        folder = self.folder / f"as_of={as_of.isoformat()}"
        if not folder.is_dir():
            raise DataError(
                f"the matrix {self.manifest['id']} has no rows at {as_of}.",
                f"Build it with `sooner build --as-of {as_of}`.",
            )
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in MatrixDate.ARRAYS
            if name not in _LATER or (folder / f"{name}.npy").exists()
        }
        # A matrix made before a component was looked for before the as-of date says of nobody that it was there.
        arrays.setdefault("outcome_before", np.full(arrays["outcome_seen"].shape, FREE, dtype=np.int8))
        return MatrixDate(as_of, **arrays)
