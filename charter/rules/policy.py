"""The board's policy: `charter.toml` read, checked and denied by default.

    Policy
    ├── principles   what the council promised, each with an id that data uses are mapped to
    ├── allowed      which signals may be used for which purpose; what is not listed is not allowed
    ├── prohibited   what is never an input, whatever else says so
    ├── audit        the characteristics and ages that every audit measures
    ├── gates        questions whose answers let a model go live or not
    ├── waivers      answers the board accepts for now: by which role, why, until when
    ├── caveats      answers that say nothing of a group, and why: the board's to decide every time
    ├── roles        who signs the charter and a decision, for how long, and who may suspend
    ├── live         how long nobody sees a list, and how often watching may cry wolf
    └── assessments  what must be begun or signed before real data is used

A key that is not known here, a purpose or measure that does not exist, and a review that is overdue are all
CharterError (exit 12): a policy that is not understood allows nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from charter.council.council import read_toml
from charter.council.reading import Table
from charter.errors import CharterError
from charter.purposes import PURPOSES
from charter.rules.assessments import Assessment, read_assessment
from charter.rules.going_live import Live, read_live
from charter.rules.questions import Gate, read_gate
from charter.rules.waivers import Caveat, Waiver, read_caveat, read_waiver
from charter.vault.signature import public_key

__all__ = [
    "Characteristic",
    "Policy",
    "Principle",
    "Prohibited",
    "Role",
]


@dataclass(frozen=True)
class Principle:
    """One promise to residents, in words, with the id that uses of data are mapped to."""

    id: str
    title: str
    means: str


@dataclass(frozen=True)
class Prohibited:
    """Something that is never an input: the words that betray it in a name, and why."""

    id: str
    title: str
    words: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Characteristic:
    """A protected characteristic that every audit measures."""

    id: str
    title: str


@dataclass(frozen=True)
class Role:
    """A role that accepts the charter or a decision, how long that lasts, and whether it alone may suspend.

    `public_key` is the Ed25519 key it signs with (`charter.vault.signature`); without one it can sign for demos alone.
    """

    id: str
    title: str
    signs: frozenset[str]
    months: int
    may_suspend: bool
    public_key: str = ""


@dataclass(frozen=True)
class Policy:
    """The charter as read; `sha256` is of the file's bytes, so an edit of any kind is another charter."""

    sha256: str
    version: str
    title: str
    review_by: date
    example: bool
    principles: tuple[Principle, ...]
    purposes: frozenset[str]
    allowed: Mapping[str, frozenset[str]]
    prohibited_inputs: tuple[Prohibited, ...]
    age_as_composition: bool
    characteristics: tuple[str, ...]
    characteristic_titles: Mapping[str, str]
    audited_ages: tuple[int, int]
    ages_by_programme: Mapping[str, tuple[int, int]]
    not_recorded: str
    independent_outcome: str | None
    gates: tuple[Gate, ...]
    roles: tuple[Role, ...]
    waivers: tuple[Waiver, ...]
    caveats: tuple[Caveat, ...] = ()
    scenarios_at_least: int = 0
    live: Live = field(default_factory=Live)
    assessments: tuple[Assessment, ...] = ()
    largest_lot: float = 0.0
    """The largest share of a list's places that may be drawn by lot for a desk review; 0: exploration is off."""

    @classmethod
    def load(cls, path: Path, today: date | None = None) -> Policy:
        """Read the charter at `path`.

        Raises CharterError for an unknown or missing key, an unknown word, or a review date before `today`
        (the current date in UTC where none is given).
        """
        policy = _read(read_toml(path), hashlib.sha256(path.read_bytes()).hexdigest())
        day = today or datetime.now(UTC).date()
        if policy.review_by < day:
            raise CharterError(
                f"the charter's review was due by {policy.review_by}, so it allows nothing any more.",
                "Let the board review charter.toml, set the next `review_by`, and sign it with `sooner sign`.",
            )
        return policy

    def allows(self, signal: str, purpose: str) -> bool:
        """Whether the charter's list names `signal` (`service.kind`) for `purpose`, and nothing prohibits it."""
        return signal in self.allowed.get(purpose, frozenset()) and self.prohibits(signal) is None

    def of(self, programme: str) -> Policy:
        """Return the policy without the waivers and caveats that name another programme."""
        mine = ("", programme)
        return replace(
            self,
            waivers=tuple(one for one in self.waivers if one.programme in mine),
            caveats=tuple(one for one in self.caveats if one.programme in mine),
        )

    def ages_of(self, programme: str) -> tuple[int, int]:
        """Return the ages of the people whom a programme's audit counts, both inclusive."""
        return self.ages_by_programme.get(programme, self.audited_ages)

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

    def role(self, role_id: str) -> Role:
        """Return the role of that id; raise CharterError for one the charter does not know."""
        for role in self.roles:
            if role.id == role_id:
                return role
        raise CharterError(
            f"the charter knows no role {role_id!r}.", f"Choose one of: {', '.join(role.id for role in self.roles)}."
        )

    def asked(self, *stages: str) -> tuple[Gate, ...]:
        """Return the gates that are asked at any of these stages."""
        return tuple(gate for gate in self.gates if set(stages) & set(gate.stages))

    def signers(self, what: str) -> tuple[Role, ...]:
        """Return the roles that must sign `what`: "charter" or "decision"."""
        return tuple(role for role in self.roles if what in role.signs)


