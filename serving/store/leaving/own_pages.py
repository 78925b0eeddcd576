"""A released copy that one person opens with a code: of that person alone, for some days, in one sitting.

    kept      the page, sealed under the code and the council's key together; by a keyed digest of the code
    opened    from then on it ends in half an hour, so that it can be read and printed, and the code is used up
    ended     the row is gone: its day is past, its sitting is over, or what was held of the person was removed

Whoever has the database alone, or the council's key with it, reads no page: the code is written nowhere. The log says
that a page was opened or ended, never whose.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select, update

from charter.acts import SYSTEM
from charter.errors import CharterError
from charter.vault.envelope import seal_value, unseal_value
from serving.store.audit_log import AuditLog
from serving.store.connection import begin_reading
from serving.store.issued import write_moment
from serving.store.tables import own_pages

__all__ = ["SITTING", "OwnPageRelease", "OwnPages", "write_code"]

SITTING = timedelta(minutes=30)
"""For how long a page can be opened again once it was opened."""
_LETTERS = "ACDEFGHJKLMNPQRTUVWXY34679"
"""No letter or digit that is easily taken for another."""
_LENGTH, _GROUP = 20, 4


@dataclass(frozen=True)
class OwnPageRelease:
    """What an officer released: the export's id, whose it is (a pseudonym), in which role, until when (UTC)."""

    export: str
    person: str
    role: str
    ends_at: datetime


def write_code(code: str) -> str:
    """Return a code as it is told: in groups."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def _read_code(text: str) -> str:
    return "".join(text.split()).replace("-", "").upper()


class OwnPages(AuditLog):
    """The pages as one process keeps and opens them; `secret` is 32 bytes that all workers share."""

    def keep_own_page(self, secret: bytes, page: str, release: OwnPageRelease) -> str:
        """Keep a page and return its code, which is told this once and written nowhere."""
        code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        name = _name_page(secret, code)
        sealed = seal_value(_make_key(secret, code), name, page.encode())
        row = {
            "id": name, "export": release.export, "person": release.person, "released_role": release.role,
            "ends_at": write_moment(release.ends_at), "sealed": sealed,
        }  # fmt: skip
        with self._acting() as act:
            act.connection.execute(delete(own_pages).where(own_pages.c.ends_at <= write_moment()))
            act.connection.execute(insert(own_pages), row)
            act.log(actor="officer", role=release.role, action="own_page.made", subject=release.export,
                    purpose="display", detail={"until": row["ends_at"]})  # fmt: skip
        return code

    def open_own_page(self, secret: bytes, typed: str) -> str | None:
        """Return the page that a code opens, and let it end when the sitting is over; None where it opens none."""
        code = _read_code(typed)
        if len(code) != _LENGTH or not code.isascii():
            return None
        name, now = _name_page(secret, code), write_moment()
        with begin_reading(self._engine) as connection:
            row = connection.execute(
                select(own_pages).where(own_pages.c.id == name, own_pages.c.ends_at > now)
            ).one_or_none()
        if row is None:
            return None
        try:
            page = unseal_value(_make_key(secret, code), name, bytes(row.sealed)).decode()
        except CharterError:
            return None
        end = write_moment(datetime.now(UTC) + SITTING)
        with self._acting() as act:
            # The first opening alone brings its end nearer: whoever opens it again has no longer.
            act.connection.execute(
                update(own_pages).where(own_pages.c.id == name, own_pages.c.ends_at > end).values(ends_at=end)
            )
            act.log(actor="resident", role=SYSTEM, action="own_page.opened", subject=row.export, purpose="display")
        return page

    def end_own_pages(self, persons: Iterable[str]) -> int:
        """Remove the pages of these people, and all that are past; return how many of these people's there were."""
        people = sorted(set(persons))
        with self._acting() as act:
            act.connection.execute(delete(own_pages).where(own_pages.c.ends_at <= write_moment()))
            number = 0
            for person in people:
                number += act.connection.execute(delete(own_pages).where(own_pages.c.person == person)).rowcount
            if number:
                act.log(actor="sooner", role=SYSTEM, action="own_page.ended", subject=f"{number} pages",
                        purpose="display")  # fmt: skip
        return number


def _name_page(secret: bytes, code: str) -> str:
    return hmac.digest(secret, f"find\x1f{code}".encode(), "sha256").hex()


def _make_key(secret: bytes, code: str) -> bytes:
    """Return the key of a page: of the code and the council's own together, slow to try out."""
    return hashlib.scrypt(code.encode(), salt=secret, n=2**14, r=8, p=1, dklen=32)
