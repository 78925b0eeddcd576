"""How a programme is trained and judged: `training.toml`, each section a frozen value.

`[as_of]` says when a household is looked at (read by `sooner build`), all other sections are training's. A run keeps
them as `TrainingSettings`, without the dates, and reads them back from its manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, OneOf, RefersTo, Row, Text, broken
from charter.errors import DefinitionError

__all__ = [
    "FITTED",
    "MODELS",
    "POINTS_LISTS",
    "RELEASABLE",
    "Abstention",
    "AsOf",
    "Band",
    "Bootstrap",
    "EachEntity",
    "Folds",
    "Leaks",
    "Logistic",
    "Models",
    "Points",
    "Search",
    "StatedPeriod",
    "TrainingFile",
    "TrainingSettings",
    "Treatment",
    "Trees",
]

MODELS = ("random", "last_contact", "one_feature", "agreed", "points", "logistic", "lightgbm")
"""Every model Sooner can compare, simplest first."""

FITTED = ("points", "logistic", "lightgbm")
"""The models that are fitted and step up in complexity: one of them is recommended."""

RELEASABLE = ("agreed", *FITTED)
"""The models that serving can score and explain; the agreed points list only where it is named."""

POINTS_LISTS = ("agreed", "points")
"""The models that add up whole points."""

_Seed = Annotated[int, Field(ge=0, lt=2**31)]
_Share = Annotated[float, Field(gt=0, le=1)]


class StatedPeriod(Row):
    """So many days, weeks, months or years, by the calendar."""

    n: Annotated[int, Field(ge=1, le=36500, description="How many.", examples=[2])]
    unit: Annotated[Literal["days", "weeks", "months", "years"], Field(description="Of what.", examples=["months"])]


class EachEntity(Row):
    """Rows at each entity's own dates, rather than at all dates."""

    signal: Annotated[
        Text,
        RefersTo("signal", "register.toml"),
        Field(description="The signal whose event it counts from.", examples=["registry.enrolment"]),
    ]
    after: Annotated[StatedPeriod | None, Field(description="How long after that event; left out: its very day.")] = (
        None
    )
    planned: Annotated[
        bool,
        Field(
            description="The day was planned, so that it counts although its record came later: visits, inspections.",
            examples=[True],
        ),
    ] = False


class AsOf(Row):
    """The mornings at which every household is looked at: `first`, `last` and `step`, or a list of `dates`."""

    first: Annotated[date | None, Field(description="The first date.", examples=[date(2020, 9, 1)])] = None
    last: Annotated[
        date | None, Field(description="The last date, if a step ends on it.", examples=[date(2025, 7, 1)])
    ] = None
    step: Annotated[
        StatedPeriod | None, Field(description="From one date to the next.", examples=[{"n": 2, "unit": "months"}])
    ] = None
    dates: Annotated[
        Listed[date], Field(description="The dates themselves, instead.", examples=[[date(2013, 10, 29)]])
    ] = ()
    each: Annotated[
        EachEntity | None,
        Field(
            description="An entity has a row only at the dates that are its own; of a range, at the date to which its"
            " own day belongs: the first from it on, or (planned) the last up to it.",
            examples=[{"signal": "registry.enrolment", "after": {"n": 28, "unit": "days"}}],
        ),
    ] = None

    @model_validator(mode="after")
    def _states_dates(self) -> Self:
        remedy = 'Write first, last and step = { n = 1, unit = "months" }, or dates = [2025-01-01].'
        range_of = (self.first, self.last, self.step)
        if self.dates and all(end is None for end in range_of):
            return self
        if self.dates or any(end is None for end in range_of):
            raise broken("states no dates, or states them twice", remedy)
        if self.each is not None and self.first is not None and self.first.day > 28:
            raise broken(
                f"is {self.first}, and months from there on have no such day",
                "Begin on the 28th or before, so that each own day belongs to one date.",
                key="first",
            )
        if self.first is not None and self.last is not None and self.first > self.last:
            raise broken(f"is {self.last}, before the first", "Write a day after `first`.", key="last")
        return self


