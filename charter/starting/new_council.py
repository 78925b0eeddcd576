"""What is known of a new council before its folder is written: a few answers, and what its extracts look like."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from charter.council.register import Signal, Source
from charter.errors import UsageError
from charter.purposes import CHECKS, PURPOSES

__all__ = [
    "NOTHING_YET",
    "Answers",
    "Months",
    "ProposedDates",
    "ProposedSource",
    "name_id",
    "propose_dates",
    "propose_example",
]

NOTHING_YET = "It gives no signal yet"
"""How the remark begins on a file in which nothing could be found that happened to somebody."""

_CHOICES = ((12, 4), (6, 4), (6, 2), (3, 4), (3, 2), (1, 2))
"""Months for a need to follow, and folds: the first that the time covered is long enough for is proposed."""
_DATES_OF_FOLD = 3
_FINAL = 3
_LEARNED = 2
"""As-of dates that a fold tests, that come after all folds, and that the first fold learns from at the least."""


def name_id(title: str) -> str:
    """Return small letters, digits and underscores for a title, as ids have them; empty where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


@dataclass(frozen=True)
class Answers:
    """What somebody says of a new council; `permitted` are prohibitions of the example charter that it does without.

    Raises UsageError for teams or a programme that have no id.
    """

    name: str
    time_zone: str
    contact: str
    teams: tuple[str, ...]
    programme: str
    permitted: tuple[str, ...] = ()

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

    `months` are those of its events; None where it has none. `is_shipped`: it is the example council's row, and
    nothing of it was sent yet.
    """

    source: Source
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    months: Months | None = None
    is_shipped: bool = False

    @property
    def ordering_signals(self) -> tuple[Signal, ...]:
        """Its signals, where its row says that they may put somebody in order; those of other rows only count."""
        return self.source.signals if {"train", "rank"} <= self.source.purposes else ()


@dataclass(frozen=True)
class ProposedDates:
    """As-of dates `step` months apart, the months in which a need is looked for (`horizon`), and the folds (`folds`).

    `is_enough` is false where what was sent covers too little time for any choice.
    """

    first: date
    last: date
    step: int
    horizon: int
    folds: int
    is_enough: bool = True


def propose_dates(proposed: Sequence[ProposedSource], today: date) -> ProposedDates:
    """Return the as-of dates for what was sent, and the longest horizon with the most folds that they leave room for.

    From a horizon after the first month in which every source sent something, to a horizon and a month before the
    last; of 2015-03 to 2020-11, 2016-03 to 2019-10, every month. The first fold's cut lies a horizon and a month
    after the dates that it learns from.
    """
    months = [proposal.months for proposal in proposed if proposal.months is not None]
    if not months:
        return ProposedDates(date(today.year - 4, 1, 1), date(today.year - 2, today.month, 1), 3, *_CHOICES[0])
    begin, end = max(month.first for month in months), max(month.last for month in months)
    tried = [_lay_dates(begin, end, horizon, folds) for horizon, folds in _CHOICES]
    return next((dates for dates in tried if dates.is_enough), replace(tried[-1], is_enough=False))


def _lay_dates(begin: date, end: date, horizon: int, folds: int) -> ProposedDates:
    tested = folds * _DATES_OF_FOLD + _FINAL
    whole = _count_months(begin, end) - horizon - 1
    learned = horizon + _LEARNED
    history = max(0, min(horizon, whole - tested - learned))
    between = max(0, whole - history)
    step = max(1, min(3, between // (tested + 1 + learned)))
    first = _add_months(begin, history)
    count = between // step + 1
    is_enough = (count - tested - _LEARNED) * step > horizon and history > 0
    return ProposedDates(first, _add_months(first, between), step, horizon, folds, is_enough)


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
        purposes=frozenset(PURPOSES) - frozenset(CHECKS),
        retention_years=7,
        signals=(signal,),
        example=True,
    )
    remark = "An example to overwrite: a folder with a table `events` (docs/reference/contracts.md) is such a source."
    return ProposedSource(source, {service: (remark,)})
