"""What is wrong with the service itself, in words: whose fault it is, what was saved, and what to do meanwhile.

    what failed   the database, the disk, the vault, the key, the bundle          -> a Fault, by `find_fault`
    what is asked of a service that is ready                                      -> `list_faults`, for /readyz

A fault of ours is answered with 503 and never as if the request had been wrong; what it is follows from the error, and
no word of the error itself is shown.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import DataError as RefusedValueError
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as BusyError

from charter.contracts.files import find_current
from charter.errors import SoonerError
from charter.invocation import Invocation
from charter.machine.disk import is_full
from charter.vault.anchors import Anchors
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from charter.vault.vault import VaultError
from serving.access.provider import UnreachableProviderError
from serving.desk import Desk, FaultError
from serving.store.saving import NOTHING, SAVED, GivenUpError, Saving

__all__ = ["FAULTS", "FAULT_ERRORS", "Fault", "find_fault", "list_faults", "load_right_key", "say_what_was_saved"]

LEAST_ROOM = 100 * 1024 * 1024
"""Bytes that must be free where the workspace is: a day's log, decisions and export take a hundredth of it."""
_SLOW_CLOCK = timedelta(minutes=5)


@dataclass(frozen=True)
class Fault:
    """A fault of the service's: its word at /readyz, what a page says, and what mends it."""

    id: str
    message: str
    mends: str

    @property
    def status(self) -> int:
        """The HTTP status: 503 where it passes once it is mended, 504 where it took too long, else 500."""
        return {"other": 500, "slow": 504}.get(self.id, 503)


FAULTS: Mapping[str, Fault] = {
    fault.id: fault
    for fault in (
        Fault("database", "The casework database does not answer.", "It comes back by itself once the database runs."),
        Fault("read_only", "The casework database can’t be written.", "Make it writable; nothing need be restarted."),
        Fault("damaged", "The casework database is damaged.", "Stop serving and bring it back from its backup."),
        Fault("busy", "Too many acts wait for the casework database.", "It comes back by itself."),
        Fault("disk", "There is no room left on the server’s disk.", "Make room; nothing need be restarted."),
        Fault("vault", "The vault, which says who people are, is not there or can’t be read.",
              "Bring it back from its backup; nothing need be restarted."),
        Fault("key", "The service has another key than its data was sealed with, or none.",
              "Give it the right key; nothing need be restarted."),
        Fault("bundle", "No model is there to serve.", "Bring the bundle back, or `sooner promote`."),
        Fault("clock", "The server’s clock is behind what it has recorded already.", "Set the clock."),
        Fault("slow", "The answer took too long.", "It comes back by itself once there is less to do."),
        Fault("sign_in", "The council’s sign-in does not answer.", "It comes back by itself once it does."),
        Fault("full_house", "Too many ask at once.", "It comes back by itself."),
        Fault("other", "Something went wrong in the service.", "The service’s log says what."),
    )
}  # fmt: skip
"""Every fault that is told apart. Their words hold nothing of a request or a row."""

FAULT_ERRORS = (FaultError, VaultError, GivenUpError, UnreachableProviderError)
"""Those of our own errors that are no fault of whoever asks."""

_DAMAGED = ("malformed", "not a database", "file is encrypted")
_READ_ONLY = ("readonly", "read-only", "read only")


def find_fault(error: BaseException) -> Fault:
    """Return which fault of ours an error means."""
    if isinstance(error, FaultError):
        return FAULTS[error.fault]
    if isinstance(error, UnreachableProviderError):
        return FAULTS["sign_in"]
    if isinstance(error, VaultError):
        return FAULTS["disk" if is_full(error) else "vault"]
    if isinstance(error, GivenUpError):
        return FAULTS["slow"]
    if isinstance(error, SQLAlchemyError | sqlite3.Error):
        return FAULTS[_name_database_fault(error)]
    return FAULTS["disk" if is_full(error) else "other"]


def _name_database_fault(error: SQLAlchemyError | sqlite3.Error) -> str:
    text = str(getattr(error, "orig", None) or error).lower()
    if any(words in text for words in _DAMAGED):
        return "damaged"
    if is_full(error):
        return "disk"
    if any(words in text for words in _READ_ONLY):
        return "read_only"
    if isinstance(error, BusyError) or "locked" in text:
        return "busy"
    ours = isinstance(error, IntegrityError | ProgrammingError | RefusedValueError)
    return "database" if isinstance(error, DBAPIError | sqlite3.Error) and not ours else "other"


def say_what_was_saved(saving: Saving | None) -> str:
    """Say in a sentence what became of a form or a call that met a fault."""
    state = saving.give_up() if saving else NOTHING
    if state == NOTHING:
        return "Nothing was saved."
    if state == SAVED:
        return "What you sent was saved, or part of it: look before you send it again."
    return "It may have been saved: look before you send it again."


def list_faults(desk: Desk) -> tuple[str, ...]:
    """Return the ids of what a request would miss now: none where the service is ready. For a probe, without a word."""
    asked: tuple[tuple[str, Callable[[Desk], bool]], ...] = (
        ("bundle", _has_bundle),
        ("database", lambda desk: desk.store.can_be_written()),
        ("disk", lambda desk: shutil.disk_usage(desk.invocation.workspace.root).free >= LEAST_ROOM),
        ("vault", _has_vault),
        ("key", _has_key),
        ("clock", _is_on_time),
    )
    return tuple(name for name, holds in asked if not _holds(desk, holds))


def _holds(desk: Desk, holds: Callable[[Desk], bool]) -> bool:
    with suppress(SoonerError, SQLAlchemyError, sqlite3.Error, OSError):
        return holds(desk)
    return False


def _has_bundle(desk: Desk) -> bool:
    folder = find_current(desk.invocation.workspace.bundle)
    return folder is not None and all((folder / name).exists() for name in ("manifest.json", "model.lgb"))


def _has_vault(desk: Desk) -> bool:
    return desk.vault is None or desk.vault.snapshots() is not None


def _has_key(desk: Desk) -> bool:
    return load_right_key(desk.invocation).id == desk.key.id


def load_right_key(invocation: Invocation) -> Key:
    """Return the council's key; raise FaultError for another than the last anchor of the log was signed with."""
    key = Key.load(invocation.council, invocation.workspace)
    signer = key.derive(LOG_PURPOSE)
    last = Anchors.of(invocation.workspace, signer).last()
    if last is not None and last.signature != last.sign(signer):
        raise FaultError("key")
    return key


def _is_on_time(desk: Desk) -> bool:
    last = desk.anchors.last()
    return last is None or datetime.fromisoformat(last.at) <= datetime.now(UTC) + _SLOW_CLOCK
