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
from tests.unit.features.conftest import ROOT, Town

BEGIN = """
import sys
from pathlib import Path
from charter.contracts.files import writer_lock
from charter.invocation import Invocation
from features.linking.link import link_records
from features.pull import pull_sources
from features.rights.retaining import Forgetting, choose_moment, retain_records
invocation = Invocation.open(Path(sys.argv[1]), "", Path(sys.argv[2]), quiet=True)
nothing = Forgetting(lambda *_: 0, lambda *_: 0, lambda *_: 0)
print("ready", flush=True)
with writer_lock(invocation.workspace.root):
"""
PULL = BEGIN + "    pull_sources(invocation)\n    link_records(invocation)\n"
RETAIN = BEGIN + "    retain_records(invocation, choose_moment(invocation), 'officer', nothing)\n"


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


def short_kept(town: Town, folder: Path) -> Town:
    """Give the town a register that keeps everything for three years."""
    shutil.copytree(town.council, folder)
    register = (folder / "register.toml").read_text(encoding="utf-8")
    for years in (12, 25):
        register = register.replace(f"retention_years = {years}", "retention_years = 3")
    (folder / "register.toml").write_text(register, encoding="utf-8")
    return Town(folder, town.workspace)


def carry_out_despite_kills(town: Town, pauses: list[float]) -> int:
    """Kill retention runs at these moments; return how many were at work. After each, what is there is whole."""
    (snapshot,) = town.snapshots
    at_work = 0
    for pause in pauses:
        at_work += kill_after(town, RETAIN, pause)
        check_whole(snapshot)
    assert (
        subprocess.run([sys.executable, "-c", RETAIN, str(town.council), str(town.workspace)], check=False).returncode
        == 0
    )
    assert plan_retention(town.invocation, choose_moment(town.invocation)).is_nothing
    check_whole(snapshot)
    assert not list(town.workspace.rglob(".new-*"))
    return at_work


@pytest.mark.deep
def test_fifty_kills_of_a_retention_run(borough_once, tmp_path) -> None:
    """Each time of a copy that has everything still to do: two kills, the second of what the first left."""
    chance, killed = np.random.default_rng(16), 0
    for number in range(25):
        shutil.copytree(borough_once, tmp_path / f"own{number}", symlinks=True)
        town = short_kept(Town(ROOT / "council", tmp_path / f"own{number}"), tmp_path / f"council{number}")
        killed += carry_out_despite_kills(town, [chance.uniform(0, 2.2), chance.uniform(0, 2.2)])
        shutil.rmtree(town.workspace)
    assert killed >= 40


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
