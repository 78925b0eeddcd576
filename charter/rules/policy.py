"""The board's policy: `charter.toml` read, checked and denied by default.

    Policy
    ├── principles   what the council promised, each with an id that data uses are mapped to
    ├── allowed      which signals may be used for which purpose; what is not listed is not allowed
    ├── prohibited   what is never an input, whatever else says so
    ├── audit        the characteristics and ages that every audit measures
    ├── gates        questions whose answers let a model go live or not
    ├── waivers      answers the board accepts for now: by which role, why, until when
    ├── caveats      answers that say nothing of a group, and why: the board's to decide every time
    ├── roles        who signs the charter and a decision, who may suspend, and who may do what (roles.py)
    ├── usefulness   of how much use a list must be
    ├── data_use     whether it needs the data it is given, and whether one part carries the order
    ├── pooling      how much groups are expected to differ, before any figure
    ├── choosing     how much the board gives for a simpler list
    ├── live         how long nobody sees a list, and how often watching may cry wolf
    └── assessments  what must be begun or signed before real data is used

A key that is not known here, a purpose or measure that does not exist, and a review that is overdue are all
CharterError (exit 12): a policy that is not understood allows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, Strict

from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text, Words, broken, row_ids
from charter.errors import CharterError
from charter.purposes import LOOK, PURPOSES
from charter.rules.assessments import Assessment
from charter.rules.choice_margin import Choosing
from charter.rules.data_use import GATES, DataUse
from charter.rules.going_live import Live
from charter.rules.onset import Onset
from charter.rules.questions import Gate, Pooling, pairs
from charter.rules.roles import Role, Roles
from charter.rules.usefulness import Usefulness
from charter.rules.waivers import Caveat, Waiver

__all__ = ["Allow", "Audit", "Characteristic", "Exploration", "Policy", "Principle", "Prohibited"]


class Principle(MarkedRow):
    """One promise to residents, in words, with the id that uses of data are mapped to."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id; scenarios.toml names it.", examples=["trust"])]
    title: Annotated[Text, Field(description="The promise.", examples=["Build trust through transparency"])]
    means: Annotated[
        Text, Field(description="What it comes to.", examples=["We say what data we use, why, and what came of it."])
    ]


def _full_name(signal: str) -> str:
    if len(signal.split(".")) != 2 or not all(signal.split(".")):
        raise broken(
            f"lists {signal!r}, which is not of the form service.kind",
            "Name each signal in full: there are no wildcards.",
        )
    return signal


class Allow(MarkedRow):
    """Signals that may be used, and the purposes they may be used for; what no row lists is not allowed."""

    purposes: Annotated[
        Words[Annotated[str, OneOf(PURPOSES)]],
        Field(description="What the signals may be used for.", examples=[["train", "rank", "display"]]),
    ]
    signals: Annotated[
        Words[Annotated[str, AfterValidator(_full_name), RefersTo("signal", "register.toml")]],
        Field(description="Each signal in full, `service.kind`.", examples=[["housing.arrears_stage"]]),
    ]


class Prohibited(MarkedRow):
    """Something that is never an input: the words that betray it in a name, and why."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id.", examples=["race"])]
    title: Annotated[Text, Field(description="What it is called.", examples=["Race and ethnicity"])]
    words: Annotated[
        Listed[Text],
        Field(
            min_length=1,
            description="What betrays it in the name of a signal or column, word by word.",
            examples=[["ethnicity", "country_of_birth"]],
        ),
    ]
    why: Annotated[
        Text,
        Field(
            description="Why it is never an input.",
            examples=["A protected characteristic measures an effect; it never causes one."],
        ),
    ]


class Characteristic(MarkedRow):
    """A protected characteristic that every audit measures."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id, as records of people name it.", examples=["ethnicity"])]
    title: Annotated[Text, Field(description="What it is called.", examples=["Ethnic group"])]


