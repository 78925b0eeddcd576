"""The resident desk's verbs: they put the rooms in order where a resident uses a right, as `sooner` does elsewhere.

resident RIGHT    show, object, withdraw, restrict, erase
overrule          a named role ends an objection or restriction
ask-again         whose parents' permission has lapsed
replay            honour what was asked since a backup was made
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from charter.acts import ACTS
from charter.contracts.files import writer_lock
from charter.errors import CharterError, UsageError
from charter.invocation import AsJson, CouncilDir, Invocation, ProgrammeName, Quiet, WorkspaceDir
from charter.vault.key import Key
from charter.vault.log import FileLog
from charter.vault.vault import Vault

__all__ = ["verbs"]

verbs = typer.Typer(help="Residents' rights, as the desk files them.")

COUNCIL = Path("council")
WORKSPACE = Path("workspace")
Through = Annotated[str, typer.Option("--through", help="The service whose reference names the person.")]
Reference = Annotated[
    str, typer.Option("--reference", help="That service's reference; asked for if left out.", prompt="Reference")
]
RoleName = Annotated[str, typer.Option("--role", help="The role that acts, for the log.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the log.")]
Says = Annotated[
    Path | None, typer.Option("--says", help="What they say, as a JSON file; - for standard input. Never in options.")
]


@verbs.command()
def resident(
    right: Annotated[str, typer.Argument(help="show, object, withdraw, restrict, erase, rectify, export, challenge.")],
    through: Through,
    reference: Reference,
    service: Annotated[str, typer.Option("--service", help="The service it is about; all of them by default.")] = "*",
    purpose: Annotated[str, typer.Option("--purpose", help="The purpose it is about; all of them by default.")] = "*",
    by: Annotated[str, typer.Option("--by", help="Who asks: self, parent or carer.")] = "self",
    says: Says = None,
    role: RoleName = "resident_desk",
    reason: Reason = "a resident asked",
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Use a resident's rights over what is held; each leaves a certificate."""
    from features.rights.asking import ask
    from features.rights.held import show

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    require("rights.file", role)
    log = _Log(invocation, role)
    if right == "export":
        _export(invocation, through, reference, by, role, reason, log)
        return
    if right == "challenge":
        _challenge(invocation, through, reference, says, by, role)
        return
    if right == "rectify":
        _rectify(invocation, through, reference, says, by, log)
        return
    if right == "show":
        shown = show(invocation, through=through, reference=reference, role=role, reason=reason, log=log.record)
        invocation.report(shown, json.dumps(shown, indent=1, default=str))
        return
    with writer_lock(invocation.workspace.root):
        log.record({"action": f"resident {right}", "reason": reason, "service": service, "purpose": purpose})
        certificate = ask(
            invocation,
            right,
            through=through,
            reference=reference,
            service=service,
            purpose=purpose,
            by=by,
            rooms=rooms(),
        )
    invocation.report(asdict(certificate), _in_words(certificate))


def _rectify(invocation: Invocation, through: str, reference: str, says: Path | None, by: str, log: _Log) -> None:
    from features.linking.link import link
    from features.rights.rectify import rectify

    said = _read(says)
    with writer_lock(invocation.workspace.root):
        certificate = rectify(invocation, through=through, reference=reference, said=said, by=by)
        log.record({"action": "resident rectify", "request": certificate.request, "what": sorted(said)})
        link(invocation)
    invocation.report(
        asdict(certificate) | {"corrected": sorted(said)},
        f"Certificate {certificate.request}: corrected {', '.join(sorted(said))}, filed {certificate.filed_at}. "
        "The old version is closed and kept. Run `sooner build` and `sooner rank` again.",
    )


def _challenge(invocation: Invocation, through: str, reference: str, says: Path | None, by: str, role: str) -> None:
    from features.rights.asking import references_of
    from features.rights.held import whose
    from serving.store.challenges import file

    said = _read(says)
    key = Key.load(invocation.council, invocation.workspace)
    person = whose(invocation, key, through, reference)
    refs = references_of(invocation.workspace, person.ref, "*")
    with writer_lock(invocation.workspace.root):
        made = file(
            invocation,
            person.person_id,
            refs,
            about=str(said.get("about", "other")),
            words=str(said.get("words", "")),
            by=by,
            role=role,
        )
    ids = ", ".join(one.id for one in made)
    invocation.report(
        {"challenges": [one.id for one in made], "filed_at": made[0].filed_at},
        f"Certificate {ids}: challenged, filed {made[0].filed_at}. The reviewer sees it on the case; a person answers.",
    )


def _export(invocation: Invocation, through: str, reference: str, by: str, role: str, reason: str, log: _Log) -> None:
    from features.linking.residence_index import tokens_of
    from features.rights.export import draft
    from features.rights.held import whose
    from serving.store.held import held

    key = Key.load(invocation.council, invocation.workspace)
    person = whose(invocation, key, through, reference)
    checks = tokens_of(Vault.open(invocation.workspace.vault, key), key, person.snapshot, person.person_id)
    with writer_lock(invocation.workspace.root):
        request = draft(
            invocation,
            through=through,
            reference=reference,
            elsewhere=held([person.person_id], invocation.workspace, checks=checks),
            by=by,
            role=role,
            reason=reason,
            log=log.record,
        )
        log.record({"action": "resident export", "request": request.id})
    invocation.report(
        {"draft": request.id, "filed_at": request.filed_at},
        f"Draft {request.id} is sealed in the vault; nobody has read it. The data protection officer checks who asks, "
        f"third parties and serious harm, then types `sooner hand-over {request.id} --to FOLDER`.",
    )


