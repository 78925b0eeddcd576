"""How a service writes its CSV files, guessed for a new council's register; `pull` reads by what that states."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from features.intake.opening.bounded import PACKED, open_unpacked
from features.intake.opening.strict_csv import CsvDialect

__all__ = ["guess_dialect"]

_CHUNK = 1 << 22
_OTHER_ENCODING = "windows-1252"
"""What a file that is not UTF-8 most likely is: a spreadsheet saved on Windows."""

_DELIMITERS = (",", ";", "\t", "|")


def guess_dialect(files: Sequence[Path]) -> CsvDialect:
    """Return the dialect of a service's CSV files: UTF-8 if all are, and what stands most often in their headers."""
    encoding = "utf-8" if all(map(_is_utf8, files)) else _OTHER_ENCODING
    if any(_first_bytes(path) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) for path in files):
        encoding = "utf-16"
    headers = "".join(_first_line(path) for path in files)
    return CsvDialect(encoding, max(_DELIMITERS, key=headers.count))


@contextmanager
def _open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Give what a file holds, unpacked where it is packed."""
    if path.suffix.lower() in PACKED:
        with open_unpacked(path, path.name) as (_, stream):
            yield stream
        return
    with path.open("rb") as handle:
        yield handle


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _open_bytes(path) as handle:
        try:
            while chunk := handle.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _first_bytes(path: Path) -> bytes:
    with _open_bytes(path) as handle:
        return handle.read(2)


def _first_line(path: Path) -> str:
    with _open_bytes(path) as handle:
        return handle.readline(_CHUNK).decode("utf-8", errors="replace")
