"""What goes out of the council: one table, in which a message waits until its receiver has taken it, in order.

    put         in the transaction of the act that it follows from: the act and its message, or neither
    claim       the first that waits of a lane, by one process at a time, for LEASE; a lane is a receiver's, so a
                receiver gets everything in the order in which it was put; step-ups and alerts have a lane of their own
    settle      delivered (its receipt is kept, its body is not), refused, given up, or put off until it is tried again
    call back   what was never tried is cancelled; after what was, a recall goes, behind it in the same lane

A message has one name for ever. A process that dies between sending and settling sends it again under that name, so a
receiver that keeps names takes it once. Bodies are sealed while they wait and removed once they don't.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from charter.acts import SYSTEM
from serving.identity import Identity
from serving.store.audit_log import Act, AuditLog
from serving.store.connection import begin_reading, begin_writing
from serving.store.issued import write_moment
from serving.store.tables import agreements, outbox, outcomes, referrals

__all__ = ["LEASE", "RECALL", "STATUSES", "Message", "MessageDraft", "Outbox", "Outcome", "write_body", "write_case"]

LEASE = timedelta(minutes=2)
"""For so long whoever claimed a message has it alone: longer than any channel waits for an answer."""

RECALL = "recall"
"""The kind of message that calls another back."""

STATUSES = {
    "received": "They have it",
    "accepted": "They take it",
    "declined": "They don’t take it",
    "started": "Their help began",
    "finished": "Their help ended",
}
"""What a receiver can report, and how pages say it."""

_URGENT = frozenset({"step_up", "alert"})


@dataclass(frozen=True)
class MessageDraft:
    """A message before it is put: to whom (an id of receivers.toml), of which kind, and what it says.

    `referral` is the case that it is about, '' for none; `name` is made where none is given.
    """

    receiver: str
    kind: str
    data: Mapping[str, Any]
    referral: str = ""
    name: str = ""


@dataclass(frozen=True)
class Message:
    """A message of the outbox; `body` is empty once it is settled. Times are UTC in ISO 8601."""

    id: int
    name: str
    receiver: str
    kind: str
    referral: str
    agreement: int
    at: str
    body: bytes
    state: str
    attempts: int
    next_at: str
    claimed_until: str
    trouble: str
    receipt: str
    settled_at: str


@dataclass(frozen=True)
class Outcome:
    """What a receiver reported of what it was sent: one of STATUSES, with its own reference."""

    message: str
    referral: str
    receiver: str
    status: str
    reference: str
    at: str


def write_body(kind: str, at: str, data: Mapping[str, Any]) -> bytes:
    """Return a message's body: JSON with its type, its time and its data (Standard Webhooks)."""
    return json.dumps({"type": kind, "timestamp": at, "data": dict(data)}, sort_keys=True).encode()


