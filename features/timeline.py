"""What services recorded of households, as the case page may show it: who, what, when, how much and which step.

known at the as-of date  ->  charter, register and choice allow `display`, then and now  ->  of no feed whose
register row forbids display or is confidential from the household. Which roles are shown more than that there was
something is asked when a page is made: `details_to` of the register.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from charter.invocation import Invocation
from features.build import Snapshot
from features.grammar import months
from features.permission import Choice, Permission, is_permitted

__all__ = ["list_timelines", "read_choices"]

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def list_timelines(
    invocation: Invocation, snapshot: str, as_of: date, window: int, households: Sequence[Sequence[str]]
) -> list[list[dict[str, str | None]]]:
    """Return for each of `households` (its people's ids) what services recorded in `window` months before `as_of`.

    Each entry has `service`, `signal`, `day` and `until` (local dates in ISO 8601; `until` is None for what happened on
    one day and '' for what is still open), `person` (pseudonym), `amount` (a decimal number as text) and `detail`, each
    None where there is none; newest first. What began earlier and was open in the window counts too.
    """
    opened = Snapshot.open(invocation.workspace.snapshot(snapshot))
    council = invocation.council
    register = invocation.register
    allowed = Permission.of(invocation.policy, register, "display")
    services = {
        source.service for source in register.sources if source.display and not source.confidential_from_household
    }
    signals = sorted(name for name in allowed.signals if name.split(".")[0] in services)
    at = council.midnight(as_of)
    rows = _read_events(
        opened.tables, households, signals, [name for name in signals if register.signal(name).interval],
        _to_microseconds(council.midnight(months(window).before(as_of))), _to_microseconds(at),
    )  # fmt: skip
    choices = read_choices(opened.tables, sorted({person for people in households for person in people}))
    timelines: list[list[dict[str, str | None]]] = [[] for _ in households]
    for number, person, signal, valid, ended, interval, amount, detail in rows:
        service = signal.split(".")[0]
        if not all(
            is_permitted(choices.get(person, []), service, "display", moment, consent_based=service in allowed.consent)
            for moment in (at, opened.taken_at)
        ):
            continue
        days = [
            _to_moment(time).astimezone(council.time_zone).date().isoformat() if time else "" for time in (valid, ended)
        ]
        timelines[number].append(
            {
                "service": service,
                "signal": signal,
                "day": days[0],
                "until": days[1] if interval else None,
                "person": person,
                "amount": amount,
                "detail": detail,
            }
        )
    return timelines


def _read_events(
    tables: Path,
    households: Sequence[Sequence[str]],
    signals: Sequence[str],
    intervals: Sequence[str],
    start: int,
    t: int,
) -> list[tuple[Any, ...]]:
    """Return number, person, signal, begin, end (microseconds, 0: none yet), if it is an interval, amount, detail."""
    path = tables / "events.parquet"
    if not path.exists():
        return []
    members = [(number, person) for number, people in enumerate(households) for person in people]
    with duckdb.connect() as database:
        return database.execute(
            """
            WITH members AS (SELECT unnest($numbers) AS number, unnest($people) AS person_id)
            SELECT number, person_id, signal, epoch_us(valid_at) AS valid,
                CASE WHEN epoch_us(end_at) < $t THEN epoch_us(end_at) ELSE 0 END AS ended,
                list_contains($intervals, signal) AS interval, CAST(amount AS VARCHAR) AS amount, detail
            FROM read_parquet($path) JOIN members USING (person_id)
            WHERE list_contains($signals, signal) AND epoch_us(valid_at) < $t AND epoch_us(known_at) < $t
                AND (known_until IS NULL OR epoch_us(known_until) >= $t)
                AND (epoch_us(valid_at) >= $start OR (interval AND (end_at IS NULL OR epoch_us(end_at) >= $start)))
            ORDER BY number, valid DESC, signal, ended DESC, person_id, event_id""",
            {
                "path": str(path),
                "signals": list(signals),
                "intervals": list(intervals),
                "start": start,
                "t": t,
                "numbers": [number for number, _ in members],
                "people": [person for _, person in members],
            },
        ).fetchall()


def read_choices(tables: Path, people: Sequence[str]) -> dict[str, list[Choice]]:
    """Return the choices of some people that a snapshot's tables hold, by person."""
    path = tables / "permission.parquet"
    by_person: dict[str, list[Choice]] = {}
    if not path.exists():
        return by_person
    with duckdb.connect() as database:
        rows = database.execute(
            "WITH members AS (SELECT unnest($people) AS person_id) "
            'SELECT person_id, service, purpose, kind, status, epoch_us(start), epoch_us("end"), decided_by, '
            "epoch_us(known_at), epoch_us(known_until) FROM read_parquet($path) SEMI JOIN members USING (person_id)",
            {"path": str(path), "people": list(people)},
        ).fetchall()
    for person, service, purpose, kind, status, start, end, decided_by, known_at, known_until in rows:
        by_person.setdefault(person, []).append(
            Choice(
                person, service, purpose, kind, status, _to_moment(start), _to_moment(end) if end is not None else None,
                decided_by, _to_moment(known_at), _to_moment(known_until) if known_until is not None else None,
            )
        )  # fmt: skip
    return by_person


def _to_moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _to_microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
