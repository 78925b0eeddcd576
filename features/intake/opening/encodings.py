"""Text of a stated encoding becomes UTF-8 in an open file of memory; what is not of it is refused by its line."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass
from typing import BinaryIO

from charter.errors import DataError

__all__ = ["copy_bytes", "write_as_utf8"]

_CHUNK = 1 << 22
_ONE_BYTE = ("windows-1252", "cp1252", "iso-8859-1", "iso-8859-15")
"""Encodings in which any text can be read, rightly or not."""


def copy_bytes(handle: BinaryIO, memory: int) -> None:
    """Write all bytes as they are into the open file `memory`."""
    while chunk := handle.read(_CHUNK):
        _write_all(memory, chunk)


def write_as_utf8(handle: BinaryIO, where: str, encoding: str, memory: int) -> None:
    """Write the text as UTF-8; refuse what is not of the encoding, and what is UTF-8 already though any text would do.

    `HervÃ©` is what UTF-8 looks like when it is taken for Windows-1252: readable, and wrong.
    """
    decoder: codecs.IncrementalDecoder | None = None
    other = codecs.getincrementaldecoder("utf-8")() if encoding in _ONE_BYTE else None
    is_plain, lines = True, 0
    while chunk := handle.read(_CHUNK):
        decoder = decoder or codecs.getincrementaldecoder(_name_order(encoding, chunk))()
        lines += _write_decoded(chunk, decoder, memory, _NotEncoded(where, encoding, lines))
        is_plain = is_plain and chunk.isascii()
        other = other if other is not None and _can_decode(other, chunk) else None
    decoder = decoder or codecs.getincrementaldecoder("utf-8")()
    _write_decoded(b"", decoder, memory, _NotEncoded(where, encoding, lines))
    if other is not None and not is_plain and _can_decode(other, b""):
        raise DataError(
            f"{where} is UTF-8, though register.toml says {encoding}: names in it would be misread.",
            'Write encoding = "utf-8" for the source, or leave the key out.',
        )


def _name_order(encoding: str, beginning: bytes) -> str:
    """Return the encoding with the order of its bytes, which UTF-16 without a mark shows by where its zeros are."""
    if encoding != "utf-16" or beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return encoding
    return "utf-16-be" if beginning[:1] == b"\0" else "utf-16-le"


@dataclass(frozen=True)
class _NotEncoded:
    """What is said of bytes that are not of the stated encoding, after so many lines."""

    where: str
    encoding: str
    lines: int

    def after(self, lines: int) -> DataError:
        return DataError(
            f"{self.where}, line {self.lines + lines + 1}: it is not {self.encoding}.",
            "Correct `encoding` in register.toml, or ask the service how it saves the file.",
        )


def _write_decoded(chunk: bytes, decoder: codecs.IncrementalDecoder, memory: int, refusal: _NotEncoded) -> int:
    """Write one chunk, the last one where it is empty; return how many lines of it have ended."""
    try:
        text = decoder.decode(chunk, final=not chunk)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise refusal.after(chunk[:start].count(b"\n")) from None
    _write_all(memory, text.encode())
    return chunk.count(b"\n")


def _can_decode(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError:
        return False
    return True


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
