"""The rules' verbs: decide, sign, suspend, rotate."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from charter.contracts import check_document
from charter.contracts.files import file_digest, pointed, read_json, write_json, writer_lock
from charter.errors import BlockedError, DataError, ReferredError
from charter.invocation import AsJson, CouncilDir, Invocation, ProgrammeName, Quiet, WorkspaceDir
from charter.rules import scenarios
from charter.rules.gate import decide as decide_on
from charter.rules.policy import Policy
from charter.signing import suspensions
from charter.signing.acceptance import audited, issued, sign_as
from charter.signing.second_gate import open_live
from charter.signing.signoffs import read, require, today
from charter.vault.key import Key, made_in
from charter.vault.log import FileLog
from charter.vault.vault import rotate as rotate_vault

__all__ = ["decide", "rotate", "sign", "suspend", "verbs"]

verbs = typer.Typer(help="The rules: policy, gate, sign-offs and the kill switch.")

COUNCIL = Path("council")
WORKSPACE = Path("workspace")
Run = Annotated[str, typer.Option("--run", help="The audited run; the newest by default.")]
OfLive = Annotated[bool, typer.Option("--live", help="The second gate: of what the current release issued.")]
RoleName = Annotated[str, typer.Option("--role", help="A role that the charter names.")]


@verbs.command("decide")
def decide(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
    run: Run = "",
    live: OfLive = False,
) -> None:
    """Ask the charter's questions of the audit's findings: pass, refer (exit 15) or block (exit 13)."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        decision = decide_run(invocation, run, live=live)
    if as_json or decision["decision"] == "pass":
        invocation.report(decision, decision["sentence"])
    report = f"audit/{invocation.programme}/{decision['run']}/{'live/' if live else ''}report.html"
    if decision["decision"] == "block":
        raise BlockedError(decision["sentence"], f"Read {report}; then change the model, not the gate.")
    if decision["decision"] == "refer":
        raise ReferredError(
            decision["sentence"],
            f"The board reads {report}, then: `sooner sign --what decision{' --live' if live else ''} --role ROLE`.",
        )


def decide_run(invocation: Invocation, run: str = "", *, live: bool = False) -> dict[str, Any]:
    """Decide on one run (the newest audited by default), leave `decision.json` beside its findings, and return it.

    With `live`, on what the current release issued; where that is blocked, the programme is suspended at once.
    """
    folder = audited(invocation, run, live=live)
    findings = read_json(folder / "findings.json")
    check_document("findings", findings)
    day = today(invocation)
    policy = Policy.load(invocation.council.folder / "charter.toml", day)
    earlier = [
        read_json(path)
        for path in sorted(invocation.workspace.audit.glob("*/decision.json"))
        if path.parent != folder and not live
    ]
    decision = decide_on(
        findings,
        policy,
        day,
        findings_sha256=file_digest(folder / "findings.json"),
        earlier=earlier,
        red_lines=scenarios.of_council(invocation.council.folder, policy),
    )
    check_document("decision", decision)
    write_json(folder / "decision.json", decision)
    if live and decision["decision"] == "block":
        path = suspensions.breach(invocation.workspace, decision["sentence"])
        _log(invocation).append(actor="command", role=suspensions.GATE, action="suspend", subject=path.stem)
    return decision


