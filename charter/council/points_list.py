"""A points list that people agreed on, before any model: `points.toml`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import Field

from charter.council.reading import File, Listed, MarkedRow, RefersTo
from charter.errors import DefinitionError

__all__ = ["Point", "PointsFile"]


class Point(MarkedRow):
    """Whole points for a household whose feature is at least so much."""

    feature: Annotated[
        str,
        RefersTo("feature", "definition.py"),
        Field(min_length=1, description="A feature of the definition.", examples=["rent_steps_6m"]),
    ]
    at_least: Annotated[float, Field(description="From which value on.", examples=[2])]
    points: Annotated[int, Field(ge=1, le=1000, description="Whole points, at least 1.", examples=[1])]


class PointsFile(File):
    """All of points.toml."""

    heading = "A points list that people agreed on"
    refusal = DefinitionError
    signed_by = "Nobody signs it: the team that uses it agrees it."

    points: Annotated[Listed[Point], Field(validation_alias="point", min_length=1, description="The facts that count.")]

    @classmethod
    def load(cls, path: Path, features: Collection[str] | None = None, categories: Collection[str] = ()) -> PointsFile:
        """Read a points.toml, whose facts are `features`; raise DefinitionError with every slip in it.

        Raised too for a fact that is one of `categories`: a code is never at least another.
        """
        file = cls.read(path, None if features is None else {"feature": features})
        for point in file.points:
            if point.feature in categories:
                raise DefinitionError(
                    f"points.toml counts {point.feature} from {point.at_least:g} on, but it is a category, which has no"
                    " more and no less.",
                    "Ask for one of its details: add a feature any_of(signal.where(detail=...), last=...), and count"
                    " that from 1 on.",
                )
        return file
