"""May this row be used? Three questions, never one: the charter's list, the register's basis, the person's choice.

    policy      the board allows the signal for the purpose               charter.toml
    basis       the service's lawful basis covers the purpose             register.toml
    choice      the person's consent where the basis is consent;          table `permission`
                no refusal, objection or restriction anywhere

All three must allow it, the choice at the as-of date and again now (the snapshot's `taken_at`). Participation, a
family's agreement to take help, is casework's and is never read here.

What puts a family in order must be sayable: a signal whose existence the deciding worker may not be shown, or of a feed
that is confidential from the household, is no feature's (`find_hidden`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from charter.council.register import Register
from charter.errors import CharterError, DefinitionError
from charter.rules.policy import Policy
from features.grammar import Composition, Definition, PerMember

__all__ = ["ALL", "Choice", "HiddenSignal", "Permission", "find_hidden", "is_denied", "is_permitted", "refuse_hidden"]

ALL = "*"
"""All services, or all purposes."""


@dataclass(frozen=True)
class Choice:
    """A row of the table `permission`."""

    person_id: str
    service: str
    purpose: str
    kind: str
    status: str
    start: datetime
    end: datetime | None
    decided_by: str | None
    known_at: datetime
    known_until: datetime | None

    def concerns(self, service: str, purpose: str) -> bool:
        """Whether the choice is about `service` (or all) and `purpose` (or all)."""
        return self.service in (service, ALL) and self.purpose in (purpose, ALL)

    def stands(self, at: datetime) -> bool:
        """Whether the choice is visible at `at` and in force then."""
        visible = self.known_at < at and (self.known_until is None or self.known_until >= at)
        return visible and self.start <= at and (self.end is None or at < self.end)


def is_denied(choices: Iterable[Choice], service: str, purpose: str, at: datetime) -> bool:
    """Whether one person's choices forbid `service` for `purpose` at `at`.

    A refusal in force forbids. So does an objection or restriction, from the day it is received until it ends or a
    named role overrules it: of the rows in force with the same service, purpose and kind, the newest decides.
    `service` may be ALL: only what was said about all services forbids then.
    """
    newest: dict[tuple[str, str, str], Choice] = {}
    for choice in choices:
        if choice.kind == "consent" or not choice.concerns(service, purpose) or not choice.stands(at):
            continue
        if choice.kind == "refusal":
            return True
        key = (choice.service, choice.purpose, choice.kind)
        if key not in newest or _sort_key(choice) > _sort_key(newest[key]):
            newest[key] = choice
    return any(choice.status != "overruled" or not choice.decided_by for choice in newest.values())


def _sort_key(choice: Choice) -> tuple[datetime, datetime, bool]:
    # Of two rows of one moment the one that forbids counts.
    return choice.start, choice.known_at, choice.status != "overruled" or not choice.decided_by


def is_permitted(choices: Sequence[Choice], service: str, purpose: str, at: datetime, *, consent_based: bool) -> bool:
    """Whether one person's choices allow `service` for `purpose` at `at`: consent where it is the basis, no denial."""
    if is_denied(choices, service, purpose, at):
        return False
    return not consent_based or any(
        choice.kind == "consent"
        and choice.status != "overruled"
        and choice.concerns(service, purpose)
        and choice.stands(at)
        for choice in choices
    )


@dataclass(frozen=True)
class HiddenSignal:
    """A signal that a feature reads though it may not be shown, and why, as the end of a sentence."""

    feature: str
    signal: str
    why: str

    @property
    def sentence(self) -> str:
        """Say it to a person."""
        return (
            f"the feature {self.feature} reads {self.signal}, {self.why}: what may not be said may not move an order."
        )


def find_hidden(definition: Definition, policy: Policy, register: Register) -> tuple[HiddenSignal, ...]:
    """Return the signals of features that may not be shown to whoever decides, or not said to the household."""
    return tuple(
        HiddenSignal(feature.name, name, why)
        for feature in definition.features
        for name in feature.expression.signals_named
        if (why := _say_hidden(name, policy, register))
    )


