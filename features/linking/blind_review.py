"""How right linkage is where nobody knows who is whom: pairs drawn by lot, read by two who don't see each other's word.

    drawn      from every stratum (how a pair was joined, or by which rule left) so many of all its pairs, by a seed
    read       in a mixed order, each side with all its records, nothing said of weight, rule, or of being joined;
               the first reader and the second say the same of a pair, or the third is asked, or it stays open
    reckoned   each pair counts for as many as it stands for: precision of what was joined; recall of what was joined
               among that and what is left for a person

    stratum      pairs   drawn   one person        a pair of the first stands for 10, of the second for 2
    certain        500      50           50        precision (500 + 60 x 27/30) / 560
    uncertain       60      30           27
    left: close     40      20            5        recall: right ones joined, to those and 40 x 5/20

An interval draws the share of each stratum from what its readings leave likely (Jeffreys' beta distribution), so that a
stratum without a single wrong pair is not taken for one that has none. What stays open counts against at the lower end
and for at the upper. Pairs weaker than those left for a person are not drawn: recall says nothing of them.

Sample and readings are papers of the vault; an erasure takes the pairs of whoever is erased out of them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError, UsageError
from charter.invocation import Invocation
from charter.vault.key import Key
from charter.vault.vault import Log, Vault
from features.linking.judgements import DIFFERENT, SAME, SAYINGS
from features.linking.review import Candidate, open_links, require_reviewer

__all__ = [
    "PAIR_PAPER",
    "READERS",
    "READING_PAPER",
    "DrawnPair",
    "Reckoned",
    "draw_pairs",
    "file_readings",
    "list_unread",
    "reckon_accuracy",
    "settle_readings",
]

READERS = ("first", "second", "third")
PAIR_PAPER, READING_PAPER, _SAMPLE_PAPER = "link pair", "link reading", "link sample"
_DRAWS = 4000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DrawnPair:
    """A pair that was drawn: its stratum, its place in the order of reading, and whether linkage had joined it."""

    refs: tuple[str, str]
    stratum: str
    place: int
    joined: bool

    @property
    def candidate(self) -> Candidate:
        """The pair as a reader is shown it."""
        return Candidate(*self.refs, None, "", ((), ()))


@dataclass(frozen=True)
class Reckoned:
    """Shares as (estimate, from, to) at 95 %; pairs read by both, of those alike, open; wrongly joined or left."""

    precision: tuple[float, float, float]
    recall: tuple[float, float, float]
    read_twice: int
    alike: int
    unsettled: int
    drawn: int
    wrong: tuple[str, ...]

    def document(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)


_LINKED = """
    select least(ref, other_ref) as one, greatest(ref, other_ref) as other,
           'joined: ' || case when weight is null then method when certain then 'certain' else 'uncertain' end
               as stratum
    from links where other_ref is not null and method <> 'judged' and other_ref in (select ref from links)
    union
    select one, other, 'left: ' || if(rule = 'close', 'close', 'kept apart') from review
    where one in (select ref from links) and other in (select ref from links)
    order by all
