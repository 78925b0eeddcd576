"""`rectify`: a resident, through the desk, puts right a name, a birth date, an address or an event.

What they say is a small document, never an option on a command line, where others could read it:

    {"forename": "Ada", "surname": "Marsh", "birth_date": "1980-02-01"}     any of them
    {"uprn": "000100", "since": "2026-03-01"}                              where they live, and since when
    {"event": "...", "valid_at": "2026-03-01", "detail": "letter"}         what of it is wrong
    {"event": "...", "never_happened": true}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from io import BytesIO
from typing import Any

import pyarrow.parquet as pq

from charter.errors import UsageError
from charter.invocation import Invocation
from charter.vault.key import Key
from charter.vault.rights_ledger import Request, append_request
from charter.vault.vault import Vault
from features.intake.database import quote_text
from features.linking.corrections import CLAIM, NAMED, PAPER, Correction
from features.permission import ALL
from features.rights.asking import Certificate, find_references
from features.rights.held import Person, find_person

__all__ = ["file_correction"]

_EVENT = ("valid_at", "end_at", "amount", "detail")
_KEYS = {*NAMED, "uprn", "since", "event", "never_happened", *_EVENT}
_NEXT = "Say it as in `sooner resident --help`, or ask the service for what it holds."


def file_correction(
    invocation: Invocation,
    *,
    through: str,
    reference: str,
    said: Mapping[str, Any],
    by: str = "self",
    now: datetime | None = None,
) -> Certificate:
    """File a correction and return its certificate; `link` carries it out. The writer lock is the caller's.

    Raises UsageError for something that can't be corrected or a value that doesn't fit, DataError for nobody known.
    """
    key = Key.load(invocation.council, invocation.workspace)
    person = find_person(invocation, key, through, reference)
    vault = Vault.open(invocation.workspace.vault, key)
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    refs = find_references(invocation.workspace, person.ref, ALL)
    right, wrong = _check_correction(invocation, key, vault, person, refs, said)
    service = str(right["signal"]).split(".")[0] if "signal" in right else ALL
    request = Request("rectify", moment.isoformat(), through, person.ref, refs, service, ALL, by)
    filed = moment.replace(tzinfo=None).isoformat()
    vault.file_paper(PAPER, request.id, Correction(request.id, filed, refs, right, wrong).paper())
    append_request(invocation.workspace, request)
    return Certificate(request.id, "rectify", request.filed_at, service, ALL, (person.person_id,), {}, 0)


def _check_correction(
    invocation: Invocation, key: Key, vault: Vault, person: Person, refs: tuple[str, ...], said: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    unknown = sorted(set(said) - _KEYS)
    if unknown or not said:
        what = f"{unknown[0]!r} can't be corrected" if unknown else "nothing was said to be wrong"
        raise UsageError(f"{what}.", f"Say one of: {', '.join(sorted(_KEYS))}.")
    if "event" in said:
        return _check_event(invocation, person, said)
    right: dict[str, Any] = {name: _read_name(name, said[name]) for name in NAMED if name in said}
    wrong: dict[str, list[Any]] = {}
    if right:
        people = pq.read_table(BytesIO(vault.get_set(person.snapshot.name, "people"))).to_pylist()
        mine = [row for row in people if row["ref"] in refs]
        wrong = {name: sorted({str(row[name]) for row in mine if row[name] is not None}) for name in right}
    if "uprn" in said or "since" in said:
        right["household"] = key.pseudonym("household", _read_text("uprn", said.get("uprn")).lstrip("0"))
        right["since"] = _read_midnight(invocation, "since", said.get("since"))
        path = quote_text(str(person.snapshot / "records/addresses.parquet"))
        rows = person.rows(
            f"select {CLAIM} as id from read_parquet({path}) a join links l using (ref) where l.person_id = $1 "
            f"and a.known_until is null and a.household_id <> {quote_text(right['household'])} "
            f"and coalesce(a.\"end\", 'infinity'::timestamp) > timestamp {quote_text(right['since'])}"
        )
        wrong["address"] = [row["id"] for row in rows]
    return right, wrong


def _check_event(
    invocation: Invocation, person: Person, said: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return the event as it is right, and as it was said; only the person's own, and only its newest version."""
    rows = person.rows(
        "select event_id, signal, valid_at::varchar as valid_at, end_at::varchar as end_at, "
        "amount::varchar as amount, detail from events "
        f"where person_id = $1 and known_until is null and event_id = {quote_text(_read_text('event', said['event']))}"
    )
    if not rows:
        raise UsageError("there is no such event of this person.", "Take its id from `sooner resident export`.")
    event = rows[0]
    wrong = {"event": [event[name] for name in _EVENT]}
    right: dict[str, Any] = {"event_id": event["event_id"], "signal": event["signal"]}
    if said.get("never_happened") is True:
        return right, wrong
    signal = invocation.register.signal(event["signal"])
    changed = {name: said[name] for name in _EVENT if name in said}
    if not changed:
        raise UsageError("it is not said what of the event is wrong.", f"Say one of: {', '.join(_EVENT)}.")
    if "detail" in changed and signal.details and changed["detail"] not in signal.details:
        raise UsageError("that is no detail of this event.", f"Choose one of: {', '.join(signal.details)}.")
    for name in ("valid_at", "end_at"):
        if changed.get(name) is not None:
            changed[name] = _read_midnight(invocation, name, changed[name])
    if changed.get("amount") is not None:
        changed["amount"] = _read_amount(changed["amount"])
    return right | {name: event[name] for name in _EVENT} | changed, wrong


def _read_text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{name} is missing.", _NEXT)
    return value.strip()


def _read_name(name: str, value: Any) -> str:
    return _read_day(name, value).isoformat() if name == "birth_date" else _read_text(name, value)


def _read_day(name: str, value: Any) -> date:
    try:
        return date.fromisoformat(_read_text(name, value))
    except ValueError:
        raise UsageError(f"{name} is not a day.", "Write it like 2026-03-01.") from None


def _read_midnight(invocation: Invocation, name: str, value: Any) -> str:
    return invocation.council.midnight(_read_day(name, value)).replace(tzinfo=None).isoformat()


def _read_amount(value: Any) -> str:
    try:
        return str(Decimal(str(value)).quantize(Decimal("0.0001")))
    except InvalidOperation:
        raise UsageError("amount is not a number.", "Write it like 120.50.") from None
