"""The lint of published records: whole, in date, of the model that is used, answered, and as the files say.

    a record that is missing or no record, of another release or charter, older than its release, past its review,
    without a field, with an empty answer, with a figure that was edited, with a link that the public can't open,
    with a Markdown or CSV file that is not its own

Each fault is a sentence with the thing, the rule and what to do; none repeats what somebody typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from charter.contracts.files import read_json
from charter.errors import DataError
from charter.invocation import Invocation
from fairness_reports.records.record_files import find_record, make_records, read_answers, write_record_texts
from fairness_reports.records.record_form import COUNCIL
from fairness_reports.residents.data_uses import NOT_USED, DataUse, gather_uses

__all__ = ["Fault", "Published", "check_records", "lint_record"]

_AGAIN = "Run `sooner publish records`."
_PRIVATE_LINK = re.compile(
    r"https?://(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]|[\w.-]+\.(local|internal|lan|intranet)\b)"
    r"|file://|sharepoint\.com|[?&](token|key|sig)=",
    re.IGNORECASE,
)
_SENTENCES = 3
_DESCRIPTION = ("transparency", "1.2")


@dataclass(frozen=True)
class Fault:
    """What is wrong with one record of one programme, and what to do."""

    programme: str
    record: str
    sentence: str
    next_step: str


@dataclass(frozen=True)
class Published:
    """A record as it lies there: its document (None: there is none) and the files written out from it."""

    document: Mapping[str, Any] | None
    texts: Mapping[str, str]
    released_on: date | None
    today: date


def check_records(invocation: Invocation) -> list[Fault]:
    """Return every fault of every record that should be published, in the order of programmes and records."""
    uses = gather_uses(invocation)
    released = {use.programme: use.released_on for use in uses}
    faults = [*_find_unmapped(invocation, uses), *_find_examples(invocation, uses)]
    for programme, documents in make_records(invocation).items():
        for kind, fresh in documents.items():
            path = find_record(invocation, programme, kind)
            try:
                document = read_json(path) if path.exists() else None
            except DataError:
                document = {}
            names = write_record_texts(fresh)
            texts = {name: _read_text(path.with_name(name)) for name in names}
            faults += lint_record(Published(document, texts, released[programme], invocation.today), fresh)
    return faults


def _find_unmapped(invocation: Invocation, uses: Sequence[DataUse]) -> Iterator[Fault]:
    """Yield a fault for each use of data that public.toml does not hold to any of the charter's principles."""
    names = [use.programme for use in uses if use.state != NOT_USED]
    for name in (*names, *(check.purpose for check in invocation.register.checks)):
        if invocation.public.describe_use(name) is None:
            yield Fault(
                name,
                "charter",
                "it is a use of data that is held to no principle.",
                f'Write [[use]] id = "{name}" with title, why and principles in public.toml.',
            )


def _find_examples(invocation: Invocation, uses: Sequence[DataUse]) -> Iterator[Fault]:
    """Yield a fault for each shipped example among what residents read, where any data is real."""
    real = next((use for use in uses if use.state != NOT_USED and not use.bundle["synthetic"]), None)
    if real is None:
        return
    for file in (invocation.public, read_answers(invocation)):
        if file.marked:
            rows = f"{file.path.name} has {len(file.marked)} rows that are still examples."
            yield Fault(real.programme, "council", rows, "Make each your own, and take its example = true out.")


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def lint_record(published: Published, fresh: Mapping[str, Any]) -> list[Fault]:
    """Return what is wrong with a published record, beside the same record as it would be made now."""
    pairs = list(_find_faults(published, fresh))
    return [Fault(str(fresh["programme"]), str(fresh["kind"]), sentence, step) for sentence, step in pairs]


def _find_faults(published: Published, fresh: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    document = published.document
    if document is None:
        yield "it is not there.", _AGAIN
        return
    if set(document) != set(fresh) or not isinstance(document.get("fields"), list):
        yield "it is not a record as `sooner publish` makes them.", _AGAIN
        return
    yield from _find_old(published, document, fresh)
    yield from _find_unanswered(document, fresh)
    yield from _find_edited(document, fresh)
    for row in document["fields"]:
        if _PRIVATE_LINK.search(str(row["text"])):
            yield f"field {row['id']} has a link that the public cannot open.", "Name a public page, or none."
        if (document["kind"], row["id"]) == _DESCRIPTION and _count_sentences(row["text"]) > _SENTENCES:
            yield f"field {row['id']} has more than {_SENTENCES} sentences.", "Say it shorter."
    for name, text in write_record_texts(document).items():
        if published.texts.get(name) != text:
            yield f"{name} is not what its record says.", _AGAIN


def _find_old(published: Published, document: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if document["release"] != fresh["release"]:
        yield "it is of another release than the one in use.", _AGAIN
    if document["charter"] != fresh["charter"]:
        yield "it is of another charter than the one in force.", _AGAIN
    try:
        made_on = date.fromisoformat(str(document["made_on"]))
        due = date.fromisoformat(str(fresh["review_by"])) if fresh["review_by"] else None
    except ValueError:
        yield "it does not say when it was made.", _AGAIN
        return
    if published.released_on is not None and made_on < published.released_on:
        yield "it is older than its model.", _AGAIN
    if due is None:
        yield "no review is fixed.", f'Write [[review]] with record = "{fresh["kind"]}", on and by in records.toml.'
    elif due < published.today:
        yield f"its review was due by {due}.", "Review it, and move the [[review]] of records.toml."


def _find_unanswered(document: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    texts = {row["id"]: str(row["text"]).strip() for row in document["fields"]}
    for row in fresh["fields"]:
        if row["id"] not in texts:
            yield f"field {row['id']} ({row['title']}) is missing.", _AGAIN
        elif row["source"] == COUNCIL and not (texts[row["id"]] and row["text"].strip()):
            yield (
                f"field {row['id']} ({row['title']}) is empty.",
                f'Write [[answer]] record = "{fresh["kind"]}", field = "{row["id"]}", text = "..." in records.toml.',
            )
        elif not texts[row["id"]]:
            yield f"field {row['id']} ({row['title']}) is empty.", _AGAIN


def _find_edited(document: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    texts = {row["id"]: row["text"] for row in document["fields"]}
    for row in fresh["fields"]:
        if texts.get(row["id"]) and texts[row["id"]] != row["text"]:
            yield f"field {row['id']} ({row['title']}) is not what the files say now.", _AGAIN
    if _plain(document["tables"]) != _plain(fresh["tables"]):
        yield "a table is not what the files say now.", _AGAIN


def _plain(tables: Any) -> list[Any]:
    """Return tables as JSON has them: every row a list."""
    return [(table["caption"], list(table["columns"]), [list(cells) for cells in table["rows"]]) for table in tables]


def _count_sentences(text: str) -> int:
    return len(re.findall(r"[.!?](?:\s|$)", text))
