"""Where lists began one place after the other: `starts.toml`, a file that a council may have.

What changed where they had begun, less what changed meanwhile where they had not, is read from it and the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import Field

from charter.council.council import Council
from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text
from charter.council.slips import choose
from charter.errors import DefinitionError, UsageError

__all__ = ["StartsFile", "UnitStart"]

FILE = "starts.toml"


class UnitStart(MarkedRow):
    """When one place began; a place without a row has not."""

    identity = "unit"

    unit: Annotated[Text, Field(description="The id of a team, or the code of an area.", examples=["E01990001"])]
    on: Annotated[date, Field(description="The first day of its lists.", examples=[date(2025, 1, 6)])]


class StartsFile(File):
    """All of starts.toml."""

    heading = "Where lists began one place after the other"
    refusal = DefinitionError
    signed_by = "Nobody signs it here: it says what happened, and registers nothing beforehand."

    programme: Annotated[
        Text,
        RefersTo("programme", "the council's folder"),
        Field(description="The programme whose lists began.", examples=["early_help"]),
    ]
    title: Annotated[
        PlainText, Field(min_length=1, description="What people call it.", examples=["Ward by ward, 2025"])
    ]
    unit: Annotated[
        str,
        OneOf(("team", "area")),
        Field(description="What began as one: it alone can be compared.", examples=["area"]),
    ]
    period_months: Annotated[
        int, Field(ge=1, le=12, description="Months over which needs are counted at once.", examples=[3])
    ] = 3
    worth_seeing: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="The smallest difference that would change a decision, as a share of all a place's households "
            "in one period; most of them are never listed.",
            examples=[0.005],
        ),
    ]
    starts: Annotated[Listed[UnitStart], Field(validation_alias="start", min_length=1, description="Who began when.")]

    @property
    def by_unit(self) -> Mapping[str, date]:
        """The first day by unit."""
        return {row.unit: row.on for row in self.starts}

    @classmethod
    def load(cls, council: Council) -> StartsFile:
        """Read a council's starts.toml.

        Raises UsageError where there is none, DefinitionError with every slip in it, or for a unit that the council
        has not.
        """
        path = council.folder / FILE
        if not path.exists():
            raise UsageError(
                f"{council.folder.name} has no {FILE}, so nothing says where lists began first.",
                "Write one: docs/how-to/find-out-whether-it-helps.md has an example.",
            )
        starts = cls.read(path, {"programme": council.programmes} if council.programmes else None)
        units = [team.id for team in council.teams] if starts.unit == "team" else [area.code for area in council.areas]
        for name in starts.by_unit:
            if name not in units:
                raise DefinitionError(f"{FILE}: {name!r} is no {starts.unit} of council.toml.", choose(name, units))
        return starts
