"""`sooner` commands forked from one process that has their libraries in memory: each still has a process of its own.

Loading NumPy, DuckDB, LightGBM, MLflow and their like is half of what a command costs on a town of 300 homes, and the
suite runs hundreds. The demo, and what is tested of a start itself, are started afresh, as a user's shell does it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import TimeoutExpired

__all__ = ["run_forked"]


def run_forked(words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float) -> tuple[int, str, str]:
    """Run one command in a fork of the loaded process; return its exit code, output and error output.

    Raises subprocess.TimeoutExpired, with the command killed, after `timeout` seconds.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.preloaded"])
    with tempfile.TemporaryDirectory() as folder:
        outputs = (Path(folder) / "out", Path(folder) / "err")
        process = context.Process(target=_become_command, args=(tuple(words), cwd, dict(environment), outputs))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutExpired(["sooner", *words], timeout)
        out, err = (path.read_text(encoding="utf-8") for path in outputs)
        return process.exitcode, out, err


def _become_command(
    words: Sequence[str], cwd: Path, environment: Mapping[str, str], outputs: tuple[Path, Path]
) -> None:
    """Be `sooner` with these words: outputs, environment and place are those of a process that was started for it."""
    for descriptor, path in enumerate(outputs, start=1):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, descriptor)
        os.close(handle)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["sooner", *words]
    from sooner import main

    main()
