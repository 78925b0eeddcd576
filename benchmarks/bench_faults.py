"""A day on which everything breaks: processes killed, database stopped, disk filled, bytes flipped, clock moved.

Twenty clients decide all the while, on SQLite and on PostgreSQL. What they were told is compared with what the database
holds: acknowledged decisions that are lost, and decisions that are there twice. Of each fault the seconds until staff
get a list again are measured, from the moment of the kill or of the mending. Nothing is begun again by hand but the
server itself, which systemd does.

Twenty to forty minutes: `python -m benchmarks faults`; SOONER_BENCH_KILLS=10 for fewer kills. It needs Linux and
PostgreSQL's programs, for the small disk root, and libfaketime for the clock. What can't be done is said in its row.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fault_clients import CLIENTS, Crowd, Losses, count_losses
from benchmarks.fault_places import Cluster, Service, move_clock, small_disk
from benchmarks.results import Row
from charter.contracts.files import find_current
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from serving.session import API, Beginning
from serving.verification import verify_logs
from tests.unit.serving.conftest import AS_OF, TEAMS, make_world

_KILLS = int(os.environ.get("SOONER_BENCH_KILLS", "100"))
_BACK = 5.0
"""Seconds within which the service is back."""
_KEY = "5f" * 32
_DISK = 400
"""Megabytes of the small disk: the service wants 100 free."""
_KILLED = {"worker": "one worker", "workers": "all workers", "server": "the server"}
_HELD = 4.0
"""Seconds that a fault lasts before it is mended."""


@dataclass
class Drill:
    """One running service, its clients, and how long it took to be back after each fault."""

    service: Service
    staff: Mapping[str, str]
    bundle: Path
    disk: Path | None
    back: dict[str, list[float]] = field(default_factory=dict)
    spent: dict[str, list[float]] = field(default_factory=dict)
    load: list[float] = field(default_factory=lambda: [os.getloadavg()[0]])

    def note(self, fault: str) -> None:
        """Wait until the service is back, and note how long that took."""
        seconds = self.service.wait_until_answering(self.staff)
        self.back.setdefault(fault, []).append(seconds)
        if seconds > _BACK:
            self.spent.setdefault(fault, []).append(self.service.spent())
        print(f"  {fault}: {seconds:.2f} s", file=sys.stderr, flush=True)


def run() -> list[Row]:
    """Drill both databases, and return what was lost and how long it took to be back."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="sooner-drill-") as base:
        rows += _drill(Path(base) / "sqlite", None)
        cluster = Cluster(Path(base) / "cluster")
        cluster.folder.mkdir()
        Path(base).chmod(0o711)
        cluster.make()
        try:
            rows += _drill(Path(base) / "postgresql", cluster)
        finally:
            cluster.stop()
    return rows


def _drill(folder: Path, cluster: Cluster | None) -> list[Row]:
    with _running(folder, cluster) as (drill, crowd, count):
        for fault in (_kill, _flip_bytes, _fill_disk, _move_clock):
            fault(drill)
        if cluster is not None:
            _stop_database(drill, cluster)
        crowd.stop()
        drill.service.stop()
        losses = count()
    return _make_rows(folder.name, drill, crowd, losses)


@contextmanager
def _running(folder: Path, cluster: Cluster | None) -> Iterator[tuple[Drill, Crowd, Callable[[], Losses]]]:
    """Serve a small world on a small disk with a clock that can be moved; clients decide while the block runs."""
    os.environ.update({"SOONER_KEY": _KEY, "OMP_NUM_THREADS": "1"})
    os.environ.pop("SOONER_DATABASE", None)
    if cluster is not None:
        os.environ["SOONER_DATABASE"] = cluster.url
    with small_disk(folder, _DISK) as has_disk:
        world = make_world(folder / "world")
        invocation = world.invocation
        (invocation.programme_folder / "definition.py").write_text("")
        rank_households(invocation, world.matrix, AS_OF)
        desk = Desk.open(invocation, demo=True, chain="drill")
        people = [Identity(f"client-{n}", "lead_practitioner", frozenset(TEAMS)) for n in range(CLIENTS + 1)]
        tokens = [{"authorization": f"Bearer {desk.sessions.begin(each, Beginning(API))}"} for each in people]
        cases = [each.id for team in TEAMS for each in desk.store.referrals("early_help", f"{team}-{AS_OF}")]
        desk.close()
        service = Service(invocation.council.folder, world.workspace.root, folder.parent / f"{folder.name}.log")
        bundle = find_current(world.workspace.bundle)
        if bundle is None:
            raise RuntimeError("the world has no bundle")
        drill = Drill(service, tokens[CLIENTS], bundle / "model.lgb", folder if has_disk else None)
        crowd = Crowd(service.address, tokens[:CLIENTS], cases)

        def count() -> Losses:
            """Read the database once everything has stopped; the log must be whole as well."""
            verify_logs(invocation)
            again = Desk.open(invocation, demo=True, chain="drill")
            try:
                return count_losses(
                    crowd, [(each.referral, each.note, each.version) for each in again.store.decisions()]
                )
            finally:
                again.close()

        keeper = threading.Thread(target=service.run)
        keeper.start()
        try:
            service.wait_until_answering(drill.staff)
            crowd.start()
            yield drill, crowd, count
        finally:
            service.stop()
            keeper.join(timeout=30)


