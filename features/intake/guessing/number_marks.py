"""How a service writes its numbers, guessed: which mark stands before the decimals, and which between thousands.

120.50, 3            a point before the decimals
1.234,50             a comma before them, a point between thousands
12,345               a comma between thousands: before decimals it would stand before three each time
"""

from __future__ import annotations

from collections.abc import Sequence

from features.intake.exact_casts import PLAIN, NumberMarks
from features.intake.guessing.column_kinds import MARKS, SampledFile

__all__ = ["choose_marks", "say_marks"]

_NAMES = {".": "a point", ",": "a comma", " ": "a space"}


def choose_marks(files: Sequence[SampledFile]) -> NumberMarks:
    """Return the marks by which most columns of a service's files are numbers; the plainest where several do."""
    return max(
        MARKS, key=lambda marks: sum(bool(file.number_kind(name, marks)) for file in files for name in file.columns)
    )


def say_marks(marks: NumberMarks) -> tuple[str, ...]:
    """Return what a person has to confirm of the marks; nothing where they are a computer's own."""
    if marks == PLAIN:
        return ()
    thousands = f", and {_NAMES[marks.thousands]} between thousands" if marks.thousands else ""
    return (f"Confirm: numbers are written with {_NAMES[marks.decimal]} before the decimals{thousands}.",)
