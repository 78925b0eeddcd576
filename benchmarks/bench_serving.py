"""The casework service over loopback: one case, a whole list's cases, the worklist page, and how it starts.

Contenders take turns on one keep-alive connection, each request waited for: what one person at a screen feels. Beside
the wall's milliseconds stand those of the processor, the whole server's, which a busy machine disturbs less.

About six minutes: `python -m benchmarks serving`, or three with SOONER_BENCH_DEMO=WORKSPACE naming a demo's workspace.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import serving_at_scale
from benchmarks.results import Row
from benchmarks.whole_process import run_process
from charter.invocation import Invocation
from serving.ranking.bundle import Bundle

_ROOT = Path(__file__).resolve().parents[1]
_CORE = Path(__file__).parent / "peers" / ".venvs" / "core"
_ROWS = serving_at_scale.FEATURE_ROWS
_WARM, _ROUNDS, _ONE, _MANY, _PAGES = 30, 5, 200, 5, 100
_TIMES_AS_FAST = {"shipped": 1.5, "large": 1.0}
"""How many times as fast as MLflow's scores alone a case with contributions should be, by the size of the model."""
_READY, _HEAVY, _A_SECOND, _PAGE = 2.0, 120, 1_000, 20
"""Goals: seconds to ready, MB of a worker, and answers of the worklist's API in a second on two cores."""
_TICK = 1000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Way:
    """Something to ask: the server's process, a connection, a request, and what to expect."""

    process: int
    connection: http.client.HTTPConnection
    method: str
    path: str
    body: str
    headers: dict[str, str]

    def begin(self) -> None:
        """Take a new connection: servers close what was idle for seconds."""
        self.connection.close()

    def read(self) -> bytes:
        """Send it and return what was answered."""
        self.connection.request(self.method, self.path, self.body or None, self.headers)
        return self.connection.getresponse().read()

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


@dataclass(frozen=True)
class Bare:
    """The bare work in this process: margins and contributions of `values`."""

    bundle: Bundle
    values: np.ndarray
    process: int = field(default_factory=os.getpid)

    def begin(self) -> None:
        """Nothing to do."""

    def ask(self) -> float:
        """Do it and return the milliseconds."""
        began = time.perf_counter()
        self.bundle.model.margins(self.values)
        self.bundle.model.contributions(self.values)
        return (time.perf_counter() - began) * 1000


@dataclass(frozen=True)
class BareJson:
    """JSON both ways in this process: what was sent is read, and what was answered is written."""

    sent: str
    answered: bytes
    process: int = field(default_factory=os.getpid)

    def begin(self) -> None:
        """Nothing to do."""

    def ask(self) -> float:
        """Do it and return the milliseconds."""
        answer = json.loads(self.answered)
        began = time.perf_counter()
        json.loads(self.sent)
        json.dumps(answer)
        return (time.perf_counter() - began) * 1000


@dataclass(frozen=True)
class Times:
    """Milliseconds of each request, and of the processor over all of them (in ticks of some milliseconds)."""

    each: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    @property
    def half(self) -> float:
        """The median."""
        return statistics.median(self.each)

    @property
    def worst(self) -> float:
        """The 99th percentile."""
        return float(np.quantile(np.array(self.each), 0.99))

    @property
    def work(self) -> float:
        """Milliseconds of the processor for each request."""
        return sum(self.processor) / len(self.each)


def turns(ways: Sequence[Way | Bare | BareJson], times: int) -> list[Times]:
    """Ask each of `ways` in turn, `times` times in each of some rounds, after some unmeasured requests."""
    found = [Times() for _ in ways]
    for _ in range(_ROUNDS):
        for one, way in zip(found, ways, strict=True):
            way.begin()
            for _ in range(_WARM if times > _WARM else 1):
                way.ask()
            before = _spent(way.process)
            one.each.extend(way.ask() for _ in range(times))
            one.processor.append(_spent(way.process) - before)
    return found


def _spent(process: int) -> float:
    """Return the processor's milliseconds that a process and those below it took until now."""
    ticks = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    below = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    return sum(map(int, ticks)) * _TICK + sum(_spent(int(child)) for child in below)


