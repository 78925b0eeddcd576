"""The words of the grammar: what a feature or a cohort rule can ask about a household or a person.

    Expression
    ├── Aggregate     one number from the events of some signals in a window
    ├── Change        the same number of a window and of the equally long one before it, compared
    ├── Ratio         how many events of one kind there are for each of another
    ├── PerMember     a number for each member of an age whom the service saw
    ├── KnownTo       whether a service recorded anything at all (cohort rules only)
    └── Composition   who lives in the household at the as-of date (no events)

What each word means to the last row is in docs/reference/spec.md, which tests generate and run on every engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from charter.errors import DefinitionError
from features.grammar.period import Period, Window, since_start
from features.grammar.signal import Signal

# The words that a definition is written in: features.grammar hands on all of these.
__all__ = [
    "Aggregate",
    "Change",
    "Composition",
    "Expression",
    "PerMember",
    "Ratio",
    "active_days",
    "age_of_youngest",
    "any_of",
    "category",
    "change",
    "children",
    "count",
    "days_since",
    "days_since_change",
    "distinct",
    "known_to",
    "latest",
    "maximum",
    "mean",
    "members",
    "minimum",
    "open_at",
    "per_member",
    "ratio",
    "total",
]

Word = Literal[
    "count",
    "any_of",
    "days_since",
    "days_since_change",
    "total",
    "mean",
    "maximum",
    "minimum",
    "latest",
    "category",
    "distinct",
    "active_days",
    "open_at",
]
Column = Literal["amount", "detail", "signal", "person"]

MOST_CATEGORIES = 20
"""So many details a category can state: the leak check looks at each for itself, and each has a bin of its own."""


@dataclass(frozen=True)
class Meaning:
    """What is said of a word, wherever it is used: the unit of its value and the phrase that a column begins with.

    The unit "amount" becomes the register's unit of the signal (such as GBP). `{what}` in the phrase is what is looked
    at, `{steps}` for the stated details; `reads` are the columns of an event that a word can be asked of, for those
    that take a choice.
    """

    unit: str
    phrase: str
    reads: tuple[Column, ...] = ()


# One row a word. What it means to the last event is in both engines and in tests/spec.
WORDS: Mapping[Word, Meaning] = {
    "count": Meaning("events", "Number of events: {what}"),
    "any_of": Meaning("yes or no", "Whether there was any: {what}"),
    "days_since": Meaning("days", "Days since the newest: {what}"),
    "days_since_change": Meaning("days", "Days since another detail than before: {what}", reads=("detail",)),
    "total": Meaning("amount", "Total amount: {what}"),
    "mean": Meaning("amount", "Mean amount: {what}"),
    "maximum": Meaning("amount", "Largest amount: {what}"),
    "minimum": Meaning("amount", "Smallest amount: {what}"),
    "latest": Meaning("amount", "Newest amount: {what}", reads=("amount", "detail")),
    "category": Meaning("category", "Which of {steps} or another, the newest: {what}", reads=("detail",)),
    "distinct": Meaning("different values", "Number of different {column}: {what}", ("detail", "signal", "person")),
    "active_days": Meaning("days", "Number of different days with: {what}"),
    "open_at": Meaning("open", "Open: {what}"),
}


@dataclass(frozen=True)
class Aggregate:
    """One number from the visible, permitted events of `signals` in `window`, over the members seen.

    Nothing recorded is 0 (for `days_since` and `days_since_change`: one day more than the window has), not seen is
    missing.
    `of` names the column that `latest`, `category` and `distinct` read; `steps` the stated details: for `latest` in
    their order, for `category` in none.
    """

    word: Word
    signals: tuple[Signal, ...]
    window: Window
    of: Column | None = None
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.word not in WORDS:
            raise DefinitionError(f"there is no word {self.word!r}.", f"Use one of: {', '.join(WORDS)}.")
        self._check_signals()
        if self.of not in (WORDS[self.word].reads or (None,)):
            allowed = ", ".join(WORDS[self.word].reads) or "none"
            raise DefinitionError(f"{self.word} reads no column {self.of!r}.", f"Use one of: {allowed}.")
        self._check_details()
        if self.window.now != (self.word == "open_at"):
            raise DefinitionError(f"{self.word} has the wrong kind of window.", "Only open_at looks at now.")
        if self.window.next is not None and self.word != "any_of":
            raise DefinitionError(f"{self.word} looks forward.", "Only an outcome does: any_of(..., next=months(12)).")

    def _check_details(self) -> None:
        if bool(self.steps) != (self.word in ("latest", "category") and self.of == "detail"):
            word = "category" if self.word == "category" else "latest"
            raise DefinitionError(
                f"{self.word} {'takes no' if self.steps else 'needs'} stated details.",
                f'Write {word}(signal, details=["one detail", "another detail"], last=...).',
            )
        if len(set(self.steps)) != len(self.steps) or not all(isinstance(s, str) and s for s in self.steps):
            raise DefinitionError(f"the details of {self.word} are not different texts.", "List each one once.")
        if self.word == "category" and len(self.steps) > MOST_CATEGORIES:
            raise DefinitionError(
                f"a category has {len(self.steps)} details, and a board can read {MOST_CATEGORIES} at most.",
                "State the commonest; all others are one more, `another`.",
            )

    def _check_signals(self) -> None:
        if not self.signals or not all(isinstance(s, Signal) for s in self.signals):
            raise DefinitionError(f"{self.word} reads no signal.", 'Give it one: count(signal("service.kind"), ...).')
        names = [s.name for s in self.signals]
        if len(set(names)) != len(names):
            raise DefinitionError(
                f"{self.word} names a signal twice.", "Name each once, and list its details in one where()."
            )

    @property
    def services(self) -> tuple[str, ...]:
        """The services it reads, in alphabetical order."""
        return tuple(sorted({s.service for s in self.signals}))

    @property
    def signals_named(self) -> tuple[str, ...]:
        """The names of the signals it reads, in alphabetical order."""
        return tuple(sorted(s.name for s in self.signals))

    @property
    def reach(self) -> Window:
        """The whole stretch that a feed must cover for the value to exist."""
        return self.window

    @property
    def unit(self) -> str:
        """The unit of the value; "amount" stands for the register's unit of the signal."""
        if self.word == "latest" and self.of == "detail":
            return "step"
        if self.word == "distinct":
            return {"detail": "different kinds", "signal": "different kinds", "person": "people"}[self.of or "detail"]
        return WORDS[self.word].unit

    def document(self) -> dict[str, Any]:
        """Return the expression as the contract `definition` writes it."""
        document: dict[str, Any] = {
            "word": self.word,
            "signals": [s.document() for s in self.signals],
            "window": self.window.document(),
        }
        if self.of is not None:
            document["of"] = self.of
        if self.steps:
            document["steps"] = list(self.steps)
        return document


