"""What the header of a table must be: every declared column once, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from charter.errors import DataError

__all__ = ["check_header"]

_SHOWN = 40
"""How much of an unknown column's name a message shows: a name of a column, not a line of somebody's data."""


def check_header(where: str, columns: Sequence[str], declared: Sequence[str], next_step: str) -> None:
    """Raise DataError for a header with a column that is not declared, has no name, or is there twice.

    Where most of its cells are no declared column, the line may be no header, and what stands in it somebody's name:
    it is not repeated. `next_step` says what to do about an unknown column.
    """
    unknown = [number for number, name in enumerate(columns, start=1) if name not in declared]
    folded = {name.strip().casefold() for name in declared}
    names = [name.strip().casefold() for name in columns]
    repeats = [str(number) for number, name in enumerate(names, start=1) if names.count(name) > 1]
    if unknown and not repeats and folded >= set(names):
        raise DataError(
            f"the first line of {where} writes columns in another case, or with blanks around them: numbers "
            f"{', '.join(map(str, unknown))}.",
            f"Write them in register.toml as the service does, or ask it to write: {', '.join(declared)}.",
        )
    mark = _find_mark(columns, folded)
    if mark:
        raise DataError(
            f"{where} has {mark!r} between its cells, not what register.toml says.",
            f"Write delimiter = {mark!r} for the source in register.toml.".replace("'", '"'),
        )
    if len(unknown) == len(columns):
        raise DataError(
            f"the first line of {where} is not its header: none of its {len(columns)} cells is a declared column.",
            f"Ask the service to send the header line. The columns are: {', '.join(declared)}.",
        )
    nameless = next((number for number, name in enumerate(columns, start=1) if not name.strip()), 0)
    if nameless:
        raise DataError(
            f"{where} has a column without a name: number {nameless} of {len(columns)}.",
            "Ask the service to name it or to leave it out; a table saved with its row numbers has such a column.",
        )
    if repeats:
        raise DataError(
            f"{where} names a column twice, in whatever case: numbers {', '.join(repeats)}.",
            "Ask the service to correct its header.",
        )
    if 2 * len(unknown) > len(columns):
        numbers = ", ".join(map(str, unknown))
        raise DataError(
            f"{where} has {len(unknown)} unknown columns of {len(columns)}: numbers {numbers}.",
            f"Ask whether its first line is the header. The columns are: {', '.join(declared)}.",
        )
    if unknown:
        raise DataError(f"{where} has an unknown column {columns[unknown[0] - 1][:_SHOWN]!r}.", next_step)


def _find_mark(columns: Sequence[str], folded: Collection[str]) -> str:
    """Return the mark that parts a header of one cell into declared columns, or nothing."""
    if len(columns) != 1:
        return ""
    for mark in (",", ";", "\t", "|"):
        names = {name.strip().casefold() for name in columns[0].split(mark)}
        if len(names) > 1 and names <= set(folded):
            return mark
    return ""
