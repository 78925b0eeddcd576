"""How much anybody may ask in a day, in one place: pages, API and commands take what they give out from here.

    take_case    a case is opened: different cases count once     take_scores  scores are asked for
    take_check   a question is checked once, for a service        take_sign_in a session is begun
    take_export  a list is printed, a resident's copy is made

Who is over a limit of limits.toml is refused (TooMuchError) before anything is looked up, so that nobody learns by it.
What is more than usual refuses nothing: it is noted, and whoever read so much is asked why.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from charter.council.limits import Limits
from charter.errors import CharterError, SoonerError
from serving.identity import Identity
from serving.store.counting.allowances import DAY, Allowances
from serving.store.store import Referral, Store

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from charter.vault.key import Key

__all__ = ["HowMuch", "TooMuchError"]

_LOG = logging.getLogger("sooner.limits")
_PROGRAM = "client:"
"""How programs of sign_in.toml begin in the log (serving.access.clients)."""
_NO_LIMIT = 2**31 - 1
_WORDS = {
    "cases": "open {most} different cases",
    "checks": "check {most} questions",
    "scores": "ask for {most} scores",
    "sign_ins": "begin {most} sessions",
    "exports": "print or draft {most} copies",
}


class TooMuchError(CharterError):
    """Somebody asked for more than they may in a day."""


class HowMuch:
    """The limits of one council, counted in one database for all processes; safe to share between threads."""

    def __init__(self, invocation: Invocation, store: Store, key: Key) -> None:
        self._invocation = invocation
        self._store = store
        self._key = key
        self._lock = Lock()
        self._stamp: tuple[int, int] | str | None = ""
        self._limits = Limits()

    @cached_property
    def allowances(self) -> Allowances:
        """The counts."""
        return self._store.allowances()

    @property
    def limits(self) -> Limits:
        """The council's limits as they are now; a file with a slip changes nothing, and the service's log says so.

        Raises DataError where the first that was read has a slip in it.
        """
        folder = self._invocation.council.folder
        try:
            status = (folder / "limits.toml").stat()
            stamp: tuple[int, int] | None = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = None
        with self._lock:
            if stamp != self._stamp:
                try:
                    self._limits = Limits.load(folder)
                except SoonerError as error:
                    if self._stamp == "":
                        raise
                    _LOG.error("limits.toml was changed and has a slip: the one before goes on. %s", error)
                self._stamp = stamp
            return self._limits

    def take_case(self, identity: Identity, referral: Referral) -> None:
        """Count a case that is opened; note where it is one too many outside one's lists."""
        most = self._limits_of(identity, "cases")
        number = self.allowances.count_subject("cases", identity.user, referral.id, most, self._now())
        if number is None:
            raise _refuse("cases", most)
        if _is_person(identity) and not self._is_ones_own(identity, referral):
            self._watch(identity, "cases_outside", referral.id, self.limits.unusual.cases_outside)

    def take_household(self, identity: Identity, entity: str) -> None:
        """Count a household whose rows or sealed record a command shows, among the cases that somebody opens."""
        most = self._limits_of(identity, "cases")
        if self.allowances.count_subject("cases", identity.user, entity, most, self._now()) is None:
            raise _refuse("cases", most)

    def take_scores(self, identity: Identity, number: int) -> None:
        """Count scores of listed households."""
        self._take(identity, "scores", number)

    def take_check(self, identity: Identity, service: str, subject: str) -> None:
        """Count a question for a service; `subject` is the address or person that it is about, kept as a keyed word.

        Of people it is noted where they ask about more than is usual.
        """
        self._take(identity, "checks")
        most = self.limits.checks_for(service)
        if self.allowances.count("checks for", service, DAY, self._now()) > most:
            raise TooMuchError(
                f"No more than {most} questions a day are answered on behalf of that service.", _WHO_RAISES
            )
        if _is_person(identity):
            secret = self._key.derive("addresses asked about")
            word = hmac.new(secret, subject.encode(), hashlib.sha256).hexdigest()
            self._watch(identity, "addresses", word, self.limits.unusual.addresses)

    def take_sign_in(self, identity: Identity) -> None:
        """Count a session that is begun."""
        self._take(identity, "sign_ins")

    def take_export(self, identity: Identity) -> None:
        """Count a copy that leaves the service: a list on paper, what is held of a resident."""
        self._take(identity, "exports")

    def _take(self, identity: Identity, what: str, times: int = 1) -> None:
        most = self._limits_of(identity, what)
        if self.allowances.count(what, identity.user, DAY, self._now(), times=times) > most:
            raise _refuse(what, most)

    def _limits_of(self, identity: Identity, what: str) -> int:
        row = self.limits.person if _is_person(identity) else self.limits.program
        # What no program does in its own name (begin a session, print) has a person's limit.
        return int(getattr(row, what, None) or getattr(self.limits.person, what))

    def _watch(self, identity: Identity, what: str, subject: str, usual: int) -> None:
        now = self._now()
        before = self.allowances.read(what, identity.user, DAY, now)
        number = self.allowances.count_subject(what, identity.user, subject, _NO_LIMIT, now) or 0
        if number > max(usual, before):
            self._store.note_unusual(identity, what, number, usual, now)

    def _is_ones_own(self, identity: Identity, referral: Referral) -> bool:
        """Whether a case is on the newest list of a team of one's own, or one picked it or decided on it."""
        header = self._store.issued_list(referral.programme, referral.list)
        newest = self._store.current_list(referral.programme, header.team) if header else None
        if newest is not None and newest.id == referral.list and {newest.team, referral.team} & identity.teams:
            return True
        holder = self._store.picks([referral.id]).get(referral.id, ("", ""))[0]
        return identity.user in {holder, *(decision.actor for decision in self._store.decisions(referral.id))}

    def _now(self) -> datetime:
        """Return now, in the council's time zone: a day of limits is the council's."""
        return datetime.now(self._invocation.council.time_zone)


_WHO_RAISES = "If your work needs more, the data protection officer can have limits.toml changed; it holds at once."


def _is_person(identity: Identity) -> bool:
    return not identity.user.startswith(_PROGRAM)


def _refuse(what: str, most: int) -> TooMuchError:
    return TooMuchError(f"You can {_WORDS[what].format(most=most)} in a day, and this is one more.", _WHO_RAISES)
