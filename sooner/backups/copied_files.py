"""A folder copied file by file into one that holds no links, and laid out again as it was.

    store/2026-11-02/tables -> tables-3f9c      a link to the newest of its versions
    tables/                                     in the copy: that version's files, under the link's name

so that a tool which follows links, or drops them, changes nothing of a copy. SQLite databases are copied by SQLite's
own online backup, whoever writes meanwhile; a log of lines ends with its last whole one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from charter.contracts.files import file_digest
from serving.store.database_copy import copy_sqlite

__all__ = ["copy_folder", "copy_lines", "digest_files", "lay_out_folder", "place_file"]

_SQLITE = b"SQLite format 3\0"
_BESIDE = (".new-", ".writer", ".serving", "__pycache__")
_COMPANIONS = ("-wal", "-shm", "-journal")


def copy_folder(source: Path, copy: Path, skip: Callable[[str], bool] = lambda _: False) -> dict[str, str]:
    """Copy what is under `source`; return the links that were followed, by their names, with what they named.

    `skip` is asked of each name, relative to `source`. What another process removes meanwhile is left out.
    """
    links: dict[str, str] = {}
    for path in _walk(source, source, skip, links):
        place = copy / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            place_file(path, place)
        except FileNotFoundError:
            place.unlink(missing_ok=True)
    return links


def _walk(folder: Path, root: Path, skip: Callable[[str], bool], links: dict[str, str]) -> Iterator[Path]:
    """Give the files under a folder; of a linked folder those of what it links to, under the link's name."""
    entries = sorted(folder.iterdir())
    versions = {str(path.readlink()) for path in entries if path.is_symlink()}
    for path in entries:
        name = path.relative_to(root).as_posix()
        if path.name.startswith(_BESIDE) or path.name in versions or skip(name):
            continue
        if path.is_symlink() and path.is_dir():
            links[name] = str(path.readlink())
            yield from (child for child in sorted(path.rglob("*")) if child.is_file())
        elif path.is_dir():
            yield from _walk(path, root, skip, links)
        elif path.is_file() and not _accompanies(path):
            yield path


def _accompanies(path: Path) -> bool:
    """Whether a file is what SQLite keeps beside a database: its own backup has taken that in."""
    return any(path.name.endswith(end) and path.with_name(path.name.removesuffix(end)).exists() for end in _COMPANIONS)


def place_file(path: Path, place: Path) -> None:
    """Copy one file; its owner's alone."""
    with path.open("rb") as handle:
        sqlite = handle.read(len(_SQLITE)) == _SQLITE
    if sqlite:
        copy_sqlite(path, place)
    elif path.suffix == ".jsonl":
        copy_lines(path, place)
    else:
        shutil.copyfile(path, place)
    place.chmod(0o600)


def copy_lines(path: Path, place: Path) -> None:
    """Copy the whole lines of a file that others add to."""
    with path.open("rb") as lines:
        text = lines.read()
    place.touch(mode=0o600)
    place.write_bytes(text[: text.rfind(b"\n") + 1])


def lay_out_folder(copy: Path, place: Path, links: Mapping[str, str]) -> None:
    """Put a copied folder's files where they belong, with the links that it had."""
    shutil.copytree(copy, place, dirs_exist_ok=True)
    for name, version in links.items():
        link = place / name
        link.rename(link.with_name(version))
        link.symlink_to(version)


def digest_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file under a folder, by its relative name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
