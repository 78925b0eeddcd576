"""Made-up cases to practise on, some of which the list has wrong: `practice.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, MarkedRow, broken
from charter.errors import DefinitionError

__all__ = ["Practice", "PracticeCase"]

_CASES, _WRONG = 10, 3


class PracticeCase(MarkedRow):
    """A made-up case: what its page says, what somebody who looks would find, and whether the list has it wrong."""

    title: Annotated[
        PlainText, Field(min_length=1, description="Who they are.", examples=["A father and a baby in Castle Rise"])
    ]
    band: Annotated[
        PlainText,
        Field(
            description="What the page says of how likely a need is.",
            examples=["About 4 in 10 households like this went on to have such a need within a year."],
        ),
    ]
    for_: Annotated[
        Listed[PlainText],
        Field(validation_alias="for", description="What speaks for a need.", examples=[["3 rent steps in six months"]]),
    ]
    against: Annotated[
        Listed[PlainText],
        Field(description="What speaks against one.", examples=[["No unauthorised absences in six months"]]),
    ]
    not_seen: Annotated[Listed[PlainText], Field(description="Whose data is not seen.", examples=[["Health visiting"]])]
    known: Annotated[
        PlainText,
        Field(
            description="What a colleague who looks would find.",
            examples=["The arrears were paid in full a month ago."],
        ),
    ]
    wrong: Annotated[bool, Field(description="Whether the list has it wrong.", examples=[True])]
    because: Annotated[
        PlainText, Field(description="Why, said afterwards.", examples=["The list read an old balance."])
    ]


def _enough(cases: Sequence[PracticeCase]) -> Sequence[PracticeCase]:
    wrong = sum(case.wrong for case in cases)
    if len(cases) < _CASES or wrong < _WRONG:
        raise broken(
            f"has {len(cases)} cases, {wrong} of them wrong",
            f"Practice needs {_CASES} or more, {_WRONG} or more of them wrong.",
        )
    return cases


class Practice(File):
    """All of practice.toml."""

    heading = "Made-up cases to practise on"
    refusal = DefinitionError
    signed_by = "Nobody signs it: whoever trains the workers keeps it."

    right_at_least: Annotated[int, Field(ge=1, description="How many answers must be right.", examples=[8])]
    wrong_found_at_least: Annotated[
        int, Field(ge=1, description="How many of the wrong cases must be found.", examples=[3])
    ]
    valid_days: Annotated[
        int, Field(ge=0, le=3660, description="For how many days passing lets somebody decide.", examples=[365])
    ]
    cases: Annotated[
        Listed[PracticeCase],
        AfterValidator(_enough),
        Field(validation_alias="case", description="The cases: 10 or more, 3 or more of them wrong."),
    ]

    @model_validator(mode="after")
    def _can_be_passed(self) -> Self:
        if self.right_at_least > len(self.cases) or self.wrong_found_at_least > sum(case.wrong for case in self.cases):
            raise broken("asks for more right answers than there are cases", "Ask for fewer.")
        return self

    @classmethod
    def load(cls, folder: Path) -> Practice:
        """Read the practice.toml of a council's folder; raise DefinitionError with every slip in it."""
        return cls.read(folder / "practice.toml")

    @property
    def valid(self) -> timedelta:
        """How long passing lets somebody decide."""
        return timedelta(days=self.valid_days)
