"""The sealed record of a referral as a value: what the worker was shown, and all that it rests on.

    made when a list is issued (sealing.py)  ->  canonical bytes and their sha256, in the casework database
    read_record                              ->  a `SealedRecord`: all that pages, paper and API tell of a case

It holds the row's values, what each adds, the reasons in words, who was seen, and the ids and digests of matrix,
snapshot, definition and bundle; no name or address: people are pseudonyms. The contract is `sealed_record`. Light, so
that pages read records without the model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from charter.contracts.files import content_id
from charter.errors import DataError
from serving.ranking.reasons import Reasons
from serving.store.store import Referral

__all__ = [
    "ListedPerson",
    "RecordedEvent",
    "SealedRecord",
    "Timeline",
    "digest_record",
    "make_referral_id",
    "read_record",
    "write_canonical",
]


@dataclass(frozen=True)
class ListedPerson:
    """One person the referral is about: a pseudonym, and the age in whole years (None where unknown)."""

    person: str
    age: int | None


@dataclass(frozen=True)
class RecordedEvent:
    """What a service recorded: its signal and local day (ISO 8601).

    `until` is None for what happened on one day, '' for what was still open when the list was made, else the day.
    `person` is of whom (a pseudonym), `amount` a decimal number, `detail` the service's own word; None where none was
    recorded, and in records of lists that kept only what and when.
    """

    service: str
    signal: str
    day: str
    until: str | None
    person: str | None = None
    amount: str | None = None
    detail: str | None = None

    def document(self) -> dict[str, str | None]:
        """Return it as JSON values; what was not kept has no key, so that older records come out as they were."""
        return {name: value for name, value in vars(self).items() if value is not None or name == "until"}


@dataclass(frozen=True)
class Timeline:
    """What services recorded in so many months before the list, newest first."""

    months: int
    entries: tuple[RecordedEvent, ...]


@dataclass(frozen=True)
class SealedRecord:
    """A record as it was sealed. `values` and `contributions` (features,) are in the bundle's order, None not seen.

    `seen` counts the members that each column of the matrix saw; `freshness` is the end of the newest data by service
    (UTC, ISO 8601). `exploration` is the share of the list's places that was drawn by lot, `inclusion` the probability
    with which this household came to have its place; `timeline` is None where the list kept none. `stands_in_for` names
    the bundle that could not be read, where `bundle` stood in for it.
    """

    schema_version: int
    id: str
    programme: str
    list: str
    team: str
    entity: str
    area: str
    as_of: date
    rank: int
    arm: str
    eligible: int
    capacity: int
    members: int
    seen: tuple[int, ...]
    snapshot: str
    matrix: str
    definition: str
    bundle: str
    model_sha256: str
    time_zone: str
    freshness: Mapping[str, str]
    margin: float
    likelihood: float
    band: str
    values: tuple[float | None, ...]
    contributions: tuple[float, ...]
    people: tuple[ListedPerson, ...]
    reasons: Reasons
    timeline: Timeline | None = None
    exploration: float = 0.0
    inclusion: float = 1.0
    stands_in_for: str = ""

    @property
    def person_ids(self) -> tuple[str, ...]:
        """The pseudonyms of the people it is about."""
        return tuple(subject.person for subject in self.people)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values, as the contract `sealed_record` has them."""
        document = asdict(self) | {"as_of": self.as_of.isoformat(), "reasons": self.reasons.document()}
        if self.timeline is None:
            del document["timeline"]
        else:
            document["timeline"]["entries"] = [event.document() for event in self.timeline.entries]
        if not self.exploration:
            del document["exploration"], document["inclusion"]
        if not self.stands_in_for:
            del document["stands_in_for"]
        return document

    def sealed(self) -> bytes:
        """Return the bytes that are stored."""
        return write_canonical(self.document())


_READER = TypeAdapter(SealedRecord)
_READ_ONCE = 1024
"""Records that a process keeps as it read them: those of the lists that are worked on."""


def read_record(referral: Referral) -> SealedRecord:
    """Return a referral's record; raise DataError where it is not the one that was sealed, or breaks its contract."""
    return _read_sealed(referral.id, referral.sealed, referral.digest)


@lru_cache(maxsize=_READ_ONCE)
def _read_sealed(referral: str, sealed: bytes, digest: str) -> SealedRecord:
    """Read a record once: a case's page compares it with all others of its list, and bytes that are the same say so."""
    if digest_record(sealed) != digest:
        raise DataError(
            f"the sealed record of the referral {referral} was changed.",
            "Keep a copy as it is and tell the data protection officer.",
        )
    try:
        return _READER.validate_json(sealed, strict=True)
    except ValidationError as error:
        # What a record holds is somebody's: only where it breaks the contract is said.
        where = "/".join(str(part) for part in error.errors()[0]["loc"]) or "its top level"
        raise DataError(
            f"the sealed record of the referral {referral} breaks its contract at {where}.",
            "Read it with the Sooner that sealed it.",
        ) from None


def make_referral_id(programme: str, list_id: str, entity: str) -> str:
    """Return the id of a referral: a hash of its list and entity."""
    return content_id([programme, list_id, entity])


def write_canonical(document: Mapping[str, Any]) -> bytes:
    """Return the one way of writing a record: UTF-8 JSON, sorted keys, shortest exact numbers, no NaN."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_record(sealed: bytes) -> str:
    """Return the sha256 of a sealed record, 64 hexadecimal digits."""
    return hashlib.sha256(sealed).hexdigest()