class Folds(Row):
    """How the labelled as-of dates are divided, counted in dates from the newest backwards.

    `count` selection folds of `dates` test dates each, then `final` dates scored once by a fold of their own.
    """

    count: Annotated[int, Field(ge=0, le=50, description="How many selection folds.", examples=[4])] = 4
    dates: Annotated[int, Field(ge=1, le=100, description="Test dates of each.", examples=[3])] = 3
    final: Annotated[
        int, Field(ge=0, le=100, description="Dates of the final period, scored once by the last fold.", examples=[3])
    ] = 3
    grouped: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="Groups into which the newest fold's households are parted, to see how good the model is on "
            "households that it never saw; 0: no such figure.",
            examples=[5],
        ),
    ] = 5

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.grouped == 1:
            raise broken(
                "is 1, and one group is no division", "Write 0 for no such figure, or 2 and more.", key="grouped"
            )
        if self.count + self.final == 0:
            raise broken("has count and final both 0, so nothing is judged", "Let one of them be at least 1.")
        return self


class Models(Row):
    """Which models are compared, and which is released."""

    compare: Annotated[
        Listed[Annotated[str, OneOf(MODELS)]],
        Field(
            description="What is compared; `agreed` is the list of points.toml.",
            examples=[["points", "logistic", "lightgbm"]],
        ),
    ] = tuple(name for name in MODELS if name != "agreed")
    release: Annotated[
        str,
        OneOf(("recommended", *RELEASABLE)),
        Field(description="What is released: the recommended one, or one by name.", examples=["recommended"]),
    ] = "recommended"
    unchanging: Annotated[
        Literal["refuse", "leave_out"],
        Field(
            description="What to do with a feature that never varies: stop, or go on without it and say so.",
            examples=["leave_out"],
        ),
    ] = "refuse"

    @model_validator(mode="after")
    def _released_is_compared(self) -> Self:
        if self.release not in ("recommended", *self.compare) or not set(self.compare) & set(FITTED):
            raise broken("must be among those compared", f"Compare one of: {', '.join(FITTED)}.", key="release")
        return self

    @property
    def in_order(self) -> tuple[str, ...]:
        """The compared models, simplest first."""
        return tuple(name for name in MODELS if name in self.compare)


class Trees(Row):
    """LightGBM's settings, by plain names."""

    trees: Annotated[int, Field(ge=1, le=10_000, description="How many trees.", examples=[150])] = 150
    learning_rate: Annotated[_Share, Field(description="How much each tree may say.", examples=[0.05])] = 0.05
    leaves: Annotated[int, Field(ge=2, le=4096, description="Leaves of a tree, at most.", examples=[8])] = 8
    rows_per_leaf: Annotated[int, Field(ge=1, description="Rows in a leaf, at least.", examples=[60])] = 60
    l2: Annotated[float, Field(ge=0, description="How strongly leaves are drawn to nothing.", examples=[5.0])] = 5.0
    feature_share: Annotated[_Share, Field(description="The share of features each tree sees.", examples=[0.6])] = 0.6
    row_share: Annotated[_Share, Field(description="The share of rows each tree sees.", examples=[0.8])] = 0.8
    bins: Annotated[int, Field(ge=2, le=65_535, description="Bins of a feature, at most.", examples=[255])] = 255
    seed: Annotated[_Seed, Field(description="The seed of its lotteries.", examples=[20260928])] = 1
    threads: Annotated[int, Field(ge=1, le=1024, description="Threads.", examples=[2])] = 2
    dask: Annotated[
        str,
        Field(
            description="Where workers are that share the work; empty: this machine alone.",
            examples=["tcp://10.0.0.5:8786"],
        ),
    ] = ""


def _ascending(ends: Sequence[float]) -> Sequence[float]:
    if not 0 < ends[0] <= ends[1]:
        raise broken(f"is {list(ends)}, not from above 0 upwards", "Write [from, to].")
    return ends


_Numbers = Annotated[tuple[float, float], Strict(False), AfterValidator(_ascending)]
_Counts = Annotated[tuple[int, int], Strict(False), AfterValidator(_ascending)]


def _shares(ends: Sequence[float]) -> Sequence[float]:
    if ends[1] > 1:
        raise broken(f"is {list(ends)}, and no share is above 1", "Write [from, to].")
    return ends


_Shares = Annotated[_Numbers, AfterValidator(_shares)]


