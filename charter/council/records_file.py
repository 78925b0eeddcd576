"""What only people know for the records that `sooner publish records` makes: `records.toml`, which a council may have.

    [[answer]]   one field of one record, in words; `sooner publish check` names each that is empty
    [[review]]   when a record was last reviewed, and by when it must be again

Figures, data, bases and decisions are never typed here: they are read from what was released, audited and signed.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text, broken

__all__ = ["RECORDS", "RecordAnswer", "RecordReview", "RecordsFile"]

RECORDS = (
    "transparency",
    "model_card",
    "data_protection",
    "equality",
    "accessibility",
    "annual_report",
    "service_standard",
    "information_answers",
)
"""The records that are made; `annual_report`, `accessibility` and `service_standard` are of the council as a whole."""

_FILE = "records.toml"
_Record = Annotated[str, OneOf(RECORDS), Field(description="The record.", examples=["data_protection"])]


class RecordAnswer(MarkedRow):
    """What the council says in one field of a record."""

    record: _Record
    field: Annotated[Text, Field(description="The field, by its number or id.", examples=["4.3"])]
    text: Annotated[
        PlainText,
        Field(description="The answer.", examples=["The panel read it and asked for two changes."]),
    ]
    programme: Annotated[
        str,
        RefersTo("programme", "the council's folder"),
        Field(description="Of one programme alone; left out: of all.", examples=["early_help"]),
    ] = ""


class RecordReview(MarkedRow):
    """When a record was reviewed by people, and until when that holds."""

    identity = "record"

    record: _Record
    on: Annotated[date, Field(description="When it was last reviewed.", examples=[date(2026, 6, 20)])]
    by: Annotated[date, Field(description="By when it must be reviewed again.", examples=[date(2027, 6, 20)])]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.by <= self.on:
            raise broken("is due before it was done", "Write a later day.", key="by")
        return self


class RecordsFile(File):
    """All of records.toml; an absent file answers nothing."""

    heading = "What only people know for the council's records"
    signed_by = "Nobody signs it here: whoever answers for a record keeps its answers true."

    answers: Annotated[Listed[RecordAnswer], Field(validation_alias="answer", description="The answers.")] = ()
    reviews: Annotated[Listed[RecordReview], Field(validation_alias="review", description="The reviews.")] = ()

    @classmethod
    def load(cls, folder: Path, programmes: Collection[str]) -> RecordsFile:
        """Read the records.toml of a council's folder, if there is one; raise DataError with every slip in it."""
        path = folder / _FILE
        return cls.read(path, {"programme": ["", *programmes]}) if path.exists() else cls()

    def find_answer(self, record: str, field: str, programme: str) -> str:
        """Return what is said in a field for a programme, its own answer before that for all; '' where nobody said."""
        rows = [row for row in self.answers if (row.record, row.field) == (record, field)]
        for name in (programme, ""):
            for row in rows:
                if row.programme == name:
                    return row.text.strip()
        return ""

    def find_review(self, record: str) -> RecordReview | None:
        """Return a record's last review, or None."""
        return next((row for row in self.reviews if row.record == record), None)
