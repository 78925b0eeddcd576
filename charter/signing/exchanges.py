"""What councils tell each other of their lists: `exchange.toml`, a file that a council may have.

    it changes nothing    until every role whose `signs` names the exchange has signed these very bytes, two at least:
                          the data protection officer, and who signs for the board
    peer                  a council whose sealed figures are read; `public_key` is by which its seal is told

What is written are counts that passed the one door of disclosure control (`counts`), never rows.
"""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from charter.council.council import Council
from charter.council.plain_words import PlainText
from charter.council.reading import File, Listed, MarkedRow, OneOf, broken
from charter.errors import CharterError, SignOffError, UsageError
from charter.invocation import Invocation
from charter.signing.signoffs import list_missing, read_charter_signoffs
from charter.vault.signature import public_key

__all__ = ["COUNT_MODES", "EXCHANGE_FILE", "FEWEST_SIGNERS", "ExchangeFile", "Peer", "require_exchange"]

EXCHANGE_FILE = "exchange.toml"
COUNT_MODES = ("round5", "dfe", "ten")
"""The modes of disclosure control (fairness_reports/disclosure/disclosure.toml) in which counts may be told."""
FEWEST_SIGNERS = 2
"""Roles that must sign an exchange: the data protection officer, and who signs for the board."""


def _fit_for_file(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,47}", name):
        raise broken("is no id", "Write 2 to 48 small letters, digits and underscores, a letter first.")
    return name


def _ed25519(key: str) -> str:
    try:
        public_key(key)
    except CharterError:
        raise broken("is no Ed25519 public key", "Paste the line that `sooner role-key` printed there.") from None
    return key


_Key = Annotated[str, AfterValidator(_ed25519)]
_EXAMPLE_KEY = "MCowBQYDK2VwAyEAUvClNKPnnRRGr1ER3DgusOkASnIDR2RrlzdXyZ2U1dQ="


class Peer(MarkedRow):
    """A council whose figures are read."""

    identity = "id"

    id: Annotated[
        str,
        AfterValidator(_fit_for_file),
        Field(description="The id by which it calls itself in its own exchange.toml.", examples=["norbury"]),
    ]
    title: Annotated[PlainText, Field(min_length=1, description="What it is called.", examples=["Norbury"])]
    public_key: Annotated[_Key, Field(description="The Ed25519 key of its seal.", examples=[_EXAMPLE_KEY])]


class ExchangeFile(File):
    """All of exchange.toml."""

    heading = "What councils tell each other of their lists"
    signed_by = "Every role whose `signs` names the exchange, two at least: a change of one letter is another exchange."

    id: Annotated[
        str,
        AfterValidator(_fit_for_file),
        Field(
            description="By which id peers know this council: small letters and digits.",
            examples=["fernhill"],
        ),
    ]
    public_key: Annotated[
        _Key, Field(description="The Ed25519 key of this council's own seal.", examples=[_EXAMPLE_KEY])
    ]
    counts: Annotated[
        str,
        OneOf(COUNT_MODES),
        Field(
            description="How counts leave: `round5` rounds every one to the nearest 5, `dfe` hides 1 to 5, `ten` hides "
            "all under 10, both with whatever would give a hidden one away.",
            examples=["round5"],
        ),
    ] = "round5"
    within: Annotated[
        float,
        Field(
            gt=1.02,
            le=5,
            description="Before any figure: 9 in 10 councils treat a group at most so many times better or worse than "
            "councils do in the middle. The larger, the less is borrowed.",
            examples=[1.2],
        ),
    ]
    recipients: Annotated[
        PlainText,
        Field(min_length=1, description="Who is told, as the ledger of what left has it.", examples=["Five boroughs"]),
    ]
    peers: Annotated[
        Listed[Peer], Field(validation_alias="peer", description="The councils whose figures are read.")
    ] = ()

    @model_validator(mode="after")
    def _others(self) -> Self:
        ids = [peer.id for peer in self.peers]
        if self.id in ids or len(set(ids)) < len(ids):
            raise broken("names a council twice", "Give each council one id, none this council's.", key="peer")
        keys = [self.public_key, *(peer.public_key for peer in self.peers)]
        if len(set(keys)) < len(keys):
            raise broken("has one key for two councils", "Ask each council for the key of its own seal.", key="peer")
        return self

    @property
    def sentence(self) -> str:
        """What is expected of councils, as a sentence."""
        return (
            f"Before any figure we expect that 9 in 10 councils treat a group between {1 / self.within:.2f} and"
            f" {self.within:.2f} times as councils do in the middle."
        )

    @classmethod
    def load(cls, council: Council) -> ExchangeFile:
        """Read a council's exchange.toml.

        Raises UsageError where there is none, and DataError with every slip in it.
        """
        path = council.folder / EXCHANGE_FILE
        if not path.exists():
            raise UsageError(
                f"{council.folder.name} has no {EXCHANGE_FILE}, so nothing is told to other councils or read of them.",
                "Write one: docs/how-to/compare-with-other-councils.md has an example.",
            )
        return cls.read(path)


def require_exchange(invocation: Invocation, *, synthetic: bool) -> ExchangeFile:
    """Return the council's exchange.toml, where every role that signs it has signed these bytes.

    Raises UsageError where there is none, CharterError where the charter names fewer than two roles that sign it, and
    SignOffError where one of them has not, or its sign-off has expired or is a demo's on real data.
    """
    exchange = ExchangeFile.load(invocation.council)
    policy = invocation.policy
    if len(policy.signers("exchange")) < FEWEST_SIGNERS:
        raise CharterError(
            "the charter does not name two roles that sign an exchange, so nothing is told to other councils.",
            'Add "exchange" to `signs` of the data protection officer and of who signs for the board, in charter.toml.',
        )
    signoffs = read_charter_signoffs(invocation)
    lacking = list_missing("exchange", exchange.sha256, policy, signoffs, invocation.today, synthetic=synthetic)
    if lacking:
        raise SignOffError(
            f"exchange.toml, as it stands, is not signed by {' and '.join(role.title for role in lacking)}.",
            f"Let each role type `sooner sign --role {lacking[0].id} --what exchange`.",
        )
    return exchange
