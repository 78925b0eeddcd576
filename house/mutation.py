"""`python -m house.mutation`: how many small wrong changes of the product its tests notice.

A seeded sample of all changes (house/mutants.py) over the rooms of house/mutation.toml. Each changed module is given to
the tests that reach the changed line, in a process of its own, the fastest first, until one fails:

    killed       a test failed, or ran on until it was stopped
    refused      no test failed, and mypy, which `make test` runs first, refuses the change
    survived     nobody noticed
    unreached    none of the tests reaches the line: nobody noticed either

First it measures which test reaches which line (house/reach.py). All of it goes on where it was stopped: results are
files in build/deep/, in a folder that is named by a digest of code and tests, so that no two versions are mixed. What
there is of a sample is left in house/mutation.json, of which `make docs` makes a page.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from charter.machine.code_version import digest_code
from house.mutant_run import find_failing, mypy_refuses, run_mutant
from house.mutants import ROOT, Mutant, count_mutants, make_mutant
from house.reach import Reach, keep_demo, measure_reach

__all__ = ["Plan", "draw_mutants", "main"]

SETTINGS = Path(__file__).with_name("mutation.toml")
RESULTS = Path(__file__).with_name("mutation.json")
_LOT = 4000
"""How many changes are drawn at most: enough for every place."""
_CODE = ("borough", "charter", "council", "fairness_reports", "features", "serving", "sooner", "tests", "training")


@dataclass(frozen=True)
class Place:
    """A part of the product: what it is called, how many of its changes are drawn, its modules, and their tests."""

    title: str
    drawn: int
    modules: tuple[str, ...]
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is changed, by which seed the changes are drawn, and the tests that should notice."""

    seed: int
    seconds: float
    places: tuple[Place, ...]

    @classmethod
    def load(cls, path: Path = SETTINGS) -> Plan:
        """Read house/mutation.toml."""
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        places = tuple(
            Place(
                row["title"],
                row["drawn"],
                tuple(_python_files(row["modules"], "*.py")),
                tuple(_python_files(row["tests"], "test_*.py")),
            )
            for row in document["place"]
        )
        return cls(document["seed"], document["seconds"], places)

    def find_places(self, words: str) -> tuple[Place, ...]:
        """Return the places whose title has these words."""
        return tuple(place for place in self.places if words in place.title)


def _python_files(names: Iterable[str], pattern: str) -> Iterator[str]:
    for name in names:
        files = sorted((ROOT / name).rglob(pattern)) if (ROOT / name).is_dir() else [ROOT / name]
        yield from (file.relative_to(ROOT).as_posix() for file in files)


def draw_mutants(plan: Plan, counted: dict[str, int]) -> dict[Place, list[tuple[str, int]]]:
    """Return each place's drawn changes in the order of the lot, as (module, number).

    `counted` says how many changes each module has. More than asked are drawn, since some mean nothing.
    """
    every = [(path, number) for path, count in sorted(counted.items()) for number in range(count)]
    lot = random.Random(plan.seed).sample(every, min(len(every), _LOT))  # noqa: S311 - a sample, no secret
    return {place: [drawn for drawn in lot if drawn[0] in place.modules] for place in plan.places}


def examine_mutant(mutant: Mutant, reach: Reach, seconds: float) -> dict[str, Any]:
    """Return what became of a change: `outcome`, and the test that failed."""
    row: dict[str, Any] = {"path": mutant.path, "number": mutant.number, "line": mutant.line, "change": mutant.change}
    tests = reach.tests_of(mutant)
    if not mutant.is_different:
        return row | {"outcome": "same"}
    if not tests:
        return row | {"outcome": "unreached"}
    row |= run_mutant(mutant, tests, seconds)
    if row["outcome"] == "survived" and mypy_refuses(mutant):
        row["outcome"] = "refused"
    return row


