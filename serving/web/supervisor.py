"""The processes that answer: one that loads everything once and forks workers, and another worker where one is gone.

    supervisor   imports the service, opens the socket, forks; opens no database and answers nobody
      worker     opens the desk, answers, and says each second that its loop turns

A worker that died is replaced at once, out of a process that has loaded all of it. One whose loop turns no more is
ended after HUNG seconds, while the others answer. A worker that can't begin (its database is down) begins again every
second, for ever. On SIGTERM requests have FINISHING seconds; what is left after STOPPING seconds is killed. A worker
whose supervisor is gone ends by itself. Gunicorn supervises, uvicorn answers (docs/decisions/0195).
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.base import Worker
from starlette.types import ASGIApp
from uvicorn import Config, Server

from charter.machine.private_files import keep_files_private

__all__ = ["FINISHING", "HUNG", "STOPPING", "load_service", "run_supervisor"]

HUNG = 15
"""Seconds after which a worker whose loop does not turn is ended: a busy machine delays one by a few."""
FINISHING = 1
"""Seconds that requests have to end when the service is stopped."""
STOPPING = 3
"""Seconds after which a worker that was told to stop is killed."""
_AGAIN = 1.0
_USED_ELSEWHERE = ("aiohttp",)
"""What BentoML imports for services that run a command of their own."""
_NOT_NEEDED = ("pandas", "sklearn", "pyarrow", "dask", "matplotlib", "graphviz")


class AnsweringWorker(Worker):  # type: ignore[misc]  # gunicorn ships no types
    """A worker of gunicorn's that runs uvicorn."""

    def init_signals(self) -> None:
        """Leave signals as they were: uvicorn sets its own."""
        for name in self.SIGNALS:
            signal.signal(name, signal.SIG_DFL)

    def run(self) -> None:
        """Answer until told to stop."""
        asyncio.run(self._answer())

    async def _answer(self) -> None:
        config = Config(
            self.wsgi,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            # Whose word for https and for the caller's address is taken: the proxies that the council names.
            forwarded_allow_ips=os.environ.get("SOONER_PROXIES", "127.0.0.1"),
            timeout_graceful_shutdown=FINISHING,
            timeout_notify=1,
            callback_notify=self._tell,
        )
        self._server = Server(config)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGQUIT, self._server.handle_exit, signal.SIGQUIT, None)
        await self._server.serve(sockets=self.sockets)
        if not self._server.started:
            # Not gunicorn's own code for that: it would end the supervisor, and with it the workers that answer.
            time.sleep(_AGAIN)
            sys.exit(1)

    async def _tell(self) -> None:
        self.notify()
        if os.getppid() != self.ppid:
            self._server.should_exit = True


class Supervisor(BaseApplication):  # type: ignore[misc]  # as above
    """So many workers on one address, until told to stop."""

    def __init__(self, address: str, workers: int) -> None:
        self._settings: dict[str, Any] = {
            "bind": address,
            "workers": workers,
            "worker_class": AnsweringWorker,
            "timeout": HUNG,
            "graceful_timeout": STOPPING,
            "loglevel": "warning",
            "umask": 0o077,
            "control_socket_disable": True,
        }
        super().__init__()

    def load_config(self) -> None:
        """Take the settings above: neither a file's nor the environment's."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> ASGIApp:
        """Return what a worker answers with; its modules were loaded before the fork."""
        from serving.web.service import app

        return app()


def load_service() -> None:
    """Load all that a worker answers with, so that it begins at once; nothing is opened, and no thread begun.

    LightGBM looks for libraries that a council's own code may hand it data in, and goes without those that it does not
    find. Serving gives it arrays, so they are not there for it: 0.4 s of processor time instead of 2.7.
    """
    # Modules hold each other for good: looking among them for garbage took a sixth of the time.
    gc.disable()
    absent = [name for name in _NOT_NEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: an import of it finds nothing
    try:
        import lightgbm  # noqa: F401
    finally:
        for name in absent:
            del sys.modules[name]
    with _put_off(_USED_ELSEWHERE):
        import serving.web.bundle_in_use
        import serving.web.service  # noqa: F401

        # What BentoML loads only when it makes the application: each worker would, for 0.9 s, while nobody answers.
        importlib.import_module("_bentoml_impl.server.app")
    gc.enable()
    gc.collect()
    # A worker's collector would write to every object of what it shares with the supervisor.
    gc.freeze()


@contextmanager
def _put_off(names: Sequence[str]) -> Iterator[None]:
    """Let modules that are imported now and not used be loaded at their first use, and never where there is none."""
    stand_ins = {name: _Later(name) for name in names if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


class _Later(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def run_supervisor(host: str, port: int, workers: int) -> None:
    """Serve on an address with so many processes until stopped; the environment says what (serving.web.service)."""
    keep_files_private()
    load_service()
    name = f"[{host}]" if ":" in host else host
    Supervisor(f"{name}:{port}", workers).run()
