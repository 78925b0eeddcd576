"""Whom the council asked before data was put to a new use: `engagement.toml`, a file that a council may have.

    [[engagement]]   one meeting, survey or panel: when, in what form, with whom, and what it changed
      programme      which lists it was about
      sources        services whose records put families in order
      targets        needs that lists look for, as signals of the outcome
      algorithms     what makes the order: `lightgbm`, `points`, one of the council's own

A council of before has no file: what its lists do already was agreed with their charter and decision, and goes on
(charter/signing/engaged_uses.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, MarkedRow, RefersTo, Text, broken
from charter.errors import SignOffError

__all__ = ["ENGAGEMENT_FILE", "Engagement", "EngagementFile"]

ENGAGEMENT_FILE = "engagement.toml"


class Engagement(MarkedRow):
    """Who was asked about new uses of data, and what came of it."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id.", examples=["panel_june_2026"])]
    held_on: Annotated[date, Field(description="When; of several days the last.", examples=[date(2026, 6, 20)])]
    form: Annotated[
        PlainText, Field(min_length=1, description="In what form.", examples=["Residents' panel, three Saturdays"])
    ]
    who: Annotated[
        PlainText,
        Field(
            min_length=1,
            description="Who was asked: how many, and how they were found; no names.",
            examples=["Twenty residents, drawn by lot from the electoral wards"],
        ),
    ]
    changed: Annotated[
        PlainText,
        Field(
            min_length=1,
            description="What it changed, or why nothing.",
            examples=["Hospital records are counted and put nobody in order."],
        ),
    ]
    reference: Annotated[
        PlainText, Field(min_length=1, description="The minute or page that shows it.", examples=["Minutes 2026/14"])
    ]
    programme: Annotated[
        str,
        RefersTo("programme", "the council's folder"),
        Field(description="The programme whose lists it was about.", examples=["early_help"]),
    ]
    sources: Annotated[
        Listed[Annotated[str, RefersTo("source", "register.toml")]],
        Field(description="Services whose records may put families in order.", examples=[["housing", "education"]]),
    ] = ()
    targets: Annotated[
        Listed[Annotated[str, RefersTo("signal", "register.toml")]],
        Field(description="Needs that its lists may look for.", examples=[["homelessness.duty_owed"]]),
    ] = ()
    algorithms: Annotated[
        Listed[Text],
        Field(description="What may make the order, as training.toml compares it.", examples=[["points", "lightgbm"]]),
    ] = ()

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if not (self.sources or self.targets or self.algorithms):
            raise broken("is about no use", "Name its `sources`, `targets` or `algorithms`.")
        return self

    @property
    def uses(self) -> frozenset[tuple[str, str]]:
        """What it was about, as (kind, name)."""
        kinds = {"source": self.sources, "target": self.targets, "algorithm": self.algorithms}
        return frozenset((kind, name) for kind, names in kinds.items() for name in names)


class EngagementFile(File):
    """All of engagement.toml."""

    heading = "Whom the council asked before data was put to a new use"
    refusal = SignOffError
    signed_by = "Nobody signs it: whoever held the meeting keeps it true, and its minute shows it."

    engagements: Annotated[
        Listed[Engagement], Field(validation_alias="engagement", description="Who was asked, about what.")
    ] = ()

    @classmethod
    def find(cls, folder: Path, known: Mapping[str, Collection[str]] | None = None) -> EngagementFile | None:
        """Read the engagement.toml of a council's folder; None where it has none. Raises SignOffError with every slip.

        `known` are the ids that its rows may name: of programmes, sources and signals.
        """
        path = folder / ENGAGEMENT_FILE
        return cls.read(path, known) if path.exists() else None

    def list_uses(self, programme: str, day: date) -> frozenset[tuple[str, str]]:
        """Return what somebody was asked about a programme by `day`, as (kind, name)."""
        rows = [row for row in self.engagements if row.programme == programme and row.held_on <= day]
        return frozenset(use for row in rows for use in row.uses)