def examine_sample(
    plan: Plan, places: Sequence[Place], reach: Reach, kept: Path, until: float
) -> tuple[list[dict[str, Any]], bool]:
    """Examine the drawn changes of some places; return the rows of all that there are, and whether none is left.

    `until` is of the monotonic clock. Places take turns, so that a run that stops has something of each.
    """
    lines = kept / f"mutants-{plan.seed}.jsonl"
    done = _read_rows(lines)
    queues = {place: iter(drawn) for place, drawn in draw_mutants(plan, count_kept(plan, kept)).items()}
    rows: dict[Place, list[dict[str, Any]]] = {place: [] for place in queues}
    ended = True
    with lines.open("a", encoding="utf-8") as file:
        while queues:
            place = min(queues, key=lambda place: len(rows[place]) / max(place.drawn, 1))
            key = next(queues[place], None) if len(rows[place]) < place.drawn else None
            if key is None:
                del queues[place]
                continue
            if key not in done:
                if place not in places or time.monotonic() > until:
                    del queues[place]
                    ended = False
                    continue
                done[key] = examine_mutant(make_mutant(*key), reach, plan.seconds)
                file.write(json.dumps(done[key]) + "\n")
                file.flush()
            if done[key]["outcome"] != "same":
                rows[place].append(done[key] | {"room": place.title})
    return [row for of_place in rows.values() for row in of_place], ended


def check_killers(plan: Plan, rows: Sequence[dict[str, Any]], reach: Reach) -> list[dict[str, Any]]:
    """Return the rows with those examined again whose test fails without any change too."""
    failing = find_failing(reach.list_timed({row["test"] for row in rows if "test" in row}))
    steady = reach.without(failing)
    return [
        examine_mutant(make_mutant(row["path"], row["number"]), steady, plan.seconds) | {"room": row["room"]}
        if row.get("test") in failing
        else row
        for row in rows
    ]


def _read_rows(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Return what was examined before; half a last line, of a run that was stopped, counts for nothing."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    rows = [json.loads(line) for line in whole.splitlines()]
    return {(row["path"], row["number"]): row for row in rows}


def count_kept(plan: Plan, kept: Path) -> dict[str, int]:
    """Return how many changes each module has, counted once."""
    path = kept / "counted.json"
    if not path.exists():
        counted = {module: count_mutants(module) for place in plan.places for module in place.modules}
        path.write_text(json.dumps(counted), encoding="utf-8")
    kept_counts: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    return kept_counts


def leave_results(plan: Plan, rows: Sequence[dict[str, Any]], counted: dict[str, int], path: Path = RESULTS) -> None:
    """Write what became of the sample so far, in the order of the lot within each place.

    A place of which nothing was examined keeps what an earlier sample found.
    """
    kept = ("room", "path", "line", "change", "outcome")
    earlier = json.loads(path.read_text(encoding="utf-8"))["drawn"] if path.exists() else []
    new = [{"seed": plan.seed} | {key: row[key] for key in kept} for row in rows]
    examined = {row["room"] for row in rows}
    drawn = [
        row
        for place in plan.places
        for row in (new if place.title in examined else earlier)
        if row["room"] == place.title
    ]
    document = {
        "asked": sum(place.drawn for place in plan.places),
        "changes": {place.title: sum(counted[module] for module in place.modules) for place in plan.places},
        "drawn": drawn,
    }
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.rename(path)


def main(words: Sequence[str] | None = None) -> int:
    """Examine the sample and leave what came of it so far; return 1 where it could not be ended in the minutes."""
    plan = Plan.load()
    parser = argparse.ArgumentParser(prog="python -m house.mutation")
    parser.add_argument("--minutes", type=float, default=55.0)
    parser.add_argument(
        "--kept", type=Path, default=ROOT / "build" / "deep" / f"mutants-{digest_code(_CODE, ROOT)[:16]}"
    )
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--place", default="", help="words of the titles of the places to go on with; all by default")
    asked = parser.parse_args(words)
    plan = replace(plan, seed=asked.seed)
    places = plan.find_places(asked.place)
    asked.kept.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * asked.minutes
    tests = list(dict.fromkeys(test for place in places for test in place.tests))
    if any(re.search("(demo|own)_workspace", (ROOT / test).read_text(encoding="utf-8")) for test in tests):
        os.environ["SOONER_KEPT_DEMO"] = str(keep_demo(asked.kept))
    ended = False
    if measure_reach(tests, asked.kept, until):
        reach = Reach.load(asked.kept)
        rows, ended = examine_sample(plan, places, reach, asked.kept, until)
        leave_results(plan, check_killers(plan, rows, reach), count_kept(plan, asked.kept))
    if not ended:
        print("Not all was examined in the time: run it again to go on.", file=sys.stderr)
    return 0 if ended else 1


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
