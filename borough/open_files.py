"""A made-up borough as files that anybody may have: CSV, each column with its words, the truth in a folder apart.

    services/made-up-SERVICE-FILE.csv   what `sooner synth` leaves in extracts/, as services write it; Parquet as CSV
    services/made-up-files.csv          what a row of each file is; made-up-deliveries.csv, made-up-codes.csv beside it
    truth/made-up-truth-NAME.csv        who is whom, who lived where, and the need
    */dictionary.csv                    every column of the folder's files: type, how it is written, what it says

The borough is made here and now, in a folder of its own. No folder is read into which anybody could have put a file.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from borough.post import Declared, read_declarations
from borough.services.codes import list_codes
from borough.synth import make_borough
from charter.contracts.files import read_json
from charter.council.council import Council
from charter.errors import DataError

__all__ = ["OpenFile", "name_open_file", "write_open_files"]

_WORDS = "open_files.toml"
_PLACES = 3
"""Decimal places of the truth's need: what it drives is not told apart by more."""
_WRITTEN = {"%d": "DD", "%m": "MM", "%b": "MMM", "%Y": "YYYY", "%H": "hh", "%M": "mm", "%S": "ss"}


@dataclass(frozen=True)
class OpenFile:
    """A file that was written: its name, what it is called, what a row of it is, and how many there are."""

    name: str
    title: str
    meaning: str
    key: tuple[str, ...]
    rows: int


def write_open_files(
    folder: Path,
    council: Council,
    homes: int,
    seed: int,
    unfair: str = "",
    progress: Callable[[int], None] | None = None,
) -> Mapping[str, Sequence[OpenFile]]:
    """Make a borough and write `services/` and `truth/` into `folder`; return the files of each, dictionaries left out.

    The same arguments give the same bytes. `progress` is called as by `make_borough`. Raises UsageError for arguments
    that make no borough, DataError where a table of the truth is not as declared.
    """
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as beside:
        extracts = Path(beside) / "extracts"
        rows = make_borough(extracts, council, homes, seed, unfair, progress=progress)["rows"]
        services = folder / "services"
        services.mkdir()
        sent = [_write_sent(file, extracts, services, rows) for file in read_declarations().values()]
        truth = folder / "truth"
        truth.mkdir()
        beside_them = read_declarations(_WORDS).values()
        planted = [_write_truth(file, extracts / "truth", truth) for file in beside_them if file.service == "truth"]
        lists = [file for file in beside_them if file.service == "about"]
        tables = {"deliveries.csv": _list_deliveries(extracts), "codes.csv": _list_codes()}
        sent += [_write_table(file, tables[file.file], services) for file in lists if file.file in tables]
        (of_files,) = (file for file in lists if file.file not in tables)
        sent.append(_write_table(of_files, [_describe_file(file) for file in sent], services))
    _write_dictionary(services, [*read_declarations().values(), *lists])
    _write_dictionary(truth, [file for file in beside_them if file.service == "truth"])
    return {"services": sent, "truth": planted}


def name_open_file(file: Declared) -> str:
    """Return the name under which a declared file is published: whoever comes across it reads that it is made up."""
    of = "" if file.service == "about" else f"{file.service}-"
    return f"made-up-{of}{Path(file.file).stem}.csv".replace("_", "-")


def _write_sent(file: Declared, extracts: Path, folder: Path, rows: Mapping[str, int]) -> OpenFile:
    """Write what a service sent: a CSV as it is, byte for byte."""
    source = extracts / file.service / file.file
    if source.suffix == ".csv":
        shutil.copyfile(source, folder / name_open_file(file))
        return _describe_open(file, rows[f"{file.service}/{file.file}"])
    return _write_table(file, pyarrow.parquet.read_table(source), folder)


def _write_truth(file: Declared, truth: Path, folder: Path) -> OpenFile:
    table = pyarrow.parquet.read_table((truth / file.file).with_suffix(".parquet"))
    for number, (name, kind) in enumerate(file.columns):
        if kind == "decimal" and name in table.column_names:
            table = table.set_column(number, name, pc.round(table[name], _PLACES))
    return _write_table(file, table, folder)


def _write_table(file: Declared, rows: pa.Table | Sequence[Mapping[str, Any]], folder: Path) -> OpenFile:
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows))
    if table.column_names != [name for name, _ in file.columns]:
        raise DataError(f"{file.file} does not have the columns that are declared.", "Make both say the same.")
    options = pyarrow.csv.WriteOptions(quoting_style="needed", quoting_header="needed")
    pyarrow.csv.write_csv(table, folder / name_open_file(file), options)
    return _describe_open(file, table.num_rows)


def _describe_open(file: Declared, rows: int) -> OpenFile:
    title = f"{file.title}, {Path(file.file).stem.replace('_', ' ')}"
    return OpenFile(name_open_file(file), title, file.meaning, file.key, rows)


def _describe_file(file: OpenFile) -> Mapping[str, str | int]:
    key = "; ".join(file.key)
    return {"file": file.name, "title": file.title, "meaning": file.meaning, "key": key, "rows": file.rows}


def _list_deliveries(extracts: Path) -> list[Mapping[str, str]]:
    services = dict.fromkeys(file.service for file in read_declarations().values())
    documents = [read_json(extracts / service / "delivery.json") for service in services]
    columns = ("service", "covers_from", "covers_to", "received_at", "note")
    return [{name: document.get(name, "") for name in columns} for document in documents]


def _list_codes() -> list[Mapping[str, str]]:
    return [
        {"list": name, "code": code, "means": means}
        for name, by_meaning in list_codes().items()
        for means, codes in by_meaning.items()
        for code in codes
    ]


def _write_dictionary(folder: Path, declared: Iterable[Declared]) -> None:
    rows = [
        {"file": name_open_file(file), "column": name, "type": kind, "unit": _say_written(file, kind),
         "description": file.words[name]}
        for file in declared for name, kind in file.columns
    ]  # fmt: skip
    pyarrow.csv.write_csv(pa.Table.from_pylist(rows), folder / "dictionary.csv")


def _say_written(file: Declared, kind: str) -> str:
    """Return how a date or datetime of a file is written, such as DD/MM/YYYY; empty for what is neither."""
    pattern = {"date": file.dates, "datetime": file.datetimes}.get(kind, "")
    for mark, words in _WRITTEN.items():
        pattern = pattern.replace(mark, words)
    return pattern
