"""Disclosure control: the only door through which counts of people leave for a public page.

Default rule: the Department for Education's for children in need (SDC-1 of the sector's rules): a count of 1 to 5 is
shown as `c`; nought is shown; where a total is shown beside its parts and exactly one part is hidden, the smallest of
the others is hidden too, or the hidden one could be had by subtraction (SDC-2).
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HIDDEN", "LARGEST_HIDDEN", "suppress_counts"]

LARGEST_HIDDEN = 5
HIDDEN = "c"


def suppress_counts(counts: Mapping[str, int], *, total_shown: bool) -> dict[str, str]:
    """Return each count as it may be published: a number as text, or `c`."""
    hidden = {name for name, count in counts.items() if 1 <= count <= LARGEST_HIDDEN}
    if total_shown and len(hidden) == 1:
        others = [name for name in counts if name not in hidden and counts[name] > 0]
        hidden |= set(sorted(others, key=lambda name: (counts[name], name))[:1])
    return {name: HIDDEN if name in hidden else str(count) for name, count in counts.items()}