@verbs.command("sign")
def sign(
    role: RoleName,
    what: Annotated[str, typer.Option("--what", help="charter or decision")],
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
    run: Run = "",
    demo: Annotated[bool, typer.Option("--demo", help="A typed sign-off: it counts for synthetic data alone.")] = False,
    signature: Annotated[
        Path | None, typer.Option("--signature", help="The role's Ed25519 signature, made with its own key.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="The day that the signed line names.")
    ] = None,
    live: OfLive = False,
) -> None:
    """Accept the charter, or a decision, in a role: these very bytes, until the sign-off expires."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    last = until.date() if until else None
    with writer_lock(invocation.workspace.root):
        signoff = sign_as(invocation, role, what, demo=demo, run=run, signature=signature, until=last, live=live)
    invocation.report(
        {"role": role, "what": what, "sha256": signoff.sha256, "expires": signoff.expires, "kind": signoff.kind},
        f"{role} accepted the {what} {signoff.sha256[:16]} until {signoff.expires} ({signoff.kind}).",
    )


@verbs.command("suspend")
def suspend(
    role: RoleName,
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
    what: Annotated[str, typer.Option("--what", help="all, programme, team, feed or model")] = "programme",
    name: Annotated[str, typer.Option("--name", help="Which one; the programme itself by default.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; others read it later.")] = "",
    resume: Annotated[str, typer.Option("--resume", help="The suspension to lift; two roles must.")] = "",
) -> None:
    """Stop showing any ranking, at once and alone; or, as one of two roles, start again."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    policy = Policy.load(invocation.council.folder / "charter.toml", today(invocation))
    if resume:
        done = suspensions.resume(invocation.workspace, policy, suspension=resume, role=role)
        _log(invocation).append(actor="command", role=role, action="resume", subject=resume)
        said = "It is resumed." if done else "One more role must resume it."
        invocation.report({"suspension": resume, "resumed": done}, f"{role} asked to resume {resume}. {said}")
        return
    chosen = name or (invocation.programme if what == "programme" else "")
    path = suspensions.suspend(invocation.workspace, policy, what=what, name=chosen, role=role, reason=reason)
    _log(invocation).append(actor="command", role=role, action="suspend", subject=path.stem, detail={"what": what})
    invocation.report(
        {"suspension": path.stem, "what": what, "name": chosen},
        f"{what} {chosen} is suspended ({path.stem}): no ranking is shown until two roles resume it.",
    )


@verbs.command("rotate")
def rotate(
    council: CouncilDir = COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = WORKSPACE,
    as_json: AsJson = False,
    quiet: Quiet = False,
    new_key_file: Annotated[
        Path | None, typer.Option("--new-key-file", help="Let another key file open the vault; made if it isn't there.")
    ] = None,
) -> None:
    """Seal everything in the vault anew with a fresh data key; the old key file may be replaced by another."""
    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    place = invocation.workspace
    if not place.vault.is_dir():
        raise DataError(f"there is no vault in {place.root.name}/.", "Run `sooner pull` first.")
    with writer_lock(place.root):
        key = Key.load(invocation.council, place)
        other = None if new_key_file is None else made_in(new_key_file, invocation.council, place)
        records = rotate_vault(place.vault, key, other)
        _log(invocation).append(
            actor="command", role="operator", action="rotate", detail={"records": records, "new_key": other is not None}
        )
    opens = "The same key opens it." if new_key_file is None else "From now on name the new file in $SOONER_KEY_FILE."
    invocation.report(
        {"records": records, "new_key": other is not None}, f"{records:,} records were sealed anew. {opens}"
    )


def go_live(invocation: Invocation) -> tuple[str, date]:
    """Open the second gate for the current release; return it and the day on which the next decision is due.

    Raises what `signoffs.require` raises, and DataError where another model was promoted since the audit.
    """
    folder = issued(invocation)
    release = read_json((pointed(invocation.workspace.release) or folder) / "manifest.json")
    decision = require(invocation, folder, synthetic=bool(release["synthetic"]), live=True)
    if read_json(folder / "findings.json")["inputs"].get("model.lgb") != release["model_sha256"]:
        raise DataError("another model was promoted since this audit.", "Run `sooner audit --live` again.")
    sha256 = file_digest(folder / "decision.json")
    until = min(one.expires for one in read(folder / "signoffs.toml") if one.sha256 == sha256)
    open_live(invocation.workspace, release["id"], decision, sha256, until)
    _log(invocation).append(actor="command", role="", action="go live", subject=release["id"])
    return str(release["id"]), until


def _log(invocation: Invocation) -> FileLog:
    return FileLog(invocation.workspace.log)
