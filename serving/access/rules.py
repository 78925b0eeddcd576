"""The council's sign-in table as it is now: read again when the file changed, so that a row taken out ends sessions.

A table with a slip in it changes nothing: the one before goes on, and the service's log says so.
"""

from __future__ import annotations

import logging
import threading

from charter.council.sign_in import Provider, SignIn
from charter.errors import SoonerError
from charter.invocation import Invocation
from serving.access.provider import OpenIDProvider, read_secret

__all__ = ["SignInTable"]

_LOG = logging.getLogger("sooner.sign_in")


class SignInTable:
    """The table and the providers that it names; safe to share between threads."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._read: SignIn | None = None
        self._providers: dict[str, tuple[Provider, OpenIDProvider]] = {}

    @property
    def rules(self) -> SignIn:
        """The table as it is now; raises DataError where the first that was read has a slip in it."""
        stamp = self._stamp_file()
        with self._lock:
            if self._read is None or stamp != self._stamp:
                self._stamp = stamp
                self._read = self._load(self._read)
            return self._read

    def provider(self, provider_id: str) -> OpenIDProvider | None:
        """Return a provider that people sign in by, or None."""
        row = self.rules.provider(provider_id)
        if row is None:
            return None
        with self._lock:
            entry = self._providers.get(provider_id)
            if entry is None or entry[0] != row:
                entry = (row, OpenIDProvider(row, read_secret(row.id)))
                self._providers[provider_id] = entry
            return entry[1]

    def _stamp_file(self) -> tuple[int, int] | None:
        try:
            status = (self._invocation.council.folder / "sign_in.toml").stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def _load(self, before: SignIn | None) -> SignIn:
        from charter.council.council import Council

        folder = self._invocation.council.folder
        try:
            teams = [team.id for team in Council.load(folder).teams]
            return SignIn.load(folder, self._invocation.roles.ids, teams)
        except SoonerError as error:
            if before is None:
                raise
            _LOG.error("sign_in.toml was changed and has a slip: the one before goes on. %s", error)
            return before
