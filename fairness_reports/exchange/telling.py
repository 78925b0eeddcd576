"""`sooner exchange write` and `read`: what this council tells others of its newest audit, and takes in of theirs.

    exchange/PROGRAMME/told/COUNCIL-PROGRAMME-DAY.json    the day is the last of what was audited
    exchange/PROGRAMME/peers/COUNCIL.json                 the newest of each peer

The log has both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import find_current, read_json, write_json
from charter.errors import DataError, SignOffError
from charter.invocation import Invocation
from charter.signing.exchanges import ExchangeFile, require_exchange
from charter.signing.role_proof import RoleKey, Signature
from charter.vault.command_log import CommandLog
from charter.vault.signature import is_signed
from fairness_reports.disclosure.ledger import Ledger
from fairness_reports.exchange.own_figures import release_figures
from fairness_reports.exchange.peer_figures import keep_peer_file
from fairness_reports.exchange.sealed_file import write_line

__all__ = ["describe_outcome", "read_newest_findings", "read_told", "write_exchange"]


def write_exchange(invocation: Invocation, proof: RoleKey | Signature) -> tuple[Path, Mapping[str, Any]]:
    """Leave what other councils are told of the newest audit, and return where and what.

    Raises DataError where there is no audit, or none with anything to tell; what `require_exchange` raises;
    CharterError where disclosure control lets nothing out; SignOffError where the seal is not by exchange.toml's key.
    """
    findings = read_newest_findings(invocation)
    exchange = require_exchange(invocation, synthetic=bool(findings["synthetic"]))
    policy, ledger = invocation.policy.of(invocation.programme), Ledger(invocation.workspace.releases)
    audience = f"other councils: {exchange.recipients}"
    released = release_figures(findings, policy, ledger, exchange.counts, audience, invocation.today)
    if not released["questions"]:
        raise DataError("the newest audit has no figures of groups to tell others.", "Run `sooner audit`.")
    document = {
        "schema_version": SCHEMA_VERSION,
        "council": exchange.id,
        "title": invocation.council.name,
        "programme": invocation.programme,
        "outcome": describe_outcome(invocation, findings),
        "measured_on": str(findings["made_at"])[:10],
        "synthetic": bool(findings["synthetic"]),
        "mode": exchange.counts,
        **released,
    }
    sealed = document | {"seal": _seal(document, exchange, proof)}
    check_document("exchange", sealed)
    last = max(question["period"]["last"] for question in released["questions"])
    path = invocation.workspace.exchange / "told" / f"{exchange.id}-{invocation.programme}-{last}.json"
    write_json(path, sealed)
    CommandLog.open(invocation.council, invocation.workspace).append(
        actor="command",
        role="command",
        action="tell other councils",
        subject=write_line(document).split()[-3],
        detail={"exchange_sha256": exchange.sha256, "questions": len(released["questions"])},
    )
    return path, sealed


def _seal(document: Mapping[str, Any], exchange: ExchangeFile, proof: RoleKey | Signature) -> dict[str, str]:
    line = write_line(document)
    signature = proof.sign(line)
    if not is_signed(exchange.public_key, line, signature):
        raise SignOffError(
            "the seal is not by the key that exchange.toml names, or not of this line.",
            f'Seal exactly this line, without a line end: "{line}".',
        )
    return {"public_key": exchange.public_key, "signature": signature}


def read_told(invocation: Invocation, paths: Sequence[Path]) -> list[str]:
    """Take in files of peers, and return what the councils are called.

    Raises DataError where there is no audit to compare with, and what `require_exchange` and `keep_peer_file` raise;
    files before the one that is refused are kept.
    """
    findings = read_newest_findings(invocation)
    synthetic = bool(findings["synthetic"])
    exchange = require_exchange(invocation, synthetic=synthetic)
    here = {
        "programme": invocation.programme,
        "outcome": describe_outcome(invocation, findings),
        "synthetic": synthetic,
    }
    titles = []
    for path in paths:
        document = keep_peer_file(path, exchange, here, invocation.workspace.exchange / "peers")
        titles.append(str(document["title"]))
        CommandLog.open(invocation.council, invocation.workspace).append(
            actor="command",
            role="command",
            action="read another council",
            subject=write_line(document).split()[-3],
            detail={"council": str(document["council"])},
        )
    return titles


def read_newest_findings(invocation: Invocation) -> Mapping[str, Any]:
    """Return the findings of the newest audit; raise DataError where there is none."""
    folder = find_current(invocation.workspace.audit)
    if folder is None or not (folder / "findings.json").exists():
        raise DataError("there is no audit, so there are no figures of groups.", "Run `sooner audit`.")
    return dict(read_json(folder / "findings.json"))


def describe_outcome(invocation: Invocation, findings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the audited lists look for: councils whose outcomes differ are not compared."""
    path = invocation.workspace.matrix / str(findings["matrix"]) / "definition.json"
    if not path.exists():
        raise DataError("the matrix of the audited run is gone, and its outcome with it.", "Run `sooner build`.")
    outcome = read_json(path)["outcome"]
    horizon = outcome.get("horizon") or {}
    return {
        "title": str(outcome["title"]),
        "horizon": f"{horizon['n']} {horizon['unit']}" if horizon else "its own date",
        "components": sorted(str(component["name"]) for component in outcome["components"]),
    }
