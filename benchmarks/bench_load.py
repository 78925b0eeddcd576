"""Five hundred workers' day, compressed: sign-ins apart, each opens their list, cases and their own cases, and decides.

Requests come when they are due, whether or not the ones before were answered, and a page's time counts from when it was
due: a service that falls behind can't hide it. Two workers serve, on SQLite; the clients run on the same machine. The
server's memory is looked at from a fifth of the day on, when everything has been loaded, to its end.

Ten minutes: `python -m benchmarks load`; SOONER_BENCH_LOAD=SECONDS for another length of the day, and fewer workers
with it. It needs Linux's /proc.
"""

from __future__ import annotations

import http.client
import os
import queue
import random
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.fault_places import Service
from benchmarks.results import Row
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from serving.session import PAGE, Beginning, name_cookie
from tests.unit.serving.conftest import AS_OF, TEAMS, make_council, make_world

__all__ = ["run"]

_DAY = float(os.environ.get("SOONER_BENCH_LOAD", "600"))
"""Seconds that the day lasts; workers are as many as make 25 requests a second."""
_WORKERS = min(500, max(20, round(_DAY * 500 / 600)))
_CASES, _DECISIONS, _LOOKS = 12, 4, 3
"""Of each worker in a day: cases opened, decisions, and looks at the list and at their own cases between."""
_CONNECTIONS = 24
_ALONE = 200
"""Pages that are asked alone first: none of the day is faster."""
_KEY = "5f" * 32
_FROM = 0.2
"""The share of the day after which memory is looked at."""


@dataclass(frozen=True)
class Person:
    """A worker: the team whose list they read, their cookie, and the secret of their forms."""

    team: str
    cookie: str
    form_token: str


@dataclass(frozen=True, order=True)
class Due:
    """A request that is due at a second of the day; `form` is what is sent, '' for a page."""

    at: float
    path: str
    cookie: str
    form: str = ""


@dataclass
class Day:
    """What was answered: milliseconds of each page from when it was due, statuses, and memory by second."""

    pages: list[float] = field(default_factory=list)
    forms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)
    troubles: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def run() -> list[Row]:
    """Play the day, and return how long pages took, whether memory stayed, and what was refused."""
    os.environ.update({"SOONER_KEY": _KEY, "OMP_NUM_THREADS": "1"})
    os.environ.pop("SOONER_DATABASE", None)
    with tempfile.TemporaryDirectory(prefix="sooner-load-") as base:
        service, people, cases = _make_service(Path(base))
        keeper = threading.Thread(target=service.run)
        keeper.start()
        try:
            service.wait_until_answering({"cookie": people[0].cookie}, path=f"/worklists/{people[0].team}")
            plan = _plan(people, cases)
            alone = _ask_alone(service, plan)
            before, own = service.spent(), time.process_time()
            day = _play(service, plan)
            spent = (service.spent() - before, time.process_time() - own)
        finally:
            service.stop()
            keeper.join(timeout=30)
    return _make_rows(day, alone, spent)


def _make_service(folder: Path) -> tuple[Service, list[Person], dict[str, list[str]]]:
    """Return a service with lists of 60 households for each team, its workers, and the cases by team."""
    council = make_council(folder / "world" / "council", lambda text: text.replace("places = 8", "places = 60"))
    world = make_world(folder / "world", 2_000, council)
    invocation = world.invocation
    (invocation.programme_folder / "definition.py").write_text("")
    rank_households(invocation, world.matrix, AS_OF)
    desk = Desk.open(invocation, demo=True, chain="load")
    people = []
    for number in range(_WORKERS):
        team = TEAMS[number % len(TEAMS)]
        token = desk.sessions.begin(
            Identity(f"worker-{number}", "lead_practitioner", frozenset({team})), Beginning(PAGE)
        )
        session = desk.sessions.read(token)
        if session is None:
            raise RuntimeError("a session that was begun is not open")
        people.append(Person(team, f"{name_cookie(secure=False)}={token}", session.form_token))
    cases = {team: [each.id for each in desk.store.referrals("early_help", f"{team}-{AS_OF}")] for team in TEAMS}
    desk.close()
    log = folder / "serve.log"
    return Service(invocation.council.folder, world.workspace.root, log), people, cases


def _plan(people: Sequence[Person], cases: dict[str, list[str]]) -> list[Due]:
    """Return every request of the day, in order; each worker's are spread over it."""
    chance = random.Random(1)  # noqa: S311  # when somebody works is no secret
    plan = []
    for person in people:
        moments = sorted(chance.uniform(0, _DAY) for _ in range(_LOOKS * 2 + _CASES + _DECISIONS))
        opened = chance.sample(cases[person.team], min(_CASES, len(cases[person.team])))
        paths = [f"/worklists/{person.team}", "/my-cases"] * _LOOKS + [f"/cases/{case}" for case in opened]
        chance.shuffle(paths)
        plan += [Due(at, path, person.cookie) for at, path in zip(moments, paths, strict=False)]
        for at, case in zip(moments[len(paths) :], opened, strict=False):
            fields = {"form_token": person.form_token, "version": "1", "disposition": "deferred",
                      "reason": "deferred:capacity", "until": ""}  # fmt: skip
            plan.append(Due(at, f"/cases/{case}/decision", person.cookie, urllib.parse.urlencode(fields)))
    return sorted(plan)


