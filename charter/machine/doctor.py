"""What is missing on this machine, and the exact command that brings it."""

from __future__ import annotations

import ctypes.util
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from charter.clashes import ROOMS, find_shared_names
from charter.contracts.files import find_current
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation
from charter.vault.rights_ledger import count_withdrawn, list_outstanding

__all__ = ["Check", "examine_machine"]


@dataclass(frozen=True)
class Check:
    """One thing looked for: whether it was found, and what it is for or the command that brings it."""

    title: str
    found: bool
    note: str

    def document(self) -> dict[str, Any]:
        """Return the check as JSON values."""
        return asdict(self)


EXTRAS = (
    ("train", "training and tracking", ("duckdb", "pyarrow", "numba", "mlflow", "sklearn", "scipy")),
    ("link", "linking records to people", ("duckdb", "pyarrow", "splink")),
    ("report", "audit and board pack", ("duckdb", "fairlearn", "matplotlib")),
    ("postgres", "PostgreSQL as casework database", ("psycopg",)),
    ("pdf", "board packs as PDF", ("weasyprint",)),
    ("spark", "more than one machine", ("pyspark",)),
)
PANGO = ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset")


def examine_machine(invocation: Invocation) -> tuple[Check, ...]:
    """Look for everything any verb can use, and for what the workspace lacks to be served."""
    version = ".".join(map(str, sys.version_info[:3]))
    checks = [Check("Python 3.11 or newer", sys.version_info >= (3, 11), version), _names()]
    for extra, purpose, modules in EXTRAS:
        missing = [name for name in modules if find_spec(name) is None]
        note = f"pip install -c constraints.txt -e '.[{extra}]'" if missing else purpose
        checks.append(Check(f"extra {extra}", not missing, note))
    checks.append(_check_program("browser for tests", ("chromium", "chromium-browser"), "apt-get install chromium"))
    checks.append(_check_program("Java 17 for Spark", ("java",), "apt-get install openjdk-17-jre-headless"))
    lost = [name for name in PANGO if ctypes.util.find_library(name) is None]
    libraries = "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
    checks.append(Check("PDF libraries", not lost, libraries if lost else "board packs as PDF"))
    return (*checks, *_check_workspace(invocation))


def _names() -> Check:
    """Look for other distributions that install a package of one of our names."""
    clashes = find_shared_names()
    sentences = "; ".join(f"{', '.join(names)} installs `{room}` too" for room, names in clashes.items())
    note = f"{sentences}: install Sooner in an environment of its own (python3 -m venv)"
    return Check("package names to itself", not clashes, note if clashes else ", ".join(ROOMS))


def _check_program(title: str, names: tuple[str, ...], brings: str) -> Check:
    program = next((path for name in names if (path := shutil.which(name))), None)
    return Check(title, program is not None, Path(program).name if program else brings)


def _check_workspace(invocation: Invocation) -> tuple[Check, ...]:
    steps = (
        ("snapshot", invocation.workspace.store, "sooner pull, then sooner link"),
        ("matrix", invocation.workspace.matrix, "sooner build"),
        ("trained run", invocation.workspace.scores, "sooner train"),
        ("audit", invocation.workspace.audit, "sooner audit"),
        ("bundle", invocation.workspace.bundle, "sooner decide, sign and promote"),
        ("worklist", invocation.workspace.worklist, "sooner rank"),
    )
    places = ((title, find_current(folder), command) for title, folder, command in steps)
    checks = tuple(
        Check(f"{title} of {invocation.programme}", here is not None, here.name if here else command)
        for title, here, command in places
    )
    return (*checks, *_check_rights(invocation.workspace))


def _check_rights(workspace: Workspace) -> tuple[Check, ...]:
    """Say whether residents' requests were carried out here, and whether the model in use rests on what has gone."""
    waiting, gone = len(list_outstanding(workspace)), count_withdrawn(workspace)
    requests = f"{waiting} wait: sooner replay" if waiting else "none waits"
    learned = f"{gone} rows went since: sooner build, train and promote" if gone else "nothing went since"
    return (
        Check("residents' requests carried out", not waiting, requests),
        Check("model without withdrawn rows", not gone, learned),
    )
