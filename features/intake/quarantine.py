"""Rows that break a rule: set apart with the rule's id, counted per file, and refused as a whole where they are many.

A quarantined row is named by where it stands and by a pseudonym of that, never by its content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from charter.contracts.files import new_file
from charter.council.register import ExtractFile, Source
from charter.errors import DataError
from features.intake.database import quote_text
from features.intake.opening.row_places import Part, Place, find_places
from features.intake.row_rules import MESSAGES, TOLERANCE_OF

__all__ = ["Quarantine"]


_PLACE = ("service", "file", "row_number", "part", "part_row", "line")


class Quarantine:
    """The quarantine of one pull, in the table `quarantine` of its connection.

    Its `file` is the register's name of the file, with the delivery before it where a folder holds several; what is
    written and said names the very file that came.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, refused: Path) -> None:
        self._database = database
        self._refused = refused
        self._delivery = ""
        self._rows: dict[tuple[str, str], int] = {}
        self._parts: dict[tuple[str, str], Sequence[Part]] = {}
        self._counts: dict[tuple[str, str], int] = {}
        for table in ("quarantine", "emptied_cells"):
            database.execute(
                f"create table {table} (service text, file text, row_number bigint, row_ref text, field text, "
                "rule text, message text)"
            )
        database.execute("create view broken_rules as select * from quarantine union all select * from emptied_cells")

    def begin_delivery(self, name: str) -> None:
        """Say which delivery of a source the rows are of from now on; empty where there is but one."""
        self._delivery = f"{name}/" if name else ""

    def name_file(self, file: ExtractFile) -> str:
        """Return what a file of the delivery is called."""
        return f"{self._delivery}{file.name}"

    def add(self, source: Source, file: ExtractFile, bad_rows: str) -> int:
        """Set apart the rows that the query `bad_rows` gives as (row_number, field, rule); return how many rows."""
        before = self.count(source, file)
        if self._insert("quarantine", source, file, bad_rows):
            name = self.name_file(file)
            row = self._database.execute(
                "select count(distinct row_number) from quarantine where service = ? and file = ?",
                [source.service, name],
            ).fetchall()[0]
            self._counts[source.service, name] = int(row[0])
        return self.count(source, file) - before

    def add_cells(self, source: Source, file: ExtractFile, bad_cells: str) -> None:
        """Say of cells that the query gives as (row_number, field, rule) that they were emptied; their rows stay."""
        self._insert("emptied_cells", source, file, bad_cells)

    def _insert(self, table: str, source: Source, file: ExtractFile, bad: str) -> int:
        name = self.name_file(file)
        inserted = self._database.execute(
            f"insert into {table} select {quote_text(source.service)}, {quote_text(name)}, row_number, "
            f"row_of({quote_text(source.service + chr(31) + name + chr(31))} || row_number::varchar), "
            f"field, rule, {_message_of_rule()}[rule] from ({bad}) bad"
        ).fetchall()
        return int(inserted[0][0])

    def set_rows(self, source: Source, file: ExtractFile, rows: int, parts: Sequence[Part] = ()) -> None:
        """Say how many rows the file holds, bad ones included, and in which parts it came."""
        self._rows[source.service, self.name_file(file)] = rows
        self._parts[source.service, self.name_file(file)] = parts

    def refuse_where_many(self, source: Source, file: ExtractFile) -> None:
        """Raise DataError, leaving the list of refused rows behind, where a rule is broken by too many of its rows."""
        if not self.count(source, file):
            return
        name = self.name_file(file)
        rows = self._rows[source.service, name]
        broken = self._database.execute(
            "select rule, count(distinct row_number), arg_min(field, row_number), min(row_number) from quarantine "
            "where service = ? and file = ? group by rule",
            [source.service, name],
        ).fetchall()
        causes = list(MESSAGES)
        for rule, count, field, first in sorted(broken, key=lambda row: causes.index(row[0])):
            share = source.tolerance.of(TOLERANCE_OF.get(rule, "bad_value"))
            if count > share * rows:
                self.write(self._refused)
                place = self._find_places(source.service, name, [first])[first]
                inside = "" if place.part in ("", name) else f"{place.part}, "
                raise DataError(
                    f"{source.service}/{name}: {count} of {rows} rows break the rule {rule} (first: {inside}"
                    f"{place.words}, {field}). {MESSAGES[rule]} At most {share:.1%} may.",
                    f"See quarantine/{self._refused.name}; ask the service for a corrected file. Nothing was pulled.",
                )

    def count(self, source: Source, file: ExtractFile) -> int:
        """How many rows of a file are set apart."""
        return self._counts.get((source.service, self.name_file(file)), 0)

    def by_rule(self) -> Mapping[str, int]:
        """How many rows broke each rule, over all files, those of which a cell was emptied included."""
        rows = self._database.execute(
            "select rule, count(*) from (select distinct service, file, row_number, rule from broken_rules) "
            "group by rule order by rule"
        ).fetchall()
        return {rule: int(count) for rule, count in rows}

    def write(self, path: Path) -> None:
        """Write the quarantined rows to `path` as Parquet, by file and line, without any value of theirs."""
        self._database.register("given", self._list_places())
        with new_file(path) as beside:
            self._database.execute(
                "copy (select q.service, coalesce(p.part, q.file) as file, coalesce(p.part_row, q.row_number) as "
                "row_number, p.line, q.row_ref, q.field, q.rule, q.message from broken_rules q left join given p on "
                "p.service = q.service and p.file = q.file and p.row_number = q.row_number "
                f"order by all) to {quote_text(str(beside))} (format parquet)"
            )
        self._database.unregister("given")

    def _list_places(self) -> pa.Table:
        rows = self._database.execute(
            "select service, file, list(distinct row_number) from broken_rules group by service, file"
        ).fetchall()
        places = [
            (service, file, row, place.part, place.row, place.line)
            for service, file, numbers in rows
            for row, place in self._find_places(service, file, numbers).items()
        ]
        kinds = {name: "bigint" if name in ("row_number", "part_row", "line") else "varchar" for name in _PLACE}
        # By DuckDB: an Arrow table made of Python's values loads pandas, which takes longer than all of this.
        columns = [list(column) for column in zip(*places, strict=True)] if places else [[]] * len(_PLACE)
        unnested = [f"unnest(${at}::{kind}[]) as {name}" for at, (name, kind) in enumerate(kinds.items(), start=1)]
        return self._database.sql(f"select {', '.join(unnested)}", params=columns).to_arrow_table()

    def _find_places(self, service: str, file: str, rows: Sequence[int]) -> Mapping[int, Place]:
        parts = self._parts.get((service, file))
        return find_places(parts, rows) if parts else {row: Place(file, row) for row in rows}


def _message_of_rule() -> str:
    pairs = ", ".join(f"{quote_text(rule)}: {quote_text(message)}" for rule, message in MESSAGES.items())
    return f"map {{{pairs}}}"
