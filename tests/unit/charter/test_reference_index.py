"""Whom a reference leads to, found without reading the whole file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from charter.contracts.reference_index import find_person, write_references


def pseudonym(of: str) -> str:
    return hashlib.sha256(of.encode()).hexdigest()[:32]


def test_each_reference_leads_to_its_person_in_whatever_order_they_came(tmp_path: Path) -> None:
    """Broken by references written as they came, and by a look at the first half of each alone."""
    alike = [f"{pseudonym('alike')[:16]}{number:016x}" for number in (2, 1, 3)]
    pairs = [(ref, pseudonym(f"person of {ref}")) for ref in [*(pseudonym(str(n)) for n in range(40)), *alike]]
    assert pairs != sorted(pairs)
    write_references(tmp_path, [*pairs, ("A-17 as a canonical delivery wrote it", pseudonym("nobody"))])
    assert [find_person(tmp_path, ref) for ref, _ in pairs] == [person for _, person in pairs]
    assert find_person(tmp_path, pseudonym("unknown")) is None
    assert find_person(tmp_path, f"{pseudonym('alike')[:16]}{4:016x}") is None
    assert find_person(tmp_path, "A-17 as a canonical delivery wrote it") is None
