"""Rows that are ready for a format of the sector: they read as a register, and rows of that format come in by them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from charter.council.register import Register, Source
from charter.errors import UsageError
from features.intake.formats.ready_rows import FORMATS, read_rows
from features.pull_plan import find_newest_snapshot


def write_sample(source: Source, folder: Path, children: int) -> None:
    """Write made-up rows of every file: a child for each number, dates in order, codes of the register's lists."""
    folder.mkdir(parents=True)
    codes = [code for signal in source.signals for code in signal.details]
    for file in source.files:
        lines = [",".join(file.columns)]
        for number in range(children):
            days = iter(f"2024-0{1 + number % 8}-{day:02}" for day in range(1, 29))
            cells = {name: next(days) if kind == "date" else "" for name, kind in file.columns.items()}
            cells |= {name: f"C{number}" for name in cells if name.endswith("_person_id")}
            cells |= {name: codes[number % len(codes)] for name in cells if name.endswith("_need_code")}
            cells |= {file.key[0]: f"C{number}" if file.key[0].endswith("_person_id") else f"{file.name[4:7]}{number}"}
            lines.append(",".join(cells.values()))
        (folder / file.name).write_text("\n".join(lines) + "\n")
    said = {"covers_from": "2020-01-01", "covers_to": "2024-10-01", "received_at": "2024-10-02"}
    statement = {"schema_version": 1, "service": source.service, "synthetic": True, **said}
    (folder / "delivery.json").write_text(json.dumps(statement))


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_ready_rows_say_that_they_are_untried_and_are_marked_for_somebody_to_confirm(tmp_path: Path, name: str) -> None:
    path = tmp_path / "register.toml"
    path.write_text(read_rows(name), encoding="utf-8")
    assert "Not yet tried with a council" in read_rows(name)
    (source,) = Register.load(path).sources
    assert source.example
    assert all(file.example for file in source.files)


# The other formats are tried on files that others made up (test_sector_formats): of these there are none.
@pytest.mark.parametrize("name", ["ssd"])
def test_ready_rows_read_as_a_register_and_take_a_delivery(town, rows_of, name: str) -> None:
    path = town.council / "register.toml"
    path.write_text(read_rows(name))
    register = Register.load(path)
    (source,) = register.sources
    assert len(source.signals) >= 5
    signals = ", ".join(f'"{signal.name}"' for signal in source.signals)
    charter = (town.council / "charter.toml").read_text(encoding="utf-8")
    (town.council / "charter.toml").write_text(charter.replace('"housing.arrears",', f"{signals},", 1))
    write_sample(source, town.workspace / "extracts" / source.folder, 12)
    result = town.pull()
    assert (result.quarantined, result.rows) == (0, 12 * len(source.files))
    newest = find_newest_snapshot(town.workspace / "store")
    assert newest is not None
    events = rows_of(newest / "records/events.parquet")
    assert {row["signal"] for row in events} == {signal.name for signal in source.signals}
    assert town.link().references == 12


def test_a_format_that_is_not_ready_is_refused() -> None:
    with pytest.raises(UsageError, match="no ready rows for 'nothing'"):
        read_rows("nothing")
