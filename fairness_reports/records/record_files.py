"""Making all records of a programme, and leaving them: `published/PROGRAMME/KIND.json`, `.md` and `.csv`.

The assessment of data protection has a public variant besides, `data_protection_public.md`, without its private fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from charter.contracts.files import write_json, write_text
from charter.council.records_file import RecordsFile
from charter.errors import DataError
from charter.invocation import Invocation
from fairness_reports.records.assessing import draft_data_protection, draft_equality
from fairness_reports.records.council_records import draft_accessibility, draft_annual_report, draft_service_standard
from fairness_reports.records.information_answers import draft_information_answers
from fairness_reports.records.record_form import RecordDraft, write_csv_text, write_markdown
from fairness_reports.records.transparency import draft_model_card, draft_transparency
from fairness_reports.residents.data_uses import NOT_USED, DataUse, gather_uses

__all__ = ["DRAFTS", "find_record", "make_records", "read_answers", "write_record_texts", "write_records"]

DRAFTS: Mapping[str, Callable[[DataUse, RecordsFile], RecordDraft]] = {
    "transparency": draft_transparency,
    "model_card": draft_model_card,
    "data_protection": draft_data_protection,
    "equality": draft_equality,
    "accessibility": draft_accessibility,
    "annual_report": draft_annual_report,
    "service_standard": draft_service_standard,
    "information_answers": draft_information_answers,
}
"""Each record, and what drafts it."""


def read_answers(invocation: Invocation) -> RecordsFile:
    """Return what the council answered in records.toml."""
    return RecordsFile.load(invocation.council.folder, invocation.council.programmes)


def make_records(invocation: Invocation) -> Mapping[str, Mapping[str, dict[str, Any]]]:
    """Return every record of every released programme as they would be made now, by programme and kind.

    Raises DataError where no programme has a release.
    """
    answers = read_answers(invocation)
    uses = [use for use in gather_uses(invocation) if use.state != NOT_USED]
    if not uses:
        raise DataError("no programme has a release, so there is nothing to record.", "Run `sooner promote` first.")
    return {use.programme: {kind: draft(use, answers).document() for kind, draft in DRAFTS.items()} for use in uses}


def write_records(invocation: Invocation) -> dict[str, list[str]]:
    """Write every record and return their files' names by programme."""
    names: dict[str, list[str]] = {}
    for programme, documents in make_records(invocation).items():
        folder = invocation.workspace.root / "published" / programme
        for kind, document in documents.items():
            write_json(folder / f"{kind}.json", document)
            for name, text in write_record_texts(document).items():
                write_text(folder / name, text)
                names.setdefault(programme, []).append(name)
    return names


def write_record_texts(document: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the files that a record's document is written out to, by name."""
    kind = str(document["kind"])
    texts = {f"{kind}.md": write_markdown(document), f"{kind}.csv": write_csv_text(document)}
    if any(row["private"] for row in document["fields"]):
        texts[f"{kind}_public.md"] = write_markdown(document, public=True)
    return texts


def find_record(invocation: Invocation, programme: str, kind: str) -> Path:
    """Return where a record's document lies."""
    return invocation.workspace.root / "published" / programme / f"{kind}.json"
