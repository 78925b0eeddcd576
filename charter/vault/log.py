"""The append-only audit log: one hash chain per writer, joined by signed anchors.

Each entry holds the digest of the one before it, so an edited, removed or reordered entry breaks the chain at a place
that `verify_chains` names. A removed end leaves no broken link, so an `Anchor` (the heads of all chains, signed with a
key kept outside the log) says how far each chain had come. Entries hold ids and counts: never a name, address or note.

    chain "cli"       1 ── 2 ── 3
    chain "worker-1"  1 ── 2 ── 3 ── 4        anchor: {cli: 3, worker-1: 4}, signed
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from charter.errors import DataError

__all__ = ["FIRST", "Anchor", "Entry", "FileLog", "LoggedAct", "anchor_chains", "follow_entry", "verify_chains"]

FIRST = "0" * 64
"""What the first entry of a chain names as the digest before it."""


@dataclass(frozen=True)
class LoggedAct:
    """Who did what to which subject, in which role and for which purpose; see Entry for what each may hold."""

    actor: str
    role: str
    action: str
    subject: str = ""
    purpose: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """Who did what to which subject, when, in which role and for which purpose; and its place in a chain.

    `at` is UTC in ISO 8601 with microseconds; `subject` is an id (referral, list, person pseudonym, bundle);
    `detail` holds ids, counts and digests alone.
    """

    chain: str
    number: int
    at: str
    actor: str
    role: str
    action: str
    subject: str
    purpose: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    previous: str = FIRST
    digest: str = ""

    def sealed(self) -> Entry:
        """Return this entry with its digest: sha256 of all other fields in canonical JSON."""
        return replace(self, digest=self.expected())

    def expected(self) -> str:
        """Return the digest that this entry's other fields give."""
        # Not `asdict`, which copies `detail` deeply: every act of the service waits for this.
        sealed = {name: value for name, value in vars(self).items() if name != "digest"}
        canonical = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Anchor:
    """The heads of all chains at one moment, signed: `{chain: [number, digest]}`."""

    at: str
    heads: Mapping[str, tuple[int, str]]
    signature: str


def follow_entry(last: Entry | None, chain: str, act: LoggedAct, at: datetime | None = None) -> Entry:
    """Return the sealed entry of an act that follows `last` in `chain` (None begins the chain)."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    return Entry(
        chain,
        last.number + 1 if last else 1,
        moment.isoformat(timespec="microseconds"),
        act.actor,
        act.role,
        act.action,
        act.subject,
        act.purpose,
        dict(act.detail),
        last.digest if last else FIRST,
    ).sealed()


def _sign_heads(at: str, heads: Mapping[str, tuple[int, str]], key: bytes) -> str:
    text = json.dumps([at, {chain: list(head) for chain, head in heads.items()}], sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def anchor_chains(entries: Iterable[Entry], key: bytes, at: datetime | None = None) -> Anchor:
    """Return a signed anchor over the heads of all chains in `entries`."""
    heads: dict[str, tuple[int, str]] = {}
    for entry in entries:
        if entry.chain not in heads or entry.number > heads[entry.chain][0]:
            heads[entry.chain] = (entry.number, entry.digest)
    moment = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")
    return Anchor(moment, heads, _sign_heads(moment, heads, key))


def verify_chains(entries: Iterable[Entry], anchors: Iterable[Anchor] = (), key: bytes = b"") -> Mapping[str, int]:
    """Return how many entries each chain holds.

    Raises DataError naming the chain and the first entry that was edited, removed or moved, or the anchor that was
    changed or that an end of a chain is missing from.
    """
    chains: dict[str, dict[int, Entry]] = {}
    for entry in entries:
        numbered = chains.setdefault(entry.chain, {})
        if entry.number in numbered:
            raise _say_broken(entry.chain, entry.number, "is there twice")
        numbered[entry.number] = entry
    for chain, numbered in chains.items():
        _verify_chain(chain, numbered)
    for signed in anchors:
        _verify_anchor(signed, chains, key)
    return {chain: len(numbered) for chain, numbered in sorted(chains.items())}


def _verify_chain(chain: str, numbered: Mapping[int, Entry]) -> None:
    previous = FIRST
    for number in range(1, max(numbered) + 1):
        entry = numbered.get(number)
        if entry is None:
            raise _say_broken(chain, number, "was removed")
        if entry.previous != previous:
            raise _say_broken(chain, number, "does not follow the entry before it")
        if entry.digest != entry.expected():
            raise _say_broken(chain, number, "was edited")
        previous = entry.digest


def _verify_anchor(signed: Anchor, chains: Mapping[str, Mapping[int, Entry]], key: bytes) -> None:
    if not hmac.compare_digest(signed.signature, _sign_heads(signed.at, signed.heads, key)):
        raise DataError(f"the anchor of {signed.at} was edited, or signed with another key.", _NEXT)
    for chain, (number, digest) in signed.heads.items():
        entry = chains.get(chain, {}).get(number)
        if entry is None or entry.digest != digest:
            raise _say_broken(chain, number, f"is not the one that was anchored at {signed.at}")


_NEXT = "Keep a copy of the log as it is and tell the data protection officer."


def _say_broken(chain: str, number: int, what: str) -> DataError:
    return DataError(f"the audit log is broken: entry {number} of chain {chain!r} {what}.", _NEXT)


@dataclass(frozen=True)
class FileLog:
    """A chain in a file of JSON lines, for acts typed at a command line.

    Appending takes the file's kernel lock, so several commands may share one file; each line is synced before the
    act it records goes on.
    """

    path: Path
    chain: str = "commands"

    def append(
        self,
        *,
        actor: str,
        role: str,
        action: str,
        subject: str = "",
        purpose: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Add one entry and return it once it is on disk."""
        act = LoggedAct(actor, role, action, subject, purpose, detail or {})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+", encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            os.fchmod(handle.fileno(), 0o600)
            handle.seek(0)
            last = None
            for entry in self._parse(handle.read()):
                if entry.chain == self.chain:
                    last = entry
            added = follow_entry(last, self.chain, act)
            handle.write(json.dumps(asdict(added), sort_keys=True, ensure_ascii=False) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        return added

    def entries(self) -> list[Entry]:
        """Return all entries, in order; none where nothing was logged yet."""
        return self._parse(self.path.read_text(encoding="utf-8")) if self.path.exists() else []

    def _parse(self, text: str) -> list[Entry]:
        entries = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                entries.append(Entry(**json.loads(line)))
            except (ValueError, TypeError):
                raise DataError(f"line {number} of {self.path.name} is not an entry of the audit log.", _NEXT) from None
        return entries
