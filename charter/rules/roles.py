"""Roles: who signs, who may suspend, and who may do what, as the council's charter says.

    [[role]] of charter.toml  ->  Role      its id is the one word for it: `--role`, pages, sign-offs, the log
    all of them               ->  Roles     who may do an act, and what a role is called

A role may do what its `may` lists. Signing decisions and suspending are said by `signs` and `may_suspend`, and whoever
does either may read the board's page, where it is done. `DEFAULTS` is what the shipped roles may do when the charter
says nothing: a role without `may` has the acts listed for its id, and where no role of the charter has `may`, the roles
listed there exist besides the charter's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from charter.acts import ACTS, NO_ROLE
from charter.council.reading import MarkedRow, OneOf, Text, Words, broken
from charter.errors import CharterError
from charter.vault.signature import public_key

__all__ = ["DEFAULTS", "FORMER_IDS", "Role", "Roles"]

_WORKS_CASES = frozenset({"worklist.read", "referral.read", "referral.decide", "score.listed"})
_ELSEWHERE: Mapping[str, str] = {"decision.sign": 'signs = ["decision"]', "suspend": "may_suspend = true"}
"""Acts that another key of a role gives, and how."""
_LONGEST_ID = 32
"""As long as the casework database's columns for a role."""


def _no_other_key(act: str) -> str:
    if act in _ELSEWHERE:
        raise broken(f"lists {act!r}, which another key says", f"Write {_ELSEWHERE[act]} instead.")
    return act


def _no_word_of_the_log(role: str) -> str:
    if role in NO_ROLE:
        raise broken(f"is {role!r}, which the log says of who acts in no role", "Choose another id.")
    return role


def _ed25519(key: str) -> str:
    if key:
        try:
            public_key(key)
        except CharterError as error:
            raise broken("is no Ed25519 public key", error.next_step) from None
    return key


class Role(MarkedRow):
    """A role: what it signs and for how long, whether it alone may suspend, and what it may do."""

    identity = "id"

    id: Annotated[
        Text,
        AfterValidator(_no_word_of_the_log),
        Field(description="Its id: in commands, sign-offs, the register and the log.", examples=["chief_data_officer"]),
    ]
    title: Annotated[Text, Field(description="What it is called on pages.", examples=["Chief data officer"])]
    signs: Annotated[
        Words[Annotated[str, OneOf(("charter", "decision", "trial", "exchange"))]],
        Field(
            description="What it must sign before anything goes on (a trial: before anybody is held out; an "
            "exchange: before other councils are told anything); an empty list where it signs nothing.",
            examples=[["charter", "decision"]],
        ),
    ]
    months: Annotated[
        int, Field(ge=1, le=120, description="For how many months a sign-off of it holds.", examples=[12])
    ] = 12
    advises: Annotated[
        bool,
        Field(description="Whether the board must hear it before a decision on real data is signed.", examples=[True]),
    ] = False
    may_suspend: Annotated[
        bool, Field(description="Whether it may suspend everything, alone and at once.", examples=[True])
    ] = False
    may: Annotated[
        Words[Annotated[str, OneOf(tuple(ACTS)), AfterValidator(_no_other_key)]] | None,
        Field(
            description="What it may do on pages, over the API and in commands. Left out: what a shipped role of this "
            "id may do, and nothing for any other id.",
            examples=[["worklist.read", "referral.read", "referral.decide"]],
        ),
    ] = None
    every_team: Annotated[
        bool,
        Field(
            description="Whether it works for every team, as a front door does; else for the teams a person is in.",
            examples=[True],
        ),
    ] = False
    public_key: Annotated[
        str,
        AfterValidator(_ed25519),
        Field(
            description="The Ed25519 key that it signs with; without one it signs for demos alone.",
            examples=["MCowBQYDK2VwAyEAUvClNKPnnRRGr1ER3DgusOkASnIDR2RrlzdXyZ2U1dQ="],
        ),
    ] = ""

    @model_validator(mode="after")
    def _fits_the_database(self) -> Self:
        if self.may and len(self.id) > _LONGEST_ID:
            raise broken(f"has more than {_LONGEST_ID} letters", "Choose a shorter id.", key="id")
        return self

    @property
    def acts(self) -> frozenset[str]:
        """All that it may do."""
        acts = self.may if self.may is not None else _default_acts(self.id)
        if "decision" in self.signs:
            acts |= {"decision.sign", "board.read"}
        return acts | {"suspend", "board.read"} if self.may_suspend else acts


