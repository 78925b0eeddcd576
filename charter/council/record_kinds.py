"""What a row of a delivered file can become: one kind of table each, with the fields it must and may give.

Every field is an expression of DuckDB's SQL over the columns of the file; `where` says which of its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from charter.council.reading import MarkedRow, Text
from charter.council.shape import keys_of, kind_tag

__all__ = ["RECORD_FIELDS", "Record", "RecordRow"]

Expression = Text
"""An expression of DuckDB's SQL."""

_ABOUT = frozenset({"kind", "where", "example", "key_form"})


class RecordRow(MarkedRow):
    """How rows of a file become canonical rows of one kind."""

    where: Annotated[
        Expression, Field(description="Which rows of the file: a condition in SQL.", examples=["uprn IS NOT NULL"])
    ] = "true"

    @property
    def fields(self) -> Mapping[str, str]:
        """The expression of each field that the row gives."""
        stated = ((name, getattr(self, name)) for name in type(self).model_fields if name not in _ABOUT)
        return {name: expression for name, expression in stated if expression is not None}


class PersonRecord(RecordRow):
    """Somebody whom the service knows, with what tells them apart from others."""

    kind: Annotated[Literal["person"], Field(description="What the rows become.", examples=["person"])]
    reference: Annotated[
        Expression,
        Field(description="Who it is about: the service's own number of the person.", examples=["person_ref"]),
    ]
    forename: Annotated[Expression | None, Field(description="The forename.", examples=["forename"])] = None
    surname: Annotated[Expression | None, Field(description="The surname.", examples=["surname"])] = None
    birth_date: Annotated[Expression | None, Field(description="The date of birth.", examples=["date_of_birth"])] = None
    death_date: Annotated[Expression | None, Field(description="The date of death.", examples=["date_of_death"])] = None
    sex: Annotated[Expression | None, Field(description="The sex, for linking alone.", examples=["sex"])] = None
    postcode: Annotated[Expression | None, Field(description="The postcode.", examples=["postcode"])] = None
    uprn: Annotated[
        Expression | None, Field(description="The home's unique property reference number.", examples=["uprn"])
    ] = None
    address: Annotated[
        Expression | None,
        Field(description="The address as text, compared where there is no UPRN.", examples=["address"]),
    ] = None
    town: Annotated[
        Expression | None, Field(description="A town, or another place that goes with them.", examples=["town"])
    ] = None
    email: Annotated[Expression | None, Field(description="The e-mail address.", examples=["email"])] = None
    phone: Annotated[Expression | None, Field(description="The telephone number.", examples=["phone"])] = None
    shared_key: Annotated[
        Expression | None, Field(description="A key that services share by law.", examples=["nhs_number"])
    ] = None
    key_form: Annotated[
        Text | None,
        Field(
            description="The form of that key: upn, nhs_number, uln, nino, or a regular expression of the service's "
            "own. A key that breaks it is none. Left out: one that is written as a UPN must have its check letter.",
            examples=["nhs_number"],
        ),
    ] = None
    safe_contact: Annotated[
        Expression | None, Field(description="How the person may safely be reached.", examples=["safe_contact"])
    ] = None
    known_at: Annotated[
        Expression | None,
        Field(
            description="When the service knew it; left out: when a delivery first had the row.",
            examples=["coalesce(corrected_on, recorded_on)"],
        ),
    ] = None


class AddressRecord(RecordRow):
    """Where somebody lives, from one day until another."""

    kind: Annotated[Literal["address"], Field(description="What the rows become.", examples=["address"])]
    reference: Annotated[
        Expression,
        Field(description="Who it is about: the service's own number of the person.", examples=["person_ref"]),
    ]
    uprn: Annotated[Expression, Field(description="The home's unique property reference number.", examples=["uprn"])]
    start: Annotated[Expression, Field(description="The first day.", examples=["tenancy_start"])]
    end: Annotated[Expression | None, Field(description="The day it ended.", examples=["tenancy_end"])] = None
    known_at: Annotated[
        Expression | None,
        Field(
            description="When the service knew it; left out: when a delivery first had the row.",
            examples=["coalesce(corrected_on, recorded_on)"],
        ),
    ] = None


class EventRecord(RecordRow):
    """Something that the service recorded about a person."""

    kind: Annotated[Literal["event"], Field(description="What the rows become.", examples=["event"])]
    reference: Annotated[
        Expression,
        Field(description="Who it is about: the service's own number of the person.", examples=["person_ref"]),
    ]
    signal: Annotated[
        Expression, Field(description="Which signal it is, as a text in SQL.", examples=["'housing.notice'"])
    ]
    key: Annotated[
        Expression,
        Field(description="What tells the event apart from all others of the signal.", examples=["notice_id"]),
    ]
    valid_at: Annotated[Expression, Field(description="When it happened.", examples=["served_on"])]
    end_at: Annotated[
        Expression | None, Field(description="When it ended, of a signal that lasts.", examples=["ended_on"])
    ] = None
    known_at: Annotated[
        Expression | None,
        Field(
            description="When the service knew it; left out: when a delivery first had the row.",
            examples=["coalesce(corrected_on, recorded_on)"],
        ),
    ] = None
    amount: Annotated[Expression | None, Field(description="How much, in the signal's unit.", examples=["balance"])] = (
        None
    )
    detail: Annotated[Expression | None, Field(description="Which of the signal's details.", examples=["stage"])] = None


