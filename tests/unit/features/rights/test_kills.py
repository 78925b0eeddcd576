"""Killed at any moment, a pull and a retention run leave the old or the new, and the next run finishes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from charter.contracts.files import file_digest, read_json
from features.rights.retaining import choose_moment, plan_retention
from serving.store.store import open_store
from sooner.erasure import find_log_key
from tests.unit.features.conftest import ROOT, Town
from tests.unit.serving.test_case_ends import issue

BEGIN = """
import sys
from pathlib import Path
from charter.contracts.files import writer_lock
from charter.invocation import Invocation
from features.linking.link import link_records
from features.pull import pull_sources
from features.rights.retaining import choose_moment, retain_records
from serving.forget import note_retention
from sooner.erasure import find_log_key, list_forgetting_rooms
invocation = Invocation.open(Path(sys.argv[1]), "", Path(sys.argv[2]), quiet=True)
rooms, key = list_forgetting_rooms(invocation), find_log_key(invocation)
print("ready", flush=True)
with writer_lock(invocation.workspace.root):
"""
PULL = BEGIN + "    pull_sources(invocation)\n    link_records(invocation)\n"
RETAIN = (
    BEGIN
    + """    retain_records(invocation, choose_moment(invocation), "officer", rooms)
    note_retention(invocation.workspace, key=key)
"""
)
ENDED, STANDING = range(2008, 2018), (2025, 2026)
"""Years of lists whose cases are past the council's six years, and of those that are not."""


def kill_after(town: Town, program: str, pause: float) -> bool:
    """Run a program and kill it; return whether it was still at work."""
    running = subprocess.Popen(
        [sys.executable, "-c", program, str(town.council), str(town.workspace)], stdout=subprocess.PIPE
    )
    assert running.stdout is not None
    running.stdout.readline()
    time.sleep(pause)
    at_work = running.poll() is None
    if at_work:
        os.kill(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    return at_work


def check_whole(snapshot: Path) -> None:
    """Every table can be read, and is the one that the manifest names or of a run that has a mark."""
    tables = sorted((snapshot / "tables").glob("*.parquet"))
    assert tables
    stated = read_json(snapshot / "manifest.json")["tables"]
    for path in tables:
        pq.read_table(path)
        assert (snapshot / "retaining.json").exists() or stated[path.stem]["sha256"] == file_digest(path)
    for path in (snapshot / "records").glob("*.parquet"):
        pq.read_table(path)


def issue_cases(town: Town) -> None:
    """File lists of many years in the town's casework database, two households on each."""
    with open_store(town.invocation.workspace, key=find_log_key(town.invocation)) as store:
        for year in (*ENDED, *STANDING):
            issue(store, year)


def count_cases(town: Town) -> int:
    """Return how many cases past their date stand; every other is there, and the log tells of each that went."""
    with open_store(town.invocation.workspace, key=find_log_key(town.invocation)) as store:
        homes = {referral.entity for referral in store.touched()}
        assert homes >= {f"home-{who}{year}" for year in STANDING for who in "pq"}
        assert store.find_faults(store.entries()) == []
        assert store.verify_log()
        return len(homes) - 2 * len(STANDING)


def find_traces(town: Town) -> list[str]:
    """Return the households whose cases ended and of whom a byte is left in the casework database's files."""
    content = b"".join(path.read_bytes() for path in town.workspace.glob("casework.db*"))
    assert f"home-p{STANDING[0]}".encode() in content
    return [f"home-{who}{year}" for year in ENDED for who in "pq" if f"home-{who}{year}".encode() in content]


def short_kept(town: Town, folder: Path) -> Town:
    """Give the town a register that keeps everything for three years."""
    shutil.copytree(town.council, folder)
    register = (folder / "register.toml").read_text(encoding="utf-8")
    for years in (12, 25):
        register = register.replace(f"retention_years = {years}", "retention_years = 3")
    (folder / "register.toml").write_text(register, encoding="utf-8")
    return Town(folder, town.workspace)


def carry_out(town: Town) -> float:
    """Carry retention out to its end; return the seconds from when it began its work."""
    running = subprocess.Popen(
        [sys.executable, "-c", RETAIN, str(town.council), str(town.workspace)], stdout=subprocess.PIPE
    )
    assert running.stdout is not None
    running.stdout.readline()
    began = time.monotonic()
    assert running.wait() == 0
    running.stdout.close()
    return time.monotonic() - began


def carry_out_despite_kills(town: Town, pauses: list[float]) -> tuple[int, list[int]]:
    """Kill retention runs at these moments; return how many were at work, and the cases left after each.

    After each, what is there is whole: tables, cases and log.
    """
    (snapshot,) = town.snapshots
    at_work, left = 0, []
    for pause in pauses:
        at_work += kill_after(town, RETAIN, pause)
        check_whole(snapshot)
        left.append(count_cases(town))
    carry_out(town)
    assert plan_retention(town.invocation, choose_moment(town.invocation)).is_nothing
    check_whole(snapshot)
    assert (count_cases(town), find_traces(town)) == (0, [])
    assert not list(town.workspace.rglob(".new-*"))
    return at_work, left


@pytest.mark.deep
def test_fifty_kills_of_a_retention_run(borough_once, tmp_path) -> None:
    """Each time of a copy that has everything still to do: two kills, the second of what the first left.

    Records, and twenty cases of the casework database that are past their date; the first run is not killed, and says
    how long one takes.
    """
    chance, killed, left, whole = np.random.default_rng(16), 0, set[int](), 0.0
    for number in range(26):
        shutil.copytree(borough_once, tmp_path / f"own{number}", symlinks=True)
        town = short_kept(Town(ROOT / "council", tmp_path / f"own{number}"), tmp_path / f"council{number}")
        issue_cases(town)
        assert count_cases(town) == len(find_traces(town)) == 2 * len(ENDED)
        if number == 0:
            whole = carry_out(town)
            assert (count_cases(town), find_traces(town)) == (0, [])
        else:
            at_work, standing = carry_out_despite_kills(town, [chance.uniform(0, whole), chance.uniform(0, whole)])
            killed, left = killed + at_work, left | set(standing)
        shutil.rmtree(town.workspace)
    assert killed >= 25
    assert left <= {0, 2 * len(ENDED)}, "cases end all together or not at all"


@pytest.mark.deep
def test_fifty_kills_of_a_pull(borough_town) -> None:
    chance = np.random.default_rng(16)
    store = borough_town.workspace / "store"
    first = store.joinpath("current").read_text(encoding="utf-8")
    gazetteer = borough_town.workspace / "extracts/addresses/gazetteer.csv"
    gazetteer.write_text(
        gazetteer.read_text(encoding="utf-8") + '"990099999999","1 New Road","FH1 9ZZ","E01990001","home"\n'
    )
    killed = 0
    for _ in range(50):
        killed += kill_after(borough_town, PULL, chance.uniform(0, 4))
        for snapshot in borough_town.snapshots:
            if (snapshot / "tables").exists():
                check_whole(snapshot)
        if store.joinpath("current").read_text(encoding="utf-8") != first:
            break
        for snapshot in borough_town.snapshots:
            if snapshot.name != first.strip():
                shutil.rmtree(snapshot)  # So that each kill meets a whole pull.
    assert killed >= 10
    borough_town.pull()
    borough_town.link()
    assert store.joinpath("current").read_text(encoding="utf-8") != first
    assert not list(store.rglob(".new-*"))
