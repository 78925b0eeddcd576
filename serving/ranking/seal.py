"""How a record is sealed: canonical bytes and their sha256. Light, so that pages can read records without the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from charter.contracts.files import content_id
from charter.errors import DataError
from serving.store.store import Referral

__all__ = ["canonical", "digest", "read", "referral_id"]


def referral_id(programme: str, list_id: str, entity: str) -> str:
    """Return the id of a referral: a hash of its list and entity."""
    return content_id([programme, list_id, entity])


def canonical(record: Mapping[str, Any]) -> bytes:
    """Return the one way of writing `record`: UTF-8 JSON, sorted keys, shortest exact numbers, no NaN."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(sealed: bytes) -> str:
    """Return the sha256 of a sealed record, 64 hexadecimal digits."""
    return hashlib.sha256(sealed).hexdigest()


def read(referral: Referral) -> Mapping[str, Any]:
    """Return a referral's record; raise DataError if it is not the one that was sealed."""
    if digest(referral.sealed) != referral.digest:
        raise DataError(
            f"the sealed record of the referral {referral.id} was changed.",
            "Keep a copy as it is and tell the data protection officer.",
        )
    record: Mapping[str, Any] = json.loads(referral.sealed)
    return record
