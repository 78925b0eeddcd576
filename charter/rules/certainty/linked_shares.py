"""How right linkage is, of pairs drawn by lot and read twice: precision and recall, and how sure both are.

Each pair counts for as many of its stratum as it stands for: precision of what was joined; recall of what was joined
among that and what is left for a person.

    stratum      pairs   drawn   one person        a pair of the first stands for 10, of the second for 2
    certain        500      50           50        precision (500 + 60 x 27/30) / 560
    uncertain       60      30           27
    left: close     40      20            5        recall: right ones joined, to those and 40 x 5/20

An interval draws the share of each stratum from what its readings leave likely (Jeffreys' beta distribution), so that a
stratum without a single wrong pair is not taken for one that has none. What stays open counts against at the lower end
and for at the upper. Pairs weaker than those left for a person are not drawn: recall says nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from charter.vault.blind_pairs import DrawnPair, read_pairs, read_readings, read_strata, settle_pair
from charter.vault.vault import Vault

__all__ = ["LinkedShares", "reckon_shares"]

_DRAWS = 4000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinkedShares:
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


def reckon_shares(vault: Vault) -> LinkedShares:
    """Return precision and recall of what was linked, by the readings; raise DataError where nothing is settled."""
    pairs, readings = read_pairs(vault), read_readings(vault)
    settled = {pair.refs: settle_pair(readings.get(pair.refs, {})) for pair in pairs}
    if all(says is None for says in settled.values()):
        raise DataError("no pair is settled yet.", "Two readers read each: `sooner link blind read --reader first`.")
    strata = read_strata(vault)
    one_person = {name: _count(name, pairs, settled) for name in strata}
    sizes = {name: float(of) for name, (_, of) in strata.items()}
    by_pair = [readings.get(pair.refs, {}) for pair in pairs]
    twice = [words for words in by_pair if words.keys() >= {"first", "second"}]
    return LinkedShares(
        *_find_shares(one_person, sizes),
        len(twice),
        sum(words["first"] == words["second"] for words in twice),
        sum(says is None for says in settled.values()),
        len(pairs),
        tuple(pair.name for pair in pairs if settled[pair.refs] is (not pair.joined)),
    )


def _count(
    stratum: str, pairs: Sequence[DrawnPair], settled: Mapping[tuple[str, str], bool | None]
) -> tuple[int, int, int]:
    """Return of a stratum's drawn pairs how many are one person, two, and open."""
    words = [settled[pair.refs] for pair in pairs if pair.stratum == stratum]
    return words.count(True), words.count(False), words.count(None)


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
    shares = []
    for measure in (_find_precision, _find_recall):
        estimate = float(measure(share[None, :], size, joined)[0])
        low, high = (
            np.quantile(measure(draws, size, joined), at) for draws, at in zip(ends, (0.025, 0.975), strict=True)
        )
        shares.append((estimate, float(low), float(high)))
    return shares[0], shares[1]


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
