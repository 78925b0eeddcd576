"""Worklists: who each team is asked to think about first, within its places and the help it can offer.

    score every row  ->  leave out who was contacted lately  ->  the published order  ->  cut at the team's capacity
    ->  give way to another programme's list (elsewhere.py)  ->  seal a record of each referral
    ->  file all lists in one transaction  ->  write issued.csv and list.json

A list is keyed by team and local date and fixed for `[list] days`: ranking twice changes nothing, a missed night is
caught up by the next, and a clock change moves no date.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts import SCHEMA_VERSION, read_table_contract
from charter.contracts.files import file_digest, set_current, write_json, write_text
from charter.contracts.matrix import Matrix, MatrixDate
from charter.council.council import Council, Team
from charter.council.worklist_settings import WorklistFile
from charter.invocation import Invocation
from charter.rules.left_out import find_resting, mark_with_worker
from charter.signing.trial_lots import find_lots
from charter.signing.trials import find_running_trial
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from serving.ranking.bundle import Bundle
from serving.ranking.elsewhere import find_listed_elsewhere
from serving.ranking.health import require_seen, write_health
from serving.ranking.line_rows import keep_line
from serving.ranking.model_in_use import open_in_use
from serving.ranking.places import Place, ScoredDate, find_teams, score_rows
from serving.ranking.placing import NoLooks, place_households
from serving.ranking.sealed_record import read_record
from serving.ranking.sealing import Keepsakes, Timelines, seal_records
from serving.ranking.standing_in import list_models, say_standing_in
from serving.ranking.standing_lists import OWN_CHAIN, ListSummary, RankResult
from serving.ranking.tail_lots import read_arms
from serving.ranking.year_of_looks import require_share
from serving.store.actions import export_actions, write_csv
from serving.store.issued import WITH_WORKER
from serving.store.store import IssuedList, Referral, Store, make_store, write_moment
from serving.suspension import list_feeds, read_suspensions, require_running

__all__ = ["Departures", "ListSummary", "NoLooks", "RankResult", "rank_households"]


Departures = Callable[[str, date, Mapping[str, Sequence[str]]], Mapping[str, str]]
"""Who must leave a list, and why: of a snapshot, at a date, among households by their people when listed."""


def rank_households(
    invocation: Invocation,
    matrix_folder: Path,
    as_of: date,
    *,
    refresh: bool = False,
    now: datetime | None = None,
    score: Callable[[Bundle, Matrix, MatrixDate], NDArray[np.float64]] = score_rows,
    timelines: Timelines | None = None,
    departures: Departures | None = None,
    no_looks: NoLooks | None = None,
) -> RankResult:
    """Issue each team's worklist of `as_of` from a matrix built for ranking; the lists already issued stay.

    `score` gives the margin of each row: here, or on a cluster; `timelines` what services recorded of the households,
    `departures` who must leave a list that is still fixed: a death, or help that is there already;
    `no_looks` who is in no look below a line.
    With `refresh`, or where a team's manager asked on their page, there is a new list before the last one ends. Raises
    BlockedError where the programme is suspended, DataError where no model is promoted, the matrix doesn't fit it, it
    saw nothing of anybody, or no team offers any help.
    """
    moment = now or datetime.now(UTC)
    workspace, council = invocation.workspace, invocation.council
    require_running(workspace)
    programme = invocation.settings
    settings = programme.worklist
    settings.require_decisions()
    require_share(invocation)
    stopped = {suspension.name for suspension in read_suspensions(workspace) if suspension.kind == "team"}
    capacity = {team: places for team, places in programme.capacity(council, as_of).items() if team not in stopped}
    bundle = open_in_use(workspace)
    require_running(workspace, feeds=list_feeds(bundle.manifest), models=list_models(bundle.manifest))
    matrix = Matrix.open(matrix_folder)
    at = matrix.at(as_of)
    require_seen(bundle, matrix, at)
    scored = ScoredDate(bundle, matrix, at, score(bundle, matrix, at))
    synthetic = bool(matrix.manifest.get("synthetic", False))
    running, trial = find_running_trial(invocation, as_of, synthetic=synthetic)
    key = Key.load(council, workspace).derive(LOG_PURPOSE)
    store = make_store(workspace, chain=OWN_CHAIN, key=key)
    try:
        headers, fixed = _begin_lists(invocation, store, settings, capacity, scored, refresh, moment)
        if departures is not None:
            _take_off(store, fixed, partial(departures, str(matrix.manifest["snapshot"]), as_of))
        elsewhere = find_listed_elsewhere(store, invocation.programme, write_moment(moment))
        placed = place_households(invocation, store, scored, headers, elsewhere, running, no_looks)
        headers, places = placed.headers, placed.places
        with invocation.progress("Explaining each referral", total=len(places)) as step:
            keepsakes = Keepsakes(timelines, settings.timeline.months, placed.shares)
            referrals = seal_records(scored, places, council.time_zone, keepsakes)
            step(len(referrals))
        issued = [(header, _select_list(header, places, referrals)) for header in headers.values()]
        store.issue(issued, actor="sooner")
        folder = _write_lists(invocation, store, as_of, [*headers.values(), *fixed])
        keep_line(folder, council, scored, headers, 0 if placed.by_lot else settings.line.kept)
        write_health(folder, scored)
        return RankResult(
            as_of=as_of,
            folder=folder,
            bundle=bundle.id,
            matrix=str(matrix.manifest["id"]),
            lists=_summarise_lists(council, store, headers, fixed),
            refused=_refused_teams(council, as_of, stopped),
            unserved=int((find_teams(council, at) == "").sum()),
            trial=placed.trial or trial,
            looks=placed.looks,
            standing_in=say_standing_in(bundle.manifest) if headers else "",
        )
    finally:
        store.close()


def _take_off(
    store: Store, fixed: Sequence[IssuedList], departures: Callable[[Mapping[str, Sequence[str]]], Mapping[str, str]]
) -> None:
    """Take whoever must leave off the lists that are still fixed; what was decided on stays as it is."""
    waiting = {entity: referral for header in fixed for entity, referral in store.waiting(header).items()}
    reasons = departures({entity: people for entity, (_, people) in waiting.items()})
    store.take_off({waiting[entity][0]: why for entity, why in reasons.items()}, actor="sooner")


def _begin_lists(
    invocation: Invocation,
    store: Store,
    settings: WorklistFile,
    capacity: Mapping[str, int],
    scored: ScoredDate,
    refresh: bool,
    moment: datetime,
) -> tuple[dict[str, IssuedList], list[IssuedList]]:
    """Return the lists to issue, by team, and those that are still fixed."""
    council, as_of = invocation.council, scored.at.as_of
    excluded = _with_worker(settings, scored) | _cooling_off(store, settings, council, as_of)
    teams = find_teams(council, scored.at)
    names = np.array([name.decode() for name in scored.at.entity.tolist()])
    headers: dict[str, IssuedList] = {}
    fixed_lists: list[IssuedList] = []
    for team in sorted(capacity):
        fixed = _still_fixed(store, invocation.programme, team, as_of, settings.list.days, refresh)
        if fixed is not None:
            fixed_lists.append(fixed)
            continue
        said = store.places_set(invocation.programme, team, as_of)
        places = capacity[team] if said is None else min(said, capacity[team])
        if not places:
            continue
        candidates = names[teams == team].tolist()
        out = {name: excluded[name] for name in candidates if name in excluded}
        headers[team] = IssuedList(
            programme=invocation.programme,
            id=f"{team}-{as_of.isoformat()}",
            team=team,
            as_of=as_of.isoformat(),
            issued_at=write_moment(moment),
            expires_at=_expiry(council, as_of, moment, settings.list.days),
            capacity=places,
            eligible=len(candidates) - len(out),
            excluded=out,
            snapshot=str(scored.matrix.manifest["snapshot"]),
            matrix=str(scored.matrix.manifest["id"]),
            bundle=scored.bundle.id,
        )
    return headers, fixed_lists


def _still_fixed(store: Store, programme: str, team: str, as_of: date, days: int, refresh: bool) -> IssuedList | None:
    """Return the list that is still fixed on `as_of`; a refresh lets go of one of an earlier day."""
    for issued in store.lists(programme, team):
        day = date.fromisoformat(issued.as_of)
        fresh = refresh or store.refresh_asked(programme, issued.id) is not None
        if day == as_of or (not fresh and day < as_of < day + timedelta(days=days)):
            return issued
    return None


def _expiry(council: Council, as_of: date, moment: datetime, days: int) -> str:
    """Return local midnight `days` after the list's date, or after the day it was issued where that is later."""
    start = max(as_of, moment.astimezone(council.time_zone).date())
    return write_moment(council.midnight(start + timedelta(days=days)))