def _youngest_and_oldest(ages: Sequence[int]) -> Sequence[int]:
    if not 0 <= ages[0] <= ages[1]:
        raise broken(f"is {list(ages)}, not a youngest and an oldest age", "Write ages = [0, 17].")
    return ages


_Ages = Annotated[tuple[int, int], Strict(False), AfterValidator(_youngest_and_oldest)]


class Audit(MarkedRow):
    """What every audit measures: of whom, by which characteristics, and against which independent signs of need."""

    ages: Annotated[
        _Ages, Field(description="The people who are counted: the youngest and the oldest age.", examples=[[0, 17]])
    ]
    programme_ages: Annotated[
        Mapping[Annotated[str, RefersTo("programme", "the council's folder")], _Ages],
        Field(
            description="Other ages for a programme that is not about children.",
            examples=[{"homelessness": [16, 120]}],
        ),
    ] = {}
    not_recorded: Annotated[
        Text, Field(description="What a value that nobody recorded is called.", examples=["not recorded"])
    ]
    independent_outcome: Annotated[
        Annotated[str, AfterValidator(_full_name), RefersTo("signal", "register.toml")] | None,
        Field(
            description="Of older charters: `independent_outcomes` with one signal.",
            examples=["hospital.emergency_admission"],
        ),
    ] = None
    independent_outcomes: Annotated[
        Listed[Annotated[str, AfterValidator(_full_name), RefersTo("signal", "register.toml")]],
        Field(
            description="Signals that others record, so that a group whose needs we record less can be found out. Each "
            "of other hands: a group that one of them sees less, another may see.",
            examples=[["hospital.emergency_admission", "food_bank.parcel"]],
        ),
    ] = ()
    characteristics: Annotated[
        Listed[Characteristic],
        Field(validation_alias="characteristic", description="Whose groups are compared."),
    ] = ()


class Exploration(MarkedRow):
    """A lottery of places just below a list's line, for a desk review; without this table there is none."""

    largest_share: Annotated[
        float,
        Field(ge=0, le=0.25, description="The largest share of a list's places drawn by lot.", examples=[0.1]),
    ]
    most_a_year: Annotated[
        int | None,
        Field(
            ge=0,
            description="How many such looks at a household there are at most in any twelve months, over all lists of "
            "a programme; left out: no most.",
            examples=[52],
        ),
    ] = None
    purpose: Annotated[
        Annotated[str, OneOf((LOOK,))] | None,
        Field(
            description="The purpose of looks below the line, by lot or as a second look: `[[allow]]` and the register "
            "must name it, and whoever objects to it is in no look; left out: they are made for the purposes of lists.",
            examples=[LOOK],
        ),
    ] = None


def _signs_everything(roles: Sequence[Role]) -> Sequence[Role]:
    for what in ("charter", "decision"):
        if not any(what in role.signs for role in roles):
            raise broken(f"names no role that signs a {what}", f'Add signs = ["{what}"] to a [[role]].')
    return roles


