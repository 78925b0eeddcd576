"""Going to a newer Sooner: what would change, and the change with a backup before it.

casework database   brought to the newest form; SQLite is copied first, PostgreSQL's own tools do that
charter, register   read as they are: what no longer reads is named before anything is changed
bundle              opened by its contract and self-tested: bundles of the last version still serve
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from charter.contracts.files import pointed
from charter.invocation import Invocation
from charter.policy import Policy
from charter.register import Register
from charter.signoffs import today
from serving.bundle import Bundle, self_test
from serving.database import connect, database_url, form, forms, migrate, reading

__all__ = ["Step", "planned", "upgraded"]


@dataclass(frozen=True)
class Step:
    """One thing, what it is now, and what it would be; the same where nothing changes."""

    what: str
    now: str
    then: str

    @property
    def sentence(self) -> str:
        """Say it to a person."""
        return f"{self.what}: {self.now}" + ("." if self.now == self.then else f" -> {self.then}.")

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def planned(invocation: Invocation) -> tuple[Step, ...]:
    """Return what an upgrade would do; nothing is changed.

    Raises what reading the charter, the register or the bundle raises, so that it is said before anything is done.
    """
    now = _form(invocation)
    Policy.load(invocation.council.folder / "charter.toml", today(invocation))
    Register.load(invocation.council.folder / "register.toml")
    folder = pointed(invocation.workspace.bundle)
    if folder is not None:
        self_test(Bundle.open(folder))
    was, will = (f"form {now}", f"form {forms()[-1]}") if now else ("none yet", "none yet")
    served = f"{folder.name} serves" if folder else "none yet"
    return (
        Step("Casework database", was, will),
        Step("Charter and register", "read", "read"),
        Step("Bundle", served, served),
    )


def upgraded(invocation: Invocation, now: datetime | None = None) -> Path | None:
    """Bring the database to the newest form; return the copy made of it before, or None where nothing had to change."""
    before = _form(invocation)
    if before is None or before == forms()[-1]:
        return None
    url = database_url(invocation.workspace)
    backup = _copy(invocation, url, now or datetime.now(UTC)) if url.startswith("sqlite") else None
    engine = connect(url)
    migrate(engine)
    engine.dispose()
    return backup


def _form(invocation: Invocation) -> str | None:
    url = database_url(invocation.workspace)
    if url.startswith("sqlite") and not Path(make_url(url).database or "").exists():
        return None
    engine = connect(url)
    try:
        with reading(engine) as connection:
            return form(connection)
    finally:
        engine.dispose()


def _copy(invocation: Invocation, url: str, moment: datetime) -> Path:
    """Copy the database as it stands, writers or not, with SQLite's own backup."""
    folder = invocation.workspace.root / "backup"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"casework-{moment:%Y%m%dT%H%M%S}.db"
    with closing(sqlite3.connect(str(make_url(url).database))) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    path.chmod(0o600)
    return path
