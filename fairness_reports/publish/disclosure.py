"""The only way a count leaves the council: small ones are suppressed, and so is whatever would give them away.

The rule is the Department for Education's for children in need: a count of 1 to 5 is shown as `c`; zeros are shown;
where one cell of a row or column with a total is suppressed, the next smallest is too, so that nobody can subtract.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["HIDDEN", "SMALLEST", "suppress", "table"]

HIDDEN = "c"
SMALLEST = 6


def suppress(count: int) -> str:
    """Return one count that is published by itself: 1 to 5 become `c`."""
    return HIDDEN if 0 < count < SMALLEST else str(count)


def table(counts: Sequence[Sequence[int]]) -> list[list[str]]:
    """Hide cells of a table whose row and column totals are published too; return it as text.

    Every row and column ends with no hidden cell or at least two. Where all other cells of a line are zero, nothing
    can be hidden with the one, and the line's total gives it away: publish that total through `suppress` as well.
    """
    hidden = [[0 < count < SMALLEST for count in row] for row in counts]
    changed = True
    while changed:
        changed = _hide_second(counts, hidden)
    return [[HIDDEN if hidden[r][c] else str(count) for c, count in enumerate(row)] for r, row in enumerate(counts)]


def _hide_second(counts: Sequence[Sequence[int]], hidden: list[list[bool]]) -> bool:
    lines = [[(r, c) for c in range(len(counts[r]))] for r in range(len(counts))]
    lines += [[(r, c) for r in range(len(counts))] for c in range(len(counts[0]) if counts else 0)]
    for line in lines:
        concealed = [cell for cell in line if hidden[cell[0]][cell[1]]]
        if len(concealed) != 1:
            continue
        others = sorted((counts[r][c], r, c) for r, c in line if not hidden[r][c] and counts[r][c])
        if others:
            _, r, c = others[0]
            hidden[r][c] = True
            return True
    return False
