"""Advice: what a role that must be heard says of a run's findings, before anybody signs a decision on them.

    audit/PROGRAMME/RUN/advice.json    beside findings.json, of whose bytes it is
    report.html                        the same words, in the slot that the pack keeps for the role

Which roles must be heard says `advises` of their row in charter.toml. Advice on real data carries the role's signature
of its line (`write_advice_line`); typed advice is a demo's.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import file_digest, read_json, write_json, write_text
from charter.errors import CharterError, DataError, SignOffError, UsageError
from charter.invocation import Invocation
from charter.rules.gate_sentences import say_day
from charter.rules.policy import Policy
from charter.rules.roles import Role
from charter.signing.role_proof import RoleKey, Signature
from charter.vault.command_log import CommandLog
from charter.vault.signature import is_signed

__all__ = ["MOST_LETTERS", "Advice", "give_advice", "list_unheard", "read_advice", "write_advice_line", "write_slot"]

FILE = "advice.json"
MOST_LETTERS = 4000


@dataclass(frozen=True)
class Advice:
    """What one role says of the findings of one sha256; `at` is UTC in ISO 8601, `kind` demo or signed."""

    role: str
    findings_sha256: str
    text: str
    at: str
    kind: str = "demo"
    signature: str = ""

    def holds(self, policy: Policy, findings_sha256: str, *, synthetic: bool) -> bool:
        """Whether it is of these findings, and signed by the key that the charter lists; a demo's of made-up data."""
        if self.findings_sha256 != findings_sha256:
            return False
        if self.kind == "demo":
            return synthetic
        key = next((role.public_key for role in policy.roles if role.id == self.role), "")
        return is_signed(key, write_advice_line(self.role, findings_sha256, self.text), self.signature)


def write_advice_line(role: str, findings_sha256: str, text: str) -> str:
    """Return the line that a role signs with its own key, without a line end."""
    return f"{role} says of the findings {findings_sha256}: {hashlib.sha256(text.encode()).hexdigest()}"


def read_advice(folder: Path) -> tuple[Advice, ...]:
    """Return the advice beside the findings in an audit's folder, the earliest first."""
    path = folder / FILE
    return tuple(Advice(**row) for row in read_json(path)["advice"]) if path.exists() else ()


def list_unheard(folder: Path, policy: Policy, *, synthetic: bool) -> tuple[Role, ...]:
    """Return the roles that must be heard on the findings in an audit's folder and were not."""
    findings, given = file_digest(folder / "findings.json"), read_advice(folder)
    heard = {one.role for one in given if one.holds(policy, findings, synthetic=synthetic)}
    return tuple(role for role in policy.roles if role.advises and role.id not in heard)


def give_advice(
    folder: Path,
    invocation: Invocation,
    role: str,
    text: str,
    *,
    demo: bool,
    proof: RoleKey | Signature | None = None,
) -> Advice:
    """Keep what a role says of the findings in an audit's folder, and put it into the pack's slot; return it.

    What the same role said before of the same findings is replaced. Raises UsageError for a role that need not be
    heard, for no words or too many, and for typed words that are not marked as a demo's; DataError where there are no
    findings; CharterError for a demo's words on real data; SignOffError for a signature of something else.
    """
    policy, words = invocation.policy, text.strip()
    advising = policy.role(role)
    if not advising.advises:
        able = ", ".join(one.id for one in policy.roles if one.advises) or "none"
        raise UsageError(f"{role} need not be heard before a decision.", f"These roles must be: {able}.")
    if not words or len(words) > MOST_LETTERS:
        raise UsageError(f"advice has 1 to {MOST_LETTERS} letters.", "Say what the board should know before it signs.")
    if not (folder / "findings.json").exists():
        raise DataError("there are no findings to advise on.", "Run `sooner audit run`.")
    findings = file_digest(folder / "findings.json")
    if demo and not read_json(folder / "findings.json").get("synthetic", False):
        raise CharterError("a demo's advice counts for nothing on real data.", "Add --key FILE, the role's own key.")
    advice = Advice(advising.id, findings, words, datetime.now(UTC).isoformat(timespec="seconds"))
    if not demo:
        line = write_advice_line(advising.id, findings, words)
        if proof is None:
            raise UsageError(
                "whoever types a command has not shown who they are, so typed advice counts as a demo's.",
                f"Add --key FILE, the key of {role}; or --demo for made-up data.",
            )
        advice = Advice(advising.id, findings, words, advice.at, "signed", proof.sign(line))
        if not advice.holds(policy, findings, synthetic=False):
            raise SignOffError(
                f"{proof.path.name} is not the key that the charter lists for {role}.",
                "Let the board add the public_key that `sooner role-key` prints to charter.toml.",
            )
    _keep_advice(
        folder, [one for one in read_advice(folder) if (one.role, one.findings_sha256) != (role, findings)], advice
    )
    CommandLog.open(invocation.council, invocation.workspace).append(
        actor="command", role=advising.id, action="advise", subject=findings, detail={"kind": advice.kind}
    )
    return advice


def _keep_advice(folder: Path, others: Sequence[Advice], advice: Advice) -> None:
    rows = [asdict(one) for one in (*others, advice)]
    write_json(folder / FILE, {"schema_version": SCHEMA_VERSION, "advice": rows})
    pack = folder / "report.html"
    if pack.exists():
        page = pack.read_text(encoding="utf-8")
        begin, end = _marks(advice.role)
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if found and closed:
            write_text(pack, f"{before}{write_slot(advice.role, advice)}{after}")


def write_slot(role: str, advice: Advice | None) -> str:
    """Return the words of a role's slot in the pack, as HTML between the marks by which they are found again."""
    begin, end = _marks(role)
    words = "Empty: not given yet. On real data nobody signs without it."
    if advice is not None:
        kind = "typed in a demonstration" if advice.kind == "demo" else "signed with the role's key"
        words = f"{html.escape(advice.text)} ({say_day(date.fromisoformat(advice.at[:10]))}, {kind})"
    return f"{begin}<span>{words}</span>{end}"


def _marks(role: str) -> tuple[str, str]:
    return f"<!-- advice of {role} -->", f"<!-- end of advice of {role} -->"