def find_port() -> int:
    """Return a port of this computer that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def run_server(command: Sequence[str], port: int, ready: str, **more: str) -> Iterator[tuple[int, float]]:
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


def make_serve_command(invocation: Invocation, port: int, python: str = sys.executable) -> list[str]:
    """Return the command that serves a workspace."""
    words = ["-m", "sooner", "serve", "--council", str(invocation.council.folder)]
    return [python, *words, "--workspace", str(invocation.workspace.root), "--port", str(port)]


def _connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def _token(port: int, who: str = "demo-analyst") -> dict[str, str]:
    connection = _connect(port)
    connection.request("POST", "/v1/session", json.dumps({"who": who}), {"content-type": "application/json"})
    token = json.loads(connection.getresponse().read())["token"]
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def _body(bundle: Bundle, number: int) -> str:
    values = serving_at_scale.rows(len(bundle.features), number).tolist()
    named = [
        {name: None if value != value else value for name, value in zip(bundle.features, row, strict=True)}
        for row in values
    ]
    return json.dumps({"rows": named})


def scores(invocation: Invocation, size: str) -> list[Row]:
    """Time one case beside plain FastAPI and MLflow, and two hundred beside the bare work, with trees of `size`."""
    serving_at_scale.use(invocation, size)
    bundle = Bundle.current(invocation.workspace)
    ports = [find_port() for _ in range(3)]
    plain = [sys.executable, "-m", "uvicorn", "benchmarks.peers.web.plain_fastapi:app", "--port", str(ports[1]),
             "--log-level", "warning", "--no-access-log"]  # fmt: skip
    where = {"SOONER_COUNCIL": str(invocation.council.folder), "SOONER_WORKSPACE": str(invocation.workspace.root)}
    with ExitStack() as stack:
        ours, _ = stack.enter_context(
            run_server(make_serve_command(invocation, ports[0]), ports[0], "/readyz", OMP_NUM_THREADS="1")
        )
        peer, _ = stack.enter_context(run_server(plain, ports[1], "/readyz", OMP_NUM_THREADS="1", **where))
        json_kind = {"content-type": "application/json"}
        token, one = _token(ports[0]), _body(bundle, 1)
        ways = [
            Way(ours, _connect(ports[0]), "POST", "/v1/score", one, token),
            Way(peer, _connect(ports[1]), "POST", "/v1/score", one, json_kind),
        ]
        if importlib.util.find_spec("mlflow") is not None:
            mlflow = stack.enter_context(_mlflow(bundle, ports[2], stack))
            # MLflow refuses null: a column of Python's None is no number to it. What was not seen is sent as 0.
            values = json.loads(one)["rows"][0]
            frame = {"dataframe_split": {"columns": list(values), "data": [[v or 0.0 for v in values.values()]]}}
            ways.append(Way(mlflow, _connect(ports[2]), "POST", "/invocations", json.dumps(frame), json_kind))
        found = turns(ways, _ONE)
        http, only = turns(
            [_same_bytes(ways[0], peer, ports[1]), Bare(bundle, serving_at_scale.rows(len(bundle.features), 1))], _ONE
        )
        parts = {"bound: HTTP alone with the same bytes, ms": round(http.half, 2),
                 "bound: predict and contributions alone, ms": round(only.half, 2),
                 "bound: all that, the log's write and JSON (plain FastAPI), ms": round(found[1].half, 2)}  # fmt: skip
        many = Way(ours, _connect(ports[0]), "POST", "/v1/score", _body(bundle, _ROWS), token)
        hundreds, bare, carried, spoken = turns(
            [many, Bare(bundle, serving_at_scale.rows(len(bundle.features))), _same_bytes(many, peer, ports[1]),
             BareJson(many.body, many.read())], _MANY
        )  # fmt: skip
    case = "one case with contributions" + (", large model" if size == "large" else "")
    trees, leaves = serving_at_scale.SIZES[size]
    work = f"{trees} boosted trees of {leaves} leaves, {len(bundle.features)} features"
    return [
        *_beside_fastapi(case, found[0], found[1], work),
        _beside_mlflow(f"{case}, beside mlflow models serve, p50", found, work, _TIMES_AS_FAST[size], parts),
        Row(f"{_ROWS} cases in one call" + (", large model" if size == "large" else ""),
            round(hundreds.half / bare.half, 2), "times the bare work", "1.3 or less", hundreds.half / bare.half <= 1.3,
            {"ours, ms": round(hundreds.half, 1), "bare predict and contributions, ms": round(bare.half, 1),
             "bound: HTTP alone with the same bytes, ms": round(carried.half, 1),
             "bound: JSON both ways alone, ms": round(spoken.half, 1)},
            f"JSON both ways, checks and the audit write counted; {work}"),
    ]  # fmt: skip


def _same_bytes(way: Way, process: int, port: int) -> Way:
    """Return the way to ask plain FastAPI for as many bytes as `way` answers, sending what it sends."""
    size = len(way.read())
    kind = {"content-type": "application/json"}
    return Way(process, _connect(port), "POST", f"/bytes/{size}", way.body, kind)


def _beside_fastapi(case: str, ours: Times, fastapi: Times, work: str) -> list[Row]:
    more = ours.half - fastapi.half, ours.worst - fastapi.worst
    halves = {"ours, ms": round(ours.half, 2), "plain FastAPI, ms": round(fastapi.half, 2)}
    processor = {"ours, processor ms": round(ours.work, 2), "plain FastAPI, processor ms": round(fastapi.work, 2)}
    worst = {"ours, ms": round(ours.worst, 2), "plain FastAPI, ms": round(fastapi.worst, 2)}
    beyond = {"bound: what is checked beside it, processor ms": round(ours.work - fastapi.work, 2)}
    return [
        Row(f"{case}, beyond plain FastAPI, p50", round(more[0], 2), "ms", "1.0 ms or less", more[0] <= 1.0,
            halves | processor | beyond, f"the same function and the same audit write in both; {work}"),
        Row(f"{case}, beyond plain FastAPI, p99", round(more[1], 2), "ms", "2 ms or less", more[1] <= 2.0,
            worst | beyond, f"{len(ours.each)} requests each, in turns; {work}"),
    ]  # fmt: skip


def _beside_mlflow(name: str, found: Sequence[Times], work: str, least: float, parts: Mapping[str, float]) -> Row:
    goal = f"{least} times as fast or more"
    if len(found) < 3:
        return Row(name, 0.0, "times as fast", goal, False, note='not run: pip install "sooner[train]" is needed')
    ours, mlflow = found[0], found[2]
    ratio = mlflow.half / ours.half
    peers: dict[str, float | str] = {"ours, ms": round(ours.half, 2), "mlflow, ms": round(mlflow.half, 2),
                                     "ours, processor ms": round(ours.work, 2),
                                     "mlflow, processor ms": round(mlflow.work, 2), **parts}  # fmt: skip
    return Row(name, round(ratio, 2), "times as fast", goal, ratio >= least, peers,
               f"MLflow gives scores alone, checks nobody and keeps no log; {work}")  # fmt: skip


@contextmanager
def _mlflow(bundle: Bundle, port: int, stack: ExitStack) -> Iterator[int]:
    import mlflow.lightgbm

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model"
    mlflow.lightgbm.save_model(bundle.model.booster, str(folder))
    command = [str(Path(sys.executable).parent / "mlflow"), "models", "serve", "-m", str(folder), "-p", str(port),
               "--env-manager", "local", "-w", "1"]  # fmt: skip
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with run_server(command, port, "/ping", OMP_NUM_THREADS="1", PATH=path) as (process, _):
        yield process


def page(invocation: Invocation) -> Row:
    """Time a team's worklist page as a signed-in worker opens it."""
    port = find_port()
    team, length = serving_at_scale.find_longest_list(invocation)
    with run_server(make_serve_command(invocation, port), port, "/readyz", OMP_NUM_THREADS="1") as (process, _):
        connection = _connect(port)
        form = {"content-type": "application/x-www-form-urlencoded", "origin": f"http://127.0.0.1:{port}"}
        who = urllib.parse.urlencode({"who": f"demo-{team}-lead_practitioner"})
        connection.request("POST", "/sign-in", who, form)
        answer = connection.getresponse()
        answer.read()
        cookie = re.split(";", answer.headers["set-cookie"])[0]
        paths = (f"/worklists/{team}", "/my-cases")
        times, empty = turns([Way(process, connection, "GET", path, "", {"cookie": cookie}) for path in paths], _PAGES)
    return Row(
        "worklist page, p99", round(times.worst, 1), "ms", f"under {_PAGE} ms", times.worst < _PAGE,
        {"p50, ms": round(times.half, 1), "processor ms": round(times.work, 1),
         "bound: a page of the same worker without a case, p99, ms": round(empty.worst, 1)},
        f"referrals: {length}; names out of a vault of {serving_at_scale.HOUSEHOLDS:,} households, the look at them "
        "written to a log of "
        f"{serving_at_scale.ENTRIES:,} entries before they are shown",
    )  # fmt: skip


