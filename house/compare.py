"""`python -m house.compare OLD NEW`: says whether a change of the code changes what the demo makes, and as meant.

Plays the demo in two checkouts, each with its own code and council, under one key, and compares what it left behind:
one line for each artefact. `same` is byte for byte; `same but for names` is the same once ids, digests of files and
moments are read as names (house.workspaces). What differs is named by its keys, and looked up in
house/meant_changes.toml: which step of the work may change it, and why. Leaves with 1 where a difference is not meant.

    --households N   how many homes the borough has (3,000)
    --seed N         which borough (1)
    --keep FOLDER    keep both workspaces there; one that is there already, of the same commit, is not made again
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from charter.contracts.files import write_json
from charter.errors import DataError, SoonerError, UsageError
from house.workspaces import PlayedWorkspace

__all__ = ["Comparison", "MeantChange", "compare_workspaces", "differing_keys", "play_demo"]

KEY = "a5" * 32
MEANT = Path(__file__).with_name("meant_changes.toml")
KEYS_SHOWN = 12

ARTEFACTS: Mapping[str, tuple[str, ...]] = {
    "extracts": ("extracts/*",),
    "snapshot's records": ("store/*/records/*", "quarantine/*"),
    "linked tables": ("store/*/tables-*",),
    "snapshot's manifest": ("store/*/manifest.json", "store/current"),
    "vault, opened": ("vault/*",),
    "matrices": ("matrix/*.npy",),
    "matrices' manifests": ("matrix/*/manifest.json", "matrix/*/current", "matrix/*.csv"),
    "definition and register": ("matrix/*/definition.json", "matrix/*/register.html", "release/*/definition.json"),
    "scores": ("scores/*/scores.parquet",),
    "models": ("scores/*.lgb", "release/*.lgb", "bundle/*.lgb", "release/*/check.npz", "bundle/*/check.npz"),
    "metrics": ("scores/*/metrics.json", "scores/*/final.json"),
    "run's manifest": ("scores/*/manifest.json", "scores/*/current"),
    "findings": ("audit/*/findings.json", "audit/*/current"),
    "decisions": ("audit/*/decision.json",),
    "sign-offs": ("signoffs.toml", "audit/*/signoffs.toml", "live/*"),
    "reports": ("scores/*/report.html", "audit/*/report.html"),
    "release": ("release/*/manifest.json", "release/*/history.json", "release/*/current"),
    "bundle": ("bundle/*/manifest.json", "bundle/*/current"),
    "issued lists": ("worklist/*",),
    "casework database": ("casework.db",),
    "log": ("log.jsonl",),
}
"""By name: which files it is, as patterns whose `*` also stands for folders."""

APART = ("mlflow.db", "mlartifacts/*", "scores/*/tracking.json", ".writer", "*-wal", "*-shm")
"""What is not compared: MLflow's copies of a run's files and figures, under names drawn at random, and locks."""


@dataclass(frozen=True)
class MeantChange:
    """A difference that a step of the work may make, and why; `keys` are patterns."""

    artefact: str
    keys: tuple[str, ...]
    step: str
    why: str

    def covers(self, artefact: str, key: str) -> bool:
        """Whether a key of an artefact may differ for this reason."""
        return artefact == self.artefact and any(fnmatchcase(key, pattern) for pattern in self.keys)


@dataclass(frozen=True)
class Comparison:
    """One artefact of two workspaces: how much it is, whether bytes are the same, and which keys differ."""

    artefact: str
    size: str
    same_bytes: bool
    keys: tuple[str, ...]

    def unmeant(self, changes: Collection[MeantChange]) -> tuple[str, ...]:
        """Return the keys that differ without a reason."""
        return tuple(key for key in self.keys if not any(change.covers(self.artefact, key) for change in changes))

    def lines(self, changes: Collection[MeantChange]) -> Iterator[str]:
        """Give the line that says it, and beneath it which keys differ and why."""
        unmeant = self.unmeant(changes)
        verdict = "same" if self.same_bytes else "same but for names"
        if self.keys:
            verdict = f"DIFFERS ({len(unmeant)} keys not meant)" if unmeant else "differs as meant"
        yield f"{self.artefact:<26} {self.size:>11}  {verdict}"
        for change in changes:
            keys = [key for key in self.keys if change.covers(self.artefact, key)]
            if keys:
                yield f"    {_few(keys)}: {change.step}. {change.why}"
        if unmeant:
            yield f"    NOT MEANT: {_few(unmeant)}"


def _few(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - KEYS_SHOWN} more" if len(keys) > KEYS_SHOWN else ""
    return ", ".join(keys[:KEYS_SHOWN]) + more


def meant_changes(path: Path = MEANT) -> tuple[MeantChange, ...]:
    """Read which differences are meant: each `[[change]]` with artefact, keys, step and why."""
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("change", [])
    return tuple(MeantChange(row["artefact"], tuple(row["keys"]), row["step"], row["why"]) for row in rows)


def differing_keys(old: Any, new: Any, key: str = "") -> Iterator[str]:
    """Give the keys under which two values differ, once for all rows of a list: `findings[].estimate`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            inner = f"{key}.{name}" if key else str(name)
            if name in old and name in new:
                yield from differing_keys(old[name], new[name], inner)
            else:
                yield f"{inner} ({'gone' if name in old else 'new'})"
    elif _is_text(old) and _is_text(new):
        yield from _differing_lines(old, new)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        rows = zip(old, new, strict=True)
        yield from sorted({inner for row, other in rows for inner in differing_keys(row, other, f"{key}[]")})
    elif isinstance(old, list) and isinstance(new, list):
        yield f"{key}[] ({len(old):,} and {len(new):,})"
    elif type(old) is not type(new) or old != new:
        yield key or "all of it"


