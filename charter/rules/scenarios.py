"""Residents' red lines as tests: cases that a residents' panel was shown, asked of the rules that production uses.

Each scenario of `council/scenarios.toml` is a question with the answer that the panel expects: may this signal be used
for that purpose, may this characteristic, may somebody in this role do that. It is answered by the charter and the
register as they are, and by the table of who may do what (`acts.py`) that every page and route reads. One that comes
out otherwise blocks the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charter.acts import ACTS
from charter.council.council import read_toml
from charter.council.register import Register
from charter.errors import CharterError
from charter.purposes import PURPOSES
from charter.rules.policy import Policy

__all__ = ["Scenario", "answered", "of_council", "read"]

_KEYS = {
    "id",
    "story",
    "role",
    "act",
    "purpose",
    "signal",
    "characteristic",
    "expected",
    "reason",
    "principle",
    "example",
}


@dataclass(frozen=True)
class Scenario:
    """One case: who would do what with which data and for what, and the answer that residents expect."""

    id: str
    story: str
    expected: bool
    reason: str
    principle: str
    role: str | None = None
    act: str | None = None
    purpose: str | None = None
    signal: str | None = None
    characteristic: str | None = None

    def answer(self, policy: Policy, register: Register, acts: Mapping[str, frozenset[str]] = ACTS) -> bool:
        """Whether the rules allow all of it: every part that the case names must be allowed."""
        allowed = []
        if self.signal is not None:
            allowed.append(self._may_use(policy, register))
        if self.characteristic is not None:
            audited = self.characteristic in policy.characteristics
            allowed.append(audited and self.purpose == "equality_monitoring")
        if self.act is not None:
            allowed.append(self.role in acts.get(self.act, frozenset()))
        return all(allowed)

    def _may_use(self, policy: Policy, register: Register) -> bool:
        signal, purpose = self.signal or "", self.purpose or ""
        service = signal.split(".", maxsplit=1)[0]
        known = any(source.service == service for source in register.sources)
        return known and policy.allows(signal, purpose) and register.permits(service, purpose)


def read(path: Path, policy: Policy) -> tuple[Scenario, ...]:
    """Read scenarios.toml; none where there is no such file.

    Raises CharterError for a key that is not known, a case that asks nothing, and a purpose or principle that does
    not exist.
    """
    if not path.exists():
        return ()
    raw = read_toml(path)
    rows = raw.pop("scenario", [])
    if raw:
        raise CharterError(f"scenarios.toml has a key that is not known: {', '.join(sorted(raw))}.", "Remove it.")
    found = tuple(_scenario(row, number, policy) for number, row in enumerate(rows, start=1))
    if len({one.id for one in found}) != len(found):
        raise CharterError("scenarios.toml names a case twice.", "Give each its own id.")
    return found


def _scenario(row: Mapping[str, Any], number: int, policy: Policy) -> Scenario:
    where = f"case {number} of scenarios.toml"
    unknown = set(row) - _KEYS
    if unknown:
        raise CharterError(
            f"{where} has a key that is not known: {', '.join(sorted(unknown))}.", "Correct or remove it."
        )
    lacking = {"id", "story", "expected", "reason", "principle"} - set(row)
    if lacking:
        raise CharterError(f"{where} lacks {', '.join(sorted(lacking))}.", "Add it, as in Sooner's own scenarios.toml.")
    if row["expected"] not in {"allowed", "refused"}:
        raise CharterError(f"{where} expects {row['expected']!r}.", 'Write "allowed" or "refused".')
    if ("act" in row) != ("role" in row) or ("purpose" in row) != ("signal" in row or "characteristic" in row):
        raise CharterError(f"{where} is not whole.", "A role does an act; a signal or characteristic has a purpose.")
    if not {"act", "signal", "characteristic"} & set(row):
        raise CharterError(f"{where} asks nothing.", "Name an act, a signal or a characteristic.")
    if row.get("purpose", PURPOSES[0]) not in PURPOSES:
        raise CharterError(f"{where} names no purpose: {row['purpose']!r}.", f"Choose from: {', '.join(PURPOSES)}.")
    if row["principle"] not in {one.id for one in policy.principles}:
        raise CharterError(f"{where} names no principle of the charter: {row['principle']!r}.", "Name one.")
    parts = {key: row[key] for key in ("role", "act", "purpose", "signal", "characteristic") if key in row}
    return Scenario(row["id"], row["story"], row["expected"] == "allowed", row["reason"], row["principle"], **parts)


def answered(
    scenarios: tuple[Scenario, ...], policy: Policy, register: Register, acts: Mapping[str, frozenset[str]] = ACTS
) -> list[dict[str, Any]]:
    """Return each case with the answer it got, and whether that is the one residents expect."""
    rows = []
    for one in scenarios:
        answer = one.answer(policy, register, acts)
        rows.append(
            {
                "id": one.id,
                "story": one.story,
                "expected": "allowed" if one.expected else "refused",
                "answer": "allowed" if answer else "refused",
                "held": answer == one.expected,
                "reason": one.reason,
            }
        )
    return rows


def of_council(folder: Path, policy: Policy) -> list[dict[str, Any]]:
    """Return the cases of a council's folder, each with the answer that its own charter and register give."""
    found = read(folder / "scenarios.toml", policy)
    return answered(found, policy, Register.load(folder / "register.toml")) if found else []
