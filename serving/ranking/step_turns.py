"""A stepped trial on lists that are being made: whose unit has begun, and whose turn it is; kept before they go out.

Only a trial that is signed and registered does any of it (charter.signing.trials).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from charter.acts import COMMAND
from charter.contracts.files import file_digest
from charter.invocation import Invocation
from charter.rules.listing import order_lists
from charter.signing.trial_steps import ListTurns, Turn, find_begins, read_turns, write_turns
from charter.signing.trials import RunningTrial
from charter.vault.command_log import CommandLog
from charter.vault.key import Key
from serving.ranking.places import ScoredDate, find_teams
from serving.store.issued import NOT_BEGUN
from serving.store.store import IssuedList, Store

__all__ = ["StepTurns", "begin_turns", "keep_turns"]


@dataclass(frozen=True)
class StepTurns:
    """The lists without households whose unit has not begun, whose turn it is, and what is said of it."""

    headers: dict[str, IssuedList]
    turns: tuple[ListTurns, ...] = ()
    words: str = ""


def begin_turns(
    invocation: Invocation,
    running: RunningTrial | None,
    headers: dict[str, IssuedList],
    scored: ScoredDate,
    store: Store,
) -> StepTurns:
    """Take whose unit has not begun off the new lists, and find whose turn it is; nothing without a stepped trial."""
    if running is None or running.trial.design != "stepped":
        return StepTurns(headers)
    begins = find_begins(running.registration)
    teams = find_teams(invocation.council, scored.at)
    codes = np.array([code.decode() for code in scored.at.area.tolist()])
    units = teams if running.trial.stepped.unit == "team" else codes
    day = scored.at.as_of
    begun = np.array([unit in begins and begins[unit] <= day for unit in units.tolist()], dtype=bool)
    turns = _take_turns(invocation, running, headers, scored, store, (teams, units, begun))
    names = np.array([name.decode() for name in scored.at.entity.tolist()])
    left: dict[str, IssuedList] = {}
    for team, header in headers.items():
        waiting = set(names[(teams == team) & ~begun].tolist()) - header.excluded.keys()
        if not waiting or header.eligible > len(waiting):
            excluded = {**header.excluded, **dict.fromkeys(sorted(waiting), NOT_BEGUN)}
            left[team] = replace(header, excluded=excluded, eligible=header.eligible - len(waiting))
    open_by_now = sum(first <= day for first in begins.values())
    words = (
        f"The trial {running.trial.name} has begun in {open_by_now} of {len(begins)} {running.trial.stepped.unit}s; the"
        " others get no list yet, and keep every ordinary way to help."
    )
    return StepTurns(left, turns, words)


def _take_turns(
    invocation: Invocation,
    running: RunningTrial,
    headers: Mapping[str, IssuedList],
    scored: ScoredDate,
    store: Store,
    rows: tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.bool_]],
) -> tuple[ListTurns, ...]:
    """Return whose turn it is on each list, by rank as if every unit had begun, once by each household.

    Whom this trial's own lists held before keeps the turn to come: else a list would change who takes part.
    """
    teams, units, begun = rows
    names = [name.decode() for name in scored.at.entity.tolist()]
    had = {turn.entity for list_ in read_turns(invocation.workspace, running.trial.name) for turn in list_.turns}
    listed = _find_listed(store, invocation.programme, headers, running.trial.starts)
    left_out = np.array(
        [
            team not in headers or name in had or (name in headers[team].excluded and name not in listed)
            for team, name in zip(teams.tolist(), names, strict=True)
        ],
        dtype=bool,
    )
    capacity = {team: header.capacity for team, header in headers.items()}
    chosen, ranks = order_lists(scored.at.entity, scored.at.as_of, scored.margins, teams, capacity, left_out)
    by_team: dict[str, list[Turn]] = {team: [] for team in headers}
    for row, rank in zip(chosen.tolist(), ranks.tolist(), strict=True):
        turn = Turn(names[row], str(units[row]), rank, float(scored.margins[row]), bool(begun[row]))
        by_team[str(teams[row])].append(turn)
    return tuple(
        ListTurns(running.trial.name, headers[team].id, scored.at.as_of, tuple(turns))
        for team, turns in by_team.items()
    )


def _find_listed(store: Store, programme: str, headers: Mapping[str, IssuedList], since: date) -> set[str]:
    return {
        referral.entity
        for team in headers
        for issued in store.lists(programme, team)
        if date.fromisoformat(issued.as_of) >= since
        for referral in store.referrals(programme, issued.id)
    }


def keep_turns(invocation: Invocation, running: RunningTrial, turns: tuple[ListTurns, ...]) -> None:
    """Write whose turn it is, and the digests of it into the log, before any list goes out."""
    digests = {list_.list: file_digest(write_turns(invocation.workspace, list_)) for list_ in turns}
    if digests:
        CommandLog.under(Key.load(invocation.council, invocation.workspace), invocation.workspace).append(
            actor=COMMAND,
            role=COMMAND,
            action="take trial turns",
            subject=running.registration.trial_sha256,
            detail={"turns": digests},
        )
