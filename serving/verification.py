"""Whether everything that should be there is, and is what was written: logs, anchors, rows, parts.

    anchors outside   chained, counted, signed           every entry that a line names is there, and is the one
    both logs         keyed chains                       no entry was edited, removed, moved or written anew
    the database      each row is as the log tells       lists, referrals, who their people are, decisions, records
    the workspace     each part that was ever named      vault, ledger, log, bundles, live states

`verify_logs` reads all of it; `require_whole` asks at a start what costs little.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from charter.errors import DataError
from charter.invocation import Invocation
from charter.signing.closures import ALL
from charter.vault.anchors import Anchors, Line, Restored
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from charter.vault.log import KEEP_A_COPY, Entry, FileLog, find_faults, find_unanchored
from charter.vault.workspace_parts import find_parts, name_missing
from serving.identity import identify_command
from serving.store.place import is_begun
from serving.store.store import Store, make_store

__all__ = ["Verification", "require_whole", "verify_logs"]


@dataclass(frozen=True)
class Verification:
    """What was verified: entries by chain, anchors, and notes of what a crash left, which harms nothing."""

    chains: Mapping[str, int]
    anchors: int
    notes: tuple[str, ...]


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Leave out looking for garbage: of a hundred thousand entries, all in use, it takes a third of the time."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


@_without_collecting()
def verify_logs(invocation: Invocation) -> Verification:
    """Verify all there is, and write in the log that it was read.

    Raises DataError naming everything that was edited, removed, moved, put in another's place, or is not there.
    """
    workspace = invocation.workspace
    key = Key.load(invocation.council, workspace).derive(LOG_PURPOSE)
    anchors = Anchors.of(workspace, key)
    lines, faults = anchors.read()
    typed, typed_faults = _read_typed(FileLog(workspace.log))
    faults += typed_faults
    if not is_begun(workspace) and not lines and not typed:
        return Verification({}, 0, ())
    unkeyed = {chain: number for line in lines if line.begins for chain, (number, _) in line.heads.items()}
    if not is_begun(workspace):
        if any(chain != FileLog.chain for line in lines for chain in line.heads):
            faults.append("the casework database is not there, and there was one")
        faults += find_faults(typed, entry_key=key, unkeyed=unkeyed) + _find_unanchored(lines, typed)
        faults += name_missing(anchors.parts(), find_parts(workspace))
        _raise_faults(faults)
        return _summarise(typed, lines, FileLog(workspace.log))
    store = make_store(workspace, chain="verify", key=key)
    try:
        entries = [*typed, *store.entries()]
        faults += find_faults(entries, store.signed_anchors(), key, entry_key=key, unkeyed=unkeyed)
        faults += _find_unanchored(lines, entries)
        faults += store.find_faults(entries)
        faults += name_missing(anchors.parts(), find_parts(workspace))
        detail = {"entries": len(entries), "faults": len(faults)}
        store.log(identify_command(), "log.verified", purpose="evaluate", detail=detail)
    finally:
        store.close()
    _raise_faults(faults)
    return _summarise(entries, lines, FileLog(workspace.log))


def require_whole(invocation: Invocation, store: Store) -> None:
    """Raise DataError where a part that was there is not, or the end of a chain is not the one that was anchored.

    For a start: it reads the anchors, and of the log only what their last lines name.
    """
    workspace = invocation.workspace
    key = Key.load(invocation.council, workspace).derive(LOG_PURPOSE)
    anchors = Anchors.of(workspace, key)
    lines, faults = anchors.read()
    heads = _read_standing_heads(lines)
    typed, typed_faults = _read_typed(FileLog(workspace.log))
    ends = {entry.chain: {entry.number: entry} for entry in store.entries_at(heads)}
    for entry in typed:
        ends.setdefault(entry.chain, {})[entry.number] = entry
    faults += typed_faults + find_unanchored(heads, ends, lines[-1].at if lines else "")
    faults += name_missing(anchors.parts(), find_parts(workspace))
    _raise_faults(faults)


def _read_typed(log: FileLog) -> tuple[list[Entry], list[str]]:
    try:
        entries = log.entries()
        return entries, log.find_file_faults(entries)
    except DataError as error:
        return [], [error.message.rstrip(".")]


def _read_standing_heads(lines: Iterable[Line]) -> dict[str, tuple[int, str]]:
    """Return how far lines say that each chain had come, without what went with a restore since."""
    heads: dict[str, tuple[int, str]] = {}
    for line in lines:
        if line.restored:
            heads = {chain: head for chain, head in heads.items() if not line.restored.took(chain, head[0])}
        heads |= line.heads
    return heads


def _find_unanchored(lines: Sequence[Line], entries: Iterable[Entry]) -> list[str]:
    """Return, of each chain, the first entry that a line names and that is not there, or is another.

    What a later line says went with a restore is no fault.
    """
    named = {(chain, number) for line in lines for chain, (number, _) in line.heads.items()}
    chains: dict[str, dict[int, Entry]] = {}
    for entry in entries:
        if (entry.chain, entry.number) in named:
            chains.setdefault(entry.chain, {})[entry.number] = entry
    faults: dict[str, str] = {}
    restores = [(line.number, line.restored) for line in lines if line.restored]
    for line in lines:
        for chain, head in line.heads.items():
            went = any(number > line.number and restored.took(chain, head[0]) for number, restored in restores)
            if not went and chain not in faults and (found := find_unanchored({chain: head}, chains, line.at)):
                faults[chain] = found[0]
    return list(faults.values())


def _raise_faults(faults: Sequence[str]) -> None:
    if faults:
        several = f" ({len(faults)} faults)" if len(faults) > 1 else ""
        raise DataError(f"the audit log is broken{several}: {'; '.join(faults)}.", KEEP_A_COPY)


def _summarise(entries: Iterable[Entry], lines: Sequence[Line], log: FileLog) -> Verification:
    chains: dict[str, int] = {}
    anchored = {chain: number for chain, (number, _) in _read_standing_heads(lines).items()}
    for entry in entries:
        chains[entry.chain] = chains.get(entry.chain, 0) + 1
    notes = [_tell_restore(line.at, line.restored) for line in lines if line.restored]
    notes += [
        f"{'everything' if line.closed.target == ALL else line.closed.target} was closed at {line.at}: "
        f"{len(line.closed.lost_parts)} parts went with it (certificate {line.closed.certificate[:16]})"
        for line in lines
        if line.closed
    ]
    notes += [
        f"{number - anchored.get(chain, 0)} entries of chain {chain!r} came after its last anchor"
        for chain, number in sorted(chains.items())
        if number > anchored.get(chain, 0)
    ]
    if log.path.exists() and not _ends_whole(log):
        notes.append(f"the last line of {log.path.name} was only half written, by a crash; nothing else is missing")
    return Verification(dict(sorted(chains.items())), len(lines), tuple(notes))


def _tell_restore(at: str, restored: Restored) -> str:
    """Say who put a copy in the place of what was newer, when and why, and which acts went with it."""
    lost = [
        f"{chain} {first} to {last}" if last > first else f"{chain} {first}"
        for chain, (first, last) in sorted(restored.lost.items())
    ]
    acts = sum(last - first + 1 for first, last in restored.lost.values())
    went = f"{acts} acts logged since went with it ({', '.join(lost)})" if acts else "no logged act went with it"
    return (
        f"{', '.join(restored.which)} restored at {at} by {restored.who} ({restored.role}), because "
        f"{restored.why!r}, from the backup of {restored.taken_at} (manifest {restored.manifest[:16]}): {went}"
    )


def _ends_whole(log: FileLog) -> bool:
    with log.path.open("rb") as handle:
        if handle.seek(0, os.SEEK_END) == 0:
            return True
        handle.seek(-1, os.SEEK_END)
        return handle.read(1) == b"\n"
