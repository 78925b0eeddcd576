"""What a record is: fields in order, each either read from what was released or answered by the council, and tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from charter.contracts import SCHEMA_VERSION
from charter.council.records_file import RecordsFile
from fairness_reports.residents.data_uses import DataUse

__all__ = ["COUNCIL", "READ", "RecordDraft", "RecordField", "RecordTable", "write_csv_text", "write_markdown"]

READ, COUNCIL = "read", "council"
"""Where a field's text is from: what was released, audited and signed; or records.toml."""


@dataclass(frozen=True)
class RecordField:
    """One field: its number or id, title and text; `private` is left out of the public variant."""

    id: str
    title: str
    text: str
    source: str = READ
    private: bool = False


@dataclass(frozen=True)
class RecordTable:
    """A table of figures beside the fields."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass
class RecordDraft:
    """A record as it is put together; `document` is how it is kept."""

    kind: str
    title: str
    standard: str
    use: DataUse
    answers: RecordsFile
    fields: list[RecordField] = field(default_factory=list)
    tables: list[RecordTable] = field(default_factory=list)

    def state(self, name: str, title: str, text: str) -> None:
        """Add a field that is read from files."""
        self.fields.append(RecordField(name, title, text))

    def ask(self, name: str, title: str, *, private: bool = False) -> None:
        """Add a field that only the council can answer."""
        text = self.answers.find_answer(self.kind, name, self.use.programme)
        self.fields.append(RecordField(name, title, text, COUNCIL, private))

    def document(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        review = self.answers.find_review(self.kind)
        charter = self.use.invocation.charter
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind,
            "title": self.title,
            "standard": self.standard,
            "council": self.use.invocation.council.name,
            "programme": self.use.programme,
            "release": str(self.use.bundle.get("release", "")),
            "run": str(self.use.findings.get("run", "")),
            "charter": {"version": charter.version, "sha256": charter.sha256},
            "synthetic": bool(self.use.bundle.get("synthetic")),
            "made_on": self.use.invocation.today.isoformat(),
            "reviewed_on": review.on.isoformat() if review else None,
            "review_by": review.by.isoformat() if review else None,
            "fields": [asdict(row) for row in self.fields],
            "tables": [asdict(table) for table in self.tables],
        }


def write_markdown(document: Mapping[str, Any], *, public: bool = False) -> str:
    """Return a record as Markdown; with `public`, without its private fields."""
    lines = [f"# {document['title']}", "", f"{document['council']}. {document['standard']}."]
    lines += ["", "**Made up: a borough that does not exist.**"] if document["synthetic"] else []
    origin = (
        f"Made on {document['made_on']} of release {document['release']}, charter {document['charter']['version']}."
    )
    review = document["review_by"]
    lines += ["", f"{origin} To be reviewed by {review}." if review else f"{origin} No review is fixed.", ""]
    for row in _list_fields(document, public=public):
        lines += [f"## {row['id']} {row['title']}", "", row["text"] or "Not answered yet.", ""]
    for table in document["tables"]:
        lines += [f"## {table['caption']}", "", f"| {' | '.join(table['columns'])} |"]
        lines += [f"|{' --- |' * len(table['columns'])}"]
        lines += [f"| {' | '.join(cells)} |" for cells in table["rows"]] + [""]
    return "\n".join(lines)


def write_csv_text(document: Mapping[str, Any]) -> str:
    """Return a record's fields as CSV: id, title, text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id", "title", "text"))
    writer.writerows((row["id"], row["title"], row["text"]) for row in document["fields"])
    return text.getvalue()


def _list_fields(document: Mapping[str, Any], *, public: bool) -> list[Mapping[str, Any]]:
    return [row for row in document["fields"] if not (public and row["private"])]
