"""`sooner pull report`: each feed on one page, its deliveries beside each other, and what changed; and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import write_json, write_text
from charter.council.register import Register, Source
from charter.errors import DataError
from features.intake.feeds.arrival import find_other_lag
from features.intake.feeds.changes import compare_deliveries, find_lateness
from features.intake.feeds.profile import read_profile

__all__ = ["describe_feeds", "write_report"]

_SHOWN = 12
"""How many deliveries of a feed stand beside each other: a year of monthly ones."""


def describe_feeds(register: Register, snapshot: Path) -> Mapping[str, Any]:
    """Return every feed of the register with its deliveries, as a snapshot's profile has them.

    Raises DataError where the snapshot was made by a version that kept no profile.
    """
    deliveries = read_profile(snapshot)
    if not deliveries:
        raise DataError(
            f"the snapshot {snapshot.name} has no profile of its deliveries.", "Run `sooner pull` with newer ones."
        )
    feeds = [
        _describe_feed(source, [row for row in deliveries if row["service"] == source.service][-_SHOWN:])
        for source in register.enabled
        if source.format != "canonical"
    ]
    return {"schema_version": SCHEMA_VERSION, "snapshot": snapshot.name, "feeds": feeds}


def _describe_feed(source: Source, deliveries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    rows = []
    for place, delivery in enumerate(deliveries):
        days, late = find_lateness(delivery, source)
        changes = list(compare_deliveries(deliveries[place - 1], delivery)) if place else []
        other_lag = find_other_lag(delivery, source)
        rows.append(
            {
                **delivery,
                "days_after": days,
                "changes": [*changes, *(sentence for sentence in (late, other_lag) if sentence)],
                "empty_cells": _list_empty_cells(delivery),
            }
        )
    files = list(dict.fromkeys(name for row in rows for name in row["files"]))
    told = [row for row in rows[:-1] if row["changes"]]
    return {
        "service": source.service,
        "title": source.title,
        "files": files,
        "deliveries": rows,
        "told_before": [{name: row[name] for name in ("received_at", "changes")} for row in told],
    }


def _list_empty_cells(delivery: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the columns that are empty in some rows, with the share of rows."""
    return [
        {"file": name, "column": column, "share": 1 - filled / file["rows"]}
        for name, file in sorted(delivery["files"].items())
        for column, filled in file["filled"].items()
        if file["rows"] and filled < file["rows"]
    ]


def write_report(register: Register, snapshot: Path, folder: Path) -> tuple[Path, Path, Mapping[str, Any]]:
    """Write `feeds.html` and `feeds.json` into `folder`; return both paths and what the JSON says."""
    document = describe_feeds(register, snapshot)
    environment = Environment(
        loader=PackageLoader("features.intake.feeds"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["day"] = lambda text: str(text)[:10]
    environment.filters["share"] = lambda share: f"{share:.0%}" if share >= 0.005 else "under 1%"
    page = environment.get_template("feeds.html").render(document)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_text(folder / "feeds.html", page)
    write_json(folder / "feeds.json", document)
    return folder / "feeds.html", folder / "feeds.json", document
