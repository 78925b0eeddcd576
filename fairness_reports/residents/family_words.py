"""What families said of our contact, published by quarter, team and group, with small numbers hidden.

published/PROGRAMME/family_answers.csv, .md   every quarter that can't be answered any more

Serving leaves the counts (contract `family_answers`); each passes the one door out before anybody reads it. Who answers
is whoever wanted to: these are counts of answers, and no share of all families who were contacted.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from charter.contracts import read_table_contract
from charter.contracts.files import write_text
from charter.errors import DataError
from charter.invocation import Invocation
from fairness_reports.disclosure.ledger import PUBLIC, Ledger
from fairness_reports.disclosure.rules import find_mode
from fairness_reports.disclosure.tables import TOTAL, CountTable, Dimension, Period

__all__ = ["publish_family_answers"]

_MODE = "dfe"
_UNNAMED = "No group named"
_QUESTIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "all_right": ("Was it all right that we contacted you?", {"yes": "Yes", "no": "No", "not_sure": "Not sure"}),
    "helped": ("Did it help?", {"yes": "Yes", "a_little": "A little", "no": "No", "too_early": "Too early to say"}),
}


@dataclass(frozen=True)
class _Said:
    """One row that is published: `by` is team or group; `number` is a count as text, or the mark of a hidden one."""

    quarter: date
    by: str
    part: str
    question: str
    answer: str
    number: str


def publish_family_answers(invocation: Invocation) -> tuple[Path, int]:
    """Write what families said in every quarter that is over; return the page and how many quarters it has.

    Raises DataError where nothing can be published yet, CharterError where disclosure control lets nothing out.
    """
    path = invocation.workspace.worklist / "family_answers.csv"
    over = _find_quarters_over(_read_counts(path), invocation.today)
    if not over:
        raise DataError(
            "no quarter's answers of families are complete yet.",
            "Cards can be answered until the end of the quarter after theirs; publish then.",
        )
    ledger = Ledger(invocation.workspace.releases)
    said: list[_Said] = []
    for quarter, rows in over.items():
        for table in ledger.release_once(_make_tables(invocation, quarter, rows), _MODE, PUBLIC, invocation.today):
            by, question = (dimension.name for dimension in table.table.dimensions)
            parts, answers = (dimension.nodes for dimension in table.table.dimensions)
            said += [
                _Said(quarter, by, part, question, answer, table.say(part, answer))
                for part in parts
                for answer in answers
            ]
    folder = invocation.workspace.published
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(folder / "family_answers.csv", said)
    page = folder / "family_answers.md"
    write_text(page, _write_page(invocation, said, find_mode(_MODE).say_hidden()))
    return page, len(over)


def _read_counts(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != read_table_contract("family_answers").names:
            raise DataError(f"{path.name} has other columns than its contract.", "Run `sooner upgrade`, then again.")
        return list(reader)


def _find_quarters_over(rows: Iterable[dict[str, str]], today: date) -> dict[date, list[dict[str, str]]]:
    """Return the rows of quarters whose cards can't be answered any more, oldest first."""
    quarters: dict[date, list[dict[str, str]]] = {}
    for row in rows:
        quarters.setdefault(date.fromisoformat(row["quarter"]), []).append(row)
    return {
        quarter: quarters[quarter]
        for quarter in sorted(quarters)
        if Period.of_quarter(Period.of_quarter(quarter).end).end <= today
    }


def _make_tables(invocation: Invocation, quarter: date, rows: Sequence[dict[str, str]]) -> list[CountTable]:
    """Return a quarter's tables: each question by team, and by the group that was named."""
    titles = {team.id: team.title for team in invocation.council.teams}
    named = sorted({row["group_named"] or _UNNAMED for row in rows} | set(invocation.public.groups_asked))
    parts = {
        "team": Dimension.with_total("team", sorted({titles.get(row["team"], row["team"]) for row in rows})),
        "group": Dimension.with_total("group", named),
    }
    period = Period.of_quarter(quarter)
    tables = []
    for by, dimension in parts.items():
        for question, (_, answers) in _QUESTIONS.items():
            counts: Counter[tuple[str, str]] = Counter()
            for row in rows:
                part = titles.get(row["team"], row["team"]) if by == "team" else row["group_named"] or _UNNAMED
                counts[part, answers[row[question]]] += int(row["number"])
            across = Dimension.with_total(question, tuple(answers.values()))
            values = [[counts[part, answer] for answer in across.leaves] for part in dimension.leaves]
            counted = f"families who answered a card of {invocation.programme}"
            tables.append(CountTable(counted, period, (dimension, across), np.array(values, dtype=np.int64)))
    return tables


def _write_csv(path: Path, said: Sequence[_Said]) -> None:
    names = ("quarter", "by", "part", "question", "answer", "number")
    lines = [",".join(names)]
    lines += [",".join(_quote(str(getattr(row, name))) for name in names) for row in said]
    write_text(path, "\n".join([*lines, ""]))


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n') else text


def _write_page(invocation: Invocation, said: Sequence[_Said], note: str) -> str:
    lines = [
        f"# What families said of our contact: {invocation.council.name}",
        "",
        "Families whom we contacted because of a list got a card without a name. Whoever wanted to answered. These are",
        "counts of answers: how many cards were given is not counted, so they are no share of all families.",
        "",
        note,
    ]
    for quarter in sorted({row.quarter for row in said}, reverse=True):
        lines += ["", f"## Quarter from {quarter.day} {quarter:%B %Y}"]
        for by in ("team", "group"):
            for question, (words, answers) in _QUESTIONS.items():
                of = [row for row in said if (row.quarter, row.by, row.question) == (quarter, by, question)]
                columns = (*answers.values(), TOTAL)
                lines += ["", f"**{words}** By {by}.", "", f"| {by} | {' | '.join(columns)} |"]
                lines.append(f"|---|{'--:|' * len(columns)}")
                for part in dict.fromkeys(row.part for row in of):
                    numbers = {row.answer: row.number for row in of if row.part == part}
                    lines.append(f"| {part} | {' | '.join(numbers[answer] for answer in columns)} |")
    return "\n".join([*lines, ""])
