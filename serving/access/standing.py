"""Whether a session may go on: asked at each request, of the table, of the provider and of what invited somebody.

demo        while the demonstration's sign-in is open here
provider    their groups still give this role and these teams; the provider still stands by them, asked again
every few seconds, by one worker at a time
guest       the same, and the invitation holds
proxy       their groups, as the proxy's header said them last (serving.access.entrance asks it at each request)
emergency   until its end, which the row holds
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from charter.errors import CharterError
from serving.access.provider import Belonging, UnreachableProviderError
from serving.access.rules import SignInTable
from serving.session import CHOOSING
from serving.store.invitations import Invitations
from serving.store.issued import write_moment
from serving.store.session_rows import SessionRow, SessionRows

__all__ = ["DEMO", "EMERGENCY", "GUEST", "PROVIDER", "PROXY", "WHYS", "StandingJudge"]

DEMO, PROVIDER, GUEST, PROXY, EMERGENCY = "demo", "provider", "guest", "proxy", "emergency"
"""The ways in."""

WHYS = {
    "signed_out": "They signed out.",
    "idle": "Nothing was asked for too long.",
    "longest": "Its time was over.",
    "role": "The charter knows the role no more.",
    "group": "They left a group, or what it may do has changed.",
    "revoked": "Their provider does not stand by them any more.",
    "unvouched": "Their provider did not answer for too long.",
    "invitation": "Their invitation ended.",
    "closed": "This way of signing in is closed.",
    "proxy": "The proxy named somebody else, or nobody.",
    "manager": "A manager or security officer ended it.",
    "begun_again": "They signed in again in the same browser.",
    "restored": "The database was restored from a backup.",
}
"""Why sessions end, and what the log's word means."""


class StandingJudge:
    """Says why a session may not go on, or ''."""

    def __init__(
        self, table: SignInTable, rows: SessionRows, invitations: Invitations, *, demo: Callable[[], bool]
    ) -> None:
        self._table = table
        self._rows = rows
        self._invitations = invitations
        self._demo = demo

    def judge(self, row: SessionRow) -> str:
        """Return why this session ends now, one of WHYS, or '' where it goes on."""
        if row.way == DEMO:
            return "" if self._demo() else "closed"
        if row.way not in (PROVIDER, GUEST, PROXY):
            return "" if row.way == EMERGENCY else "closed"
        groups = frozenset(row.held.get("groups", ()))
        if row.way != PROXY and row.kind != CHOOSING:
            why, groups = self._ask_again(row, groups)
            if why:
                return why
        user = str(row.held.get("user", ""))
        if row.way == GUEST:
            invitation = self._invitations.of(row.provider, user)
            holds = invitation is not None and invitation.holds(datetime.now(UTC)) and invitation.user == row.actor
            return "" if holds else "invitation"
        standings = self._table.rules.standings(row.provider, user, groups)
        return "" if row.kind == CHOOSING or standings.get(row.role) == row.teams else "group"

    def _ask_again(self, row: SessionRow, groups: frozenset[str]) -> tuple[str, frozenset[str]]:
        """Return why the provider ends it, or '', and the groups as they are now."""
        provider, rules = self._table.provider(row.provider), self._table.rules.sessions
        if provider is None:
            return "closed", groups
        now = datetime.now(UTC)
        since = now - datetime.fromisoformat(row.asked_at)
        if timedelta(0) <= since < timedelta(seconds=rules.asked_again_seconds):
            return "", groups
        at = write_moment(now)
        if not self._rows.claim_asking(row, at):
            return "", groups
        try:
            belonging: Belonging = provider.ask_again(row.held.get("tokens", {}), str(row.held.get("user", "")))
        except UnreachableProviderError:
            patience = timedelta(minutes=rules.unreachable_minutes)
            return ("unvouched" if now - datetime.fromisoformat(row.vouched_at) >= patience else ""), groups
        except CharterError:
            return "revoked", groups
        facts = {**row.held, "groups": sorted(belonging.groups), "tokens": dict(belonging.tokens)}
        self._rows.vouch(row.id, at, facts)
        return "", belonging.groups
