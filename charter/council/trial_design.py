"""How it is found out whether lists help: `trial.toml`, a file that a council may have, fixed before the first lot.

    holdout   of those just above and just below each list's line a lot decides who gets the last places
    stepped   lists start in one team, or area, after the other, in an order drawn by lot

It changes nothing until whoever signs trials (`signs = ["trial"]` of a [[role]] in charter.toml) has signed these very
bytes and `sooner trial register` has fixed the analysis.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from charter.council.council import Council
from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text, broken
from charter.errors import DefinitionError, UsageError

__all__ = ["DESIGNS", "WHOLE_OUTCOME", "Answer", "Holdout", "Stepped", "TrialFile", "TrialOutcome"]

DESIGNS = ("holdout", "stepped")
WHOLE_OUTCOME = "any"
"""The primary outcome that is the whole of the programme's: any of its components."""
FILE = "trial.toml"


def _refuse_encouragement(design: str) -> str:
    if design == "encouragement":
        raise broken(
            "is encouragement, whose lots are not issued yet",
            'Choose "holdout": its answer says too what an offer changed for those who got one because of the lot.',
        )
    return design


def _fit_for_folder(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,47}", name):
        raise broken("is no id", "Write 2 to 48 small letters, digits and underscores, a letter first.")
    return name


class TrialOutcome(MarkedRow):
    """What is compared: one primary outcome, which nobody who acts on the list records, and some others."""

    primary: Annotated[
        Text,
        Field(description="A component of the programme's outcome, or `any` for all of it.", examples=["any"]),
    ] = WHOLE_OUTCOME
    recorded_by: Annotated[
        PlainText,
        Field(min_length=1, description="Who records it.", examples=["Housing needs, schools and social care"]),
    ]
    acting: Annotated[
        Listed[Text],
        Field(
            description="Services whose workers act on the list: the primary outcome may not be of their own records.",
            examples=[["early_help"]],
        ),
    ] = ()
    secondary: Annotated[
        Listed[Text],
        Field(description="Components that are compared too, with a correction for looking often.", examples=[[]]),
    ] = ()
    groups: Annotated[
        Listed[Text],
        Field(description="Characteristics by whose groups the effect is given too.", examples=[["ethnicity"]]),
    ] = ()


class Holdout(MarkedRow):
    """The lot at the line: whose turn is now, and whose is later."""

    tail: Annotated[
        float,
        Field(
            gt=0,
            le=0.5,
            description="The share of each list's places that go by lot, among as many above the line as below it.",
            examples=[0.5],
        ),
    ] = 0.25
    lot_stands_weeks: Annotated[
        int,
        Field(
            ge=1,
            le=52,
            description="For how long a lot stands: so long its household takes part in no other. Who lost is passed "
            "over, unless it rises above all whose places went by lot, or a place would stay empty.",
            examples=[13],
        ),
    ] = 13


class Stepped(MarkedRow):
    """Lists that start in one place after the other."""

    unit: Annotated[str, OneOf(("team", "area")), Field(description="What starts at once.", examples=["area"])] = "team"
    steps: Annotated[int, Field(ge=2, le=52, description="In how many steps.", examples=[4])] = 4
    step_weeks: Annotated[int, Field(ge=1, le=52, description="Weeks from one step to the next.", examples=[13])] = 13
    alike: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="How much alike families of one unit are: the intra-cluster correlation.",
            examples=[0.01],
        ),
    ] = 0.01


class Answer(MarkedRow):
    """What would count as an answer, said before there is any."""

    worth_seeing: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="The smallest difference in later need that would change a decision, as a share of all.",
            examples=[0.05],
        ),
    ] = 0.05
    power: Annotated[
        float, Field(ge=0.5, lt=1, description="How often such a difference should be found.", examples=[0.8])
    ] = 0.8
    level: Annotated[
        float,
        Field(gt=0, le=0.1, description="How often help that does nothing may be called help.", examples=[0.05]),
    ] = 0.05
    looks: Annotated[
        int, Field(ge=1, le=10, description="How often the answer is looked at, the last time included.", examples=[3])
    ] = 3
    crossing: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="The share of those held out who are expected to get the help by another way all the same.",
            examples=[0.1],
        ),
    ] = 0.1


class TrialFile(File):
    """All of trial.toml."""

    heading = "Whether lists help: one trial, fixed before it begins"
    refusal = DefinitionError
    signed_by = "Every role whose `signs` names the trial: a change of one letter is another trial."

    name: Annotated[
        str,
        AfterValidator(_fit_for_folder),
        Field(description="Its id: small letters, digits and underscores.", examples=["now_or_later_2027"]),
    ]
    programme: Annotated[
        Text,
        RefersTo("programme", "the council's folder"),
        Field(description="The programme whose lists it is about.", examples=["early_help"]),
    ]
    title: Annotated[
        PlainText, Field(min_length=1, description="What people call it.", examples=["Now or later, 2027"])
    ]
    question: Annotated[
        PlainText,
        Field(
            min_length=1,
            description="What it asks.",
            examples=["Do families that are thought of now rather than later have fewer needs within a year?"],
        ),
    ]
    starts: Annotated[
        date,
        Field(validation_alias="from", description="The first day of lists with lots.", examples=[date(2027, 1, 4)]),
    ]
    until: Annotated[
        date, Field(description="The day from which no more lots are drawn.", examples=[date(2027, 12, 20)])
    ]
    design: Annotated[
        str,
        AfterValidator(_refuse_encouragement),
        OneOf(DESIGNS),
        Field(description="How it is found out.", examples=["holdout"]),
    ]
    outcome: Annotated[TrialOutcome, Field(description="What is compared.")]
    holdout: Annotated[Holdout, Field(description="The lot at the line, for design `holdout`.")] = Holdout()
    stepped: Annotated[Stepped, Field(description="The steps, for design `stepped`.")] = Stepped()
    answer: Annotated[Answer, Field(description="What would count as an answer.")] = Answer()

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.until <= self.starts:
            raise broken(f"is {self.until}, not after the day in `from`", "Write a later day.", key="until")
        return self

    @classmethod
    def load(cls, council: Council) -> TrialFile:
        """Read a council's trial.toml.

        Raises UsageError where there is none, and DefinitionError with every slip in it.
        """
        path = council.folder / FILE
        if not path.exists():
            raise UsageError(
                f"{council.folder.name} has no {FILE}, so no trial is planned.",
                "Write one: docs/how-to/find-out-whether-it-helps.md has an example.",
            )
        return cls.read(path, {"programme": council.programmes} if council.programmes else None)

    @classmethod
    def find(cls, council: Council) -> TrialFile | None:
        """Return a council's trial.toml as read; None where there is none."""
        return cls.load(council) if (council.folder / FILE).exists() else None

    def runs_on(self, day: date) -> bool:
        """Whether lots are drawn on lists of that day."""
        return self.starts <= day < self.until
