"""Every case of the Markdown pages beside this file, on the reference engine and on the fast one.

`tests/spec/*.md` are the specification that people read (docs/reference/spec.md is made of them); this module reads
their tables. One line of a case is one setting, one table with a table's name in its first cell holds records, `Ask`,
`Outcome` or `Onset` opens a question, and the table after it holds the answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import features.grammar as grammar
from charter.contracts.matrix import CONTINUING, FREE, NONE, UNSEEN, MatrixDate
from features.engines.engine import Engine, assemble_dates
from features.engines.question import EPOCH, Each, Question
from features.engines.reference import Reference
from features.engines.rows import KINDS, Feed, Person, Residence, Tables
from features.grammar import Definition, Feature, Outcome, Period, any_of, months, signal
from features.grammar.signal import AMOUNT_SCALE
from features.permission import Permission

FOLDER = Path(__file__).parent
WORDS = {name: getattr(grammar, name) for name in grammar.__all__}
LONG_AGO = "2015-01-01"
DEFAULT_OUTCOME = any_of(signal("nothing.ever"), next=months(1))
FIRST_COLUMN = {"events": "event_id", "households": "household_id", "feeds": "service"}


@dataclass
class Asked:
    """One question of a case: an expression or an outcome, and the table of its answers."""

    kind: str
    text: str
    answers: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Case:
    page: str
    title: str
    settings: dict[str, str] = field(default_factory=dict)
    records: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.page}: {self.title}"


def cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("[0-9]_*.md")):
        for section in path.read_text(encoding="utf-8").split("\n## ")[1:]:
            title, _, body = section.partition("\n")
            yield read_case(Case(path.stem, title.strip()), body)


def read_case(case: Case, body: str) -> Case:
    lines = body.splitlines()
    for number, line in enumerate(lines):
        if setting := re.fullmatch(r"(zone|consent|lag|cohort|entity|each|allowed|feeds|ends): (.*)", line):
            case.settings[setting[1]] = setting[2]
        elif question := re.fullmatch(r"(Ask|Outcome|Onset) `(.*)`", line):
            case.asked.append(Asked(question[1], question[2]))
        elif line.startswith("|") and not lines[number - 1].startswith("|"):
            rows = list(table_rows(lines[number:]))
            name = line.split("|")[1].strip()
            if name in KINDS:
                case.records[name] = rows
            else:
                case.asked[-1].answers = rows
    return case


def table_rows(lines: list[str]) -> Iterator[dict[str, str]]:
    header = cells(lines[0])
    for line in lines[2:]:
        if not line.startswith("|"):
            return
        yield dict(zip(header, cells(line), strict=True))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


class World:
    """A case's records and settings, with everything it does not say filled in."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.zone = ZoneInfo(case.settings.get("zone", "Europe/London"))
        self.taken_at = datetime(2026, 1, 2, tzinfo=UTC)
        made = {name: [self.row(name, row) for row in rows] for name, rows in case.records.items()}
        self.signals = sorted(
            {event.signal for event in made.get("events", [])}
            | {name for asked in case.asked for name in re.findall(r'signal\("([a-z_.]+)"\)', asked.text)}
            | set(re.findall(r'signal\("([a-z_.]+)"\)', case.settings.get("cohort", "")))
            | {"school.absence"}
        )
        named = {
            row.person_id
            for name in ("events", "people", "residence", "permission", "coverage")
            for row in made.get(name, [])
        }
        named = named or {"ada"}
        if case.settings.get("entity") != "person":
            at_home = named - {row.person_id for row in made.get("residence", [])}
            made["residence"] = made.get("residence", []) + [
                Residence(person, "home", self.moment(LONG_AGO), self.moment(LONG_AGO)) for person in sorted(at_home)
            ]
        born = named - {row.person_id for row in made.get("people", [])}
        made["people"] = made.get("people", []) + [Person(person, date(2000, 1, 1)) for person in sorted(born)]
        if case.settings.get("feeds") != "none":
            stated = {feed.service for feed in made.get("feeds", [])}
            services = {name.split(".")[0] for name in self.signals} | {"nothing"}
            made["feeds"] = made.get("feeds", []) + [
                Feed(service, self.moment(LONG_AGO), self.moment("2030-01-01"), self.moment("2030-01-01"))
                for service in sorted(services - stated)
            ]
        self.tables = Tables(**{name: tuple(rows) for name, rows in made.items()})

    def moment(self, text: str) -> datetime:
        if text.endswith("Z"):
            return datetime.fromisoformat(text)
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def row(self, table: str, cells: dict[str, str]) -> object:
        kind = KINDS[table]
        filled = {FIRST_COLUMN.get(table, "person_id"): cells[table]} | {k: v for k, v in cells.items() if k != table}
        filled = {"start": LONG_AGO, "known_at": LONG_AGO, "area": "E01990001"} | filled
        values = {}
        for name, column in kind.__dataclass_fields__.items():
            text = filled.get(name, "")
            if not text:
                values[name] = "" if name == "area" else None
            elif name in ("birth_date", "death_date"):
                values[name] = date.fromisoformat(text)
            elif name == "amount":
                values[name] = int(Decimal(text) * AMOUNT_SCALE)
            else:
                values[name] = self.moment(text) if str(column.type).startswith("datetime") else text
        return kind(**values)

    def question(self, asked: Asked) -> Question:
        # The pages beside this file are ours; their questions are the grammar itself.
        expression = eval(asked.text, dict(WORDS))  # noqa: S307
        entity = self.case.settings.get("entity", "household")
        cohort = eval(self.case.settings.get("cohort", f"Cohort('All', {entity!r})"), dict(WORDS))  # noqa: S307
        feature = expression if asked.kind == "Ask" else grammar.count(signal("school.absence"), last=months(1))
        ends = self.case.settings.get("ends")
        looked_for = DEFAULT_OUTCOME if asked.kind == "Ask" else expression
        outcome = Outcome("Spec", looked_for, asked.kind == "Onset", signal(ends) if ends else None)
        definition = Definition("spec", cohort, outcome, (Feature("f", feature, "{value}", "Spec"),))
        lag = dict(pair.split() for pair in self.case.settings.get("lag", "").split(",") if pair)
        allowed = self.case.settings.get("allowed", "").split() or self.signals
        permission = Permission(
            "train",
            frozenset(allowed),
            frozenset(self.case.settings.get("consent", "").split()),
            {service: int(days) for service, days in lag.items()},
            {},
            {},
        )
        dates = tuple(sorted({date.fromisoformat(row["as_of"]) for row in asked.answers}))
        return Question(definition, dates, self.zone, self.taken_at, permission, self.each())

    def each(self) -> Each | None:
        stated = re.fullmatch(r"(\S+) (\+|since|planned) (\d+) (\w+)", self.case.settings.get("each", ""))
        if not stated:
            return None
        period = Period(int(stated[3]), stated[4])  # type: ignore[arg-type]  # checked by Period
        return Each(stated[1], period) if stated[2] == "+" else Each(stated[1], None, period, stated[2] == "planned")


