"""What families said of our contact: was it all right, and did it help.

An answer is kept as one more of a count, by team, quarter, what was said and the group that was named, if any: no
moment, no order, no person and no case, so that nobody can be found by it. The log has no line of it for the same
reason. They are for evaluation: no list, score or feature reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from charter.errors import UsageError
from serving.store.audit_log import AuditLog
from serving.store.connection import begin_reading, begin_writing
from serving.store.tables import family_answers

__all__ = ["ALL_RIGHT", "HELPED", "FamilyAnswer", "FamilyAnswers", "find_quarter", "find_quarter_before"]

ALL_RIGHT: Mapping[str, str] = {"yes": "Yes", "no": "No", "not_sure": "I’m not sure"}
"""Whether contact was all right."""

HELPED: Mapping[str, str] = {"yes": "Yes", "a_little": "A little", "no": "No", "too_early": "It is too early to say"}
"""Whether it helped."""


@dataclass(frozen=True)
class FamilyAnswer:
    """One answer: keys of ALL_RIGHT and HELPED; `quarter` is its first day; `group` is '' where none was named."""

    programme: str
    team: str
    quarter: date
    all_right: str
    helped: str
    group: str = ""


def find_quarter(day: date) -> date:
    """Return the first day of a day's quarter."""
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def find_quarter_before(quarter: date) -> date:
    """Return the first day of the quarter before one."""
    return find_quarter(date.fromordinal(quarter.toordinal() - 1))


class FamilyAnswers(AuditLog):
    """The counts as one process keeps and reads them."""

    def count_family_answer(self, answer: FamilyAnswer) -> None:
        """Count one answer more; raise UsageError for what can't be answered."""
        if answer.all_right not in ALL_RIGHT or answer.helped not in HELPED:
            raise UsageError("Answer both questions.", "Open the page again.")
        kind = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        key = {
            "programme": answer.programme, "team": answer.team, "quarter": answer.quarter.isoformat(),
            "all_right": answer.all_right, "helped": answer.helped, "group_named": answer.group[:64],
        }  # fmt: skip
        row_insert = kind.insert(family_answers).values({**key, "number": 1})
        upsert = row_insert.on_conflict_do_update(
            index_elements=list(key), set_={"number": family_answers.c.number + 1}
        )
        with begin_writing(self._engine) as connection:
            connection.execute(upsert)

    def family_answers(self, programme: str) -> list[dict[str, Any]]:
        """Return every count of a programme, as rows of the contract `family_answers`, in a fixed order."""
        columns = [column for column in family_answers.c if column.name != "programme"]
        wanted = select(*columns).where(family_answers.c.programme == programme).order_by(*columns)
        with begin_reading(self._engine) as connection:
            return [dict(row._mapping) for row in connection.execute(wanted)]
