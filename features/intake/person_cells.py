"""Cells of people that say nothing: a bad date, key or home is unknown, is said, and its row stays.

Who somebody is hangs on no one cell. A row of a person is set apart only where nobody can tell whom it is about; any
other cell that breaks a rule is emptied, and stands in the quarantine with its rule as a row that was set apart does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import duckdb

from charter.council.register import ExtractFile, Record, Source
from features.intake.database import quote_text
from features.intake.identifiers import breaks_form, fold_key, is_no_key, looks_like_upn
from features.intake.quarantine import Quarantine
from features.intake.uprn import has_no_form

__all__ = ["empty_cells", "find_optional_columns", "list_cell_tests"]

_NEEDED = frozenset({"reference", "known_at"})


def find_optional_columns(source: Source, file: ExtractFile) -> frozenset[str]:
    """Return the columns whose bad cells cost no row: they only say who a person is, or nothing reads them.

    What the file's key or any other record of the source reads is needed.
    """
    unread = set(file.columns) - {*file.key, *file.versions} if file.records else set[str]()
    for record in (record for each in source.files for record in each.records):
        for expression in (*record.fields.values(), record.where):
            unread = {name for name in unread if not _reads(expression, name)}
    told: set[str] = set()
    needed: set[str] = {*file.key, *file.versions}
    for record in file.records:
        for field, expression in (*record.fields.items(), ("where", record.where)):
            about = record.kind == "person" and field not in _NEEDED and field != "where"
            (told if about else needed).update(name for name in file.columns if _reads(expression, name))
    return frozenset(told - needed | unread)


def _reads(expression: str, column: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(column)}(?![A-Za-z0-9_])", expression, re.IGNORECASE) is not None


def list_cell_tests(record: Record, dates: Mapping[tuple[str, str], str]) -> Mapping[tuple[str, str], str]:
    """Return SQL that is true where a cell of `mapped` people says nothing, by (field, rule); `dates` are added."""
    form = getattr(record, "key_form", None)
    key = fold_key("f_shared_key")
    wrong = breaks_form(key, form) if form else f"({looks_like_upn(key)} and {breaks_form(key, 'upn')})"
    return {
        **dates,
        ("shared_key", "key.placeholder"): f"f_shared_key is not null and {is_no_key(key)}",
        ("shared_key", "key.form"): f"f_shared_key is not null and {wrong}",
        ("uprn", "uprn.form"): has_no_form("f_uprn"),
    }


def empty_cells(
    database: duckdb.DuckDBPyConnection,
    quarantine: Quarantine,
    source: Source,
    file: ExtractFile,
    tests: Mapping[tuple[str, str], str],
) -> None:
    """Empty the cells of `mapped` people of which a test is true, and say so."""
    for (field, rule), test in tests.items():
        quarantine.add_cells(
            source,
            file,
            f"select _row as row_number, {quote_text(field)} as field, {quote_text(rule)} as rule "
            f"from mapped where {test}",
        )
        database.execute(f"update mapped set f_{field} = null where {test}")
