"""The rules' verbs: decide, sign, advise, role-key, suspend, resume, rotate, key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charter.errors import BlockedError, DataError, ReferredError, SoonerError
from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from charter.vault.key import Key
    from charter.voice import Voice

__all__ = ["verbs"]

verbs = Verbs("The rules: policy, gate, sign-offs and the kill switch.")

Run = Annotated[str, typer.Option("--run", help="The audited run; the newest by default.")]
OfLive = Annotated[bool, typer.Option("--live", help="The second gate: of what the current release issued.")]
RoleName = Annotated[str, typer.Option("--role", help="A role that the charter names.")]


@verbs.add("decide", under="decide", example="sooner decide --live", locks=True)
def decide(invocation: Invocation, run: Run = "", live: OfLive = False) -> None:
    """Ask the charter's questions of the audit's findings: pass, refer (exit 15) or block (exit 13)."""
    from charter.signing.decisions import decide_run

    decision = decide_run(invocation, run, live=live)
    if invocation.as_json or decision["decision"] == "pass":
        invocation.report(decision, decision["sentence"])
    report = f"audit/{invocation.programme}/{decision['run']}/{'live/' if live else ''}report.html"
    if decision["decision"] == "block":
        raise BlockedError(decision["sentence"], f"Read {report}; then change the model, not the gate.")
    if decision["decision"] == "refer":
        raise ReferredError(
            decision["sentence"],
            f"The board reads {report}, then: `sooner sign --what decision{' --live' if live else ''} --role ROLE`.",
        )


@verbs.add(
    "sign",
    under="decide",
    example="sooner sign --what decision --role director --key director.key",
    locks=True,
)
def sign(
    invocation: Invocation,
    role: RoleName,
    what: Annotated[str, typer.Option("--what", help="charter, decision, trial or exchange")],
    run: Run = "",
    demo: Annotated[bool, typer.Option("--demo", help="A typed sign-off: it counts for synthetic data alone.")] = False,
    signature: Annotated[
        Path | None, typer.Option("--signature", help="The role's Ed25519 signature, made elsewhere with its own key.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="The role's own key: the file of `sooner role-key`.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="The day that the signed line names.")
    ] = None,
    live: OfLive = False,
) -> None:
    """Accept the charter, a decision, a trial or an exchange in a role: these very bytes, until that expires."""
    from charter.signing.acceptance import Signable, sign_as
    from charter.signing.role_proof import read_proof

    proof = read_proof(key, signature, _ask_passphrase)
    last = until.date() if until else None
    signoff = sign_as(invocation, role, Signable(what, run, live), demo=demo, proof=proof, until=last)
    invocation.report(
        {
            "role": signoff.role,
            "what": what,
            "sha256": signoff.sha256,
            "expires": signoff.expires,
            "kind": signoff.kind,
        },
        f"{signoff.role} accepted the {what} {signoff.sha256[:16]} until {signoff.expires} ({signoff.kind}).",
    )


@verbs.add(
    "advise",
    under="decide",
    example="sooner advise --role ROLE --key adviser.key 'Keep it to three services.'",
    locks=True,
)
def advise(
    invocation: Invocation,
    role: RoleName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the board should know before it signs.")],
    run: Run = "",
    demo: Annotated[bool, typer.Option("--demo", help="Typed words: they count for synthetic data alone.")] = False,
    key: Annotated[
        Path | None, typer.Option("--key", help="The role's own key: the file of `sooner role-key`.")
    ] = None,
) -> None:
    """Say, in a role that must be heard, what the board should know; it stands on the board pack's first page."""
    from charter.signing.acceptance import find_audit
    from charter.signing.advice import give_advice
    from charter.signing.role_proof import read_proof

    folder = find_audit(invocation, run)
    advice = give_advice(folder, invocation, role, text, demo=demo, proof=read_proof(key, None, _ask_passphrase))
    invocation.report(
        {"role": advice.role, "findings": advice.findings_sha256, "kind": advice.kind},
        f"{advice.role} was heard on the findings {advice.findings_sha256[:16]} ({advice.kind});"
        f" it stands in audit/{invocation.programme}/{folder.name}/report.html.",
    )


def _ask_passphrase() -> str:
    return str(typer.prompt("The key's passphrase", hide_input=True, err=True))


@verbs.add("role-key", under="decide", example="sooner role-key director.key", opens=False)
def role_key(
    voice: Voice,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the key goes; its holder keeps it.")],
    lock: Annotated[bool, typer.Option("--lock", help="Ask for a passphrase that opens it.")] = False,
) -> None:
    """Make a role's own key, to sign real data with, and print the line that charter.toml needs of it."""
    from charter.vault.role_key import make_role_key

    passphrase = typer.prompt("A passphrase", hide_input=True, confirmation_prompt=True, err=True) if lock else ""
    public = make_role_key(file, passphrase)
    voice.report(
        {"file": str(file), "public_key": public},
        f'public_key = "{public}"\nThat line goes into the role\'s row of charter.toml; {file} stays with its holder:'
        f" `sooner sign --key {file}`.",
    )


