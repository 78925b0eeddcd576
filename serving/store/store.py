"""The casework store: issued lists, referrals, decisions and the audit log, each act and its entry in one transaction.

    lists.py  lists and referrals   case_decisions.py  decisions   case_work.py  who has what in hand
    follow_ups.py  agreements and reports   papers.py  what was typed   audit_log.py  the log   issued.py  their values

Reviewers may work at the same time: a decision names the version of the referral it was made on, and the second of
two on the same version is told so (`ConflictError`) instead of being lost. A decision sent twice with one key is made
once. Every process writes its own chain of the log (charter.vault.log).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from charter.contracts.workspace import Workspace
from serving.store.case_decisions import Decisions
from serving.store.case_work import CaseWork
from serving.store.connection import begin_reading, find_database_url, migrate_database, open_engine
from serving.store.follow_ups import FollowUps
from serving.store.issued import ConflictError, Decision, DecisionDraft, IssuedList, Referral, write_moment
from serving.store.lists import Lists
from serving.store.papers import Papers
from serving.store.tables import lists

__all__ = [
    "ConflictError",
    "Decision",
    "DecisionDraft",
    "IssuedList",
    "Referral",
    "Store",
    "open_store",
    "write_moment",
]


class Store(Lists, Decisions, CaseWork, FollowUps):
    """The casework database as one process uses it; safe to share between threads.

    `key` signs the anchors of the log; without it none are written.
    """

    def papers(self, secret: bytes) -> Papers:
        """Return the sealed papers of this database; `secret` is 32 bytes that all workers share."""
        return Papers(self._engine, secret)

    def answers(self) -> bool:
        """Whether the database can be read now."""
        try:
            with begin_reading(self._engine) as connection:
                return connection.execute(select(lists.c.id).limit(1)).all() is not None
        except OperationalError:
            return False


@contextmanager
def open_store(workspace: Workspace, *, chain: str = "command", key: bytes = b"") -> Iterator[Store]:
    """Open the casework database of a workspace until the block ends; one that is empty gets its tables.

    Raises what `migrate_database` raises. `chain` begins the name of the log's chain that is written meanwhile.
    """
    engine = open_engine(find_database_url(workspace))
    migrate_database(engine)
    store = Store(engine, chain=chain, key=key)
    try:
        yield store
    finally:
        store.close()
