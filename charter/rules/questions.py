"""The board's questions, one `[[gate]]` each: what is measured, of whom, how large a gap it accepts and expects.

`charter.rules.gate` answers them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from charter.council.reading import Listed, MarkedRow, OneOf, RefersTo, Text, broken
from charter.council.slips import choose
from charter.rules import measures

__all__ = ["HARMS", "MEASURES", "NOT_SHARES", "PAIRED", "STAGES", "Gate", "Pooling", "pairs"]

PAIRED = ("selection_rate", "recall", "false_positive_rate")
"""What is measured of two characteristics together."""

HARMS = ("missed help", "unwanted contact", "later help")

STAGES = ("test", "shadow", "live")
"""When a gate is asked: of the past, of lists that nobody has seen, and of lists whose outcomes are known."""

MEASURES: Mapping[str, str] = {name: measure.asked for name, measure in measures.MEASURES.items() if measure.asked}
"""The measures a gate may ask about, in plain words."""

NOT_SHARES = frozenset(name for name, measure in measures.MEASURES.items() if not measure.bounded)
"""The measures that are no share of anything and may be above 1."""


class Gate(MarkedRow):
    """One question of the board: a group against everyone else, a limit on the gap and a bound on the figure itself.

    With `statistic = "ratio"` the limit is the group's figure divided by everyone else's: below 1 it must be at
    least that, above 1 at most. With "difference" it is the group's minus everyone else's: negative, at least;
    positive, at most. Of a pair ("ethnicity and sex") an answer that cannot be told informs, and stops nothing.
    """

    identity = "id"

    id: Annotated[Text, Field(description="Its id, in findings and waivers.", examples=["missed_help_sex"])]
    question: Annotated[
        Text,
        Field(
            description="What is asked, in words that a resident reads.",
            examples=["Do people of each sex who come to need help get onto a list equally often?"],
        ),
    ]
    harm: Annotated[str, OneOf(HARMS), Field(description="Which harm it guards from.", examples=["missed help"])]
    measure: Annotated[
        str, OneOf(tuple(MEASURES)), Field(description="What is measured of each group.", examples=["recall"])
    ]
    characteristic: Annotated[
        str,
        RefersTo("characteristic", "[audit]"),
        Field(
            description='Whose groups are compared: an [[audit.characteristic]], or two of them as "a and b".',
            examples=["sex"],
        ),
    ]
    statistic: Annotated[
        Literal["ratio", "difference"], Field(description="How two figures are compared.", examples=["ratio"])
    ]
    limit: Annotated[
        float,
        Field(
            description="The worst ratio (below or above 1) or difference (below or above 0) that the board accepts.",
            examples=[0.8],
        ),
    ]
    floor: Annotated[
        float | None,
        Field(
            ge=0,
            description="Where too little is the harm: the least that the group's own figure may be, so that making "
            "everyone else worse off closes a gap but not the gate.",
            examples=[0.02],
        ),
    ] = None
    ceiling: Annotated[
        float | None,
        Field(
            ge=0,
            description="Where too much is the harm: the most that the group's own figure may be.",
            examples=[0.05],
        ),
    ] = None
    floor_of_overall: Annotated[
        float | None,
        Field(
            gt=0,
            description="Instead of `floor`, so many times the overall rate: of the share of everybody who was listed "
            "where the measure is of lists (so 1 is what drawing the same places by lot would give), else of the "
            "measure's own figure over everybody.",
            examples=[1.0],
        ),
    ] = None
    ceiling_of_overall: Annotated[
        float | None,
        Field(
            gt=0,
            description="Instead of `ceiling`, so many times the overall rate, as with `floor_of_overall`.",
            examples=[2.0],
        ),
    ] = None
    minimum_positives: Annotated[
        int,
        Field(ge=0, description="Fewer people with the outcome than this are never an answer.", examples=[30]),
    ]
    too_few: Annotated[
        Literal["refer", "say"],
        Field(
            description='A group so small that no test could find a gap more often than not: "refer" leaves it to the '
            'board every time, "say" states it and lets the question be answered for the others.',
            examples=["say"],
        ),
    ] = "refer"
    ask_not_recorded: Annotated[
        bool,
        Field(
            description="Whether those whose group nobody recorded are asked about too; their figures are shown in any "
            "case.",
            examples=[False],
        ),
    ] = True
    stages: Annotated[
        Listed[Annotated[str, OneOf(STAGES)]],
        Field(
            min_length=1,
            description="When it is asked: of the past (test), of lists that nobody has seen (shadow), of lists whose "
            "outcomes are known (live).",
            examples=[["test", "live"]],
        ),
    ] = ("test",)

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        if self.limit == self.neutral or (self.statistic == "ratio" and self.limit <= 0):
            raise broken(
                f"is {self.limit:g}, which no two groups could ever be sure to keep",
                "Write the worst ratio below or above 1 (or difference below or above 0) that the board accepts.",
                key="limit",
            )
        bound, other = ("floor", "ceiling") if self.at_least else ("ceiling", "floor")
        bounds = [name for name in (bound, f"{bound}_of_overall") if getattr(self, name) is not None]
        if not bounds:
            raise broken(
                f"lacks {bound!r}",
                f"Bound the figure itself too, with {bound!r} or '{bound}_of_overall': a gap can close downwards.",
            )
        if len(bounds) > 1:
            raise broken("bounds the figure twice", f"Keep one of {bound!r} and {bounds[1]!r}.", key=bounds[1])
        for name in (other, f"{other}_of_overall"):
            if getattr(self, name) is not None:
                raise broken(
                    "bounds the side that does no harm", f"Remove it: this limit goes with {bound!r}.", key=name
                )
        if self.measure not in NOT_SHARES and self.bound > 1:
            raise broken(f"is {self.bound:g}, and no share is above 1", "Write a share, such as 0.02.", key=bound)
        if self.of_pair and self.measure not in PAIRED:
            raise broken(
                f"is {self.measure!r} of a pair, which no audit measures", choose(self.measure, PAIRED), key="measure"
            )
        return self

    @property
    def bound(self) -> float:
        """The least (or most) that the group's own figure may be; NaN where it follows a rate that is not given yet."""
        bound = self.floor if self.at_least else self.ceiling
        return math.nan if bound is None else bound

    @property
    def of_overall(self) -> float | None:
        """How many times the overall rate the bound is; None where the charter states the bound itself."""
        return self.floor_of_overall if self.at_least else self.ceiling_of_overall

    def at_overall(self, rate: float | None) -> Gate:
        """Return the gate with the bound that follows from the overall rate; without one, the bound stays unknown."""
        if self.of_overall is None or rate is None:
            return self
        return self.model_copy(update={"floor" if self.at_least else "ceiling": self.of_overall * rate})

    @property
    def neutral(self) -> float:
        """The gap of two sides that are alike."""
        return 1.0 if self.statistic == "ratio" else 0.0

    @property
    def of_pair(self) -> bool:
        """Whether it asks about two characteristics together."""
        return " and " in self.characteristic

    @property
    def at_least(self) -> bool:
        """Whether too little of the measure is the harm (else too much of it is)."""
        return self.limit < self.neutral


def pairs(characteristics: Sequence[str]) -> tuple[str, ...]:
    """Return the name of every pair of characteristics, as findings and gates call it."""
    return tuple(f"{one} and {other}" for one, other in combinations(characteristics, 2))


class Pooling(MarkedRow):
    """What the board expects of groups before it sees any figure: "9 in 10 groups fare within x of everyone else"."""

    within: Annotated[
        float,
        Field(
            gt=1.02,
            le=5,
            description="We expect 9 in 10 groups to fare at most so many times better or worse than everyone else.",
            examples=[1.5],
        ),
    ]

    @property
    def sentence(self) -> str:
        """What is signed, as a sentence."""
        return (
            f"Before any figure we expect 9 in 10 groups to fare between {1 / self.within:.2f} and {self.within:.2f}"
            " times as everyone else."
        )
