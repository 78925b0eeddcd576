"""A definition: who is looked at (cohort), what could be helped (outcome), and what is asked of the records (features).

    Definition
    ├── Cohort     the households or persons that get a row at an as-of date
    ├── Outcome    what may appear within the horizon; its components are always reported apart
    └── Feature    a named value with a unit, a reason in plain words, and why it is asked

`definition.py` holds COHORT, OUTCOME and FEATURES; `build` writes them as `definition.json` with a hash, and every
later step reads only that.
"""

from __future__ import annotations

import ast
import re
import signal
import string
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import content_id
from charter.errors import DefinitionError, SoonerError, UsageError
from features.grammar.expression import (
    Aggregate,
    Change,
    Composition,
    Expression,
    KnownTo,
    PerMember,
    Ratio,
    check_ages,
    read_expression,
)
from features.grammar.period import Period, Window
from features.grammar.signal import Signal
from features.grammar.words import describe_expression

__all__ = ["Cohort", "Component", "Definition", "Feature", "Outcome", "name_seen_column"]

Entity = Literal["household", "person"]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ROW_WORD = re.compile(r"[a-z][a-z -]{1,29}")
_BANNED = re.compile(r"\brisk", re.IGNORECASE)
_SECONDS = 10
"""How long a definition may take: it is plain values."""
_RULE_WORDS = ("any_of", "count", "open_at")


def name_seen_column(service: str, window: Window) -> str:
    """Return the name of the matrix's seen column of a service and a window, such as `housing:6_months`."""
    return f"{service}:{window.name}"