@verbs.command("hand-over")
def hand_over(
    draft: Annotated[str, typer.Argument(help="The draft, by its id.")],
    to: Annotated[Path, typer.Option("--to", help="The folder to write it to, outside the workspace.")],
    role: RoleName,
    identity_checked: Annotated[bool, typer.Option("--identity-checked", help="It is they who ask.")] = False,
    third_parties_checked: Annotated[
        bool, typer.Option("--third-parties-checked", help="It tells of nobody else.")
    ] = False,
    serious_harm_checked: Annotated[
        bool, typer.Option("--serious-harm-checked", help="Reading it would seriously harm nobody.")
    ] = False,
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", help="A service that a check found must be left out.")
    ] = None,
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Release a resident's export, as a page and as JSON, once an officer has checked it."""
    from features.rights.export import CHECKS
    from features.rights.export import hand_over as release

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    require("export.release", role)
    made = (identity_checked, third_parties_checked, serious_harm_checked)
    checked = [check for check, done in zip(CHECKS, made, strict=True) if done]
    with writer_lock(invocation.workspace.root):
        released = release(invocation, draft, to=to, checked=checked, leave_out=leave_out or ())
        _Log(invocation, role).record({"action": "export released", **released, "checked": checked})
    invocation.report(
        {**released, "folder": str(to)},
        f"Export {draft} is in {to}/ ({', '.join(released['files'])}; digest {released['digest']}). The draft is gone: "
        "keep no other copy than the resident's.",
    )


def _read(says: Path | None) -> dict[str, Any]:
    """Return the JSON object that a resident's words were written down as."""
    if says is None:
        raise UsageError("it is not said what is wrong.", "Add --says FILE, or --says - and type it.")
    try:
        said = json.loads(sys.stdin.read() if str(says) == "-" else says.read_text(encoding="utf-8"))
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise UsageError("what was said is not a JSON object.", 'Write it like {"surname": "Marsh"}.')
    return said


@verbs.command()
def overrule(
    request: Annotated[str, typer.Argument(help="The objection or restriction, by its certificate's id.")],
    role: RoleName,
    reason: Reason,
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Decide, in a role that may, that an objection or restriction does not stand; the next delivery counts again."""
    from features.rights.asking import overrule as decide

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        certificate = decide(invocation, request, role=role, rooms=rooms())
        _Log(invocation, role).record({"action": "overrule", "reason": reason, "request": request})
    invocation.report(asdict(certificate), _in_words(certificate))


@verbs.command()
def replay(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Carry out every request that this data has not honoured yet, such as those filed since it was backed up."""
    from features.rights.asking import replay as carry_out
    from serving.forget import catch_up

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        done = carry_out(invocation, rooms())
        off = catch_up(invocation.workspace)
        _Log(invocation, "operator").record({"action": "replay", "requests": sorted(done), "taken_off": off})
    told = f"{len(done)} requests were carried out just now. Run `sooner build` and `sooner rank` again."
    lists = f" {off} referrals that an older casework database listed again were taken off." if off else ""
    invocation.report(
        {"carried_out": [asdict(certificate) for certificate in done.values()], "taken_off": off},
        (told if done else "Every request was carried out already.") + lists,
    )


@verbs.command("ask-again")
def ask_again(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List whose parents' permission lapsed when their own voice began to count, so that they are asked themselves."""
    from features.rights.held import lapsed

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    found = lapsed(invocation)
    invocation.report(
        {"ask_again": found},
        "\n".join([*(f"{one['person_id']}  {one['service']}  since {one['since']}" for one in found),
                   f"{len(found)} people to ask again."]),
    )  # fmt: skip


class _Log:
    """The command's chain of the audit log, in one role."""

    def __init__(self, invocation: Invocation, role: str) -> None:
        self._log, self._role = FileLog(invocation.workspace.log), role

    def record(self, entry: Mapping[str, object]) -> None:
        """Write one entry."""
        self._log.append(actor="command", role=self._role, action=str(entry["action"]), detail={**entry})


def require(act: str, role: str) -> None:
    """Raise CharterError where the role may not do the act."""
    if role not in ACTS[act]:
        raise CharterError(f"the role {role!r} may not do {act}.", f"These roles may: {', '.join(sorted(ACTS[act]))}.")


def rooms() -> tuple[Any, ...]:
    """Return the rooms that forget, each with the purposes it holds people for."""
    import fairness_reports.forget
    import serving.forget
    import training.forget
    from features.rights.asking import Room

    return (
        Room(training.forget.forget, ("link", "train", "shadow", "evaluate")),
        Room(fairness_reports.forget.forget, ("link", "rank", "display", "area_statistics")),
        Room(serving.forget.forget, serving.forget.PURPOSES),
    )


def _in_words(certificate: Any) -> str:
    removed = sum(sum(rows.values()) for rows in certificate.rows_removed.values())
    return (
        f"Certificate {certificate.request}: {certificate.action}, service {certificate.service}, "
        f"purpose {certificate.purpose}, filed {certificate.filed_at}. {removed:,} rows removed from "
        f"{len(certificate.rows_removed)} snapshots and {certificate.matrices_dropped} matrices dropped. "
        "Run `sooner build` and `sooner rank` again."
    )
