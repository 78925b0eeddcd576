"""Who may sign in, by which way, in which role and for which teams: `sign_in.toml`.

    [[provider]]   an OpenID Connect provider     [[group]]   what one of its groups may be here
    [[person]]     the same for one person        [[client]]  a program that calls the API
    [proxy]        a signed header instead        [sessions], [guests], [emergency]  how long, and who

Without the file nobody but the demonstration's people can sign in. A provider that is still the shipped example is
offered to nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from charter.acts import ACTS
from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Row, Text, Words, broken
from charter.errors import DataError

__all__ = [
    "PERSONS_ACTS",
    "Claim",
    "ClientRow",
    "EmergencyRules",
    "GroupRow",
    "GuestRules",
    "PersonRow",
    "Provider",
    "Proxy",
    "SessionRules",
    "SignIn",
]

PERSONS_ACTS = frozenset(
    {
        "referral.decide", "referral.transfer", "list.refresh", "review.give", "board.speak", "decision.sign",
        "suspend", "link.review", "rights.file", "export.release", "objection.overrule", "retention.carry_out",
        "access.team", "access.manage",
    }
)  # fmt: skip
"""Acts that a person answers for: no program may do them in its own name."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ID = r"^[a-z][a-z0-9-]{0,31}$"


def _over_tls(address: str) -> str:
    parts = urlsplit(address)
    near = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not (parts.hostname and (parts.scheme == "https" or near)) or parts.query or parts.fragment or parts.username:
        raise broken("is no address that begins with https://", "Write it as the provider's own documents have it.")
    return address


def _no_persons_act(act: str) -> str:
    if act in PERSONS_ACTS:
        raise broken(f"lists {act!r}, which a person answers for", "Leave it out: people do it, signed in themselves.")
    return act


Address = Annotated[Text, AfterValidator(_over_tls)]
RoleId = Annotated[str, RefersTo("role", "charter.toml")]
TeamIds = Words[Annotated[str, RefersTo("team", "council.toml")]]
Name = Annotated[str, Field(pattern=_ID)]


class SessionRules(Row):
    """How long a session lasts, and how often it is asked whether somebody still belongs."""

    idle_minutes: Annotated[
        int, Field(ge=1, le=720, description="After so many minutes without a page a session ends.", examples=[30])
    ] = 60
    longest_hours: Annotated[
        int, Field(ge=1, le=24, description="After so many hours any session ends.", examples=[8])
    ] = 8
    asked_again_seconds: Annotated[
        int,
        Field(
            ge=5, le=60,
            description="After so many seconds the provider is asked again whether somebody still belongs to their "
            "groups; an open page is shut within a minute.",
            examples=[30],
        ),
    ] = 30  # fmt: skip
    unreachable_minutes: Annotated[
        int,
        Field(
            ge=0, le=60,
            description="For so many minutes sessions go on while the provider does not answer.",
            examples=[10],
        ),
    ] = 10  # fmt: skip

    @property
    def idle(self) -> timedelta:
        """How long nothing may be asked."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def longest(self) -> timedelta:
        """How long any session lasts."""
        return timedelta(hours=self.longest_hours)


class Claim(Row):
    """A claim that every token must carry with this very value: the tenant, or the organisation's domain."""

    name: Annotated[Text, Field(description="The claim; dots lead into objects.", examples=["tid"])]
    value: Annotated[Text, Field(description="What it must say.", examples=["9c4f1a52-0000-0000-0000-000000000000"])]


class Provider(MarkedRow):
    """An OpenID Connect provider. Its secret is never here: $SOONER_SECRET_ID or the credential sooner-secret-ID."""

    identity = "id"

    id: Annotated[Name, Field(description="Its id: in addresses and rows below.", examples=["staff"])]
    title: Annotated[Text, Field(description="What its button says.", examples=["your council account"])]
    issuer: Annotated[
        Address,
        Field(description="Its issuer, to the letter.", examples=["https://login.fernhill.example/realms/staff"]),
    ]
    client_id: Annotated[Text, Field(description="What it calls Sooner.", examples=["sooner"])]
    scopes: Annotated[
        Listed[Text], Field(description="The scopes that are asked for.", examples=[["openid", "offline_access"]])
    ] = ("openid",)
    user: Annotated[
        Text,
        Field(
            description="The claim that is a person's id in Sooner: opaque, lasting, never a name or e-mail address.",
            examples=["oid"],
        ),
    ] = "sub"
    groups: Annotated[
        Text,
        Field(description="The claim with a person's groups; dots lead into objects.", examples=["realm_access.roles"]),
    ] = "groups"
    claims: Annotated[
        Listed[Claim], Field(validation_alias="claim", description="What every token must carry besides.")
    ] = ()
    second_factor: Annotated[
        Words[Text],
        Field(
            description="What `amr` or `acr` says where a second factor was asked; any one will do. Empty: not looked "
            "at, and guests can't sign in by it.",
            examples=[["mfa"]],
        ),
    ] = frozenset()
    audience: Annotated[
        str,
        Field(
            description="What access tokens for Sooner's API carry as `aud`; empty: it gives none.",
            examples=["api://sooner"],
        ),
    ] = ""


