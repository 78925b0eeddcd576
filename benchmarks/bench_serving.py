"""The casework service over loopback: one case, a whole list's cases, the worklist page, and how it starts.

Contenders take turns on one keep-alive connection, each request waited for: what one person at a screen feels.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import serving_at_scale
from benchmarks.results import Row
from charter.invocation import Invocation
from serving.bundle import Bundle

_ROOT = Path(__file__).resolve().parents[1]
_CORE = Path(__file__).parent / "peers" / ".venvs" / "core"
_WARM, _ROUNDS, _ONE, _MANY, _PAGES = 30, 3, 300, 15, 150


@dataclass(frozen=True)
class Way:
    """Something to ask: a connection, a request, and what to expect."""

    connection: http.client.HTTPConnection
    method: str
    path: str
    body: str
    headers: dict[str, str]

    def ask(self) -> float:
        """Send it, read the whole answer, and return the milliseconds."""
        began = time.perf_counter()
        self.connection.request(self.method, self.path, self.body or None, self.headers)
        answer = self.connection.getresponse()
        answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{self.path} answered {answer.status}")
        return took


def turns(ways: Sequence[Way], times: int) -> list[list[float]]:
    """Ask each of `ways` in turn, `times` times in each of some rounds; milliseconds of each.

    A turn begins with a connection of its own and some unmeasured requests: servers close what was idle for seconds.
    """
    found: list[list[float]] = [[] for _ in ways]
    for _ in range(_ROUNDS):
        for number, way in enumerate(ways):
            way.connection.close()
            for _ in range(_WARM if times > _WARM else 3):
                way.ask()
            found[number] += [way.ask() for _ in range(times)]
    return found


def half(times: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(times)


def worst(times: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return float(np.quantile(np.array(times), 0.99))


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _running(command: Sequence[str], port: int, ready: str, **more: str) -> Iterator[tuple[int, float]]:
    """Run a server until the block ends; give its process and the seconds until it was ready."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=log, stderr=log, env={**os.environ, **more},
                                   start_new_session=True)  # fmt: skip
        try:
            while True:
                if process.poll() is not None or time.perf_counter() - began > 180:
                    log.seek(0)
                    raise RuntimeError(f"{command[0]} did not start: {log.read().decode()[-2000:]}")
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                    connection.request("GET", ready)
                    if connection.getresponse().status == 200:
                        break
                except OSError:
                    time.sleep(0.02)
            yield process.pid, time.perf_counter() - began
        finally:
            # The whole group: MLflow's own command leaves its server running.
            os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)


def _serve(invocation: Invocation, port: int, python: str = sys.executable) -> list[str]:
    words = ["-m", "sooner", "serve", "--council", str(invocation.council.folder)]
    return [python, *words, "--workspace", str(invocation.workspace.root), "--port", str(port)]


def _connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def _token(port: int) -> dict[str, str]:
    connection = _connect(port)
    connection.request("POST", "/v1/session", '{"who": "demo-analyst"}', {"content-type": "application/json"})
    token = json.loads(connection.getresponse().read())["token"]
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def _body(bundle: Bundle, number: int) -> str:
    values = serving_at_scale.rows(len(bundle.features), number).tolist()
    named = [
        {name: None if value != value else value for name, value in zip(bundle.features, row, strict=True)}
        for row in values
    ]
    return json.dumps({"rows": named})


def scores(invocation: Invocation) -> list[Row]:
    """Time one case beside plain FastAPI and MLflow, and two hundred beside the bare work."""
    bundle = Bundle.current(invocation.workspace)
    ports = [_port() for _ in range(3)]
    plain = [sys.executable, "-m", "uvicorn", "benchmarks.peers.web.plain_fastapi:app", "--port", str(ports[1]),
             "--log-level", "warning", "--no-access-log"]  # fmt: skip
    where = {"SOONER_COUNCIL": str(invocation.council.folder), "SOONER_WORKSPACE": str(invocation.workspace.root)}
    with ExitStack() as stack:
        stack.enter_context(_running(_serve(invocation, ports[0]), ports[0], "/readyz", OMP_NUM_THREADS="1"))
        stack.enter_context(_running(plain, ports[1], "/readyz", OMP_NUM_THREADS="1", **where))
        json_kind = {"content-type": "application/json"}
        one = _body(bundle, 1)
        ways = [
            Way(_connect(ports[0]), "POST", "/v1/score", one, _token(ports[0])),
            Way(_connect(ports[1]), "POST", "/v1/score", one, json_kind),
        ]
        with_mlflow = importlib.util.find_spec("mlflow") is not None
        if with_mlflow:
            stack.enter_context(_mlflow(bundle, ports[2], stack))
            # MLflow refuses null: a column of Python's None is no number to it. What was not seen is sent as 0.
            values = json.loads(one)["rows"][0]
            frame = {"dataframe_split": {"columns": list(values), "data": [[v or 0.0 for v in values.values()]]}}
            ways.append(Way(_connect(ports[2]), "POST", "/invocations", json.dumps(frame), json_kind))
        found = turns(ways, _ONE)
        many = _body(bundle, serving_at_scale.FEATURE_ROWS)
        (hundreds,) = turns([Way(_connect(ports[0]), "POST", "/v1/score", many, _token(ports[0]))], _MANY)
        bare = _bare(bundle)
    ours, fastapi = found[0], found[1]
    more = half(ours) - half(fastapi), worst(ours) - worst(fastapi)
    work = (
        f"boosted trees, {serving_at_scale.TREES} of {serving_at_scale.LEAVES} leaves, {len(bundle.features)} features"
    )
    return [
        Row("one case with contributions, beyond plain FastAPI, p50", round(more[0], 2), "ms", "1.0 ms or less",
            more[0] <= 1.0, {"ours, ms": round(half(ours), 2), "plain FastAPI, ms": round(half(fastapi), 2)},
            f"the same function and the same audit write in both; {work}"),
        Row("one case with contributions, beyond plain FastAPI, p99", round(more[1], 2), "ms", "2 ms or less",
            more[1] <= 2.0, {"ours, ms": round(worst(ours), 2), "plain FastAPI, ms": round(worst(fastapi), 2)},
            f"{len(ours)} requests each, in turns"),
        _beside_mlflow(found),
        Row(f"{serving_at_scale.FEATURE_ROWS} cases in one call", round(half(hundreds) / bare, 2),
            "times the bare work", "1.3 or less", half(hundreds) / bare <= 1.3,
            {"ours, ms": round(half(hundreds), 1), "bare predict and contributions, ms": round(bare, 1)},
            f"JSON both ways, checks and the audit write counted; {work}"),
    ]  # fmt: skip


