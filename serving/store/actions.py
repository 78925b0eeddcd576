"""What people decided and said, as the files that other rooms read.

worklist/PROGRAMME/actions.csv   every decision (contract `actions`)
worklist/PROGRAMME/reviews.csv   every blind view, once there is one (contract `reviews`)
worklist/PROGRAMME/family_answers.csv   what families said of our contact, in counts (contract `family_answers`)
"""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charter.contracts import read_table_contract
from charter.contracts.files import write_text
from charter.contracts.workspace import Workspace
from serving.store.store import Store

__all__ = ["Exporter", "export_actions", "write_csv"]

_EVERY = 5.0


def export_actions(workspace: Workspace, store: Store) -> Path:
    """Write every decision and blind view of the programme so far, in order; return the file of decisions.

    What families said goes with them.
    """
    path = workspace.worklist / "actions.csv"
    write_text(path, write_csv(read_table_contract("actions").names, store.actions(workspace.programme)))
    views, reviews = store.reviews(workspace.programme), workspace.worklist / "reviews.csv"
    if views or reviews.exists():
        write_text(reviews, write_csv(read_table_contract("reviews").names, views))
    counts, answers = store.family_answers(workspace.programme), workspace.worklist / "family_answers.csv"
    if counts or answers.exists():
        write_text(answers, write_csv(read_table_contract("family_answers").names, counts))
    return path


class Exporter:
    """Keeps the files up with what a running service files, at most every few seconds and when it stops."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self._workspace = workspace
        self._store = store
        self._written = time.monotonic()
        self._behind = False
        self._writing = threading.Lock()

    def changed(self) -> None:
        """Note that there is something new, and write the files if the last time is long enough ago."""
        self._behind = True
        if time.monotonic() - self._written > _EVERY:
            self.catch_up()

    def catch_up(self) -> None:
        """Write the files if there is something new since the last time."""
        with self._writing:
            if self._behind:
                self._behind = False
                export_actions(self._workspace, self._store)
                self._written = time.monotonic()


def write_csv(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV text with a header of `names`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
