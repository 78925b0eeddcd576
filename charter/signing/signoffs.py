"""Sign-offs: which role accepted which file of the council or decision, by its sha256; the one door to promotion.

    council/signoffs.toml              of the charter, trial.toml and exchange.toml
    workspace/signoffs.toml            the same for a demo: the council's own folder is never edited by one
    audit/PROGRAMME/RUN/signoffs.toml  of that run's decision.json; `live/signoffs.toml` of the second gate's

A sign-off is of bytes. An edit of one letter is another charter, or another decision, and nobody signed it. Kinds:
`demo` was typed at a command line and proves nothing about who typed it, so it opens synthetic data alone; `signed`
carries an Ed25519 signature of its line (`write_statement`) by the key whose public half the charter lists for the
role, and is checked against it each time: a row that says `signed` and is not counts for nothing. `require_signoffs` is
the only way from an audit to a release: no decision, no champion.
"""

from __future__ import annotations

import calendar
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, model_validator

from charter.contracts import check_document
from charter.contracts.files import file_digest, read_json, write_text
from charter.council.reading import File, Listed, OneOf, Row, Text, broken
from charter.errors import BlockedError, DataError, ReferredError, SignOffError
from charter.invocation import Invocation
from charter.rules.policy import Policy
from charter.rules.roles import Role
from charter.signing.refusals import list_refusals
from charter.vault.signature import is_signed

__all__ = [
    "KINDS",
    "SignOff",
    "SignOffs",
    "add_signoff",
    "find_today",
    "list_missing",
    "read_charter_signoffs",
    "read_signoffs",
    "require_charter",
    "require_decision",
    "require_signoffs",
    "withdraw_signoffs",
    "write_statement",
]

KINDS = ("demo", "signed")

_AGAIN = "Run `sooner audit`, then `sooner decide`."


class SignOff(Row):
    """One role's acceptance of the bytes of one sha256, from `signed_at` until `expires` (exclusive)."""

    role: Annotated[Text, Field(description="The role that accepts.", examples=["director"])]
    charter_sha256: Annotated[
        Text | None, Field(description="The sha256 of the charter that it accepts.", examples=["a9a074ad99527007"])
    ] = None
    decision_sha256: Annotated[
        Text | None, Field(description="The sha256 of the decision that it accepts.", examples=["5c1b0c46f2d9e8aa"])
    ] = None
    trial_sha256: Annotated[
        Text | None, Field(description="The sha256 of the trial that it accepts.", examples=["77d0b2c4a1e35f60"])
    ] = None
    exchange_sha256: Annotated[
        Text | None, Field(description="The sha256 of the exchange that it accepts.", examples=["3be19a07c4d2586f"])
    ] = None
    signed_at: Annotated[AwareDatetime, Field(description="When.", examples=["2026-09-28T09:00:00+00:00"])]
    expires: Annotated[date, Field(description="The day from which it holds no more.", examples=[date(2027, 9, 28)])]
    kind: Annotated[
        str,
        OneOf(KINDS),
        Field(description="How: typed for made-up data alone, or with the role's own key.", examples=["signed"]),
    ]
    minute: Annotated[str, Field(description="The minute that says so.", examples=["Board minute 2026-03"])] = ""
    signature: Annotated[str, Field(description="The Ed25519 signature, in base64.", examples=["c2ln"])] = ""

    @model_validator(mode="after")
    def _of_one_thing(self) -> Self:
        if sum(sha256 is not None for sha256 in self._accepted.values()) != 1:
            raise broken("names not one thing that was signed", "Remove the row and sign again.")
        return self

    @classmethod
    def of(
        cls, role: str, what: str, sha256: str, signed_at: datetime, expires: date, kind: str, **more: str
    ) -> SignOff:
        """Return the acceptance of `what`: "charter", "decision", "trial" or "exchange"."""
        stated = {"role": role, f"{what}_sha256": sha256, "signed_at": signed_at, "expires": expires, "kind": kind}
        return cls.model_validate(stated | more)

    @property
    def _accepted(self) -> Mapping[str, str | None]:
        return {
            "charter": self.charter_sha256,
            "decision": self.decision_sha256,
            "trial": self.trial_sha256,
            "exchange": self.exchange_sha256,
        }

    @property
    def what(self) -> str:
        """What it accepts: "charter", "decision", "trial" or "exchange"."""
        return next(what for what, sha256 in self._accepted.items() if sha256 is not None)

    @property
    def sha256(self) -> str:
        """The sha256 of what it accepts."""
        return self._accepted[self.what] or ""

    def holds(self, sha256: str, day: date, *, synthetic: bool) -> bool:
        """Whether it accepts these very bytes on `day`; a demo one only for synthetic data."""
        return self.sha256 == sha256 and day < self.expires and (self.kind == "signed" or synthetic)

    def proved(self, policy: Policy) -> bool:
        """Whether it is a demo's, or its signature is by the key that the charter lists for its role."""
        key = next((role.public_key for role in policy.roles if role.id == self.role), "")
        line = write_statement(self.role, self.what, self.sha256, self.expires)
        return self.kind == "demo" or is_signed(key, line, self.signature)