@dataclass(frozen=True)
class _OfOne:
    """An expression made of one aggregate: it reads what that reads."""

    of: Aggregate

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals it reads."""
        return self.of.signals

    @property
    def services(self) -> tuple[str, ...]:
        """The services it reads, in alphabetical order."""
        return self.of.services

    @property
    def signals_named(self) -> tuple[str, ...]:
        """The names of the signals it reads, in alphabetical order."""
        return self.of.signals_named


@dataclass(frozen=True)
class Change(_OfOne):
    """`of` in its window, minus the same in the equally long window right before it: positive is more than before."""

    def __post_init__(self) -> None:
        if not isinstance(self.of, Aggregate) or self.of.word not in ("count", "total") or self.of.window.last is None:
            raise DefinitionError(
                "change compares no such thing.", "Write change(count(..., last=months(3))) or change(total(...))."
            )

    @property
    def whole(self) -> Aggregate:
        """The same number over both windows together."""
        period = self.of.window.last
        if period is None:
            raise AssertionError("a change always has a last window")
        return replace(self.of, window=Window(last=period.times(2)))

    @property
    def reach(self) -> Window:
        """Both windows together: what a feed must cover for the value to exist."""
        return self.whole.window

    @property
    def unit(self) -> str:
        """The unit of what is compared."""
        return self.of.unit

    def document(self) -> dict[str, Any]:
        """Return the expression as the contract `definition` writes it."""
        return {"word": "change", "of": self.of.document()}


@dataclass(frozen=True)
class Ratio:
    """How many events of one kind there are for each of another, in one window; 0 where there is none of the other."""

    of: Aggregate
    among: Aggregate

    def __post_init__(self) -> None:
        parts = (self.of, self.among)
        counts = all(isinstance(part, Aggregate) and part.word == "count" for part in parts)
        if not counts or self.of.window != self.among.window:
            raise DefinitionError(
                "ratio divides no two counts of one window.",
                "Write ratio(count(failed, last=months(12)), count(inspected, last=months(12))).",
            )

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals it reads."""
        return tuple(dict.fromkeys((*self.of.signals, *self.among.signals)))

    @property
    def services(self) -> tuple[str, ...]:
        """The services it reads, in alphabetical order."""
        return tuple(sorted({*self.of.services, *self.among.services}))

    @property
    def signals_named(self) -> tuple[str, ...]:
        """The names of the signals it reads, in alphabetical order."""
        return tuple(sorted({*self.of.signals_named, *self.among.signals_named}))

    @property
    def whole(self) -> Aggregate:
        """All events that either count reads, of whatever detail: what explains the value."""
        return Aggregate("count", tuple(Signal(name) for name in self.signals_named), self.of.window)

    @property
    def reach(self) -> Window:
        """The whole stretch that a feed must cover for the value to exist."""
        return self.of.window

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return "for each"

    def document(self) -> dict[str, Any]:
        """Return the expression as the contract `definition` writes it."""
        return {"word": "ratio", "of": self.of.document(), "among": self.among.document()}


