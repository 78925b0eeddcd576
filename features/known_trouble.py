"""Known trouble: households in which a need of the outcome was recorded already, and with whom nobody works.

No model says who they are and none orders them: a service recorded the need in the charter's months before, as known
on the day, and no work with the household is open as far as the programme's features can see. Each is handed to the
service that recorded the need, as many as it has places for (`[known_trouble]` of worklist.toml), by the published lot
where there are more. A list of what begins leaves them to it (docs/decisions/0138).
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import new_folder
from charter.contracts.matrix import CONTINUING, MatrixDate
from charter.invocation import Invocation
from charter.rules.tie_break import lots
from charter.vault.rights_ledger import require_carried_out
from features.build import Snapshot, make_question
from features.engines.engine import Engine, assemble_dates
from features.grammar import Aggregate, Definition

__all__ = ["KnownTrouble", "write_known_trouble"]


@dataclass(frozen=True)
class KnownTrouble:
    """One service's list: the need's signal, how many households have it, and the file of those it has places for."""

    service: str
    need: str
    households: int
    listed: int
    file: Path


def write_known_trouble(invocation: Invocation, day: date) -> list[KnownTrouble]:
    """Leave one CSV file for each need of the programme's outcome, and return what each holds.

    Columns are entity, area and need; no file says anything else of a household. A service without places gets a file
    without rows: a list with no help behind it is surveillance. Raises CharterError while a resident's request is not
    carried out; whoever calls it asks first whether lists are suspended.
    """
    require_carried_out(invocation.workspace)
    snapshot = Snapshot.open(invocation.workspace.snapshot())
    question, _ = make_question(invocation, snapshot, "rank", [day])
    # Of onsets alone, those would have no row for whom nothing can begin: they are whom this is about.
    definition = replace(question.definition, outcome=replace(question.definition.outcome, onset=False))
    question = replace(question, definition=definition)
    ((rows, *_),) = assemble_dates(question, Engine(question, snapshot.tables).blocks())
    free = ~_find_helped(rows, definition)
    known = []
    folder = invocation.workspace.known / day.isoformat()
    shutil.rmtree(folder, ignore_errors=True)
    with new_folder(folder) as beside:
        for place, component in enumerate(definition.outcome.components):
            chosen = np.flatnonzero((np.asarray(rows.outcome_before)[:, place] == CONTINUING) & free)
            service, number = component.signal.service, len(chosen)
            drawn = np.argsort(lots(rows.entity[chosen], day), kind="stable")
            listed = chosen[drawn][: _count_places(invocation, service)]
            name = f"{component.name}.csv"
            _write_rows(beside / name, rows, np.sort(listed), component.name)
            known.append(KnownTrouble(service, component.name, number, len(listed), folder / name))
    return known


def _find_helped(rows: MatrixDate, definition: Definition) -> NDArray[np.bool_]:
    """Return with whom a service works, by the features of system response that say what is open now; (rows,)."""
    columns = [
        place
        for place, feature in enumerate(definition.features)
        if feature.system_response
        and isinstance(feature.expression, Aggregate)
        and feature.expression.word == "open_at"
    ]
    return np.asarray((np.asarray(rows.features)[:, columns] > 0).any(axis=1))


def _count_places(invocation: Invocation, service: str) -> int:
    places: Mapping[str, int] = invocation.settings.worklist.known_trouble.places
    return places.get(service, 0)


def _write_rows(path: Path, rows: MatrixDate, listed: NDArray[np.int64], need: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("entity", "area", "need"))
        writer.writerows((rows.entity[row].decode(), rows.area[row].decode(), need) for row in listed)
