"""A kill, a Ctrl-C or a full disk in the middle of any verb that writes: all is as before or done, and it runs again.

A week passes in a workspace that is complete: every verb is stopped at seeded moments of its second run, then let
through. Moments are in seconds of processor time, so a busy machine tests the same ones.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pytest

from charter.contracts import check_document
from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from tests.conftest import ROOT, Ran, run_sooner
from tests.pipeline.test_path import first_referral, known_reference, next_delivery
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs Linux's /proc to know when a verb writes"),
]

SECONDS: Mapping[str, float] = {
    "synth": 0.8,
    "pull": 1.2,
    "link": 1.2,
    "build": 0.8,
    "train": 5.0,
    "audit": 5.0,
    "decide": 0.1,
    "sign charter": 0.05,
    "sign decision": 0.05,
    "promote": 1.0,
    "rank": 0.8,
    "resident": 0.8,
}
"""About how much processor time each verb works for once it holds the writer's lock: until then it writes nothing."""

LOCKS = Path("/proc/locks")

SIGNERS = ("senior_responsible_owner", "data_protection_officer", "residents_panel", "chief_data_officer")


def started(words: Sequence[str], limit: int | None = None) -> subprocess.Popen[str]:
    """Start the real command; no file of its may grow beyond `limit` bytes, as on a disk that fills."""

    def small() -> None:
        assert limit is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "sooner", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=small if limit else None,
    )


def processor_seconds(pid: int) -> float:
    """Return what a process has used so far; infinity once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return float("inf")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields[0] != "Z" else float("inf")


def is_writing(pid: int) -> bool:
    """Whether a process holds a lock on a file: the workspace's one writer does."""
    return any(f" FLOCK ADVISORY WRITE {pid} " in " ".join(row.split()) for row in LOCKS.read_text().splitlines())


def stopped(words: Sequence[str], how: signal.Signals, after: float) -> Ran:
    """Run a command and send it a signal once it has written for so many seconds of processor time."""
    process = started(words)
    while process.poll() is None and not is_writing(process.pid):
        time.sleep(0.005)
    begun = processor_seconds(process.pid)
    while processor_seconds(process.pid) < begun + after:
        time.sleep(0.005)
    if process.poll() is None:
        process.send_signal(how)
    out, err = process.communicate(timeout=PATIENCE)
    return Ran(process.returncode, out, err)


def whole(workspace: Workspace) -> None:
    """Check that every `current` names a folder, every document keeps its contract, and every database is sound."""
    for pointer in workspace.root.glob("*/*/current"):
        folder = find_current(pointer.parent)
        assert folder is not None
        assert folder.is_dir(), pointer
    for pattern, contract in (
        ("store/*/manifest.json", "snapshot"),
        ("extracts/*/delivery.json", "delivery"),
        ("matrix/*/*/manifest.json", "matrix"),
        ("matrix/*/*/definition.json", "definition"),
        ("scores/*/*/manifest.json", "run"),
        ("scores/*/*/metrics.json", "metrics"),
        ("audit/*/*/findings.json", "findings"),
        ("audit/*/*/decision.json", "decision"),
        ("release/*/*/manifest.json", "release"),
        ("bundle/*/*/manifest.json", "bundle"),
    ):
        found = [path for path in workspace.root.glob(pattern) if ".new-" not in str(path)]
        assert found, pattern
        for path in found:
            check_document(contract, read_json(path))
    for path in (*workspace.root.glob("*.db"), *workspace.root.glob("*/*.db"), *workspace.root.glob("*/*.sqlite")):
        with sqlite3.connect(path) as database:
            assert database.execute("pragma integrity_check").fetchall() == [("ok",)], path
    run = run_sooner("verify-log", "--workspace", str(workspace.root))
    assert run.code == 0, run.err


def commands(workspace: Workspace, service: str, reference: str) -> Mapping[str, list[str]]:
    """Return every verb that writes, as it is typed in the second week, in order."""
    where = ["--workspace", str(workspace.root)]
    asked = ["resident", "object", "--through", service, "--reference", reference, "--purpose", "rank"]
    return {
        "synth": ["synth", "--households", "3000", "--seed", "1", *where],
        "pull": ["pull", *where],
        "link": ["link", *where],
        "build": ["build", *where],
        "train": ["train", *where],
        "audit": ["audit", *where],
        "decide": ["decide", *where],
        "sign charter": ["sign", "--demo", "--what", "charter", "--role", SIGNERS[0], *where],
        "sign decision": ["sign", "--demo", "--what", "decision", "--role", SIGNERS[0], *where],
        "promote": ["promote", *where],
        "rank": ["rank", "--refresh", *where],
        "resident": [*asked, *where],
    }


