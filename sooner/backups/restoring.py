"""A backup restored, all of it or some parts, so that it brings nobody back and nothing goes unsaid.

    before anything is changed   manifest and files are whole, the key is the one it needs, nobody serves, the database
                                 is empty, and the ledger of what residents asked is newer than the copy
    beside                       the whole workspace, its parts from the backup or from what is there
    announced                    an anchor: who, when, why, from which backup, which acts and parts go with it
    in one step                  the workspace takes the place of the old one, which is kept beside; a database
                                 elsewhere is filled in one transaction
    replayed                     retention, erasures and objections since the backup's moment

Killed before the one step, nothing is restored; after it, nothing is built, ranked or served until `sooner replay`.
What is outside (ledger, anchors) is never replaced by what is older.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from charter.acts import COMMAND
from charter.contracts.files import exchange_paths, file_digest, new_file, require_unused, writer_lock
from charter.contracts.workspace import Workspace
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation
from charter.signing.closures import ALL
from charter.vault.anchors import Anchors, Line, Restored, anchors_file
from charter.vault.command_log import LOG_PURPOSE, CommandLog
from charter.vault.key import Key
from charter.vault.rights_ledger import ledger_file, outside_ledger_file, read_copies, write_copies
from serving.identity import identify_command
from serving.store.database_copy import fill_database, require_empty
from serving.store.place import find_database_url
from sooner.backups.copied_files import copy_lines, lay_out_folder
from sooner.backups.lost_acts import count_lost_acts, find_lost_entries, find_lost_parts
from sooner.backups.manifest import NAME, Manifest, find_backup, load_key, verify_part
from sooner.backups.taking import choose_parts, skip_other_parts
from sooner.erasure import Replayed, replay_everything

__all__ = ["Restoration", "restore_backup"]


@dataclass(frozen=True)
class Restoration:
    """What was restored: the backup, its parts, what went with it, what was replayed, and where the old is kept."""

    backup: Path
    manifest: Manifest
    which: tuple[str, ...]
    lost: Mapping[str, tuple[int, int]]
    acts: Mapping[str, int]
    kept: Path | None
    replayed: Replayed | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Plan:
    """All that a restore was found to need, before anything is changed."""

    backup: Path
    manifest: Manifest
    which: tuple[str, ...]
    key: Key
    anchors: Anchors
    anchors_from: Path | None
    url: str

    @property
    def fills_database(self) -> bool:
        """Whether the database is elsewhere than in the workspace."""
        return "database" in self.which and bool(self.url)

    def folder(self, part: str) -> Path:
        """Return where a part lies in the backup."""
        return self.backup / part


def restore_backup(
    invocation: Invocation, folder: Path, why: str, wanted: Collection[str] = (), *, accept_ledger: bool = False
) -> Restoration:
    """Restore a backup, or parts of it, into the workspace. The workspace's writer lock is the caller's.

    `accept_ledger`: that the backup's own copy is all there is of what residents asked. Raises UsageError without a
    reason, DataError for a backup that is not whole or a database that is not empty, CharterError for another key or
    where nobody can say what residents asked since.
    """
    if not why.strip():
        raise UsageError("a restore needs its reason: it is in the log for ever.", "Add --why 'the disk failed'.")
    workspace = invocation.workspace
    plan = _plan(invocation, find_backup(folder), choose_parts(wanted), named=bool(wanted))
    with ExitStack() as stack:
        stack.enter_context(require_unused(workspace.root))
        _merge_ledgers(workspace, plan, accept=accept_ledger)
        _bring_anchors(workspace, plan)
        beside = workspace.root.with_name(f".new-{workspace.root.name}-{os.getpid()}")
        stack.callback(shutil.rmtree, beside, ignore_errors=True)
        linked = _assemble(workspace.root, beside, plan)
        stack.enter_context(writer_lock(beside))
        lost, acts = _announce(workspace, Workspace(beside, workspace.programme), plan, why)
        if plan.fills_database:
            fill_database(plan.folder("database") / "casework.db", plan.url)
        kept = _take_place(workspace.root, beside, linked)
        notes = _restore_council(invocation, plan)
        fresh = Invocation.open(
            invocation.council.folder if invocation.named else None, invocation.programme, workspace.root, quiet=True
        )
        _log_restore(fresh, plan, why, lost, acts)
        replayed = replay_everything(fresh)
    return Restoration(plan.backup, plan.manifest, plan.which, lost, acts, kept, replayed, notes)


def _plan(invocation: Invocation, backup: Path, wanted: tuple[str, ...], *, named: bool) -> _Plan:
    """Look at everything that could refuse a restore; change nothing."""
    workspace = invocation.workspace
    manifest = Manifest.read(backup)
    if named and (absent := [name for name in wanted if name not in manifest.parts]):
        raise UsageError(f"the backup has no part {absent[0]}.", f"It has: {', '.join(manifest.parts)}.")
    which = tuple(name for name in wanted if name in manifest.parts)
    from_backup = "vault" in which or not workspace.vault.exists()
    vault = Workspace(backup, workspace.programme) if from_backup else workspace
    key = load_key(manifest, invocation.council, vault)
    for name in which:
        verify_part(backup, name, manifest.parts[name])
    url = find_database_url(workspace) if "SOONER_DATABASE" in os.environ else ""
    if "database" in which and url:
        require_empty(url)
    path = anchors_file(workspace)
    copies = [path, Path(manifest.anchors), backup / "anchors" / "anchors.jsonl"]
    newest = next((copy for copy in copies if copy.exists() and copy.stat().st_size), None)
    sealing = key.derive(LOG_PURPOSE)
    if newest is not None:
        lines, faults = Anchors(newest, sealing).read()
        if faults:
            raise DataError(
                f"the anchors that are here can't be gone on with: {faults[0]}.", "Name others in $SOONER_ANCHORS."
            )
        _require_not_closed_since(lines, manifest, which)
    return _Plan(backup, manifest, which, key, Anchors(path, sealing), newest if newest != path else None, url)


def _require_not_closed_since(lines: Sequence[Line], manifest: Manifest, which: Collection[str]) -> None:
    """Raise CharterError where something was closed after the copy was made: what was destroyed does not come back."""
    if not {"workspace", "vault", "database"} & set(which):
        return
    moment = datetime.fromisoformat(manifest.taken_at)
    closed = [line for line in lines if line.closed and datetime.fromisoformat(line.at) > moment]
    for line in closed[:1]:
        target = line.closed.target if line.closed else ""
        what = "everything" if target == ALL else target
        raise CharterError(
            f"{what} was closed on {line.at[:10]}, after this backup was made: what was destroyed does not come back.",
            "Restore a backup from after that day, and remove this one.",
        )


def _merge_ledgers(workspace: Workspace, plan: _Plan, *, accept: bool) -> None:
    """Let both copies of the ledger hold all that any copy does; refuse where none is newer than the backup's."""
    outside = [outside_ledger_file(workspace), Path(plan.manifest.ledger)]
    newer = [path for path in outside if path.exists()]
    copies = [ledger_file(workspace), *newer, *sorted(plan.folder("ledger").glob("*.jsonl"))]
    requests = read_copies(copies)
    knows_since = bool(newer) or plan.anchors_from != plan.folder("anchors") / "anchors.jsonl"
    if not accept and (not knows_since or len(requests) < max(_count_anchored(plan), plan.manifest.requests)):
        raise CharterError(
            f"nobody can say what residents asked since {plan.manifest.taken_at}: the ledger that is kept outside the "
            "workspace is not here.",
            f"Name it in $SOONER_RIGHTS; it was kept in {plan.manifest.ledger}. Where it is lost, tell the data "
            "protection officer and add --accept-ledger: who objected since the backup comes back.",
        )
    write_copies(workspace, requests)


