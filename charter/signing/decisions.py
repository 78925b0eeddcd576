"""Deciding on an audit, and opening the second gate: what `decide` and `promote live` do, for whoever calls them.

`decided_from.json` beside a decision says what it was made from (charter.machine.made_from): while that is the same the
decision stands, its bytes and the sign-offs on them.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from charter.acts import COMMAND, GATE
from charter.contracts import check_document
from charter.contracts.files import file_digest, find_current, read_json, write_json
from charter.errors import DataError
from charter.invocation import Invocation
from charter.machine.code_version import digest_code
from charter.machine.made_from import digest_path, digest_settings, digest_versions, keep_standing, read_standing
from charter.signing import suspensions
from charter.signing.acceptance import find_audit, find_live_audit
from charter.signing.second_gate import open_live
from charter.signing.signoffs import find_today, read_signoffs, require_signoffs
from charter.vault.command_log import CommandLog

__all__ = ["decide_run", "go_live"]

_FROM, _DECISION = "decided_from.json", "decision.json"


def decide_run(invocation: Invocation, run: str = "", *, live: bool = False) -> dict[str, Any]:
    """Decide on one run (the newest audited by default), leave `decision.json` beside its findings, and return it.

    With `live`, on what the current release issued; where that is blocked, the programme is suspended at once.
    """
    folder = find_audit(invocation, run, live=live)
    inputs = _digest_inputs(invocation, folder)
    if not live and read_standing(folder / _FROM, inputs):
        before: dict[str, Any] = read_json(folder / _DECISION)
        return before
    decision = _decide_findings(invocation, folder, live=live)
    write_json(folder / _DECISION, decision)
    if live and decision["decision"] == "block":
        path = suspensions.suspend_on_breach(invocation.workspace, decision["sentence"])
        log = CommandLog.open(invocation.council, invocation.workspace)
        log.append(actor="command", role=GATE, action="suspend", subject=path.stem)
    # Of files that changed since it began nobody knows which were read: then nothing is kept.
    if not live and inputs == _digest_inputs(invocation, folder):
        keep_standing(folder / _FROM, inputs, [_DECISION])
    return decision


def _decide_findings(invocation: Invocation, folder: Path, *, live: bool) -> dict[str, Any]:
    # Here and not above: a decision that stands asks for no arithmetic.
    from charter.signing.stand_in import decide_with_stand_in

    findings = read_json(folder / "findings.json")
    check_document("findings", findings)
    day = find_today(invocation)
    policy = invocation.policy
    earlier = [
        read_json(path)
        for path in sorted(invocation.workspace.audit.glob("*/decision.json"))
        if path.parent != folder and not live
    ]
    decision = decide_with_stand_in(
        findings,
        policy,
        day,
        findings_sha256=file_digest(folder / "findings.json"),
        earlier=earlier,
        red_lines=invocation.red_lines,
    )
    check_document("decision", decision)
    return decision


def _digest_inputs(invocation: Invocation, folder: Path) -> dict[str, str]:
    """Return the digest of each thing that the first gate's decision on the audit in a folder depends on, by name."""
    others = (path for path in sorted(folder.parent.glob("*/decision.json")) if path.parent != folder)
    return {
        "findings": digest_path(folder / "findings.json"),
        **digest_settings(invocation),
        **{f"decision/{path.parent.name}": file_digest(path) for path in others},
        "day": find_today(invocation).isoformat(),
        "code": digest_code(("charter",)),
        "versions": digest_versions(("numpy", "scipy")),
    }


def go_live(invocation: Invocation) -> tuple[str, date]:
    """Open the second gate for the current release; return it and the day on which the next decision is due.

    Raises what `signoffs.require_signoffs` raises, and DataError where another model was promoted since the audit.
    """
    folder = find_live_audit(invocation)
    release = read_json((find_current(invocation.workspace.release) or folder) / "manifest.json")
    decision = require_signoffs(invocation, folder, synthetic=bool(release["synthetic"]), live=True)
    if read_json(folder / "findings.json")["inputs"].get("model.lgb") != release["model_sha256"]:
        raise DataError("another model was promoted since this audit.", "Run `sooner audit live` again.")
    sha256 = file_digest(folder / "decision.json")
    until = min(signoff.expires for signoff in read_signoffs(folder / "signoffs.toml") if signoff.sha256 == sha256)
    open_live(invocation.workspace, release["id"], decision, sha256, until)
    CommandLog.open(invocation.council, invocation.workspace).append(
        actor="command", role=COMMAND, action="go live", subject=release["id"]
    )
    return str(release["id"]), until
