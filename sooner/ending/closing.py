"""A closure carried out: everything that it says is looked at first, and a kill at any moment is gone on from.

    looked at    holds, forms and messages that wait: each refuses, with what to do first
    confirmed    closed/TARGET.json: from here on nothing is made of it
    counted      closed/TARGET.certificate.json begins with what there was
    handed on    open cases, to a folder outside (sooner.ending.open_cases)
    ended        cases and lists in the database, each with an entry in the log
    destroyed    files, and with everything the vault's people (sooner.ending.destroying)
    said         an anchor, the log, the certificate, the public record

Each step finds what is left to do by itself, so `sooner close confirm` typed again finishes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from charter.contracts.files import file_digest, read_json, require_unused, write_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import DataError
from charter.invocation import Invocation
from charter.signing.closures import ALL, Closure, certificate_file, confirm_closure, end_closure, read_closure
from charter.vault.anchors import Anchors, Closed
from charter.vault.command_log import LOG_PURPOSE, CommandLog
from charter.vault.key import Key
from charter.vault.rights_ledger import read_requests
from charter.vault.workspace_parts import find_parts
from features.intake.keeping.expiry import list_holds
from serving.identity import identify_command
from serving.store.place import is_begun
from serving.store.store import open_store
from sooner.ending.destroying import KEPT, Amount, count_paths, destroy_paths, empty_vault, find_paths
from sooner.ending.open_cases import count_open, export_open_cases, open_desk, require_outside
from sooner.ending.public_notice import write_notice

__all__ = ["ClosingPlan", "carry_out_closure", "choose_target", "plan_closure"]


@dataclass(frozen=True)
class ClosingPlan:
    """What a closure would do now, in counts; `waiting` says what must be done before it."""

    target: str
    programmes: tuple[str, ...]
    open_cases: Mapping[str, int]
    cases: int
    lists: int
    amounts: Mapping[str, Amount]
    waiting: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "programmes": list(self.programmes), "waiting": list(self.waiting)}


def choose_target(invocation: Invocation, *, everything: bool) -> str:
    """Return what is to be closed: the invocation's programme, or ALL."""
    return ALL if everything else invocation.programme


def plan_closure(invocation: Invocation, target: str) -> ClosingPlan:
    """Return what the closure of a target would do; nothing is changed."""
    programmes = _list_programmes(invocation, target)
    cases = lists = 0
    open_cases: dict[str, int] = {}
    if is_begun(invocation.workspace):
        for each in _turn_to(invocation, programmes):
            with open_desk(each) as desk:
                counted = count_open(desk)
                open_cases |= {f"{each.programme}/{team}": number for team, number in counted.items()}
                cases += len(desk.store.touched(programme=each.programme))
                lists += len(desk.store.lists(each.programme))
    paths = find_paths(invocation.workspace, programmes, everything=target == ALL)
    waiting = tuple(_find_waiting(invocation, programmes, target))
    return ClosingPlan(target, programmes, open_cases, cases, lists, count_paths(paths), waiting)


def carry_out_closure(
    invocation: Invocation, target: str, role: str, folder: Path, holder: str
) -> tuple[Closure, Mapping[str, Any]]:
    """Confirm a closure in a role and carry it out, or go on with it; return it and its certificate.

    The workspace's writer lock is the caller's. Raises DataError for what waits or while a service runs, CharterError
    for a role that may not, UsageError for a folder inside the workspace.
    """
    workspace = invocation.workspace
    require_outside(invocation, folder)
    with require_unused(workspace.root):
        before = read_closure(workspace, target)
        plan = plan_closure(invocation, target)
        begun = before is not None and bool(before.confirmed_at)
        if plan.waiting and not begun:
            raise DataError(f"{'; '.join(plan.waiting)}.", "Then close it.")
        closure = confirm_closure(workspace, invocation.roles, target, role, holder)
        path = certificate_file(workspace, target)
        if closure.done_at:
            return closure, read_json(path)
        if not path.exists():
            _log(invocation, closure.confirmed_by, "close.confirmed", target, {"reason": closure.reason})
            write_json(path, _begin_certificate(closure, plan))
        return _finish(invocation, closure, plan.programmes, folder)


