"""Cases that are past their date end in the casework database and in the files that were written of it.

casework.db                     rows of the case, its sealed record and notes      serving.store.case_ends
worklist/PROGRAMME/DATE/        issued.csv, list.json                               with the last list of the day
worklist/PROGRAMME/actions.csv  written again from the decisions that are left
trials/*/NAME/lots/LIST.json    who took part                                       with its list
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from serving.store.actions import export_actions
from serving.store.case_ends import CasePromise
from serving.store.place import is_begun
from serving.store.store import Store, open_store

__all__ = ["count_ended", "count_past_forms", "end_cases", "end_cases_in", "end_forms", "end_readings"]


def count_ended(workspace: Workspace, promise: CasePromise, *, key: bytes = b"") -> Mapping[str, int]:
    """Return how many cases, lists and files of lists are past their date; nothing is changed."""
    if not is_begun(workspace):
        return {}
    with open_store(workspace, key=key) as store:
        ended = store.find_ended(promise)
        files = list(_find_files(workspace, promise, store.list_ids() - set(ended.lists)))
    return {"cases": len(ended.referrals), "lists": len(ended.lists), "files_of_lists": len(files)}


def end_cases(workspace: Workspace, promise: CasePromise, *, key: bytes = b"") -> Mapping[str, int]:
    """Remove what is past its date and return how much that was; killed, it is finished by the next run."""
    if not is_begun(workspace):
        return {}
    with open_store(workspace, key=key) as store:
        return end_cases_in(workspace, store, promise)


def count_past_forms(workspace: Workspace, promise: CasePromise, *, key: bytes = b"") -> int:
    """Return how many forms that residents sent are past their date; while everything is held, none."""
    if not is_begun(workspace) or promise.holds_all:
        return 0
    with open_store(workspace, key=key) as store:
        return len(store.list_past(promise.is_past))


def end_forms(workspace: Workspace, promise: CasePromise, *, key: bytes = b"") -> int:
    """Remove forms that are past their date, and return how many there were."""
    if not is_begun(workspace) or promise.holds_all:
        return 0
    with open_store(workspace, key=key) as store:
        return store.end_forms(promise.is_past)


def end_readings(workspace: Workspace, today: date, *, key: bytes = b"") -> int:
    """Remove what is past its days of what people read; return how many days of somebody that were."""
    if not is_begun(workspace):
        return 0
    with open_store(workspace, key=key) as store:
        return store.end_unusual(today)


def end_cases_in(workspace: Workspace, store: Store, promise: CasePromise) -> Mapping[str, int]:
    """Do the same with a store that is open."""
    ended = store.end_cases(promise)
    files = list(_find_files(workspace, promise, store.list_ids()))
    for path in files:
        if path.is_file():
            path.unlink()
            continue
        if find_current(path.parent) == path:
            (path.parent / "current").unlink()
        shutil.rmtree(path)
    if ended.referrals:
        for actions in sorted(workspace.root.glob("worklist/*/actions.csv")):
            export_actions(Workspace(workspace.root, actions.parent.name), store)
    return {"cases": len(ended.referrals), "lists": len(ended.lists), "files_of_lists": len(files)}


def _find_files(workspace: Workspace, promise: CasePromise, standing: Collection[tuple[str, str]]) -> Iterator[Path]:
    """Yield the folders of lists, and the files of lots, of which no list is `standing` (programme, id)."""
    for path in sorted(workspace.root.glob("worklist/*/*/list.json")):
        headers = read_json(path)["lists"]
        if all(
            (header["programme"], header["id"]) not in standing and promise.is_past(header["expires_at"])
            for header in headers
        ) and promise.is_past(path.parent.name):
            yield path.parent
    for path in sorted(workspace.root.glob("trials/*/*/lots/*.json")):
        if (path.parents[2].name, path.stem) not in standing and promise.is_past(read_json(path)["as_of"]):
            yield path