def api(invocation: Invocation) -> Row:
    """Weigh an answer of the worklist's API, beside the shortest that plain FastAPI gives on the same server."""
    ports = [find_port() for _ in range(2)]
    team, _ = serving_at_scale.find_longest_list(invocation)
    plain = [sys.executable, "-m", "uvicorn", "benchmarks.peers.web.plain_fastapi:app", "--port", str(ports[1]),
             "--log-level", "warning", "--no-access-log"]  # fmt: skip
    where = {"SOONER_COUNCIL": str(invocation.council.folder), "SOONER_WORKSPACE": str(invocation.workspace.root)}
    with ExitStack() as stack:
        ours, _ = stack.enter_context(
            run_server(make_serve_command(invocation, ports[0]), ports[0], "/readyz", OMP_NUM_THREADS="1")
        )
        peer, _ = stack.enter_context(run_server(plain, ports[1], "/readyz", OMP_NUM_THREADS="1", **where))
        token = _token(ports[0], f"demo-{team}-lead_practitioner")
        ways = [
            Way(ours, _connect(ports[0]), "GET", f"/v1/worklists/{team}", "", token),
            Way(peer, _connect(ports[1]), "GET", "/readyz", "", {}),
        ]
        list_, shortest = turns(ways, _ONE)
    a_second, most = (round(2 * 1000 / times.work) for times in (list_, shortest))
    return Row(
        "worklist API, answers a second on two cores", a_second, "a second", f"{_A_SECOND:,} or more",
        a_second >= _A_SECOND,
        {"processor ms each": round(list_.work, 2), "p50, ms": round(list_.half, 1), "p99, ms": round(list_.worst, 1),
         "bound: plain FastAPI's shortest answer, a second": most},
        "two cores over the processor's time of one answer; each reads session, list and standing anew, and writes the "
        "look to the log's disk before it shows anything",
    )  # fmt: skip


