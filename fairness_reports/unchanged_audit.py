"""What goes into a run's audit, kept beside it; and whether an audit made now would be of just that.

    audit/PROGRAMME/RUN/made_from.json    the digest of each input, by name, and of what was made: findings, report

    run, matrix, snapshot      the audited run's files, its rows, and the tables behind them
    council/...                every file of the council's folder: charter, register, settings
    issued lists               what was found of lists that were issued by other runs
    other audits, advice       what was found and decided of other runs, and said of this one
    peers                      what an exchange with other councils made of its findings
    rights                     what residents asked
    day                        waivers, sign-offs and the charter's review end on a day
    code, versions             Sooner's own rooms, and the libraries that measure and draw

Findings say when they were made, so an audit that stands keeps its bytes, and what was decided on them stands too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charter.contracts.files import content_id, file_digest, find_current, folder_digest, read_json
from charter.invocation import Invocation
from charter.machine.code_version import digest_code
from charter.machine.made_from import digest_path, digest_settings, digest_versions, keep_standing, read_standing
from charter.vault.rights_ledger import ledger_file

__all__ = ["digest_audit_inputs", "find_unchanged_audit", "keep_inputs", "name_base", "read_inputs"]

_FILE = "made_from.json"
_MADE = ("findings.json", "report.html")
_OF_OTHERS = ("findings.json", "decision.json")
_ROOMS = ("charter", "features", "training", "fairness_reports")
_LIBRARIES = ("duckdb", "lightgbm", "matplotlib", "numpy", "pyarrow", "scikit-learn", "scipy")


def digest_audit_inputs(invocation: Invocation, run: Path) -> dict[str, str]:
    """Return the digest of each thing that the audit of the run in a folder depends on, by name."""
    files = invocation.workspace
    manifest = read_json(run / "manifest.json")
    matrix = files.matrix / str(manifest["matrix"]) / "manifest.json"
    snapshot = files.store / str(manifest["snapshot"]) / "manifest.json"
    audit = files.audit / run.name
    others = [path for path in sorted(files.audit.glob("*/*.json")) if path.parent != audit and path.name in _OF_OTHERS]
    return {
        "run": folder_digest(run),
        "matrix": digest_path(matrix),
        "snapshot": digest_path(snapshot),
        **digest_settings(invocation),
        "other audits": content_id([[path.parent.name, path.name, file_digest(path)] for path in others]),
        "issued lists": content_id(
            [[path.parent.parent.name, file_digest(path)] for path in _list_live(files.audit, run.name)]
        ),
        "advice": digest_path(audit / "advice.json"),
        "peers": digest_path(files.exchange / "exchange.json"),
        "rights": digest_path(ledger_file(files)),
        "day": invocation.today.isoformat(),
        "code": digest_code(_ROOMS),
        "versions": digest_versions(_LIBRARIES),
    }


def name_base(invocation: Invocation) -> str:
    """Return what names all that every finding depends on beside people and scores: code, libraries, charter, register.

    The whole council's folder is in it: which of its files a measure reads is the measure's own affair.
    """
    council = invocation.council.folder
    settings = [path for path in sorted(council.rglob("*.toml")) if path.is_file()]
    return content_id(
        {
            "settings": {path.relative_to(council).as_posix(): file_digest(path) for path in settings},
            "code": digest_code(_ROOMS),
            "versions": digest_versions(_LIBRARIES),
        }
    )


def _list_live(audits: Path, run: str) -> list[Path]:
    """Return the findings on lists of other runs: this one's lists come after its audit, and are on their own page."""
    return [path for path in sorted(audits.glob("*/live/findings.json")) if path.parent.parent.name != run]


def keep_inputs(invocation: Invocation, run: Path) -> None:
    """Write what the audit of a run was made from beside it."""
    folder = invocation.workspace.audit / run.name
    keep_standing(folder / _FILE, digest_audit_inputs(invocation, run), _MADE)


def read_inputs(audit: Path) -> Mapping[str, str]:
    """Return what an audit was made from; nothing where it was made before that was kept."""
    path = audit / _FILE
    inputs: Mapping[str, str] = read_json(path)["inputs"] if path.exists() else {}
    return inputs


def find_unchanged_audit(invocation: Invocation, run: str = "") -> tuple[Path, Mapping[str, Any]] | None:
    """Return the folder and findings of a run's audit (the newest run's) where an audit now would be of the same."""
    files = invocation.workspace
    folder = files.scores / run if run else find_current(files.scores)
    if folder is None or not (folder / "manifest.json").exists():
        return None
    audit = files.audit / folder.name
    if find_current(files.audit) != audit:
        return None
    if read_standing(audit / _FILE, digest_audit_inputs(invocation, folder)) is None:
        return None
    return audit, read_json(audit / "findings.json")