def _is_text(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(line, str) for line in value)


def _differing_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Give one key that says how many lines of a text differ; nothing where none does."""
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    lines = sum(
        max(end - start, stop - begin) for kind, start, end, begin, stop in matcher.get_opcodes() if kind != "equal"
    )
    if lines:
        yield f"lines ({lines:,} of {max(len(old), len(new)):,})"


def compare_workspaces(old: PlayedWorkspace, new: PlayedWorkspace) -> Iterator[Comparison]:
    """Compare artefact by artefact what two demos left; a file that is no artefact's is one of its own."""
    before, after = old.files(), new.files()
    names = {name for name in before.keys() | after.keys() if not _is_any(name, APART)}
    for artefact, patterns in ARTEFACTS.items():
        chosen = {name for name in names if _is_any(name, patterns)}
        names -= chosen
        yield _compare_files(artefact, chosen, (old, before), (new, after))
    records, others = (workspace.sealed_records(workspace.root / "casework.db") for workspace in (old, new))
    opened = [
        {name: workspace.named_value(json.loads(sealed)) for name, sealed in rows.items()}
        for workspace, rows in ((old, records), (new, others))
    ]
    yield Comparison("sealed records, opened", f"{len(others)} records", records == others, tuple(_by_record(*opened)))
    for name in sorted(names):
        yield _compare_files(name, {name}, (old, before), (new, after))
    keys = tuple(differing_keys(dict(old.ids), dict(new.ids)))
    yield Comparison("ids", f"{len(new.ids)} ids", old.ids == new.ids, keys)


def _by_record(records: Mapping[str, Any], others: Mapping[str, Any]) -> Iterator[str]:
    """Give the keys that differ in any record, and how many records only one side has."""
    alone = records.keys() ^ others.keys()
    if alone:
        yield f"{len(alone)} records of one side alone"
    both = sorted(records.keys() & others.keys())
    yield from differing_keys([records[name] for name in both], [others[name] for name in both])


