"""What one process cost, as the operating system counts it when the process ends: no clock of the program's own.

Processor seconds are user and system time of the process and of the children that it waited for; memory is the largest
resident set of any one of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Cost", "run_process"]

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, processor seconds, and peak memory in MiB of one process; what it printed."""

    clock: float
    processor: float
    mib: float
    printed: str = ""


def run_process(
    words: Sequence[str],
    checkout: Path = ROOT,
    ending: Sequence[int] = (0,),
    variables: Mapping[str, str] | None = None,
) -> Cost:
    """Run Python with `words` in a checkout and return what it cost; raise where it ends with another exit code.

    `variables` of its environment stand over those of this process.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout), **(variables or {})}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as answer:
        child = subprocess.Popen([sys.executable, *words], cwd=checkout, env=environment, stdout=answer)
        _, status, used = os.wait4(child.pid, 0)
        clock = time.perf_counter() - began
        answer.seek(0)
        printed = answer.read()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in ending:
        raise subprocess.CalledProcessError(child.returncode, child.args)
    return Cost(clock, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, printed)
