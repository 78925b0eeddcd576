"""Anchors outside the database and the log: a chained, counted, signed line for each group of entries that was written.

    WORKSPACE.anchors.jsonl      beside the workspace, or where $SOONER_ANCHORS says: a disk, host or role of its own
      1  begins   {chain: [number, digest]} of the entries that were there before digests were keyed
      2  heads    {"worker-1": [1, ...]}            each line names the signature of the line before it,
      3  heads    {"commands": [1, ...]}            and is signed with a key that is in neither place
      4  parts    ["vault", "bundle/early_help/..."]
      5  restored {"which": ["database"], "lost": {"worker-1": [2, 9]}, ...}   a copy took the place of what was newer
      6  closed {"target": "early_help", "lost_parts": ["bundle/early_help/..."], ...}   a programme ended

A chain whose end was cut, a database or log that was emptied or replaced by an older copy has not got what a line says
it had. A part that a line names (charter.vault.workspace_parts) must be there: nothing is taken for a beginning once
there was one. What a line says went with a restore is told, and is no fault; an older copy of which no line speaks is.
With $SOONER_ANCHORS_SYSLOG each line goes to the machine's system log too, for whoever collects that.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from charter.contracts.workspace import Workspace
from charter.errors import DataError

__all__ = ["Anchors", "Closed", "Line", "Restored", "anchors_file"]

_FIRST = "0" * 64
_TAIL = 1 << 16
_LINE = 1 << 20

Heads = Mapping[str, tuple[int, str]]


def anchors_file(workspace: Workspace) -> Path:
    """Return where the anchors of a workspace are."""
    variable = os.environ.get("SOONER_ANCHORS")
    root = workspace.root.resolve()
    return Path(variable) if variable else root.with_name(f"{root.name}.anchors.jsonl")


@dataclass(frozen=True)
class Restored:
    """A restore: who and why, which backup (its manifest's sha256 and moment) and parts, and what went with it.

    `lost`: by chain the first and the last entry that the copy has not got. `lost_parts`: parts that it has not got.
    """

    who: str
    role: str
    why: str
    manifest: str
    taken_at: str
    which: tuple[str, ...]
    lost: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    lost_parts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Restored:
        """Return what a line's document says; raises KeyError, TypeError or ValueError where it is none."""
        lost = {str(chain): (int(first), int(last)) for chain, (first, last) in raw["lost"].items()}
        return cls(**{**raw, "which": tuple(raw["which"]), "lost": lost, "lost_parts": tuple(raw["lost_parts"])})

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        lost = {chain: list(ends) for chain, ends in self.lost.items()}
        return {**vars(self), "which": list(self.which), "lost": lost, "lost_parts": list(self.lost_parts)}

    def took(self, chain: str, number: int) -> bool:
        """Whether an entry went with this restore."""
        return chain in self.lost and self.lost[chain][0] <= number <= self.lost[chain][1]


@dataclass(frozen=True)
class Closed:
    """The end of a programme (or of all): its certificate's sha256, and the parts that went with it."""

    target: str
    certificate: str
    lost_parts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Closed:
        """Return what a line's document says; raises KeyError, TypeError or ValueError where it is none."""
        return cls(str(raw["target"]), str(raw["certificate"]), tuple(str(part) for part in raw["lost_parts"]))

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**vars(self), "lost_parts": list(self.lost_parts)}