class Search(Row):
    """A search over LightGBM's settings: its budget, and from where to where each one is tried."""

    trials: Annotated[int, Field(ge=1, description="How many trials, at most.", examples=[20])] = 20
    minutes: Annotated[
        float,
        Field(
            gt=0, description="How long, at most: the trials' own time, over all starts of one search.", examples=[30]
        ),
    ] = 30.0
    seed: Annotated[_Seed, Field(description="The seed of its lotteries.", examples=[20260928])] = 1
    trees: Annotated[_Counts, Field(description="[from, to].", examples=[[50, 400]])] = (50, 400)
    learning_rate: Annotated[_Shares, Field(description="[from, to].", examples=[[0.02, 0.2]])] = (0.02, 0.2)
    leaves: Annotated[_Counts, Field(description="[from, to].", examples=[[4, 31]])] = (4, 31)
    rows_per_leaf: Annotated[_Counts, Field(description="[from, to].", examples=[[20, 400]])] = (20, 400)
    l2: Annotated[_Numbers, Field(description="[from, to].", examples=[[0.5, 50.0]])] = (0.5, 50.0)
    feature_share: Annotated[_Shares, Field(description="[from, to].", examples=[[0.3, 1.0]])] = (0.3, 1.0)
    row_share: Annotated[_Shares, Field(description="[from, to].", examples=[[0.5, 1.0]])] = (0.5, 1.0)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The range of each setting of [lightgbm] that is searched."""
        searched = set(type(self).model_fields) & set(Trees.model_fields) - {"seed"}
        return {name: getattr(self, name) for name in sorted(searched)}


class Treatment(Row):
    """Which rows had help within the horizon, and what training does with them."""

    treated: Annotated[
        Literal["keep", "leave_out"],
        Field(description="Learn from them like from all others, or not.", examples=["keep"]),
    ] = "keep"
    helped: Annotated[
        Listed[Annotated[Text, RefersTo("signal", "register.toml")]],
        Field(
            description="Signals that say that help began, by a list or without one: the council's own practice.",
            examples=[["early_help.episode"]],
        ),
    ] = ()


class Points(Row):
    """A points list as a practitioner could add up by hand."""

    rules: Annotated[int, Field(ge=1, le=100, description="Rules, at most.", examples=[10])] = 10
    most: Annotated[int, Field(ge=1, le=100, description="Points of a rule, at most.", examples=[5])] = 5


class Logistic(Row):
    """Logistic regression on steps of features."""

    steps: Annotated[int, Field(ge=1, le=100, description="Steps of a feature, at most.", examples=[6])] = 4
    l2: Annotated[float, Field(gt=0, description="How strongly weights are drawn to nothing.", examples=[20.0])] = 20.0
    rows: Annotated[int, Field(ge=1, description="Rows it is fitted on, at most.", examples=[200_000])] = 200_000


class Bootstrap(Row):
    """Resamples of whole households, for intervals."""

    resamples: Annotated[int, Field(ge=100, le=100_000, description="How many.", examples=[1000])] = 1000
    ranking_resamples: Annotated[
        int, Field(ge=100, le=100_000, description="How many for figures that need every row sorted.", examples=[200])
    ] = 200
    level: Annotated[float, Field(gt=0.5, lt=1, description="The level of the intervals.", examples=[0.95])] = 0.95
    seed: Annotated[_Seed, Field(description="The seed of its lotteries.", examples=[7])] = 7


class Band(Row):
    """A band of the calibrated likelihood: from where, what it is called, and the share that its title stands for.

    What a band means is not agreed: it is observed on replayed lists, and its title follows what was observed.
    """

    identity = "id"

    id: Annotated[Text, Field(description="Its id.", examples=["a"])]
    title: Annotated[PlainText, Field(min_length=1, description="What it is called.", examples=["Very likely"])]
    from_score: Annotated[float, Field(ge=0, le=1, description="From which likelihood.", examples=[0.65])]
    stated: Annotated[
        tuple[float, float],
        Strict(False),
        Field(description="The shares of households that its title stands for: [from, to].", examples=[[0.65, 0.95]]),
    ]
    meaning: Annotated[
        PlainText,
        Field(description="Of older councils, and shown nowhere: figures agreed beforehand are no figures."),
    ] = ""

    @model_validator(mode="after")
    def _promises_a_share(self) -> Self:
        if not 0 <= self.stated[0] < self.stated[1] <= 1:
            raise broken(
                f"is {list(self.stated)}, not two shares, ascending", "Write it like [0.65, 0.95].", key="stated"
            )
        return self


def _down_to_nothing(bands: Sequence[Band]) -> Sequence[Band]:
    scores = [band.from_score for band in bands]
    if scores and (scores[-1] != 0 or any(higher <= lower for higher, lower in pairwise(scores))):
        raise broken(
            "do not run from the highest from_score down to one of 0.0",
            "Sort them, and let the last begin at 0.0, so that every listed row has a band.",
        )
    return bands


class Abstention(Row):
    """Whose likelihood is not said: they keep their place on a list, and get no band."""

    not_seen: Annotated[
        float, Field(ge=0, le=1, description="More than this share of the features has no value.", examples=[0.5])
    ] = 0.5
    outside: Annotated[
        int,
        Field(ge=0, description="More than so many values lie beyond anything that was learned from.", examples=[1]),
    ] = 1


class AcceptedLeak(Row):
    """A feature that knows the outcome too well and is right all the same; the board pack quotes the reason."""

    identity = "feature"

    feature: Annotated[
        Text,
        RefersTo("feature", "definition.py"),
        Field(description="The feature's name.", examples=["notice_served"]),
    ]
    reason: Annotated[
        PlainText,
        Field(
            min_length=1,
            description="Why it was known at the time.",
            examples=["A notice is served two months before the duty is owed, and its date is the post's."],
        ),
    ]


class Leaks(Row):
    """What to do with a feature that knows the outcome too well."""

    suspected: Annotated[
        Literal["refuse", "accept"],
        Field(
            description="Stop at features that are not accepted by name, or go on with all of them and say so.",
            examples=["refuse"],
        ),
    ] = "refuse"
    accepted: Annotated[
        Listed[AcceptedLeak], Field(description="Features that are right all the same, each with the council's reason.")
    ] = ()


class TrainingSettings(Row):
    """All of training.toml that training reads, and a run's manifest keeps."""

    folds: Annotated[Folds, Field(description="How the dates are divided.")] = Folds()
    models: Annotated[Models, Field(description="What is compared, and what is released.")] = Models()
    lightgbm: Annotated[Trees, Field(description="The trees.")] = Trees()
    points: Annotated[Points, Field(description="The fitted points list.")] = Points()
    logistic: Annotated[Logistic, Field(description="The logistic regression.")] = Logistic()
    bootstrap: Annotated[Bootstrap, Field(description="How intervals are made.")] = Bootstrap()
    bands: Annotated[
        Listed[Band],
        AfterValidator(_down_to_nothing),
        Field(description="Bands of the likelihood, the highest first, the last from 0.0; nothing is trained without."),
    ] = ()
    leaks: Annotated[Leaks, Field(description="Features that know too much.")] = Leaks()
    abstention: Annotated[Abstention, Field(description="Whose likelihood is not said.")] = Abstention()
    search: Annotated[Search, Field(description="The search of `sooner train --search`.")] = Search()
    offers: Annotated[Treatment, Field(description="Households that were offered help.")] = Treatment()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> TrainingSettings:
        """Read back what `as_document` wrote."""
        return TrainingSettings.model_validate(dict(document))

    def require_bands(self) -> None:
        """Raise DefinitionError where no band says what a likelihood means."""
        if not self.bands:
            raise DefinitionError(
                "training.toml has no [[bands]], so nothing could be said of a likelihood.",
                "Add them, the last with from_score = 0.0, as in Sooner's own council.",
            )

    def band_of(self, score: float) -> Band:
        """Return the band of a calibrated likelihood."""
        return next(band for band in self.bands if score >= band.from_score)

    def as_document(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return self.model_dump(mode="json", include=set(TrainingSettings.model_fields))


class TrainingFile(TrainingSettings, File):
    """All of training.toml."""

    heading = "How a programme is trained and judged"
    refusal = DefinitionError
    signed_by = "Nobody signs it here: a run keeps it, and the decision on that run is signed."

    as_of: Annotated[AsOf, Field(description="When households are looked at.")]

    @classmethod
    def load(cls, folder: Path) -> TrainingFile:
        """Read the training.toml of the programme in `folder`; raise DefinitionError with every slip in it."""
        return cls.read(folder / "training.toml")
