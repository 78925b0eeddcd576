"""What linking found: each reference's person and why, and the pairs that were left for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from features.linking.matching.pair_weights import Model
from features.linking.parameters import Level

__all__ = ["Link", "Linkage", "Pair"]


@dataclass(frozen=True)
class Link:
    """Why a reference belongs to its person: `other` is the reference it was joined through; weight in bits."""

    ref: str
    other: str | None
    method: str
    weight: float | None
    evidence: str
    bits: tuple[float, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two references left for a person: the weight in bits, the evidence in words, and the rule that left them.

    `bits`: what the weight is made of (pair_weights.weigh_parts), the evidence in its order between first and last.
    """

    one: str
    other: str
    weight: float
    evidence: str
    rule: str
    bits: tuple[float, ...] = ()


@dataclass(frozen=True)
class Linkage:
    """Each reference's person (by a representative reference), the link that put it there; pairs left for review.

    `uncertain`: the references that are with their person by a link of less than `certain` bits: of the two sides that
    it joined, the one with fewer references. `model` and `comparisons`: what was learned and measured.
    `expected_wrong`: how many links are wrong if the weights are right.
    """

    representative: Mapping[str, str]
    links: Mapping[str, Link]
    uncertain: Set[str]
    review: Sequence[Pair]
    model: Model
    comparisons: Mapping[str, Sequence[Level]]
    expected_wrong: float
