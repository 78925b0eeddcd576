"""The page that shows a council how to write an adapter does what it says, in fewer lines than it promises."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from charter.errors import DataError
from features.pull_plan import find_newest_snapshot
from tests.conftest import ROOT

PAGE = ROOT / "docs/how-to/write-an-adapter.md"


def block(kind: str) -> str:
    found = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_the_page_takes_in_what_it_says(town, rows_of) -> None:
    program, register = block("python"), block("toml")
    assert len(program.splitlines()) + len(register.splitlines()) < 60
    sent = [line.strip() for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("    A0")]
    assert len(sent) == 2
    folder = town.workspace / "extracts/housing"
    for path in folder.iterdir():
        path.unlink()
    town.write("housing/RENTS.TXT", "\n".join(sent) + "\n")
    (town.council / "register.toml").write_text(register, encoding="utf-8")
    script = town.council.parent / "rents_adapter.py"
    script.write_text(program, encoding="utf-8")
    run = [sys.executable, str(script), str(folder), "2020-01-01", "2024-09-01", "2024-09-01"]
    subprocess.run(run, check=True)
    assert town.pull().rows == 2
    newest = find_newest_snapshot(town.workspace / "store")
    assert newest is not None
    events = rows_of(newest / "records/events.parquet", "amount")
    assert [(float(row["amount"]), row["detail"]) for row in events] == [(120.5, "letter"), (1000.0, "court")]
    town.write("housing/RENTS.TXT", "\n".join([*sent, sent[0].replace("A00001", "A00003").replace("300620", "990620")]))
    subprocess.run(run, check=True)
    with pytest.raises(DataError, match=r"value.type \(first: line 3, day\)"):
        town.pull()