"""


def draw_pairs(
    invocation: Invocation, *, size: int, seed: int, role: str, reason: str, log: Log
) -> Mapping[str, tuple[int, int]]:
    """Draw about `size` pairs of the newest linked snapshot; return how many of each stratum, of how many.

    Each stratum gives as many as any other, or all it has. A sample drawn before is dropped with its readings. Raises
    CharterError for a role that may not review, UsageError for a size below one, DataError where nothing is linked.
    """
    reviewer = require_reviewer(invocation.roles, role, reason)
    if size < 1:
        raise UsageError(f"a sample of {size} pairs says nothing.", "Give --size 100 or more.")
    snapshot = invocation.workspace.snapshot()
    strata: dict[str, list[tuple[str, str]]] = {}
    with open_links(snapshot) as database:
        for one, other, stratum in database.execute(_LINKED).fetchall():
            strata.setdefault(stratum, []).append((one, other))
    if not strata:
        raise DataError("no two records are joined or left for a person.", "Run `sooner link` on a new snapshot.")
    chance = random.Random(seed)  # noqa: S311  whoever has the seed can draw the same pairs again
    drawn = [
        (refs, stratum)
        for stratum, count in _allot(size, {stratum: len(pairs) for stratum, pairs in strata.items()}).items()
        for refs in chance.sample(strata[stratum], count)
    ]
    chance.shuffle(drawn)
    pairs = [DrawnPair(refs, of, place, of.startswith("joined")) for place, (refs, of) in enumerate(drawn)]
    counts = {of: (sum(pair.stratum == of for pair in pairs), len(every)) for of, every in strata.items()}
    log({"action": "link sample", "role": reviewer, "reason": reason, "count": len(pairs), "seed": seed})
    vault = _open_vault(invocation)
    for kind in (PAIR_PAPER, READING_PAPER):
        vault.drop_papers(kind, vault.papers(kind))
    for pair in pairs:
        vault.file_paper(PAIR_PAPER, f"{pair.place:06}", json.dumps(asdict(pair)).encode())
    header = {"refs": [], "snapshot": snapshot.name, "seed": seed, "strata": counts}
    vault.file_paper(_SAMPLE_PAPER, "newest", json.dumps(header).encode())
    return counts


def _allot(size: int, available: Mapping[str, int]) -> Mapping[str, int]:
    """Return how many each stratum gives, the smallest first: what it has not, the others give.

    size 90 of 10, 500, 800: 10, then 40 of the second and 40 of the third.
    """
    allotted: dict[str, int] = {}
    left = size
    for number, (stratum, count) in enumerate(sorted(available.items(), key=lambda of: (of[1], of[0]))):
        share = -(-left // (len(available) - number))
        allotted[stratum] = min(count, max(share, 1))
        left = max(left - allotted[stratum], 0)
    return allotted


def _open_vault(invocation: Invocation) -> Vault:
    workspace = invocation.workspace
    return Vault.open(workspace.vault, Key.load(invocation.council, workspace))


def _read_pairs(vault: Vault) -> Sequence[DrawnPair]:
    """Return what was drawn, in the order of reading; raise DataError where nothing was."""
    rows = [json.loads(paper) for paper in vault.papers(PAIR_PAPER).values()]
    if not rows:
        raise DataError("no pairs were drawn to be read.", "Draw some: `sooner link blind draw --size 200`.")
    return sorted((DrawnPair(**{**row, "refs": tuple(row["refs"])}) for row in rows), key=lambda pair: pair.place)


def _read_readings(vault: Vault) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """Return what each reader says of each pair."""
    readings: dict[tuple[str, str], dict[str, str]] = {}
    for row in (json.loads(paper) for paper in vault.papers(READING_PAPER).values()):
        one, other = row["refs"]
        readings.setdefault((one, other), {})[row["reader"]] = row["says"]
    return readings


def list_unread(invocation: Invocation, reader: str) -> Sequence[DrawnPair]:
    """Return the pairs that a reader has not read yet, in order; for the third those on which the two differ.

    Raises UsageError for another reader, DataError where nothing was drawn.
    """
    _require_reader(reader)
    vault = _open_vault(invocation)
    readings = _read_readings(vault)
    unread = [pair for pair in _read_pairs(vault) if reader not in readings.get(pair.refs, {})]
    if reader != READERS[2]:
        return unread
    return [pair for pair in unread if _is_disputed(readings.get(pair.refs, {}))]


def _require_reader(reader: str) -> None:
    if reader not in READERS:
        raise UsageError(f"{reader!r} is no reader.", f"Give --reader one of: {', '.join(READERS)}.")


def _is_disputed(said: Mapping[str, str]) -> bool:
    return {"first", "second"} <= said.keys() and said["first"] != said["second"]


def file_readings(
    invocation: Invocation, sayings: Mapping[str, str], *, reader: str, role: str, reason: str, log: Log
) -> int:
    """File what a reader says of drawn pairs, by their names; return how many. No judgement is made of them.

    Raises CharterError for a role that may not review, UsageError for a reader, pair or saying that there is not, and
    for the third on a pair that the two do not differ on: all are filed, or none.
    """
    reviewer = require_reviewer(invocation.roles, role, reason)
    _require_reader(reader)
    vault = _open_vault(invocation)
    by_name = {pair.candidate.name: pair for pair in _read_pairs(vault)}
    readings = _read_readings(vault)
    for name, says in sayings.items():
        if name not in by_name or says not in SAYINGS:
            raise UsageError(f"{name}={says} reads no drawn pair.", f"Write PAIR=SAYING: {', '.join(SAYINGS)}.")
        if reader == READERS[2] and not _is_disputed(readings.get(by_name[name].refs, {})):
            raise UsageError(f"the two readers do not differ on {name}.", "The third reads only what they differ on.")
    for name, says in sayings.items():
        pair = by_name[name]
        log({"action": "link reading", "role": reviewer, "reason": reason, "subjects": list(pair.refs), "count": 2})
        row = {"refs": list(pair.refs), "reader": reader, "says": says, "role": reviewer}
        row["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        vault.file_paper(READING_PAPER, f"{pair.place:06} {reader}", json.dumps(row).encode())
    return len(sayings)


def settle_readings(vault: Vault) -> Mapping[tuple[str, str], bool]:
    """Return of each drawn pair that is settled whether it is one person; none where nothing was drawn or read."""
    settled = {refs: _settle(said) for refs, said in _read_readings(vault).items()}
    return {refs: says for refs, says in settled.items() if says is not None}


def _settle(said: Mapping[str, str]) -> bool | None:
    """Return what two readers agree on, or else the third says; None: open."""
    if not {"first", "second"} <= said.keys():
        return None
    word = said.get("third", "") if _is_disputed(said) else said["first"]
    return {SAME: True, DIFFERENT: False}.get(word)


def reckon_accuracy(invocation: Invocation, *, role: str, reason: str, log: Log) -> Reckoned:
    """Return precision and recall of what was linked, by the readings, each pair for as many as it stands for.

    Raises CharterError for a role that may not review, DataError where nothing was drawn or nothing is settled.
    """
    reviewer = require_reviewer(invocation.roles, role, reason)
    vault = _open_vault(invocation)
    pairs, readings = _read_pairs(vault), _read_readings(vault)
    strata = json.loads(vault.papers(_SAMPLE_PAPER)["newest"])["strata"]
    settled = {pair.refs: _settle(readings.get(pair.refs, {})) for pair in pairs}
    log({"action": "link accuracy", "role": reviewer, "reason": reason, "count": len(pairs)})
    if all(says is None for says in settled.values()):
        raise DataError("no pair is settled yet.", "Two readers read each: `sooner link blind read --reader first`.")
    one_person = {name: _count(name, pairs, settled) for name in strata}
    sizes = {name: float(of) for name, (_, of) in strata.items()}
    twice = [said for pair in pairs if {"first", "second"} <= (said := readings.get(pair.refs, {})).keys()]
    return Reckoned(
        *_find_shares(one_person, sizes),
        len(twice),
        sum(said["first"] == said["second"] for said in twice),
        sum(says is None for says in settled.values()),
        len(pairs),
        tuple(pair.candidate.name for pair in pairs if settled[pair.refs] is (not pair.joined)),
    )


def _count(
    stratum: str, pairs: Sequence[DrawnPair], settled: Mapping[tuple[str, str], bool | None]
) -> tuple[int, int, int]:
    """Return of a stratum's drawn pairs how many are one person, two, and open."""
    said = [settled[pair.refs] for pair in pairs if pair.stratum == stratum]
    return said.count(True), said.count(False), said.count(None)


