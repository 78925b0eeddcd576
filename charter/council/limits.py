"""How much anybody may ask in a day, and what is unusual to read: `limits.toml`.

    [person], [program]  what one of each may do in a day    [each_service], [[service]]  checks on behalf of one
    [public_forms]       forms without an account           [unusual]  what somebody is asked to explain

A day is the council's own. Without the file, or a key of it, what stands here holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from charter.council.reading import File, Listed, Row, Text

__all__ = ["Limits", "PersonLimits", "ProgramLimits", "PublicFormLimits", "ServiceLimit", "ServiceLimits", "Unusual"]

_MOST = 1_000_000


class PersonLimits(Row):
    """What one person may do in a day."""

    cases: Annotated[int, Field(ge=1, le=_MOST, description="Different cases that they open.", examples=[150])] = 150
    checks: Annotated[int, Field(ge=1, le=_MOST, description="Questions that they check once.", examples=[100])] = 100
    scores: Annotated[int, Field(ge=1, le=_MOST, description="Scores that they ask for.", examples=[2000])] = 2_000
    sign_ins: Annotated[int, Field(ge=1, le=_MOST, description="Sessions that they begin.", examples=[100])] = 100
    exports: Annotated[
        int,
        Field(
            ge=1, le=_MOST, description="Lists that they print, and residents' copies that they draft or hand over.",
            examples=[60],
        ),
    ] = 60  # fmt: skip


class ProgramLimits(Row):
    """What one program, in its own name, may do in a day."""

    cases: Annotated[int, Field(ge=1, le=_MOST, description="Different cases that it reads.", examples=[5000])] = 5_000
    checks: Annotated[int, Field(ge=1, le=_MOST, description="Questions that it checks once.", examples=[5000])] = 5_000
    scores: Annotated[int, Field(ge=1, le=_MOST, description="Scores that it asks for.", examples=[20000])] = 20_000


class ServiceLimits(Row):
    """What may be asked in a day on behalf of one service, by all people and programs together."""

    checks: Annotated[
        int, Field(ge=1, le=_MOST, description="Questions that are checked once for it.", examples=[5000])
    ] = 5_000


class ServiceLimit(Row):
    """The same for one service by its name."""

    identity = "id"

    id: Annotated[
        Text, Field(description="The service, as `asked_by` of a [[check]] has it.", examples=["parking"])
    ]  # fmt: skip
    checks: Annotated[int, Field(ge=1, le=_MOST, description="Its questions of a day.", examples=[200])]


class PublicFormLimits(Row):
    """Forms that residents send without an account."""

    from_one_address: Annotated[
        int,
        Field(
            ge=1, le=_MOST,
            description="Forms of one address in a day; of IPv6, of one network of 64 bits. A library's computers, or "
            "an advice centre's, share one.",
            examples=[20],
        ),
    ] = 20  # fmt: skip
    together: Annotated[
        int, Field(ge=1, le=_MOST, description="Forms of a day, all together.", examples=[500])
    ] = 500  # fmt: skip


class Unusual(Row):
    """What is more than usual, so that whoever reads so much is asked why. Nothing is refused by it."""

    cases_outside: Annotated[
        int,
        Field(
            ge=0, le=_MOST,
            description="Different cases of a day that are on no newest list of one's team, and not one's own.",
            examples=[10],
        ),
    ] = 10  # fmt: skip
    addresses: Annotated[
        int, Field(ge=0, le=_MOST, description="Different addresses that a person asks about in a day.", examples=[30])
    ] = 30


class Limits(File):
    """All of limits.toml."""

    heading = "How much anybody may ask in a day"
    signed_by = "Nobody signs it: the data protection officer and whoever runs the service agree it."

    person: Annotated[PersonLimits, Field(description="Of each person.")] = PersonLimits()
    program: Annotated[ProgramLimits, Field(description="Of each program of sign_in.toml.")] = ProgramLimits()
    each_service: Annotated[ServiceLimits, Field(description="Of each service that asks.")] = ServiceLimits()
    services: Annotated[
        Listed[ServiceLimit], Field(validation_alias="service", description="Services with a limit of their own.")
    ] = ()
    public_forms: Annotated[PublicFormLimits, Field(description="Of residents' forms.")] = PublicFormLimits()
    unusual: Annotated[Unusual, Field(description="What is asked about.")] = Unusual()

    @classmethod
    def load(cls, folder: Path) -> Limits:
        """Read the limits.toml of a council's folder, or what holds without one; raise DataError with every slip."""
        path = folder / "limits.toml"
        return cls.read(path) if path.exists() else cls()

    def checks_for(self, service: str) -> int:
        """Return how many questions may be checked in a day on behalf of a service."""
        return next((row.checks for row in self.services if row.id == service), self.each_service.checks)