def engine_answers(world: World, question: Question, folder: Path) -> tuple[list[tuple[MatrixDate, int, int]], float]:
    world.tables.write(folder)
    engine = Engine(question, folder)
    lag = engine.reporting_lag_days
    return assemble_dates(question, engine.blocks()), lag


def check(
    world: World, asked: Asked, question: Question, answers: list[tuple[MatrixDate, int, int]], lag: float
) -> None:
    by_day = {rows.as_of: (rows, (cannot_tell, cannot_begin)) for rows, cannot_tell, cannot_begin in answers}
    out: dict[date, list[str]] = {}
    for expected in asked.answers:
        day = date.fromisoformat(expected["as_of"])
        rows, _ = by_day[day]
        entities = [entity.decode() for entity in rows.entity]
        entity = expected.get("entity", "home")
        if expected.get("value") in ("no row", "can't tell", "not at risk"):
            assert entity not in entities, (day, entity)
            out.setdefault(day, []).append(expected["value"])
            continue
        assert entity in entities, (day, entity)
        said = answer(world, question, rows, entities.index(entity), expected.get("component", ""))
        said["reporting_lag_days"] = f"{lag:g}"
        stated = {name: text for name, text in expected.items() if name not in ("as_of", "entity", "component")}
        if asked.kind == "Onset":
            stated.pop("value", None)
        assert {name: said[name] for name in stated} == stated, (day, entity)
    for day, (_, counts) in by_day.items():
        assert counts == tuple(out.get(day, []).count(why) for why in ("can't tell", "not at risk")), day


def answer(world: World, question: Question, rows: MatrixDate, row: int, component: str) -> dict[str, str]:
    value = float(rows.features[row, 0])
    names = [one.name for one in question.definition.outcome.components]
    place = names.index(component) if component else 0
    seen = int(rows.seen[row].min()) if rows.seen.shape[1] else 0
    return {
        "value": "-" if np.isnan(value) else f"{value:g}",
        "seen": str(seen) if seen else "",
        "members": str(rows.members[row]),
        "area": rows.area[row].decode(),
        "outcome_at": said_moment(world, int(rows.outcome_at[row, place])),
        "outcome_known_at": said_moment(world, int(rows.outcome_known_at[row, place])),
        "outcome_until": said_moment(world, int(rows.ends(NONE)[row])),
        "outcome_seen": "yes" if rows.outcome_seen[row, place] else "no",
        "outcome_before": {FREE: "free", CONTINUING: "continuing", UNSEEN: "not seen"}[rows.outcome_before[row, place]],
    }


def said_moment(world: World, moment: int) -> str:
    if moment == NONE:
        return ""
    return (EPOCH + timedelta(microseconds=moment)).astimezone(world.zone).date().isoformat()


QUESTIONS = [pytest.param(case, asked, id=f"{case}: {asked.text}") for case in cases() for asked in case.asked]


@pytest.mark.parametrize(("case", "asked"), QUESTIONS)
def test_the_reference_answers_as_the_page_says(case: Case, asked: Asked) -> None:
    world = World(case)
    question = world.question(asked)
    reference = Reference(question, world.tables)
    answers = [tuple(reference.answer(day)) for day in question.dates]
    check(world, asked, question, answers, reference.reporting_lag_days)


@pytest.mark.parametrize(("case", "asked"), QUESTIONS)
def test_the_engine_answers_as_the_page_says(case: Case, asked: Asked, tmp_path: Path) -> None:
    world = World(case)
    question = world.question(asked)
    answers, lag = engine_answers(world, question, tmp_path)
    check(world, asked, question, answers, lag)


def test_every_case_asks_something_and_says_what_is_answered() -> None:
    for case in cases():
        assert case.asked, case
        assert all(asked.answers for asked in case.asked), case
