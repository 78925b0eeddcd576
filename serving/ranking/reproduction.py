"""Reproduction: a past referral's record made again from its snapshot, byte for byte, or the cause why it can't be.

A likelihood's exponential is NumPy's, which rounds its last bit by what the processor can do: of another machine's
record, numbers may differ by that much, and by nothing more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from charter.contracts.matrix import Matrix
from charter.contracts.workspace import Workspace
from charter.errors import DataError, UsageError, WithdrawnError
from charter.invocation import Invocation
from charter.signing.trial_lots import find_lots
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from serving.ranking.bundle import Bundle
from serving.ranking.places import ScoredDate, fill_places, score_rows
from serving.ranking.sealed_record import read_record
from serving.ranking.sealing import Keepsakes, Timelines, seal_records
from serving.store.store import IssuedList, Referral, open_store

__all__ = ["find_origin", "is_same_record", "reproduce_record"]

_LAST_BITS = 4 * 2.0**-52
"""How far numbers of two processors may lie apart, of their size: four units in the last place."""
_KINDS = {"withdraw": "withdrawal", "object": "objection", "restrict": "restriction", "erase": "erasure"}


def find_origin(invocation: Invocation, referral: str) -> tuple[str, date]:
    """Return the snapshot and as-of date that a referral was made from; raise UsageError for an unknown one."""
    stored, header = _find_referral(invocation, referral)
    return stored.snapshot, date.fromisoformat(header.as_of)


def reproduce_record(
    invocation: Invocation, referral: str, matrix_folder: Path, timelines: Timelines | None = None
) -> bytes:
    """Make a referral's record again from `matrix_folder` (its snapshot's matrix, built again) and return its bytes.

    `timelines` gives again what services recorded, for a record that holds it.

    Raises UsageError for an unknown referral, WithdrawnError (exit 12) naming what was withdrawn since where the
    record can't be made any more, DataError where it comes out differently for no such reason.
    """
    stored, header = _find_referral(invocation, referral)
    record = read_record(stored)
    withdrawn = _read_withdrawals(invocation.workspace, stored.snapshot, datetime.fromisoformat(header.issued_at))
    people = set(record.person_ids)
    if any(people & set(row["people"]) for row in withdrawn):
        raise _withdrawn(stored, withdrawn, people)
    bundle = Bundle.open(invocation.workspace.bundle / stored.bundle)
    matrix = Matrix.open(matrix_folder)
    if matrix.manifest["snapshot"] != stored.snapshot:
        raise _differs(stored)
    at = matrix.at(record.as_of)
    scored = ScoredDate(bundle, matrix, at, score_rows(bundle, matrix, at))
    lots = find_lots(invocation.workspace, header.id)
    trial_lots = {header.team: lots.lot} if lots else {}
    shares = {header.team: record.exploration}
    places = fill_places(invocation.council, at, scored.margins, {header.team: header}, shares, trial_lots)
    household = [place for place in places if at.entity[place.row].decode() == stored.entity]
    timeline = record.timeline
    keepsakes = Keepsakes(
        timelines if timeline else None,
        timeline.months if timeline else 0,
        shares,
        bare=timeline is not None and all(event.person is None for event in timeline.entries),
    )
    again = seal_records(scored, household, ZoneInfo(record.time_zone), keepsakes)
    if again and is_same_record(again[0][0].sealed, stored.sealed):
        return stored.sealed
    if withdrawn:
        raise _withdrawn(stored, withdrawn, people)
    raise _differs(stored)


def is_same_record(made: bytes, sealed: bytes) -> bool:
    """Whether two records are one: the same bytes, or the same but for the last bits of numbers."""
    return made == sealed or _is_same(json.loads(made), json.loads(sealed))


def _is_same(made: Any, sealed: Any) -> bool:
    if isinstance(made, dict) and isinstance(sealed, dict):
        return list(made) == list(sealed) and all(_is_same(made[name], sealed[name]) for name in made)
    if isinstance(made, list) and isinstance(sealed, list):
        return len(made) == len(sealed) and all(_is_same(*pair) for pair in zip(made, sealed, strict=True))
    if isinstance(made, float) and isinstance(sealed, float):
        return made == sealed or abs(made - sealed) <= _LAST_BITS * max(abs(made), abs(sealed))
    return type(made) is type(sealed) and bool(made == sealed)


def _differs(stored: Referral) -> DataError:
    return DataError(
        f"the referral {stored.id} comes out differently from this matrix.",
        f"Build the matrix of its own snapshot: `sooner build --snapshot {stored.snapshot}`.",
    )


def _find_referral(invocation: Invocation, referral: str) -> tuple[Referral, IssuedList]:
    key = Key.load(invocation.council, invocation.workspace).derive(LOG_PURPOSE)
    with open_store(invocation.workspace, key=key) as store:
        stored = store.referral(referral)
        header = store.issued_list(stored.programme, stored.list) if stored else None
    if stored is None or header is None:
        raise UsageError(f"there is no referral {referral}.", "Take its id from the case page's address.")
    if stored.programme != invocation.programme:
        raise UsageError(
            f"the referral {referral} is one of {stored.programme}, not of {invocation.programme}.",
            f"Add --programme {stored.programme}.",
        )
    return stored, header


def _read_withdrawals(workspace: Workspace, snapshot: str, since: datetime) -> list[Mapping[str, Any]]:
    """Return what was taken out of a snapshot after a moment: lines of its tombstones."""
    path = workspace.store / snapshot / "tombstones.jsonl"
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [row for row in rows if _read_moment(row["at"]) > since]


def _read_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _withdrawn(stored: Referral, withdrawn: Sequence[Mapping[str, Any]], people: set[str]) -> WithdrawnError:
    household = [row for row in withdrawn if people & set(row["people"])]
    causes = sorted({_cause_words(row) for row in household or withdrawn})
    whose = "of this household" if household else "of another household on its list"
    return WithdrawnError(
        f"the referral {stored.id} can't be made again: data {whose} was withdrawn since ({'; '.join(causes)}).",
        f"The sealed record still matches its digest {stored.digest}.",
    )


def _cause_words(row: Mapping[str, Any]) -> str:
    kind = _KINDS.get(row["kind"], row["kind"])
    service = "all services" if row["service"] == "*" else row["service"]
    return f"{kind} for {service} on {row['at'][:10]}"
