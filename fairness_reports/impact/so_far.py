"""What came of a programme so far: since when it is used, what people made of its lists, and what its trials said.

    release/PROGRAMME/history.json      when which release came into use
    worklist/PROGRAMME/DATE/issued.csv  who was listed; the arms that a lot held out or drew for a review are not
    worklist/PROGRAMME/actions.csv      what workers decided, the last word of each place on a list
    trials/PROGRAMME/NAME/looks.json    what a registered trial said at its last look

These are the council's own acts, counted exactly, and answers that stand elsewhere. Nothing is estimated here, and no
household is in it.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from charter.contracts.files import read_json
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation
from charter.signing.trials import list_registrations
from fairness_reports.audit.population.issued_lists import AGAINST, NOT_LISTED, OFFERS

__all__ = ["Acts", "count_acts", "describe_so_far"]


@dataclass(frozen=True)
class Acts:
    """Places on issued lists, and what became of them; `listed` is the sum of the four after it.

    `offered`: help was offered or stepped up. `declined`: the worker decided against the list. `otherwise`:
    put off, helped already, or the family said no; apart these may be one family's. `waiting`: nothing decided yet.
    """

    lists: int
    first: str | None
    last: str | None
    listed: int
    offered: int
    declined: int
    otherwise: int
    waiting: int


def describe_so_far(invocation: Invocation) -> dict[str, Any]:
    """Return what came of the programme's lists so far, as JSON values; empty parts where there is nothing yet.

    Days are those of the council's time zone.
    """
    workspace, zone = invocation.workspace, invocation.council.time_zone
    history = workspace.release / "history.json"
    return {
        "releases": [
            {"release": row["release"], "on": _find_day(row["at"], zone)}
            for row in (read_json(history) if history.exists() else ())
        ],
        "acts": asdict(count_acts(workspace)),
        "trials": _list_trials(workspace, zone),
    }


def count_acts(workspace: Workspace) -> Acts:
    """Return what people made of every list that was issued, by whichever release.

    A list is one team's of one date; one that nobody was placed on is a list, too.
    """
    dates: dict[str, str] = {}
    places: set[tuple[str, str]] = set()
    for path in sorted(workspace.worklist.glob("*/list.json")):
        dates |= {str(entry["id"]): str(entry["as_of"]) for entry in read_json(path)["lists"]}
        places |= {
            (row["list"], row["entity"])
            for row in _read_rows(path.parent / "issued.csv")
            if row["arm"] not in NOT_LISTED
        }
    said = dict.fromkeys(places, "")
    for row in _read_rows(workspace.worklist / "actions.csv"):
        place = (row["list"], row["entity"])
        if place in said:
            # The last word counts: rows are in the order in which they were said.
            said[place] = row["disposition"]
    counts = Counter(said.values())
    offered, declined = (sum(counts[answer] for answer in answers) for answers in (OFFERS, AGAINST))
    decided = offered + declined + counts[""]
    days = sorted(dates.values())
    return Acts(
        lists=len(dates),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        listed=len(places),
        offered=offered,
        declined=declined,
        otherwise=len(places) - decided,
        waiting=counts[""],
    )


def _list_trials(workspace: Workspace, zone: tzinfo) -> list[dict[str, Any]]:
    """Return each registered trial with its newest look; no figure before the first, or between two."""
    trials = []
    for registration in list_registrations(workspace):
        path = workspace.trials / registration.name / "looks.json"
        looks = read_json(path)["looks"] if path.exists() else []
        last: dict[str, Any] = looks[-1] if looks else {}
        groups = set(registration.analysis["groups"])
        trials.append(
            {
                "trial": registration.name,
                "question": registration.trial.question,
                "verdict": last.get("verdict", ""),
                "looked_on": _find_day(last["at"], zone) if last else None,
                "estimate": last.get("estimate"),
                "interval": last.get("interval"),
                "by_group": [
                    {name: row[name] for name in ("about", "name", "hidden", "estimate", "interval")}
                    for row in last.get("also", ())
                    if row["about"] in groups
                ],
            }
        )
    return trials


def _find_day(moment: str, zone: tzinfo) -> str:
    return datetime.fromisoformat(moment).astimezone(zone).date().isoformat()


def _read_rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        with path.open(encoding="utf-8", newline="") as handle:
            yield from csv.DictReader(handle)
