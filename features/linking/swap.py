"""A folder that is replaced whole: its name is a link to the newest of its versions, moved in one step.

A copy made by a tool that follows links has a folder under the link's name, and the version beside it: both go.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from charter.contracts.files import exchange_paths

__all__ = ["swap_folder"]


def swap_folder(path: Path, version: str) -> None:
    """Make `path` stand for its sibling folder `version`, then remove the versions it stood for before.

    The link is made beside and renamed over the old one, so that a reader always finds one whole version.
    """
    beside = path.with_name(f".new-{path.name}")
    beside.unlink(missing_ok=True)
    beside.symlink_to(version)
    if path.is_dir() and not path.is_symlink():
        exchange_paths(beside, path)
        shutil.rmtree(beside)
    else:
        beside.replace(path)
    for old in path.parent.glob(f"{path.name}-*"):
        if old.name != version:
            shutil.rmtree(old)