def _find_shares(
    counts: Mapping[str, tuple[int, int, int]], sizes: Mapping[str, float]
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return precision and recall as (estimate, from, to); nan where nothing tells.

    What is open: of the estimate it is left out; below, joined ones are two people and those left are one; above, the
    other way round. Where a stratum gave no pair that speaks against an end, that end is the whole or nothing, as in
    the modified Jeffreys interval (Brown, Cai and DasGupta 2001, Statistical Science 16:101, section 4.1.2): sixty
    right of sixty leave it possible that all are.
    """
    names = [name for name, (same, two, unsettled) in counts.items() if same + two + unsettled]
    joined = np.array([name.startswith("joined") for name in names])
    size = np.array([sizes[name] for name in names])
    told = np.array([counts[name] for name in names], dtype=float)
    usable = told[:, 0] + told[:, 1] > 0
    share = np.where(usable, told[:, 0] / np.maximum(told[:, 0] + told[:, 1], 1), np.nan)
    low_open = np.where(joined, 0.0, told[:, 2])
    chance = np.random.default_rng(0)
    ends = []
    for still_open, highest in ((low_open, ~joined), (told[:, 2] - low_open, joined)):
        same, two = told[:, 0] + still_open, told[:, 1] + told[:, 2] - still_open
        draws = chance.beta(same + 0.5, two + 0.5, (_DRAWS, len(names)))
        unopposed = np.where(highest, two == 0, same == 0)
        ends.append(np.where(unopposed, highest.astype(float), draws))
    found = []
    for measure in (_find_precision, _find_recall):
        estimate = float(measure(share[None, :], size, joined)[0])
        low, high = (
            np.quantile(measure(draws, size, joined), at) for draws, at in zip(ends, (0.025, 0.975), strict=True)
        )
        found.append((estimate, float(low), float(high)))
    return found[0], found[1]


def _find_precision(share: Floats, size: Floats, joined: Any) -> Floats:
    """Return the share of what was joined that is one person, of rows of shares by stratum."""
    result: Floats = (
        (share[:, joined] @ size[joined]) / size[joined].sum() if joined.any() else np.full(len(share), np.nan)
    )
    return result


def _find_recall(share: Floats, size: Floats, joined: Any) -> Floats:
    """Return what was joined and is one person, to that and what was left and is one, of rows of shares by stratum."""
    right, missed = share[:, joined] @ size[joined], share[:, ~joined] @ size[~joined]
    with np.errstate(invalid="ignore"):
        result: Floats = right / (right + missed)
    return result
