"""Going to a newer Sooner: what would change, and the change with a backup before it.

casework database   brought to the newest form; SQLite is copied first, PostgreSQL's own tools do that. What an older
                    Sooner filed is adopted: anchored outside, its rows told in the log, notes and records sealed
vault               marks in it what residents asked and every snapshot has honoured: an older Sooner left none
charter, register   read as they are and copied: roles signed those bytes, so no program edits them. What no longer
                    reads is named before anything is changed, and so is a new key that is not stated yet
snapshot            read by its contract
bundle              opened by its contract and self-tested: bundles of the last version still serve; copied
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from charter.contracts import check_document
from charter.contracts.files import find_current, new_folder, read_json
from charter.council.register import Register
from charter.invocation import Invocation
from charter.vault.anchors import Anchors
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from charter.vault.made_up import confirm_snapshot, mark_files
from charter.vault.rights_ledger import adopt_vault
from serving.ranking.bundle import Bundle, verify_bundle
from serving.store.connection import begin_reading, list_forms, migrate_database, open_engine, read_form
from serving.store.place import find_database_url
from serving.store.store import Store

__all__ = ["Step", "plan_upgrade", "run_upgrade"]


KEYED = "0005"
"""The first form of the database in which entries have keyed digests."""


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


def plan_upgrade(invocation: Invocation) -> tuple[Step, ...]:
    """Return what an upgrade would do; nothing is changed.

    Raises what reading the charter, the register or the bundle raises, so that it is said before anything is done.
    """
    now = _read_database_form(invocation)
    policy = invocation.policy
    register = invocation.register
    folder = find_current(invocation.workspace.bundle)
    if folder is not None:
        verify_bundle(Bundle.open(folder))
    snapshot = find_current(invocation.workspace.store)
    if snapshot is not None:
        check_document("snapshot", read_json(snapshot / "manifest.json"))
    was, will = (f"form {now}", f"form {list_forms()[-1]}") if now else ("none yet", "none yet")
    return (
        Step("Casework database", was, will),
        _same("Charter", f"version {policy.version} reads, and stays as it was signed"),
        _same("Register", _register_words(register)),
        _same("Snapshot", f"{snapshot.name} reads" if snapshot else "none yet"),
        _same("Bundle", f"{folder.name} serves" if folder else "none yet"),
    )


def _adopt_made_up(invocation: Invocation) -> None:
    """Mark what an older Sooner's synth made: it left the borough's truth beside the deliveries, as no service does."""
    workspace = invocation.workspace
    if workspace.made_up.exists() or not (workspace.extracts / "truth").is_dir():
        return
    mark_files(workspace.extracts)
    key = Key.load(invocation.council, workspace)
    for manifest in sorted(workspace.store.glob("*/manifest.json")):
        if read_json(manifest).get("synthetic") is True:
            confirm_snapshot(workspace, key, manifest.parent.name)


def _same(what: str, words: str) -> Step:
    return Step(what, words, words)


def _register_words(register: Register) -> str:
    """Say that the register reads, and for how many feeds it does not state yet who is shown details."""
    silent = sum(source.display and not source.details_to for source in register.sources)
    return "reads" + (
        f"; {silent} displayed feeds name no role in details_to, so nobody sees details" if silent else ""
    )


def run_upgrade(invocation: Invocation, now: datetime | None = None) -> Path | None:
    """Bring the database to the newest form; return the folder of copies made before, or None where nothing changes.

    The folder has the database (SQLite), charter, register, sign-offs and the bundle in use.
    """
    adopt_vault(invocation.workspace)
    _adopt_made_up(invocation)
    before = _read_database_form(invocation)
    if before is None or before == list_forms()[-1]:
        return None
    url = find_database_url(invocation.workspace)
    backup = _copy_state(invocation, url, now or datetime.now(UTC))
    engine = open_engine(url)
    migrate_database(engine, older=True)
    if before < KEYED:
        key = Key.load(invocation.council, invocation.workspace).derive(LOG_PURPOSE)
        anchors = Anchors.of(invocation.workspace, key)
        Store(engine, chain="upgrade", key=key, anchors=anchors).adopt(invocation.workspace.log)
    engine.dispose()
    return backup


def _read_database_form(invocation: Invocation) -> str | None:
    url = find_database_url(invocation.workspace)
    if url.startswith("sqlite") and not Path(make_url(url).database or "").exists():
        return None
    engine = open_engine(url)
    try:
        with begin_reading(engine) as connection:
            return read_form(connection)
    finally:
        engine.dispose()


def _copy_state(invocation: Invocation, url: str, moment: datetime) -> Path:
    """Copy what an upgrade rests on; the database as it stands, writers or not, with SQLite's own backup."""
    folder: Path = invocation.workspace.root / "backup" / f"{moment:%Y%m%dT%H%M%S}"
    with new_folder(folder) as beside:
        beside.chmod(0o700)
        for name in ("charter.toml", "register.toml", "signoffs.toml"):
            if (invocation.council.folder / name).exists():
                shutil.copy(invocation.council.folder / name, beside / name)
        bundle = find_current(invocation.workspace.bundle)
        if bundle is not None:
            shutil.copytree(bundle, beside / "bundle" / bundle.name)
        if url.startswith("sqlite"):
            path = beside / "casework.db"
            with closing(sqlite3.connect(str(make_url(url).database))) as now, closing(sqlite3.connect(path)) as copy:
                now.backup(copy)
            path.chmod(0o600)
    return folder