def _beside_mlflow(found: Sequence[list[float]]) -> Row:
    name, goal = "one case, beside mlflow models serve, p50", "1.5 times as fast or more"
    if len(found) < 3:
        return Row(name, 0.0, "times as fast", goal, False, note='not run: pip install "sooner[train]" is needed')
    ratio = half(found[2]) / half(found[0])
    peers: dict[str, float | str] = {"ours, ms": round(half(found[0]), 2), "mlflow, ms": round(half(found[2]), 2)}
    return Row(name, round(ratio, 2), "times as fast", goal, ratio >= 1.5, peers, "MLflow gives scores alone, no log")


@contextmanager
def _mlflow(bundle: Bundle, port: int, stack: ExitStack) -> Iterator[None]:
    import mlflow.lightgbm

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model"
    mlflow.lightgbm.save_model(bundle.model.booster, str(folder))
    command = [str(Path(sys.executable).parent / "mlflow"), "models", "serve", "-m", str(folder), "-p", str(port),
               "--env-manager", "local", "-w", "1"]  # fmt: skip
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with _running(command, port, "/ping", OMP_NUM_THREADS="1", PATH=path):
        yield


def _bare(bundle: Bundle) -> float:
    values = serving_at_scale.rows(len(bundle.features))
    took = []
    for _ in range(_MANY * _ROUNDS):
        began = time.perf_counter()
        bundle.model.margins(values)
        bundle.model.contributions(values)
        took.append((time.perf_counter() - began) * 1000)
    return half(took)


def page(invocation: Invocation) -> Row:
    """Time a team's worklist page as a signed-in worker opens it."""
    port = _port()
    with _running(_serve(invocation, port), port, "/readyz", OMP_NUM_THREADS="1"):
        connection = _connect(port)
        form = {"content-type": "application/x-www-form-urlencoded", "origin": f"http://127.0.0.1:{port}"}
        who = urllib.parse.urlencode({"who": "demo-north-lead_practitioner"})
        connection.request("POST", "/sign-in", who, form)
        answer = connection.getresponse()
        answer.read()
        cookie = re.split(";", answer.headers["set-cookie"])[0]
        (times,) = turns([Way(connection, "GET", "/worklists/north", "", {"cookie": cookie})], _PAGES)
    return Row(
        "worklist page, p99", round(worst(times), 1), "ms", "under 50 ms", worst(times) < 50,
        {"p50, ms": round(half(times), 1)},
        f"names out of a vault of {serving_at_scale.HOUSEHOLDS:,} households, the look at them written to a log of "
        f"{serving_at_scale.ENTRIES:,} entries before they are shown",
    )  # fmt: skip


def start(invocation: Invocation) -> list[Row]:
    """Time from the command to the first ready answer, and weigh the worker, in a core-only installation."""
    names = ("from the command to ready", "memory of a worker")
    goals = ("3 s or less", "under 200 MB")
    python = _CORE / "bin" / "python"
    if not python.exists():
        note = "not run: `python -m benchmarks.peers.set_up core` makes its environment"
        units = ("s", "MB")
        return [
            Row(name, 0.0, unit, goal, False, {}, note) for name, unit, goal in zip(names, units, goals, strict=True)
        ]
    seconds, memory = [], []
    for _ in range(_ROUNDS):
        port = _port()
        with _running(_serve(invocation, port, str(python)), port, "/readyz") as (pid, took):
            seconds.append(took)
            connection = _connect(port)
            headers = _token(port)
            body = _body(Bundle.current(invocation.workspace), 1)
            for _ in range(_WARM):
                Way(connection, "POST", "/v1/score", body, headers).ask()
            memory.append(_heaviest(pid))
    return [
        Row(names[0], round(half(seconds), 2), "s", goals[0], half(seconds) <= 3.0, {}, "core dependencies alone"),
        Row(names[1], round(half(memory)), "MB", goals[1], half(memory) < 200, {}, "resident, after 30 scores"),
    ]


def _heaviest(pid: int) -> float:
    """Return the resident megabytes of the heaviest process below `pid`: the worker, not its supervisor."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    own = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return max([int(own.group(1)) / 1000 if own else 0.0, *(_heaviest(int(child)) for child in below)])


def run() -> list[Row]:
    """Measure all of it."""
    invocation = serving_at_scale.make()
    return [*scores(invocation), page(invocation), *start(invocation)]
