"""How a programme's list is made, what can be decided on it and in which words: `worklist.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text, broken
from charter.council.slips import choose
from charter.errors import DefinitionError

__all__ = [
    "DEFAULT_ANSWERS",
    "DISPOSITIONS",
    "SECOND_LOOKS",
    "Capacity",
    "Choice",
    "Decision",
    "Need",
    "OwnView",
    "Queue",
    "SecondLook",
    "WorklistFile",
]

DISPOSITIONS = (
    "taken_up",
    "deferred",
    "set_aside",
    "stepped_up",
    "wrong_data",
    "already_supported",
    "family_said_no",
)
"""What can be decided on a referral: contract `actions`."""

DEFAULT_ANSWERS: Mapping[str, float] = {
    "taken_up": 0.4,
    "already_supported": 0.1,
    "family_said_no": 0.15,
    "set_aside": 0.15,
    "deferred": 0.1,
    "wrong_data": 0.03,
    "stepped_up": 0.02,
}
"""What is expected where the council states nothing: four in ten are offered help, one in twenty waits undecided."""

SECOND_LOOKS = ("agreed", "overridden", "below")
"""What a manager looks at again: agreed with the list, decided against it, and households just below its line."""


class Capacity(MarkedRow):
    """How much of a team's places one list takes."""

    weeks: Annotated[
        int, Field(ge=1, le=52, description="One list holds the places of so many weeks.", examples=[1])
    ] = 1


class ListOfCases(MarkedRow):
    """How long a list holds, whether anybody sees it, and what stands at its head."""

    days: Annotated[
        int,
        Field(
            ge=1, le=92, description="A list is fixed for so many days; printed copies say until when.", examples=[7]
        ),
    ] = 7
    shown: Annotated[
        bool,
        Field(
            description="Whether anybody is shown it; `false`: in shadow, made and measured alone.", examples=[False]
        ),
    ] = True
    title: Annotated[PlainText, Field(description="Its heading.", examples=["Households to think about first"])] = (
        "Households to think about first"
    )
    basis: Annotated[
        PlainText,
        Field(
            description="Why the council may use these records, in a sentence.",
            examples=["The council may use these records to offer early help as part of its public task."],
        ),
    ] = ""


class LeaveOut(MarkedRow):
    """Who has a worker already, and is left off every list."""

    with_worker: Annotated[
        Listed[Annotated[Text, RefersTo("feature", "definition.py")]],
        Field(
            description="Features of the definition: a household in which one of them is above 0 has a worker.",
            examples=[["early_help_now"]],
        ),
    ] = ()


class Replay(MarkedRow):
    """What people are expected to decide, for judging models on past weeks as lists are used."""

    decided_after: Annotated[int, Field(ge=0, le=92, description="In how many days.", examples=[3])] = 3
    answers: Annotated[
        Mapping[Annotated[str, OneOf(DISPOSITIONS)], Annotated[float, Field(ge=0, le=1)]],
        Field(
            description="The share of each decision; what is missing to 1 is undecided when the next list comes. What "
            "was decided stands in place of it once 200 listings were worked.",
            examples=[{"taken_up": 0.4, "set_aside": 0.15}],
        ),
    ] = DEFAULT_ANSWERS

    @model_validator(mode="after")
    def _shares_of_one(self) -> Self:
        if sum(self.answers.values()) > 1 + 1e-9:
            raise broken(f"adds up to {sum(self.answers.values()):g}, more than 1", "Write shares.", key="answers")
        return self


class Queue(MarkedRow):
    """Cases that come one by one and wait: whoever is free takes the next of them. Models are judged on that queue."""

    places: Annotated[
        Literal["offers", "as_done"],
        Field(
            description="How many are taken: the places of the teams' offers, or as many on each day as really were.",
            examples=["as_done"],
        ),
    ] = "offers"
    per: Annotated[
        Literal["week", "day"],
        Field(description="Whether an offer's places are those of a week, Monday to Friday, or of each of those days."),
    ] = "week"
    done: Annotated[
        Text | None,
        RefersTo("signal", "register.toml"),
        Field(description="The signal that says that a case was really worked.", examples=["inspections.inspection"]),
    ] = None
    weeks: Annotated[
        int, Field(ge=1, le=520, description="A case that nobody took leaves the queue after so many weeks.")
    ] = 26

    @model_validator(mode="after")
    def _as_done_says_when(self) -> Self:
        if self.places == "as_done" and not self.done:
            raise broken("is missing, and `places` are as really done", 'Write done = "service.kind".', key="done")
        return self


