"""Findings that stand: what an audit measured is taken from an earlier one where all that it depends on is the same.

    people     rows of audited people, their scores and groups: everything at the teams' places of isolated dates
    MODEL      past weeks' lists of one model: those of today's practice stand when the audited model changed

A part's key is a digest of the very arrays that it is measured on, with the code, the libraries and the charter: if
anybody was withdrawn, or one score is another, the key is. `parts.json` beside the findings says where in
`findings.json` each part's rows are, so nothing is kept but what is left behind anyway, for as long as that is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from charter.contracts.files import file_digest, read_json, write_json

__all__ = ["KeptParts", "digest_values"]

FILE = "parts.json"


@dataclass(frozen=True)
class KeptParts:
    """Where rows of earlier audits' findings stand, by key; and where those of the audit being made will.

    `base` names what every part depends on. Without it nothing is looked for, and nothing kept.
    """

    base: str = ""
    earlier: Mapping[str, tuple[Path, int, int]] = field(default_factory=dict)
    made: dict[str, tuple[int, int]] = field(default_factory=dict)
    _read: dict[Path, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, audits: Path, base: str) -> KeptParts:
        """Look through the audits in a folder; one whose findings are not as it wrote them is passed over."""
        earlier: dict[str, tuple[Path, int, int]] = {}
        for path in sorted(audits.glob(f"*/{FILE}")):
            findings, document = path.with_name("findings.json"), read_json(path)
            if findings.exists() and file_digest(findings) == document["findings_sha256"]:
                earlier |= {key: (findings, first, last) for key, (first, last) in document["parts"].items()}
        return cls(base, earlier)

    def name(self, *values: Any) -> str:
        """Return the key of a part that depends on these values; empty where nothing is kept."""
        return digest_values(self.base, *values) if self.base else ""

    def find(self, key: str) -> list[dict[str, Any]] | None:
        """Return the rows of a part by its key, where an earlier audit measured it."""
        if key not in self.earlier:
            return None
        findings, first, last = self.earlier[key]
        rows: list[dict[str, Any]] = self._open(findings)["findings"][first:last]
        return rows

    def find_document(self, key: str, names: Sequence[str]) -> dict[str, Any]:
        """Return what stands beside the findings, under these names, of an audit that has a part; or nothing."""
        document = self._open(self.earlier[key][0]) if key in self.earlier else {}
        return {name: document[name] for name in names if name in document}

    def _open(self, findings: Path) -> Mapping[str, Any]:
        if findings not in self._read:
            self._read[findings] = read_json(findings)
        return self._read[findings]

    def note(self, key: str, first: int, last: int) -> None:
        """Remember that a part's rows are the findings from `first` to before `last`."""
        if key:
            self.made[key] = (first, last)

    def write(self, audit: Path) -> None:
        """Leave beside an audit's findings where its parts are."""
        document = {"findings_sha256": file_digest(audit / "findings.json"), "parts": dict(self.made)}
        write_json(audit / FILE, document)


def digest_values(*values: Any) -> str:
    """Return a digest of arrays and plain values, of values of ours and of what holds them, by content.

    Raises TypeError for a value of any other kind: it could differ where nobody looks.
    """
    total = hashlib.blake2b(digest_size=16)
    for value in values:
        _add_value(total, value)
    return total.hexdigest()


def _add_value(total: hashlib.blake2b, value: Any) -> None:
    """Add a value to a digest, with its kind and its length, so that no two values are spelled alike."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of objects has no content to digest")
        total.update(f"array {value.dtype.str} {value.shape} ".encode())
        total.update(np.ascontiguousarray(value).view(np.uint8).data if value.size else b"")
    elif is_dataclass(value) and not isinstance(value, type):
        total.update(f"{type(value).__qualname__} {len(fields(value))} ".encode())
        for part in fields(value):
            _add_value(total, getattr(value, part.name))
    elif isinstance(value, Mapping):
        total.update(f"mapping {len(value)} ".encode())
        for item in value.items():
            _add_value(total, item)
    elif isinstance(value, str | bytes):
        total.update(f"{type(value).__name__} {len(value)} ".encode())
        total.update(value.encode() if isinstance(value, str) else value)
    elif isinstance(value, Sequence):
        total.update(f"sequence {len(value)} ".encode())
        for part in value:
            _add_value(total, part)
    elif value is None or isinstance(value, bool | int | float | date | np.generic):
        total.update(f"{type(value).__name__} {value!r} ".encode())
    else:
        raise TypeError(f"a {type(value).__name__} has no content to digest")
