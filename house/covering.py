"""`python -m house.covering`: which lines and branches of the product the tests ran, and whether that is enough.

    SOONER_COVERED=build/covered PYTHONPATH=house/covered python -m pytest ...
    python -m house.covering build/covered

Every process of a test run that finds house/covered on its path, the command's and the server's too, notes what it ran
and leaves it in the folder when it ends; a process that is killed leaves nothing. The second command adds them up.

    covered              lines and branches that ran, of all lines and branches
    enough               what house/limits.toml asks for: a share of the whole, and all of the safety properties' places
    compiled functions   left out whole with their module: what Numba compiles runs no Python line. They are held to
                         features/engines/reference.py and to a slow replay, row by row, by tests of their own
    migrations           left out, as in house/shape.py

Slipcover puts its marks into the code once, as it is imported, where others are called back for every line that runs.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Covered", "Needed", "add_up", "leave_covered", "list_missing", "start_covering"]

ROOT = Path(__file__).resolve().parents[1]
LIMITS = Path(__file__).with_name("limits.toml")
PACKAGES = ("charter", "features", "training", "fairness_reports", "serving", "borough", "sooner")

Branch = tuple[int, int]
"""From a line to a line; to 0: out of the function."""


@dataclass
class Covered:
    """What of one module ran, and what there is: lines, and branches from line to line."""

    run: set[int] = field(default_factory=set)
    lines: set[int] = field(default_factory=set)
    taken: set[Branch] = field(default_factory=set)
    branches: set[Branch] = field(default_factory=set)

    @property
    def parts(self) -> int:
        """How many lines and branches there are."""
        return len(self.lines) + len(self.branches)

    @property
    def parts_run(self) -> int:
        """How many of them ran."""
        return len(self.run) + len(self.taken)

    @property
    def missing(self) -> list[str]:
        """What did not run, in order: lines, and branches of lines that ran."""
        lines = sorted(self.lines - self.run)
        branches = sorted(branch for branch in self.branches - self.taken if branch[0] in self.run)
        return [*map(str, lines), *(f"{start}->{end or 'exit'}" for start, end in branches)]

    def add(self, note: Mapping[str, Any]) -> None:
        """Add what one process noted of the module."""
        self.run |= set(note["executed_lines"])
        self.lines |= set(note["executed_lines"]) | set(note["missing_lines"])
        taken = {(start, end) for start, end in note["executed_branches"]}
        self.taken |= taken
        self.branches |= taken | {(start, end) for start, end in note["missing_branches"]}


@dataclass(frozen=True)
class Needed:
    """What must have run: a share of everything, in %, and all of some modules and folders."""

    whole: float
    complete: tuple[str, ...]

    @classmethod
    def load(cls, path: Path = LIMITS) -> Needed:
        """Read `[covered]` of house/limits.toml."""
        table = tomllib.loads(path.read_text(encoding="utf-8"))["covered"]
        return cls(table["whole"], tuple(table["complete"]))

    def names(self, module: str) -> bool:
        """Whether all of a module must have run."""
        return any(module == path or module.startswith(f"{path}/") for path in self.complete)


@cache
def _noting() -> Any:
    from slipcover import Slipcover

    # Never taken out again: taking marks out of functions that are running breaks threads and recursion.
    return Slipcover(branch=True, d_miss_threshold=2**30)


def start_covering() -> None:
    """Note from here on what runs of the product in this process, and leave it when the process ends."""
    from slipcover.importer import FileMatcher, SlipcoverMetaPathFinder

    matcher = FileMatcher(sources=[str(ROOT / package) for package in PACKAGES], omit=[str(p) for p in _left_out()])
    sys.meta_path.insert(0, SlipcoverMetaPathFinder(_noting(), matcher))
    atexit.register(leave_covered)


def leave_covered() -> None:
    """Leave what this process noted; where a process ends without its last words, its caller calls this before."""
    folder = Path(os.environ["SOONER_COVERED"])
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{os.getpid()}"
    beside.write_text(json.dumps(_noting().get_coverage()["files"]), encoding="utf-8")
    beside.rename(folder / f"{os.getpid()}.json")


def add_up(folder: Path, packages: Sequence[str] = PACKAGES) -> dict[str, Covered]:
    """Return what ran of each module of `packages`, by its path from the root, those that nobody imported too."""
    from slipcover import Slipcover

    every = Slipcover(branch=True, source=[str(ROOT / package) for package in packages])
    notes: list[Mapping[str, Any]] = [every.get_coverage()["files"]]
    notes += [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    left_out = {path.relative_to(ROOT).as_posix() for path in _left_out()}
    modules: dict[str, Covered] = defaultdict(Covered)
    for note in notes:
        for name, lines in note.items():
            path = (ROOT / name).relative_to(ROOT).as_posix()
            if path not in left_out and path.startswith(tuple(f"{package}/" for package in packages)):
                modules[path].add(lines)
    return dict(sorted(modules.items()))


def list_missing(modules: Mapping[str, Covered], needed: Needed) -> Iterator[str]:
    """Yield a sentence for each thing that `needed` asks and the modules have not."""
    share = _share(modules.values())
    if share < needed.whole:
        yield f"{share:.1f} % of the product ran, and house/limits.toml asks for {needed.whole:g} %."
    for path, covered in modules.items():
        if needed.names(path) and covered.missing:
            yield f"{path}: all of it must run in tests, and these lines did not: {', '.join(covered.missing)}"


def _share(modules: Iterable[Covered]) -> float:
    rows = [(covered.parts_run, covered.parts) for covered in modules]
    parts = sum(part for _, part in rows)
    return 100 * sum(run for run, _ in rows) / parts if parts else 100.0


def _left_out() -> list[Path]:
    """Return the modules that are not looked at: compiled ones and migrations."""
    return [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" in path.parts or "njit" in path.read_text(encoding="utf-8")
    ]


def _table(modules: Mapping[str, Covered]) -> str:
    rooms: dict[str, list[Covered]] = defaultdict(list)
    for path, covered in modules.items():
        rooms[path.split("/")[0]].append(covered)
    rooms["the product"] = list(modules.values())
    lines = [
        f"{room:<18} {_share(rows):5.1f} %  of {sum(one.parts for one in rows):6,}" for room, rows in rooms.items()
    ]
    return "\n".join(["Lines and branches that the tests ran", *lines])


def main(folder: Path, shown: str = "") -> int:
    """Print the table, and with `shown` what is missing below that path; return 1 where less ran than is asked for."""
    modules = add_up(folder)
    print(_table(modules))
    for path, covered in modules.items():
        if shown and path.startswith(shown) and covered.missing:
            print(f"{path}: {', '.join(covered.missing)}")
    wanting = list(list_missing(modules, Needed.load()))
    for sentence in wanting:
        print(sentence, file=sys.stderr)
    return 1 if wanting else 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main(Path(sys.argv[1]), *sys.argv[2:3]))