@dataclass(frozen=True)
class Cohort:
    """Who gets a row at an as-of date, as known at it.

    `with_age`: some member is of these ages (inclusive); `resident`: some member has lived there for the period;
    `given`: each is true; `unless`: none is true; `known_to`: each service knows some member. A rule that can't be
    evaluated puts the row out, counted as "can't tell". `called`: what one row and several are called on every page,
    such as ("place", "places"), where they are neither households nor people.
    """

    title: str
    entity: Entity = "household"
    with_age: tuple[int, int] | None = None
    resident: Period | None = None
    given: Sequence[Aggregate] = ()
    unless: Sequence[Aggregate] = ()
    known_to: Sequence[KnownTo] = ()
    called: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        _plain_words("the cohort", "title", self.title)
        if self.called is not None:
            self._check_called(self.called)
        if self.entity not in ("household", "person"):
            raise DefinitionError(f"the cohort's entity is {self.entity!r}.", "Use household or person.")
        if self.with_age is not None:
            check_ages(self.with_age)
        if self.resident is not None and not isinstance(self.resident, Period):
            raise DefinitionError(f"the cohort is resident {self.resident!r}.", "Write resident=months(6).")
        for name in ("given", "unless", "known_to"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for rule in (*self.given, *self.unless):
            if not isinstance(rule, Aggregate) or rule.word not in _RULE_WORDS or rule.window.next is not None:
                raise DefinitionError(
                    "a cohort rule is no question about the past.", f"Use one of: {', '.join(_RULE_WORDS)}."
                )
        if not all(isinstance(rule, KnownTo) for rule in self.known_to):
            raise DefinitionError(
                "known_to of the cohort names no service.", 'Write known_to=[known_to("education", last=months(12))].'
            )

    @staticmethod
    def _check_called(called: tuple[str, str]) -> None:
        words = [word for word in called if isinstance(word, str) and _ROW_WORD.fullmatch(word)]
        if isinstance(called, str) or not len(words) == len(called) == 2:
            raise DefinitionError(
                "the cohort's rows are not called by two words, for one and for several.",
                'Write called=("place", "places"): letters, spaces and hyphens, at most 30.',
            )
        for word in words:
            _plain_words("the cohort", "called", word)

    def document(self) -> dict[str, Any]:
        """Return the cohort as the contract `definition` writes it."""
        document: dict[str, Any] = {"title": self.title}
        if self.called:
            document["called"] = list(self.called)
        if self.with_age:
            document["with_age"] = list(self.with_age)
        if self.resident:
            document["resident"] = self.resident.document()
        for name in ("given", "unless", "known_to"):
            if rules := getattr(self, name):
                document[name] = [rule.document() for rule in rules]
        return document

    @classmethod
    def of(cls, document: Mapping[str, Any], entity: Entity) -> Cohort:
        """Read a cohort from its document."""
        rules = {name: [_read_aggregate(rule) for rule in document.get(name, ())] for name in ("given", "unless")}
        return cls(
            document["title"],
            entity,
            tuple(document["with_age"]) if "with_age" in document else None,
            Period.of(document["resident"]) if "resident" in document else None,
            known_to=[KnownTo(rule["service"], Window.of(rule["window"])) for rule in document.get("known_to", ())],
            called=tuple(document["called"]) if "called" in document else None,
            **rules,
        )


@dataclass(frozen=True)
class Component:
    """One of the outcomes, always reported apart from the others."""

    name: str
    signal: Signal

    def document(self) -> dict[str, Any]:
        """Return the component as the contract `definition` writes it."""
        return {
            "name": self.name,
            "signals": [self.signal.name],
            "services": [self.signal.service],
            "events": self.signal.document(),
        }


@dataclass(frozen=True)
class Outcome:
    """What may appear in `[as_of, as_of + horizon)` about any member at the as-of date: one component per signal.

    With `onset` a component counts only where it begins: for a household that was free of it, and seen to be, for the
    charter's months before. Whoever has no such component has no row.

    `ends_with` is a signal with an end, such as an enrolment or a tenancy: a horizon ends with the day on which what is
    open at the as-of date was then known to end, where that is sooner than `next`; the last such day, where several
    are open. Where nothing is open, or no end is known, it is `next`.
    """

    title: str
    expression: Aggregate
    onset: bool = False
    ends_with: Signal | None = None

    def __post_init__(self) -> None:
        _plain_words("the outcome", "title", self.title)
        if not isinstance(self.expression, Aggregate) or self.expression.window.next is None:
            raise DefinitionError(
                "the outcome does not look forward.", "Write any_of(signal(...), ..., next=months(12))."
            )
        if not isinstance(self.onset, bool):
            raise DefinitionError(f"the outcome's onset is {self.onset!r}.", "Write onset=True, or leave it out.")
        ends = self.ends_with
        if ends is not None and (not isinstance(ends, Signal) or ends.at_least is not None or ends.below is not None):
            raise DefinitionError(
                "the outcome ends with no signal.", 'Write ends_with=signal("registry.enrolment"), without an amount.'
            )

    @property
    def horizon(self) -> Period:
        """How far it looks forward."""
        period = self.expression.window.next
        if period is None:
            raise AssertionError("an outcome always looks forward")
        return period

    @property
    def components(self) -> tuple[Component, ...]:
        """Its components, one per signal, in the order they are written."""
        return tuple(Component(s.name, s) for s in self.expression.signals)

    def document(self) -> dict[str, Any]:
        """Return the outcome as the contract `definition` writes it."""
        document: dict[str, Any] = {
            "title": self.title,
            "horizon": self.horizon.document(),
            "components": [component.document() for component in self.components],
        }
        # Written only where it is so: a definition without it keeps the hash that it had before there was the word.
        if self.onset:
            document["onset"] = True
        if self.ends_with:
            document["ends_with"] = self.ends_with.document()
        return document

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Outcome:
        """Read an outcome from its document."""
        signals = tuple(Signal.of(component["events"]) for component in document["components"])
        expression = Aggregate("any_of", signals, Window(next=Period.of(document["horizon"])))
        ends = Signal.of(document["ends_with"]) if "ends_with" in document else None
        return cls(document["title"], expression, bool(document.get("onset", False)), ends)


@dataclass(frozen=True)
class Feature:
    """A named value known as of a date.

    `reason` is what a family's worker reads, with `{value}` where the value goes; `because` says why it is asked.
    `direction` promises that more of it can only raise ("increasing") or lower ("decreasing") the score.
    `system_response` marks what measures a service's own action rather than what happened to the family.
    `better` says which side is good for a family: "lower" for trouble of any kind, "higher" for attendance or an
    arrangement kept up, for help taken up and finished, and for the days since trouble; None for what is neither. Only
    a value on its good side is ever called a strength, whatever it does to the score; its reason then stands under
    "Strengths" as it is. The model never reads it.
    """

    name: str
    expression: Expression
    reason: str
    because: str
    title: str = ""
    direction: Literal["increasing", "decreasing"] | None = None
    system_response: bool = False
    better: Literal["lower", "higher"] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise DefinitionError(
                f"a feature has the name {self.name!r}.", "Use up to 63 small letters, digits and underscores."
            )
        who = f"the feature {self.name}"
        if not isinstance(self.expression, Aggregate | Change | Ratio | PerMember | Composition):
            raise DefinitionError(
                f"{who} is no expression of the grammar.", "Use a word such as count(signal, last=...)."
            )
        if isinstance(self.expression, Aggregate) and self.expression.window.next is not None:
            raise DefinitionError(
                f"{who} looks forward, into what it should help to foresee.", "Use last= instead of next=."
            )
        _plain_words(who, "reason", self.reason)
        _plain_words(who, "because", self.because)
        if [name for _, name, _, _ in string.Formatter().parse(self.reason) if name is not None] != ["value"]:
            raise DefinitionError(f"the reason of {who} does not hold {{value}} once.", 'Write "Absences: {value}".')
        if self.title:
            _plain_words(who, "title", self.title)
        if self.direction not in (None, "increasing", "decreasing"):
            raise DefinitionError(f"{who} has the direction {self.direction!r}.", "Use increasing, decreasing or None.")
        if self.expression.unit == "category" and (self.direction or self.better):
            raise DefinitionError(
                f"{who} is a category, which has no more and no less.", "Leave out its direction and better."
            )
        if self.better not in (None, "lower", "higher"):
            raise DefinitionError(f"{who} is better {self.better!r}.", "Use lower, higher or None.")

    @property
    def seen(self) -> tuple[str, ...]:
        """The names of the seen columns it needs: one per service, over its whole reach."""
        if isinstance(self.expression, Composition):
            return ()
        return tuple(name_seen_column(service, self.expression.reach) for service in self.expression.services)

    def document(self, units: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the feature as the contract `definition` writes it; `units` are the register's, by signal."""
        document: dict[str, Any] = {
            "name": self.name,
            "unit": _unit_of(self.expression, units or {}),
            "signals": list(self.expression.signals_named),
            "services": list(self.expression.services),
            "expression": self.expression.document(),
            "title": self.title or describe_expression(self.expression),
            "reason": self.reason,
            "because": self.because,
            "direction": self.direction,
            "system_response": self.system_response,
            "seen": list(self.seen),
        }
        # Written only where it is given: a definition without it keeps the hash that it had before there was the word.
        return document | ({"better": self.better} if self.better else {})

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Feature:
        """Read a feature from its document."""
        expression = read_expression(document["expression"])
        title = document.get("title", "")
        return cls(
            document["name"],
            expression,
            document["reason"],
            document["because"],
            "" if title == describe_expression(expression) else title,
            document["direction"],
            document["system_response"],
            document.get("better"),
        )


@dataclass(frozen=True)
class Definition:
    """A programme's cohort, outcome and features; checks that they fit together."""

    programme: str
    cohort: Cohort
    outcome: Outcome
    features: tuple[Feature, ...] = field()

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        if not isinstance(self.cohort, Cohort) or not isinstance(self.outcome, Outcome):
            raise DefinitionError(
                f"the definition of {self.programme} lacks a cohort or an outcome.",
                "Set COHORT = Cohort(...) and OUTCOME = Outcome(...).",
            )
        if not self.features or not all(isinstance(feature, Feature) for feature in self.features):
            raise DefinitionError(
                f"the definition of {self.programme} has no features.", "Set FEATURES = [Feature(...), ...]."
            )
        names = [feature.name for feature in self.features]
        for name in names:
            if names.count(name) > 1:
                raise DefinitionError(f"two features are called {name}.", "Give each its own name.")
        if self.cohort.entity == "person":
            for feature in self.features:
                _refuse_of_persons(feature)

    @property
    def entity(self) -> Entity:
        """What a row is about."""
        return self.cohort.entity

    @property
    def seen(self) -> tuple[str, ...]:
        """The names of the matrix's seen columns, in alphabetical order."""
        return tuple(sorted({name for feature in self.features for name in feature.seen}))

    @property
    def signals(self) -> tuple[str, ...]:
        """Every signal it reads by name, in alphabetical order (`known_to` adds its service's)."""
        rules: list[Expression] = [feature.expression for feature in self.features]
        rules += [*self.cohort.given, *self.cohort.unless, self.outcome.expression]
        names = {s.name for rule in rules for s in rule.signals}
        return tuple(sorted(names | ({self.outcome.ends_with.name} if self.outcome.ends_with else set())))

    @property
    def hash(self) -> str:
        """The id of the definition: of its document without units, which are the register's."""
        return content_id(self._content_document({}))

    def _content_document(self, units: Mapping[str, str]) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "programme": self.programme,
            "entity": self.entity,
            "cohort": self.cohort.document(),
            "outcome": self.outcome.document(),
            "features": [feature.document(units) for feature in self.features],
        }

    def document(self, units: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the contract `definition`; `units` are the register's units by signal, for amounts."""
        document = self._content_document(units or {}) | {"hash": self.hash}
        check_document("definition", document)
        return document

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Definition:
        """Read a definition from its document; raise DataError if it breaks its contract, DefinitionError its rules."""
        check_document("definition", document)
        definition = cls(
            document["programme"],
            Cohort.of(document["cohort"], document["entity"]),
            Outcome.of(document["outcome"]),
            tuple(Feature.of(feature) for feature in document["features"]),
        )
        if definition.hash != document["hash"]:
            raise DefinitionError(
                f"definition.json of {definition.programme} does not match its hash.", "Make it with `sooner build`."
            )
        return definition

    @classmethod
    def load(cls, path: Path) -> Definition:
        """Run `definition.py` at `path`, which holds nothing but values, and return the programme's definition.

        Raises UsageError where there is no such file, and DefinitionError with the line and the feature for a value
        that breaks the grammar.
        """
        source = _read_source(path)
        names = _run_source(source, path)
        missing = [name for name in ("COHORT", "OUTCOME", "FEATURES") if name not in names]
        if missing:
            raise DefinitionError(
                f"{path.name} sets no {' and no '.join(missing)}.", "Set all three, as early_help does."
            )
        if not isinstance(names["FEATURES"], list | tuple):
            raise DefinitionError(f"{path.name}: FEATURES is no list.", "Write FEATURES = [Feature(...), ...].")
        for name, kind in (("COHORT", Cohort), ("OUTCOME", Outcome)):
            if not isinstance(names[name], kind):
                raise DefinitionError(
                    f"{path.name}: {name} is no {kind.__name__}.", f"Write {name} = {kind.__name__}(...)."
                )
        wrong = [place for place, feature in enumerate(names["FEATURES"], start=1) if not isinstance(feature, Feature)]
        if wrong:
            raise DefinitionError(
                f"{path.name}: the entry {wrong[0]} of FEATURES is no Feature.", "Write Feature(...) for each of them."
            )
        return cls(path.parent.name, names["COHORT"], names["OUTCOME"], tuple(names["FEATURES"]))


def _read_source(path: Path) -> str:
    try:
        source = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path} is missing.", "Write the programme's definition.py.") from None
    except UnicodeDecodeError as error:
        raise DefinitionError(
            f"{path.name} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8, as every file of a council is."
        ) from None
    if "\0" in source:  # Pythons before 3.11.4 have no SyntaxError for it
        line = source[: source.index("\0")].count("\n") + 1
        raise DefinitionError(f"{path.name} line {line}: it holds a NUL character.", "Save it as text.")
    return source


def _run_source(source: str, path: Path) -> dict[str, Any]:
    """Run a definition as the Python it is, and return its names; whatever it does ends in a sentence."""
    names: dict[str, Any] = {"__name__": f"definition_{path.parent.name}"}
    try:
        # The file belongs to the council, like the rest of its folder.
        with _limit_time():
            exec(compile(source, str(path), "exec"), names)  # noqa: S102
    except SoonerError as error:
        raise type(error)(f"{_place_error(source, path, error)}: {error.message}", error.next_step) from None
    except KeyboardInterrupt as error:
        if not _raised_in(path, error):
            raise  # somebody typed Ctrl-C
        raise _stopped(source, path, error) from None
    except (_EndlessError, SystemExit, GeneratorExit) as error:
        raise _stopped(source, path, error) from None
    except ImportError as error:
        import features.grammar as grammar

        name = str(error).partition("cannot import name '")[2].partition("'")[0]
        if getattr(error, "name", None) != grammar.__name__ or not name:
            raise _raised(source, path, error) from error
        near = get_close_matches(name, grammar.__all__, 1)
        raise DefinitionError(
            f"{_place_error(source, path, error)}: the grammar has no word {name!r}.",
            f"Did you mean {near[0]}?" if near else f"Its words are {', '.join(sorted(grammar.__all__))}.",
        ) from error
    except Exception as error:
        raise _raised(source, path, error) from error
    return names


def _raised(source: str, path: Path, error: Exception) -> DefinitionError:
    said = f"{type(error).__name__}: {error}"
    step = "Mend that line of the definition."
    if "unexpected keyword argument 'next'" in said:
        step = "A feature looks back: write last=, as in last=months(6)."
    return DefinitionError(f"{_place_error(source, path, error)}: {said}.", step)


def _stopped(source: str, path: Path, error: BaseException) -> DefinitionError:
    what = (
        f"it did not come to an end in {_SECONDS} seconds"
        if isinstance(error, _EndlessError)
        else "it stops the program"
    )
    return DefinitionError(f"{_place_error(source, path, error)}: {what}.", "A definition is plain values.")


class _EndlessError(BaseException):
    """A definition did not come to an end; no `except Exception` of its own keeps it going."""


@contextmanager
def _limit_time() -> Iterator[None]:
    """Raise _EndlessError after some seconds; where the main thread is not ours to interrupt, there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        raise _EndlessError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _raised_in(path: Path, error: BaseException) -> bool:
    """Whether a statement of the file itself raised an error, and not somebody who interrupted it."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename == str(path) and "raise" in (frames[-1].line or "")


def _read_aggregate(document: Mapping[str, Any]) -> Aggregate:
    rule = read_expression(document)
    if not isinstance(rule, Aggregate):
        raise DefinitionError("a cohort rule is no question about the past.", f"Use one of: {', '.join(_RULE_WORDS)}.")
    return rule


def _unit_of(expression: Expression, units: Mapping[str, str]) -> str:
    """Return the expression's unit, with the register's unit where it is an amount of signals that share one."""
    amounts = {units.get(s.name, "") for s in expression.signals}
    return amounts.pop() or "amount" if expression.unit == "amount" and len(amounts) == 1 else expression.unit


def _plain_words(who: str, what: str, text: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise DefinitionError(f"{who} has no {what}.", "Say it in one plain sentence.")
    if _BANNED.search(text):
        raise DefinitionError(f'the {what} of {who} says "risk".', "Write need or likelihood.")


def _place_error(source: str, path: Path, error: BaseException) -> str:
    """Return where in a definition an error arose: the file, the line, and the feature whose value it is in."""
    if isinstance(error, SyntaxError):
        return f"{path.name} line {error.lineno}"
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = lines[-1] if lines else 0
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "Feature"
            and node.lineno <= line <= (node.end_lineno or node.lineno)
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            return f"{path.name} line {line}, feature {node.args[0].value}"
    return f"{path.name} line {line}"


def _refuse_of_persons(feature: Feature) -> None:
    """Raise DefinitionError for a feature that rows of persons may not have: who lives with them, and their own age."""
    if not isinstance(feature.expression, Composition | PerMember):
        return
    if feature.expression.reads_age and isinstance(feature.expression, Composition):
        raise DefinitionError(
            f"the feature {feature.name} would be a person's own age, a characteristic that is read to measure"
            " unfairness and puts nobody in order; only households may be asked of what ages their members are.",
            "Remove it. Who is looked at may depend on age (`with_age` of the Cohort), and audits compare ages"
            " (`[[audit.characteristic]]` of charter.toml).",
        )
    raise DefinitionError(
        f"the feature {feature.name} asks who lives with a person, but the rows are persons.",
        'Remove it, or use entity="household".',
    )
