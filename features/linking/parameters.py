"""The numbers of linkage: those that come with Sooner (`parameters.toml`), or a council's own (`linkage.toml`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from charter.council.reading import File, Listed, OneOf, Row, Text, broken
from charter.errors import DataError
from features.linking.matching.comparisons import LEVELS

__all__ = ["OWN_FILE", "Homes", "Level", "Parameters"]

_SHIPPED = Path(__file__).with_name("parameters.toml")
OWN_FILE = "linkage.toml"
"""A council's own numbers, in its folder; without it, those that come with Sooner."""

_Share = Annotated[float, Field(gt=0, le=1)]


_FIT_AGAIN = (
    f"If an older Sooner fitted it: move {OWN_FILE} out of the council's folder, run `sooner link --fit`, and copy "
    f"{OWN_FILE} from the workspace in its place, with the thresholds that you had chosen."
)


class Level(Row):
    """How alike two records are in one trait: `m` within a person, `u` between two people; shares."""

    comparison: Annotated[Text, OneOf(tuple(LEVELS)), Field(description="The trait.", examples=["forename"])]
    name: Annotated[Text, Field(description="How alike.", examples=["same"])]
    m: Annotated[_Share, Field(description="How often between records of one person.", examples=[0.9])]
    u: Annotated[_Share, Field(description="How often between two people.", examples=[0.0043])]
    home: Annotated[
        _Share | None, Field(description="How often between two people of one home; left out: as u.", examples=[0.8])
    ] = None
    twins: Annotated[
        _Share | None, Field(description="How often between twins; left out: as `home`.", examples=[0.97])
    ] = None
    namesakes: Annotated[
        _Share | None,
        Field(description="How often between two of one home and name; left out: as `home`.", examples=[0.9]),
    ] = None


def _add_up(rows: Sequence[Level]) -> Sequence[Level]:
    for comparison in dict.fromkeys(row.comparison for row in rows):
        names = tuple(row.name for row in rows if row.comparison == comparison)
        if names != LEVELS[comparison]:
            raise broken(
                f"has not the levels of {comparison!r} in their order",
                f"Write them so: {', '.join(LEVELS[comparison])}.",
            )
        for share in ("m", "u"):
            total = sum(getattr(row, share) for row in rows if row.comparison == comparison)
            if not math.isclose(total, 1.0, abs_tol=1e-6):
                raise broken(f"has shares {share} of {comparison!r} that add up to {total:g}, not 1", "Fit them again.")
    return rows


class Homes(Row):
    """How claims of a home are settled."""

    order: Annotated[Listed[Text], Field(description="Whose word about a home counts first.", examples=[["housing"]])]


class Parameters(File):
    """Levels (best first), what is likely before anything is compared, and thresholds in bits of match weight.

    A trait that has no levels here is not compared.
    """

    heading: ClassVar[str] = "The numbers of linkage"
    signed_by: ClassVar[str] = (
        "Whoever answers for linkage: a council's own replace those that come with Sooner, whole."
    )

    version: Annotated[Text, Field(description="Which version they are.", examples=["2026-2"])]
    partners: Annotated[
        float, Field(gt=0, description="Other references that a reference's person has, on average.", examples=[1.4])
    ]
    learn: Annotated[
        float,
        Field(
            ge=0,
            description="How many pairs' worth `m` is trusted against the records at hand; 0: it stays as it is.",
            examples=[1000.0],
        ),
    ]
    housemates: Annotated[
        float, Field(gt=0, description="References of others in one's home, for each reference.", examples=[6.0])
    ]
    twins: Annotated[_Share, Field(description="The share of those that are one's twin.", examples=[0.015])]
    namesakes: Annotated[_Share, Field(description="The share of those that have one's name.", examples=[0.015])]
    threshold: Annotated[float, Field(description="From here two are merged unasked.", examples=[2.0])]
    certain: Annotated[float, Field(description="Below this a merge is uncertain.", examples=[7.0])]
    review: Annotated[float, Field(description="From here to the threshold a person decides.", examples=[-2.0])]
    plausible: Annotated[
        float, Field(description="No two records of one person are less likely than this.", examples=[-9.0])
    ]
    untold: Annotated[
        float,
        Field(
            description="From here two are merged unasked who do not say what tells relatives and namesakes apart "
            "(forename and date of birth), where those are not shown to be rare.",
            examples=[9.0],
        ),
    ] = 9.0
    strangers: Annotated[
        float | None,
        Field(
            description="`threshold` where the records show hardly anybody living with others, so that nobody can be "
            "taken for a relative; left out: as elsewhere.",
            examples=[0.0],
        ),
    ] = None
    false_links: Annotated[
        float | None,
        Field(
            gt=0,
            description="Wrong links to be expected among 10,000 references at most: the weakest beyond that go to a "
            "person. Left out: no limit but the threshold.",
            examples=[1.0],
        ),
    ] = None
    inactive_months: Annotated[
        int, Field(ge=1, description="An uncertain link that is silent for so long drops out.", examples=[24])
    ]
    level: Annotated[Listed[Level], AfterValidator(_add_up), Field(min_length=1, description="The levels.")]
    homes: Annotated[Homes, Field(description="How claims of a home are settled.")]

    @classmethod
    def load(cls, path: Path = _SHIPPED) -> Parameters:
        """Read the parameters; raise DataError with every slip in them, such as shares that do not add up to one."""
        return cls.read(path)

    @classmethod
    def load_for(cls, council: Path) -> Parameters:
        """Read a council's own numbers where its folder has them, else those that come with Sooner.

        Raises DataError with every slip in them; what an older Sooner fitted has other levels, and is fitted again.
        """
        own = council / OWN_FILE
        if not own.exists():
            return cls.load()
        try:
            return cls.load(own)
        except DataError as error:
            raise DataError(error.message, f"{error.next_step} {_FIT_AGAIN}".lstrip()) from None

    @cached_property
    def levels(self) -> Mapping[str, tuple[Level, ...]]:
        """The levels by comparison, best first."""
        comparisons = dict.fromkeys(row.comparison for row in self.level)
        return {name: tuple(row for row in self.level if row.comparison == name) for name in comparisons}

    def count_false_links(self, references: int) -> float:
        """Return how many wrong links may be expected among so many references."""
        return math.inf if self.false_links is None else self.false_links * references / 10_000

    @property
    def home_order(self) -> tuple[str, ...]:
        """Whose word about a home counts first."""
        return self.homes.order