def _cooling_off(store: Store, settings: WorklistFile, council: Council, as_of: date) -> dict[str, str]:
    """Return whom no list may hold on `as_of`, over all programmes, and the decision that says so.

    A family that said no may wish for longer than the council's own rest.
    """
    longest = max(settings.cooling_off.values(), default=0)
    since = council.midnight(as_of - timedelta(weeks=longest))
    decisions = [
        (entity, disposition, datetime.fromisoformat(decided_at).astimezone(council.time_zone).date())
        for entity, disposition, decided_at in store.last_dispositions(since)
    ]
    wishes = dict.fromkeys(store.wishes(as_of.isoformat()), "family_said_no")
    return wishes | find_resting(decisions, settings.cooling_off, as_of)


def _with_worker(settings: WorklistFile, scored: ScoredDate) -> dict[str, str]:
    """Return whom no list may hold because somebody works with them already, and that that is why."""
    rows = mark_with_worker(scored.at.features, scored.matrix.features, settings.leave_out.with_worker)
    return dict.fromkeys((name.decode() for name in scored.at.entity[rows].tolist()), WITH_WORKER)


def _select_list(
    header: IssuedList, places: Sequence[Place], referrals: Sequence[tuple[Referral, tuple[str, ...]]]
) -> list[tuple[Referral, tuple[str, ...]]]:
    return [row for place, row in zip(places, referrals, strict=True) if place.header.id == header.id]