_IMPORTED = """
import re
from pathlib import Path
from serving.web.supervisor import load_service
load_service()
print(re.search(r"VmRSS:\\s+([0-9]+)", Path("/proc/self/status").read_text()).group(1))
"""


def start(invocation: Invocation) -> list[Row]:
    """Time from the command to the first ready answer, and weigh the worker; in a core-only installation if made."""
    names = ("from the command to ready", "memory of a worker")
    goals = (f"{_READY:g} s or less", f"under {_HEAVY} MB")
    core = _CORE / "bin" / "python"
    python, where = (
        (core, "core dependencies alone") if core.exists() else (Path(sys.executable), "all extras installed")
    )
    seconds, processor, memory = [], [], []
    for _ in range(_ROUNDS):
        port = find_port()
        with run_server(make_serve_command(invocation, port, str(python)), port, "/readyz") as (pid, took):
            seconds.append(took)
            processor.append(_spent(pid) / 1000)
            connection = _connect(port)
            headers = _token(port)
            body = _body(Bundle.current(invocation.workspace), 1)
            for _ in range(_WARM):
                Way(pid, connection, "POST", "/v1/score", body, headers).ask()
            memory.append(_heaviest(pid))
    ready, heavy = statistics.median(seconds), statistics.median(memory)
    held = run_process(["-c", _IMPORTED])
    return [
        Row(names[0], round(ready, 2), "s", goals[0], ready <= _READY,
            {"processor s": round(statistics.median(processor), 2),
             "bound: importing what a worker holds alone, processor s": round(held.processor, 2)}, where),
        Row(names[1], round(heavy), "MB", goals[1], heavy < _HEAVY,
            {"bound: a process that only imports what a worker holds, MB": round(float(held.printed) / 1000)},
            f"resident, after 30 scores; {where}"),
    ]  # fmt: skip


def _heaviest(pid: int) -> float:
    """Return the resident megabytes of the heaviest process below `pid`: the worker, not its supervisor."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    own = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return max([int(own.group(1)) / 1000 if own else 0.0, *(_heaviest(int(child)) for child in below)])


def run() -> list[Row]:
    """Measure all of it."""
    invocation = serving_at_scale.make()
    found = [row for size in serving_at_scale.SIZES for row in scores(invocation, size)]
    serving_at_scale.use(invocation, "shipped")
    return [*found, page(invocation), api(invocation), *start(invocation)]
