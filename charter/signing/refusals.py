"""Refusals: a role that signs decisions says no to one, by its sha256, with a reason that others can read later.

audit/PROGRAMME/RUN/refusals.json   beside that run's decision.json and signoffs.toml
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import read_json, write_json

__all__ = ["Refusal", "lift_refusal", "list_refusals", "note_refusal"]


@dataclass(frozen=True)
class Refusal:
    """One role's no to the decision of one sha256; `at` is UTC in ISO 8601."""

    role: str
    sha256: str
    reason: str
    at: str


def list_refusals(folder: Path, sha256: str) -> tuple[Refusal, ...]:
    """Return the refusals that stand of the decision of `sha256` in an audit's folder."""
    return tuple(refusal for refusal in _read_refusals(folder) if refusal.sha256 == sha256)


def note_refusal(folder: Path, refusal: Refusal) -> None:
    """Add a refusal; an earlier one of the same role and bytes is replaced."""
    _write_refusals(folder, [*_list_others(folder, refusal.role, refusal.sha256), refusal])


def lift_refusal(folder: Path, role: str, sha256: str) -> None:
    """Take a role's refusal back, because it signed after all."""
    if any((refusal.role, refusal.sha256) == (role, sha256) for refusal in _read_refusals(folder)):
        _write_refusals(folder, _list_others(folder, role, sha256))


def _list_others(folder: Path, role: str, sha256: str) -> list[Refusal]:
    return [refusal for refusal in _read_refusals(folder) if (refusal.role, refusal.sha256) != (role, sha256)]


def _read_refusals(folder: Path) -> list[Refusal]:
    path = folder / "refusals.json"
    return [Refusal(**row) for row in read_json(path)["refusals"]] if path.exists() else []


def _write_refusals(folder: Path, rows: Sequence[Refusal]) -> None:
    document = {"schema_version": SCHEMA_VERSION, "refusals": [asdict(refusal) for refusal in rows]}
    write_json(folder / "refusals.json", document)
