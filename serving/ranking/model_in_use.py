"""What serves where the model in use cannot be read: the points list that was signed beside it, as a bundle of its own.

    promote    two bundles of one release: the model's, which `current` names, and the points list's (`stand_in`)
    fault      the model's files are edited, cut short or gone, or it does not score as it did when it was released
    then       lists are made, and rows scored, by the other bundle; its manifest says for which it stands in

Nobody decides that at the time: the board did when it signed. A stop by a gate or a role is no fault, and nothing
stands in for what was stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from charter.contracts.files import file_digest, read_json
from charter.contracts.workspace import Workspace
from charter.errors import DataError, SoonerError
from charter.invocation import Invocation
from serving.ranking.bundle import Bundle, make_manifest, verify_bundle, write_bundle
from serving.ranking.standing_in import STANDS_IN_FOR, find_stand_in_folder, point_to

__all__ = ["find_stand_in", "make_stand_in", "open_in_use"]

_LOG = logging.getLogger("sooner.bundle")


def make_stand_in(
    invocation: Invocation, release_folder: Path, services: Mapping[str, Mapping[str, Any]], for_bundle: str
) -> Path | None:
    """Make the bundle of what the signed release lets stand in, and point to it; None where it lets nothing.

    A points list has no bands: how likely a need is was measured on the model's own lists.
    """
    release = read_json(release_folder / "manifest.json")
    answer, baseline = release.get("stand_in"), release.get("baseline")
    if answer is None or baseline is None:
        point_to(invocation.workspace, "")
        return None
    text = (release_folder / "baseline.lgb").read_bytes()
    if file_digest(release_folder / "baseline.lgb") != baseline["model_sha256"]:
        raise DataError(f"the points list of the release {release['id']} was changed.", "Promote it again.")
    scoring = {
        "model": baseline["model"],
        "model_sha256": baseline["model_sha256"],
        "calibration": baseline["calibration"],
        "bands": [],
        "decision": {key: answer[key] for key in ("decision", "sentence", "waivers")},
    }
    manifest = make_manifest(invocation, release_folder, {**release, **scoring}, services, text)
    manifest[STANDS_IN_FOR] = for_bundle
    folder = write_bundle(invocation.workspace, manifest, text)
    _require_released_margins(Bundle.open(folder), release_folder)
    point_to(invocation.workspace, folder.name)
    return folder


def _require_released_margins(bundle: Bundle, release_folder: Path) -> None:
    """Raise DataError unless the points list gives training's own check rows the margins that training gave them."""
    verify_bundle(bundle)
    with np.load(release_folder / "check.npz", allow_pickle=False) as checked:
        margins = checked.get("baseline_margins")
        if margins is not None and bundle.model.margins(checked["rows"]).tobytes() != margins.tobytes():
            raise DataError(f"the points list {bundle.id} does not score as it did in training.", "Train again.")


def open_in_use(workspace: Workspace) -> Bundle:
    """Open the bundle that serves: the promoted one, or what stands in where that cannot be read.

    Raises DataError where neither can be.
    """
    try:
        bundle = Bundle.current(workspace)
        verify_bundle(bundle)
    except (SoonerError, OSError, ValueError, KeyError) as fault:
        stand_in = find_stand_in(workspace)
        if stand_in is None:
            raise
        _LOG.error("the bundle in use cannot be read, %s stands in: %s", stand_in.id, fault)
        return stand_in
    return bundle


def find_stand_in(workspace: Workspace) -> Bundle | None:
    """Return the bundle that stands in for the current one; None where none does, or it cannot be read either."""
    folder = find_stand_in_folder(workspace)
    if folder is None:
        return None
    try:
        bundle = Bundle.open(folder)
        verify_bundle(bundle)
    except (SoonerError, OSError, ValueError, KeyError):
        return None
    return bundle