@dataclass(frozen=True)
class PerMember(_OfOne):
    """A count or total of the members of ages `age` (inclusive; all, where it is None), for each whom the service saw.

    0 where nobody in the household is of these ages; missing where somebody is, or may be, and none of them was seen.
    """

    age: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        summed = isinstance(self.of, Aggregate) and self.of.word in ("count", "total") and not self.of.window.next
        if not summed or len(self.of.services) != 1:
            raise DefinitionError(
                "per_member shares out no count or total of one service.",
                "Write per_member(count(absence, last=months(6)), age=(5, 15)).",
            )
        if self.age is not None:
            check_ages(self.age)

    @property
    def whole(self) -> Aggregate:
        """The same number of all members together."""
        return self.of

    @property
    def reach(self) -> Window:
        """The whole stretch that a feed must cover for the value to exist."""
        return self.of.window

    @property
    def unit(self) -> str:
        """The unit of the value: that of an amount, or how many there are for each."""
        return self.of.unit if self.of.unit == "amount" else "for each"

    @property
    def reads_age(self) -> bool:
        """Whether it reads birth dates, which the charter must allow (`age_as_composition`)."""
        return self.age is not None

    def includes(self, age: int | None) -> bool:
        """Whether a member of this age, in whole years, is of the ages asked for; None is an age not known."""
        return self.age is None or (age is not None and self.age[0] <= age <= self.age[1])

    def document(self) -> dict[str, Any]:
        """Return the expression as the contract `definition` writes it."""
        return {"word": "per_member", "of": self.of.document()} | ({"age": list(self.age)} if self.age else {})


@dataclass(frozen=True)
class KnownTo:
    """Whether `service` recorded anything that may be used about any member in `window`: a cohort rule."""

    service: str
    window: Window

    def __post_init__(self) -> None:
        Signal(f"{self.service}.anything")
        if self.window.next is not None or self.window.now:
            raise DefinitionError("known_to looks forward.", "Write known_to(service, last=months(12)).")

    def among(self, names: Sequence[str]) -> Aggregate:
        """Return the rule over the signals `names`; raise DefinitionError where the service has none of them."""
        signals = tuple(Signal(name) for name in sorted(names) if name.startswith(f"{self.service}."))
        if not signals:
            raise DefinitionError(
                f"known_to names the service {self.service!r}, of which no signal may be used.",
                "Name a service of register.toml whose signals the charter allows.",
            )
        return Aggregate("any_of", signals, self.window)

    def document(self) -> dict[str, Any]:
        """Return the rule as the contract `definition` writes it."""
        return {"word": "known_to", "service": self.service, "window": self.window.document()}


