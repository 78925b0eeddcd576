"""How a promoted model goes live: `[live]` of `charter.toml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from charter.council.reading import MarkedRow

__all__ = ["Live"]


class Live(MarkedRow):
    """How a promoted model goes live: so many weeks of lists shown to nobody, then watched for as long as it runs."""

    shadow_weeks: Annotated[
        int,
        Field(ge=1, description="For how many weeks lists are made and shown to nobody.", examples=[8]),
    ] = 8
    false_alarms_a_year: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="The chance that watching, over all its series together, ever cries wolf within a year in "
            "which nothing changed.",
            examples=[0.05],
        ),
    ] = 0.05
