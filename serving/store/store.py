"""The casework store: issued lists, referrals, decisions and the audit log, each act and its entry in one transaction.

    lists.py  lists and referrals   case_decisions.py  decisions   case_work.py  who has what in hand
    follow_ups.py  agreements and reports   papers.py  what was typed   audit_log.py  the log   issued.py  their values
    leaving/  what goes out and what comes back, one's own record, and who took a step-up
    place.py  where the database is, told without loading it   help_answers.py  what became of help
    case_ends.py  cases that were over long ago   team_cover.py  who stands in for a team, as its manager said
    arriving/  what residents sent, and what families said of our contact
    counting/  how often somebody did a thing, and what is unusual

Reviewers may work at the same time: a decision names the version of the referral it was made on, and the second of
two on the same version is told so (`ConflictError`) instead of being lost. A decision sent twice with one key is made
once. Every process writes its own chain of the log (charter.vault.log).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.exc import OperationalError

from charter.acts import SYSTEM
from charter.contracts.workspace import Workspace
from charter.errors import CharterError, DataError
from charter.vault.anchors import Anchors
from charter.vault.log import Entry, FileLog, read_heads
from serving.store.arriving.family_answers import FamilyAnswers
from serving.store.arriving.resident_forms import ResidentForms
from serving.store.case_decisions import Decisions
from serving.store.case_ends import CaseEnds
from serving.store.case_work import CaseWork
from serving.store.connection import begin_reading, migrate_database, open_engine, read_together, try_writing
from serving.store.counting.allowances import Allowances
from serving.store.counting.readings import Readings, find_false_readings
from serving.store.emergencies import Emergencies
from serving.store.follow_ups import FollowUps
from serving.store.help_answers import HelpAnswers
from serving.store.invitations import Invitations
from serving.store.issued import ConflictError, Decision, DecisionDraft, IssuedList, Referral, write_moment
from serving.store.leaving.own_pages import OwnPages
from serving.store.leaving.step_ups import StepUps
from serving.store.lists import Lists, read_header
from serving.store.papers import Papers
from serving.store.place import find_database_url
from serving.store.proof import Casework, digest_decision, find_false_rows
from serving.store.sealing_at_rest import seal_old_rows
from serving.store.session_rows import SessionRows
from serving.store.tables import audit, decisions, lists, members, papers, referrals, undone
from serving.store.team_cover import TeamCover

__all__ = [
    "ConflictError",
    "Decision",
    "DecisionDraft",
    "IssuedList",
    "Referral",
    "Store",
    "make_store",
    "open_store",
    "write_moment",
]


class Store(
    Lists, Decisions, CaseWork, CaseEnds, FollowUps, StepUps, HelpAnswers, ResidentForms, FamilyAnswers, Readings,
    TeamCover, OwnPages,
):  # fmt: skip
    """The casework database as one process uses it; safe to share between threads.

    `key` signs the anchors of the log; without it none are written.
    """

    def read_together(self) -> AbstractContextManager[None]:
        """Let all that this thread reads within share one connection: for the answer to one request."""
        return read_together(self._engine)

    def papers(self, secret: bytes) -> Papers:
        """Return the sealed papers of this database; `secret` is 32 bytes that all workers share."""
        return Papers(self._engine, secret)

    def sessions(self, secret: bytes) -> SessionRows:
        """Return the sessions of this database; `secret`, here and below, is 32 bytes that all workers share."""
        return SessionRows(self._engine, secret)

    def invitations(self, secret: bytes) -> Invitations:
        """Return the guests of this database."""
        return Invitations(self._engine, secret)

    def emergencies(self, secret: bytes) -> Emergencies:
        """Return the emergency accesses of this database."""
        return Emergencies(self._engine, secret)

    def allowances(self) -> Allowances:
        """Return the counts of this database."""
        return Allowances(self._engine)

    def find_faults(self, entries: Sequence[Entry]) -> list[str]:
        """Return every row of lists, referrals, members and decisions that is not as the log's entries tell."""
        with begin_reading(self._engine) as connection:
            headers = connection.execute(select(lists)).all()
            cases = [self._read_unsealed(row) for row in connection.execute(select(referrals))]
            rows = connection.execute(select(decisions).order_by(decisions.c.id)).all()
            taken_back = frozenset((row.referral, row.version) for row in connection.execute(select(undone)))
            people: dict[str, list[str]] = {}
            for row in connection.execute(select(members)):
                people.setdefault(row.referral, []).append(row.person)
        filed = [self._read_decision_as_it_is(row) for row in rows]
        false_records = [
            f"the record of the referral {case.id} was edited"
            for case in cases
            if hashlib.sha256(case.sealed).hexdigest() != case.digest
        ]
        casework = Casework([read_header(row) for row in headers], cases, people, filed, taken_back)
        today = datetime.now(UTC).date()
        false_readings = find_false_readings(entries, self.list_unusual(today, unsealed=False), today)
        return [*false_records, *find_false_rows(self._key, entries, casework), *false_readings]

    def _read_unsealed(self, row: Row[Any]) -> Referral:
        """Return a referral; one whose record can't be unsealed with no record, which its digest then shows."""
        try:
            return self._read_referral(row)
        except (CharterError, TypeError, ValueError):
            return Referral(**{**row._mapping, "sealed": b""})

    def _read_decision_as_it_is(self, row: Row[Any]) -> Decision:
        """Return a decision; one whose note can't be unsealed with the note as it lies there: its digest shows it."""
        try:
            return self._read_decision(row)
        except (CharterError, TypeError, ValueError):
            return Decision(**{name: row._mapping[name] for name in Decision.__dataclass_fields__})

    def begin_anchors(self, old_log: Path) -> None:
        """Begin the anchors where there are none yet; raise DataError where there were, and they are gone.

        What is in the database and the log of typed commands (`old_log`) by then may have no key.
        """
        if self._anchors is None:
            return
        if self._anchors.begun:
            self._require_entries()
            return
        entries = self.entries()
        if any(entry.digest == entry.expected(self._key) for entry in entries):
            self._anchors.require()
        self._anchors.add(read_heads([*entries, *FileLog(old_log).entries()]), begins=True)

    def _require_entries(self) -> None:
        """Raise DataError where the log is empty and was not: an empty database is no beginning after there was one."""
        with begin_reading(self._engine) as connection:
            empty = connection.execute(select(audit.c.chain).limit(1)).one_or_none() is None
        if not empty or self._anchors is None:
            return
        chains = self._anchors.chains() - {FileLog.chain}
        if chains:
            raise DataError(
                f"the casework database is empty, and there was one: {len(chains)} chains of its log were anchored.",
                "Bring it back from its backup, or name it in SOONER_DATABASE. If it was a demonstration that you "
                f"removed, remove {self._anchors.path.name} beside it too.",
            )

    def adopt(self, old_log: Path) -> None:
        """Take what an older Sooner filed into the proof: anchor its chains, say its rows' digests, seal its words."""
        if self._anchors is None:
            return
        self._anchors.add(read_heads([*self.entries(), *FileLog(old_log).entries()]), begins=True)
        headers = self._read_all_lists()
        with begin_reading(self._engine) as connection:
            rows = connection.execute(select(decisions).order_by(decisions.c.id)).all()
        filed = [self._read_decision(row) for row in rows]
        with self._acting() as act:
            for header in headers:
                told = self._tell_list(header, self._read_rows(header))
                act.log(actor="sooner", role=SYSTEM, action="list.adopted", subject=f"{header.programme}/{header.id}",
                        purpose="rank", detail=told)  # fmt: skip
            for decision in filed:
                told = {"version": decision.version, "decision": digest_decision(self._key, decision)}
                act.log(actor="sooner", role=SYSTEM, action="decision.adopted", subject=decision.referral,
                        purpose="rank", detail=told)  # fmt: skip
            seal_old_rows(act.connection, self._seals)

    def _read_all_lists(self) -> list[IssuedList]:
        with begin_reading(self._engine) as connection:
            return [
                read_header(row) for row in connection.execute(select(lists).order_by(lists.c.programme, lists.c.id))
            ]

    def _read_rows(self, header: IssuedList) -> list[tuple[Referral, tuple[str, ...]]]:
        rows = [*self.referrals(header.programme, header.id), *self.below(header.programme, header.id)]
        return [(referral, self.members(referral.id)) for referral in rows]

    def answers(self) -> bool:
        """Whether the database can be read now."""
        try:
            with begin_reading(self._engine) as connection:
                return connection.execute(select(lists.c.id).limit(1)).all() is not None
        except OperationalError:
            return False

    def can_be_written(self) -> bool:
        """Whether the database takes writes now; nothing is changed. Raises what the database raises."""
        return try_writing(self._engine, delete(papers).where(papers.c.id == ""))


def make_store(workspace: Workspace, *, chain: str, key: bytes) -> Store:
    """Return the store of a workspace, its database at the newest form and its anchors begun.

    Raises what `migrate_database` raises, DataError where there were anchors and they are gone.
    """
    engine = open_engine(find_database_url(workspace))
    migrate_database(engine)
    store = Store(engine, chain=chain, key=key, anchors=Anchors.of(workspace, key) if key else None)
    store.begin_anchors(workspace.log)
    return store


@contextmanager
def open_store(workspace: Workspace, *, chain: str = "command", key: bytes = b"") -> Iterator[Store]:
    """Open the casework database of a workspace until the block ends; one that is empty gets its tables.

    Raises what `migrate_database` raises. `chain` begins the name of the log's chain that is written meanwhile.
    """
    store = make_store(workspace, chain=chain, key=key)
    try:
        yield store
    finally:
        store.close()
