"""Whether the rows of the casework database are those that the log tells of: each row's digest is in an entry.

    list.issued        of the list, and of each referral as it was issued, with its people and its record's digest
    referral.decided   of the decision
    list.adopted, decision.adopted   the same of what an older Sooner filed, said when it was upgraded
    case.ended, list.ended   that it was past its date, and nothing of it is there any more

What may change of a referral (status, version, team, whether it was taken off) follows from the entries about it, so it
is worked out again. Digests are keyed: a note could be guessed from any other.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from charter.vault.log import Entry
from serving.store.issued import Decision, IssuedList, Referral

__all__ = ["Casework", "digest_decision", "digest_list", "digest_referral", "find_false_rows"]

_ISSUED = (
    "id",
    "programme",
    "list",
    "entity",
    "rank",
    "margin",
    "band",
    "arm",
    "snapshot",
    "matrix",
    "bundle",
    "digest",
)
"""What of a referral never changes."""


@dataclass(frozen=True)
class Casework:
    """The rows of the database: lists, referrals with the people of each, and decisions, notes unsealed."""

    lists: Sequence[IssuedList]
    referrals: Sequence[Referral]
    members: Mapping[str, Sequence[str]]
    decisions: Sequence[Decision]
    undone: frozenset[tuple[str, int]] = frozenset()


@dataclass
class _Expected:
    """What the log says a referral is by now."""

    team: str
    first_status: str
    digest: str
    version: int = 1
    removed: str = ""
    moved: int = 0
    deleted: bool = False
    decided: dict[int, str] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)

    @property
    def status(self) -> str:
        """The newest decision that stands, by the version that it was made on; what it was at first where none does."""
        standing = {version: status for version, status in self.decided.items() if version not in self.undone}
        return standing[max(standing)] if standing else self.first_status


@dataclass
class _Told:
    """All that the log says there is."""

    lists: dict[tuple[str, str], str] = field(default_factory=dict)
    referrals: dict[str, _Expected] = field(default_factory=dict)
    decisions: dict[tuple[str, int], str] = field(default_factory=dict)
    undone: set[tuple[str, int]] = field(default_factory=set)


def _digest(key: bytes, value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=repr)
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def digest_list(key: bytes, header: IssuedList) -> str:
    """Return the digest of a list's row: 32 hexadecimal digits."""
    return _digest(key, {**asdict(header), "excluded": dict(header.excluded)})


def digest_referral(key: bytes, referral: Referral, people: Iterable[str]) -> str:
    """Return the digest of what never changes of a referral, with its people: 32 hexadecimal digits."""
    return _digest(key, [*(getattr(referral, name) for name in _ISSUED), sorted(people)])


def digest_decision(key: bytes, decision: Decision) -> str:
    """Return the digest of a decision's row, its note unsealed: 32 hexadecimal digits."""
    return _digest(key, asdict(decision))


def find_false_rows(key: bytes, entries: Iterable[Entry], casework: Casework) -> list[str]:
    """Return each row that is not as the log tells, or that it tells of and that is not there."""
    told = _read_told(list(entries))
    return [
        *_compare_lists(key, told, casework),
        *_compare_referrals(key, told, casework),
        *_compare_decisions(key, told, casework),
    ]


def _read_told(entries: Sequence[Entry]) -> _Told:
    """Return what the log says there is; an entry that makes no sense any more was edited, and is named as that."""
    told = _Told()
    undone = [entry for entry in entries if entry.action == "referral.undone"]
    others = [entry for entry in entries if entry.action != "referral.undone"]
    for take_in in (_take_rows, _follow_change):
        # What was undone comes after what it undoes, in whichever chain each is.
        for entry in (*others, *undone):
            with suppress(ValueError, TypeError, KeyError, IndexError, AttributeError):
                take_in(told, entry)
    gone = {name for name, referral in told.referrals.items() if referral.deleted}
    told.decisions = {place: digest for place, digest in told.decisions.items() if place[0] not in gone}
    told.undone = {place for place in told.undone if place[0] not in gone}
    return told