def _count_anchored(plan: _Plan) -> int:
    """Return how many requests the anchors say that there were."""
    anchors = Anchors(plan.anchors_from or plan.anchors.path, plan.anchors.key)
    return max((int(part.partition(":")[2]) for part in anchors.parts() if part.startswith("ledger:")), default=0)


def _bring_anchors(workspace: Workspace, plan: _Plan) -> None:
    """Go on with the newest anchors there are, at the place where this workspace's are."""
    if plan.anchors_from is not None:
        with new_file(anchors_file(workspace)) as beside:
            copy_lines(plan.anchors_from, beside)


def _assemble(root: Path, beside: Path, plan: _Plan) -> frozenset[str]:
    """Make the whole workspace beside: what is restored from the backup, all else linked from what is there.

    Returns the names that are linked.
    """
    for remains in root.parent.glob(f".new-{root.name}-*"):
        shutil.rmtree(remains, ignore_errors=True)
    beside.mkdir(mode=0o700)
    if "workspace" in plan.which:
        lay_out_folder(plan.folder("workspace"), beside, plan.manifest.parts["workspace"].links)
    if "vault" in plan.which:
        shutil.copytree(plan.folder("vault"), beside / "vault")
    if "database" in plan.which and not plan.fills_database:
        shutil.copy2(plan.folder("database") / "casework.db", beside / "casework.db")
    linked = frozenset(path.name for path in root.iterdir() if not _is_replaced(path.name, plan))
    for name in sorted(linked):
        _link(root / name, beside / name)
    return linked


