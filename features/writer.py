"""The arrays of one as-of date on disk, written as blocks of rows arrive: memory holds a block and not a matrix."""

from __future__ import annotations

import io
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import COLUMNS
from charter.errors import DataError
from features.engines.question import Question
from features.kept_columns import Places

if TYPE_CHECKING:  # what a build that stands is read with loads no compiler
    from features.engines.blocks import ColumnBlock

__all__ = ["ColumnWriter", "DateWriter"]


class DateWriter:
    """Writes the arrays of one as-of date; use it in a `with` block."""

    def __init__(self, folder: Path, question: Question) -> None:
        folder.mkdir(parents=True)
        self.folder, self.rows, self.cannot_tell, self.cannot_begin = folder, 0, 0, 0
        self.files = {
            column.name: _ArrayFile(folder / f"{column.name}.npy", column.dtype, column.row_shape(question.widths))
            for column in COLUMNS
        }

    def append(self, block: Any) -> None:
        """Add a block's rows, or their outcomes alone."""
        for name, file in self.files.items():
            part = getattr(block, name, None)
            if part is not None:
                file.append(part + np.int32(self.rows) if name == "person_row" else part)
        self.rows += len(block.outcome_seen)
        self.cannot_tell += getattr(block, "cannot_tell", 0)
        self.cannot_begin += getattr(block, "cannot_begin", 0)

    def keep(self, before: Path | None) -> None:
        """Take the arrays that were not made again from the folder of a date with the same rows."""
        for name, file in self.files.items():
            if before is not None and file.rows < self.rows:
                file.close()
                file.path.unlink()
                # A link costs nothing; files of a matrix are never written to again.
                file.path.hardlink_to(before / f"{name}.npy")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self.files.values():
            file.close()


_AT_ONCE = 65_536
"""Rows copied at once."""


class ColumnWriter:
    """Writes the arrays of one as-of date whose rows an earlier matrix has; use it in a `with` block.

    All but features and seen are linked from the folder `before`, and so are those two where every column stands.
    """

    def __init__(self, folder: Path, before: Path, features: Places, seen: Places) -> None:
        folder.mkdir(parents=True)
        self.rows, self.places = 0, {"features": features, "seen": seen}
        self.before = {name: np.load(before / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in self.places}
        self.files = {
            name: _ArrayFile(folder / f"{name}.npy", self.before[name].dtype.str, (places.width,))
            for name, places in self.places.items()
            if not places.unmoved
        }
        for column in COLUMNS:
            if column.name not in self.files:
                (folder / f"{column.name}.npy").hardlink_to(before / f"{column.name}.npy")

    def copy_rows(self) -> None:
        """Take every column of every row from the earlier ones: none was made."""
        from features.engines.blocks import ColumnBlock

        for first in range(0, len(self.before["features"]), _AT_ONCE):
            shape = (min(_AT_ONCE, len(self.before["features"]) - first), 0)
            self.append(ColumnBlock(0, np.empty(shape, np.float32), np.empty(shape, np.uint16)))

    def append(self, block: ColumnBlock) -> None:
        """Add the columns that were made of the next rows, beside the rows' earlier ones."""
        rows = slice(self.rows, self.rows + len(block.features))
        for name, file in self.files.items():
            file.append(self.places[name].join(self.before[name][rows], getattr(block, name)))
        self.rows = rows.stop

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self.files.values():
            file.close()
        if error is None and self.files and self.rows != len(self.before["features"]):
            raise DataError(
                f"an earlier matrix has {len(self.before['features']):,} rows at a date, and {self.rows:,} were found.",
                "Remove it with `sooner clean`, or its folder, and build again.",
            )


_HEADER = 128


class _ArrayFile:
    """A `.npy` file that grows by rows; its header is written last, when the number of rows is known."""

    def __init__(self, path: Path, dtype: str, row_shape: tuple[int, ...]) -> None:
        self.path, self.dtype, self.row_shape, self.rows = path, np.dtype(dtype), row_shape, 0
        self.handle = path.open("wb")
        self.handle.write(bytes(_HEADER))

    def append(self, part: NDArray[Any]) -> None:
        """Add rows of the array."""
        self.handle.write(np.ascontiguousarray(part, dtype=self.dtype).data.cast("B") if part.size else b"")
        self.rows += len(part)

    def close(self) -> None:
        """Write the header and close the file; closing again does nothing."""
        if self.handle.closed:
            return
        header = io.BytesIO()
        shape = (self.rows, *self.row_shape)
        np.lib.format.write_array_header_1_0(
            header, {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        )
        if len(header.getvalue()) != _HEADER:
            raise DataError(f"{self.path.name} has a header of another size.", "Use the NumPy of constraints.txt.")
        self.handle.seek(0)
        self.handle.write(header.getvalue())
        self.handle.close()
