"""Which code made a result: the commit of a checkout, or the version and digest of what was installed.

    checkout     1a2b3c4d... (40 digits), with `-dirty` where a room's files differ from that commit
    installed    0.2.0+wheel.5e6f7a8b9c0d1e2f, with `-dirty` where a file is not the one that the wheel brought

`digest_code` is of the files themselves, so that a result made by other code has another id, committed or not. A
council's own folder is no code: it has digests of its own.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

__all__ = ["DIRTY", "describe_code", "describe_installation", "digest_code", "is_edited"]

ROOMS = ("charter", "features", "training", "fairness_reports", "serving", "borough", "sooner")
DIRTY = "-dirty"
UNKNOWN = "unknown"

_ROOT = Path(__file__).resolve().parents[2]
_KINDS = (".py", ".json", ".toml", ".sql", ".html")


def describe_code(root: Path = _ROOT) -> str:
    """Return the commit, or the version and wheel, of the code under `root`; `unknown` where neither can be told."""
    if (root / ".git").exists():
        return _describe_checkout(root)
    installed = next(iter(distributions(name="sooner")), None)
    return describe_installation(installed) if installed else UNKNOWN


def is_edited(code: str) -> bool:
    """Whether a description of code is of files that no commit and no wheel holds, or that nothing is known of."""
    return code.endswith(DIRTY) or code in (UNKNOWN, "none", "")


def digest_code(rooms: Sequence[str], root: Path = _ROOT) -> str:
    """Return one sha256 over all files of these rooms, shelves, schemas and templates included."""
    total = hashlib.sha256()
    for room in sorted(rooms):
        for path in sorted((root / room).rglob("*")):
            if path.suffix in _KINDS and path.is_file():
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                total.update(f"{path.relative_to(root).as_posix()}\0{digest}\n".encode())
    return total.hexdigest()


def describe_installation(installed: Distribution) -> str:
    """Return an installation's version and a digest of its wheel's list of files, as `RECORD` has it.

    An installer adds rows to `RECORD` (scripts, byte-code, its own notes); those of the rooms are the wheel's.
    """
    files = [file for file in installed.files or () if file.hash and _in_a_room(PurePosixPath(file))]
    if not files:  # an editable installation lists none of them
        return UNKNOWN
    listed = "\n".join(sorted(f"{file.as_posix()},{file.hash.value if file.hash else ''}" for file in files))
    name = f"{installed.version}+wheel.{hashlib.sha256(listed.encode()).hexdigest()[:16]}"
    for file in files:
        path = Path(str(installed.locate_file(file)))
        if file.hash and (not path.is_file() or _record_digest(path) != file.hash.value):
            return name + DIRTY
    return name


def _in_a_room(path: PurePosixPath) -> bool:
    return path.parts[0] in ROOMS and path.suffix != ".pyc"


def _record_digest(path: Path) -> str:
    """Return a file's sha256 as `RECORD` writes it: base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def _describe_checkout(root: Path) -> str:
    try:
        commit = _ask_git(root, "rev-parse", "HEAD")
        changed = _ask_git(root, "status", "--porcelain", "--untracked-files=all", "--", *_existing_rooms(root))
    except (OSError, subprocess.CalledProcessError):  # no git here, no commit yet, or a folder that it does not trust
        return UNKNOWN
    return commit + (DIRTY if changed else "")


def _existing_rooms(root: Path) -> list[str]:
    return [room for room in ROOMS if (root / room).is_dir()]


def _ask_git(root: Path, *words: str) -> str:
    asked = ["git", "-C", str(root), *words]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  # no input in it