def _is_replaced(name: str, plan: _Plan) -> bool:
    """Whether something in the workspace's folder is of a part that is restored, or of nobody."""
    if name.startswith((".new-", ".writer", ".serving")):
        return True
    if name == "vault":
        return "vault" in plan.which
    if name.startswith("casework.db"):
        return "database" in plan.which and not plan.fills_database
    return "workspace" in plan.which and not skip_other_parts(name)


def _link(path: Path, place: Path) -> None:
    """Let a file, or all files of a folder, be at another place too, without copying a byte."""
    if path.is_dir():
        shutil.copytree(path, place, symlinks=True, copy_function=os.link)
    else:
        os.link(path, place)


def _announce(
    workspace: Workspace, assembled: Workspace, plan: _Plan, why: str
) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Say in an anchor what is about to be restored, and what goes with it; return the entries and acts that do."""
    copy = plan.folder("database") / "casework.db" if "database" in plan.which else None
    lost = find_lost_entries(plan.anchors, plan.which, assembled.log, copy)
    parts = find_lost_parts(plan.anchors, assembled)
    acts = count_lost_acts(workspace, lost)
    who = identify_command()
    manifest = file_digest(plan.backup / NAME)
    restored = Restored(who.user, COMMAND, why, manifest, plan.manifest.taken_at, plan.which, lost, parts)
    if plan.anchors.begun:
        plan.anchors.add({}, restored=restored)
    return lost, acts


def _take_place(root: Path, beside: Path, linked: Collection[str]) -> Path | None:
    """Put the assembled workspace in the place of the old one; return where that is kept, None where it was empty."""
    exchange_paths(beside, root)
    for name in linked:
        # It is in the new workspace: kept here too, it would change with it.
        path = beside / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if all(path.name.startswith(".") for path in beside.iterdir()):
        return None
    kept = _name_kept(root)
    beside.rename(kept)
    return kept


def _name_kept(root: Path) -> Path:
    """Return a name that nothing has: a restore that was killed may have kept another workspace in the same second."""
    name = f"{root.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}Z"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(path for path in map(root.with_name, names) if not path.exists())


def _restore_council(invocation: Invocation, plan: _Plan) -> tuple[str, ...]:
    """Bring the council's folder where there is none of it; say which files are there already, and others."""
    if "signoffs" not in plan.which:
        return ()
    folder = invocation.council.folder
    notes = []
    for name, digest in plan.manifest.parts["signoffs"].files.items():
        place = folder / name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            with new_file(place) as beside:
                shutil.copyfile(plan.folder("signoffs") / name, beside)
        elif file_digest(place) != digest:
            notes.append(f"{name} of the council's folder is another than the backup's, and was left as it is")
    return tuple(notes)


def _log_restore(
    invocation: Invocation, plan: _Plan, why: str, lost: Mapping[str, tuple[int, int]], acts: Mapping[str, int]
) -> None:
    detail = {
        "reason": why,
        "parts": list(plan.which),
        "backup": plan.manifest.taken_at,
        "manifest": file_digest(plan.backup / NAME),
        "lost": {chain: list(ends) for chain, ends in lost.items()},
        "acts": dict(acts),
    }
    log = CommandLog.open(invocation.council, invocation.workspace)
    log.append(actor=identify_command().user, role=COMMAND, action="restored", detail=detail)
