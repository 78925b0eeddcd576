"""The fixed numbers of linkage: `parameters.toml`, shipped, versioned and fitted apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from charter.council.reading import File, Listed, Row, Text, Words, broken

__all__ = ["Homes", "Level", "Parameters"]

_SHIPPED = Path(__file__).with_name("parameters.toml")


class Level(Row):
    """How alike two records are in one trait: `m` within a person, `u` between two people; both shares."""

    comparison: Annotated[Text, Field(description="The trait.", examples=["forename"])]
    name: Annotated[Text, Field(description="How alike.", examples=["same"])]
    m: Annotated[float, Field(gt=0, le=1, description="How often between records of one person.", examples=[0.9])]
    u: Annotated[float, Field(gt=0, le=1, description="How often between two people.", examples=[0.0043])]


def _add_up(rows: Sequence[Level]) -> Sequence[Level]:
    for comparison in dict.fromkeys(row.comparison for row in rows):
        for share in ("m", "u"):
            total = sum(getattr(row, share) for row in rows if row.comparison == comparison)
            if not math.isclose(total, 1.0, abs_tol=1e-6):
                raise broken(f"has shares {share} of {comparison!r} that add up to {total:g}, not 1", "Fit them again.")
    return rows


class Homes(Row):
    """How claims of a home are settled."""

    order: Annotated[Listed[Text], Field(description="Whose word about a home counts first.", examples=[["housing"]])]


class Parameters(File):
    """Levels (best first), partners (references of one person) and thresholds in bits of match weight.

    `apart` names the traits (forename, birth_date) whose contradiction keeps two records apart, whatever they share.
    """

    heading = "The fixed numbers of linkage"
    signed_by = "Nobody: they come with Sooner, fitted and published with it."

    version: Annotated[Text, Field(description="Which version they are.", examples=["2026-1"])]
    partners: Annotated[
        float, Field(ge=0, description="Other references that a reference's person has, on average.", examples=[1.4])
    ]
    threshold: Annotated[float, Field(description="From here two are merged unasked.", examples=[2.0])]
    certain: Annotated[float, Field(description="Below this a merge is uncertain.", examples=[7.0])]
    review: Annotated[float, Field(description="From here to the threshold a person decides.", examples=[-2.0])]
    apart: Annotated[Words[str], Field(description="What keeps two records apart.", examples=[["forename"]])]
    inactive_months: Annotated[
        int, Field(ge=1, description="An uncertain link that is silent for so long drops out.", examples=[24])
    ]
    level: Annotated[Listed[Level], AfterValidator(_add_up), Field(min_length=1, description="The levels.")]
    homes: Annotated[Homes, Field(description="How claims of a home are settled.")]

    @classmethod
    def load(cls, path: Path = _SHIPPED) -> Parameters:
        """Read the parameters; raise DataError with every slip in them, such as shares that do not add up to one."""
        return cls.read(path)

    @property
    def levels(self) -> Mapping[str, tuple[Level, ...]]:
        """The levels by comparison, best first."""
        comparisons = dict.fromkeys(row.comparison for row in self.level)
        return {name: tuple(row for row in self.level if row.comparison == name) for name in comparisons}

    @property
    def home_order(self) -> tuple[str, ...]:
        """Whose word about a home counts first."""
        return self.homes.order

    def prior(self, references: int) -> float:
        """Return the chance that two of so many references picked at random are one person; at most 1 in 10,000."""
        return min(self.partners / max(references, 1), 0.0001)