class Exploration(MarkedRow):
    """A lottery of places, for a desk review; off until the charter has `[exploration]`, and never more than that."""

    share: Annotated[
        float,
        Field(ge=0, le=1, description="The share of a list's places drawn from just below its line.", examples=[0.05]),
    ] = 0.0


class OwnView(MarkedRow):
    """Reviewers who are asked for their own view before the reasons are shown."""

    one_in: Annotated[int, Field(ge=0, le=1000, description="One in so many; 0: nobody.", examples=[5])] = 0


class SecondLook(MarkedRow):
    """A manager's second look each month, blind: so many cases of each kind, drawn by lot."""

    agreed: Annotated[int, Field(ge=0, le=20, description="Decided as the list has it.", examples=[2])] = 0
    overridden: Annotated[int, Field(ge=0, le=20, description="Decided against it.", examples=[2])] = 0
    below: Annotated[int, Field(ge=0, le=20, description="Households just below its line.", examples=[2])] = 0

    def of(self, kind: str) -> int:
        """Return how many cases of a kind (SECOND_LOOKS) are drawn."""
        return int(getattr(self, kind))


class Line(MarkedRow):
    """Who was just below each list's line is kept with the list, so that what changes at the line can be looked at."""

    kept: Annotated[
        int,
        Field(
            ge=0,
            le=5,
            description="So many times a list's places below its line, as pseudonyms, to evaluate alone; 0: nobody. A "
            "council that sets it says so in its register and to residents.",
            examples=[3],
        ),
    ] = 0


class BlindReview(MarkedRow):
    """Cases of each list that are judged blind for the second gate, beside those kept below its line."""

    listed: Annotated[int, Field(ge=0, le=50, description="So many; 0: none.", examples=[4])] = 0


class KnownNeeds(MarkedRow):
    """Needs that a service recorded already, with nobody at work: a plain list for that service, without any model."""

    places: Annotated[
        Mapping[Annotated[str, RefersTo("source", "register.toml")], Annotated[int, Field(ge=0)]],
        Field(
            description="By service how many such households it can take on from one list; where a service is not "
            "named: none.",
            examples=[{"education": 3}],
        ),
    ] = {}


class Timeline(MarkedRow):
    """What the case page shows of what services recorded."""

    months: Annotated[int, Field(ge=1, le=60, description="So many months before the list.", examples=[12])] = 12


class Decision(MarkedRow):
    """Something that a person can decide about a case, with the reasons to choose from."""

    identity = "id"

    id: Annotated[str, OneOf(DISPOSITIONS), Field(description="Which decision it is.", examples=["taken_up"])]
    title: Annotated[PlainText, Field(min_length=1, description="What it is called.", examples=["Take up"])]
    hint: Annotated[PlainText, Field(description="What follows from it.", examples=["Offer help."])] = ""
    reasons: Annotated[
        Listed[Annotated[str, RefersTo("reason", "[reason]")]],
        Field(description="The reasons to choose from; their words are in [reason].", examples=[["need_confirmed"]]),
    ]


class Need(MarkedRow):
    """What a need is called at the head of a case; the first that covers one of its signals is said."""

    title: Annotated[PlainText, Field(min_length=1, description="What it is called.", examples=["Rent and home"])]
    signals: Annotated[
        Listed[Text],
        Field(
            min_length=1,
            description="The signals that speak for it: `service.kind`, `service.*` or `*`.",
            examples=[["housing.*", "homelessness.*"]],
        ),
    ]

    def covers(self, signal: str) -> bool:
        """Whether `signal` speaks for this need."""
        return any(
            pattern in ("*", signal) or (pattern.endswith(".*") and signal.startswith(pattern[:-1]))
            for pattern in self.signals
        )


@dataclass(frozen=True)
class Choice:
    """A decision as people are offered it: what it is called, and its reasons as (code, words)."""

    id: str
    title: str
    hint: str
    reasons: tuple[tuple[str, str], ...]


