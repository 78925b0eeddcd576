"""How much the board gives for a simpler list: `[choosing]` of `charter.toml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from charter.council.reading import MarkedRow

__all__ = ["Choosing"]


class Choosing(MarkedRow):
    """What a list that people can add up, or read more easily, may cost: the margin between models.

    At 1,700 places a year a margin of 1 is 17 families a year, one of 3 is 51, one of 5 is 85; `sooner train` says what
    it is at the council's own places.
    """

    fewer_of_100_listed: Annotated[
        float,
        Field(
            ge=0,
            le=20,
            description="Of 100 families listed, how many fewer with a need the board accepts from a simpler list.",
            examples=[3.0],
        ),
    ] = 3.0

    @property
    def margin(self) -> float:
        """The margin as a share of those listed."""
        return self.fewer_of_100_listed / 100
