"""The choices that residents' requests (charter.vault.rights_ledger) leave in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from charter.vault.rights_ledger import ACTIONS, Request
from features.permission import Choice

__all__ = ["find_overruled", "list_choices", "list_request_choices"]

_YEARS = timedelta(days=3650)


def find_overruled(requests: Iterable[Request]) -> frozenset[str]:
    """Return the ids of the requests that a named role has overruled."""
    return frozenset(request.answers for request in requests if request.action == "overrule")


def list_choices(requests: Iterable[Request], taken_at: datetime) -> tuple[Choice, ...]:
    """Return the choices that the requests leave in force, by reference (in `person_id`).

    A choice filed after the snapshot was taken counts in its last second: no earlier as-of date sees it, but "now"
    does, so that it is honoured at once. `taken_at` is naive UTC, as the times in tables are.
    """
    filed = tuple(requests)
    by_id = {request.id: request for request in filed}
    return tuple(choice for request in filed for choice in list_request_choices(request, by_id, taken_at))


def list_request_choices(request: Request, by_id: Mapping[str, Request], taken_at: datetime) -> tuple[Choice, ...]:
    """Return the choices that one request leaves in force; what overrules another is about what that one was about."""
    about = by_id.get(request.answers, request)
    if about.action not in ACTIONS:
        return ()
    kind, at = ACTIONS[about.action], _counts_from(request, taken_at)
    status = "overruled" if request.action == "overrule" else "received"
    return tuple(
        Choice(ref, about.service, about.purpose, kind, status, at, None, request.decided_by or None, at, None)
        for ref in about.refs
    )


def _counts_from(request: Request, taken_at: datetime) -> datetime:
    """Return when a request counts: when it was filed, or in the snapshot's last second, in the order of filing.

    Ten years of later requests fit into that second; where two fall on one microsecond, the one that forbids counts.
    """
    filed = datetime.fromisoformat(request.filed_at).astimezone(UTC).replace(tzinfo=None)
    if filed < taken_at:
        return filed
    after = min((filed - taken_at) / _YEARS, 1.0)
    return taken_at - timedelta(microseconds=max(round(900_000 * (1 - after)), 1))
