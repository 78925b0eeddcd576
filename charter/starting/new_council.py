"""What is known of a new council before its folder is written: a few answers, and what its extracts look like."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from charter.council.register import Signal, Source
from charter.errors import UsageError
from charter.purposes import PURPOSES

__all__ = ["Answers", "Months", "ProposedSource", "name_id", "propose_dates", "propose_example"]

_HORIZON = 12
_HISTORY = 12
_LEAST_DATES = 16
"""Months for a need to follow, months of records before the first date, and the dates that the shipped folds need."""


def name_id(title: str) -> str:
    """Return small letters, digits and underscores for a title, as ids have them; empty where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


@dataclass(frozen=True)
class Answers:
    """What somebody says of a new council. Raises UsageError for teams or a programme that have no id."""

    name: str
    time_zone: str
    contact: str
    teams: tuple[str, ...]
    programme: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.programme):
            raise UsageError(
                f"{self.programme!r} is no name for a programme.", "Use small letters, digits and underscores."
            )
        ids = [name_id(team) for team in self.teams]
        if not ids or not all(ids) or len(set(ids)) != len(ids):
            raise UsageError(
                "the teams need names that differ, each with a letter or digit.", "Name each with --team NAME."
            )


@dataclass(frozen=True)
class Months:
    """The first days of the first and the last month in which nearly all that services sent happened."""

    first: date
    last: date


@dataclass(frozen=True)
class ProposedSource:
    """A row for the register, every guess in it for a person to confirm, and what to say of its files and signals.

    `months` are those of its events; None where it has none.
    """

    source: Source
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    months: Months | None = None


def propose_dates(proposed: Sequence[ProposedSource], today: date) -> tuple[Months, int]:
    """Return the first and the last as-of date for what was sent, and the months from one to the next.

    From a year after the first month in which every source sent something, to a year and a month before the last; of
    2015-03 to 2020-11, 2016-03 to 2019-10, every second month. A shorter past begins sooner, and is less.
    """
    months = [proposal.months for proposal in proposed if proposal.months is not None]
    if not months:
        return Months(date(today.year - 4, 1, 1), date(today.year - 2, today.month, 1)), 3
    begin, end = max(month.first for month in months), max(month.last for month in months)
    whole = _count_months(begin, end)
    history = max(0, min(_HISTORY, whole - _HORIZON - 1 - _LEAST_DATES))
    between = max(0, whole - _HORIZON - 1 - history)
    step = max(1, min(3, between // (_LEAST_DATES + 2)))
    first = _add_months(begin, history)
    return Months(first, _add_months(first, between)), step


def _count_months(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def _add_months(month: date, count: int) -> date:
    years, index = divmod(month.month - 1 + count, 12)
    return date(month.year + years, index + 1, 1)


def propose_example() -> ProposedSource:
    """Return one source to overwrite, for a council that has no extracts yet: dated events, in the canonical form."""
    service = "example_service"
    signal = Signal(name=f"{service}.visit", title="A visit", example=True)
    source = Source(
        service=service,
        title="An example of a service",
        format="canonical",
        basis="public task",
        conditions=("UK GDPR article 6(1)(e)",),
        purposes=frozenset(PURPOSES) - {"residence_check"},
        retention_years=7,
        signals=(signal,),
        example=True,
    )
    remark = "An example to overwrite: a folder with a table `events` (docs/reference/contracts.md) is such a source."
    return ProposedSource(source, {service: (remark,)})
