"""How files are left behind: written beside, then renamed, so that a kill at any moment leaves the old or the new.

One writer at a time: `writer_lock` is taken by every verb that changes the workspace. `current` is a small text
file that names the newest of its siblings; it is replaced last.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from charter.errors import DataError
from charter.machine.private_files import close_folder

__all__ = [
    "content_id",
    "exchange_paths",
    "file_digest",
    "find_current",
    "folder_digest",
    "hold_open",
    "new_file",
    "new_folder",
    "read_json",
    "renew_folder",
    "require_unused",
    "set_current",
    "write_json",
    "write_text",
    "writer_lock",
]

_BESIDE = ".new-"
_SERVING = ".serving"


def file_digest(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """Return one sha256 over the relative names and digests of all files below `folder`, in name order."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\0{file_digest(path)}\n".encode())
    return total.hexdigest()


def content_id(value: Any) -> str:
    """Return the id of a JSON-serialisable value: the first 16 hexadecimal digits of its canonical form's sha256."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; on success sync it and rename it over `path`, on failure remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_BESIDE, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        _sync_file(beside)
        beside.chmod(0o600)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a folder beside `path` to fill; on success rename it to `path`, on failure remove it.

    Folders are named by their content, so one that is already there is the same and is kept.
    """
    with _filled_beside(path) as beside:
        yield beside
        _sync_files(beside)
        if not path.exists():
            beside.rename(path)


@contextmanager
def renew_folder(path: Path) -> Iterator[Path]:
    """Give a folder beside `path` to fill; on success it takes the place of `path` in one step, on failure it goes."""
    with _filled_beside(path) as beside:
        yield beside
        _sync_files(beside)
        if path.exists():
            exchange_paths(beside, path)
        else:
            beside.rename(path)


@contextmanager
def _filled_beside(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=_BESIDE, dir=path.parent))
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def exchange_paths(new: Path, old: Path) -> None:
    """Swap two files, links or folders in one step of the kernel (renameat2 with RENAME_EXCHANGE).

    What was `old` is then `new`. Raises DataError where the file system can't.
    """
    here, exchange = -100, 2
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(here, os.fsencode(new), here, os.fsencode(old), exchange) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise DataError(
            f"the new {old.name}/ could not take the place of the old one: {reason}.",
            f"Move {old.name}/ away and run this again.",
        )


def _sync_files(folder: Path) -> None:
    for child in folder.rglob("*"):
        if child.is_file():
            _sync_file(child)


def _sync_file(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, all or nothing."""
    with new_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as readable JSON with sorted keys, all or nothing."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; raise DataError if it is missing or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path.name} is missing from {path.parent.name}/.", "Run the step that leaves it.") from None
    except ValueError as error:
        raise DataError(f"{path.name} in {path.parent.name}/ is not JSON: {error}.", "Make it again.") from None


def set_current(folder: Path, name: str) -> None:
    """Make `folder/current` name its child `name`."""
    write_text(folder / "current", name + "\n")


def find_current(folder: Path) -> Path | None:
    """Return the child that `folder/current` names, or None where there is none yet."""
    pointer = folder / "current"
    if not pointer.exists():
        return None
    return folder / pointer.read_text(encoding="utf-8").strip()


@contextmanager
def hold_open(root: Path) -> Iterator[None]:
    """Let everybody know, while the block lasts, that a service uses the workspace; any number may."""
    with (root / _SERVING).open("a", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


@contextmanager
def require_unused(root: Path) -> Iterator[None]:
    """Keep services from beginning to use the workspace; raise DataError where one does."""
    with (root / _SERVING).open("a", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"a service is using {root.name}/.", "Stop serving, then run this again.") from None
        yield


@contextmanager
def writer_lock(root: Path) -> Iterator[None]:
    """Hold the workspace's one writer lock; raise DataError at once if another process has it.

    The lock is the kernel's, so a killed writer leaves none behind. What a killed writer left beside is removed here.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    close_folder(root)
    with (root / ".writer").open("w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"another command is writing to {root.name}/.", "Wait until it ends, then run this again."
            ) from None
        for remains in root.rglob(f"{_BESIDE}*"):
            if remains.is_dir():
                shutil.rmtree(remains, ignore_errors=True)
            else:
                remains.unlink(missing_ok=True)
        yield