class ProtectedRecord(RecordRow):
    """A protected characteristic of a person; read by audits alone."""

    kind: Annotated[Literal["protected"], Field(description="What the rows become.", examples=["protected"])]
    reference: Annotated[
        Expression,
        Field(description="Who it is about: the service's own number of the person.", examples=["person_ref"]),
    ]
    characteristic: Annotated[Expression, Field(description="Which one, as a text in SQL.", examples=["'ethnicity'"])]
    value: Annotated[Expression, Field(description="The person's value.", examples=["ethnicity"])]
    known_at: Annotated[
        Expression | None,
        Field(
            description="When the service knew it; left out: when a delivery first had the row.",
            examples=["coalesce(corrected_on, recorded_on)"],
        ),
    ] = None


class CoverageRecord(RecordRow):
    """From when until when the service could have seen somebody at all."""

    kind: Annotated[Literal["coverage"], Field(description="What the rows become.", examples=["coverage"])]
    reference: Annotated[
        Expression,
        Field(description="Who it is about: the service's own number of the person.", examples=["person_ref"]),
    ]
    start: Annotated[Expression, Field(description="The first day.", examples=["tenancy_start"])]
    end: Annotated[Expression | None, Field(description="The day it ended.", examples=["tenancy_end"])] = None
    known_at: Annotated[
        Expression | None,
        Field(
            description="When the service knew it; left out: when a delivery first had the row.",
            examples=["coalesce(corrected_on, recorded_on)"],
        ),
    ] = None


class ChoiceRecord(RecordRow):
    """What somebody said about the use of their data."""

    kind: Annotated[Literal["permission"], Field(description="What the rows become.", examples=["permission"])]
    reference: Annotated[
        Expression,
        Field(description="Who it is about: the service's own number of the person.", examples=["person_ref"]),
    ]
    of_service: Annotated[Expression, Field(description="Whose reference it is.", examples=["reference_of"])]
    service: Annotated[Expression, Field(description="Whose data it is about, or *.", examples=["service"])]
    purpose: Annotated[Expression, Field(description="What for, or *.", examples=["purpose"])]
    choice: Annotated[Expression, Field(description="consent, refusal, objection or restriction.", examples=["kind"])]
    status: Annotated[Expression, Field(description="received, upheld or overruled.", examples=["status"])]
    start: Annotated[Expression, Field(description="From when it holds.", examples=['"start"'])]
    end: Annotated[Expression | None, Field(description="Until when it holds.", examples=['"end"'])] = None
    decided_by: Annotated[Expression | None, Field(description="Who decided about it.", examples=["decided_by"])] = None
    known_at: Annotated[
        Expression | None,
        Field(
            description="When the service knew it; left out: when a delivery first had the row.",
            examples=["coalesce(corrected_on, recorded_on)"],
        ),
    ] = None


class PlaceRecord(RecordRow):
    """A home of the gazetteer."""

    kind: Annotated[Literal["place"], Field(description="What the rows become.", examples=["place"])]
    uprn: Annotated[Expression, Field(description="Its unique property reference number.", examples=["uprn"])]
    area: Annotated[Expression, Field(description="Its area, an LSOA 2021 code.", examples=["lsoa21"])]
    home: Annotated[Expression, Field(description="home, communal, protected or none.", examples=["kind"])]
    address: Annotated[Expression | None, Field(description="The address.", examples=["address"])] = None
    postcode: Annotated[Expression | None, Field(description="The postcode.", examples=["postcode"])] = None
    start: Annotated[Expression | None, Field(description="The first day.", examples=["built_on"])] = None
    end: Annotated[Expression | None, Field(description="The day it ended.", examples=["demolished_on"])] = None
    known_at: Annotated[
        Expression | None,
        Field(
            description="When the service knew it; left out: when a delivery first had the row.",
            examples=["coalesce(corrected_on, recorded_on)"],
        ),
    ] = None


Record = PersonRecord | AddressRecord | EventRecord | ProtectedRecord | CoverageRecord | ChoiceRecord | PlaceRecord
"""Any of the kinds; a row's `kind` says which."""


def _fields(kind: type[RecordRow]) -> tuple[frozenset[str], frozenset[str]]:
    fields = {key: field for key, field in keys_of(kind).items() if key not in _ABOUT}
    required = frozenset(key for key, field in fields.items() if field.is_required())
    return required, frozenset(fields) - required


RECORD_FIELDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    kind_tag(kind): _fields(kind)
    for kind in (PersonRecord, AddressRecord, EventRecord, ProtectedRecord, CoverageRecord, ChoiceRecord, PlaceRecord)
}
"""By kind: the fields that a row must give, and those that it may."""