def _kill(drill: Drill) -> None:
    chance = random.Random(1)  # noqa: S311  # when to kill is no secret
    for number in range(_KILLS):
        time.sleep(chance.uniform(0.2, 2.0))
        what = chance.choice(("worker", "worker", "workers", "server"))
        drill.service.kill(what, number)
        drill.note(f"kill -9 of {_KILLED[what]}")


def _flip_bytes(drill: Drill) -> None:
    """Flip a byte of the model: workers that answer go on with the one they hold, new ones serve nothing of it."""
    whole = drill.bundle.read_bytes()
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 0x01
    for _ in range(3):
        drill.bundle.write_bytes(bytes(flipped))
        drill.service.kill("workers", 0)
        time.sleep(_HELD)
        if drill.service.ask("/readyz", {}) == 200:
            raise RuntimeError("a bundle whose bytes were flipped is served")
        drill.bundle.write_bytes(whole)
        drill.note("a flipped byte of the bundle, put right")


def _fill_disk(drill: Drill) -> None:
    if drill.disk is None:
        return
    filling = drill.disk / "filling"
    for _ in range(3):
        _write_until_full(filling)
        time.sleep(_HELD)
        if drill.service.ask("/readyz", {}) == 200:
            raise RuntimeError("a service on a full disk says that it is ready")
        filling.unlink()
        drill.note("a full disk, emptied")


def _write_until_full(path: Path) -> None:
    piece = bytes(2**16)
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(piece)
    except OSError:
        return


def _move_clock(drill: Drill) -> None:
    """Begin the server with a clock that is off, and again with the right one."""
    for by in ("-1h", "+2m"):
        moved = move_clock(by)
        if moved is None:
            return
        drill.service.environment = moved
        drill.service.kill("server", 0)
        drill.note(f"a start with the clock off by {by}")
        drill.service.environment = {}
        drill.service.kill("server", 0)
        drill.note("a start with the clock put right")


def _stop_database(drill: Drill, cluster: Cluster) -> None:
    for _ in range(5):
        cluster.stop()
        time.sleep(_HELD)
        if drill.service.ask("/readyz", {}) == 200:
            raise RuntimeError("a service without its database says that it is ready")
        cluster.start()
        drill.note("a stopped database, started")


def _make_rows(database: str, drill: Drill, crowd: Crowd, losses: Losses) -> list[Row]:
    faults = sum(map(len, drill.back.values()))
    told = f"{faults} faults, {losses.acknowledged} decisions acknowledged, {sum(crowd.answers.values())} calls"
    missing = [] if drill.disk else ["no small disk here: the full disk was left out"]
    missing += [] if move_clock("+0") else ["no libfaketime here: the clock was left alone"]
    note = "; ".join([told, *missing])
    rows = [
        Row(f"fault drill, {database}: acknowledged decisions lost", losses.lost, "decisions", "0",
            losses.lost == 0, note=note),
        Row(f"fault drill, {database}: decisions doubled", losses.doubled, "decisions", "0", losses.doubled == 0,
            note=f"{losses.refused_and_kept} were refused and kept, {losses.gaps} cases have a gap in their versions"),
    ]  # fmt: skip
    return rows + [_make_back_row(database, fault, drill) for fault in sorted(drill.back)]


def _make_back_row(database: str, fault: str, drill: Drill) -> Row:
    seconds, spent = drill.back[fault], drill.spent.get(fault)
    note = f"{len(seconds)} times, median {statistics.median(seconds):.2f} s, {sum(s < _BACK for s in seconds)} in time"
    if spent:
        note += (
            f"; bound: those that were late had begun with {statistics.median(spent):.1f} s of the processor (median), "
            "on a machine that others kept busy "
            f"(load {max(*drill.load, os.getloadavg()[0]):.0f} on {os.cpu_count()} cores)"
        )
    return Row(f"fault drill, {database}: back after {fault}, longest", round(max(seconds), 2), "s",
               f"under {_BACK:g} s", max(seconds) < _BACK, note=note)  # fmt: skip
