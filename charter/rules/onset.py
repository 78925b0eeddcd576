"""When a need is a new one: `[onset]` of `charter.toml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from charter.council.reading import MarkedRow

__all__ = ["Onset"]


class Onset(MarkedRow):
    """When a need is a new one: nobody in the household had it for so long, and services would have seen it."""

    free_months: Annotated[
        int,
        Field(
            ge=1,
            le=60,
            description="For how many months before a household was free of a need, and seen to be, for it to be new.",
            examples=[12],
        ),
    ] = 12
