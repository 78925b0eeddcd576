"""Serving's part of an erasure, objection or withdrawal: off every list at once; what was issued stays sealed.

A casework database that is restored from a backup alone knows nothing of what was asked since: the ledger and the
snapshots' tombstones do, so it is told again (`catch_up`) before anything is served from it. Of retention, which names
nobody, the ledger has the time, and the database an entry in its log; one that was copied before lacks that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from charter.contracts.workspace import Workspace
from charter.errors import CharterError
from charter.purposes import LOOK
from charter.vault.rights_ledger import ACTIONS, Request, read_requests, read_tombstones
from serving.ended_cases import end_cases_in
from serving.store.case_ends import CasePromise
from serving.store.issued import write_moment
from serving.store.place import is_begun
from serving.store.store import Store, open_store

__all__ = ["PAST_ITS_DATE", "PURPOSES", "catch_up", "forget", "forget_looks", "note_retention", "require_caught_up"]

PURPOSES = ("link", "shadow", "rank", "display")
"""What lists are made and shown for: a request about one of these takes the household off."""

PAST_ITS_DATE = "past its date"
"""Why a referral is off its list of whom retention left nothing."""

_WHY = "withdrawn"


def forget(person_ids: Iterable[str], workspace: Workspace, *, key: bytes = b"", why: str = _WHY) -> int:
    """Take every referral of these people's households off its list; return how many there were.

    `key` seals the log's entries (charter.vault.command_log); `why` is kept with each referral. What was issued stays
    sealed: what the worker saw is kept under case retention for complaints and the data protection officer alone
    (design: what issued stays); no page or list shows it any more.
    """
    people = frozenset(person_ids)
    with _open_casework(workspace, key) as store:
        if store is None:
            return 0
        # A page that waits to be opened tells what is not held any more.
        store.end_own_pages(people)
        return store.remove(people, why, actor="sooner")


def forget_looks(person_ids: Iterable[str], workspace: Workspace, *, key: bytes = b"") -> int:
    """Take these people's households out of every look below the line that waits; what was listed by rank stays."""
    with _open_casework(workspace, key) as store:
        return store.remove(frozenset(person_ids), _WHY, actor="sooner", looks=True) if store is not None else 0


def catch_up(
    workspace: Workspace,
    *,
    key: bytes = b"",
    strangers: Callable[[frozenset[str]], frozenset[str]] | None = None,
    promise_cases: Callable[[datetime], CasePromise | None] | None = None,
) -> int:
    """Take off what was issued before a request that is carried out, if it stands again; return how many there were.

    `strangers` says of people whom no snapshot knows: of those retention left nothing, so they are taken off a database
    that was copied before it. `promise_cases` says how long cases are kept, as judged at a moment: those that had ended
    by then end again.
    """
    with _open_casework(workspace, key) as store:
        if store is None:
            return 0
        requests = _carried_out(workspace)
        number = sum(
            store.remove(people, _WHY, actor="sooner", before=filed, looks=looks) for people, filed, looks in requests
        )
        if strangers is None:
            return number
        for request in _list_unheard(workspace, store):
            number += store.remove(strangers(store.people_listed()), PAST_ITS_DATE, actor="sooner")
            promise = promise_cases(datetime.fromisoformat(request.moment)) if promise_cases else None
            if promise:
                end_cases_in(workspace, store, promise)
            store.log_retention(request.id)
        return number


def note_retention(workspace: Workspace, *, key: bytes = b"") -> None:
    """Note in the casework database what retention took off: a copy made before lacks the note."""
    with _open_casework(workspace, key) as store:
        if store is not None:
            for request in _list_unheard(workspace, store):
                store.log_retention(request.id)


def require_caught_up(workspace: Workspace) -> None:
    """Raise CharterError while a referral stands that a request, or retention, had taken off its list."""
    with _open_casework(workspace, b"") as store:
        if store and (
            any(store.still_listed(people, filed, looks=looks) for people, filed, looks in _carried_out(workspace))
            or _list_unheard(workspace, store)
        ):
            raise CharterError(
                "the casework database lists households that a resident's request or retention had taken off, so it "
                "may be a restored copy: nothing is served from it.",
                "Run `sooner replay`.",
            )


def _list_unheard(workspace: Workspace, store: Store) -> list[Request]:
    """Return the ledger's times of retention that a database with lists from before does not know of."""
    done = [request for request in read_requests(workspace) if request.action == "retained"]
    if not done:
        return []
    heard = store.retentions()
    first = store.first_issued()
    return [
        request
        for request in done
        if request.id not in heard and first and first < write_moment(datetime.fromisoformat(request.filed_at))
    ]


def _carried_out(workspace: Workspace) -> Iterator[tuple[frozenset[str], str, bool]]:
    """Yield whom each request that stands was about, when it was filed, and whether it is about looks alone."""
    requests = read_requests(workspace)
    overruled = {request.answers for request in requests if request.action == "overrule"}
    about: dict[str, set[str]] = {}
    for path in workspace.store.glob("*/manifest.json"):
        for line in read_tombstones(path.parent):
            about.setdefault(str(line["request"]), set()).update(line["people"])
    for request in requests:
        concerned = (
            request.action in ACTIONS and request.purpose in ("*", LOOK, *PURPOSES) and request.id not in overruled
        )
        if concerned and about.get(request.id):
            filed = write_moment(datetime.fromisoformat(request.filed_at))
            yield frozenset(about[request.id]), filed, request.purpose == LOOK


@contextmanager
def _open_casework(workspace: Workspace, key: bytes) -> Iterator[Store | None]:
    """Open the casework store; None where nothing was issued yet."""
    if not is_begun(workspace):
        yield None
        return
    with open_store(workspace, key=key) as store:
        yield store
