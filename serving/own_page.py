"""One person's own page: the copy that an officer released, opened with a code at the service's public door.

A council turns it on (`own_page_days` of public.toml): what is held of a person then waits, sealed, on a server that
the internet reaches. The code is for their own hands, after the four checks of a copy; it is on no paper of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from charter.errors import UsageError
from charter.invocation import Invocation
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from serving.store.leaving.own_pages import OwnPageRelease, write_code
from serving.store.store import open_store

__all__ = ["OWN_PAGE", "OwnPage", "prepare_own_page"]

OWN_PAGE = "own pages"
"""For what the council's key is derived: by whoever keeps a page, and by whoever opens it."""


@dataclass
class OwnPage:
    """A page that is about to be kept; `code` is '' until then."""

    invocation: Invocation
    release: OwnPageRelease
    code: str = field(default="", repr=False)

    def keep(self, page: str) -> None:
        """Keep the page and take its code."""
        key = Key.load(self.invocation.council, self.invocation.workspace)
        with open_store(self.invocation.workspace, key=key.derive(LOG_PURPOSE)) as store:
            self.code = store.keep_own_page(key.derive(OWN_PAGE), page, self.release)

    @property
    def facts(self) -> dict[str, Any]:
        """The code, where it is typed and until when."""
        return {"code": write_code(self.code), "address": self._address, "until": self.release.ends_at.isoformat()}

    @property
    def words(self) -> str:
        """The same for whoever hands it over."""
        day = self.release.ends_at.astimezone(self.invocation.council.time_zone).date()
        return (
            f"The code is {write_code(self.code)}; it opens the page at {self._address} once, for half an hour, until"
            f" {day.isoformat()}. It is shown now and never again: tell it to them themselves, and post it to nobody. "
        )

    @property
    def _address(self) -> str:
        return f"{self.invocation.public.door.rstrip('/')}/public/your-page"


def prepare_own_page(invocation: Invocation, export: str, person: str, role: str) -> OwnPage:
    """Return the page of a draft that is about to be released; raise UsageError where no page can be opened."""
    public = invocation.public
    if not public.own_page_days or not public.door:
        raise UsageError(
            "no page can be opened by a code here.",
            "Set own_page_days and door in public.toml, or hand the copy over on paper: --to FOLDER.",
        )
    if not person:
        raise UsageError("the draft does not say whose it is.", "Make it again: `sooner resident export`.")
    ends_at = datetime.now(UTC) + timedelta(days=public.own_page_days)
    return OwnPage(invocation, OwnPageRelease(export, person, role, ends_at))
