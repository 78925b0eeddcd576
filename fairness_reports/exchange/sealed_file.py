"""The file that one council gives another: what was released, whose it is, and a seal by which a change is found.

The seal is the Ed25519 signature (`charter.vault.signature`) of one line, `council tells other councils SHA256 of
PROGRAMME`, where the sha256 is of the file's canonical JSON without its seal. Nothing in it is secret from whoever
holds it: what must not be told was never put in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charter.contracts import check_document
from charter.errors import DataError
from charter.vault.signature import is_signed

__all__ = ["LARGEST", "is_sealed", "read_sealed", "write_line"]

LARGEST = 1_000_000
"""Bytes of a file, at most: what one council tells is some ten thousand."""


def write_line(document: Mapping[str, Any]) -> str:
    """Return the line whose signature seals a document, without a line end."""
    content = {name: value for name, value in document.items() if name != "seal"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    sha256 = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{document['council']} tells other councils {sha256} of {document['programme']}"


def is_sealed(document: Mapping[str, Any], key: str) -> bool:
    """Whether a document is exactly what the holder of this public key sealed."""
    return is_signed(key, write_line(document), str(document["seal"]["signature"]))


def read_sealed(path: Path) -> Mapping[str, Any]:
    """Return a file that keeps the contract `exchange`; who sealed it is not looked at here.

    Raises DataError where there is no such file, where it is too large, or is none.
    """
    again = "Ask the council for the file that `sooner exchange write` left there."
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}.", again) from None
    if len(content) > LARGEST:
        raise DataError(f"{path.name} is larger than what a council tells.", again)
    try:
        document = json.loads(content)
        check_document("exchange", document)
    except (ValueError, RecursionError):
        raise DataError(f"{path.name} is no file of an exchange.", again) from None
    except DataError as error:
        raise DataError(f"{path.name}: {error.message}", again) from None
    return dict(document)
