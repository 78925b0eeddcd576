"""Who must leave a list at once, between rankings: somebody in the home has died, or somebody helps already.

"Already helped" is the cohort's own `unless`: what would have kept the household off the list, had it been known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from charter.invocation import Invocation
from features.build import Snapshot, make_question
from features.engines.reference import Reference
from features.engines.rows import Tables

__all__ = ["find_departures"]


def find_departures(
    invocation: Invocation, snapshot: str, as_of: date, listed: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return `death` or `already_helped` of each entity that must leave, as known at `as_of` by `snapshot`.

    `listed`: by entity, who belonged to it when it was listed; nobody known to be dead then is among them.
    """
    if not listed:
        return {}
    opened = Snapshot.open(invocation.workspace.snapshot(snapshot))
    question, _ = make_question(invocation, opened, "rank", [as_of])
    people = sorted({person for persons in listed.values() for person in persons})
    reference = Reference(question, Tables.read(opened.tables, people))
    reasons = {}
    for entity, persons in listed.items():
        rows = [reference.people[person] for person in persons if person in reference.people]
        if any(row.death_date and row.death_date <= as_of for row in rows):
            reasons[entity] = "death"
        elif any((reference.value(rule, entity, as_of) or 0) > 0 for rule in question.unless):
            reasons[entity] = "already_helped"
    return reasons
