"""Whether the bundle in use is the one that promoting would make now: told without opening any model.

promote    bundle/PROGRAMME/made_from.json: the digests of release, register and code, and of both bundles
again      the same, and the files as they were left: the bundle stands, and nothing is made or tested
"""

from __future__ import annotations

from pathlib import Path

from charter.contracts.files import find_current
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation
from charter.machine.code_version import digest_code
from charter.machine.made_from import digest_path, digest_settings, digest_versions, keep_standing, read_standing
from serving.ranking.standing_in import find_stand_in_folder

__all__ = ["digest_bundle_inputs", "find_standing_bundle", "keep_standing_bundle"]

_FILE = "made_from.json"
_ROOMS = ("charter", "features", "serving")
_LIBRARIES = ("lightgbm", "numpy")


def digest_bundle_inputs(invocation: Invocation, release: Path) -> dict[str, str]:
    """Return the digest of each thing that the bundles of a release's folder are made from, by name."""
    return {
        "release": digest_path(release),
        **digest_settings(invocation),
        "code": digest_code(_ROOMS),
        "versions": digest_versions(_LIBRARIES),
    }


def find_standing_bundle(workspace: Workspace, inputs: dict[str, str]) -> Path | None:
    """Return the folder of the bundle in use where it, and what stands in for it, were made from just `inputs`."""
    current = find_current(workspace.bundle)
    names = read_standing(workspace.bundle / _FILE, inputs)
    return current if current is not None and names == _name_bundles(workspace) else None


def keep_standing_bundle(workspace: Workspace, inputs: dict[str, str]) -> None:
    """Write what the bundle in use, and what stands in for it, were made from."""
    names = _name_bundles(workspace)
    keep_standing(workspace.bundle / _FILE, inputs, [name for name in names if name], names)


def _name_bundles(workspace: Workspace) -> list[str]:
    folders = (find_current(workspace.bundle), find_stand_in_folder(workspace))
    return ["" if folder is None else folder.name for folder in folders]
