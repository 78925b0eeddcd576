"""What is packed, a workbook, JSON, XML or canonical keeps the promise of odd files: a sentence, or no row lost."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter.council.council import Council
from charter.council.register import Signal, Source
from charter.errors import CharterError, SoonerError
from charter.vault.key import Key
from features.intake.canonical import CanonicalReading, read_canonical
from features.intake.database import open_database
from features.intake.row_digests import create_digests
from tests.unit.features.intake.test_odd_files import (
    COLUMNS,
    NAME,
    SETTINGS,
    check,
    check_sentence,
    make_source,
    odd,
    rows,
    spoil,
    write_csv,
)
from tests.unit.features.intake.test_opening import write_workbook

KINDS = ("csv.gz", "zip", "xlsx", "jsonl", "json", "xml")
NESTED = ("json", "xml")


def write_kind(kind: str, table: Sequence[Sequence[str]], folder: Path) -> bytes:
    """Return a table as one kind of file; rows that are too short or too long stay so, where the kind can hold them."""
    text = write_csv(table, ",", 0).encode("utf-8", errors="replace")
    if kind == "csv.gz":
        return gzip.compress(text)
    if kind == "zip":
        into = io.BytesIO()
        with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("people.csv", text)
        return into.getvalue()
    if kind == "jsonl":
        lines = [json.dumps(dict(zip(COLUMNS, row, strict=False))) for row in table]
        return "\n".join(lines).encode("utf-8", errors="replace")
    if kind == "json":
        document = {"row": [dict(zip(COLUMNS, row, strict=False)) for row in table]}
        return json.dumps(document).encode("utf-8", errors="replace")
    if kind == "xml":
        cells = [
            "".join(
                f"<{name}>{escape(_without_controls(cell))}</{name}>" for name, cell in zip(COLUMNS, row, strict=False)
            )
            for row in table
        ]
        return f"<all>{''.join(f'<row>{row}</row>' for row in cells)}</all>".encode("utf-8", errors="replace")
    printable = [[escape(_without_controls(cell)) for cell in row] for row in table]
    path = write_workbook(folder / "made.xlsx", [list(COLUMNS), *printable])
    content = path.read_bytes()
    path.unlink()
    return content


def _without_controls(cell: str) -> str:
    return "".join(c for c in cell if c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF)


def check_kind(kind: str, table: Any, how: str, place: int, extra: bytes, bad: float) -> None:
    source, file = make_source("utf-8", ",", bad)
    file = file.replace(name=f"people.{kind}", element="row" if kind in NESTED else "")
    with TemporaryDirectory() as folder:
        content = write_kind(kind, table, Path(folder))
        path = Path(folder) / file.name
        path.write_bytes(spoil(content, how, place, extra))
        read = check(path, source, file)
    if read is not None and how == "none" and kind in ("jsonl", *NESTED):
        assert read == len(table)


odd_kinds = given(
    kind=st.sampled_from(KINDS),
    table=rows,
    how=st.sampled_from(["none", "none", "cut", "flip", "insert", "double"]),
    place=st.integers(0, 100_000),
    extra=st.binary(min_size=1, max_size=4),
    bad=st.sampled_from([0.0, 0.99]),
)


@settings(max_examples=40, **SETTINGS)
@odd_kinds
def test_an_odd_file_of_any_kind_ends_in_a_sentence_or_loses_no_row(kind, table, how, place, extra, bad):
    check_kind(kind, table, how, place, extra, bad)


@pytest.mark.deep
@settings(max_examples=3_000, **SETTINGS)
@odd_kinds
def test_thousands_of_odd_files_of_any_kind_end_in_a_sentence_or_lose_no_row(kind, table, how, place, extra, bad):
    check_kind(kind, table, how, place, extra, bad)


EVENT = {"event_id": "e1", "person_id": NAME, "signal": "svc.kind", "valid_at": "2024-01-01", "amount": "1.5"}
event_rows = st.lists(
    st.one_of(
        st.integers(0, 10**6).map(lambda number: [f"e{number}", *list(EVENT.values())[1:]]),
        st.tuples(*[odd] * len(EVENT)).map(list),
        st.lists(odd, max_size=7),
    ),
    max_size=6,
)


def check_canonical(table: Any, how: str, place: int, extra: bytes, council: Council) -> None:
    head = ",".join(EVENT)
    body = write_csv(table, ",", 0).split("\n", 1)[1]
    content = spoil(f"{head}\n{body}".encode("utf-8", errors="replace"), how, place, extra)
    source = Source(
        service="svc", title="Odd", format="canonical", basis="public task", purposes=frozenset({"link"}),
        retention_years=7, signals=(Signal(name="svc.kind", title="A kind"),),
    )  # fmt: skip
    with TemporaryDirectory() as name, open_database(Key(b"k" * 32), threads=1) as database:
        folder = Path(name)
        (folder / "events.csv").write_bytes(content)
        create_digests(database)
        reading = CanonicalReading(database, (source,), council, datetime(2024, 6, 1, tzinfo=UTC), None, frozenset())
        try:
            counts = read_canonical(reading, folder)
        except CharterError as error:
            check_undeclared(error)
            return
        except SoonerError as error:
            check_sentence(error)
            return
        kept = database.execute("select count(*) from canonical_events").fetchall()[0][0]
        assert counts["events.csv"][0] == kept


def check_undeclared(error: CharterError) -> None:
    """Look at what is said of a signal that the register does not declare: it has no basis."""
    assert "signal" in error.message
    assert NAME not in str(error)


odd_canonical = given(
    table=event_rows,
    how=st.sampled_from(["none", "none", "cut", "flip", "insert", "double", "no header", "blank lines"]),
    place=st.integers(0, 10_000),
    extra=st.sampled_from([b'"', b",", b"\n", b"\x00", b"\xff", b"a,b\n"]),
)


@pytest.fixture(scope="module")
def council(tmp_path_factory: pytest.TempPathFactory) -> Council:
    folder = tmp_path_factory.mktemp("council")
    (folder / "help").mkdir()
    (folder / "help" / "definition.py").write_text("", encoding="utf-8")
    (folder / "council.toml").write_text('name = "Test"\ntime_zone = "Europe/London"\n', encoding="utf-8")
    return Council.load(folder)


@settings(max_examples=20, **SETTINGS)
@odd_canonical
def test_odd_canonical_events_end_in_a_sentence_or_lose_no_row(council, table, how, place, extra):
    check_canonical(table, how, place, extra, council)


@pytest.mark.deep
@settings(max_examples=2_000, **SETTINGS)
@odd_canonical
def test_thousands_of_odd_canonical_events_end_in_a_sentence_or_lose_no_row(council, table, how, place, extra):
    check_canonical(table, how, place, extra, council)