@dataclass(frozen=True)
class Composition:
    """Who lives in the household at the as-of date: `members`, `children` of ages `age` (inclusive), `age_of_youngest`.

    Ages are whole years. Members without a known birth date count as members and in no age; a value about ages is
    missing where no member's age is known.
    """

    word: Literal["members", "children", "age_of_youngest"]
    age: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.word not in ("members", "children", "age_of_youngest"):
            raise DefinitionError(f"there is no word {self.word!r}.", "Use members, children or age_of_youngest.")
        if (self.age is not None) != (self.word == "children"):
            raise DefinitionError(f"{self.word} and ages {self.age!r} do not fit.", "Write children(0, 4).")
        if self.age is not None:
            check_ages(self.age)

    @property
    def signals(self) -> tuple[Signal, ...]:
        """No signal: it reads residence and birth dates."""
        return ()

    @property
    def services(self) -> tuple[str, ...]:
        """No service."""
        return ()

    @property
    def signals_named(self) -> tuple[str, ...]:
        """No signal."""
        return ()

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return {"members": "people", "children": "children", "age_of_youngest": "years"}[self.word]

    @property
    def reads_age(self) -> bool:
        """Whether it reads birth dates, which the charter must allow (`age_as_composition`)."""
        return self.word != "members"

    def document(self) -> dict[str, Any]:
        """Return the expression as the contract `definition` writes it."""
        return {"word": self.word} | ({"age": list(self.age)} if self.age else {})


Expression = Aggregate | Change | Ratio | PerMember | Composition


def check_ages(age: tuple[int, int]) -> None:
    """Raise DefinitionError unless `age` is a pair of whole years, youngest first, both inclusive."""
    good = isinstance(age, tuple) and len(age) == 2 and all(type(year) is int for year in age)
    if not good or not 0 <= age[0] <= age[1] <= 150:
        raise DefinitionError(f"{age!r} is no range of ages.", "Write the youngest and oldest in years, like (0, 17).")


def read_expression(document: Mapping[str, Any]) -> Expression:
    """Read an expression from its document; raise DefinitionError for one that is not."""
    word = document.get("word")
    if word == "change":
        of = read_expression(document["of"])
        if not isinstance(of, Aggregate):
            raise DefinitionError("change compares no such thing.", "Write change(count(..., last=months(3))).")
        return Change(of)
    if word == "ratio":
        return Ratio(*(read_expression(document[part]) for part in ("of", "among")))  # type: ignore[arg-type]  # it says
    if word == "per_member":
        return PerMember(read_expression(document["of"]), _read_ages(document))  # type: ignore[arg-type]  # it says
    if word in ("members", "children", "age_of_youngest"):
        return Composition(word, _read_ages(document))
    return Aggregate(
        word,  # type: ignore[arg-type]  # an unknown word is refused by Aggregate itself
        tuple(Signal.of(s) for s in document.get("signals", ())),
        Window.of(document.get("window", {})),
        document.get("of"),
        tuple(document.get("steps", ())),
    )


def _read_ages(document: Mapping[str, Any]) -> tuple[int, int] | None:
    return tuple(document["age"]) if "age" in document else None


def _back(last: Period | Window) -> Window:
    if last is since_start:
        return since_start
    if not isinstance(last, Period):
        raise DefinitionError(f"a window looks back {last!r}.", "Write last=months(6), or last=since_start.")
    return Window(last=last)


def count(*signals: Signal, last: Period | Window) -> Aggregate:
    """Return how many events there were."""
    return Aggregate("count", signals, _back(last))


