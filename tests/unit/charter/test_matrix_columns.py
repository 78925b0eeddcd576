"""One table says what a matrix's arrays are; what is written, mapped and stated in the module agrees with it."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np

from charter.contracts import matrix
from charter.contracts.matrix import COLUMNS, MatrixDate, Widths

DAY, WIDTHS = date(2025, 3, 1), Widths(features=3, seen=2, components=1)


def empty() -> MatrixDate:
    return MatrixDate.of(DAY, WIDTHS, {column.name: [] for column in COLUMNS})


def test_a_date_has_the_columns_of_the_table_in_its_order() -> None:
    assert [field.name for field in fields(MatrixDate)] == ["as_of", *(column.name for column in COLUMNS)]


def test_arrays_have_their_columns_type_and_width(tmp_path: Path) -> None:
    empty().write(tmp_path)
    for column in COLUMNS:
        array = np.load(tmp_path / f"{column.name}.npy")
        assert array.dtype.str == column.dtype
        assert array.shape == (0, *column.row_shape(WIDTHS))
        assert column.row_bytes(WIDTHS) == array.dtype.itemsize * int(np.prod(array.shape[1:]))
    assert {column.row_shape(WIDTHS) for column in COLUMNS} == {(), (3,), (2,), (1,)}


def test_the_modules_own_table_says_the_same() -> None:
    kinds = {
        "S32": "|S32",
        "S9": "|S9",
        "float32": "<f4",
        "uint16": "<u2",
        "int32": "<i4",
        "int64": "<i8",
        "bool": "|b1",
        "int8": "|i1",
    }
    lines = re.findall(
        r"^ +(\w+)\.npy +\((\w+),(?: (\w+))?\) +(?:bytes )?`?(\w+)`?", matrix.__doc__ or "", re.MULTILINE
    )
    assert [(name, per, width or None, kinds[kind]) for name, per, width, kind in lines] == [
        (column.name, {"row": "rows", "person": "people"}[column.per], column.width, column.dtype) for column in COLUMNS
    ]
