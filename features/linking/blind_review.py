"""How right linkage is where nobody knows who is whom: pairs drawn by lot, read by two who don't see each other's word.

drawn      from every stratum (how a pair was joined, or by which rule left) so many of all its pairs, by a seed
read       on the pages or at a terminal (charter.vault.blind_pairs)
reckoned   each pair for as many as it stands for (charter.rules.certainty.linked_shares)
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from charter.errors import DataError, UsageError
from charter.invocation import Invocation
from charter.rules.certainty.linked_shares import LinkedShares, reckon_shares
from charter.vault.blind_pairs import DrawnPair, Reading, file_readings, keep_sample, list_unread, read_pairs
from charter.vault.key import Key
from charter.vault.vault import Log, Vault
from features.linking.review import Candidate, open_links, require_reviewer
from features.linking.review_sheets import leave_blind_sheets

__all__ = ["draw_pairs", "keep_readings", "list_candidates", "reckon_accuracy"]


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
    chosen = [
        (refs, stratum)
        for stratum, count in _allot(size, {stratum: len(pairs) for stratum, pairs in strata.items()}).items()
        for refs in chance.sample(strata[stratum], count)
    ]
    chance.shuffle(chosen)
    pairs = [DrawnPair(refs, of, place, of.startswith("joined")) for place, (refs, of) in enumerate(chosen)]
    counts = {of: (sum(pair.stratum == of for pair in pairs), len(every)) for of, every in strata.items()}
    log({"action": "link sample", "role": reviewer, "reason": reason, "count": len(pairs), "seed": seed})
    vault = _open_vault(invocation)
    keep_sample(vault, pairs, counts, snapshot.name, seed)
    with open_links(snapshot) as database:
        leave_blind_sheets(database, vault, snapshot.name, database.view("links"), [pair.refs for pair in pairs])
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


def list_candidates(invocation: Invocation, reader: str) -> Sequence[Candidate]:
    """Return the pairs that a reader has not read yet, in order, as a reader is shown them."""
    return [Candidate(*pair.refs, None, "", ((), ())) for pair in list_unread(_open_vault(invocation), reader)]


def keep_readings(
    invocation: Invocation, sayings: Mapping[str, str], *, reader: str, role: str, reason: str, log: Log
) -> int:
    """File what a reader says of drawn pairs, by their names; return how many.

    Raises CharterError for a role that may not review, and what `file_readings` raises.
    """
    reviewer = require_reviewer(invocation.roles, role, reason)
    return file_readings(_open_vault(invocation), sayings, Reading(reader, reviewer, reason), log=log)


def reckon_accuracy(invocation: Invocation, *, role: str, reason: str, log: Log) -> LinkedShares:
    """Return precision and recall of what was linked, by the readings, each pair for as many as it stands for.

    Raises CharterError for a role that may not review, DataError where nothing was drawn or nothing is settled.
    """
    reviewer = require_reviewer(invocation.roles, role, reason)
    vault = _open_vault(invocation)
    log({"action": "link accuracy", "role": reviewer, "reason": reason, "count": len(read_pairs(vault))})
    return reckon_shares(vault)
