"""Back at once: a worker that is killed, or hangs, is replaced while others answer, and a stop is a stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from serving.web.supervisor import HUNG, STOPPING
from tests.conftest import ROOT
from tests.unit.serving.served import Served, serving
from tests.waiting import PATIENCE

_LOAD = """
import gc, sys
from serving.web.supervisor import load_service
load_service()
heavy = ("pandas", "sklearn", "pyarrow", "matplotlib", "aiohttp")
print([name for name in heavy if name in sys.modules], gc.isenabled(), gc.get_freeze_count() > 10_000)
import _bentoml_impl.server.proxy as proxy
print(proxy.aiohttp.ClientTimeout.__name__, sys.modules["aiohttp"].ClientTimeout is proxy.aiohttp.ClientTimeout)
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc to know the workers")

BEGINS = 3.0
"""Seconds of processor time within which a worker must answer; measured 0.5."""


def test_what_a_start_loads_is_what_it_uses_and_the_rest_comes_when_it_is_asked_for() -> None:
    """Nor does the collector look through it: not while it is loaded, and not in a worker after."""
    ran = subprocess.run([sys.executable, "-c", _LOAD], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["[] True True", "ClientTimeout True"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "world") as running:
        yield running


def find_workers(supervisor: int) -> set[int]:
    return {int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()}


def kill_workers(supervisor: int) -> None:
    """Kill all that there are, and wait until as many others begin."""
    before = find_workers(supervisor)
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(find_workers(supervisor) - before) == len(before))


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def answers(served: Served) -> bool:
    try:
        return httpx.get(f"{served.address}/readyz", timeout=PATIENCE).status_code == 200
    except httpx.HTTPError:
        return False


def test_killed_workers_are_replaced_at_once_even_while_they_begin_and_a_stop_waits_for_nobody(served: Served) -> None:
    supervisor = served.pid
    assert len(find_workers(supervisor)) == 2
    for _ in range(2):  # those that have just begun too: nobody waits for an answer of a dead one
        kill_workers(supervisor)
    wait_until(lambda: answers(served))
    assert all(processor_seconds(worker) < BEGINS for worker in find_workers(supervisor))
    # Strangers who send half a body and wait are no reason to stay.
    host, _, port = served.address.removeprefix("http://").partition(":")
    head = f"POST /v1/session HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
    strangers = [socket.create_connection((host, int(port))) for _ in range(4)]
    for stranger in strangers:
        stranger.sendall(head.encode())
    before = time.monotonic()
    os.kill(supervisor, signal.SIGTERM)
    os.waitid(os.P_PID, supervisor, os.WEXITED | os.WNOWAIT)
    assert time.monotonic() - before < STOPPING + 7, "a stop takes 5 seconds, and the tests' machine a few of its own"
    for stranger in strangers:
        stranger.close()


@pytest.mark.deep
def test_a_worker_that_hangs_is_replaced_after_its_time_while_the_other_answers(served: Served) -> None:
    supervisor = served.pid
    hung, other = sorted(find_workers(supervisor))
    before = time.monotonic()
    os.kill(hung, signal.SIGSTOP)
    assert answers(served)
    assert hung in find_workers(supervisor)
    wait_until(lambda: hung not in find_workers(supervisor))
    assert HUNG - 2 < time.monotonic() - before < HUNG + 15
    assert other in find_workers(supervisor)
    wait_until(lambda: len(find_workers(supervisor)) == 2)


@pytest.mark.deep
def test_workers_whose_supervisor_was_killed_end_by_themselves(served: Served) -> None:
    supervisor = served.pid
    workers = find_workers(supervisor)
    assert workers
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: not any(_runs(worker) for worker in workers))


def _runs(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rsplit(")", 1)[1].split()[0] != "Z"