def _finish(
    invocation: Invocation, closure: Closure, programmes: tuple[str, ...], folder: Path
) -> tuple[Closure, Mapping[str, Any]]:
    """Do what is left to do of a closure that was confirmed."""
    workspace, path = invocation.workspace, certificate_file(invocation.workspace, closure.target)
    certificate = dict(read_json(path))
    role = invocation.roles.find(closure.confirmed_by)
    key = Key.load(invocation.council, workspace)
    sealing = key.derive(LOG_PURPOSE)
    if is_begun(workspace):
        handed_on = 0
        for each in _turn_to(invocation, programmes):
            with open_desk(each) as desk:
                handed_on += export_open_cases(desk, identify_command(role), closure, folder)
        with open_store(workspace, chain="close", key=sealing) as store:
            store.end_programmes(None if closure.of_all else programmes)
            if closure.of_all:
                store.end_forms(lambda _: True)
        certificate["open_cases_handed_on"] = max(handed_on, certificate.get("open_cases_handed_on", 0))
        write_json(path, certificate)
    destroy_paths(find_paths(workspace, programmes, everything=closure.of_all))
    if closure.of_all:
        certificate["people"] = max(empty_vault(workspace, key), certificate.get("people", 0))
    write_json(path, certificate | {"stays": _say_what_stays(closure)})
    anchors = Anchors.of(workspace, sealing)
    gone = anchors.parts() - find_parts(workspace)
    digest = file_digest(path)
    anchors.add({}, closed=Closed(closure.target, digest, tuple(sorted(part for part in gone if _goes(part)))))
    _log(invocation, closure.confirmed_by, "close.done", closure.target, {"certificate": digest})
    write_notice(invocation, closure, read_json(path))
    return end_closure(workspace, closure), read_json(path)


def _goes(part: str) -> bool:
    """Whether a part that is not there any more goes with a closure: the ledger, the log and the database never do."""
    return part == "vault" or part.startswith(("bundle/", "live/"))


def _begin_certificate(closure: Closure, plan: ClosingPlan) -> dict[str, Any]:
    """Return the certificate's beginning: what there was, counted before anything went."""
    return {
        "schema_version": 1,
        **{name: getattr(closure, name) for name in
           ("target", "reason", "asked_by", "asked_at", "confirmed_by", "confirmed_at", "holder")},
        "programmes": list(plan.programmes),
        "cases": plan.cases,
        "lists": plan.lists,
        "destroyed": {name: asdict(amount) for name, amount in sorted(plan.amounts.items())},
    }  # fmt: skip


def _say_what_stays(closure: Closure) -> dict[str, str]:
    shared = "the snapshots and the vault, which the other programmes use"
    return dict(KEPT) if closure.of_all else {**KEPT, "store, vault": shared}


def _find_waiting(invocation: Invocation, programmes: tuple[str, ...], target: str) -> Iterator[str]:
    """Yield what must be done before a target is closed, each as a clause."""
    holds = list_holds(read_requests(invocation.workspace))
    if holds:
        yield f"{len(holds)} legal holds stand (`sooner retain release`), and what they name must stay"
    if not is_begun(invocation.workspace):
        return
    key = Key.load(invocation.council, invocation.workspace).derive(LOG_PURPOSE)
    with open_store(invocation.workspace, chain="close", key=key) as store:
        cases = {referral.id for name in programmes for referral in store.touched(programme=name)}
        waiting = [each for each in store.messages(state="waiting") if target == ALL or each.referral in cases]
        if waiting:
            yield f"{len(waiting)} messages wait to leave the council (`sooner outbox --send`)"
        forms = [form for form in store.forms() if not form.answered_at] if target == ALL else []
        if forms:
            yield f"{len(forms)} forms that residents sent are not answered (the page What residents sent)"


def _list_programmes(invocation: Invocation, target: str) -> tuple[str, ...]:
    return Council.load(invocation.council.folder).programmes if target == ALL else (target,)


def _turn_to(invocation: Invocation, programmes: tuple[str, ...]) -> Iterator[Invocation]:
    council = Council.load(invocation.council.folder)
    for programme in programmes:
        place = Workspace(invocation.workspace.root, programme)
        yield replace(invocation, programme=programme, council=council.serving(programme), workspace=place)


def _log(invocation: Invocation, role: str, action: str, target: str, detail: Mapping[str, Any]) -> None:
    log = CommandLog.open(invocation.council, invocation.workspace)
    log.append(actor=identify_command().user, role=role, action=action, subject=target, detail=detail)