@verbs.add("suspend", under="decide", example="sooner suspend --role ROLE --reason 'a feed repeats'")
def suspend(
    invocation: Invocation,
    role: RoleName,
    what: Annotated[str, typer.Option("--what", help="all, programme, team, feed or model")] = "programme",
    name: Annotated[str, typer.Option("--name", help="Which one; the programme itself by default.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; others read it later.")] = "",
) -> None:
    """Stop showing any ranking, at once and alone; `sooner resume` starts it again."""
    from charter.signing import suspensions

    policy, role = invocation.charter, invocation.roles.find(role).id
    target = name or (invocation.programme if what == "programme" else "")
    path = suspensions.start_suspension(invocation.workspace, policy, what=what, name=target, role=role, reason=reason)
    try:
        _log_act(invocation, role=role, action="suspend", subject=path.stem, detail={"what": what})
    except SoonerError as error:
        # The kill switch asks for no key, database or anchor; that the log can't be written is said after it.
        stands = f"{what} {target} is suspended ({path.stem}), and the log does not say so: {error.message}"
        raise type(error)(stands, error.next_step) from None
    invocation.report(
        {"suspension": path.stem, "what": what, "name": target},
        f"{what} {target} is suspended ({path.stem}): no ranking is shown until two roles resume it.",
    )


@verbs.add("resume", under="decide", example="sooner resume 20260302T101500-programme --role ROLE")
def resume(
    invocation: Invocation,
    suspension: Annotated[str, typer.Argument(help="The suspension to lift, by its id.")],
    role: RoleName,
) -> None:
    """Show rankings again, as one of the two roles that a suspension needs to end."""
    from charter.signing import suspensions

    policy, role = invocation.charter, invocation.roles.find(role).id
    is_over = suspensions.record_resumption(invocation.workspace, policy, suspension=suspension, role=role)
    _log_act(invocation, role=role, action="resume", subject=suspension)
    rest = "It is resumed." if is_over else "One more role must resume it."
    invocation.report({"suspension": suspension, "resumed": is_over}, f"{role} asked to resume {suspension}. {rest}")


@verbs.add("rotate", under="look after", example="sooner rotate --new-key-file new.key")
def rotate(
    invocation: Invocation,
    new_key_file: Annotated[
        Path | None, typer.Option("--new-key-file", help="Let another key file open the vault; made if it isn't there.")
    ] = None,
) -> None:
    """Seal everything in the vault anew with a fresh data key; the old key file may be replaced by another."""
    from charter.acts import COMMAND
    from charter.contracts.files import writer_lock
    from charter.vault import vault
    from charter.vault.command_log import CommandLog
    from charter.vault.key import Key, make_key_file, open_key_file

    place = invocation.workspace
    if not place.vault.is_dir():
        raise DataError(f"there is no vault in {place.root.name}/.", "Run `sooner pull` first.")
    with writer_lock(place.root):
        key = Key.load(invocation.council, place)
        other = None
        if new_key_file is not None:
            made = make_key_file(invocation.council, place, new_key_file)
            other = open_key_file(made, invocation.council, place)
        records = vault.rotate_vault(place.vault, key, other)
        detail = {"records": records, "new_key": other is not None}
        CommandLog.under(key, place).append(actor=COMMAND, role=COMMAND, action="rotate", detail=detail)
    opens = "The same key opens it." if new_key_file is None else "From now on name the new file in $SOONER_KEY_FILE."
    invocation.report(detail, f"{records:,} records were sealed anew. {opens}")


key = Verbs("The council's key: where it is kept, and making it once.", default="show", example="sooner key")
verbs.add_verbs("key", key, under="look after")


@key.add("show", under="look after", example="sooner key show")
def show_key(invocation: Invocation) -> None:
    """Say where the council's key is kept, its fingerprint, and whether it opens the vault; never the key."""
    from charter.vault.envelope import VAULT_FILE
    from charter.vault.key import Key
    from charter.vault.vault import Vault

    place = invocation.workspace
    loaded = Key.load(invocation.council, place)
    sealed = (place.vault / VAULT_FILE).exists()
    if sealed:
        Vault.open(place.vault, loaded)
    _tell_key(invocation, loaded, "It opens the vault." if sealed else "Nothing is sealed with it yet.")


@key.add("make", under="look after", example="sooner key make")
def make_key(invocation: Invocation) -> None:
    """Make the council's key, once; say where it is kept. Refused where the vault was sealed with another."""
    import os

    from charter.vault.key import Key, key_file, make_key_file

    place = invocation.workspace
    there = "SOONER_KEY" in os.environ or key_file(invocation.council).exists()
    if "SOONER_KEY" not in os.environ:
        make_key_file(invocation.council, place)
    again = "It was there already. " if there else ""
    loaded = Key.load(invocation.council, place)
    _tell_key(invocation, loaded, f"{again}Keep a copy where no backup goes: without it the vault can't be opened.")


def _tell_key(invocation: Invocation, key: Key, sentence: str) -> None:
    import os

    from charter.vault.key import key_file

    where = "$SOONER_KEY" if "SOONER_KEY" in os.environ else str(key_file(invocation.council))
    fingerprint = key.fingerprint[:16]
    invocation.report(
        {"kept": where, "fingerprint": fingerprint}, f"The key {fingerprint} is kept in {where}. {sentence}"
    )


def _log_act(
    invocation: Invocation, *, role: str, action: str, subject: str = "", detail: Mapping[str, object] | None = None
) -> None:
    from charter.vault.command_log import CommandLog

    CommandLog.open(invocation.council, invocation.workspace).append(
        actor="command", role=role, action=action, subject=subject, detail=detail
    )