class _Standing(MarkedRow):
    """What somebody may be: a role, for teams."""

    provider: Annotated[
        str, RefersTo("provider", "sign_in.toml"), Field(description="The provider that says so.", examples=["staff"])
    ]
    role: Annotated[RoleId, Field(description="The role they sign in with.", examples=["family_worker"])]
    teams: Annotated[TeamIds, Field(description="The teams they act for.", examples=[["north"]])] = frozenset()


class GroupRow(_Standing):
    """What the members of one of a provider's groups may be."""

    name: Annotated[
        Text,
        Field(
            description="The group as the claim has it: with Entra ID an object id or an app role's value.",
            examples=["sooner-north-workers"],
        ),
    ]


class PersonRow(_Standing):
    """What one person may be, where the provider says no groups (Google)."""

    user: Annotated[Text, Field(description="Their id, as the claim `user` has it.", examples=["108256473829105"])]


class ClientRow(MarkedRow):
    """A program that calls the API with an access token of a provider."""

    identity = "id"

    id: Annotated[
        Text, Field(max_length=57, description="Its id at the provider (azp, client_id).", examples=["case-system"])
    ]
    title: Annotated[Text, Field(description="What it is, in words.", examples=["The case system"])]
    provider: Annotated[
        str, RefersTo("provider", "sign_in.toml"), Field(description="Who gives its tokens.", examples=["staff"])
    ]
    role: Annotated[
        RoleId, Field(description="The role it acts in where its token is nobody's.", examples=["outside_service"])
    ]
    teams: Annotated[TeamIds, Field(description="The teams it acts for.", examples=[["north"]])] = frozenset()
    may: Annotated[
        Words[Annotated[str, OneOf(tuple(ACTS)), AfterValidator(_no_persons_act)]],
        Field(
            description="What it may do in its own name: never more than its role, nor than its token's scopes.",
            examples=[["residence.check"]],
        ),
    ]
    for_people: Annotated[
        bool,
        Field(
            description="Whether people may act through it: with a token of theirs, as who they are.", examples=[True]
        ),
    ] = False
    names: Annotated[
        bool,
        Field(description="Whether it is told who lives in a case's household; each time is logged.", examples=[True]),
    ] = False
    services: Annotated[
        Words[Text],
        Field(description="The services of register.toml's [[check]] that it asks for.", examples=[["parking"]]),
    ] = frozenset()
    a_minute: Annotated[
        int, Field(ge=1, le=6000, description="How many calls a minute it may make.", examples=[120])
    ] = 120


class Proxy(MarkedRow):
    """A proxy that signs people in and says who they are in a signed header (a JWT)."""

    header: Annotated[
        Text, Field(pattern=r"^[A-Za-z0-9-]+$", description="The header.", examples=["X-Pomerium-Jwt-Assertion"])
    ]
    issuer: Annotated[Text, Field(description="What its `iss` says.", examples=["auth.fernhill.example"])]
    audience: Annotated[Text, Field(description="What its `aud` says.", examples=["sooner.fernhill.example"])]
    keys: Annotated[
        Address,
        Field(
            description="Where its public keys are (JWKS).",
            examples=["https://auth.fernhill.example/.well-known/pomerium/jwks.json"],
        ),
    ]
    provider: Annotated[
        str,
        RefersTo("provider", "sign_in.toml"),
        Field(description="The provider whose claims, groups and people it passes on.", examples=["staff"]),
    ]


class GuestRules(Row):
    """Who may be invited: in which roles, for how long. A guest always needs a second factor."""

    roles: Annotated[
        Words[RoleId], Field(description="The roles of guests.", examples=[["outside_service", "outside_member"]])
    ] = frozenset()
    longest_days: Annotated[int, Field(ge=1, le=366, description="For how many days at most.", examples=[90])] = 90