class Policy(File):
    """The charter as read; `sha256` is of the file's bytes, so an edit of any kind is another charter."""

    heading = "The board's policy"
    refusal = CharterError
    signed_by = "Every role whose `signs` names the charter: a change of one letter is another charter."

    title: Annotated[
        Text,
        Field(description="What it is called.", examples=["Data charter of the Borough of Fernhill"]),
    ]
    version: Annotated[Text, Field(description="Which version it is.", examples=["2026-1"])]
    review_by: Annotated[
        date,
        Field(
            description="The day of the board's next review; after it nothing is allowed.", examples=[date(2027, 9, 30)]
        ),
    ]
    age_as_composition: Annotated[
        bool,
        Field(description='Whether ages may describe who lives together ("a child under five").', examples=[True]),
    ]
    scenarios_at_least: Annotated[
        int,
        Field(
            ge=0,
            description="How many of the residents' cases (scenarios.toml) there must be, all as the panel expects.",
            examples=[15],
        ),
    ] = 0
    answer_within_days: Annotated[
        int,
        Field(
            ge=1, description="Within how many days of an audit its paper asks the board for an answer.", examples=[28]
        ),
    ] = 28
    principles: Annotated[
        Listed[Principle], Field(validation_alias="principle", min_length=1, description="What the council promised.")
    ]
    allow: Annotated[Listed[Allow], Field(description="Which signals may be used for what.")] = ()
    prohibited_inputs: Annotated[
        Listed[Prohibited], Field(validation_alias="prohibited", description="What is never an input.")
    ] = ()
    audit: Annotated[Audit, Field(description="What every audit measures.")]
    gates: Annotated[
        Listed[Gate],
        Field(validation_alias="gate", min_length=1, description="The questions that let a model go on, or not."),
    ]
    waivers: Annotated[
        Listed[Waiver], Field(validation_alias="waiver", description="Verdicts that the board accepts for now.")
    ] = ()
    caveats: Annotated[
        Listed[Caveat],
        Field(
            validation_alias="caveat", description="Answers that say nothing of a group: the board decides each time."
        ),
    ] = ()
    roles: Annotated[
        Listed[Role],
        AfterValidator(_signs_everything),
        Field(validation_alias="role", min_length=1, description="Who signs, who may suspend, and who may do what."),
    ]
    usefulness: Annotated[Usefulness | None, Field(description="Of how much use a list must be; none: not asked.")] = (
        None
    )
    data_use: Annotated[
        DataUse | None, Field(description="What is asked of the data that a list rests on; none: nothing.")
    ] = None
    pooling: Annotated[
        Pooling | None, Field(description="What is expected of groups beforehand; none: each stands for itself alone.")
    ] = None
    choosing: Annotated[Choosing, Field(description="How much the board gives for a simpler list.")] = Choosing()
    onset: Annotated[Onset, Field(description="When a need is a new one.")] = Onset()
    live: Annotated[Live, Field(description="How a promoted model goes live.")] = Live()
    assessments: Annotated[
        Listed[Assessment],
        Field(
            validation_alias="assessment", description="What must have been begun or signed before real data is used."
        ),
    ] = ()
    exploration: Annotated[Exploration | None, Field(description="Whether places may be drawn by lot.")] = None

    @classmethod
    def load(cls, path: Path, today: date | None = None) -> Policy:
        """Read the charter at `path`.

        Raises CharterError with every slip in it, or for a review date before `today` (the current date in UTC where
        none is given).
        """
        return cls.read(path).require_review(today or datetime.now(UTC).date())

    def require_review(self, day: date) -> Policy:
        """Return the policy; raise CharterError where its review was due before `day`."""
        if self.review_by < day:
            raise CharterError(
                f"the charter's review was due by {self.review_by}, so it allows nothing any more.",
                "Let the board review charter.toml, set the next `review_by`, and sign it with `sooner sign`.",
            )
        return self

    @classmethod
    def names(cls, raw: Mapping[str, Any]) -> dict[str, frozenset[str]]:
        """Return the ids that rows of the charter can name, with the characteristics and their pairs."""
        audit = raw.get("audit")
        found = tuple(row_ids(audit.get("characteristic") if isinstance(audit, dict) else (), Characteristic))
        own = super().names(raw)
        gates = own["gate"] | frozenset(GATES)
        return own | {"gate": gates, "characteristic": frozenset([*found, *pairs(found)])}

    @property
    def allowed(self) -> Mapping[str, frozenset[str]]:
        """The signals that may be used, by purpose; what is not listed is not allowed."""
        purposes = dict.fromkeys(purpose for row in self.allow for purpose in row.purposes)
        return {
            purpose: frozenset(signal for row in self.allow if purpose in row.purposes for signal in row.signals)
            for purpose in purposes
        }

    @property
    def purposes(self) -> frozenset[str]:
        """The purposes that anything is allowed for."""
        return frozenset(purpose for row in self.allow for purpose in row.purposes)

    @property
    def characteristics(self) -> tuple[str, ...]:
        """The ids of the protected characteristics that every audit measures."""
        return tuple(one.id for one in self.audit.characteristics)

    @property
    def characteristic_titles(self) -> Mapping[str, str]:
        """What each of them is called, by id."""
        return {one.id: one.title for one in self.audit.characteristics}

    @property
    def audited_ages(self) -> tuple[int, int]:
        """The ages of the people whom an audit counts, both inclusive, where the programme names no others."""
        return self.audit.ages

    @property
    def not_recorded(self) -> str:
        """What a value that nobody recorded is called."""
        return self.audit.not_recorded

    @property
    def independent_outcomes(self) -> tuple[str, ...]:
        """The signals that others record, each once; an older charter names one."""
        older = self.audit.independent_outcome
        return tuple(dict.fromkeys((*((older,) if older else ()), *self.audit.independent_outcomes)))

    @property
    def largest_lot(self) -> float:
        """The largest share of a list's places that may be drawn by lot for a desk review; 0: exploration is off."""
        return self.exploration.largest_share if self.exploration is not None else 0.0

    @property
    def most_looks_a_year(self) -> int | None:
        """How many households below the line may be looked at by lot in any twelve months; None: no most is named."""
        return self.exploration.most_a_year if self.exploration is not None else None

    @property
    def looks_purpose(self) -> str | None:
        """The purpose that looks below the line have of their own; None: none is named, and lists' purposes hold."""
        return self.exploration.purpose if self.exploration is not None else None

    def allows(self, signal: str, purpose: str) -> bool:
        """Whether the charter's list names `signal` (`service.kind`) for `purpose`, and nothing prohibits it."""
        listed = any(purpose in row.purposes and signal in row.signals for row in self.allow)
        return listed and self.prohibits(signal) is None

    def of(self, programme: str) -> Policy:
        """Return the policy without the waivers and caveats that name another programme."""
        mine = ("", programme)
        return self.model_copy(
            update={
                "waivers": tuple(waiver for waiver in self.waivers if waiver.programme in mine),
                "caveats": tuple(caveat for caveat in self.caveats if caveat.programme in mine),
            }
        )

    def ages_of(self, programme: str) -> tuple[int, int]:
        """Return the ages of the people whom a programme's audit counts, both inclusive."""
        return self.audit.programme_ages.get(programme, self.audited_ages)

    @property
    def prohibited(self) -> tuple[str, ...]:
        """The ids of what is never an input."""
        return tuple(one.id for one in self.prohibited_inputs)

    def prohibits(self, name: str) -> Prohibited | None:
        """Return the prohibition that a signal's or column's name falls under, or None.

        Names are compared word by word (`ethnic_group` has the words ethnic and group), never by parts of words.
        """
        words = name.lower().replace(".", "_").replace("-", "_").split("_")
        spaced = f" {' '.join(words)} "
        for one in self.prohibited_inputs:
            if any(f" {word.replace('_', ' ')} " in spaced for word in one.words):
                return one
        return None

    @property
    def acting(self) -> Roles:
        """All roles that act under this charter, with what each may do."""
        return Roles.of(self.roles)

    def role(self, role_id: str) -> Role:
        """Return the role of that id; raise CharterError for one the charter does not know."""
        return self.acting.find(role_id)

    def asked(self, *stages: str) -> tuple[Gate, ...]:
        """Return the gates that are asked at any of these stages."""
        return tuple(gate for gate in self.gates if set(stages) & set(gate.stages))

    def signers(self, what: str) -> tuple[Role, ...]:
        """Return the roles that must sign `what`; of a "trial" and an "exchange" there may be none."""
        return tuple(role for role in self.roles if what in role.signs)
