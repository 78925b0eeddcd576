"""Packed files opened with a bound: what grows beyond reason when it is unpacked is refused before it fills the memory.

arrears.csv.gz                one file
arrears.zip                   one file in it, whose name says its kind; two are refused, as is a password
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from charter.errors import DataError

__all__ = ["PACKED", "open_unpacked", "refuse_bombs", "unpacked_name"]

PACKED = (".gz", ".zip")

_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
"""How a file of an older Excel begins, and how a workbook that is locked with a password does."""
_ALWAYS = 64 << 20
"""So many bytes may always come out of a packed file."""
_GROWTH = 250
"""Beyond that, how many times its size a packed file may grow: tables grow ten times, regular ones a hundred."""


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than it may."""

    def __init__(self, inner: IO[bytes], where: str, packed: int) -> None:
        self._inner, self._where = inner, where
        self._left = max(_ALWAYS, _GROWTH * packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        try:
            chunk = self._inner.read(len(view))
        # zipfile raises NotImplementedError for a compression method that it does not know: the bytes are damaged, or
        # packed by a tool that nobody here can unpack.
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError):
            raise _not_whole(self._where) from None
        self._left -= len(chunk)
        if self._left < 0:
            raise _too_large(self._where)
        view[: len(chunk)] = chunk
        return len(chunk)


def unpacked_name(path: Path) -> str:
    """Return the name of what a packed file holds, as far as its own name says; that of any other file as it is.

    A zip says by its member what it holds: that is asked of `open_unpacked`.
    """
    return path.name.removesuffix(path.suffix) if path.suffix.lower() == ".gz" else path.name


@contextmanager
def open_unpacked(path: Path, where: str) -> Iterator[tuple[str, BinaryIO]]:
    """Open what a packed file holds, and give its name; raise DataError for a bomb, a broken file, or several."""
    size = path.stat().st_size
    if path.suffix.lower() == ".gz":
        with gzip.open(path) as inner:
            yield unpacked_name(path), _as_binary(_Bounded(cast(IO[bytes], inner), where, size))
        return
    with ExitStack() as stack:
        # Damaged bytes in the directory of an archive: places before its beginning (OSError), and methods of
        # compression or versions that zipfile does not know (NotImplementedError).
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            member = _single_member(archive, where)
            part = stack.enter_context(archive.open(member))
        except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError):
            raise _not_whole(where) from None
        yield Path(member.filename).name, _as_binary(_Bounded(part, where, size))


def _as_binary(stream: io.RawIOBase) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(stream, 1 << 20))


def _single_member(archive: zipfile.ZipFile, where: str) -> zipfile.ZipInfo:
    members = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise DataError(f"{where} holds {len(members)} files.", "Put one file in it, or unpack it.")
    if members[0].flag_bits & 1:
        raise DataError(f"{where} is locked with a password.", "Unpack it where it may lie, or ask for it without.")
    return members[0]


def refuse_bombs(path: Path, where: str) -> None:
    """Raise DataError where the parts of a zipped document (a workbook) grow beyond reason, read to their ends."""
    with path.open("rb") as handle:
        if handle.read(4) == _OLD_OFFICE:
            raise DataError(
                f"{where} is a workbook of an older Excel, or one with a password.",
                "Save it as XLSX, without a password.",
            )
    try:
        with zipfile.ZipFile(path) as archive:
            left = max(_ALWAYS, _GROWTH * path.stat().st_size)
            for info in archive.infolist():
                with archive.open(info) as inner:
                    while chunk := inner.read(1 << 20):
                        left -= len(chunk)
                        if left < 0:
                            raise _too_large(where)
    # RuntimeError: a part with a password. NotImplementedError: a compression method that zipfile does not know.
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError, OSError):
        raise _not_whole(where) from None


def _too_large(where: str) -> DataError:
    return DataError(
        f"{where} grows to more than {_GROWTH} times its size when it is unpacked.",
        "Ask the service what it is; if it is right, unpack it and pull the file itself.",
    )


def _not_whole(where: str) -> DataError:
    return DataError(f"{where} is not a whole packed file.", "Ask for it again.")
