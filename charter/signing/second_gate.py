"""Going live: a promoted model's lists are in shadow, shown to nobody, until the second gate lets them be seen.

    live/PROGRAMME/RELEASE.json   that the second gate opened for this release: on which decision, and until when

No such file, another release, a day past its end: in shadow. `sooner promote live` alone writes it, through
`charter.signing.signoffs.require_signoffs`. Its end is the earliest of the sign-offs' ends, and a sign-off made before
outcomes are known ends when they will be.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from charter.errors import DataError

__all__ = ["in_shadow", "open_live"]


def open_live(workspace: Workspace, release: str, decision: Mapping[str, Any], sha256: str, until: date) -> Path:
    """Write that the second gate opened for `release` by the decision of `sha256`, until a day; return the file."""
    path = workspace.live / f"{release}.json"
    write_json(
        path,
        {
            "schema_version": SCHEMA_VERSION,
            "release": release,
            "run": decision["run"],
            "stage": decision["stage"],
            "decision_sha256": sha256,
            "until": until.isoformat(),
        },
    )
    return path


def in_shadow(workspace: Workspace, release: str, today: date) -> str:
    """Return why the lists of `release` are shown to nobody today, in one sentence, or an empty text."""
    path = workspace.live / f"{release}.json"
    if not release or not path.exists():
        return "This list is in shadow: it is made to be measured, and shown to nobody until the second gate opens."
    try:
        until = date.fromisoformat(str(read_json(path)["until"]))
    except (DataError, KeyError, TypeError, ValueError):
        return "This list is in shadow: the record that let it be shown can’t be read, so it is shown to nobody."
    if today >= until:
        return (
            f"This list is in shadow again: what let it be shown ended on {until}, and the next decision is not made."
        )
    return ""
