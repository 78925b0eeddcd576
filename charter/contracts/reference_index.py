"""Which person a service's reference is of, as `link` leaves it for serving: sorted numbers, read without an engine.

`references.npy` beside the tables: four rows of 64 bit numbers, a column per reference (pseudonyms, half by half), in
the order of the references. It says what `links.parquet` says of the links in use, and nothing else.

    references  3f9c... 9e01...        row 0  3f9c...  row 1  ....    the reference's halves
    persons     71aa... 71aa...        row 2  71aa...  row 3  ....    its person's
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["REFERENCES", "find_person", "write_references"]

REFERENCES = "references.npy"
_DIGITS = 32


def write_references(folder: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Write (reference, person) pairs; what is no pseudonym of 32 hexadecimal digits (a canonical delivery's) is not.

    So whoever asks for one of those is told of nobody.
    """
    halves = np.array(
        sorted(
            (*_halve(ref), *_halve(person)) for ref, person in pairs if _is_pseudonym(ref) and _is_pseudonym(person)
        ),
        dtype=np.uint64,
    ).reshape(-1, 4)
    np.save(folder / REFERENCES, np.ascontiguousarray(halves.T))


def find_person(folder: Path, reference: str) -> str | None:
    """Return the person of a reference (pseudonyms), None where nobody is known by it or nothing was written."""
    path = folder / REFERENCES
    if not path.exists() or not _is_pseudonym(reference):
        return None
    table: NDArray[np.uint64] = np.load(path, mmap_mode="r")
    high, low = _halve(reference)
    place = int(np.searchsorted(table[0], np.uint64(high)))
    while place < table.shape[1] and int(table[0, place]) == high:
        if int(table[1, place]) == low:
            return f"{int(table[2, place]):016x}{int(table[3, place]):016x}"
        place += 1
    return None


def _halve(pseudonym: str) -> tuple[int, int]:
    return int(pseudonym[:16], 16), int(pseudonym[16:], 16)


def _is_pseudonym(text: str) -> bool:
    return len(text) == _DIGITS and set(text) <= set("0123456789abcdef")
