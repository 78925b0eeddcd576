"""The casework store: issued lists, referrals, decisions and the audit log, each act and its entry in one transaction.

    lists.py  lists and referrals   decisions.py  decisions   audit_log.py  the log   issued.py  their values

Reviewers may work at the same time: a decision names the version of the referral it was made on, and the second of
two on the same version is told so (`ConflictError`) instead of being lost. A decision sent twice with one key is made
once. Every process writes its own chain of the log (charter.vault.log).
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from serving.store.database import reading
from serving.store.decisions import Decisions
from serving.store.issued import ConflictError, Decision, IssuedList, Referral, now_text
from serving.store.lists import Lists
from serving.store.tables import lists

__all__ = ["ConflictError", "Decision", "IssuedList", "Referral", "Store", "now_text"]


class Store(Lists, Decisions):
    """The casework database as one process uses it; safe to share between threads.

    `key` signs the anchors of the log; without it none are written.
    """

    def answers(self) -> bool:
        """Whether the database can be read now."""
        try:
            with reading(self._engine) as connection:
                return connection.execute(select(lists.c.id).limit(1)).all() is not None
        except OperationalError:
            return False
