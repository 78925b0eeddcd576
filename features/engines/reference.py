"""The reference engine: design section 2 row by row, slow and obvious. It is the specification of every other engine.

    versions    a row is visible at t iff known_at < t and (known_until is null or known_until >= t)
    time        an as-of date t is 00:00 in the council's time zone; intervals are half-open
    window      visible events with valid_at in [t - n, t)
    label       standing events with valid_at in [t, t + horizon), whatever was visible at t
    before      by component: known, or seen to be free of it, in the charter's months up to t
    household   the people at one address at t, as known at t; their events follow them
    permission  charter, register and choice, at t and now
    seen        a value exists only where the feed covered the whole window, was permitted and covered somebody

Nothing here is fast or clever on purpose. `explain` prints what it did with every row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from charter.contracts.matrix import CONTINUING, FREE, NONE, UNSEEN, MatrixDate
from features.engines.question import Question, to_microseconds
from features.engines.rows import Event, Feed, Household, Tables
from features.grammar import Aggregate, Change, Composition, Expression, PerMember, Ratio, Signal, Window
from features.grammar.definition import Component
from features.grammar.signal import AMOUNT_SCALE, scale_amount
from features.permission import ALL, Choice, is_denied, is_permitted

__all__ = ["Answer", "Outcomes", "Reference", "find_age", "is_standing", "is_visible", "matches_signals"]


class Answer(NamedTuple):
    """The rows of one as-of date, and how many entities have none.

    Because a cohort rule can't be evaluated, or because no component can begin anew for them.
    """

    rows: MatrixDate
    cannot_tell: int
    cannot_begin: int = 0


class Outcomes(NamedTuple):
    """One component of one row: the first event in the horizon, and whether there could be a label at all."""

    at: int
    known_at: int
    seen: bool


def is_visible(known_at: datetime, known_until: datetime | None, at: datetime) -> bool:
    """Return whether a version known over `[known_at, known_until]` is visible at `at`."""
    return known_at < at and (known_until is None or known_until >= at)


def is_standing(event: Event, question: Question) -> bool:
    """Return whether this version of an event is the one that stands now."""
    return is_visible(event.known_at, event.known_until, question.now)


def matches_signals(event: Event, signals: Sequence[Signal]) -> bool:
    """Return whether an event is of one of `signals`, by name, detail and amount."""
    return any(_matches_signal(event, signal) for signal in signals)


def _matches_signal(event: Event, signal: Signal) -> bool:
    if event.signal != signal.name or (signal.details and event.detail not in signal.details):
        return False
    if signal.at_least is None and signal.below is None:
        return True
    return (
        event.amount is not None
        and (signal.at_least is None or event.amount >= scale_amount(signal.at_least))
        and (signal.below is None or event.amount < scale_amount(signal.below))
    )


def find_age(birth: date | None, day: date) -> int | None:
    """Return whole years from `birth` to `day`; somebody born on 29 February is a year older on 1 March."""
    if birth is None:
        return None
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


class Reference:
    """Answers a question from rows in memory."""

    def __init__(self, question: Question, tables: Tables) -> None:
        self.question = question
        self.tables = tables
        self.events: dict[str, list[Event]] = defaultdict(list)
        for event in tables.events:
            if event.signal in question.permission.signals:
                self.events[event.person_id].append(event)
        self.choices: dict[str, list[Choice]] = defaultdict(list)
        for choice in tables.permission:
            self.choices[choice.person_id].append(choice)
        self.people = {person.person_id: person for person in tables.people}

    # Time and versions.

    def answer(self, day: date) -> Answer:
        """Return the matrix rows at the as-of date `day`."""
        rows, cannot_tell, cannot_begin = [], 0, 0
        for entity in self.candidates(day):
            verdict = self.in_cohort(entity, day)
            if verdict and self.question.must_be_at_risk and FREE not in self.before(entity, day):
                cannot_begin += 1
            elif verdict:
                rows.append(entity)
            elif verdict is None:
                cannot_tell += 1
        return Answer(self._make_arrays(rows, day), cannot_tell, cannot_begin)

    # Household.

    @cache  # noqa: B019  # one Reference answers one question and is then dropped
    def members(self, entity: str, day: date) -> tuple[str, ...]:
        """Return who is in the entity at `day`, as known at `day`: alive, born, and not kept out by their choice."""
        if self.question.definition.entity == "person":
            people = {entity}
        else:
            people = {
                r.person_id for r in self.tables.residence if r.household_id == entity and self._lives_there(r, day)
            }
        return tuple(sorted(person for person in people if self._counts_there(person, day)))

    def _lives_there(self, row: object, day: date) -> bool:
        """Return whether a dated row (residence, household) is visible and in force at `day`."""
        t = self.question.midnight(day)
        start, end = row.start, row.end  # type: ignore[attr-defined]  # residence and households both have them
        known_until = getattr(row, "known_until", None)
        return is_visible(row.known_at, known_until, t) and start <= t and (end is None or t < end)  # type: ignore[attr-defined]  # the same

    def _counts_there(self, person_id: str, day: date) -> bool:
        person = self.people.get(person_id)
        if person and person.birth_date and person.birth_date > day:
            return False
        if person and person.death_date and person.death_date <= day:
            return False
        return not self.kept_out(person_id, day)

    @cache  # noqa: B019  # see members
    def kept_out(self, person_id: str, day: date) -> bool:
        """Return whether somebody's choice about all services keeps them out of everything, at `day` or now."""
        purpose, choices = self.question.permission.purpose, self.choices[person_id]
        moments = (self.question.midnight(day), self.question.now)
        return any(is_denied(choices, ALL, purpose, at) for at in moments)

    def candidates(self, day: date) -> list[str]:
        """Return the entities that could get a row at `day`: with a member, or (persons) known to anybody by then."""
        t = self.question.midnight(day)
        if self.question.definition.entity == "person":
            people = {e.person_id for e in self.tables.events if e.known_at < t}
            people |= {r.person_id for r in self.tables.residence if r.known_at < t}
            entities = people
        else:
            entities = {r.household_id for r in self.tables.residence if self._lives_there(r, day)}
        return sorted(entity for entity in entities if self.members(entity, day))

    def home(self, household_id: str, day: date) -> Household | None:
        """Return the row of `households` in force at `day`, as known then: the newest by (start, known_at)."""
        rows = [h for h in self.tables.households if h.household_id == household_id and self._lives_there(h, day)]
        return max(rows, key=lambda h: (h.start, h.known_at), default=None)

    def area(self, entity: str, day: date) -> str:
        """Return the area of the entity's home at `day`, or '' where unknown; of several homes the first by id."""
        households = [entity]
        if self.question.definition.entity == "person":
            households = sorted(
                {r.household_id for r in self.tables.residence if r.person_id == entity and self._lives_there(r, day)}
            )
        home = self.home(households[0], day) if households else None
        return home.area if home else ""

    def in_cohort(self, entity: str, day: date) -> bool | None:
        """Return whether the entity gets a row at `day`; None where no rule is false but one can't be evaluated."""
        verdicts = list(self._list_verdicts(entity, day))
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def _list_verdicts(self, entity: str, day: date) -> Iterator[bool | None]:
        cohort, people = self.question.definition.cohort, self.members(entity, day)
        if cohort.entity == "household" and any(
            h.known_at < self.question.midnight(day) for h in self.tables.households
        ):
            home = self.home(entity, day)
            yield None if home is None else home.kind == "home"
        if cohort.with_age is not None:
            ages = [self.age_of(person, day) for person in people]
            youngest, oldest = cohort.with_age
            yield (
                True
                if any(a is not None and youngest <= a <= oldest for a in ages)
                else None
                if None in ages
                else False
            )
        if cohort.resident is not None:
            since = self.question.midnight(cohort.resident.before(day))
            yield any(
                r.start <= since
                for r in self.tables.residence
                if r.person_id in people
                and (cohort.entity == "person" or r.household_id == entity)
                and self._lives_there(r, day)
            )
        if self.question.each is not None:
            yield self._own_date(people, day)
        for rule in self.question.given:
            value = self.value(rule, entity, day)
            yield None if value is None else value > 0
        for rule in self.question.unless:
            value = self.value(rule, entity, day)
            yield None if value is None else value == 0

    def _own_date(self, people: Sequence[str], day: date) -> bool:
        each, t = self.question.each, self.question.midnight(day)
        if each is None:
            return True
        first, end = each.stretch(day)
        return any(
            event.signal == each.signal
            and (
                is_standing(event, self.question) if each.planned else is_visible(event.known_at, event.known_until, t)
            )
            and first <= each.own_day(self.question.day_of(event.valid_at)) < end
            and self.permitted(person, event.signal.split(".")[0], day)
            for person in people
            for event in self.events[person]
        )

    # Permission.

    @cache  # noqa: B019  # see members
    def permitted(self, person_id: str, service: str, day: date) -> bool:
        """Return whether the person's choices allow `service` for the purpose, at `day` and now."""
        permission, choices = self.question.permission, self.choices[person_id]
        moments = (self.question.midnight(day), self.question.now)
        return all(
            is_permitted(choices, service, permission.purpose, at, consent_based=service in permission.consent)
            for at in moments
        )

    # Seen.

    def feeds(self, service: str, day: date) -> list[Feed]:
        """Return the deliveries of a service that count at `day`.

        The first one ever received is history handed over at once, and counts as having arrived as it happened; a
        later one counts once it was received. A service without any counts as live from its first known event.
        """
        t = self.question.midnight(day)
        rows = [feed for feed in self.tables.feeds if feed.service == service]
        if rows:
            first = min(feed.received_at for feed in rows)
            return [feed for feed in rows if feed.received_at == first or feed.received_at < t]
        moments = [e.valid_at for e in self.tables.events if e.signal.startswith(f"{service}.") and e.known_at < t]
        return [Feed(service, min(moments), self.question.now, self.question.now)] if moments else []

    @cache  # noqa: B019  # see members
    def stretch(self, service: str, window: Window, day: date) -> tuple[datetime, datetime] | None:
        """Return the whole stretch a window asks a person's coverage for, or None where the feed did not cover it.

        A tail of the feed within its promised lag counts as covered.
        """
        t = self.question.midnight(day)
        spans = merge_spans([(feed.covers_from, feed.covers_to) for feed in self.feeds(service, day)])
        if not spans:
            return None
        tail = self.question.midnight(day - timedelta(days=self.question.permission.lag.get(service, 0)))
        start = t if window.now else self.question.start(window, day) or spans[0][0]
        needed = min(start, tail)
        if window.last is None and not window.now:
            needed = spans[0][0]
        covered = any(begin <= needed and tail <= end for begin, end in spans if begin <= tail)
        return (start, t) if covered else None

    @cache  # noqa: B019  # see members
    def sees(self, person_id: str, service: str, window: Window, day: date) -> bool:
        """Return whether `service` could have seen the person over the whole window, and may be used for them."""
        stretch = self.stretch(service, window, day)
        if stretch is None or not self.permitted(person_id, service, day):
            return False
        t = self.question.midnight(day)
        coverage = [c for c in self.tables.coverage if c.service == service and c.known_at < t]
        if not coverage:
            return True
        theirs = [c for c in coverage if c.person_id == person_id and is_visible(c.known_at, c.known_until, t)]
        spans = merge_spans([(c.start, c.end or datetime.max.replace(tzinfo=t.tzinfo)) for c in theirs])
        return any(begin <= stretch[0] and stretch[1] <= end for begin, end in spans)

    def seen_members(self, entity: str, service: str, window: Window, day: date) -> list[str]:
        """Return the members whom `service` saw over the whole window."""
        return [person for person in self.members(entity, day) if self.sees(person, service, window, day)]

    # Window.

    def in_window(self, event: Event, window: Window, day: date) -> bool:
        """Return whether an event is visible at `day` and within the window."""
        t, start = self.question.midnight(day), self.question.start(window, day)
        return (
            is_visible(event.known_at, event.known_until, t)
            and event.valid_at < t
            and (start is None or event.valid_at >= start)
        )

    def used(self, rule: Aggregate, reach: Window, entity: str, day: date) -> list[Event]:
        """Return the events that count for `rule`, in order of (valid_at, known_at, event_id)."""
        t = self.question.midnight(day)
        events = [
            event
            for person in self.members(entity, day)
            for event in self.events[person]
            if matches_signals(event, rule.signals)
            and self.in_window(event, rule.window, day)
            and self.sees(person, event.signal.split(".")[0], reach, day)
        ]
        if rule.window.now:
            events = [event for event in events if event.end_at is None or event.end_at > t]
        return sorted(events, key=lambda event: (event.valid_at, event.known_at, event.event_id))

    def value(self, expression: Expression, entity: str, day: date) -> float | None:
        """Return an expression's value for an entity at `day`, or None where it was not seen."""
        if isinstance(expression, Composition):
            return self._count_people(expression, entity, day)
        reach = expression.reach
        if not all(self.seen_members(entity, service, reach, day) for service in expression.services):
            return None
        if isinstance(expression, Change):
            recent, whole = (self.used(rule, reach, entity, day) for rule in (expression.of, expression.whole))
            before = [event for event in whole if event not in recent]
            if expression.of.word == "count":
                return float(len(recent) - len(before))
            return (_sum_amounts(recent) - _sum_amounts(before)) / AMOUNT_SCALE
        if isinstance(expression, Ratio):
            of, among = (len(self.used(rule, reach, entity, day)) for rule in (expression.of, expression.among))
            return of / among if among else 0.0
        if isinstance(expression, PerMember):
            return self._share_out(expression, entity, day)
        return self._count_value(expression, self.used(expression, reach, entity, day), day)

    def _share_out(self, expression: PerMember, entity: str, day: date) -> float | None:
        of, service = expression.of, expression.services[0]
        seen = [
            person
            for person in self.seen_members(entity, service, expression.reach, day)
            if expression.includes(self.age_of(person, day))
        ]
        if not seen:
            ages = [self.age_of(person, day) for person in self.members(entity, day)]
            return None if any(age is None or expression.includes(age) for age in ages) else 0.0
        events = [event for event in self.used(of, of.window, entity, day) if event.person_id in seen]
        if of.word == "count":
            return len(events) / len(seen)
        return float(_sum_amounts(events)) / float(AMOUNT_SCALE * len(seen))

    def _count_value(self, rule: Aggregate, events: list[Event], day: date) -> float:
        if rule.word == "days_since":
            return float(self._days_since(rule, events, day))
        if rule.word == "days_since_change":
            return float(self._days_since(rule, _find_changes(events), day))
        amounts = [event.amount for event in events if event.amount is not None]
        numbers: dict[str, Callable[[], float]] = {
            "count": lambda: len(events),
            "any_of": lambda: bool(events),
            "open_at": lambda: len(events),
            "total": lambda: _sum_amounts(events) / AMOUNT_SCALE,
            "mean": lambda: float(_sum_amounts(events)) / float(AMOUNT_SCALE * len(amounts)) if amounts else 0,
            "maximum": lambda: max(amounts) / AMOUNT_SCALE if amounts else 0,
            "minimum": lambda: min(amounts) / AMOUNT_SCALE if amounts else 0,
            "latest": lambda: self._latest_value(rule, events),
            "category": lambda: self._find_code(rule, events),
            "distinct": lambda: len(self._count_distinct(rule, events)),
            "active_days": lambda: len({self.question.day_of(event.valid_at) for event in events}),
        }
        return float(numbers[rule.word]())

    def _days_since(self, rule: Aggregate, events: list[Event], day: date) -> int:
        if events:
            return (day - self.question.day_of(events[-1].valid_at)).days
        start = self.question.start(rule.window, day)
        if start is None:
            start = min(feed.covers_from for service in rule.services for feed in self.feeds(service, day))
        return (day - self.question.day_of(start)).days + 1

    def _latest_value(self, rule: Aggregate, events: list[Event]) -> float:
        if rule.steps:
            stated = [event.detail for event in events if event.detail in rule.steps]
            return rule.steps.index(str(stated[-1])) + 1 if stated else 0
        amounts = [event.amount for event in events if event.amount is not None]
        return amounts[-1] / AMOUNT_SCALE if amounts else 0

    def _find_code(self, rule: Aggregate, events: list[Event]) -> int:
        if not events:
            return 0
        detail = events[-1].detail
        return rule.steps.index(detail) + 1 if detail in rule.steps else len(rule.steps) + 1

    def _count_distinct(self, rule: Aggregate, events: list[Event]) -> set[str]:
        if rule.of == "person":
            return {event.person_id for event in events}
        if rule.of == "signal":
            return {event.signal for event in events}
        return {event.detail for event in events if event.detail is not None}

    def age_of(self, person_id: str, day: date) -> int | None:
        """Return somebody's age at `day` in whole years, None where it is not known."""
        person = self.people.get(person_id)
        return find_age(person.birth_date, day) if person else None

    def _count_people(self, expression: Composition, entity: str, day: date) -> float | None:
        people = self.members(entity, day)
        if expression.word == "members":
            return float(len(people))
        ages = [age for age in (self.age_of(person, day) for person in people) if age is not None]
        if not ages:
            return None
        if expression.age is None:
            return float(min(ages))
        return float(sum(expression.age[0] <= age <= expression.age[1] for age in ages))

    # Label.

    def outcome(self, component: Component, entity: str, day: date) -> Outcomes:
        """Return the first standing event of a component in the horizon, about any member at `day`.

        There is a label only if the feed covers the whole horizon and every member's choice allows the service.
        """
        t, end = self.question.midnight(day), self.horizon_end(entity, day)
        service, people = component.signal.service, self.members(entity, day)
        events = sorted(
            (event.valid_at, event.known_at, event.event_id)
            for person in people
            if self.permitted(person, service, day)
            for event in self.events[person]
            if matches_signals(event, [component.signal])
            and is_standing(event, self.question)
            and t <= event.valid_at < end
        )
        spans = merge_spans([(f.covers_from, f.covers_to) for f in self._all_feeds(service)])
        covered = any(begin <= t and end <= stop for begin, stop in spans)
        covered = covered and all(self.permitted(person, service, day) for person in people)
        if not events:
            return Outcomes(NONE, NONE, covered)
        return Outcomes(to_microseconds(events[0][0]), to_microseconds(events[0][1]), covered)

    def horizon_end(self, entity: str, day: date) -> datetime:
        """Return where the entity's horizon from `day` ends: with the day on which what is open then was to end."""
        end, t = self.question.horizon_end(day), self.question.midnight(day)
        ends_with = self.question.definition.outcome.ends_with
        if ends_with is None:
            return end
        ends = [
            event.end_at
            for person in self.members(entity, day)
            if self.permitted(person, ends_with.service, day)
            for event in self.events[person]
            if matches_signals(event, [ends_with])
            and is_visible(event.known_at, event.known_until, t)
            and event.valid_at < t
            and (event.end_at is None or event.end_at > t)
        ]
        stated = [moment for moment in ends if moment is not None]
        if not ends or len(stated) < len(ends):
            return end
        return min(end, self.question.midnight(self.question.day_of(max(stated)) + timedelta(days=1)))

    def before(self, entity: str, day: date) -> list[int]:
        """Return by component what the months before `day` say, as known then: FREE, CONTINUING or UNSEEN.

        It is asked as a feature is: nothing recorded is free only where the service saw somebody over all the months.
        """
        states = []
        for component, rule in zip(self.question.components, self.question.before, strict=True):
            value = self.value(rule, entity, day) if self.question.may_ask(component) else None
            states.append(UNSEEN if value is None else CONTINUING if value else FREE)
        return states

    def _all_feeds(self, service: str) -> list[Feed]:
        rows = [feed for feed in self.tables.feeds if feed.service == service]
        if rows:
            return rows
        moments = [e.valid_at for e in self.tables.events if e.signal.startswith(f"{service}.")]
        return [Feed(service, min(moments), self.question.now, self.question.now)] if moments else []

    @cached_property
    def reporting_lag_days(self) -> float:
        """The 95th percentile, by nearest rank, of known minus valid over the first versions of outcome events."""
        signals = self.question.definition.outcome.expression.signals
        first: dict[str, Event] = {}
        for event in self.tables.events:
            usable = event.signal in self.question.permission.signals
            if usable and matches_signals(event, signals) and event.known_at <= self.question.taken_at:
                earliest = first.get(event.event_id)
                if earliest is None or event.known_at < earliest.known_at:
                    first[event.event_id] = event
        lags = sorted((event.known_at - event.valid_at) / timedelta(days=1) for event in first.values())
        return lags[-(-95 * len(lags) // 100) - 1] if lags else 0.0

    # Arrays.

    def _make_arrays(self, rows: list[str], day: date) -> MatrixDate:
        question, definition = self.question, self.question.definition
        people = [(person, row) for row, entity in enumerate(rows) for person in self.members(entity, day)]
        ages = [self.age_of(person, day) for person, _ in people]
        outcomes = [[self.outcome(c, entity, day) for c in definition.outcome.components] for entity in rows]
        values = [[self.value(f.expression, entity, day) for f in definition.features] for entity in rows]
        return MatrixDate.of(
            day,
            question.widths,
            {
                "entity": [entity.encode() for entity in rows],
                "area": [self.area(entity, day).encode() for entity in rows],
                "features": np.array(values, dtype=np.float64),
                "seen": [[len(self.seen_members(entity, *column, day)) for column in question.seen] for entity in rows],
                "members": [len(self.members(entity, day)) for entity in rows],
                "person": [person.encode() for person, _ in people],
                "person_row": [row for _, row in people],
                "person_age": [np.nan if age is None else age for age in ages],
                "outcome_at": [[o.at for o in row] for row in outcomes],
                "outcome_known_at": [[o.known_at for o in row] for row in outcomes],
                "outcome_seen": [[o.seen for o in row] for row in outcomes],
                "outcome_before": [self.before(entity, day) for entity in rows],
                "outcome_until": [to_microseconds(self.horizon_end(entity, day)) for entity in rows],
            },
        )


def _find_changes(events: Sequence[Event]) -> list[Event]:
    """Return the events, in their order, whose detail is another than that of the same person's event before."""
    newest: dict[str, str] = {}
    changes = []
    for event in events:
        if event.detail is not None and newest.setdefault(event.person_id, event.detail) != event.detail:
            newest[event.person_id] = event.detail
            changes.append(event)
    return changes


def _sum_amounts(events: Sequence[Event]) -> int:
    return sum(event.amount for event in events if event.amount is not None)


def merge_spans(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return half-open spans as few as can be, in order: those that touch or overlap become one."""
    result: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(spans):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((begin, end))
    return result
