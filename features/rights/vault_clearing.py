"""The vault's part of what residents asked and of retention: done after the snapshots, once, and marked there.

A vault that is restored alone, from a backup of its own, has the names of those who were erased since and tells the
homes of those who objected; the snapshots' tombstones say nothing of that. What was carried out on a vault is marked in
the vault, so one that is older lacks the marks, and all of this is done again on it: nothing is done twice by that.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from charter.contracts.workspace import Workspace
from charter.purposes import CHECKS
from charter.vault.blind_pairs import PAIR_PAPER, READING_PAPER
from charter.vault.link_sheets import BLIND_SHEET, LINK_SHEET, read_sheets
from charter.vault.rights_ledger import ACTIONS, Request, read_tombstones
from charter.vault.vault import Vault
from features.linking.corrections import PAPER
from features.permission import ALL

__all__ = ["clear_sealed_people", "clear_vault", "drop_papers_about", "find_strangers", "find_unmarked"]

PAPERS = (PAPER, "export", "challenge", PAIR_PAPER, READING_PAPER, LINK_SHEET, BLIND_SHEET)
"""What the desk files in people's own words, and pairs for reviewers; each names the references of whom it is about."""


def find_unmarked(vault: Vault, requests: Iterable[Request]) -> tuple[Request, ...]:
    """Return the requests, and times of retention, that were not carried out on this vault yet."""
    marks = vault.carried_out()
    kinds = (*ACTIONS, "overrule", "retained")
    return tuple(request for request in requests if request.action in kinds and request.id not in marks)


def clear_vault(
    workspace: Workspace, vault: Vault, requests: Collection[Request], gone: Collection[str] = ()
) -> Mapping[str, Collection[str]]:
    """Carry requests out on the vault, and mark them; return by request whom it was about.

    Whoever was erased has no name, no paper and no sealed row any more; reviewers of links see nobody who objected to
    being linked. Of whoever objected to everything the residence check tells nothing, nor of people of whom retention
    left nothing: `gone`, and whoever no snapshot knows.
    """
    about = _read_people_asked_about(workspace) if requests else {}
    untold, unnamed, erased, unlinked = set(gone), set(gone), set[str](), set[str]()
    for request in requests:
        people = {*about.get(request.id, ()), *request.refs}
        if request.action == "retained" and not gone:
            unnamed |= find_strangers(workspace, vault.person_ids())
            untold |= unnamed
        elif request.action in ACTIONS and request.purpose == ALL:
            untold |= people
        elif request.action in ACTIONS and request.purpose in CHECKS:
            vault.forget_residents(people, request.purpose)
        if request.action in ACTIONS and request.purpose in (ALL, "link"):
            unlinked |= people
        if request.action == "erase":
            erased |= set(request.refs)
            unnamed |= people if request.service == ALL else set()
    if untold:
        vault.forget_residents(untold)
    if erased:
        drop_papers_about(vault, erased)
        for snapshot in sorted(vault.snapshots()):
            clear_sealed_people(vault, snapshot, erased)
    vault.forget(unnamed)
    drop_sheets_of(vault, unnamed | unlinked)
    vault.mark_carried_out(request.id for request in requests)
    return about


def _read_people_asked_about(workspace: Workspace) -> Mapping[str, frozenset[str]]:
    """Return by request whom it was about, as the tombstones of all snapshots say."""
    about: dict[str, set[str]] = {}
    for path in workspace.store.glob("*/manifest.json"):
        for line in read_tombstones(path.parent):
            about.setdefault(str(line["request"]), set()).update(line["people"])
    return {request: frozenset(people) for request, people in about.items()}


def find_strangers(workspace: Workspace, people: Collection[str]) -> frozenset[str]:
    """Return those of `people` whom no linked snapshot knows; nobody where there is none."""
    tables = [path for name in ("people", "links") for path in workspace.store.glob(f"*/tables/{name}.parquet")]
    if not tables:
        return frozenset()
    known: set[str] = set()
    for path in tables:
        known |= set(pq.read_table(path, columns=["person_id"])["person_id"].to_pylist())
    return frozenset(people) - known


def drop_papers_about(vault: Vault, references: Collection[str]) -> None:
    """Drop what the desk filed in words of whoever has one of these references."""
    for kind in PAPERS:
        mine = [name for name, paper in vault.papers(kind).items() if set(json.loads(paper)["refs"]) & set(references)]
        vault.drop_papers(kind, mine)


def drop_sheets_of(vault: Vault, people: Collection[str]) -> None:
    """Drop the sheets of pairs that any of these people, or references (pseudonyms), stands on."""
    if people:
        for kind in (LINK_SHEET, BLIND_SHEET):
            gone = [
                sheet.name
                for sheet in read_sheets(vault, kind)
                if not set(people).isdisjoint((*sheet.people, *sheet.refs))
            ]
            vault.drop_papers(kind, gone)


def clear_sealed_people(vault: Vault, snapshot: str, references: Collection[str]) -> int:
    """Take references out of the sealed rows of who people are in a snapshot; return how many rows that were."""
    if snapshot not in vault.snapshots():
        return 0
    sealed = pq.read_table(BytesIO(vault.get_set(snapshot, "people")))
    rest = sealed.filter(pc.invert(pc.is_in(sealed["ref"], value_set=pa.array(sorted(references), sealed["ref"].type))))
    if rest.num_rows != sealed.num_rows:
        into = BytesIO()
        pq.write_table(rest, into)
        vault.put_sets(snapshot, {"people": into.getvalue()})
    return int(sealed.num_rows - rest.num_rows)
