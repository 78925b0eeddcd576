"""Whether what was made stands: all that it was made from, and its own files, are as they were.

    made     FILE: `inputs` and `made`, the digest of each thing by its name, and `said`, what was said of it
    again    the same inputs, and the files as they were left: what was said; otherwise it is made anew

For verbs that would do again what they did: each says in a module of its own what it is made from (0280).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter.contracts.files import content_id, file_digest, folder_digest, read_json, write_json
from charter.errors import DataError

if TYPE_CHECKING:
    from charter.invocation import Invocation

__all__ = ["digest_path", "digest_settings", "digest_versions", "keep_standing", "read_standing"]


def digest_path(path: Path | None) -> str:
    """Return the digest of a file, or of all files of a folder; empty where there is none."""
    if path is None or not path.exists():
        return ""
    return folder_digest(path) if path.is_dir() else file_digest(path)


def digest_settings(invocation: Invocation) -> dict[str, str]:
    """Return the digest of each file of the council's folder that decides anything, by its name.

    Of what the verb has read already, the digest of the bytes that it read: the file may be another by now.
    """
    folder = invocation.council.folder
    digests = {file.path: file.sha256 for file in invocation.files_read}
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix in (".toml", ".py") and path.is_file())
    return {f"council/{path.relative_to(folder).as_posix()}": digests.get(path) or file_digest(path) for path in paths}


def digest_versions(libraries: Sequence[str]) -> str:
    """Return one digest of the versions of libraries."""
    return content_id({name: version(name) for name in libraries})


def keep_standing(file: Path, inputs: Mapping[str, str], made: Sequence[str], said: Any = None) -> None:
    """Write what was made from what; `made` are the names of files and folders beside `file`."""
    write_json(file, {"inputs": inputs, "made": _digest_made(file, made), "said": said})


def read_standing(file: Path, inputs: Mapping[str, str]) -> Any:
    """Return what was said of what stands, True where nothing was; None where it does not stand.

    A file that cannot be read tells nothing, so what it was beside is made anew, and the file with it.
    """
    try:
        before = read_json(file)
        stands = before["inputs"] == inputs and before["made"] == _digest_made(file, before["made"])
    except (DataError, KeyError, TypeError):
        return None
    if not stands:
        return None
    return True if before.get("said") is None else before["said"]


def _digest_made(file: Path, names: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    return {name: digest_path(file.parent / name) for name in names}
