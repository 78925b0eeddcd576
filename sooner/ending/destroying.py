"""What goes from a workspace when a programme is closed, or all of it, and what stays.

    one programme    rows about households and what was made of them: PER_PROGRAMME, the lots of its trials
    everything       besides these the snapshots, the vault's people, deliveries, MLflow: all but KEPT

What a programme decided and told the public stays: it is how anybody can ask later what was done.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from charter.contracts.workspace import Workspace
from charter.vault.key import Key
from charter.vault.vault import Vault

__all__ = ["KEPT", "PER_PROGRAMME", "Amount", "count_paths", "destroy_paths", "empty_vault", "find_paths"]

PER_PROGRAMME = ("matrix", "scores", "search", "release", "bundle", "live", "worklist", "known", "start", "letters")
"""Folders with a folder of each programme: rows about households, models made of them, lists."""

KEPT: Mapping[str, str] = {
    "log.jsonl": "the log of typed commands: who did what, in pseudonyms and counts",
    "casework.db": "the log of the casework service; every case, list and form is gone from it",
    "rights.jsonl": "the rights ledger: what residents asked, in pseudonyms: it holds for whatever is found later",
    "signoffs.toml": "sign-offs of a demonstration's charter",
    "audit": "findings, decisions and sign-offs: counts and digests, of nobody in particular",
    "trials": "how trials were registered and what they found; who took part is gone",
    "value": "what lists cost for what they reach: counts",
    "exchange": "what other councils were told of lists, and told us: counts",
    "published": "what was published",
    "site": "the pages that residents read",
    "retention": "certificates of retention",
    "suspended": "who stopped lists, and why",
    "closed": "who closed it and why, and this certificate",
    "council": "a demonstration's council folder",
    "vault": "the vault's own keys, by which the log is proved; nobody's name is left in it",
    "backup_taken.json": "when the last backup was taken",
    "made_up.json": "that a demonstration's data was made up",
}
"""What stays of a workspace when everything is closed, and why."""


@dataclass(frozen=True)
class Amount:
    """How much of something goes: files and bytes."""

    files: int
    bytes: int


def find_paths(workspace: Workspace, programmes: tuple[str, ...], *, everything: bool) -> Mapping[str, list[Path]]:
    """Return what goes, by what it is called: of these programmes, or all that is not KEPT with `everything`."""
    paths: dict[str, list[Path]] = {}
    root = workspace.root
    for programme in programmes:
        for name in PER_PROGRAMME:
            if (root / name / programme).exists():
                paths.setdefault(name, []).append(root / name / programme)
        lots = sorted(path for name in ("lots", "turns") for path in (root / "trials" / programme).glob(f"*/{name}"))
        if lots:
            paths.setdefault("lots of trials", []).extend(lots)
    if everything:
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            if not _is_kept(path.name):
                paths[path.name] = [path]
    return paths


def count_paths(paths: Mapping[str, list[Path]]) -> dict[str, Amount]:
    """Return how much each is."""
    return {name: _measure(each) for name, each in paths.items()}


def destroy_paths(paths: Mapping[str, list[Path]]) -> None:
    """Remove them; what is gone already is passed over."""
    for each in paths.values():
        for path in each:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def empty_vault(workspace: Workspace, key: Key) -> int:
    """Forget everybody in the vault; return how many people that were, 0 where there is no vault."""
    return Vault.open(workspace.vault, key).empty() if workspace.vault.exists() else 0


def _is_kept(name: str) -> bool:
    is_log = name.startswith("log.") and name.endswith((".jsonl", ".torn"))
    return name in KEPT or is_log or name.startswith((".writer", ".serving", "casework.db"))


def _measure(paths: list[Path]) -> Amount:
    files = [file for path in paths for file in _walk(path)]
    return Amount(len(files), sum(file.lstat().st_size for file in files))


def _walk(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        yield from (child for child in path.rglob("*") if not child.is_dir() or child.is_symlink())
    else:
        yield path