def _is_any(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _compare_files(
    artefact: str,
    names: Collection[str],
    old: tuple[PlayedWorkspace, Mapping[str, Path]],
    new: tuple[PlayedWorkspace, Mapping[str, Path]],
) -> Comparison:
    (workspace, before), (other, after) = old, new
    same_bytes, keys = True, []
    for name in sorted(names):
        if name not in before or name not in after:
            same_bytes = False
            keys.append(f"{name} ({'gone' if name in before else 'new'})")
        elif before[name].read_bytes() != after[name].read_bytes():
            same_bytes = False
            values = workspace.read_value(before[name]), other.read_value(after[name])
            prefix = f"{name}: " if len(names) > 1 else ""
            keys.extend(f"{prefix}{key}" for key in differing_keys(*values))
    return Comparison(artefact, f"{len(names)} files", same_bytes, tuple(keys))


def play_demo(checkout: Path, folder: Path, households: int, seed: int) -> PlayedWorkspace:
    """Play the demo with a checkout's code and council, in a folder of its commit's name below `folder`.

    What is there already is taken as it is. Raises UsageError for a checkout that was edited since its commit where
    one is there, or that is none, and DataError where the demo does not end well.
    """
    name = f"{_commit(checkout)}-{households}-{seed}"
    place, note = folder / name, folder / name / "played.json"
    if note.exists():
        if "dirty" in name:
            raise UsageError(f"{checkout} is not as it was committed, and {place} is there.", "Commit, or remove it.")
        return _opened(place, json.loads(note.read_text(encoding="utf-8")))
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    began = datetime.now(UTC)
    words = ["demo", "--no-serve", "--quiet", "--households", str(households), "--seed", str(seed)]
    done = subprocess.run(  # noqa: S603  # this Python, the checkout's code, whole numbers and our own folder
        [sys.executable, "-m", "sooner", *words, "--workspace", str((place / "workspace").resolve())],
        cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout), "SOONER_KEY": KEY},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise DataError(f"the demo of {checkout} left with {done.returncode}: {done.stderr.strip()}", "Mend it first.")
    moments = {"began": began.isoformat(), "ended": datetime.now(UTC).isoformat()}
    write_json(note, moments)
    return _opened(place, moments)


def _opened(place: Path, moments: Mapping[str, str]) -> PlayedWorkspace:
    began, ended = (datetime.fromisoformat(moments[name]) for name in ("began", "ended"))
    return PlayedWorkspace(place / "workspace", began, ended, bytes.fromhex(KEY))


def _commit(checkout: Path) -> str:
    """Return a checkout's commit, shortened; with `-dirty` where it was edited since."""
    words = ["git", "-C", str(checkout), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    if done.returncode != 0:
        raise UsageError(f"{checkout} is no checkout of the project.", "Name two: `git worktree add` makes one.")
    return done.stdout.strip()


def main() -> int:
    """Play both, compare, print; 0 where all that differs is meant."""
    parser = argparse.ArgumentParser(prog="python -m house.compare", description="Compare the demo of two checkouts.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--households", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="house-compare-") as temporary:
        kept = options.keep or Path(temporary)
        try:
            old, new = (
                play_demo(checkout.resolve(), kept / side, options.households, options.seed)
                for side, checkout in (("old", options.old), ("new", options.new))
            )
        except SoonerError as error:
            print(f"house.compare: {error}", file=sys.stderr)
            return 2
        if old.began.date() != new.ended.date():
            print("house.compare: the demos are of two days, and decisions hold theirs. Remove both, then play again.")
            return 2
        changes = meant_changes()
        unmeant = 0
        for comparison in compare_workspaces(old, new):
            unmeant += len(comparison.unmeant(changes))
            print("\n".join(comparison.lines(changes)), flush=True)
        print("\nids")
        for name in sorted(old.ids.keys() | new.ids.keys()):
            was, now = old.ids.get(name, "none"), new.ids.get(name, "none")
            print(f"    {name:<48} {was if was == now else f'{was} -> {now}'}")
    print(f"\n{unmeant} keys differ that nothing in {MEANT.name} explains." if unmeant else "\nAll as meant.")
    return 1 if unmeant else 0


if __name__ == "__main__":
    sys.exit(main())
