"""What `training.toml` says about training, as frozen values: folds, models, calibration bands, resampling.

`[as_of]` belongs to features and is not read here. Every key is required or has its default below; an unknown key is
an error, so that a typing slip never trains quietly with a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, NoReturn, TypeVar

from charter.errors import DefinitionError

__all__ = [
    "MODELS",
    "RELEASABLE",
    "Abstention",
    "Band",
    "Bootstrap",
    "Folds",
    "Leaks",
    "Logistic",
    "Models",
    "Points",
    "Search",
    "Settings",
    "Treatment",
    "Trees",
]

MODELS = ("random", "last_contact", "one_feature", "points", "logistic", "lightgbm")
"""Every model Sooner can compare, simplest first."""

RELEASABLE = ("points", "logistic", "lightgbm")
"""The models that serving can score and explain."""


@dataclass(frozen=True)
class Folds:
    """How the labelled as-of dates are divided, counted in dates from the newest backwards.

    `count` selection folds of `dates` test dates each, then `final` dates scored once by a fold of their own. As a
    diagnostic, the newest selection fold's households are also parted into `grouped` groups (0: not at all).
    """

    count: int = 4
    dates: int = 3
    final: int = 3
    grouped: int = 5

    def __post_init__(self) -> None:
        if self.grouped < 0 or self.grouped == 1:
            _refuse("folds", "grouped is 0 for no such figure, or 2 and more groups")
        if self.count < 0 or self.dates < 1 or self.final < 0 or self.count + self.final == 0:
            _refuse("folds", "count and final may not be negative or both 0, and dates is at least 1")


@dataclass(frozen=True)
class Models:
    """Which models are compared, and which is released: `recommended`, or one by name.

    `unchanging` says what to do with a feature that never varies: `refuse`, or `leave_out` and say so.
    """

    compare: tuple[str, ...] = MODELS
    release: str = "recommended"
    unchanging: str = "refuse"

    def __post_init__(self) -> None:
        unknown = [name for name in self.compare if name not in MODELS]
        if unknown:
            _refuse("models", f"compare may name {', '.join(MODELS)}, not {', '.join(unknown)}")
        if self.unchanging not in ("refuse", "leave_out"):
            _refuse("models", f"unchanging is refuse or leave_out, not {self.unchanging}")
        if self.release != "recommended" and self.release not in RELEASABLE:
            _refuse("models", f"release is recommended, {', '.join(RELEASABLE)}, not {self.release}")
        if self.release not in ("recommended", *self.compare) or not set(self.compare) & set(RELEASABLE):
            _refuse("models", "the released model must be among those compared")

    @property
    def in_order(self) -> tuple[str, ...]:
        """The compared models, simplest first."""
        return tuple(name for name in MODELS if name in self.compare)


@dataclass(frozen=True)
class Trees:
    """LightGBM's settings, by plain names; `boosting.py` says which LightGBM parameter each one is.

    `dask` is empty for this machine alone, else where its workers are (`distributed.py`).
    """

    trees: int = 150
    learning_rate: float = 0.05
    leaves: int = 8
    rows_per_leaf: int = 60
    l2: float = 5.0
    feature_share: float = 0.6
    row_share: float = 0.8
    bins: int = 255
    seed: int = 1
    threads: int = 2
    dask: str = ""

    def __post_init__(self) -> None:
        if self.trees < 1 or self.leaves < 2 or self.threads < 1 or self.rows_per_leaf < 1:
            _refuse("lightgbm", "trees, threads and rows_per_leaf are at least 1, leaves at least 2")
        if not (0 < self.feature_share <= 1 and 0 < self.row_share <= 1 and self.learning_rate > 0 and self.l2 >= 0):
            _refuse("lightgbm", "shares lie in (0, 1], learning_rate is above 0, l2 is not negative")


@dataclass(frozen=True)
class Search:
    """A search over LightGBM's settings: its budget, whichever ends first, and from where to where each one is tried.

    `minutes` counts the trials' own time, over all starts of one search; the trial that is under way is finished.
    """

    trials: int = 20
    minutes: float = 30.0
    seed: int = 1
    trees: tuple[int, int] = (50, 400)
    learning_rate: tuple[float, float] = (0.02, 0.2)
    leaves: tuple[int, int] = (4, 31)
    rows_per_leaf: tuple[int, int] = (20, 400)
    l2: tuple[float, float] = (0.5, 50.0)
    feature_share: tuple[float, float] = (0.3, 1.0)
    row_share: tuple[float, float] = (0.5, 1.0)

    def __post_init__(self) -> None:
        if self.trials < 1 or self.minutes <= 0:
            _refuse("search", "trials is at least 1 and minutes above 0")
        for name, ends in self.ranges.items():
            if len(ends) != 2 or not 0 < ends[0] <= ends[1]:
                _refuse("search", f"{name} is [from, to], both above 0, ascending")

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The range of each setting of [lightgbm] that is searched."""
        searched = {field.name for field in fields(self)} & {field.name for field in fields(Trees)} - {"seed"}
        return {name: getattr(self, name) for name in sorted(searched)}


@dataclass(frozen=True)
class Treatment:
    """What training does with rows of households that were offered help: `keep` them, or `leave_out`."""

    treated: str = "keep"

    def __post_init__(self) -> None:
        if self.treated not in ("keep", "leave_out"):
            _refuse("offers", f"treated is keep or leave_out, not {self.treated}")