def _take_rows(told: _Told, entry: Entry) -> None:
    """Take in the rows that an entry tells of."""
    detail = entry.detail
    if entry.action in ("list.issued", "list.adopted") and "rows" in detail:
        programme, _, name = entry.subject.partition("/")
        told.lists[programme, name] = str(detail.get("list", ""))
        for referral, row in detail["rows"].items():
            told.referrals[referral] = _Expected(str(row[1]), str(row[2]), str(row[0]), int(row[3]), str(row[4]))
    elif entry.action == "referral.undone":
        told.undone.add((entry.subject, int(detail["version"])))
    elif entry.action in ("referral.decided", "decision.adopted") and "decision" in detail:
        told.decisions[entry.subject, int(detail["version"])] = str(detail["decision"])


def _follow_change(told: _Told, entry: Entry) -> None:
    """Take an act on a referral into what it should be by now; acts come in no order but their versions'."""
    if entry.action == "list.ended":
        programme, _, name = entry.subject.partition("/")
        told.lists.pop((programme, name), None)
    referral, detail = told.referrals.get(entry.subject), entry.detail
    if referral is None:
        return
    if entry.action == "referral.decided" and "decision" in detail:
        referral.version += 1
        referral.decided[int(detail["version"])] = str(detail["disposition"])
    elif entry.action == "referral.undone" and int(detail["version"]) in referral.decided:
        referral.version += 1
        referral.undone.add(int(detail["version"]))
    elif entry.action == "referral.transferred" and "version" in detail:
        referral.version += 1
        if int(detail["version"]) >= referral.moved:
            referral.moved, referral.team = int(detail["version"]), str(detail["to"])
    elif entry.action == "referral.removed" and detail.get("changed"):
        referral.version += 1
        referral.removed = str(detail["why"])
    elif entry.action in ("second_look.deleted", "case.ended"):
        referral.deleted = True


def _compare_lists(key: bytes, told: _Told, casework: Casework) -> Iterable[str]:
    there = {(header.programme, header.id): header for header in casework.lists}
    for programme, name in sorted(told.lists.keys() - there.keys()):
        yield f"the list {programme}/{name} was removed"
    for where, header in sorted(there.items()):
        if where not in told.lists:
            yield f"the list {'/'.join(where)} is in no entry of the log"
        elif told.lists[where] != digest_list(key, header):
            yield f"the list {'/'.join(where)} was edited"


def _compare_referrals(key: bytes, told: _Told, casework: Casework) -> Iterable[str]:
    there = {referral.id: referral for referral in casework.referrals}
    expected = {name: referral for name, referral in told.referrals.items() if not referral.deleted}
    for name in sorted(expected.keys() - there.keys()):
        yield f"the referral {name} was removed"
    for name, referral in sorted(there.items()):
        should = expected.get(name)
        if should is None:
            yield f"the referral {name} is in no entry of the log"
        elif should.digest != digest_referral(key, referral, casework.members.get(name, ())):
            yield f"the referral {name}, or who its people are, was edited"
        else:
            now = (referral.team, referral.status, referral.version, referral.removed)
            if now != (should.team, should.status, should.version, should.removed):
                yield f"the state of the referral {name} is not what the log tells"


def _compare_decisions(key: bytes, told: _Told, casework: Casework) -> Iterable[str]:
    there = {(decision.referral, decision.version): decision for decision in casework.decisions}
    for referral, version in sorted(told.decisions.keys() - there.keys()):
        yield f"the decision on version {version} of the referral {referral} was removed"
    for referral, version in sorted(told.undone ^ casework.undone):
        yield f"that the decision on version {version} of the referral {referral} was undone is not what the log tells"
    for (referral, version), decision in sorted(there.items()):
        digest = told.decisions.get((referral, version))
        if digest is None:
            yield f"the decision on version {version} of the referral {referral} is in no entry of the log"
        elif digest != digest_decision(key, decision):
            yield f"the decision on version {version} of the referral {referral} was edited"
