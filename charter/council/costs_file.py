"""What lists, help and needs cost: `costs.toml`, a file that a council may have; each figure with its source and date.

[[cost]]       what is paid, and for what: a year, a family listed, a family that takes help up
[need]         what one need costs the council, if it wants to know when help pays for itself
[effect]       how many of 100 needs help may avert: stated, and varied, because nobody knows it beforehand
[[scenario]]   what is set side by side: other places, or another run of `sooner train`
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from charter.council.council import Council
from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, MarkedRow, OneOf, Text, broken
from charter.errors import DefinitionError, UsageError

__all__ = ["PER", "Cost", "CostsFile", "Effect", "NeedCost", "Scenario"]

PER = ("year", "listed", "taken_up")
"""What a cost is paid for: each year, each family listed, each family that takes help up."""
FILE = "costs.toml"

_Pounds = Annotated[
    float, Field(ge=0, le=1_000_000_000, description="How much, in pounds of the day in `date`.", examples=[1850])
]
_Source = Annotated[
    PlainText, Field(min_length=1, description="Where the figure is from.", examples=["The team's budget, 2026"])
]
_Dated = Annotated[date, Field(description="Of which day the figure is.", examples=[date(2026, 4, 1)])]


class Cost(MarkedRow):
    """Something that is paid."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id.", examples=["support_worker"])]
    title: Annotated[PlainText, Field(min_length=1, description="What it is.", examples=["Family support worker"])]
    per: Annotated[str, OneOf(PER), Field(description="What it is paid for.", examples=["taken_up"])]
    pounds: _Pounds
    source: _Source
    date: _Dated


class NeedCost(MarkedRow):
    """What one need that nobody averted costs the council, of whatever component."""

    pounds: _Pounds
    source: _Source
    date: _Dated


def _in_order(shares: Sequence[float]) -> Sequence[float]:
    if list(shares) != sorted(set(shares)):
        raise broken("is not in order", "Write each share once, the smallest first.")
    return shares


class Effect(MarkedRow):
    """How much help may change: no figure that was measured, unless a trial measured it."""

    averted: Annotated[
        Listed[Annotated[float, Field(gt=0, le=1)]],
        AfterValidator(_in_order),
        Field(
            min_length=2,
            max_length=7,
            description="Of the needs of families that take help up, the share that it averts: several, from little to "
            "much.",
            examples=[[0.05, 0.1, 0.2, 0.3]],
        ),
    ] = (0.05, 0.1, 0.2, 0.3)


class Scenario(MarkedRow):
    """What is set beside how things are: other places of the same lists, or lists of another run."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id.", examples=["half_as_many_more"])]
    title: Annotated[PlainText, Field(min_length=1, description="What it is.", examples=["Half as many places more"])]
    times_places: Annotated[
        float,
        Field(gt=0, le=10, description="So many times the teams' places, of those that were replayed.", examples=[1.5]),
    ] = 1.0
    run: Annotated[
        Text | None,
        Field(
            description="A run of `sooner train` under other rests, areas or data, by its id or how that begins; left "
            "out: the newest.",
            examples=["68bb14bf"],
        ),
    ] = None
    more_pounds: Annotated[
        float, Field(ge=0, description="What it costs a year beyond `[[cost]]`.", examples=[96000])
    ] = 0.0


class CostsFile(File):
    """All of costs.toml."""

    heading = "What lists, help and needs cost"
    refusal = DefinitionError
    signed_by = "Nobody signs it here: whoever answers for the money keeps it."

    costs: Annotated[
        Listed[Cost], Field(validation_alias="cost", min_length=1, description="What is paid, and for what.")
    ]
    need: Annotated[NeedCost | None, Field(description="What one need costs.")] = None
    effect: Annotated[Effect, Field(description="How much help may change.")] = Effect()
    scenarios: Annotated[Listed[Scenario], Field(validation_alias="scenario", description="Set side by side.")] = ()

    @model_validator(mode="after")
    def _ids_once(self) -> Self:
        for rows, key in ((self.costs, "cost"), (self.scenarios, "scenario")):
            ids = [row.id for row in rows]
            if len(ids) > len(set(ids)):
                raise broken("names an id twice", "Give each row an id of its own.", key=key)
        return self

    @classmethod
    def load(cls, council: Council) -> CostsFile:
        """Read a council's costs.toml; raise UsageError where there is none, DefinitionError with every slip in it."""
        path = council.folder / FILE
        if not path.exists():
            raise UsageError(
                f"{council.folder.name} has no {FILE}, so nothing is known of costs.",
                "Write one: docs/how-to/budget-by-outcomes.md has an example.",
            )
        return cls.read(path)

    def add_up(self, per: str) -> float:
        """Return the pounds of all costs that are paid for that."""
        return sum(cost.pounds for cost in self.costs if cost.per == per)