class SignOffs(File):
    """All of a signoffs.toml."""

    heading = "Which role accepted which charter, trial or exchange"
    signed_by = "`sooner sign` writes it; whoever edits a row makes it count for nothing."

    signoffs: Annotated[
        Listed[SignOff], Field(validation_alias="signoff", description="The sign-offs, each of these very bytes.")
    ] = ()


def write_statement(role: str, what: str, sha256: str, expires: date) -> str:
    """Return the line that a role signs with its own key, without a line end: what it accepts, and until when."""
    return f"{role} accepts the {what} {sha256} until {expires.isoformat()}"


def find_today(invocation: Invocation) -> date:
    """Return the current date in the council's time zone."""
    return datetime.now(invocation.council.time_zone).date()


def read_signoffs(path: Path) -> tuple[SignOff, ...]:
    """Read a signoffs.toml; none where the file does not exist. Raises DataError with every slip in it."""
    if not path.exists():
        return ()
    return SignOffs.read(path).signoffs


def add_signoff(path: Path, signoff: SignOff) -> None:
    """Add a sign-off to a signoffs.toml; the same role's earlier ones of the same thing are replaced."""
    others = [
        other
        for other in read_signoffs(path)
        if (other.role, other.what, other.sha256) != (signoff.role, signoff.what, signoff.sha256)
    ]
    _write_signoffs(path, [*others, signoff])


def withdraw_signoffs(path: Path, role: str, sha256: str) -> None:
    """Take a role's sign-offs of one sha256 out of a signoffs.toml."""
    rows = read_signoffs(path)
    others = [row for row in rows if (row.role, row.sha256) != (role, sha256)]
    if len(others) < len(rows):
        _write_signoffs(path, others)


def _write_signoffs(path: Path, signoffs: Sequence[SignOff]) -> None:
    lines = ["# Made by `sooner sign`. A row accepts exactly the bytes that have this sha256."]
    for signoff in signoffs:
        lines += [
            "",
            "[[signoff]]",
            f"role = {json.dumps(signoff.role)}",
            f'{signoff.what}_sha256 = "{signoff.sha256}"',
            f"signed_at = {signoff.signed_at.astimezone(UTC).isoformat(timespec='seconds')}",
            f"expires = {signoff.expires.isoformat()}",
            f'kind = "{signoff.kind}"',
        ]
        lines += [f"minute = {json.dumps(signoff.minute, ensure_ascii=False)}"] if signoff.minute else []
        lines += [f'signature = "{signoff.signature}"'] if signoff.signature else []
    write_text(path, "\n".join(lines) + "\n")


