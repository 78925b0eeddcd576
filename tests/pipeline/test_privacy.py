"""Nobody is named outside the vault: every file of a finished workspace, and what serving logs, is searched.

What is looked for comes from the extracts, as the register maps them: forename beside surname, address lines,
postcodes, UPRNs, UPNs, keys that services share, and every service's own references. Parquet, arrays and databases are
read as what they are, compressed text is unpacked.
"""

from __future__ import annotations

import csv
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.council.register import Register
from tests.conftest import ROOT, run_sooner
from tests.waiting import PATIENCE, wait_until_ready

SEALED = {"vault", "extracts"}
"""What may hold names: the vault, encrypted; and the fictional borough's deliveries themselves."""

TELLING = ("reference", "uprn", "shared_key", "postcode", "address", "safe_contact")
"""What of a record tells who or where somebody is, besides the name: the register says which columns hold it."""

Secrets = tuple[set[str], set[tuple[str, str]]]


@dataclass(frozen=True)
class Told:
    """A file of the borough's extracts: its rows, the columns that identify, and the pairs of columns that name."""

    path: Path
    rows: list[dict[str, str]]
    marks: frozenset[str]
    names: frozenset[tuple[str, str]]


def services(extracts: Path) -> Iterator[Told]:
    """Give every file of every service, CSV and Parquet, as the register maps it."""
    for source in Register.load(ROOT / "council/register.toml").sources:
        for file in source.files:
            path = extracts / source.folder / file.name
            records = [record.fields for record in file.records]
            said = " ".join(fields[name] for fields in records for name in TELLING if name in fields)
            keys = {name for name in file.columns if name.endswith(("_ref", "_id"))}
            marks = {*keys, *(name for name in file.columns if re.search(rf"\b{name}\b", said))}
            names = {
                (fields["forename"], fields["surname"]) for fields in records if {"forename", "surname"} <= set(fields)
            }
            yield Told(path, rows_of(path), frozenset(marks), frozenset(names))