def any_of(*signals: Signal, last: Period | Window | None = None, next: Period | None = None) -> Aggregate:  # noqa: A002  # the design's own word
    """Return whether there was any such event: 1 or 0. With `next`, an outcome."""
    if (last is None) == (next is None):
        raise DefinitionError("any_of looks both ways or nowhere.", "Give it last= (a feature) or next= (an outcome).")
    return Aggregate("any_of", signals, Window(next=next) if last is None else _back(last))


def days_since(*signals: Signal, last: Period | Window) -> Aggregate:
    """Return the calendar days from the newest such event to the as-of date; one more than the window has if none."""
    return Aggregate("days_since", signals, _back(last))


def days_since_change(*signals: Signal, last: Period | Window) -> Aggregate:
    """Return the calendar days since the newest event of a member whose detail is another than before.

    Before is the same member's event before it in the window, of those with a detail: the first one changes nothing.
    One day more than the window has, where nothing changed.
    """
    return Aggregate("days_since_change", signals, _back(last), "detail")


def total(*signals: Signal, last: Period | Window) -> Aggregate:
    """Return the sum of the amounts."""
    return Aggregate("total", signals, _back(last))


def mean(*signals: Signal, last: Period | Window) -> Aggregate:
    """Return the sum of the amounts divided by how many events carry one."""
    return Aggregate("mean", signals, _back(last))


def maximum(*signals: Signal, last: Period | Window) -> Aggregate:
    """Return the largest amount."""
    return Aggregate("maximum", signals, _back(last))


def minimum(*signals: Signal, last: Period | Window) -> Aggregate:
    """Return the smallest amount; 0 where no event carries one."""
    return Aggregate("minimum", signals, _back(last))


def latest(*signals: Signal, last: Period | Window, details: Sequence[str] = ()) -> Aggregate:
    """Return the amount of the newest event with one; given `details`, the place (from 1) of the newest one in them.

    Ties go to the largest (valid_at, known_at, event_id).
    """
    if details:
        return Aggregate("latest", signals, _back(last), "detail", tuple(details))
    return Aggregate("latest", signals, _back(last), "amount")


def category(*signals: Signal, last: Period | Window, details: Sequence[str]) -> Aggregate:
    """Return which of `details` the newest event has, as a code without an order: its place from 1.

    0 is no event, one more than there are details is another detail or none: what is new, or too rare to be stated. A
    model sets codes apart, and never more of them from less. Ties go to the largest (valid_at, known_at, event_id).
    """
    return Aggregate("category", signals, _back(last), "detail", tuple(details))


def distinct(*signals: Signal, of: Column, last: Period | Window) -> Aggregate:
    """Return how many different details, signals or persons there were among the events."""
    return Aggregate("distinct", signals, _back(last), of)


def active_days(*signals: Signal, last: Period | Window) -> Aggregate:
    """Return on how many calendar days, in the council's time zone, there was any such event."""
    return Aggregate("active_days", signals, _back(last))


def open_at(*signals: Signal) -> Aggregate:
    """Return how many such intervals are open at the as-of date: begun before it, and not known to have ended by it."""
    return Aggregate("open_at", signals, Window(now=True))


def change(of: Aggregate) -> Change:
    """Return a count or total in a window, minus that in the equally long window right before."""
    return Change(of)


def ratio(of: Aggregate, among: Aggregate) -> Ratio:
    """Return one count divided by another of the same window; 0 where the other is 0."""
    return Ratio(of, among)


def per_member(of: Aggregate, age: tuple[int, int] | None = None) -> PerMember:
    """Return a count or total of the members of these ages, both inclusive, for each of them whom the service saw."""
    return PerMember(of, age)


def known_to(service: str, *, last: Period | Window) -> KnownTo:
    """Return whether a service recorded anything about any member: a cohort rule."""
    return KnownTo(service, _back(last))


def members() -> Composition:
    """Return how many people live in the household."""
    return Composition("members")


def children(youngest: int = 0, oldest: int = 17) -> Composition:
    """Return how many members are of these ages, both inclusive."""
    return Composition("children", (youngest, oldest))


def age_of_youngest() -> Composition:
    """Return the age of the youngest member, in whole years."""
    return Composition("age_of_youngest")
