"""Going live: a promoted model's lists are in shadow, shown to nobody, until the second gate lets them be seen.

    live/PROGRAMME/RELEASE.json   that the second gate opened for this release: on which decision, and until when

No such file, another release, a day past its end: in shadow. `sooner promote --live` alone writes it, through
`charter.signoffs.require`. Its end is the earliest of the sign-offs' ends, and a sign-off made before outcomes are
known ends when they will be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from charter.errors import CharterError
from charter.reading import Table

__all__ = ["Live", "in_shadow", "open_live", "read_live"]


@dataclass(frozen=True)
class Live:
    """How a promoted model goes live: so many weeks of lists shown to nobody, then watched for as long as it runs.

    `false_alarms_a_year` is the chance that watching, over all its series together, ever cries wolf within a year in
    which nothing changed.
    """

    shadow_weeks: int = 8
    false_alarms_a_year: float = 0.05


def read_live(row: Table) -> Live:
    """Read [live]; raise CharterError where a list could be shown that nobody has watched."""
    live = Live(row.take("shadow_weeks", int), row.number("false_alarms_a_year"))
    row.done()
    if live.shadow_weeks < 1 or not 0 < live.false_alarms_a_year < 1:
        raise CharterError(
            "charter.toml: [live] lets a list be shown that nobody has watched.",
            "Write shadow_weeks of at least 1 and false_alarms_a_year between 0 and 1, such as 8 and 0.05.",
        )
    return live


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
    until = date.fromisoformat(read_json(path)["until"])
    if today >= until:
        return (
            f"This list is in shadow again: what let it be shown ended on {until}, and the next decision is not made."
        )
    return ""
