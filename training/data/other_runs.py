"""Where other programmes' released runs left their past lists, and their digests: what `other_lists` reads."""

from __future__ import annotations

from pathlib import Path

from charter.contracts.files import file_digest, find_current, read_json
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation

__all__ = ["WORKED_FILE", "digest_other_lists", "find_other_lists"]

WORKED_FILE = "worked_lists.parquet"


def digest_other_lists(invocation: Invocation) -> dict[str, str]:
    """Return by programme the sha256 of the other programmes' past lists that a replay gives way to."""
    found = find_other_lists(invocation)
    return {
        f"{WORKED_FILE} of {name}": file_digest(path)
        for name, path in sorted(found.items())
        if not isinstance(path, str)
    }


def find_other_lists(invocation: Invocation) -> dict[str, Path | str]:
    """Return where each other programme's released run left its lists, or why it has none."""
    others = [name for name in invocation.council.programmes if name != invocation.programme]
    return {name: _find_file(Workspace(invocation.workspace.root, name)) for name in others}


def _find_file(workspace: Workspace) -> Path | str:
    released = find_current(workspace.release)
    if released is None:
        return "it has no release"
    path = workspace.scores / str(read_json(released / "manifest.json")["run"]) / WORKED_FILE
    return path if path.exists() else "the run of its release left no past lists"
