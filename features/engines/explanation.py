"""The very rows behind one value, and those that were not used with why: from the reference engine.

Nothing here decides anything: it asks the reference the same questions again, one row at a time, and says the answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from charter.errors import DataError, DefinitionError
from features.engines.question import Question
from features.engines.reference import Reference, matches_signals
from features.engines.rows import Event, Tables
from features.grammar import Change, Composition, Feature, PerMember, Ratio, Signal
from features.grammar.words import describe_value
from features.permission import is_denied, is_permitted

__all__ = ["Explanation", "Line", "explain_value"]


@dataclass(frozen=True)
class Line:
    """One record: whether it was used, and if not, why not."""

    event: Event
    used: bool
    why: str


@dataclass(frozen=True)
class Explanation:
    """A value and every record of its signals about the members at the as-of date."""

    entity: str
    feature: Feature
    as_of: date
    value: float | None
    text: str
    members: tuple[str, ...]
    seen: dict[str, int]
    lines: tuple[Line, ...]

    def document(self) -> dict[str, Any]:
        """Return the explanation for a script."""
        return {
            "entity": self.entity,
            "feature": self.feature.name,
            "as_of": self.as_of.isoformat(),
            "value": self.value,
            "text": self.text,
            "members": list(self.members),
            "seen": self.seen,
            "rows": [
                {
                    "event_id": line.event.event_id,
                    "person_id": line.event.person_id,
                    "signal": line.event.signal,
                    "valid_at": line.event.valid_at.isoformat(),
                    "known_at": line.event.known_at.isoformat(),
                    "known_until": line.event.known_until and line.event.known_until.isoformat(),
                    "amount": None if line.event.amount is None else line.event.amount / 10_000,
                    "detail": line.event.detail,
                    "used": line.used,
                    "why": line.why,
                }
                for line in self.lines
            ],
        }


def explain_value(question: Question, tables: Path, entity: str, feature: str) -> Explanation:
    """Return how the value of `feature` for `entity` at the question's one date came about.

    Raises DefinitionError for an unknown feature, DataError for an entity that nobody belongs to at that date or that
    has no row then: a value that no list was made with is nothing to explain.
    """
    chosen = next((candidate for candidate in question.definition.features if candidate.name == feature), None)
    if chosen is None:
        names = ", ".join(candidate.name for candidate in question.definition.features)
        raise DefinitionError(f"the definition has no feature {feature!r}.", f"Choose one of: {names}.")
    people = _find_people(question, tables, entity)
    reference = Reference(question, Tables.read(tables, people))
    day = question.dates[0]
    members = reference.members(entity, day) if people else ()
    if not members:
        raise DataError(
            f"the snapshot knows no {question.definition.entity} {entity} at {day}.",
            "Give one of the matrix at that date; issued.csv beside a list has them in its column entity.",
        )
    in_cohort = reference.in_cohort(entity, day)
    if not in_cohort:
        place = "is not in the cohort" if in_cohort is False else "may be in the cohort or not, nobody can tell,"
        raise DataError(
            f"{entity} {place} of {question.definition.programme} at {day}: no matrix has a row of it, and no list was"
            " made with this value.",
            "Give a date at which it was, or one of the matrix at that date.",
        )
    value = reference.value(chosen.expression, entity, day)
    document = chosen.document(question.permission.units)
    return Explanation(
        entity,
        chosen,
        day,
        value,
        describe_value(document, value, day),
        members,
        _count_seen(reference, chosen, entity, day),
        tuple(_list_lines(reference, chosen, entity, day)),
    )


def _find_people(question: Question, tables: Path, entity: str) -> list[str]:
    """Return the people whom an entity is or ever had, of those whom the snapshot knows."""
    import duckdb

    is_person = question.definition.entity == "person"
    files = ("people", "events", "residence") if is_person else ("residence",)
    column = "person_id" if is_person else "household_id"
    known: set[str] = set()
    with duckdb.connect() as connection:
        for path in (tables / f"{name}.parquet" for name in files):
            if path.exists():
                sql = f"SELECT DISTINCT person_id FROM read_parquet(?) WHERE {column} = ?"
                known.update(row[0] for row in connection.execute(sql, [str(path), entity]).fetchall())
    return sorted(known)


def _count_seen(reference: Reference, feature: Feature, entity: str, day: date) -> dict[str, int]:
    """Return how many members each service that the feature reads has seen over the whole window."""
    if isinstance(feature.expression, Composition):
        return {}
    reach = feature.expression.reach
    return {s: len(reference.seen_members(entity, s, reach, day)) for s in feature.expression.services}


def _list_lines(reference: Reference, feature: Feature, entity: str, day: date) -> Iterator[Line]:
    expression = feature.expression
    if isinstance(expression, Composition):
        return
    rule = expression.whole if isinstance(expression, Change | PerMember | Ratio) else expression
    used = [
        event
        for event in reference.used(rule, expression.reach, entity, day)
        if not isinstance(expression, PerMember) or expression.includes(reference.age_of(event.person_id, day))
    ]
    about = [
        event
        for person in reference.members(entity, day)
        for event in reference.tables.events
        if event.person_id == person and matches_signals(event, [Signal(signal.name) for signal in rule.signals])
    ]
    yield from (Line(event, True, "used") for event in reversed(used))
    for event in sorted(about, key=lambda event: (event.valid_at, event.known_at, event.event_id), reverse=True):
        if event not in used:
            yield Line(event, False, _say_why(reference, feature, event, day))


def _say_why(reference: Reference, feature: Feature, event: Event, day: date) -> str:
    """Return the first rule that keeps a record out, in the order in which a person would ask."""
    question, expression = reference.question, feature.expression
    if isinstance(expression, Composition):
        raise TypeError("who lives together reads no records")
    t, service = question.midnight(day), event.signal.split(".")[0]
    window = expression.reach
    start = question.start(window, day)
    if event.signal not in question.permission.signals:
        return "not permitted: the charter or the register does not allow it"
    if not reference.permitted(event.person_id, service, day):
        return f"not permitted: {_say_choice(reference, event.person_id, service, day)}"
    if event.valid_at >= t:
        return "too late: it happened on or after the as-of date"
    if event.known_at >= t:
        return "not yet known at the as-of date"
    if event.known_until is not None and event.known_until < t:
        return "corrected since: another version stood at the as-of date"
    if start is not None and event.valid_at < start:
        return "too early: it happened before the window"
    if not reference.sees(event.person_id, service, window, day):
        return "not seen: the service did not cover this person over the whole window"
    if not matches_signals(event, expression.signals):
        return "not asked for: another detail or amount"
    if isinstance(expression, PerMember):
        return "not of the ages asked for"
    return "ended: no longer open at the as-of date"


def _say_choice(reference: Reference, person: str, service: str, day: date) -> str:
    question = reference.question
    purpose, choices = question.permission.purpose, reference.choices[person]
    consent_based = service in question.permission.consent
    for when, moment in (("at the as-of date", question.midnight(day)), ("now", question.now)):
        if is_denied(choices, service, purpose, moment):
            return f"a refusal, objection or restriction stands {when}"
        if not is_permitted(choices, service, purpose, moment, consent_based=consent_based):
            return f"there is no consent {when}"
    raise AssertionError("a choice that is not permitted has a reason")
