"""Rows that break a rule: set apart with the rule's id, counted per file, and refused as a whole where they are many.

A quarantined row is named by a pseudonym of its place, never by its content.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from charter.contracts.files import new_file
from charter.council.register import ExtractFile, Source
from charter.errors import DataError
from features.intake.database import quote_text
from features.intake.row_rules import MESSAGES, TOLERANCE_OF

__all__ = ["Quarantine"]


class Quarantine:
    """The quarantine of one pull, in the table `quarantine` of its connection."""

    def __init__(self, database: duckdb.DuckDBPyConnection, refused: Path) -> None:
        self._database = database
        self._refused = refused
        self._rows: dict[tuple[str, str], int] = {}
        database.execute(
            "create table quarantine (service text, file text, row_number bigint, row_ref text, field text, rule text, "
            "message text)"
        )

    def add(self, source: Source, file: ExtractFile, bad_rows: str) -> int:
        """Set apart the rows that the query `bad_rows` gives as (row_number, field, rule); return how many rows.

        Raises DataError where their share of the file is more than the register tolerates for the rule.
        """
        before = self.count(source, file)
        self._database.execute(
            f"insert into quarantine select {quote_text(source.service)}, {quote_text(file.name)}, row_number, "
            f"row_of({quote_text(source.service + chr(31) + file.name + chr(31))} || row_number::varchar), "
            f"field, rule, {_message_of_rule()}[rule] from ({bad_rows}) bad"
        )
        return self.count(source, file) - before

    def set_rows(self, source: Source, file: ExtractFile, rows: int) -> None:
        """Say how many rows the file holds, bad ones included: what shares are of."""
        self._rows[source.service, file.name] = rows

    def refuse_where_many(self, source: Source, file: ExtractFile) -> None:
        """Raise DataError, leaving the list of refused rows behind, where a rule is broken by too many of its rows."""
        rows = self._rows[source.service, file.name]
        broken = self._database.execute(
            "select rule, count(distinct row_number), min(field), min(row_number) from quarantine "
            "where service = ? and file = ? group by rule",
            [source.service, file.name],
        ).fetchall()
        causes = list(MESSAGES)
        for rule, count, field, first in sorted(broken, key=lambda row: causes.index(row[0])):
            share = source.tolerance.of(TOLERANCE_OF.get(rule, "bad_value"))
            if count > share * rows:
                self.write(self._refused)
                raise DataError(
                    f"{source.service}/{file.name}: {count} of {rows} rows break the rule {rule} (first: row "
                    f"{first}, {field}). {MESSAGES[rule]} At most {share:.1%} may.",
                    f"See quarantine/{self._refused.name}; ask the service for a corrected file. Nothing was pulled.",
                )

    def count(self, source: Source, file: ExtractFile) -> int:
        """How many rows of a file are set apart."""
        row = self._database.execute(
            "select count(distinct row_number) from quarantine where service = ? and file = ?",
            [source.service, file.name],
        ).fetchall()[0]
        return int(row[0]) if row else 0

    def by_rule(self) -> Mapping[str, int]:
        """How many rows broke each rule, over all files."""
        rows = self._database.execute(
            "select rule, count(*) from (select distinct service, file, row_number, rule from quarantine) "
            "group by rule order by rule"
        ).fetchall()
        return {rule: int(count) for rule, count in rows}

    def write(self, path: Path) -> None:
        """Write the quarantined rows to `path` as Parquet, without any value of theirs."""
        with new_file(path) as beside:
            self._database.execute(
                "copy (select * from quarantine order by service, file, row_number, field, rule) "
                f"to {quote_text(str(beside))} (format parquet)"
            )


def _message_of_rule() -> str:
    pairs = ", ".join(f"{quote_text(rule)}: {quote_text(message)}" for rule, message in MESSAGES.items())
    return f"map {{{pairs}}}"
