"""The index of decisions, made from the head of each record: its number, title, status, subject and question."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

INTRODUCTION = """# Decisions

One page per choice that would be costly to reverse: what was chosen, what else was possible, and on what evidence.
A record is `NNNN-its-title-in-words.md` and begins so; `make docs` makes this index of it, and `make check` looks:

    # 46. Whoever is being assessed is not in the cohort

    **Status.** Accepted, 22 November 2026. **Subject.** The list.

    **Question.** Whom does the early help list leave out because somebody works with them already?

A number is taken once and stays. A record that another one changes says so in its status ("Its review band is amended
by 37."); one that no longer holds is "Replaced by 37, 28 November 2026." Without a subject a record is about the house.
"""

MOVED = {
    43: ("How does one pass over events count for many dates?", "one-mask-of-dates", "explanation/engine.md"),
    44: ("When can a date of an earlier matrix be used again?",
         "a-date-is-made-again-only-if-something-it-can-see-has-changed", "explanation/engine.md"),
    45: ("In what order are events read and added up?", "events-by-row-group-sums-by-runs-of-dates",
         "explanation/engine.md"),
    48: ("How does a large borough fit into memory?", "large-boroughs-go-through-in-ranges-of-households",
         "explanation/engine.md"),
    100: ("How does training fit into memory?", "rows-binned-once", "explanation/training.md"),
}  # fmt: skip
"""Records that were about an engine's inner workings, and are now part of a page: question, heading, page."""

_HEAD = re.compile(
    r"# 0*(?P<number>\d+)[.:] (?P<title>.+)\n\n"
    r"\*\*Status\.\*\* (?P<status>(?:Accepted|Proposed|Replaced by \d+)), (?P<day>\d{1,2} [A-Z][a-z]+ \d{4})\."
    r"(?P<note>(?: (?!\*\*)[^\n]*?\.)?)(?: \*\*Subject\.\*\* (?P<subject>[^\n]+)\.)?\n\n"
    r"\*\*Question\.\*\* (?P<question>(?:.+\n)+)"
)


@dataclass(frozen=True)
class Record:
    """The head of one decision."""

    number: int
    title: str
    status: str
    day: str
    note: str
    subject: str
    question: str
    file_name: str


def read_record(path: Path) -> Record:
    """Return the head of one record; ValueError, in a sentence, where it is not as the index says."""
    head = _HEAD.match(path.read_text(encoding="utf-8"))
    if head is None or f"{int(head['number']):04d}" != path.name[:4]:
        raise ValueError(
            f"docs/decisions/{path.name} does not begin as docs/decisions/README.md says: write its number and title, "
            "**Status.** with its day, and **Question.**, each a paragraph of its own."
        )
    return Record(
        int(head["number"]),
        head["title"],
        head["status"],
        head["day"],
        head["note"].strip(),
        head["subject"] or "The house",
        " ".join(head["question"].split()),
        path.name,
    )


def decision_index(folder: Path) -> str:
    """Return the index of the records in a folder, by subject and question."""
    records = [read_record(path) for path in sorted(folder.glob("[0-9]*.md"))]
    numbers = [record.number for record in records] + list(MOVED)
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        raise ValueError(f"docs/decisions has number {twice[0]} twice; give the newer record the next free number.")
    parts = [INTRODUCTION]
    for subject in dict.fromkeys(record.subject for record in records):
        parts.append(f"\n## {subject}\n\n| question | chosen | status |\n|---|---|---|\n")
        parts.extend(_row(record) for record in records if record.subject == subject)
    parts.append("\n## Moved to where they are about\n\n| question | was | now |\n|---|---|---|\n")
    parts.extend(
        f"| {question} | {number} | moved to [{page}](../{page}#{heading}) |\n"
        for number, (question, heading, page) in MOVED.items()
    )
    return "".join(parts)


def _row(record: Record) -> str:
    status = f"{record.status}, {record.day}." + (f" {record.note}" if record.note else "")
    return f"| {record.question} | [{record.number}. {record.title}]({record.file_name}) | {status} |\n"
