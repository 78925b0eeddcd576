"""What an auditor from outside has: the how-to's charter with questions of their own, the verb, and its findings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from fairness_reports.commands import verbs

__all__ = ["find", "missed", "run", "unneeded", "write_charter"]

HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "audit-anybodys-list.md"


def write_charter(path: Path, *gates: Mapping[str, Any]) -> Path:
    """Write the charter that the how-to shows, with these questions instead of its own."""
    text = HOW_TO.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    head, rest = text.split("[[gate]]", 1)
    keys = rest.split("[[role]]", 1)
    asked = []
    for number, gate in enumerate(gates):
        row = {"id": f"q{number}", "question": "Is it alike?", "statistic": "ratio", "minimum_positives": 30, **gate}
        asked.append("\n".join(f"{key} = {json.dumps(value)}" for key, value in row.items()))
    names = {gate["characteristic"] for gate in gates}
    rows = [f'[[audit.characteristic]]\nid = "{name}"\ntitle = "{name}"\n' for name in sorted(names)]
    head = head.split("[[audit.characteristic]]")[0] + "\n".join(rows)
    path.write_text(
        head + "".join(f"\n[[gate]]\n{text}\n" for text in asked) + "\n[[role]]" + keys[1], encoding="utf-8"
    )
    return path


def missed(characteristic: str, limit: float) -> dict[str, Any]:
    """Ask whether those with the outcome are listed as often, at least `limit` times as often as everyone else."""
    measured = {"measure": "recall", "harm": "missed help", "floor": 0.01}
    return {"characteristic": characteristic, "limit": limit, **measured}


def unneeded(characteristic: str, limit: float) -> dict[str, Any]:
    """Ask whether those without the outcome are listed at most `limit` times as often as everyone else."""
    measured = {"measure": "false_positive_rate", "harm": "unwanted contact", "ceiling": 0.9}
    return {"characteristic": characteristic, "limit": limit, **measured}


def run(*words: str) -> tuple[int, str]:
    """Run the audit's verb; return its exit code and what it said."""
    done = CliRunner().invoke(verbs, ["audit", *words])
    code = done.exit_code if done.exception is None else getattr(done.exception, "exit_code", 1)
    return code, f"{done.stdout}{done.exception or ''}"


def find(document: Mapping[str, Any], measure: str, group: str | None, **of: Any) -> Mapping[str, Any]:
    """Return the one finding of a measure and group, of the first selection unless `of` says otherwise."""
    wanted = {"measure": measure, "group": group, "component": None, **of}
    rows = [row for row in document["findings"] if all(row[key] == value for key, value in wanted.items())]
    assert len(rows) == 1, (wanted, len(rows))
    return rows[0]
