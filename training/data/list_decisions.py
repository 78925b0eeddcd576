"""What people decided on the lists they were given: the shares that past weeks' lists are worked by, where known.

    DATE/issued.csv    who was on which list by its order: who was drawn by lot is no model's
    actions.csv        what was decided on whom, and when

    list of 5 January, the next is due on 12 January       decided on
    40 listed    20 taken up, 8 set aside                   by 12 January    0.5, 0.2
                 2 taken up                                 on 14 January    undecided when the next list came, with
                 10 nobody decided on                                        those 10: 0.3

Counted are lists whose next one was due before the snapshot, of the two years before it, from the first to the last on
which anything was decided: those before were in shadow. Under FEWEST listings the shares are too rough to be used, and
what worklist.toml states is.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from charter.contracts.files import read_json
from charter.invocation import Invocation
from training.data.list_rules import ListDecisions, ListRules
from training.data.offers import read_moment

__all__ = ["FEWEST", "digest_answers", "read_decisions", "read_list_rules"]

FEWEST = 200
"""Listings: then a share is known within 7 of 100, which moves no list by more than its own interval."""

_MOST_YEARS = 2
_BY_ORDER = frozenset({"ranked", "baseline"})


def read_list_rules(invocation: Invocation, before: datetime) -> ListRules:
    """Return how lists are made and worked: decisions as they were made, where enough were known `before` a moment.

    Else as worklist.toml states them. Raises DataError where actions.csv has a time that is none.
    """
    rules = ListRules.of(invocation.settings.worklist)
    decisions = read_decisions(invocation, before)
    if decisions is None or decisions.listings < FEWEST:
        return rules
    return replace(rules, answers=decisions.shares, decisions=decisions)


def digest_answers(rules: ListRules) -> str:
    """Return the sha256 of the decisions that lists are worked by: a run says which ones it knew."""
    return hashlib.sha256(json.dumps(dict(rules.answers), sort_keys=True).encode()).hexdigest()


def read_decisions(invocation: Invocation, before: datetime) -> ListDecisions | None:
    """Count what was decided on each list until the next one was due; None where nothing was yet."""
    actions = invocation.workspace.worklist / "actions.csv"
    if not actions.exists():
        return None
    due = {name: (day, end) for name, day, end in _list_due(invocation, before)}
    decided: dict[tuple[str, str], str] = {}
    for row in _read_rows(actions):
        if row.get("list") in due and read_moment(row, "decided_at") < _count(due[row["list"]][1]):
            decided[row["list"], row["entity"]] = row["disposition"]  # the last word before the next list counts
    used = sorted(due[name][0] for name, _ in decided)
    if not used:
        return None
    counts: Counter[str | None] = Counter()
    for day in sorted({day for day, _ in due.values() if used[0] <= day <= used[-1]}):
        for row in _read_rows(invocation.workspace.worklist / day.isoformat() / "issued.csv"):
            if row["list"] in due and row["arm"] in _BY_ORDER:
                counts[decided.get((row["list"], row["entity"]))] += 1
    listings = counts.total()
    shares = {name: counts[name] / listings for name in sorted(filter(None, counts))}
    return ListDecisions(listings, used[0], used[-1], shares)


def _list_due(invocation: Invocation, before: datetime) -> Iterator[tuple[str, date, datetime]]:
    """Yield each list whose next one was due before a moment: its id, its date and when that was."""
    apart = timedelta(days=invocation.settings.worklist.list.days)
    earliest = (before - timedelta(days=365.25 * _MOST_YEARS)).date()
    for path in sorted(invocation.workspace.worklist.glob("*/list.json")):
        for header in read_json(path)["lists"]:
            day = date.fromisoformat(header["as_of"])
            end = invocation.council.midnight(day + apart)
            if day >= earliest and end <= before:
                yield str(header["id"]), day, end


def _count(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))
