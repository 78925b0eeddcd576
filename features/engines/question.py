"""What an engine is asked: which definition, at which dates, for which purpose, and what the law allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from charter.contracts.matrix import Widths
from features.grammar import Aggregate, Composition, Definition, Expression, Period, Window
from features.grammar.definition import Component, name_seen_column
from features.permission import Permission

__all__ = ["ENGINE_VERSION", "EPOCH", "ColumnsOnly", "Each", "Question", "to_microseconds"]

ENGINE_VERSION = 3
"""Raised whenever a change to the fast engine could change any byte of a matrix."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
A_YEAR = Period(12, "months")


def to_microseconds(moment: datetime) -> int:
    """Return `moment` in microseconds since 1970, UTC."""
    return (moment - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Each:
    """Rows at each entity's own dates: the day of an event of `signal`, or so long `after` it.

    Without `span` the row is at that very date, and the event visible by then. With it a date has the rows whose own
    day lies since the date before it, `(date - span, date]`; of what is `planned` those whose day lies ahead, `[date,
    date + span)`: that it would be was known beforehand, whatever is recorded of it came later.
    """

    signal: str
    after: Period | None = None
    span: Period | None = None
    planned: bool = False

    def own_day(self, event_day: date) -> date:
        """Return the own day that an event on `event_day` gives."""
        return self.after.after(event_day) if self.after else event_day

    def stretch(self, day: date) -> tuple[date, date]:
        """Return the first own day that has its row at the as-of date `day`, and the first after the last."""
        next_day = day + timedelta(days=1)
        if self.planned:
            return day, self.span.after(day) if self.span else next_day
        return (self.span.before(day) + timedelta(days=1) if self.span else day), next_day

    def document(self) -> list[Any]:
        """Return what names it: as it always was, where it is no more than that."""
        after = self.after.document() if self.after else None
        more = [self.span.document() if self.span else None, self.planned]
        return [self.signal, after, *(more if self.span or self.planned else [])]

    @classmethod
    def of(cls, document: Sequence[Any]) -> Each:
        """Read back what `document` wrote."""
        signal, after, span, planned = [*document, None, False][:4]
        return cls(signal, Period.of(after) if after else None, Period.of(span) if span else None, bool(planned))


@dataclass(frozen=True)
class Question:
    """One question to an engine; the answer depends on nothing else but the snapshot's tables.

    `dates` are ascending; `zone` decides when a day begins; `taken_at` is the snapshot's, which is "now". `free` is how
    long somebody must have been free of a component, and seen to be, for it to begin anew.
    """

    definition: Definition
    dates: tuple[date, ...]
    zone: ZoneInfo
    taken_at: datetime
    permission: Permission
    each: Each | None = None
    free: Period = A_YEAR

    @cached_property
    def midnights(self) -> tuple[datetime, ...]:
        """The moment that each as-of date means, UTC."""
        return tuple(self.midnight(day) for day in self.dates)

    def midnight(self, day: date) -> datetime:
        """Return 00:00 of `day` in the council's time zone, UTC."""
        return datetime.combine(day, time.min, self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """Return the calendar day of `moment` in the council's time zone."""
        return moment.astimezone(self.zone).date()

    @property
    def now(self) -> datetime:
        """The first moment after `taken_at`: what is visible then is everything known by `taken_at`."""
        return self.taken_at + timedelta(microseconds=1)

    def start(self, window: Window, day: date) -> datetime | None:
        """Return when a window that looks back from `day` starts, or None where it has no length of its own."""
        return self.midnight(window.last.before(day)) if window.last else None

    def horizon_end(self, day: date) -> datetime:
        """Return when the outcome's horizon from `day` ends."""
        return self.midnight(self.definition.outcome.horizon.after(day))

    @cached_property
    def given(self) -> tuple[Aggregate, ...]:
        """The cohort's rules that must hold: `given`, then `known_to` over the signals that may be used."""
        known_rules = (rule.among(sorted(self.permission.signals)) for rule in self.definition.cohort.known_to)
        return (*self.definition.cohort.given, *known_rules)

    @cached_property
    def seen(self) -> tuple[tuple[str, Window], ...]:
        """The matrix's seen columns in the order of their names: each a service and the window it must have covered."""
        columns = {
            name_seen_column(service, feature.expression.reach): (service, feature.expression.reach)
            for feature in self.definition.features
            if not isinstance(feature.expression, Composition)
            for service in feature.expression.services
        }
        return tuple(columns[name] for name in self.definition.seen)

    @cached_property
    def widths(self) -> Widths:
        """How wide the arrays of its matrix are."""
        return Widths(len(self.definition.features), len(self.seen), len(self.components))

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """What is computed, in order: features, the cohort's rules that must hold, those that must not, `before`."""
        features = tuple(feature.expression for feature in self.definition.features)
        return (*features, *self.given, *self.unless, *self.before)

    @cached_property
    def before(self) -> tuple[Aggregate, ...]:
        """By component of the outcome whether any was known in the months before: asked as a feature is."""
        return tuple(Aggregate("any_of", (part.signal,), Window(last=self.free)) for part in self.components)

    def may_ask(self, component: Component) -> bool:
        """Whether a component's signal may be used for the purpose, so that its absence means anything."""
        return component.signal.name in self.permission.signals

    @property
    def must_be_at_risk(self) -> bool:
        """Whether only those have a row for whom a component can begin anew."""
        return self.definition.outcome.onset

    @property
    def components(self) -> tuple[Component, ...]:
        """The outcome's components, in order."""
        return self.definition.outcome.components

    @property
    def unless(self) -> Sequence[Aggregate]:
        """The cohort's rules that must not hold."""
        return self.definition.cohort.unless


class ColumnsOnly(Question):
    """A question after the features of rows that are known: no rule of the cohort is computed, nor what was before."""

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """What is computed, in order: features alone."""
        return tuple(feature.expression for feature in self.definition.features)