@dataclass(frozen=True)
class Points:
    """A points list: at most `rules` rules of 1 to `most` whole points."""

    rules: int = 10
    most: int = 5

    def __post_init__(self) -> None:
        if self.rules < 1 or self.most < 1:
            _refuse("points", "rules and most are at least 1")


@dataclass(frozen=True)
class Logistic:
    """Logistic regression on at most `steps` steps a feature, ridge `l2`, fitted on at most `rows` rows."""

    steps: int = 4
    l2: float = 20.0
    rows: int = 200_000

    def __post_init__(self) -> None:
        if self.steps < 1 or self.l2 <= 0 or self.rows < 1:
            _refuse("logistic", "steps and rows are at least 1, l2 is above 0")


@dataclass(frozen=True)
class Bootstrap:
    """Resamples of whole households; `ranking_resamples` for figures that need every row sorted."""

    resamples: int = 1000
    ranking_resamples: int = 200
    level: float = 0.95
    seed: int = 7

    def __post_init__(self) -> None:
        if min(self.resamples, self.ranking_resamples) < 100 or not 0.5 < self.level < 1:
            _refuse("bootstrap", "at least 100 resamples of each kind and a level between 0.5 and 1")


@dataclass(frozen=True)
class Band:
    """A band of the calibrated likelihood: from where, what its words promise, and the words."""

    id: str
    title: str
    from_score: float
    stated: tuple[float, float]
    meaning: str

    def __post_init__(self) -> None:
        if not 0 <= self.from_score <= 1 or not 0 <= self.stated[0] < self.stated[1] <= 1:
            _refuse("bands", f"{self.id}: from_score and stated lie between 0 and 1, stated ascending")
        if "risk" in f"{self.title} {self.meaning}".lower():
            _refuse("bands", f"{self.id}: write need or likelihood, which is what is measured")


@dataclass(frozen=True)
class Abstention:
    """Whose likelihood is not said (charter/rules/abstention.py).

    Rows with a larger share than `not_seen` of their features without a value, or with more than `outside` values
    beyond what any row learned from had.
    """

    not_seen: float = 0.5
    outside: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.not_seen <= 1 or self.outside < 0:
            _refuse("abstention", "not_seen lies between 0 and 1, outside is 0 or more")


@dataclass(frozen=True)
class Leaks:
    """What to do with a feature that knows the outcome too well: `refuse`, or `accept` and say so in the run."""

    suspected: str = "refuse"

    def __post_init__(self) -> None:
        if self.suspected not in ("refuse", "accept"):
            _refuse("leaks", f"suspected is refuse or accept, not {self.suspected}")


@dataclass(frozen=True)
class Settings:
    """All of training.toml that training reads."""

    folds: Folds
    models: Models
    lightgbm: Trees
    points: Points
    logistic: Logistic
    bootstrap: Bootstrap
    bands: tuple[Band, ...]
    leaks: Leaks = Leaks()
    abstention: Abstention = Abstention()
    search: Search = Search()
    offers: Treatment = Treatment()

    @classmethod
    def of(cls, training: Mapping[str, Any]) -> Settings:
        """Read the sections; raise DefinitionError naming the section, the key and the rule."""
        known = {field.name for field in fields(cls)} | {"as_of"}
        unknown = sorted(set(training) - known)
        if unknown:
            _refuse(unknown[0], f"is not a section; the sections are {', '.join(sorted(known))}")
        bands = tuple(_section(Band, "bands", row) for row in training.get("bands", ()))
        scores = [band.from_score for band in bands]
        if not bands or scores[-1] != 0 or any(higher <= lower for higher, lower in pairwise(scores)):
            _refuse("bands", "run from the highest from_score down to one of 0.0, so that every listed row has a band")
        return cls(
            folds=_section(Folds, "folds", training.get("folds", {})),
            models=_section(Models, "models", training.get("models", {})),
            lightgbm=_section(Trees, "lightgbm", training.get("lightgbm", {})),
            points=_section(Points, "points", training.get("points", {})),
            logistic=_section(Logistic, "logistic", training.get("logistic", {})),
            bootstrap=_section(Bootstrap, "bootstrap", training.get("bootstrap", {})),
            bands=bands,
            leaks=_section(Leaks, "leaks", training.get("leaks", {})),
            abstention=_section(Abstention, "abstention", training.get("abstention", {})),
            search=_section(Search, "search", training.get("search", {})),
            offers=_section(Treatment, "offers", training.get("offers", {})),
        )

    def band_of(self, score: float) -> Band:
        """Return the band of a calibrated likelihood."""
        return next(band for band in self.bands if score >= band.from_score)

    def as_document(self) -> dict[str, Any]:
        """Return the settings as JSON values; `Settings.of` reads them back."""
        return asdict(self)


_Section = TypeVar("_Section")


def _section(kind: type[_Section], name: str, raw: Mapping[str, Any]) -> _Section:
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # every section is a dataclass
    unknown = sorted(set(raw) - set(known))
    if unknown:
        _refuse(name, f"{unknown[0]} is not a key; the keys are {', '.join(known)}")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    try:
        return kind(**values)
    except TypeError as error:
        _refuse(name, f"a key is missing or of the wrong kind ({error})")


def _refuse(section: str, rule: str) -> NoReturn:
    raise DefinitionError(f"training.toml [{section}]: {rule}.", "Mend it there and run the command again.")