def _refused_teams(council: Council, as_of: date, stopped: Collection[str]) -> dict[str, str]:
    """Return why each team that exists got no list."""
    refused = {}
    for team in council.teams:
        if team.serves(as_of) and team.id in stopped:
            refused[team.id] = "The team's lists are suspended."
        elif team.serves(as_of) and team.places <= 0:
            refused[team.id] = "No help is on offer, and a list with no help behind it is surveillance."
    return refused


def _summarise_lists(
    council: Council, store: Store, new: Mapping[str, IssuedList], fixed: Sequence[IssuedList]
) -> tuple[ListSummary, ...]:
    titles: Mapping[str, Team] = {team.id: team for team in council.teams}
    return tuple(
        ListSummary(
            team=header.team,
            title=titles[header.team].title,
            list=header.id,
            as_of=header.as_of,
            expires_at=header.expires_at,
            capacity=header.capacity,
            eligible=header.eligible,
            referrals=len(store.referrals(header.programme, header.id)),
            left_out=len(header.left_out),
            new=header.team in new,
        )
        for header in sorted([*new.values(), *fixed], key=lambda header: header.team)
    )


def _write_rows(invocation: Invocation, store: Store, header: IssuedList) -> list[dict[str, Any]]:
    """Return one list's rows of the contract `issued`, those whom a trial's lot held out at the end."""
    lots = find_lots(invocation.workspace, header.id)
    by_lot, controls = read_arms(lots, header) if lots else ({}, iter(()))
    rows: list[dict[str, Any]] = [
        {
            "list": referral.list,
            "as_of": header.as_of,
            "entity": referral.entity,
            "team": header.team,
            "rank": referral.rank,
            "margin": repr(referral.margin),
            "band": referral.band,
            "arm": referral.arm,
            "inclusion": repr(by_lot.get(referral.entity, read_record(referral).inclusion)),
        }
        for referral in store.referrals(header.programme, header.id)
    ]
    return [*rows, *controls]


def _write_lists(invocation: Invocation, store: Store, as_of: date, headers: Sequence[IssuedList]) -> Path:
    """Write `issued.csv` (contract) and `list.json` of the lists of `as_of` from the database, and point to them."""
    workspace = invocation.workspace
    folder = workspace.worklist / as_of.isoformat()
    rows: list[dict[str, Any]] = []
    for header in sorted(headers, key=lambda header: header.id):
        rows += _write_rows(invocation, store, header)
    write_text(folder / "issued.csv", write_csv(read_table_contract("issued").names, rows))
    bundle_folder = workspace.bundle / headers[0].bundle if headers else None
    inputs = {"issued.csv": file_digest(folder / "issued.csv")}
    if bundle_folder is not None and (bundle_folder / "manifest.json").exists():
        inputs["bundle"] = file_digest(bundle_folder / "manifest.json")
    write_json(
        folder / "list.json",
        {
            "schema_version": SCHEMA_VERSION,
            "programme": invocation.programme,
            "as_of": as_of.isoformat(),
            "snapshot": headers[0].snapshot if headers else "",
            "inputs": inputs,
            "lists": [
                {key: value for key, value in asdict(header).items() if key != "excluded"}
                | {"left_out": len(header.left_out)}
                for header in sorted(headers, key=lambda header: header.id)
            ],
        },
    )
    export_actions(workspace, store)
    set_current(workspace.worklist, as_of.isoformat())
    return folder
