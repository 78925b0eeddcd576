"""What a fault drill breaks: a service that is started again as systemd would, a database, a small disk, a clock."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Cluster", "Service", "find_free_port", "move_clock", "small_disk"]

_ROOT = Path(__file__).resolve().parents[1]
_RESTART = 0.1
"""Seconds until a server that ended is started again: systemd's RestartSec is 100 ms."""


def find_free_port() -> int:
    """Return a port of this computer that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def move_clock(by: str) -> dict[str, str] | None:
    """Return what gives a process a clock that is off by so much (`-1h`, `+2m`); None without libfaketime here."""
    library = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
    return None if library is None else {"LD_PRELOAD": str(library), "FAKETIME": by}


@dataclass
class Service:
    """`sooner serve` with two workers, started again whenever it ends, as systemd does."""

    council: Path
    workspace: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=find_free_port)
    _process: subprocess.Popen[bytes] | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    def run(self) -> None:
        """Start it, and again whenever it ends, until `stop`."""
        command = [sys.executable, "-c", "from serving.commands import verbs; verbs()", "serve", "--workers", "2",
                   "--council", str(self.council), "--workspace", str(self.workspace),
                   "--port", str(self.port)]  # fmt: skip
        with self.log.open("ab") as log:
            while not self._stopped.is_set():
                self._process = subprocess.Popen(
                    command, cwd=_ROOT, stdout=log, stderr=log, start_new_session=True,
                    env={**os.environ, **self.environment},
                )  # fmt: skip
                self._process.wait()
                self._kill_group()
                self._stopped.wait(_RESTART)

    def workers(self) -> list[int]:
        """Return the process ids of the workers that there are now."""
        if self._process is None:
            return []
        pid = self._process.pid
        with suppress(OSError):
            return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
        return []

    def spent(self) -> float:
        """Return the processor's seconds that the server and its workers took since it was started."""
        pids = [] if self._process is None else [self._process.pid, *self.workers()]
        ticks = 0
        for pid in pids:
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill(self, what: str, number: int) -> None:
        """Kill -9 one `worker` (the number says which), all `workers`, or the whole `server`."""
        if what == "server":
            self._kill_group()
            return
        workers = self.workers()
        for pid in workers if what == "workers" else workers[number % max(len(workers), 1) :][:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _kill_group(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it for good."""
        self._stopped.set()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=20)
        self._kill_group()

    def ask(self, path: str, headers: Mapping[str, str], seconds: float = 5) -> int:
        """Return the status that a path answers with, 0 where nobody answers."""
        request = urllib.request.Request(f"{self.address}{path}", headers=dict(headers))  # noqa: S310  # loopback
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310  # as above
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def wait_until_answering(
        self, headers: Mapping[str, str], seconds: float = 300, path: str = "/v1/worklists/north"
    ) -> float:
        """Wait until staff get a list again, and return the seconds it took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self.ask(path, headers) == 200:
                return time.monotonic() - began
            time.sleep(0.05)
        raise RuntimeError(f"the service did not come back in {seconds:.0f} seconds; its log is {self.log}")


@dataclass
class Cluster:
    """A PostgreSQL server of the drill's own, which can be stopped; run by `postgres` where we are root."""

    folder: Path
    port: int = field(default_factory=find_free_port)

    @property
    def url(self) -> str:
        """Its database, as SOONER_DATABASE has it."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make it, and start it."""
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start it, and return once it takes connections."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "-w", "-l", str(self.folder / "server.log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once, as a crash does: what was committed is in its log of writes, and nothing else is."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *words: str) -> None:
        folder = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))[-1]
        before = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*before, str(folder), "-D", str(self.folder), *words]
        done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=False)  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()[-300:]}")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """Give `folder` a disk of its own of so many megabytes (tmpfs); yields whether this machine allows it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    allowed = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield allowed
    finally:
        if allowed:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