@dataclass(frozen=True)
class Line:
    """One line: its number, the signature before it, when, the heads of chains and the parts that there are by then.

    `begins`: whether its heads are of entries that were written before there were anchors, and have no key.
    """

    number: int
    previous: str
    at: str
    heads: Heads = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    begins: bool = False
    signature: str = ""
    restored: Restored | None = None
    closed: Closed | None = None

    @property
    def lost_parts(self) -> tuple[str, ...]:
        """Parts that went, as this line says."""
        return (*(self.restored.lost_parts if self.restored else ()), *(self.closed.lost_parts if self.closed else ()))

    def sign(self, key: bytes) -> str:
        """Return the signature that this line's other fields give: HMAC-SHA256, as hexadecimal digits."""
        heads = {chain: list(head) for chain, head in self.heads.items()}
        fields: list[Any] = [self.number, self.previous, self.at, heads, list(self.parts), self.begins]
        fields += [self.restored.document()] if self.restored else []
        fields += [{"closed": self.closed.document()}] if self.closed else []
        return hmac.digest(key, json.dumps(fields, sort_keys=True, separators=(",", ":")).encode(), "sha256").hex()

    def text(self) -> str:
        """Return the line as the file has it."""
        document = {**vars(self), "heads": dict(self.heads), "parts": list(self.parts)}
        del document["restored"], document["closed"]
        if self.restored:
            document["restored"] = self.restored.document()
        if self.closed:
            document["closed"] = self.closed.document()
        return json.dumps(document, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Anchors:
    """The anchors of one workspace; `key` signs them. Several processes may add at once."""

    path: Path
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, workspace: Workspace, key: bytes) -> Anchors:
        """Return the anchors of a workspace; `key` is the derived key of the audit log."""
        return cls(anchors_file(workspace), key)

    @property
    def begun(self) -> bool:
        """Whether there are any."""
        return self.path.exists() and self.path.stat().st_size > 0

    def require(self) -> None:
        """Raise DataError where there are none, and there must have been."""
        if not self.begun:
            raise DataError(
                f"the anchors of the audit log are not there ({self.path.name}), and there were some: nothing is "
                "logged, shown or decided without them.",
                "Name their file in $SOONER_ANCHORS, or bring it back from where it is kept.",
            )

    def add(
        self,
        heads: Heads,
        parts: Iterable[str] = (),
        *,
        begins: bool = False,
        restored: Restored | None = None,
        closed: Closed | None = None,
    ) -> None:
        """Add a line with the heads that chains have come to, and parts that are new; the rest is as in Line.

        Raises DataError where the file can't be written, or its last line is none of ours.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise DataError(
                f"the anchors of the audit log can't be written: {error.strerror} ({self.path.name}).",
                "Name a file that you may write in $SOONER_ANCHORS.",
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            last = _read_last(handle)
            at = datetime.now(UTC).isoformat(timespec="microseconds")
            number, previous = (last.number + 1, last.signature) if last else (1, _FIRST)
            line = Line(number, previous, at, dict(heads), tuple(parts), begins, restored=restored, closed=closed)
            line = replace(line, signature=line.sign(self.key))
            os.write(handle, line.text().encode())
        finally:
            os.close(handle)
        _tell_syslog(line)

    def read(self) -> tuple[list[Line], list[str]]:
        """Return the lines that hold, and what is wrong with the others, each named by its number.

        A last line that was only half written, by a crash, is left out: it says nothing that was lost.
        """
        if not self.path.exists():
            return [], []
        lines: list[Line] = []
        faults: list[str] = []
        previous = _FIRST
        for number, text in enumerate(_whole_lines(self.path), start=1):
            line = _parse_line(text)
            if line is None:
                faults.append(f"line {number} of {self.path.name} is no anchor")
                continue
            if line.number != number or line.previous != previous:
                faults.append(f"line {number} of {self.path.name} does not follow the line before it")
            elif not hmac.compare_digest(line.signature, line.sign(self.key)):
                faults.append(f"line {number} of {self.path.name} was edited, or signed with another key")
            else:
                lines.append(line)
            previous = line.signature
        return lines, faults

    def last(self) -> Line | None:
        """Return the last whole line as it is, whoever signed it; None where there is none."""
        if not self.begun:
            return None
        with self.path.open("rb") as handle:
            handle.seek(max(0, self.path.stat().st_size - _LINE))
            whole = handle.read().split(b"\n")[:-1]
        return _parse_line(whole[-1]) if whole else None

    def parts(self) -> frozenset[str]:
        """Return every part that a line of ours names, without those that went with a restore or a closure since."""
        if not self.path.exists():
            return frozenset()
        marks = (b'"restored"', b'"closed"')
        texts = (
            text
            for text in _whole_lines(self.path)
            if b'"parts": []' not in text or any(word in text for word in marks)
        )
        parts: set[str] = set()
        for line in map(_parse_line, texts):
            if line and hmac.compare_digest(line.signature, line.sign(self.key)):
                parts -= set(line.lost_parts)
                parts |= set(line.parts)
        return frozenset(parts)

    def chains(self) -> frozenset[str]:
        """Return every chain of which a line that holds has a head."""
        return frozenset(chain for line in self.read()[0] for chain in line.heads)


def _whole_lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1]


def _parse_line(text: bytes) -> Line | None:
    try:
        raw: dict[str, Any] = json.loads(text)
        heads = {str(chain): (int(number), str(digest)) for chain, (number, digest) in raw["heads"].items()}
        restored = Restored.parse(raw["restored"]) if "restored" in raw else None
        closed = Closed.parse(raw["closed"]) if "closed" in raw else None
        parts = tuple(str(part) for part in raw["parts"])
        return Line(**{**raw, "heads": heads, "parts": parts, "restored": restored, "closed": closed})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _read_last(handle: int) -> Line | None:
    """Return the last whole line of an open file; what was half written after it, by a crash, is cut off."""
    size = os.fstat(handle).st_size
    reach = _TAIL
    while True:
        start = max(0, size - reach)
        tail = os.pread(handle, size - start, start)
        end = tail.rfind(b"\n")
        before = tail.rfind(b"\n", 0, max(end, 0))
        if start == 0 or (end >= 0 and before >= 0) or reach >= _LINE:
            break
        reach *= 4
    if end < 0:
        if size:
            os.ftruncate(handle, 0)
        return None
    if start + end + 1 < size:
        os.ftruncate(handle, start + end + 1)
    line = _parse_line(tail[before + 1 : end])
    if line is None:
        raise DataError(
            "the last anchor of the audit log is none of ours.",
            "Keep a copy of the file as it is and tell the data protection officer: `sooner verify-log` says more.",
        )
    return line


def _tell_syslog(line: Line) -> None:
    if os.environ.get("SOONER_ANCHORS_SYSLOG") == "1":
        import syslog

        syslog.syslog(syslog.LOG_INFO | syslog.LOG_AUTH, f"sooner anchor {line.number} {line.signature}")
