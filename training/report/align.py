"""Rows of text as aligned columns, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["align_table"]


def align_table(rows: Sequence[Sequence[str]], right: Sequence[int]) -> str:
    """Return rows as aligned text, the first as a heading; columns in `right` align to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
