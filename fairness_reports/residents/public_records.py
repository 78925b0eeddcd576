"""The records of a programme as the site shows them: what `sooner publish records` left, without private fields."""

from __future__ import annotations

from typing import Any

from charter.contracts.files import read_json
from charter.council.records_file import RECORDS
from fairness_reports.publish.figures_in_words import say_date
from fairness_reports.residents.data_uses import DataUse

__all__ = ["read_public_records"]


def read_public_records(use: DataUse) -> list[dict[str, Any]]:
    """Return the published records of the release in use; one of another release, or past its review, is left out."""
    folder = use.invocation.workspace.published
    records = []
    for kind in RECORDS:
        path = folder / f"{kind}.json"
        document = read_json(path) if path.exists() else None
        if document is None or document["release"] != use.bundle.get("release"):
            continue
        if document["review_by"] is None or document["review_by"] < use.invocation.today.isoformat():
            continue
        records.append(
            {
                "kind": kind,
                "programme": use.programme,
                "page": f"record-{kind.replace('_', '-')}-{use.programme}.html",
                "title": document["title"],
                "standard": document["standard"],
                "made_on": say_date(document["made_on"]),
                "review_by": say_date(document["review_by"]),
                "release": document["release"],
                "fields": [row for row in document["fields"] if not row["private"]],
                "hidden": sum(row["private"] for row in document["fields"]),
                "tables": document["tables"],
            }
        )
    return records
