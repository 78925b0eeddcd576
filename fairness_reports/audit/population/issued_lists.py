"""What a release issued and what people made of it: lists, decisions on them, and blind reviews.

worklist/PROGRAMME/DATE/issued.csv, list.json   who was on which list, and by which bundle
worklist/PROGRAMME/actions.csv                  what workers decided
worklist/PROGRAMME/reviews.csv                  whom reviewers would help, who did not know who was listed
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.contracts import read_table_contract
from charter.contracts.files import file_digest, read_json
from charter.contracts.workspace import Workspace
from charter.errors import DataError

__all__ = ["AGAINST", "NOT_LISTED", "OFFERS", "Issued", "read_issued_lists"]

AGAINST = frozenset({"set_aside", "wrong_data"})
"""Decisions against the list: the worker found no need of an offer, or the records were not this household's."""

OFFERS = frozenset({"taken_up", "stepped_up"})

NOT_LISTED = frozenset({"random", "control"})
"""Arms for which no model answers: drawn by lot for a desk review, or held out by a trial's lot and not on the list."""

Key = tuple[date, bytes]


@dataclass(frozen=True)
class Issued:
    """By as-of date and household: what was listed, decided on, and said by reviewers.

    `acted` is True where help was offered, False where the worker decided against the list; `reviewed` is True where a
    reviewer would have offered help. Nothing decided, or another decision, is in neither.
    """

    dates: tuple[date, ...]
    listed: frozenset[Key]
    acted: Mapping[Key, bool]
    reviewed: Mapping[Key, bool]
    inputs: Mapping[str, str]

    def among(
        self, keys: frozenset[Key] | Mapping[Key, bool], as_of: NDArray[np.datetime64], entity: NDArray[np.bytes_]
    ) -> NDArray[np.bool_]:
        """Say of each row (rows,) whether its date and household are among `keys`."""
        inside = np.zeros(len(entity), dtype=np.bool_)
        for day in np.unique(as_of):
            names = np.array([name for at, name in keys if at == day.astype(date)] or [b""])
            here = as_of == day
            inside[here] = np.isin(entity[here], names)
        return inside


def read_issued_lists(workspace: Workspace, release: str) -> Issued:
    """Return everything that the lists of `release` hold; raise DataError where there is none."""
    places: set[Key] = set()
    of_list: dict[str, date] = {}
    inputs: dict[str, str] = {}
    for path in sorted(workspace.worklist.glob("*/list.json")):
        mine = {
            str(entry["id"]): date.fromisoformat(entry["as_of"])
            for entry in read_json(path)["lists"]
            if _release_of(workspace, str(entry["bundle"])) == release
        }
        if not mine:
            continue
        of_list |= mine
        rows = path.parent / "issued.csv"
        inputs[f"{path.parent.name}/issued.csv"] = file_digest(rows)
        places |= {
            (mine[row["list"]], row["entity"].encode())
            for row in _read_rows(rows, "issued")
            if row["list"] in mine and row["arm"] not in NOT_LISTED
        }
    if not of_list:
        raise DataError("the current release has issued no list to audit.", "Run `sooner rank`.")
    acted: dict[Key, bool] = {}
    reviewed: dict[Key, bool] = {}
    for name, answers in (("actions", acted), ("reviews", reviewed)):
        path = workspace.worklist / f"{name}.csv"
        if not path.exists():
            continue
        inputs[path.name] = file_digest(path)
        for row in _read_rows(path, name):
            day = of_list.get(row["list"])
            answer = row.get("disposition") or row.get("view")
            if day is None or answer not in AGAINST | OFFERS | {"help", "no_help"}:
                continue
            # The last word counts: rows are in the order in which they were said.
            answers[(day, row["entity"].encode())] = answer in OFFERS | {"help"}
    return Issued(tuple(sorted(set(of_list.values()))), frozenset(places), acted, reviewed, inputs)


def _release_of(workspace: Workspace, bundle: str) -> str:
    """Return the release whose model made a bundle's lists; nothing of lists that a points list made in its place."""
    path = workspace.bundle / bundle / "manifest.json"
    manifest = read_json(path) if path.exists() else {}
    return "" if "stands_in_for" in manifest else str(manifest.get("release", ""))


def _read_rows(path: Path, contract: str) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        missing = {column.name for column in read_table_contract(contract).columns if column.required} - set(
            reader.fieldnames or ()
        )
        if missing:
            raise DataError(
                f"{path.name} has no column {', '.join(sorted(missing))}.", f"Write it by the contract `{contract}`."
            )
        yield from reader
