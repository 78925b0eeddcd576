"""Pairs of records drawn by lot and read twice: the drawn pairs, what each reader says, and what is settled by it.

    drawn     in a mixed order, nothing said of weight, rule, or of being joined
    read      by a first and a second reader, neither of whom sees the other's word
    settled   the two say the same, or the third, who reads what they differ on; else it stays open

How pairs are drawn is features.linking.blind_review, what they say of linkage charter.rules.certainty.linked_shares.
Sample and readings are papers of the vault; an erasure takes the pairs of whoever is erased out of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from charter.errors import DataError, UsageError
from charter.vault.link_judgements import DIFFERENT, SAME, SAYINGS, name_pair
from charter.vault.vault import Log, Vault

__all__ = [
    "PAIR_PAPER",
    "READERS",
    "READING_PAPER",
    "DrawnPair",
    "Reading",
    "file_readings",
    "find_reader",
    "keep_sample",
    "list_unread",
    "read_pairs",
    "read_readings",
    "read_strata",
    "settle_pair",
    "settle_readings",
]

READERS = ("first", "second", "third")
PAIR_PAPER, READING_PAPER, _SAMPLE_PAPER = "link pair", "link reading", "link sample"


@dataclass(frozen=True)
class DrawnPair:
    """A pair that was drawn: its stratum, its place in the order of reading, and whether linkage had joined it."""

    refs: tuple[str, str]
    stratum: str
    place: int
    joined: bool

    @property
    def name(self) -> str:
        """What the pair is called."""
        return name_pair(*self.refs)


@dataclass(frozen=True)
class Reading:
    """Who reads, and why: `reader` is first, second or third, `user` the id of a person who is signed in."""

    reader: str
    role: str
    reason: str
    user: str = ""


def keep_sample(
    vault: Vault, pairs: Sequence[DrawnPair], strata: Mapping[str, tuple[int, int]], snapshot: str, seed: int
) -> None:
    """Keep what was drawn; a sample drawn before is dropped with its readings."""
    vault.replace_papers(READING_PAPER, {})
    vault.replace_papers(PAIR_PAPER, {f"{pair.place:06}": json.dumps(asdict(pair)).encode() for pair in pairs})
    header = {"refs": [], "snapshot": snapshot, "seed": seed, "strata": strata}
    vault.file_paper(_SAMPLE_PAPER, "newest", json.dumps(header).encode())


def read_pairs(vault: Vault) -> Sequence[DrawnPair]:
    """Return what was drawn, in the order of reading; nothing where nothing was."""
    rows = [json.loads(paper) for paper in vault.papers(PAIR_PAPER).values()]
    return sorted((DrawnPair(**{**row, "refs": tuple(row["refs"])}) for row in rows), key=lambda pair: pair.place)


def read_strata(vault: Vault) -> Mapping[str, tuple[int, int]]:
    """Return how many pairs of each stratum were drawn, of how many."""
    strata: Mapping[str, tuple[int, int]] = json.loads(vault.papers(_SAMPLE_PAPER)["newest"])["strata"]
    return strata


def _require_pairs(vault: Vault) -> Sequence[DrawnPair]:
    pairs = read_pairs(vault)
    if not pairs:
        raise DataError("no pairs were drawn to be read.", "Draw some: `sooner link blind draw --size 200`.")
    return pairs


def read_readings(vault: Vault) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """Return what each reader says of each pair."""
    readings: dict[tuple[str, str], dict[str, str]] = {}
    for row in (json.loads(paper) for paper in vault.papers(READING_PAPER).values()):
        first, other = row["refs"]
        readings.setdefault((first, other), {})[row["reader"]] = row["says"]
    return readings


def find_reader(vault: Vault, user: str) -> str:
    """Return which reader somebody who is signed in is: the one they were, else the first that nobody is yet; or ''.

    So nobody reads a pair twice, whatever they say of themselves.
    """
    users: dict[str, set[str]] = {}
    for row in (json.loads(paper) for paper in vault.papers(READING_PAPER).values()):
        users.setdefault(row["reader"], set()).add(row.get("user", ""))
    theirs = [reader for reader in READERS if user in users.get(reader, ())]
    free = [reader for reader in READERS if reader not in users]
    return next(iter([*theirs, *free]), "")


def list_unread(vault: Vault, reader: str) -> Sequence[DrawnPair]:
    """Return the pairs that a reader has not read yet, in order; for the third those on which the two differ.

    Raises UsageError for another reader, DataError where nothing was drawn.
    """
    _require_reader(reader)
    readings = read_readings(vault)
    unread = [pair for pair in _require_pairs(vault) if reader not in readings.get(pair.refs, {})]
    if reader != READERS[2]:
        return unread
    return [pair for pair in unread if _is_disputed(readings.get(pair.refs, {}))]


def _require_reader(reader: str) -> None:
    if reader not in READERS:
        raise UsageError(f"{reader!r} is no reader.", f"Give --reader one of: {', '.join(READERS)}.")


def _is_disputed(said: Mapping[str, str]) -> bool:
    return {"first", "second"} <= said.keys() and said["first"] != said["second"]


def file_readings(vault: Vault, sayings: Mapping[str, str], reading: Reading, *, log: Log) -> int:
    """File what a reader says of drawn pairs, by their names; return how many. No judgement is made of them.

    Raises UsageError for a reader, pair or saying that there is not, and for the third on a pair that the two do not
    differ on: all are filed, or none.
    """
    _require_reader(reading.reader)
    by_name = {pair.name: pair for pair in _require_pairs(vault)}
    readings = read_readings(vault)
    for name, says in sayings.items():
        if name not in by_name or says not in SAYINGS:
            raise UsageError(f"{name}={says} reads no drawn pair.", f"Write PAIR=SAYING: {', '.join(SAYINGS)}.")
        if reading.reader == READERS[2] and not _is_disputed(readings.get(by_name[name].refs, {})):
            raise UsageError(f"the two readers do not differ on {name}.", "The third reads only what they differ on.")
    for name, says in sayings.items():
        pair = by_name[name]
        log({"action": "link reading", "role": reading.role, "reason": reading.reason, "subjects": list(pair.refs),
             "count": 2})  # fmt: skip
        row = {"refs": list(pair.refs), "reader": reading.reader, "says": says, "role": reading.role}
        row |= {"at": datetime.now(UTC).isoformat(timespec="seconds")}
        row |= {"user": reading.user} if reading.user else {}
        vault.file_paper(READING_PAPER, f"{pair.place:06} {reading.reader}", json.dumps(row).encode())
    return len(sayings)


def settle_readings(vault: Vault) -> Mapping[tuple[str, str], bool]:
    """Return of each drawn pair that is settled whether it is one person; none where nothing was drawn or read."""
    settled = {refs: settle_pair(said) for refs, said in read_readings(vault).items()}
    return {refs: says for refs, says in settled.items() if says is not None}


def settle_pair(said: Mapping[str, str]) -> bool | None:
    """Return what two readers agree on, or else the third says; None: open."""
    if not {"first", "second"} <= said.keys():
        return None
    word = said.get("third", "") if _is_disputed(said) else said["first"]
    return {SAME: True, DIFFERENT: False}.get(word)
