"""The real service in processes of its own: started by the real command, asked over the network, stopped cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from serving.session import API, Beginning
from serving.web.serve import make_environment
from tests.unit.serving.conftest import AS_OF, ROOT, TEAMS, World, make_world
from tests.waiting import PATIENCE, wait_until_ready

__all__ = ["Served", "serving"]


@dataclass(frozen=True)
class Served:
    """A running service: its address, its log, the world behind it, and its first process."""

    address: str
    log: Path
    world: World
    pid: int = 0

    def token(self, who: str) -> dict[str, str]:
        """Sign in to the API as one of the demonstration's people; return the header."""
        answer = httpx.post(f"{self.address}/v1/session", json={"who": who})
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['token']}"}

    def reviewer(self, user: str) -> dict[str, str]:
        """Return the header of a lead practitioner of all teams, begun as a sign-in begins it."""
        identity = Identity(user, "lead_practitioner", frozenset(TEAMS))
        desk = Desk.open(self.world.invocation, demo=True, chain="test")
        try:
            return {"authorization": f"Bearer {desk.sessions.begin(identity, Beginning(API))}"}
        finally:
            desk.close()

    def listed(self, token: dict[str, str], team: str = "north") -> list[str]:
        """Return the ids of a team's list."""
        answer = httpx.get(f"{self.address}/v1/worklists/{team}", headers=token)
        return [one["id"] for one in answer.json()["referrals"]]


@contextmanager
def serving(
    folder: Path,
    database: str = "",
    workers: int = 2,
    bento: str = "",
    prepare: Callable[[World], None] = lambda _world: None,
) -> Iterator[Served]:
    """Serve a small world below `folder` until the block ends; `database` instead of SQLite in the workspace.

    `bento` names a built Bento to serve, with BentoML's own command, instead of the code here.
    `prepare` changes the world before it is served.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOONER_KEY", "5f" * 32)
        patch.delenv("SOONER_DATABASE", raising=False)
        if database:
            patch.setenv("SOONER_DATABASE", database)
        world = make_world(folder)
        (world.invocation.programme_folder / "definition.py").write_text("")
        rank_households(world.invocation, world.matrix, AS_OF)
        prepare(world)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-c", "from serving.commands import verbs; verbs()", "serve",
                   "--workers", str(workers), "--council", str(world.invocation.council.folder),
                   "--workspace", str(world.workspace.root), "--port", str(port)]  # fmt: skip
        settings, cwd = dict(os.environ), ROOT
        if bento:
            command = [sys.executable, "-m", "bentoml", "serve", bento, "--host", "127.0.0.1", "--port", str(port)]
            settings, cwd = {**os.environ, **make_environment(world.invocation, workers=workers)}, folder
        log = folder / "serve.log"
        with log.open("w") as handle:
            process = subprocess.Popen(command, cwd=cwd, stdout=handle, stderr=handle, env=settings)
        try:
            served = Served(f"http://127.0.0.1:{port}", log, world, process.pid)
            wait_until_ready(served.address, process, log)
            yield served
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=PATIENCE)