class WorklistFile(File):
    """All of worklist.toml; `cooling_off` is in weeks by disposition."""

    heading = "How a programme's list is made and decided on"
    refusal = DefinitionError
    signed_by = "Nobody signs it here: whoever answers for the programme keeps it."

    capacity: Annotated[Capacity, Field(description="How much of a team's places one list takes.")] = Capacity()
    list: Annotated[ListOfCases, Field(description="How long a list holds, and what it is called.")] = ListOfCases()
    cooling_off: Annotated[
        Mapping[Annotated[str, OneOf(DISPOSITIONS)], Annotated[int, Field(ge=0, le=520)]],
        Field(
            description="For how many weeks a household is left off every list after a decision; 0: not at all.",
            examples=[{"taken_up": 26, "family_said_no": 52}],
        ),
    ] = {}
    leave_out: Annotated[LeaveOut, Field(description="Who is left off every list.")] = LeaveOut()
    replay: Annotated[Replay, Field(description="What people are expected to decide.")] = Replay()
    queue: Annotated[
        Queue | None,
        Field(description="How cases that wait are taken, where each row has its own date (`each` in training.toml)."),
    ] = None
    exploration: Annotated[Exploration, Field(description="Places drawn by lot.")] = Exploration()
    own_view: Annotated[OwnView, Field(description="Who says what they think first.")] = OwnView()
    second_look: Annotated[SecondLook, Field(description="What managers look at again.")] = SecondLook()
    line: Annotated[Line, Field(description="Who was just below the line.")] = Line()
    blind_review: Annotated[BlindReview, Field(description="What is judged blind.")] = BlindReview()
    known_trouble: Annotated[KnownNeeds, Field(description="Needs that a service knows already.")] = KnownNeeds()
    timeline: Annotated[Timeline, Field(description="What the case page shows of records.")] = Timeline()
    decisions: Annotated[
        Listed[Decision],
        Field(
            validation_alias="decision",
            description="What can be decided; stepping up is always among it. No list is made without them.",
        ),
    ] = ()
    reason: Annotated[
        Mapping[str, PlainText],
        Field(
            description="The words of each reason, by its code.", examples=[{"need_confirmed": "I see the same need"}]
        ),
    ] = {}
    needs: Annotated[Listed[Need], Field(validation_alias="need", description="What needs are called.")] = ()

    @field_validator("decisions", mode="after")
    @classmethod
    def _can_step_up(cls, decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
        if not any(decision.id == "stepped_up" for decision in decisions):
            raise broken("lacks stepped_up", "Add it with its reasons: stepping up is always possible.")
        return decisions

    @model_validator(mode="after")
    def _answers_are_decisions(self) -> Self:
        ids = {decision.id for decision in self.decisions}
        if ids and "answers" in self.replay.model_fields_set:
            for name in self.replay.answers:
                if name not in ids:
                    raise broken(
                        f"of [replay] names {name!r}, which is no [[decision]]", choose(name, ids), key="answers"
                    )
        return self

    @classmethod
    def load(cls, folder: Path) -> WorklistFile:
        """Read the worklist.toml of the programme in `folder`; raise DefinitionError with every slip in it."""
        return cls.read(folder / "worklist.toml")

    @classmethod
    def names(cls, raw: Mapping[str, Any]) -> dict[str, frozenset[str]]:
        """Return the ids that rows of the file can name, with the codes of its reasons."""
        words = raw.get("reason")
        return super().names(raw) | {"reason": frozenset(words if isinstance(words, dict) else ())}

    def require_decisions(self) -> None:
        """Raise DefinitionError where nothing can be decided about a case."""
        if not self.decisions:
            raise DefinitionError(
                "worklist.toml has no [[decision]], so nothing could be done about a case.",
                "Add them with their reasons, as in Sooner's own council: stepping up is always possible.",
            )

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What people are offered to decide, in the file's order."""
        return tuple(
            Choice(row.id, row.title, row.hint, tuple((code, self.reason[code]) for code in row.reasons))
            for row in self.decisions
        )

    def choice(self, disposition: str) -> Choice | None:
        """Return the choice of that disposition, or None where worklist.toml does not offer it."""
        return next((choice for choice in self.choices if choice.id == disposition), None)

    def words_of(self, code: str) -> str:
        """Return the words of a reason code; the code's own words where no decision offers it any more."""
        offered = {code for row in self.decisions for code in row.reasons}
        return self.reason[code] if code in offered else code.replace("_", " ")

    def need(self, signals: tuple[str, ...]) -> str | None:
        """Return what the first need is called that any of `signals` speaks for, or None."""
        return next((need.title for need in self.needs if any(need.covers(signal) for signal in signals)), None)