def rows_of(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
        return [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def secrets(demo_workspace: Path) -> Secrets:
    """Return the identifiers and address lines of the borough, and the pairs of names, in lower case."""
    marks: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    kinds: set[str] = set()
    for told in services(demo_workspace / "extracts"):
        kinds |= told.marks
        marks.update(row[name].strip().lower() for row in told.rows for name in told.marks)
        for one, other in told.names:
            pairs.update((row[one].strip().lower(), row[other].strip().lower()) for row in told.rows)
    marks = {" ".join(words_of(mark)) for mark in marks if len(mark) >= 6 and any(map(str.isdigit, mark))}
    pairs = {pair for pair in pairs if all(pair)}
    assert {"uprn", "upn", "ypid", "postcode", "address", "mother_ref", "patient_ref", "reference"} <= kinds
    assert len(marks) > 10_000
    assert max(mark.count(" ") for mark in marks) < LONGEST
    assert len(pairs) > 2_000
    return marks, pairs


def texts(path: Path) -> Iterator[str]:
    """Give every text of a file: cells of tables and databases, elements of arrays, else the whole as it is."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        for column in table.columns:
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                yield " \n".join(text for text in column.unique().to_pylist() if text)
        yield str(table.schema)
    elif path.suffix == ".npy":
        array = np.load(path, allow_pickle=False)
        if array.dtype.kind in "SU":
            yield " \n".join(np.unique(array).astype(str).tolist())
    elif path.read_bytes()[:16] == b"SQLite format 3\0":
        with sqlite3.connect(path) as database:
            for (name,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
                for row in database.execute(f'select * from "{name}"'):
                    yield " \n".join(
                        cell.decode("utf-8", "ignore") if isinstance(cell, bytes) else str(cell) for cell in row
                    )
    else:
        yield path.read_bytes().decode("utf-8", "ignore")


WORD = re.compile(r"[a-z0-9][a-z0-9'_-]*")
LONGEST = 8
"""Words of the longest address line that is looked for."""


def words_of(text: str) -> list[str]:
    return [word.strip("'_-") for word in WORD.findall(text.lower())]


def named_in(text: str, marks: set[str], pairs: set[tuple[str, str]]) -> set[str]:
    """Return what of the borough's names and identifiers is in a text; names count in either order."""
    words = words_of(text)
    found = {f"{one} {two}" for one, two in pairwise(words) if (one, two) in pairs or (two, one) in pairs}
    for length in range(1, LONGEST + 1):
        found |= marks.intersection(" ".join(words[at : at + length]) for at in range(len(words) - length + 1))
    return found


def test_the_search_finds_what_it_looks_for(demo_workspace: Path, secrets: Secrets) -> None:
    """Guard against a search that finds nothing because it looks for nothing."""
    marks, pairs = secrets
    searched = 0
    for told in services(demo_workspace / "extracts"):
        for one, other in told.names:
            row = next(row for row in told.rows if row[one] and row[other])
            assert named_in(f"Dear {row[other].upper()}, {row[one]}!", marks, pairs), told.path
            searched += 1
            for name in told.marks:
                if len(row[name]) >= 6 and any(map(str.isdigit, row[name])):
                    assert named_in(f'"{row[name]}"', marks, pairs), (told.path, name)
    assert searched >= 5


def test_no_file_outside_the_vault_names_anybody(demo_workspace: Path, secrets: Secrets) -> None:
    kinds = set()
    for path in sorted(demo_workspace.rglob("*")):
        if not path.is_file() or path.relative_to(demo_workspace).parts[0] in SEALED:
            continue
        kinds.add(path.suffix)
        assert not named_in(path.name, *secrets), path.relative_to(demo_workspace)
        for text in texts(path):
            # How many, never which: a failing test must not print names either.
            assert len(named_in(text, *secrets)) == 0, path.relative_to(demo_workspace)
    assert {".parquet", ".npy", ".json", ".html", ".csv"} <= kinds


def test_the_vault_is_sealed(demo_workspace: Path, secrets: Secrets) -> None:
    files = [path for path in (demo_workspace / "vault").rglob("*") if path.is_file()]
    assert files
    for path in files:
        for text in texts(path):
            assert len(named_in(text, *secrets)) == 0, path.name


@pytest.mark.parametrize(
    "verb", [["serve"], ["resident", "show", "--through", "housing", "--reference", "x"], ["rotate"]]
)
def test_another_key_is_said_in_one_sentence(demo_workspace: Path, verb: list[str]) -> None:
    ran = run_sooner(*verb, "--workspace", str(demo_workspace), env={"SOONER_KEY": "a5" * 32})
    assert ran.code == 12
    assert "the vault was sealed with another key" in ran.err
    assert ran.err.count("\n") == 2


@pytest.fixture
def served(own_workspace: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve a copy of the demo; give its address and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    log = tmp_path / "serve.log"
    command = [sys.executable, "-m", "sooner", "serve", "--workspace", str(own_workspace)]
    with log.open("w") as handle:
        process = subprocess.Popen(
            [*command, "--port", address.rsplit(":", 1)[1]], cwd=ROOT, stdout=handle, stderr=handle
        )
    try:
        wait_until_ready(address, process, log)
        yield address, log
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE)


def test_what_serving_logs_and_files_names_nobody(
    served: tuple[str, Path], own_workspace: Path, secrets: Secrets
) -> None:
    address, log = served
    shown: set[str] = set()
    with httpx.Client(
        base_url=address, headers={"origin": address}, follow_redirects=True, timeout=PATIENCE
    ) as browser:
        assert browser.post("/sign-in", data={"who": "demo-north-lead_practitioner"}).status_code == 200
        page = browser.get("/")
        assert page.status_code == 200
        cases = sorted(set(re.findall(r'href="(/cases/[^"/?#]+)"', page.text)))
        assert cases
        for case in cases[:5]:
            answer = browser.get(case)
            assert answer.status_code == 200, case
            shown |= named_in(re.sub(r"<[^>]*>", " ", answer.text), *secrets)
        for path in ("/cases/nobody", "/worklists/nowhere", "/board", "/manager"):
            assert browser.get(path).status_code < 500
    assert shown, "a case shows its practitioner who to visit, or the walk saw nothing"
    assert log.stat().st_size > 0
    assert len(named_in(log.read_text(encoding="utf-8"), *secrets)) == 0
    for path in own_workspace.rglob("*"):
        if path.is_file() and path.relative_to(own_workspace).parts[0] not in SEALED | {"matrix", "store"}:
            assert not any(named_in(text, *secrets) for text in texts(path)), path.relative_to(own_workspace)