def _ask_alone(service: Service, plan: Sequence[Due]) -> float:
    """Return the 99th percentile of some pages' milliseconds where each is asked alone, before the day."""
    connection, took = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60), []
    for due in [each for each in plan if not each.form][:_ALONE]:
        began = time.monotonic()
        _ask(connection, service.address, due)
        took.append((time.monotonic() - began) * 1000)
    connection.close()
    return float(np.quantile(np.array(took), 0.99))


def _play(service: Service, plan: Sequence[Due]) -> Day:
    day, waiting = Day(), queue.Queue[Due | None]()
    began = time.monotonic()
    clients = [
        threading.Thread(target=_ask_all, args=(service, waiting, day, began), daemon=True)
        for _ in range(_CONNECTIONS)
    ]  # fmt: skip
    watch = threading.Thread(target=_watch_memory, args=(service, day, began), daemon=True)
    for thread in (*clients, watch):
        thread.start()
    for due in plan:
        time.sleep(max(0.0, began + due.at - time.monotonic()))
        waiting.put(due)
    for _ in clients:
        waiting.put(None)
    for thread in clients:
        thread.join(timeout=120)
    watch.join(timeout=10)
    if day.troubles:
        raise day.troubles[0]
    return day


def _ask_all(service: Service, waiting: queue.Queue[Due | None], day: Day, began: float) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    try:
        while (due := waiting.get()) is not None:
            status = _ask(connection, service.address, due)
            took = (time.monotonic() - began - due.at) * 1000
            with day.lock:
                day.statuses[status] += 1
                (day.forms if due.form else day.pages).append(took)
    except BaseException as error:
        day.troubles.append(error)
        raise
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, address: str, due: Due) -> int:
    headers = {"cookie": due.cookie}
    if due.form:
        headers |= {"origin": address, "content-type": "application/x-www-form-urlencoded"}
    for again in (True, False):
        try:
            connection.request("POST" if due.form else "GET", due.path, due.form or None, headers)
            answer = connection.getresponse()
            answer.read()
        except (http.client.HTTPException, OSError):
            # The server closes what was idle for some seconds.
            connection.close()
            if not again:
                raise
        else:
            return answer.status
    raise AssertionError("unreachable")


def _watch_memory(service: Service, day: Day, began: float) -> None:
    while (at := time.monotonic() - began) < _DAY:
        with suppress(OSError):
            day.memory.append((at, sum(_read_resident(pid) for pid in service.workers())))
        time.sleep(min(1.0, _DAY / 50))


def _read_resident(pid: int) -> float:
    """Return the MB that a process has in memory and shares with nobody, those it shares by parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _make_rows(day: Day, alone: float, spent: tuple[float, float]) -> list[Row]:
    loaded = [size for at, size in day.memory if at >= _FROM * _DAY]
    third = max(1, len(loaded) // 3)
    first, last = float(np.median(loaded[:third])), float(np.median(loaded[-third:]))
    worst = float(np.quantile(np.array(day.pages), 0.99))
    half, forms = float(np.median(day.pages)), float(np.quantile(np.array(day.forms), 0.99))
    faults = sum(number for status, number in day.statuses.items() if status >= 429)
    load = round(os.getloadavg()[0], 1)
    asked = len(day.pages) + len(day.forms)
    busy = sum(spent) / (_DAY * (os.cpu_count() or 1))
    people = f"{_WORKERS} workers, {asked:,} requests in {_DAY:.0f} s"
    return [
        Row(f"load of {_WORKERS} workers' day, page p99", round(worst, 1), "ms", "under 200 ms", worst < 200,
            {"p50, ms": round(half, 1), "forms p99, ms": round(forms, 1), "machine's load at the end": load,
             "429 or 5xx": faults, "decided": day.statuses[303],
             "bound: a page asked alone, p99, ms": round(alone, 1),
             "bound: share of the cores that server and clients took, %": round(100 * busy),
             "server, processor ms a request": round(1000 * spent[0] / asked, 1)},
            f"{people}; from when each was due; two workers, SQLite, clients on the same two cores"),
        Row(f"load of {_WORKERS} workers' day, memory", round(last / first, 3), "times a fifth of the day's",
            "1.05 or less", last / first <= 1.05,
            {"first third, MB": round(first, 1), "last third, MB": round(last, 1)},
            "of the two workers, shared pages counted by parts (Pss)"),
    ]  # fmt: skip
