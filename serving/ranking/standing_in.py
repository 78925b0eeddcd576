"""The words of a bundle that stands in for one that cannot be read (model_in_use.py). Light, so that pages read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charter.contracts.files import find_current, read_json, write_text
from charter.contracts.workspace import Workspace
from charter.errors import DataError

__all__ = ["NO_LIKELIHOOD", "STANDS_IN_FOR", "find_stand_in_folder", "list_models", "point_to", "say_standing_in"]

_POINTER = "stand_in"

STANDS_IN_FOR = "stands_in_for"
"""The key of a manifest that names the bundle for which this one stands in."""

NO_LIKELIHOOD = (
    "How likely is not said",
    "A points list stood in for the model on that day. Its place rests on the points; no likelihood is given.",
)


def point_to(workspace: Workspace, name: str) -> None:
    """Name the bundle that stands in for the current one; '' for none."""
    pointer = workspace.bundle / _POINTER
    if name:
        write_text(pointer, f"{name}\n")
    else:
        pointer.unlink(missing_ok=True)


def find_stand_in_folder(workspace: Workspace) -> Path | None:
    """Return the folder of the bundle that says that it stands in for the current one; None where none does."""
    pointer, current = workspace.bundle / _POINTER, find_current(workspace.bundle)
    if current is None or not pointer.exists():
        return None
    folder = workspace.bundle / pointer.read_text(encoding="utf-8").strip()
    try:
        manifest = read_json(folder / "manifest.json")
    except DataError:
        return None
    return folder if manifest.get(STANDS_IN_FOR) == current.name else None


def list_models(manifest: Mapping[str, Any]) -> list[str]:
    """Return every id under which a bundle may have been stopped: its own, its release's, and that it stands in for."""
    return [str(manifest[name]) for name in ("id", "release", STANDS_IN_FOR) if name in manifest]


def say_standing_in(manifest: Mapping[str, Any]) -> str:
    """Say that a bundle's list was made by what stands in; empty for any other."""
    if STANDS_IN_FOR not in manifest:
        return ""
    return (
        "The model could not be read, so the points list that was signed to stand in made this list. It adds up whole"
        " points and says no likelihood."
    )
