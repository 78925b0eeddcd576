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
    def load(cls, path: Path, features: Collection[str] | None = None) -> PointsFile:
        """Read a points.toml, whose facts are `features`; raise DefinitionError with every slip in it."""
        return cls.read(path, None if features is None else {"feature": features})
