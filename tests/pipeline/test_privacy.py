"""Nobody is named outside the vault: every file of a finished workspace, and what serving logs, is searched.

What is looked for comes from the extracts: forename beside surname, address lines, postcodes, UPRNs, UPNs and every
service's own references. Parquet, arrays and databases are read as what they are, compressed text is unpacked.
"""

from __future__ import annotations

import csv
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT, run_sooner

pytestmark = pytest.mark.xdist_group("demo")

SEALED = {"vault", "extracts"}
"""What may hold names: the vault, encrypted; and the fictional borough's deliveries themselves."""

NAMES = ("forename", "surname")
TOLD = re.compile(r"(_ref|_id|^uprn|^upn|^nhs_number|^address|^postcode|^reference)$")
"""Columns of extracts whose values name a person or a home."""


def services(extracts: Path) -> Iterator[tuple[Path, list[dict[str, str]]]]:
    for path in sorted(extracts.glob("*/*.csv")):
        if path.parent.name != "truth":
            with path.open(newline="", encoding="utf-8") as handle:
                yield path, list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def secrets(demo_workspace: Path) -> tuple[set[str], set[tuple[str, str]]]:
    """Return the identifiers and address lines of the borough, and the pairs of names, in lower case."""
    marks: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for _, rows in services(demo_workspace / "extracts"):
        columns = [name for name in rows[0] if TOLD.search(name)] if rows else []
        marks.update(row[name].strip().lower() for row in rows for name in columns)
        if rows and set(NAMES) <= set(rows[0]):
            pairs.update((row["forename"].strip().lower(), row["surname"].strip().lower()) for row in rows)
    marks = {" ".join(words_of(mark)) for mark in marks if len(mark) >= 6 and any(map(str.isdigit, mark))}
    pairs = {pair for pair in pairs if all(pair)}
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


def test_the_search_finds_what_it_looks_for(
    demo_workspace: Path, secrets: tuple[set[str], set[tuple[str, str]]]
) -> None:
    """Guard against a search that finds nothing because it looks for nothing."""
    marks, pairs = secrets
    searched = 0
    for path, rows in services(demo_workspace / "extracts"):
        if rows and set(NAMES) <= set(rows[0]):
            row = next(row for row in rows if row["forename"] and row["surname"])
            assert named_in(f"Dear {row['surname'].upper()}, {row['forename']}!", marks, pairs), path
            searched += 1
            for name in ("address", "uprn", "postcode"):
                if row.get(name):
                    assert named_in(f'"{row[name]}"', marks, pairs), (path, name)
    assert searched >= 5


def test_no_file_outside_the_vault_names_anybody(
    demo_workspace: Path, secrets: tuple[set[str], set[tuple[str, str]]]
) -> None:
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


def test_the_vault_is_sealed(demo_workspace: Path, secrets: tuple[set[str], set[tuple[str, str]]]) -> None:
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
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                if httpx.get(f"{address}/readyz", timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address, log
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def test_what_serving_logs_and_files_names_nobody(
    served: tuple[str, Path], own_workspace: Path, secrets: tuple[set[str], set[tuple[str, str]]]
) -> None:
    address, log = served
    shown: set[str] = set()
    with httpx.Client(base_url=address, headers={"origin": address}, follow_redirects=True, timeout=30) as browser:
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
