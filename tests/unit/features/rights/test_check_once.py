"""What is checked once of a linked borough: an age, a school roll, an entitlement, as its tables have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.council.register import Register
from charter.vault.check_once import (
    AGE,
    CANNOT_TELL,
    ENTITLEMENT,
    NO,
    ROLL,
    YES,
    Asker,
    Question,
    answer_question,
    find_age_token,
)
from charter.vault.key import Key
from charter.vault.vault import Vault
from features.linking.check_index import find_tokens
from features.pull_plan import find_newest_snapshot
from tests.conftest import ROOT

LIBRARY, SCHOOLS = Asker(service="libraries"), Asker(service="school_admissions")


class Asked:
    """A linked borough, asked as a service asks."""

    def __init__(self, workspace: Path) -> None:
        council = Council.load(ROOT / "council")
        self.workspace = Workspace(workspace, "early_help")
        self.key = Key.load(council, self.workspace)
        self.vault = Vault.open(self.workspace.vault, self.key)
        self.register = Register.load(ROOT / "council" / "register.toml")
        found = find_newest_snapshot(self.workspace.store)
        assert found is not None
        self.snapshot = found
        self.database = duckdb.connect()
        said = pq.read_table(BytesIO(self.vault.get_set(found.name, "people")))
        self.database.register("said", said)
        for name in ("links", "people", "coverage", "events", "residence", "households"):
            self.database.execute(
                f"create view {name} as select * from read_parquet('{found / 'tables' / name}.parquet')"
            )

    def ask(self, question: Question, asker: Asker, today: date) -> str:
        return answer_question(self.vault, self.key, self.register, question, asker, today=today)

    def select(self, where: str, most: int = 60) -> list[tuple[Any, ...]]:
        """Return forename, surname, birth date and person of people of whom one name alone was said."""
        return self.database.execute(
            f"""
            with named as (
                select person_id, min(forename) as forename, min(surname) as surname from said join links using (ref)
                where forename is not null and surname is not null group by person_id
                having count(distinct (forename, surname)) = 1)
            select n.forename, n.surname, p.birth_date, p.person_id from named n join people p using (person_id)
            where p.birth_date is not null and p.death_date is null and p.person_id in (
                select person_id from residence join households using (household_id)
                where residence."end" is null and kind = 'home') and {where}
            order by p.person_id limit {most}
            """
        ).fetchall()


@pytest.fixture
def asked(borough_once: Path) -> Iterator[Asked]:
    opened = Asked(borough_once)
    yield opened
    opened.database.close()


TODAY = date(2026, 9, 28)
ON_ROLL = (
    "p.person_id {} (select person_id from coverage where service = 'education' and \"end\" is null "
    "and known_until is null)"
)
MEALS = (
    "p.person_id {} (select person_id from events where signal in ('education.free_school_meals', "
    "'council_tax.support') and end_at is null and known_until is null)"
)


def answers(asked: Asked, rows: Sequence[tuple[Any, ...]], purpose: str, asker: Asker) -> list[str]:
    assert len(rows) > 20, "there is nobody to ask about"
    return [asked.ask(Question(row[0], row[1], row[2], purpose=purpose), asker, TODAY) for row in rows]


def share(words: Sequence[str], word: str) -> float:
    return sum(each == word for each in words) / len(words)


def test_a_roll_is_told_as_the_schools_have_it_and_no_to_admissions_alone(asked: Asked) -> None:
    on, off = asked.select(ON_ROLL.format("in")), asked.select(ON_ROLL.format("not in"))
    # The rest shares name and birth date with somebody, or chose that nothing is told.
    assert share(answers(asked, on, ROLL, LIBRARY), YES) > 0.9
    assert share(answers(asked, off, ROLL, SCHOOLS), NO) > 0.9
    assert set(answers(asked, off, ROLL, LIBRARY)) == {CANNOT_TELL}


def test_an_entitlement_is_told_while_it_is_open_and_no_to_nobody(asked: Asked) -> None:
    on, off = asked.select(MEALS.format("in")), asked.select(MEALS.format("not in"))
    assert share(answers(asked, on, ENTITLEMENT, LIBRARY), YES) > 0.9
    assert set(answers(asked, off, ENTITLEMENT, LIBRARY)) == {CANNOT_TELL}


def test_an_index_of_ages_tells_whoever_has_a_told_home_and_no_birth_date_is_asked(asked: Asked) -> None:
    rows = asked.select("p.birth_date < date '1990-01-01' and p.person_id in (select person_id from links "
                        "where service in ('housing', 'council_tax'))")  # fmt: skip
    assert len(rows) > 20
    homes = dict(asked.database.execute(
        'select person_id, min(household_id) from residence where "end" is null and known_until is null '
        'group by all').fetchall())  # fmt: skip
    tokens = {row[3]: find_tokens(asked.vault, asked.key, asked.snapshot, row[3]) for row in rows}
    told = [find_age_token(asked.key, row[0], row[1], homes.get(row[3], "")) for row in rows]
    inside = [b'"born"' in (asked.vault.resident(token) or b"") for token in told]
    assert sum(inside) > 15, "whose home such a service says"
    found = [token in tokens[row[3]] for row, token, is_in in zip(rows, told, inside, strict=True) if is_in]
    assert sum(found) > 0.9 * len(found), "an export finds who asked"
    nobody = Question("Nobody", "Here", None, "100000000001", purpose=AGE, age=18)
    assert asked.ask(nobody, Asker(service="parking"), TODAY) == CANNOT_TELL