class Outbox(AuditLog):
    """The outbox as one process uses it."""

    def _put_message(self, act: Act, identity: Identity, draft: MessageDraft, agreement: int = 0) -> str:
        """Put a message, in the transaction of an act; return its name."""
        name, at = draft.name or uuid.uuid4().hex, write_moment()
        body = write_body(draft.kind, at, {"message": name, **draft.data})
        digest = hashlib.sha256(body).hexdigest()
        row = {
            "name": name, "receiver": draft.receiver, "kind": draft.kind, "referral": draft.referral,
            "lane": draft.receiver + ("!" if draft.kind in _URGENT else ""), "agreement": agreement, "at": at,
            "sealed": self._seals.seal_bytes(f"message/{name}", body), "digest": digest, "state": "waiting",
            "next_at": at,
        }  # fmt: skip
        act.connection.execute(insert(outbox), row)
        act.log(
            actor=identity.user, role=identity.role, action="message.put", subject=draft.referral or name,
            purpose="rank", detail={"message": name, "kind": draft.kind, "receiver": draft.receiver, "sha256": digest},
        )  # fmt: skip
        return name

    def put_message(self, identity: Identity, draft: MessageDraft) -> str:
        """Put a message that follows from no other act; return its name."""
        with self._acting() as act:
            return self._put_message(act, identity, draft)

    def _call_back(self, act: Act, actor: str, role: str, cases: Sequence[str], why: str) -> None:
        """Cancel what waits about some cases and was never tried; after what was tried, put a recall."""
        query = select(outbox).where(
            outbox.c.referral.in_(list(cases)), outbox.c.kind == "referral", outbox.c.state != "cancelled"
        )
        for row in act.connection.execute(query.order_by(outbox.c.id)).all():
            if row.state == "waiting":
                act.connection.execute(
                    update(outbox)
                    .where(outbox.c.id == row.id)
                    .values(state="cancelled", sealed=b"", settled_at=write_moment())
                )
                act.log(actor=actor, role=role, action="message.cancelled", subject=row.referral, purpose="rank",
                        detail={"message": row.name, "why": why})  # fmt: skip
            name = hashlib.sha256(f"recall/{row.name}".encode()).hexdigest()[:32]
            again = act.connection.execute(select(outbox.c.id).where(outbox.c.name == name)).first()
            if row.attempts and row.state != "refused" and not again:
                data = {"calls_back": row.name, "case": write_case(row.referral), "why": why}
                draft = MessageDraft(row.receiver, RECALL, data, row.referral, name)
                self._put_message(act, Identity(actor, role, frozenset()), draft)

    def claim_message(self, receivers: Sequence[str], now: datetime) -> Message | None:
        """Claim the first message that is due to one of some receivers, or return None; it is one's own for LEASE.

        A lane waits for its first message, and for one that somebody has claimed, whatever became of it.
        """
        moment = write_moment(now)
        with begin_writing(self._engine, noted=False) as connection:
            first = (
                select(func.min(outbox.c.id))
                .where(or_(outbox.c.state == "waiting", outbox.c.claimed_until > moment))
                .group_by(outbox.c.lane)
            )
            due = (
                select(outbox)
                .where(
                    outbox.c.id.in_(first), outbox.c.state == "waiting", outbox.c.next_at <= moment,
                    outbox.c.claimed_until <= moment, outbox.c.receiver.in_(list(receivers)),
                )
                .order_by(outbox.c.id)
                .limit(1)
            )  # fmt: skip
            row = connection.execute(due).one_or_none()
            if row is None:
                return None
            until = write_moment(now + LEASE)
            claimed = connection.execute(
                update(outbox)
                .where(and_(outbox.c.id == row.id, outbox.c.state == "waiting",
                            outbox.c.claimed_until == row.claimed_until))
                .values(claimed_until=until, attempts=row.attempts + 1)
            )  # fmt: skip
            if claimed.rowcount != 1:
                return None
        return self._read_message(row, claimed_until=until, attempts=row.attempts + 1)

    def may_leave(self, message: Message) -> bool:
        """Whether a message may leave now: what a family agreed to, only while that very agreement stands."""
        if message.kind != "referral":
            return True
        newest = select(agreements.c.id, agreements.c.kind).where(agreements.c.referral == message.referral)
        case = select(referrals.c.removed).where(referrals.c.id == message.referral)
        with begin_reading(self._engine) as connection:
            row = connection.execute(newest.order_by(agreements.c.id.desc()).limit(1)).one_or_none()
            removed = connection.execute(case).scalar()
        return row is not None and (row.id, row.kind) == (message.agreement, "agreed") and removed == ""

    def settle_message(self, message: Message, state: str, *, receipt: str = "", trouble: str = "") -> None:
        """Keep what became of a claimed message: `delivered`, `refused`, `given_up` or `cancelled`; its body goes."""
        with self._acting() as act:
            settled = act.connection.execute(
                update(outbox)
                .where(
                    outbox.c.id == message.id,
                    outbox.c.claimed_until == message.claimed_until,
                    outbox.c.state.in_(("waiting", "cancelled")),
                )
                .values(
                    state=state, receipt=receipt[:300], trouble=trouble[:200], sealed=b"", claimed_until="",
                    settled_at=write_moment(),
                )
            )  # fmt: skip
            if settled.rowcount != 1:
                return
            act.log(
                actor="sooner", role=SYSTEM, action=f"message.{state}", subject=message.referral or message.name,
                purpose="rank",
                detail={"message": message.name, "receiver": message.receiver, "attempts": message.attempts},
            )  # fmt: skip

    def put_off(self, message: Message, until: datetime, trouble: str) -> None:
        """Let a claimed message wait until it is tried again."""
        with begin_writing(self._engine, noted=False) as connection:
            connection.execute(
                update(outbox)
                .where(outbox.c.id == message.id, outbox.c.claimed_until == message.claimed_until)
                .values(next_at=write_moment(until), claimed_until="", trouble=trouble[:200])
            )

    def hurry_message(self, identity: Identity, name: str) -> bool:
        """Let a message that waits be tried at once; return whether there is one."""
        with self._acting() as act:
            row = act.connection.execute(select(outbox).where(outbox.c.name == name)).one_or_none()
            if row is None or row.state != "waiting":
                return False
            act.connection.execute(update(outbox).where(outbox.c.id == row.id).values(next_at=write_moment()))
            act.log(actor=identity.user, role=identity.role, action="message.hurried", subject=name, purpose="rank")
        return True

    def messages(self, **by: str) -> list[Message]:
        """Return the messages whose columns have these values (referral=..., state=...), in their order."""
        query = select(outbox).order_by(outbox.c.id)
        for column, value in by.items():
            query = query.where(outbox.c[column] == value)
        with begin_reading(self._engine) as connection:
            return [self._read_message(row) for row in connection.execute(query)]

    def _read_message(self, row: Row[Any], **changed: Any) -> Message:
        values = {name: row._mapping[name] for name in Message.__dataclass_fields__ if name != "body"} | changed
        body = self._seals.unseal_bytes(f"message/{row.name}", bytes(row.sealed)) if row.sealed else b""
        return Message(**values, body=body)

    def keep_outcome(self, key: str, outcome: Outcome) -> bool:
        """Keep what a receiver reported, once for one key; return whether it is new."""
        with self._acting() as act:
            if _is_kept(act.connection, key):
                return False
            act.connection.execute(insert(outcomes), {"key": key, **vars(outcome)})
            act.log(
                actor=f"receiver:{outcome.receiver}", role=SYSTEM, action="outcome.reported", subject=outcome.referral,
                purpose="rank", detail={"message": outcome.message, "status": outcome.status},
            )  # fmt: skip
        return True

    def list_outcomes(self, referral_id: str) -> list[Outcome]:
        """Return what receivers reported of a case, oldest first."""
        query = select(outcomes).where(outcomes.c.referral == referral_id).order_by(outcomes.c.id)
        with begin_reading(self._engine) as connection:
            return [
                Outcome(**{name: row._mapping[name] for name in Outcome.__dataclass_fields__})
                for row in connection.execute(query)
            ]


def write_case(referral: str) -> str:
    """Return the case number that people use: the only thing about a case that a mail may hold."""
    return f"{referral[:4]}-{referral[4:8]}".upper()


def _is_kept(connection: Connection, key: str) -> bool:
    return connection.execute(select(outcomes.c.id).where(outcomes.c.key == key)).first() is not None
