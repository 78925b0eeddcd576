"""What the casework database holds of people in words, sealed at rest as the vault is: notes and sealed records.

AES-256-GCM under a key derived from the council's; the name of what is sealed is authenticated with it, so that a note
can't be moved to another decision. What an older Sooner left unsealed is read as it is; `sooner upgrade` seals it.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache, partial

from sqlalchemy import Connection, select, update

from charter.errors import CharterError
from charter.vault.envelope import seal_value, unseal_value
from serving.store.connection import lift_protection
from serving.store.tables import decisions, referrals

__all__ = ["Seals", "name_note", "name_record", "seal_old_rows"]

_MARK = b"sealed1:"
_UNSEALED_ONCE = 1024
"""Values that a process keeps unsealed: the records of the lists that are worked on."""


def name_note(referral: str, version: int) -> str:
    """Return under which name the note of a decision is sealed."""
    return f"note/{referral}/{version}"


def name_record(referral: str) -> str:
    """Return under which name the record of a referral is sealed."""
    return f"record/{referral}"


class Seals:
    """Seals and unseals; without a key it leaves everything as it is."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(b"casework at rest", key=key, digest_size=32).digest() if key else b""
        # A page reads a whole list, and another page the same one again.
        self._unseal = lru_cache(maxsize=_UNSEALED_ONCE)(partial(unseal_value, self._key))

    def seal_bytes(self, name: str, value: bytes) -> bytes:
        """Return `value` sealed under its name; nothing stays nothing."""
        return _MARK + seal_value(self._key, name, value) if self._key and value else value

    def unseal_bytes(self, name: str, value: bytes) -> bytes:
        """Return what was sealed; bytes that never were, and all where there is no key, as they are.

        Raises CharterError for another key, another name or altered bytes.
        """
        if not self._key or not value.startswith(_MARK):
            return value
        try:
            return self._unseal(name, value[len(_MARK) :])
        except CharterError:
            raise CharterError(
                f"the {name.replace('/', ' ')} was sealed with another key, or has been altered.",
                "Give the key it was sealed with in $SOONER_KEY or $SOONER_KEY_FILE.",
            ) from None

    def seal_text(self, name: str, value: str) -> str:
        """Return a text sealed under its name, as a text."""
        sealed = self.seal_bytes(name, value.encode("utf-8", "surrogatepass"))
        return _MARK.decode() + base64.b64encode(sealed[len(_MARK) :]).decode() if self._key and value else value

    def unseal_text(self, name: str, value: str) -> str:
        """Return what `seal_text` sealed; a text that never was, as it is."""
        if not self._key or not value.startswith(_MARK.decode()):
            return value
        sealed = base64.b64decode(value[len(_MARK) :])
        return self.unseal_bytes(name, _MARK + sealed).decode("utf-8", "surrogatepass")


def seal_old_rows(connection: Connection, seals: Seals) -> None:
    """Seal the notes and records that stand there unsealed; decisions are open to this one change while it is made."""
    for referral, record in connection.execute(select(referrals.c.id, referrals.c.sealed)).all():
        if not record.startswith(_MARK):
            sealed = seals.seal_bytes(name_record(referral), record)
            connection.execute(update(referrals).where(referrals.c.id == referral).values(sealed=sealed))
    notes = select(decisions.c.id, decisions.c.referral, decisions.c.version, decisions.c.note)
    rows = [row for row in connection.execute(notes).all() if row.note and not row.note.startswith(_MARK.decode())]
    if not rows:
        return
    with lift_protection(connection, ["decisions"], "update"):
        for row in rows:
            note = seals.seal_text(name_note(row.referral, row.version), row.note)
            connection.execute(update(decisions).where(decisions.c.id == row.id).values(note=note))
