"""Where the board answers for a question itself: a verdict that it accepts for now, an answer that says nothing.

    waiver   a role accepts a verdict until a day, and says why; it is shown wherever the answer is
    caveat   of one group the question can't be answered, and why: it is referred to the board every time, never passed

Both are part of the charter, so they are signed with it. One that names a programme holds for that programme alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from charter.council.reading import Table
from charter.errors import CharterError

__all__ = ["Caveat", "Waiver", "read_caveat", "read_waiver"]


@dataclass(frozen=True)
class Waiver:
    """A gate's verdict about one group that `role` accepts until it expires."""

    gate: str
    group: str
    role: str
    reason: str
    expires: date
    programme: str = ""


@dataclass(frozen=True)
class Caveat:
    """A group of which a gate's figures say nothing, whatever they are."""

    gate: str
    group: str
    reason: str
    programme: str = ""


def read_waiver(row: Table, gates: Collection[str], roles: Collection[str]) -> Waiver:
    """Read one [[waiver]]; raise CharterError for an unknown gate or role, or a reason that is none."""
    waiver = Waiver(
        gate=row.one_of("gate", list(gates)),
        group=row.take("group", str),
        role=row.one_of("role", list(roles)),
        reason=_reason(row),
        expires=row.take("expires", date),
        programme=row.take("programme", str, default=""),
    )
    row.done()
    return waiver


def read_caveat(row: Table, gates: Collection[str]) -> Caveat:
    """Read one [[caveat]]; raise CharterError for an unknown gate, or a reason that is none."""
    caveat = Caveat(
        gate=row.one_of("gate", list(gates)),
        group=row.take("group", str),
        reason=_reason(row),
        programme=row.take("programme", str, default=""),
    )
    row.done()
    return caveat


def _reason(row: Table) -> str:
    reason: str = row.take("reason", str)
    if len(reason.split()) < 5:
        raise CharterError(
            f"charter.toml: {row.where} gives no reason that a resident could read.", "Write why in a sentence."
        )
    return reason