def _read(raw: dict[str, Any], sha256: str) -> Policy:
    top = Table("the top level", raw)
    example = bool(raw.get("example", False))
    audit = top.table("audit")
    characteristics = tuple(_characteristic(row) for row in audit.tables("characteristic"))
    ids = tuple(one.id for one in characteristics)
    roles = tuple(_role(row) for row in top.tables("role"))
    gates = tuple(read_gate(row, ids) for row in top.tables("gate"))
    allowed: dict[str, set[str]] = {}
    for row in top.tables("allow"):
        _allow(row, allowed)
    policy = Policy(
        sha256=sha256,
        version=top.take("version", str),
        title=top.take("title", str),
        review_by=top.take("review_by", date),
        example=example,
        principles=tuple(_principle(row) for row in top.tables("principle")),
        purposes=frozenset(allowed),
        allowed={purpose: frozenset(signals) for purpose, signals in allowed.items()},
        prohibited_inputs=tuple(_prohibited(row) for row in top.tables("prohibited")),
        age_as_composition=top.take("age_as_composition", bool),
        characteristics=ids,
        characteristic_titles={one.id: one.title for one in characteristics},
        audited_ages=_ages(audit.take("ages", list)),
        ages_by_programme=_ages_by_programme(audit),
        not_recorded=audit.take("not_recorded", str),
        independent_outcome=audit.take("independent_outcome", str, default=None),
        gates=gates,
        roles=roles,
        waivers=tuple(
            read_waiver(row, [gate.id for gate in gates], [role.id for role in roles]) for row in top.tables("waiver")
        ),
        caveats=tuple(read_caveat(row, [gate.id for gate in gates]) for row in top.tables("caveat")),
        scenarios_at_least=top.take("scenarios_at_least", int, default=0),
        live=read_live(top.table("live")) if "live" in top.left else Live(),
        assessments=tuple(read_assessment(row, PURPOSES) for row in top.tables("assessment")),
        largest_lot=_exploration(top.table("exploration")) if "exploration" in top.left else 0.0,
    )
    audit.done()
    top.done()
    _whole(policy)
    return policy


def _whole(policy: Policy) -> None:
    """Refuse a charter that could never stop anything, or that names one thing twice."""
    for name, found in (
        ("gate", [gate.id for gate in policy.gates]),
        ("role", [role.id for role in policy.roles]),
        ("principle", [one.id for one in policy.principles]),
    ):
        if not found:
            raise CharterError(f"charter.toml has no [[{name}]].", "Add at least one, as in Sooner's own charter.toml.")
        if len(set(found)) != len(found):
            raise CharterError(f"charter.toml names a {name} twice.", "Give each its own id.")
    for what in ("charter", "decision"):
        if not policy.signers(what):
            raise CharterError(f"charter.toml names no role that signs a {what}.", f'Add signs = ["{what}"] to a role.')


def _exploration(row: Table) -> float:
    share: float = row.number("largest_share")
    row.done()
    if not 0 <= share <= 0.25:
        raise CharterError(
            "charter.toml: [exploration] lets a lottery take more than a quarter of a list.",
            "Write largest_share between 0 and 0.25; without the table exploration is off.",
        )
    return share


def _principle(row: Table) -> Principle:
    one = Principle(row.take("id", str), row.take("title", str), row.take("means", str))
    row.done()
    return one


def _allow(row: Table, allowed: dict[str, set[str]]) -> None:
    purposes, signals = row.words("purposes"), row.words("signals")
    row.done()
    for purpose in purposes:
        if purpose not in PURPOSES:
            raise CharterError(
                f"charter.toml: {row.where} names a purpose that does not exist: {purpose!r}.",
                f"Choose from: {', '.join(PURPOSES)}.",
            )
        allowed.setdefault(purpose, set()).update(signals)
    for signal in signals:
        if len(signal.split(".")) != 2 or not all(signal.split(".")):
            raise CharterError(
                f"charter.toml: {row.where} lists {signal!r}, which is not of the form service.kind.",
                "Name each signal in full: there are no wildcards.",
            )


def _prohibited(row: Table) -> Prohibited:
    one = Prohibited(row.take("id", str), row.take("title", str), row.words("words"), row.take("why", str))
    row.done()
    return one


def _characteristic(row: Table) -> Characteristic:
    one = Characteristic(row.take("id", str), row.take("title", str))
    row.done()
    return one


def _ages(ages: Any) -> tuple[int, int]:
    if (
        not isinstance(ages, list)
        or len(ages) != 2
        or not all(type(age) is int for age in ages)
        or not 0 <= ages[0] <= ages[1]
    ):
        raise CharterError(
            f"charter.toml: the audited ages are {ages}, not a youngest and an oldest age.", "Write ages = [0, 17]."
        )
    return ages[0], ages[1]


def _ages_by_programme(audit: Table) -> dict[str, tuple[int, int]]:
    return {programme: _ages(ages) for programme, ages in audit.take("programme_ages", dict, default={}).items()}


def _role(row: Table) -> Role:
    signs = row.words("signs")
    unknown = set(signs) - {"charter", "decision"}
    if unknown:
        raise CharterError(
            f"charter.toml: {row.where} signs {', '.join(sorted(unknown))}, which is nothing to sign.",
            'Choose from: "charter", "decision".',
        )
    role = Role(
        row.take("id", str),
        row.take("title", str),
        frozenset(signs),
        row.take("months", int),
        row.take("may_suspend", bool, default=False),
        row.take("public_key", str, default=""),
    )
    if role.public_key:
        public_key(role.public_key)
    row.done()
    return role
