"""What people decided, as the file that other rooms read: `worklist/PROGRAMME/actions.csv` (contract `actions`)."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charter.contracts import table
from charter.contracts.files import write_text
from charter.contracts.workspace import Workspace
from serving.store import Store

__all__ = ["Exporter", "csv_text", "export"]

_EVERY = 5.0


def export(workspace: Workspace, store: Store) -> Path:
    """Write every decision of the programme so far, in order, and return the file."""
    path = workspace.worklist / "actions.csv"
    write_text(path, csv_text(table("actions").names, store.actions(workspace.programme)))
    return path


class Exporter:
    """Keeps the file up with the decisions of a running service, at most every few seconds and when it stops."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self._workspace = workspace
        self._store = store
        self._written = time.monotonic()
        self._behind = False
        self._writing = threading.Lock()

    def decided(self) -> None:
        """Note that there is a new decision, and write the file if the last time is long enough ago."""
        self._behind = True
        if time.monotonic() - self._written > _EVERY:
            self.catch_up()

    def catch_up(self) -> None:
        """Write the file if there were decisions since the last time."""
        with self._writing:
            if self._behind:
                self._behind = False
                export(self._workspace, self._store)
                self._written = time.monotonic()


def csv_text(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV text with a header of `names`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