class EmergencyRules(Row):
    """Access while the provider is down, or somebody is missing: with a reason, an end, and a review the next day."""

    roles: Annotated[
        Words[RoleId], Field(description="The roles that it can be given for.", examples=[["family_worker"]])
    ] = frozenset()
    longest_minutes: Annotated[
        int, Field(ge=5, le=480, description="For how many minutes at most.", examples=[120])
    ] = 120


class SignIn(File):
    """All of sign_in.toml."""

    heading = "Who can sign in, and as what"
    signed_by = "Nobody signs it: whoever answers for the council's accounts keeps it."

    address: Annotated[
        Address | None,
        Field(
            description="The address that people open, where a proxy with TLS stands in front; left out: as asked.",
            examples=["https://sooner.fernhill.example"],
        ),
    ] = None
    sessions: Annotated[SessionRules, Field(description="How long sessions last.")] = SessionRules()
    providers: Annotated[Listed[Provider], Field(validation_alias="provider", description="Where people sign in.")] = ()
    groups: Annotated[Listed[GroupRow], Field(validation_alias="group", description="What each group may be.")] = ()
    people: Annotated[
        Listed[PersonRow], Field(validation_alias="person", description="What single people may be.")
    ] = ()
    clients: Annotated[
        Listed[ClientRow], Field(validation_alias="client", description="The programs that call the API.")
    ] = ()
    proxy: Annotated[Proxy | None, Field(description="A proxy that signs people in instead.")] = None
    guests: Annotated[GuestRules, Field(description="Who may be invited.")] = GuestRules()
    emergency: Annotated[EmergencyRules, Field(description="Access in an emergency.")] = EmergencyRules()

    @model_validator(mode="after")
    def _says_each_once(self) -> Self:
        rows = [(row.provider, row.name, row.role) for row in self.groups]
        rows += [(row.provider, row.user, row.role) for row in self.people]
        twice = next((row for row in rows if rows.count(row) > 1), None)
        if twice:
            raise broken(f"says twice what {twice[1]!r} is as {twice[2]}", "Name all its teams in one row.")
        if self.guests.roles and not any(provider.second_factor for provider in self.providers):
            raise broken(
                "lets guests in by no provider that asks a second factor",
                "Write `second_factor` of a [[provider]], or leave `roles` of [guests] empty.",
            )
        return self

    @classmethod
    def load(cls, folder: Path, roles: Collection[str], teams: Collection[str]) -> SignIn:
        """Read the sign_in.toml of a council's folder, or what holds without one; raise DataError with every slip.

        `roles` are the charter's, `teams` the council's.
        """
        path = folder / "sign_in.toml"
        return cls.read(path, {"role": roles, "team": teams}) if path.exists() else cls()

    def require_every_role(self, roles: Collection[str]) -> None:
        """Raise DataError where a role that may do something can sign in nowhere."""
        reached = {row.role for row in (*self.groups, *self.people)} | {row.role for row in self.clients}
        lacking = sorted(set(roles) - reached - self.guests.roles - self.emergency.roles)
        if lacking:
            raise DataError(
                f"sign_in.toml lets nobody sign in as {', '.join(lacking)}.",
                "Give each a [[group]] or a [[person]], or name it in `roles` of [guests].",
            )

    @property
    def offered(self) -> tuple[Provider, ...]:
        """The providers by which people sign in here: none that is still the example."""
        return tuple(provider for provider in self.providers if not provider.example)

    def provider(self, provider_id: str) -> Provider | None:
        """Return an offered provider by its id, or None."""
        return next((provider for provider in self.offered if provider.id == provider_id), None)

    def client(self, provider_id: str, client_id: str) -> ClientRow | None:
        """Return the client that a provider's token names, or None."""
        rows = (row for row in self.clients if (row.provider, row.id) == (provider_id, client_id))
        return next((row for row in rows if not row.example), None)

    def standings(self, provider_id: str, user: str, groups: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Return what somebody may be: the teams of each role, over all rows that are about them."""
        about = [row for row in self.groups if row.provider == provider_id and row.name in groups and not row.example]
        of_person = [row for row in self.people if (row.provider, row.user) == (provider_id, user) and not row.example]
        standings: dict[str, frozenset[str]] = {}
        for row in (*about, *of_person):
            standings[row.role] = standings.get(row.role, frozenset()) | row.teams
        return standings