def through(verb: str, words: Sequence[str], workspace: Workspace) -> None:
    """Let a verb run to its end, and do what must be done before the next one."""
    ran = run_sooner(*words)
    assert ran.code in ({0, 15} if verb == "decide" else {0}), (verb, ran.out, ran.err)
    if verb == "synth":
        next_delivery(workspace.extracts)
    if verb == "sign decision":
        other = run_sooner(*[SIGNERS[3] if word == SIGNERS[0] else word for word in words])
        assert other.code == 0, other.err


def _find_resident(workspace: Workspace) -> tuple[str, str]:
    record = run_sooner("reproduce", first_referral(workspace), "--workspace", str(workspace.root), "--json")
    assert record.code == 0, record.err
    return known_reference(workspace, json.loads(record.out))


def second_week(
    root: Path,
    disturb: Callable[[str, Sequence[str], Workspace], int],
    verbs: Sequence[str],
    undisturbed: Collection[str] = (),
) -> int:
    """Take a workspace through its second week, disturbing verbs first; return how often one was stopped."""
    workspace = Workspace(root, "early_help")
    service, reference = _find_resident(workspace) if "resident" in verbs else ("", "")
    times = 0
    week = commands(workspace, service, reference)
    for verb in verbs:
        words = week[verb]
        if verb not in undisturbed:
            times += disturb(verb, words, workspace)
        through(verb, words, workspace)
    whole(workspace)
    return times


def signals(seed: int, each: int) -> Callable[[str, Sequence[str], Workspace], int]:
    """Return what stops a verb `each` times by Ctrl-C and by a kill, at moments drawn with the seed."""
    draw = random.Random(seed)  # noqa: S311 - moments, not secrets

    def disturb(verb: str, words: Sequence[str], workspace: Workspace) -> int:
        times = 0
        for how in [signal.SIGINT, signal.SIGKILL] * each:
            ran = stopped(words, how, draw.uniform(0, SECONDS[verb]))
            if how == signal.SIGINT and ran.code not in (0, 15):
                assert ran.code == 130, (verb, ran.code, ran.out, ran.err)
                told = ran.err.strip().splitlines()[-2:]
                assert told == [
                    "sooner: stopped before the end; what was there before is unchanged.",
                    "  next: Run it again.",
                ]
                assert "Traceback" not in ran.err, (verb, ran.err)
            times += ran.code in (130, -signal.SIGKILL)
            whole(workspace)
        return times

    return disturb


def full_disk(seed: int, each: int) -> Callable[[str, Sequence[str], Workspace], int]:
    """Return what lets a verb's disk fill `each` times, at sizes drawn with the seed."""
    draw = random.Random(seed)  # noqa: S311 - sizes, not secrets

    def disturb(verb: str, words: Sequence[str], workspace: Workspace) -> int:
        times = 0
        for _ in range(each):
            process = started(words, limit=int(2 ** draw.uniform(4, 21)))
            _, err = process.communicate(timeout=PATIENCE)
            if process.returncode not in (0, 15):
                assert process.returncode == 11, (verb, process.returncode, err)
                assert err.splitlines()[-2].startswith("sooner: "), (verb, err)
                assert "Traceback" not in err, (verb, err)
                times += 1
            whole(workspace)
        return times

    return disturb


QUICK = ("pull", "link", "build", "rank")
"""The verbs that change most files; all of them are stopped in `make deep`."""


@pytest.mark.deep
def test_a_verb_that_is_stopped_leaves_the_old_or_the_new_and_runs_again(own_workspace: Path) -> None:
    next_delivery(own_workspace / "extracts")
    # tests/unit/features/intake/test_snapshot.py kills these two.
    assert second_week(own_workspace, signals(seed=1, each=1), QUICK, undisturbed=("pull", "link")) >= 2


@pytest.mark.deep
def test_a_verb_whose_disk_fills_leaves_the_old_and_runs_again(own_workspace: Path) -> None:
    next_delivery(own_workspace / "extracts")
    assert second_week(own_workspace, full_disk(seed=1, each=1), QUICK) >= 1


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2, 4))
def test_many_stops_at_many_moments(own_workspace: Path, seed: int) -> None:
    assert second_week(own_workspace, signals(seed, each=2), list(SECONDS)) >= 2 * len(SECONDS)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2, 4))
def test_many_full_disks(own_workspace: Path, seed: int) -> None:
    assert second_week(own_workspace, full_disk(seed, each=2), list(SECONDS)) >= len(SECONDS) // 2


def test_a_disk_that_is_really_full_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        ran = run_sooner("synth", "--households", "300", "--workspace", str(small / "workspace"))
        assert ran.code == 11, (ran.out, ran.err)
        assert ran.err.splitlines()[-2].startswith("sooner: ")
        assert "next: " in ran.err
        assert not (small / "workspace/extracts").exists()
        assert not list((small / "workspace").glob(".new-*"))
    finally:
        subprocess.run(["umount", str(small)], check=True)
    shutil.rmtree(small)