@dataclass(frozen=True)
class Roles:
    """The roles that act under one charter, in its order."""

    rows: tuple[Role, ...]

    @classmethod
    def of(cls, rows: tuple[Role, ...]) -> Roles:
        """Return the charter's own roles; where none of them says what it may do, the shipped ones before them."""
        if any(role.may is not None for role in rows):
            return cls(rows)
        stated = {role.id for role in rows}
        return cls((*(role for role in DEFAULTS if role.id not in stated), *rows))

    def __iter__(self) -> Iterator[Role]:
        return iter(self.rows)

    @property
    def ids(self) -> frozenset[str]:
        """Every id that names one of them, those that were replaced among them."""
        former = {old for old in FORMER_IDS if self.get(old) is not None}
        return frozenset({role.id for role in self.rows} | former)

    def get(self, role_id: str) -> Role | None:
        """Return the role of that id, or of the id that this one was replaced by; None where there is none."""
        by_id = {role.id: role for role in self.rows}
        return by_id.get(role_id) or by_id.get(FORMER_IDS.get(role_id, ""))

    def find(self, role_id: str) -> Role:
        """Return the role of that id; raise CharterError for one that the charter does not know."""
        role = self.get(role_id)
        if role is None:
            ids = ", ".join(role.id for role in self.rows)
            raise CharterError(f"the charter knows no role {role_id!r}.", f"Choose one of: {ids}.")
        return role

    def title(self, role_id: str) -> str:
        """Return what a role is called; the words of its id where the charter does not know it any more."""
        role = self.get(role_id)
        return role.title if role else role_id.replace("_", " ")

    def ids_of(self, role_id: str) -> frozenset[str]:
        """Return the ids under which a role's rights may be written down: its own, and the one it had before."""
        former = {old for old, new in FORMER_IDS.items() if new == role_id and self.get(old) == self.get(new)}
        return frozenset({role_id, *former})

    def able(self, act: str) -> tuple[Role, ...]:
        """Return the roles that may do an act."""
        return tuple(role for role in self.rows if act in role.acts)

    def may(self, role_id: str, act: str) -> bool:
        """Whether the charter knows the role and lets it do the act."""
        role = self.get(role_id)
        return role is not None and act in role.acts

    def require(self, role_id: str, act: str) -> Role:
        """Return the role; raise CharterError for one that the charter does not know or does not let do the act."""
        role = self.find(role_id)
        if act not in role.acts:
            raise CharterError(f"the charter does not let {role.id} do {act}.", self._who_may(act))
        return role

    def choose(self, role_id: str, act: str) -> Role:
        """Return the role as `require` does, or, where none is named, the first that may do the act."""
        able = self.able(act)
        if not role_id and not able:
            raise CharterError(f"the charter lets no role do {act}.", self._who_may(act))
        return self.require(role_id or able[0].id, act)

    def _who_may(self, act: str) -> str:
        ids = ", ".join(role.id for role in self.able(act))
        return f"These roles may: {ids}." if ids else "Let the board add it to `may` of a [[role]] in charter.toml."


def _shipped(role_id: str, title: str, *acts: str, every_team: bool = False) -> Role:
    return Role(id=role_id, title=title, signs=frozenset(), may=frozenset(acts), every_team=every_team)


DEFAULTS: tuple[Role, ...] = (
    _shipped("resident_desk", "Resident desk", "rights.file", "link.review", "residence.check"),
    _shipped("front_door", "Front door", *_WORKS_CASES, "link.review", "residence.check", every_team=True),
    _shipped("lead_practitioner", "Lead practitioner", *_WORKS_CASES, "review.give"),
    _shipped(
        "team_manager", "Team manager", *_WORKS_CASES, "manager.read", "referral.transfer", "list.refresh",
        "review.give", "access.team",
    ),
    _shipped("partner", "Partner", "residence.check", "map.read"),
    _shipped("analyst", "Analyst", "score.features", "analyst.read"),
    _shipped("board", "Governance board", "board.read", "board.speak"),
    _shipped("senior_responsible_owner", "Senior responsible owner", "board.read"),
    _shipped("chief_data_officer", "Chief data officer", "board.read"),
    _shipped(
        "data_protection_officer", "Data protection officer", "board.read", "log.read", "rights.file",
        "export.release", "objection.overrule", "link.review", "retention.carry_out",
    ),
    _shipped("residents_panel", "Chair of the residents' panel", "panel.sit"),
    _shipped("operator", "Operator", "metrics.read"),
    _shipped("security_officer", "Security officer", "access.team", "access.manage"),
)  # fmt: skip
"""What the shipped roles may do when the charter says nothing."""

FORMER_IDS: Mapping[str, str] = {
    "sro": "senior_responsible_owner",
    "cdo": "chief_data_officer",
    "dpo": "data_protection_officer",
}
"""What pages and commands called three of them before each had one word: scenarios and registers may say so still."""


def _default_acts(role_id: str) -> frozenset[str]:
    return next((role.may or frozenset() for role in DEFAULTS if role.id == role_id), frozenset())
