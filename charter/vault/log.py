"""The append-only audit log: one hash chain per writer, joined by signed anchors.

Each entry holds the digest of the one before it, so an edited, removed or reordered entry breaks the chain at a place
that `verify_chains` names. Digests are keyed (HMAC-SHA256, a key kept outside the log), so that whoever can write the
log can't write a chain anew. A removed end leaves no broken link, so anchors (charter.vault.anchors) say outside the
log how far each chain had come; an `Anchor` says it inside the database too. Entries hold ids and counts: never a name,
address or note.

    chain "cli"       1 ── 2 ── 3
    chain "worker-1"  1 ── 2 ── 3 ── 4        anchor: {cli: 3, worker-1: 4}, signed
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain as join
from pathlib import Path
from typing import Any, TextIO

from charter.acts import SYSTEM
from charter.errors import DataError
from charter.vault.anchors import Anchors

__all__ = [
    "FIRST",
    "KEEP_A_COPY",
    "Anchor",
    "Entry",
    "FileLog",
    "LoggedAct",
    "anchor_chains",
    "find_faults",
    "find_unanchored",
    "follow_entry",
    "name_entry",
    "read_heads",
    "verify_chains",
]

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)

_quote = json.encoder.encode_basestring

_SET_ASIDE = "log.set_aside"

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

    def sealed(self, key: bytes = b"") -> Entry:
        """Return this entry with its digest, over all other fields in canonical JSON."""
        return replace(self, digest=self.expected(key))

    def expected(self, key: bytes = b"") -> str:
        """Return the digest that this entry's other fields give: HMAC-SHA256; sha256 without a key, as it once was."""
        # Written out in the order of the keys, and not through a dictionary: every act of the service waits for this,
        # and so does whoever verifies a hundred thousand.
        canonical = (
            f'{{"action":{_quote(self.action)},"actor":{_quote(self.actor)},"at":{_quote(self.at)},'
            f'"chain":{_quote(self.chain)},"detail":{_CANONICAL.encode(self.detail)},"number":{self.number},'
            f'"previous":{_quote(self.previous)},"purpose":{_quote(self.purpose)},"role":{_quote(self.role)},'
            f'"subject":{_quote(self.subject)}}}'
        ).encode("utf-8", "surrogatepass")
        return (hmac.digest(key, canonical, "sha256") if key else hashlib.sha256(canonical).digest()).hex()


@dataclass(frozen=True)
class Anchor:
    """The heads of all chains at one moment, signed: `{chain: [number, digest]}`."""

    at: str
    heads: Mapping[str, tuple[int, str]]
    signature: str


def follow_entry(last: Entry | None, chain: str, act: LoggedAct, at: datetime | None = None, key: bytes = b"") -> Entry:
    """Return the entry of an act that follows `last` in `chain` (None begins the chain), sealed with `key`."""
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
    ).sealed(key)


