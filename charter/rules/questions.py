"""The board's questions, one `[[gate]]` each: what is measured, of whom, and how large a gap it accepts.

`charter.rules.gate` answers them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from charter.council.reading import Table
from charter.errors import CharterError

__all__ = ["HARMS", "MEASURES", "NOT_SHARES", "PAIRED", "STAGES", "Gate", "pairs", "read_gate"]

PAIRED = ("selection_rate", "recall", "false_positive_rate")
"""What is measured of two characteristics together."""

HARMS = ("missed help", "unwanted contact")

STAGES = ("test", "shadow", "live")
"""When a gate is asked: of the past, of lists that nobody has seen, and of lists whose outcomes are known."""

MEASURES: Mapping[str, str] = {
    "selection_rate": "the share on a worklist",
    "recall": "the share of those with a later need who were on a worklist",
    "false_negative_rate": "the share of those with a later need who were on no worklist",
    "false_positive_rate": "the share of those without a later need who were on a worklist",
    "precision": "the share of those on a worklist who had a later need",
    "false_discovery_rate": "the share of those on a worklist who had no later need",
    "false_omission_rate": "the share of those on no worklist who had a later need",
    "recorded_per_independent": "the number of needs that we recorded for each independent sign of need",
    "recorded_given_independent": "the share with a recorded need among those with an independent sign of one",
    "recall_of_independent": "the share on a worklist among those with an independent sign of need",
    "seen": "the share of people whom a service could see",
    "kept": "the share of those on a worklist who were on the next one too",
    "overridden": "the share of those on a worklist whom a worker or reviewer would not have offered help",
    "listed_of_reviewed": "the share on a worklist among those whom a reviewer, not knowing it, would have helped",
}
"""The measures a gate may ask about, in plain words."""

NOT_SHARES = frozenset({"recorded_per_independent"})
"""The measures that are no share of anything and may be above 1."""


@dataclass(frozen=True)
class Gate:
    """One question of the board: a group against everyone else, a limit on the gap and a bound on the figure itself.

    With `statistic = "ratio"` the limit is the group's figure divided by everyone else's: below 1 it must be at
    least that, above 1 at most. With "difference" it is the group's minus everyone else's: negative, at least;
    positive, at most. `floor` (or `ceiling`) bounds the figures themselves, so that making everyone else worse off
    closes a gap but not the gate. Fewer people with the outcome than `minimum_positives` is never an answer. `stages`
    says when it is asked. Of a pair ("ethnicity and sex") an answer that cannot be told informs, and stops nothing.
    """

    id: str
    question: str
    harm: str
    measure: str
    characteristic: str
    statistic: str
    limit: float
    bound: float
    minimum_positives: int
    stages: tuple[str, ...] = ("test",)

    @property
    def of_pair(self) -> bool:
        """Whether it asks about two characteristics together."""
        return " and " in self.characteristic

    @property
    def at_least(self) -> bool:
        """Whether too little of the measure is the harm (else too much of it is)."""
        return self.limit < (1.0 if self.statistic == "ratio" else 0.0)


def pairs(characteristics: Sequence[str]) -> tuple[str, ...]:
    """Return the name of every pair of characteristics, as findings and gates call it."""
    return tuple(f"{one} and {other}" for one, other in combinations(characteristics, 2))


def read_gate(row: Table, characteristics: Sequence[str]) -> Gate:
    """Read one [[gate]]; raise CharterError for a word that is not known, or a limit that can't be kept."""
    statistic = row.one_of("statistic", ("ratio", "difference"))
    limit = row.number("limit")
    neutral = 1.0 if statistic == "ratio" else 0.0
    if limit == neutral or (statistic == "ratio" and limit <= 0):
        raise CharterError(
            f"charter.toml: the limit of {row.where} is {limit}, which no two groups could ever be sure to keep.",
            "Write the worst ratio below or above 1 (or difference below or above 0) that the board accepts.",
        )
    gate = Gate(
        id=row.take("id", str),
        question=row.take("question", str),
        harm=row.one_of("harm", HARMS),
        measure=row.one_of("measure", MEASURES),
        characteristic=row.one_of("characteristic", [*characteristics, *pairs(characteristics)]),
        statistic=statistic,
        limit=limit,
        bound=row.number("floor" if limit < neutral else "ceiling"),
        minimum_positives=row.take("minimum_positives", int),
        stages=row.words("stages", default=["test"]),
    )
    if gate.of_pair and gate.measure not in PAIRED:
        raise CharterError(
            f"charter.toml: the gate {gate.id} asks {gate.measure} of a pair, which no audit measures.",
            f"Choose from: {', '.join(PAIRED)}.",
        )
    unknown = set(gate.stages) - set(STAGES)
    if unknown or not gate.stages:
        raise CharterError(
            f"charter.toml: the gate {gate.id} is asked at {', '.join(sorted(unknown)) or 'no stage'}.",
            f"Choose from: {', '.join(STAGES)}.",
        )
    row.done()
    return gate