def find_expiry(role: Role, day: date) -> date:
    """Return when a sign-off that `role` makes on `day` ends: so many months later, on the same day or the last."""
    year, month = divmod(day.year * 12 + day.month - 1 + role.months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def read_charter_signoffs(invocation: Invocation) -> tuple[SignOff, ...]:
    """Return every sign-off of a file of the council: the council's own, and the workspace's for a demo."""
    council = read_signoffs(invocation.council.folder / "signoffs.toml")
    # Whatever a file in the workspace says, it was made for a demo.
    demo = tuple(signoff for signoff in read_signoffs(invocation.workspace.signoffs) if signoff.kind == "demo")
    return council + demo


def list_missing(
    what: str, sha256: str, policy: Policy, signoffs: Iterable[SignOff], day: date, *, synthetic: bool
) -> tuple[Role, ...]:
    """Return the roles that must still sign `what` ("charter", "decision", "trial" or "exchange") of this sha256."""
    signers = {
        signoff.role
        for signoff in signoffs
        if signoff.what == what and signoff.holds(sha256, day, synthetic=synthetic) and signoff.proved(policy)
    }
    return tuple(role for role in policy.signers(what) if role.id not in signers)


def require_charter(policy: Policy, signoffs: Sequence[SignOff], day: date, *, synthetic: bool) -> None:
    """Raise SignOffError unless every required role has signed this very charter and none of it has expired."""
    _require_roles("charter", policy.sha256, policy, signoffs, day, synthetic=synthetic)


def require_decision(sha256: str, policy: Policy, signoffs: Sequence[SignOff], day: date, *, synthetic: bool) -> None:
    """Raise SignOffError unless every required role has signed the decision of this sha256."""
    _require_roles("decision", sha256, policy, signoffs, day, synthetic=synthetic)


def _require_roles(
    what: str, sha256: str, policy: Policy, signoffs: Sequence[SignOff], day: date, *, synthetic: bool
) -> None:
    lacking = list_missing(what, sha256, policy, signoffs, day, synthetic=synthetic)
    if not lacking:
        return
    roles = {role.id for role in lacking}
    expired = [
        signoff for signoff in signoffs if signoff.role in roles and signoff.sha256 == sha256 and day >= signoff.expires
    ]
    edited = [
        signoff for signoff in signoffs if signoff.role in roles and signoff.what == what and signoff.sha256 != sha256
    ]
    demo = [
        signoff for signoff in signoffs if signoff.role in roles and signoff.sha256 == sha256 and signoff.kind == "demo"
    ]
    forged = [
        signoff
        for signoff in signoffs
        if signoff.role in roles and signoff.sha256 == sha256 and not signoff.proved(policy)
    ]
    why = (
        "a sign-off has expired"
        if expired
        else "the signature is not by the key that the charter lists for the role"
        if forged
        else "a demo sign-off counts for synthetic data alone"
        if demo and not synthetic
        else f"the {what} was edited after it was signed"
        if edited
        else "it has not been signed"
    )
    raise SignOffError(
        f"the {what} lacks the sign-off of {', '.join(role.title for role in lacking)}: {why}.",
        f"Let each role type `sooner sign --role {lacking[0].id} --what {what}`.",
    )


def require_signoffs(
    invocation: Invocation, audit_folder: Path, *, synthetic: bool, day: date | None = None, live: bool = False
) -> Mapping[str, Any]:
    """Return the decision of an audit if a model may be promoted on it; of what was issued, with `live`.

    Raises DataError where there is no decision or it is not of these findings, BlockedError where it is block,
    SignOffError where the charter was edited since or a sign-off is missing, expired or a demo's on real data, and
    ReferredError where the board has not accepted a referral.
    """
    when = day or find_today(invocation)
    policy = invocation.charter.require_review(when)
    path = audit_folder / "decision.json"
    if not path.exists():
        raise DataError(f"there is no decision on run {audit_folder.name}.", "Run `sooner decide`.")
    decision: Mapping[str, Any] = read_json(path)
    check_document("decision", decision)
    if (decision.get("stage", "test") != "test") != live:
        raise DataError(f"the decision in {audit_folder.name} is not of this gate.", _AGAIN)
    if decision["findings_sha256"] != file_digest(audit_folder / "findings.json"):
        raise DataError(
            "findings.json was edited after the decision on it.", "Run `sooner audit`, then `sooner decide`."
        )
    if decision["charter_sha256"] != policy.sha256:
        raise SignOffError("the charter was edited after the decision.", _AGAIN)
    if decision["decision"] == "block":
        raise BlockedError(decision["sentence"], "Read report.html beside the decision; then change the model.")
    require_charter(policy, read_charter_signoffs(invocation), when, synthetic=synthetic)
    accepted = read_signoffs(audit_folder / "signoffs.toml")
    sha256 = file_digest(path)
    if against := list_refusals(audit_folder, sha256):
        raise SignOffError(
            f"{policy.role(against[0].role).title} refused this decision: {against[0].reason}",
            "Change the model, or let the role sign after all.",
        )
    if decision["decision"] == "refer" and list_missing(
        "decision", sha256, policy, accepted, when, synthetic=synthetic
    ):
        raise ReferredError(
            decision["sentence"],
            f"If the board accepts it: `sooner sign --what decision --role {policy.signers('decision')[0].id}`.",
        )
    require_decision(sha256, policy, accepted, when, synthetic=synthetic)
    return decision