def _sign_heads(at: str, heads: Mapping[str, tuple[int, str]], key: bytes) -> str:
    text = json.dumps([at, {chain: list(head) for chain, head in heads.items()}], sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def read_heads(entries: Iterable[Entry]) -> dict[str, tuple[int, str]]:
    """Return how far each chain has come: number and digest of its last entry."""
    heads: dict[str, tuple[int, str]] = {}
    for entry in entries:
        if entry.chain not in heads or entry.number > heads[entry.chain][0]:
            heads[entry.chain] = (entry.number, entry.digest)
    return heads


def anchor_chains(entries: Iterable[Entry], key: bytes, at: datetime | None = None) -> Anchor:
    """Return a signed anchor over the heads of all chains in `entries`."""
    heads = read_heads(entries)
    moment = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")
    return Anchor(moment, heads, _sign_heads(moment, heads, key))


def verify_chains(
    entries: Iterable[Entry], anchors: Iterable[Anchor] = (), key: bytes = b"", *, entry_key: bytes = b""
) -> Mapping[str, int]:
    """Return how many entries each chain holds.

    `key` signed the anchors, `entry_key` sealed the entries. Raises DataError naming the chain and the first entry that
    was edited, removed or moved, or the anchor that was changed or that an end of a chain is missing from.
    """
    kept = list(entries)
    faults = find_faults(kept, anchors, key, entry_key=entry_key)
    if faults:
        raise DataError(f"the audit log is broken: {faults[0]}.", KEEP_A_COPY)
    counts: dict[str, int] = {}
    for entry in kept:
        counts[entry.chain] = counts.get(entry.chain, 0) + 1
    return dict(sorted(counts.items()))


def find_faults(
    entries: Iterable[Entry],
    anchors: Iterable[Anchor] = (),
    key: bytes = b"",
    *,
    entry_key: bytes = b"",
    unkeyed: Mapping[str, int] | None = None,
) -> list[str]:
    """Return everything that is wrong with chains, each with its entry; none where they are whole.

    `unkeyed` says up to which number a chain may hold entries from before digests were keyed.
    """
    faults: list[str] = []
    chains: dict[str, dict[int, Entry]] = {}
    for entry in entries:
        numbered = chains.setdefault(entry.chain, {})
        if entry.number in numbered:
            faults.append(name_entry(entry.chain, entry.number, "is there twice"))
        numbered[entry.number] = entry
    for chain, numbered in chains.items():
        faults += _find_broken(chain, numbered, entry_key, (unkeyed or {}).get(chain, 0))
    for signed in anchors:
        if not hmac.compare_digest(signed.signature, _sign_heads(signed.at, signed.heads, key)):
            faults.append(f"the anchor of {signed.at} was edited, or signed with another key")
        faults += find_unanchored(signed.heads, chains, signed.at)
    return faults


def _find_broken(chain: str, numbered: Mapping[int, Entry], key: bytes, unkeyed: int) -> Iterator[str]:
    """Give each entry of a chain that was removed, moved or edited."""
    previous, expected = FIRST, 1
    for number in sorted(number for number in numbered if number > 0):
        entry = numbered[number]
        if number > expected:
            last = number - 1
            gap = f"entries {expected} to {last} of chain {chain!r} were removed"
            yield gap if last > expected else name_entry(chain, last, "was removed")
            # What follows is compared with what it says itself, so that one gap is named once.
            previous = entry.previous
        expected = number + 1
        if entry.previous != previous:
            yield name_entry(chain, number, "does not follow the entry before it")
        if not _is_sealed(entry, key, old=number <= unkeyed):
            yield name_entry(chain, number, "was edited")
        previous = entry.digest


def _is_sealed(entry: Entry, key: bytes, *, old: bool) -> bool:
    """Whether an entry has the digest that its fields give; where it is `old`, without a key too."""
    try:
        return entry.digest == entry.expected(key) or (bool(key) and old and entry.digest == entry.expected())
    except (TypeError, ValueError):
        return False  # a field is no text any more


def find_unanchored(
    heads: Mapping[str, tuple[int, str]], chains: Mapping[str, Mapping[int, Entry]], at: str
) -> list[str]:
    """Return which heads that were anchored at a moment are not there, or are others."""
    faults = []
    for chain, (number, digest) in heads.items():
        entry = chains.get(chain, {}).get(number)
        if entry is None or entry.digest != digest:
            faults.append(name_entry(chain, number, f"is not the one that was anchored at {at}"))
    return faults


KEEP_A_COPY = "Keep a copy of the log as it is and tell the data protection officer."
"""What to do where a log was changed."""


def name_entry(chain: str, number: int, what: str) -> str:
    """Say something of one entry."""
    return f"entry {number} of chain {chain!r} {what}"


@dataclass(frozen=True)
class FileLog:
    """A chain in a file of JSON lines, for acts typed at a command line.

    Appending takes the file's kernel lock, so several commands may share one file; each line is synced before the
    act it records goes on. Half a last line, left by a crash, is moved to a file beside and stops nothing. With `key`
    entries are sealed with it, and with `anchors` each is anchored outside.

    A file of `set_aside_at` bytes is set aside under the next number and never written again. The file after it begins
    with an entry that names it with its sha256, so the chain goes on over both:

        log.1.jsonl    entries 1 to 20000
        log.jsonl      20001 log.set_aside {"file": "log.1.jsonl", "first": 1, "last": 20000, "sha256": ...}, 20002, ...
    """

    path: Path
    chain: str = "commands"
    key: bytes = field(default=b"", repr=False)
    anchors: Anchors | None = None
    set_aside_at: int = 8 * 2**20

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
        while True:
            with self.path.open("a+", encoding="utf-8") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if self._is_current(handle) and not self._set_file_aside(handle):
                    return self._write(handle, act)
                # Somebody set the file aside while this waited for it, or it was full: the next one is written.

    def _write(self, handle: TextIO, act: LoggedAct) -> Entry:
        """Write an act at the end of the file, which is locked, after what must be said before it."""
        os.fchmod(handle.fileno(), 0o600)
        handle.seek(0)
        text = handle.read()
        torn = text[text.rfind("\n") + 1 :]
        if torn:
            _set_apart(handle, self.path, torn)
        whole = text.removesuffix(torn) if torn else text
        last = self._find_last(self._parse(whole, self.path))
        self._require_anchors(last)
        acts = [LoggedAct("sooner", SYSTEM, "log.torn", detail={"characters": len(torn)})] if torn else []
        acts += [self._name_file(path) for path in self.files_set_aside()[-1:] if not whole]
        for each in (*acts, act):
            added = last = follow_entry(last, self.chain, each, key=self.key)
            handle.write(json.dumps(asdict(added), sort_keys=True, ensure_ascii=False) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
        if self.anchors is not None:
            self.anchors.add({self.chain: (added.number, added.digest)})
        return added

    def _find_last(self, written: Iterable[Entry]) -> Entry | None:
        """Return this chain's last entry: of those that the file has, or of the newest file set aside that has one."""
        for entries in join([written], map(self._read, reversed(self.files_set_aside()))):
            chain_entries = [entry for entry in entries if entry.chain == self.chain]
            if chain_entries:
                return chain_entries[-1]
        return None

    def _name_file(self, path: Path) -> LoggedAct:
        """Return what is said of a file that was set aside, at the beginning of the one after it."""
        numbers = [entry.number for entry in self._read(path) if entry.chain == self.chain] or [0]
        detail = {"file": path.name, "first": numbers[0], "last": numbers[-1], "sha256": _digest_file(path)}
        return LoggedAct("sooner", SYSTEM, _SET_ASIDE, detail=detail)

    def _is_current(self, handle: TextIO) -> bool:
        """Whether an open file is still the one that is written: another process may have set it aside."""
        try:
            return os.fstat(handle.fileno()).st_ino == self.path.stat().st_ino
        except FileNotFoundError:
            return False

    def _set_file_aside(self, handle: TextIO) -> bool:
        """Rename a file that is full, and locked; return whether it was. Half a last line is written to, not set aside.

        Killed after it, the next act finds no file, begins one, and names in it the newest that was set aside.
        """
        size = os.fstat(handle.fileno()).st_size
        if size < self.set_aside_at or os.pread(handle.fileno(), 1, size - 1) != b"\n":
            return False
        number = max((_number_of(path) for path in self.files_set_aside()), default=0) + 1
        self.path.rename(self.path.with_name(f"{self.path.stem}.{number}{self.path.suffix}"))
        return True

    def files_set_aside(self) -> list[Path]:
        """Return the files that were set aside, oldest first."""
        there = self.path.parent.glob(f"{self.path.stem}.*{self.path.suffix}")
        return sorted((path for path in there if _number_of(path)), key=_number_of)

    def _require_anchors(self, last: Entry | None) -> None:
        """Begin the anchors where there are none yet; raise DataError where there were, and they are gone."""
        if self.anchors is None or self.anchors.begun:
            return
        if last is not None and last.digest == last.expected(self.key):
            self.anchors.require()
        self.anchors.add(read_heads(self.entries()), begins=True)

    @property
    def entries_begun(self) -> bool:
        """Whether there are any entries, as far as the files' sizes say."""
        return (self.path.exists() and self.path.stat().st_size > 0) or bool(self.files_set_aside())

    def find_file_faults(self, entries: Iterable[Entry]) -> list[str]:
        """Return which files that were set aside are not there, or not as the log's entries say."""
        notes = {str(entry.detail.get("file")): entry.detail for entry in entries if entry.action == _SET_ASIDE}
        there = {path.name: path for path in self.files_set_aside()}
        faults = []
        for name, detail in sorted(notes.items()):
            if name not in there:
                entries_in = f"entries {detail.get('first')} to {detail.get('last')}"
                faults.append(f"{name} is not there: it was set aside with {entries_in}")
            elif _digest_file(there[name]) != detail.get("sha256"):
                faults.append(f"{name} was changed after it was set aside")
        return faults

    def entries(self) -> list[Entry]:
        """Return all entries, in order, of files that were set aside too; half a last line is left out."""
        return [entry for path in (*self.files_set_aside(), self.path) for entry in self._read(path)]

    def _read(self, path: Path) -> list[Entry]:
        if not path.exists():
            return []
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        return self._parse(text[: text.rfind("\n") + 1], path)

    def _parse(self, text: str, path: Path) -> list[Entry]:
        entries = []
        for number, line in enumerate(text.split("\n")[:-1], start=1):
            entry = _parse_entry(line)
            if entry is None:
                raise DataError(f"line {number} of {path.name} is not an entry of the audit log.", KEEP_A_COPY)
            entries.append(entry)
        return entries


def _number_of(path: Path) -> int:
    """Return the number under which a file was set aside; 0 of any other."""
    number = path.stem.rpartition(".")[2]
    return int(number) if number.isascii() and number.isdecimal() else 0


def _digest_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _parse_entry(line: str) -> Entry | None:
    try:
        entry = Entry(**json.loads(line))
        typed = isinstance(entry.number, int) and isinstance(entry.detail, dict)
        texts = (entry.chain, entry.at, entry.action, entry.subject, entry.previous, entry.digest)
        return entry if typed and all(isinstance(text, str) for text in texts) else None
    except (ValueError, TypeError, RecursionError):
        return None


def _set_apart(handle: TextIO, path: Path, torn: str) -> None:
    """Move half a line to a file beside, and cut it off the log."""
    with path.with_name(f"{path.name}.torn").open("a", encoding="utf-8") as beside:
        beside.write(torn + "\n")
    os.ftruncate(handle.fileno(), os.fstat(handle.fileno()).st_size - len(torn.encode()))
    handle.seek(0, os.SEEK_END)
