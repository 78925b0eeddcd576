"""Contests: contenders take turns on the same tables, each in a process and an environment of its own.

ask         the question as JSON, which a peer reads without any of our code
run         one contender once: wall and CPU seconds, imports not counted, and peak memory
alternate   several contenders in turn, as often as asked; medians
compare     the cells in which a peer's matrix is not ours
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import borough_at_scale
from charter.contracts.files import write_json
from features.engines.question import to_microseconds
from features.grammar import Window, days

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Contender", "Contest", "Timing", "alternate", "ask", "compare", "ours", "peer", "ready", "run", "scratch"]

PEERS = Path(__file__).parent
_SCRATCH = PEERS.parent / "workspace"
_PATIENCE = 180.0


@dataclass(frozen=True)
class Timing:
    """What a run took: wall and CPU seconds, the peak of its memory in GiB, and what else it said."""

    wall: float
    cpu: float
    peak: float
    more: Mapping[str, float]

    def words(self) -> str:
        """Say it in a few words."""
        return f"{self.wall:.2f} s, CPU {self.cpu:.1f} s, {self.peak:.2f} GiB"


@dataclass(frozen=True)
class Contest:
    """Every run of every contender, in turn, and how many cells of a matrix differ from the first contender's."""

    runs: Mapping[str, Sequence[Timing]]
    differing: Mapping[str, tuple[int, int]]

    def ratio(self, name: str, of: str, what: str = "wall") -> float:
        """Return how many times as much `name` takes as `of`: the median over the rounds that both ran."""
        pairs = zip(self.runs[name], self.runs[of], strict=False)
        return statistics.median(getattr(theirs, what) / getattr(mine, what) for theirs, mine in pairs)

    def words(self) -> dict[str, str]:
        """Say each contender's medians."""
        return {name: self._words(name) for name in self.runs}

    def _words(self, name: str) -> str:
        timings = self.runs[name]
        middle = {part: statistics.median(getattr(t, part) for t in timings) for part in ("wall", "cpu", "peak")}
        said = f"{middle['wall']:.2f} s, CPU {middle['cpu']:.1f} s, {middle['peak']:.2f} GiB, {len(timings)} runs"
        if name in self.differing:
            different, cells = self.differing[name]
            said += f"; {different:,} of {cells:,} cells differ"
        return said


@dataclass(frozen=True)
class Contender:
    """A contender's name, the command that runs it on `TABLES QUESTION [OUT]`, and whether its matrix is kept."""

    name: str
    command: tuple[str, ...]
    keeps: bool = True


def interpreter(environment: str) -> Path:
    """Return the Python of a peer's environment."""
    return PEERS / ".venvs" / environment / "bin" / "python"


def ready(environment: str) -> bool:
    """Whether a peer's environment is there: `python -m benchmarks.peers.set_up` makes it."""
    return interpreter(environment).exists()


def peer(name: str, environment: str, script: str, *arguments: str, keeps: bool = True) -> Contender:
    """Return a peer: a script beside its requirements, run by its own Python."""
    return Contender(name, (str(interpreter(environment)), str(PEERS / environment / script), *arguments), keeps)


def ours(name: str = "sooner", *arguments: str, keeps: bool = True) -> Contender:
    """Return our own engine, run as a peer is."""
    return Contender(name, (sys.executable, "-m", "benchmarks.peers.ours", *arguments), keeps)


def ask(tables: Path, dates: int) -> Path:
    """Write the benchmark's question about `tables` as JSON and return the file."""
    question = borough_at_scale.question(dates)
    lengths = (30, 90, 180, 365)
    starts = {
        f"{n}d": [to_microseconds(start) for day in question.dates if (start := question.start(Window(days(n)), day))]
        for n in lengths
    }
    path = tables.parent / f"{tables.name}_{dates}.json"
    write_json(
        path,
        {
            "dates": [day.isoformat() for day in question.dates],
            "times": [to_microseconds(moment) for moment in question.midnights],
            "now": to_microseconds(question.now),
            "zone": str(question.zone),
            "signals": [list(pair) for pair in borough_at_scale.SIGNALS.items()],
            "consent": sorted(question.permission.consent),
            "starts": starts,
        },
    )
    return path


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Give an empty folder that is gone afterwards."""
    folder = _SCRATCH / f"scratch_{name.replace(' ', '_')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(contender: Contender, tables: Path, question: Path, out: Path | None = None) -> Timing:
    """Run a contender once; raise CalledProcessError where it fails."""
    environment = os.environ | {"PYTHONPATH": f"{PEERS / 'shared'}", "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"}
    if contender.command[0] == sys.executable:
        environment["PYTHONPATH"] = str(PEERS.parent.parent)
    command = [*contender.command, str(tables), str(question), *([str(out)] if out else [])]
    # Only the last line is its figure: some peers talk on standard output.
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True, cwd=_SCRATCH)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    more = {key: value for key, value in found.items() if key not in ("wall", "cpu", "peak")}
    return Timing(found["wall"], found["cpu"], found["peak"], more)


def alternate(contenders: Sequence[Contender], tables: Path, dates: int, runs: int = 3) -> Contest:
    """Run contenders in turn; one whose first run took over three minutes sits out the later rounds.

    In the first round every matrix that is kept is compared, cell by cell, with that of the first contender that keeps
    its own.
    """
    question = ask(tables, dates)
    found: dict[str, list[Timing]] = {contender.name: [] for contender in contenders}
    differing: dict[str, tuple[int, int]] = {}
    with scratch("model") as model:
        mine = ""
        for turn in range(runs):
            for contender in contenders:
                if turn and found[contender.name][0].wall > _PATIENCE:
                    continue
                with scratch(contender.name) as folder:
                    first = turn == 0 and contender.keeps and not mine
                    out = model if first else folder
                    timing = run(contender, tables, question, out if contender.keeps else None)
                    if turn == 0 and contender.keeps and mine:
                        differing[contender.name] = compare(model, folder)
                    mine = mine or (contender.name if first else "")
                print(f"    {contender.name}: {timing.words()}", file=sys.stderr, flush=True)
                found[contender.name].append(timing)
    return Contest(found, differing)


def compare(one: Path, other: Path) -> tuple[int, int]:
    """Return (cells that differ between two folders of matrices, cells); missing equals missing, and 0 equals -0."""
    different = cells = 0
    for path in sorted(one.glob("*.features.npy")):
        mine, theirs = np.load(path, mmap_mode="r"), np.load(other / path.name, mmap_mode="r")
        entity = path.name.replace("features", "entity")
        if not np.array_equal(np.load(one / entity), np.load(other / entity)):
            raise ValueError(f"other rows than ours in {path.name}")
        different += int(((mine != theirs) & ~(np.isnan(mine) & np.isnan(theirs))).sum())
        cells += mine.size
    return different, cells
