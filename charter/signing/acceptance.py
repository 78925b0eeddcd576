"""Signing: a role accepts, or refuses, a file of the council or a decision by its sha256, by command or on a page.

A refusal ends the role's own sign-off of the same bytes; until the role signs after all, nothing is promoted on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from charter.contracts.files import file_digest, find_current, read_json
from charter.contracts.workspace import Workspace
from charter.council.reading import File
from charter.council.trial_design import TrialFile
from charter.errors import BlockedError, CharterError, DataError, SignOffError, UsageError
from charter.invocation import Invocation
from charter.rules.policy import Policy
from charter.signing.advice import list_unheard
from charter.signing.exchanges import ExchangeFile
from charter.signing.refusals import Refusal, lift_refusal, note_refusal
from charter.signing.role_proof import RoleKey, Signature
from charter.signing.signoffs import SignOff, add_signoff, find_expiry, find_today, withdraw_signoffs, write_statement
from charter.vault.command_log import CommandLog

__all__ = ["Signable", "find_audit", "find_live_audit", "refuse_as", "sign_as"]

_OF_COUNCIL: Mapping[str, Callable[[Invocation], File]] = {
    "charter": lambda invocation: invocation.policy,
    "trial": lambda invocation: TrialFile.load(invocation.council),
    "exchange": lambda invocation: ExchangeFile.load(invocation.council),
}
"""Files of the council that are signed as they stand."""


@dataclass(frozen=True)
class Signable:
    """What a role signs: "charter", "trial", "exchange", or the "decision" on a run (the newest by default).

    With `live`, the second gate's decision; a sign-off made before outcomes are known ends when they will be.
    """

    what: str
    run: str = ""
    live: bool = False


def sign_as(
    invocation: Invocation,
    role: str,
    thing: Signable,
    *,
    demo: bool,
    proof: Signature | RoleKey | None = None,
    until: date | None = None,
    actor: str = "command",
) -> SignOff:
    """Record a role's sign-off of the charter, the trial, the exchange or a run's decision, and return it.

    `proof` gives the role's signature of the line that `signoffs.write_statement` makes for `until`; a `demo` needs
    none. Raises UsageError for anything else to sign and for a typed sign-off that is not marked as a
    demo's, CharterError for a role that the charter does not know, that does not sign this or has no key, and for a
    demo's sign-off where real data was pulled, and
    SignOffError for a signature that is not of this line by its key, and where a role that the charter says must be
    heard (`advises`) has not been.
    """
    what = thing.what
    if what not in {*_OF_COUNCIL, "decision"}:
        raise UsageError(f"there is no {what!r} to sign.", f"Choose one of: {', '.join(_OF_COUNCIL)}, decision.")
    if demo:
        _refuse_demo_of_real_data(invocation.workspace)
    day = find_today(invocation)
    policy = invocation.policy
    signing = policy.role(role)
    if what not in signing.signs:
        able = ", ".join(signer.id for signer in policy.signers(what)) or f'none; add signs = ["{what}"] to a [[role]]'
        raise UsageError(
            f"{role} does not sign {'an' if what == 'exchange' else 'a'} {what}.", f"These roles do: {able}."
        )
    path, sha256, ends = _find_signed(invocation, thing, demo=demo)
    if what == "decision" and not thing.live and not demo:
        _require_heard(path.parent, policy)
    longest = min(find_expiry(signing, day), ends or date.max)
    expires = until or longest
    if not day < expires <= longest:
        raise UsageError(f"a sign-off cannot end on {expires}.", f"Name a day after today and not after {longest}.")
    signoff = SignOff.of(signing.id, what, sha256, datetime.now(UTC), expires, "demo")
    if not demo:
        signoff = _add_signature(signoff, policy, proof)
    add_signoff(path, signoff)
    lift_refusal(path.parent, signoff.role, sha256)
    CommandLog.open(invocation.council, invocation.workspace).append(
        actor=actor, role=signing.id, action=f"sign {what}", subject=sha256, detail={"kind": signoff.kind}
    )
    return signoff


def _require_heard(folder: Path, policy: Policy) -> None:
    """Raise SignOffError where a role that must be heard before a decision has said nothing of these findings."""
    synthetic = bool(read_json(folder / "decision.json").get("synthetic", False))
    unheard = list_unheard(folder, policy, synthetic=synthetic)
    if unheard:
        raise SignOffError(
            f"the board has not heard {' and '.join(role.title for role in unheard)} on these findings.",
            f"Let them read the pack and say what they think: `sooner advise --role {unheard[0].id} --key FILE TEXT`.",
        )


def _refuse_demo_of_real_data(workspace: Workspace) -> None:
    """Raise CharterError where any snapshot of the workspace holds data that `synth` did not make."""
    for manifest in sorted(workspace.store.glob("*/manifest.json")):
        if not read_json(manifest).get("synthetic", False):
            raise CharterError(
                f"the snapshot {manifest.parent.name} holds real data, and a demo's sign-off decides nothing about it.",
                "Sign with the role's own key: `sooner sign --signature FILE`.",
            )


def _find_signed(invocation: Invocation, thing: Signable, *, demo: bool) -> tuple[Path, str, date | None]:
    """Return where the sign-off belongs, the sha256 it is of, and the day on which the next decision is due."""
    if thing.what in _OF_COUNCIL:
        council = invocation.council.folder / "signoffs.toml"
        # Of the bytes that were parsed, whatever stands in the file by now.
        signed: File = _OF_COUNCIL[thing.what](invocation)
        return invocation.workspace.signoffs if demo else council, signed.sha256, None
    folder = find_audit(invocation, thing.run, live=thing.live)
    decision = folder / "decision.json"
    if not decision.exists():
        raise DataError(f"there is no decision on run {folder.name} to sign.", "Run `sooner decide`.")
    document = read_json(decision)
    if document["decision"] == "block":
        raise BlockedError("a blocked decision cannot be accepted.", "Only another model, or another charter, can.")
    due = document.get("next_decision_by")
    return folder / "signoffs.toml", file_digest(decision), date.fromisoformat(due) if due else None


def _add_signature(signoff: SignOff, policy: Policy, proof: Signature | RoleKey | None) -> SignOff:
    """Return the sign-off with its signature, checked against the key that the charter lists for the role."""
    line = write_statement(signoff.role, signoff.what, signoff.sha256, signoff.expires)
    how = (
        f"Add --key FILE, the key of {signoff.role}; or sign the line '{line}' (without a line end) with it elsewhere"
        f" and add --until {signoff.expires} --signature FILE."
    )
    if proof is None:
        raise UsageError(
            "whoever types a command has not shown who they are, so a typed sign-off counts as a demo's.",
            f"{how} Or add --demo to sign for synthetic data.",
        )
    if not policy.role(signoff.role).public_key:
        raise CharterError(
            f"the charter lists no public_key for {signoff.role}, so nothing can be signed with it.",
            "Make one with `sooner role-key FILE` and let the board add the public_key that it prints to charter.toml:"
            " that is another charter, to be signed again.",
        )
    signed = signoff.replace(kind="signed", signature=proof.sign(line))
    if not signed.proved(policy):
        raise SignOffError(
            f"{proof.path.name} is not a signature of this {signoff.what} by the key of {signoff.role}.", how
        )
    return signed


def refuse_as(invocation: Invocation, role: str, reason: str, *, actor: str, live: bool = False) -> Refusal:
    """Record that a role does not accept the newest decision, ending its own sign-off of it, and return the refusal.

    Raises UsageError for an empty reason or a role that signs no decision, DataError where there is none to refuse.
    """
    if not reason.strip():
        raise UsageError("a refusal needs a reason that others can read later.", "Say why.")
    policy = invocation.policy
    refusing = policy.role(role).id
    if refusing not in {signer.id for signer in policy.signers("decision")}:
        able = ", ".join(signer.id for signer in policy.signers("decision"))
        raise UsageError(f"{role} does not sign a decision.", f"These roles do: {able}.")
    folder = find_audit(invocation, "", live=live)
    if not (folder / "decision.json").exists():
        raise DataError(f"there is no decision on run {folder.name} to refuse.", "Run `sooner decide`.")
    sha256 = file_digest(folder / "decision.json")
    refusal = Refusal(refusing, sha256, reason.strip(), datetime.now(UTC).isoformat(timespec="seconds"))
    note_refusal(folder, refusal)
    withdraw_signoffs(folder / "signoffs.toml", refusing, sha256)
    CommandLog.open(invocation.council, invocation.workspace).append(
        actor=actor, role=refusing, action="refuse decision", subject=sha256
    )
    return refusal


def find_audit(invocation: Invocation, run: str, *, live: bool = False) -> Path:
    """Return the folder of an audit (the newest by default), or of the audit of what the current release issued."""
    audit = invocation.workspace.audit
    if live:
        return find_live_audit(invocation)
    folder = audit / run if run else find_current(audit)
    if folder is None or not (folder / "findings.json").exists():
        raise DataError(f"there is no audit{f' of run {run}' if run else ''} to decide on.", "Run `sooner audit`.")
    return folder


def find_live_audit(invocation: Invocation) -> Path:
    """Return the folder of the audit of what the current release issued."""
    release = find_current(invocation.workspace.release)
    if release is None:
        raise DataError(f"no model of {invocation.programme} was promoted yet.", "Run `sooner promote`.")
    run = str(read_json(release / "manifest.json")["run"])
    folder = invocation.workspace.audit / run / "live"
    if not (folder / "findings.json").exists():
        raise DataError("what the release issued has not been audited.", "Run `sooner audit live`.")
    return folder