def refuse_hidden(definition: Definition, policy: Policy, register: Register) -> None:
    """Raise CharterError for the first feature that reads what may not be shown."""
    hidden = find_hidden(definition, policy, register)
    if hidden:
        service = hidden[0].signal.split(".")[0]
        raise CharterError(
            hidden[0].sentence,
            f"Leave it out, or agree with the service that it may be shown and correct the row of {service!r} in "
            "register.toml (`display`, `confidential_from_household`, the purpose display).",
        )


def _say_hidden(signal: str, policy: Policy, register: Register) -> str:
    source = register.source(signal.split(".")[0])
    if source.confidential_from_household:
        return "which is confidential from the household"
    if not source.display:
        return "of which no worker may be told"
    if not (policy.allows(signal, "display") and register.permits(source.service, "display")):
        return "which may not be used for the purpose display"
    return ""


@dataclass(frozen=True)
class Permission:
    """What the charter and the register allow for one purpose, before anybody's choice.

    `signals`: the usable ones; `consent`: services whose basis is consent; `lag`: each service's promised lag in
    days; `units` and `titles` of signals, as the register states them.
    """

    purpose: str
    signals: frozenset[str]
    consent: frozenset[str]
    lag: Mapping[str, int]
    units: Mapping[str, str]
    titles: Mapping[str, str]

    @classmethod
    def of(cls, policy: Policy, register: Register, purpose: str) -> Permission:
        """Fold policy and register into what may be used for `purpose`."""
        return cls(
            purpose=purpose,
            signals=frozenset(
                signal.name
                for source in register.sources
                for signal in source.signals
                if policy.allows(signal.name, purpose) and register.permits(source.service, purpose)
            ),
            consent=frozenset(s.service for s in register.sources if register.consent_based(s.service)),
            lag={source.service: source.promised_lag_days for source in register.sources},
            units={signal.name: signal.unit for signal in register.signals},
            titles={signal.name: signal.title for signal in register.signals},
        )

    def check(self, definition: Definition, policy: Policy, register: Register) -> None:
        """Raise CharterError for a signal that may not be used, naming the feature that reads it.

        Also raised for an input the charter prohibits by its name, for ages where it does not allow them, and for a
        feature that measures a service's own action without saying so.
        """
        if definition.cohort.with_age is not None and not policy.age_as_composition:
            raise CharterError(
                "the cohort asks for ages, which the charter does not allow.", "Remove with_age, or ask the board."
            )
        for feature in definition.features:
            expression = feature.expression
            reads_age = isinstance(expression, Composition | PerMember) and expression.reads_age
            if reads_age and not policy.age_as_composition:
                raise CharterError(
                    f"the feature {feature.name} reads ages, which the charter does not allow.",
                    "Remove it, or ask the board to set age_as_composition.",
                )
            if prohibited := policy.prohibits(feature.name):
                raise CharterError(
                    f"the feature {feature.name} has a name that the charter prohibits ({prohibited.title}).",
                    "Remove it; a feature on something else needs another name.",
                )
            self._check_signals(f"the feature {feature.name}", feature.expression.signals_named, policy, register)
            responses = [name for name in expression.signals_named if register.signal(name).system_response]
            if responses and not feature.system_response:
                raise DefinitionError(
                    f"the feature {feature.name} reads {responses[0]}, which records what a service did.",
                    "Mark it with system_response=True, so that every audit is shown with and without it.",
                )
        for rule in (*definition.cohort.given, *definition.cohort.unless):
            self._check_signals("the cohort", rule.signals_named, policy, register)
        self._check_signals("the outcome", definition.outcome.expression.signals_named, policy, register)

    def _check_signals(self, who: str, names: Sequence[str], policy: Policy, register: Register) -> None:
        for name in names:
            register.signal(name)
            if name in self.signals:
                continue
            if prohibited := policy.prohibits(name):
                raise CharterError(
                    f"{who} reads {name}, which the charter prohibits: {prohibited.title}. {prohibited.why}",
                    "Remove it.",
                )
            if not policy.allows(name, self.purpose):
                raise CharterError(
                    f"{who} reads {name}, which the charter does not allow for the purpose {self.purpose}.",
                    "Remove it, or ask the board to add it to [[allow]] in charter.toml.",
                )
            raise CharterError(
                f"{who} reads {name}, whose register entry does not cover the purpose {self.purpose}.",
                "Remove it, or agree the purpose with the service and add it to register.toml.",
            )
