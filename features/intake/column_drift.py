"""What differs between the files that came and the register: named for every file at once, before any row is read.

lost       a declared column that the file lacks
new        a column that no one declared
renamed    one that is lost beside one that is new, and called much like it
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import duckdb

from charter.council.register import ExtractFile, Source
from charter.errors import DataError
from features.intake.extract import check_names
from features.intake.guessing.column_names import split_words
from features.intake.inputs import SourcePlan
from features.intake.opening.open_table import peek_columns
from features.intake.opening.strict_csv import CsvDialect

__all__ = ["refuse_drift"]

_ALIKE = 0.6


def refuse_drift(database: duckdb.DuckDBPyConnection, plans: Sequence[SourcePlan]) -> None:
    """Raise DataError naming every file whose columns are not those that the register declares."""
    errors = []
    for plan in plans:
        for entry in plan.inputs:
            prefix = f"{plan.source.service}/{entry.name}/" if entry.name else f"{plan.source.service}/"
            dialect = CsvDialect(plan.source.encoding, plan.source.delimiter)
            for file in plan.source.files:
                for path in entry.parts.get(file.name, ()):
                    try:
                        columns = peek_columns(database, path, f"{prefix}{path.name}", dialect)
                        if columns is not None:
                            _check_names(f"{prefix}{path.name}", plan.source, file, columns)
                    except DataError as error:
                        errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        lines = "\n".join(f"  {error.message}" for error in errors)
        raise DataError(
            f"{len(errors)} files are not as register.toml declares them:\n{lines}\n",
            "Ask the services, or change register.toml. Nothing was read.",
        )


def _check_names(where: str, source: Source, file: ExtractFile, columns: Sequence[str]) -> None:
    lost = [name for name in file.columns if name not in columns]
    fresh = [name for name in columns if name not in file.columns]
    pairs = [(old, new) for old in lost for new in fresh if _is_alike(old, new)]
    if pairs and 2 * len(fresh) <= len(columns):
        renamed = "; ".join(f"{old!r} is now {new[:40]!r}" for old, new in pairs)
        raise DataError(
            f"{where} has columns that were renamed, it seems: {renamed}.",
            f"Ask the service. If so, change the names of {source.service!r} in register.toml, in columns and records.",
        )
    check_names(where, file, columns)


def _is_alike(old: str, new: str) -> bool:
    words, others = "_".join(split_words(old)), "_".join(split_words(new))
    return SequenceMatcher(None, words, others).ratio() >= _ALIKE
