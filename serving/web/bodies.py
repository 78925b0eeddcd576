"""What a call of the API sends: each body, query, path and header as a type. No error repeats what was sent.

A body's field that is not known is refused. The contract (web.contract) says them as they stand here: descriptions,
limits and examples.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from charter.plain_text import PLAIN_PATTERN, clean_text, read_whole

__all__ = [
    "KEY_PATTERN",
    "ChangesQuery",
    "CheckBody",
    "DecisionBody",
    "DecisionHeaders",
    "LookUpBody",
    "OutcomeBody",
    "PathNames",
    "ReportHeaders",
    "ResidenceBody",
    "ScoreBody",
    "SessionBody",
    "UnchangedHeaders",
    "WorklistQuery",
]


def _refuse_control(text: str) -> str:
    if clean_text(text) != text:
        raise PydanticCustomError("control_character", "holds a control character")
    return text


_Plain = Annotated[str, AfterValidator(_refuse_control), Field(json_schema_extra={"pattern": PLAIN_PATTERN})]
KEY_PATTERN = "[!-~]{8,100}"
"""The key by which a decision that is sent again is known."""
_Whole = Annotated[int, BeforeValidator(read_whole)]
_MOST_LISTED = 200
"""The most rows of one answer."""
_LARGEST = 2**31 - 1
"""The largest whole number that every column holds."""


class DecisionBody(BaseModel):
    """What a case system sends to decide; `version` is the referral's as it was read."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    version: int = Field(ge=1, le=_LARGEST, description="The referral's, as it was read.", examples=[1])
    disposition: _Plain = Field(max_length=32, description="A decision of worklist.toml.", examples=["set_aside"])
    reason: _Plain = Field(max_length=64, description="One of its reasons.", examples=["no_need_found"])
    note: _Plain = Field(default="", max_length=500, description="Shareable with the family: write it so.")
    reference: _Plain = Field(default="", max_length=60, description="The case in one's own system.", examples=["4711"])
    safe_to_contact_checked: bool = Field(default=False, description="A person checked; `taken_up` needs it.")
    until: _Plain = Field(default="", max_length=10, description="The day on which a deferred case returns.")


class WorklistQuery(BaseModel):
    """Which page of a list."""

    after: _Whole = Field(default=0, ge=0, le=999_999_999, description="How many to skip (0).")
    limit: _Whole = Field(default=50, ge=1, le=_MOST_LISTED, description=f"How many at most: 1 to {_MOST_LISTED} (50).")


class ChangesQuery(BaseModel):
    """Changes from where on."""

    after: _Plain = Field(
        default="", max_length=100, description="The cursor of the answer before; left out: from the beginning."
    )
    limit: _Whole = Field(default=50, ge=1, le=_MOST_LISTED, description=f"How many at most: 1 to {_MOST_LISTED} (50).")


class PathNames(BaseModel):
    """What an address names: as long as the columns that hold them."""

    team: str = Field(min_length=1, max_length=64, pattern=r"^[^/]+$")
    referral: str = Field(min_length=1, max_length=32, pattern=r"^[^/]+$")


class UnchangedHeaders(BaseModel):
    """Of any GET."""

    if_none_match: str = Field(default="", alias="If-None-Match", description="The ETag of an answer before.")


class DecisionHeaders(BaseModel):
    """Of a decision."""

    key: str = Field(
        alias="Idempotency-Key", pattern=f"^{KEY_PATTERN}$",
        description="The same again returns the decision already made.",
    )  # fmt: skip


class ReportHeaders(BaseModel):
    """Of a receiver's report."""

    name: str = Field(alias="webhook-id", max_length=200, description="As Standard Webhooks has it.")
    moment: str = Field(alias="webhook-timestamp", pattern=r"^[0-9]{1,10}$", description="As Standard Webhooks has it.")
    signature: str = Field(alias="webhook-signature", max_length=1000, description="As Standard Webhooks has it.")


class ResidenceBody(BaseModel):
    """Whom a service asks about, and where; none of it is kept."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    forename: _Plain = Field(min_length=1, max_length=100)
    surname: _Plain = Field(min_length=1, max_length=100)
    birth_date: str = Field(examples=["1980-02-01"], pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    uprn: str = Field(examples=["100012345678"], pattern=r"^[0-9]{1,12}$")
    asked_by: _Plain = Field(min_length=1, max_length=64)


class CheckBody(BaseModel):
    """A question that is checked once; what each purpose is asked with is in the how-to. None of it is kept."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    purpose: Literal["residence_check", "age_check", "roll_check", "entitlement_check"] = Field(examples=["age_check"])
    forename: _Plain = Field(min_length=1, max_length=100)
    surname: _Plain = Field(min_length=1, max_length=100)
    birth_date: str | None = Field(
        default=None, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="Of all but an age_check.",
        examples=["1980-02-01"],
    )  # fmt: skip
    uprn: str | None = Field(
        default=None, pattern=r"^[0-9]{1,12}$", description="Of a residence_check and an age_check.",
        examples=["100012345678"],
    )  # fmt: skip
    age: int | None = Field(default=None, ge=1, le=120, description="Of an age_check: at least so old?", examples=[18])
    asked_by: _Plain | None = Field(
        default=None, min_length=1, max_length=64,
        description="The service, where a program asks for several; who asks is who signed in.",
    )  # fmt: skip


class LookUpBody(BaseModel):
    """What a service calls somebody; it is hashed and not kept."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    service: _Plain = Field(min_length=1, max_length=64, description="As register.toml has it.", examples=["housing"])
    reference: _Plain = Field(
        min_length=1, max_length=200, description="As the service delivers it, letter by letter.", examples=["T-20417"]
    )


class OutcomeBody(BaseModel):
    """What a receiver reports of a message that it was sent; the call is signed with its secret."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    receiver: _Plain = Field(min_length=1, max_length=40, description="Its id.", examples=["case_system"])
    message: _Plain = Field(min_length=1, max_length=64, description="The message that it was sent.")
    status: Literal["received", "accepted", "declined", "started", "finished"] = Field(examples=["accepted"])
    reference: _Plain = Field(default="", max_length=120, description="The receiver's own.", examples=["FS-4711"])


class SessionBody(BaseModel):
    """Which made-up person of the demonstration signs in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)

    who: _Plain = Field(max_length=64, description="GET /sign-in lists them.")


_MOST_SCORED = 500
_ReferralId = Annotated[_Plain, Field(max_length=32)]
_LONGEST_NAME = 128
_FeatureName = Annotated[str, Field(json_schema_extra={"pattern": PLAIN_PATTERN, "maxLength": _LONGEST_NAME})]


def _refuse_odd_names(rows: list[dict[str, float | None]]) -> list[dict[str, float | None]]:
    """Refuse names as `_Plain` does, all of a row's at once: name by name took as long as all the rest of a case."""
    for row in rows:
        if max(map(len, row), default=0) > _LONGEST_NAME:
            raise ValueError(f"has a name of more than {_LONGEST_NAME} characters")
        _refuse_control("".join(row))
    return rows


class ScoreBody(BaseModel):
    """Whom to score: listed households by `referrals`, or (analysts alone) `rows` of features, null for not seen."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    referrals: list[_ReferralId] = Field(default_factory=list, max_length=_MOST_SCORED)
    rows: Annotated[list[dict[_FeatureName, float | None]], AfterValidator(_refuse_odd_names)] = Field(
        default_factory=list, max_length=_MOST_SCORED
    )
