"""A running trial's lots on the lists that are being made: begun before the places are filled, kept before they go out.

Only a trial that is signed and registered draws any (charter.signing.trials); the sealed records and the pages of a
list say nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from charter.acts import COMMAND
from charter.contracts.files import file_digest
from charter.errors import CharterError
from charter.invocation import Invocation
from charter.rules.holdout import CONTROL, LISTED, TailLot, derive_seed
from charter.signing.trial_lots import ListLots, read_lots, write_lots
from charter.signing.trials import RunningTrial
from charter.vault.command_log import CommandLog
from charter.vault.key import Key
from serving.ranking.places import ScoredDate, Tail
from serving.store.store import IssuedList

__all__ = ["begin_lots", "keep_lots", "read_arms"]


def begin_lots(
    invocation: Invocation,
    running: RunningTrial | None,
    headers: Mapping[str, IssuedList],
    elsewhere: frozenset[str],
    scored: ScoredDate,
) -> dict[str, TailLot]:
    """Return the lot of each new list, by team; none where no trial with lots at the line is running.

    Raises CharterError where the same places would be drawn by lot for a desk review too.
    """
    if running is None or running.trial.design != "holdout":
        return {}
    if invocation.settings.worklist.exploration.share:
        raise CharterError(
            f"the trial {running.trial.name} and [exploration] of worklist.toml would draw the same places by lot.",
            "Set [exploration] share = 0.0 while the trial runs.",
        )
    holdout = running.trial.holdout
    before = read_lots(invocation.workspace, running.trial.name)
    names = (name.decode() for name in scored.at.entity.tolist())
    margin_of = dict(zip(names, scored.margins.tolist(), strict=True)) if before else {}
    lots = {}
    for team, header in headers.items():
        day = date.fromisoformat(header.as_of)
        winners, losers = _find_standing(before, day, holdout.lot_stands_weeks, margin_of)
        seed = derive_seed(running.registration.seed, header.id)
        lots[team] = TailLot(seed, header.id, holdout.tail, winners, losers, elsewhere)
    return lots


def _find_standing(
    before: tuple[ListLots, ...], day: date, weeks: int, margin_of: Mapping[str, float]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return whose earlier lots, of any team's lists, still stand on a day: those who won, and those who lost.

    Whoever lost, and by now has a margin above that of everybody whose place went by lot, is held out no more.
    """
    since = day - timedelta(weeks=weeks)
    arms = {LISTED: set[str](), CONTROL: set[str]()}
    for lots in before:
        if since < lots.as_of < day:
            for household in lots.draw.lots:
                if household.arm == LISTED or not _has_risen(lots, margin_of.get(household.entity)):
                    arms[household.arm].add(household.entity)
    return frozenset(arms[LISTED]), frozenset(arms[CONTROL] - arms[LISTED])


def _has_risen(lots: ListLots, margin: float | None) -> bool:
    return margin is not None and lots.above is not None and margin > lots.above


def keep_lots(
    invocation: Invocation,
    running: RunningTrial,
    lots: Mapping[str, TailLot],
    tails: Mapping[str, Tail],
    margins: NDArray[np.float64],
) -> None:
    """Write how each list's lot fell, and the digests of it all into the log, before any list goes out."""
    digests = {}
    for team, tail in sorted(tails.items()):
        header = tail.header
        record = ListLots(
            trial=running.trial.name,
            team=team,
            as_of=date.fromisoformat(header.as_of),
            lot=lots[team],
            places=tail.places,
            households=tail.draw.households,
            margins=tuple(float(margins[row]) for row in tail.rows),
            above=float(margins[tail.first[-1].row]) if tail.first else None,
        )
        digests[header.id] = file_digest(write_lots(invocation.workspace, record))
    if digests:
        key = Key.load(invocation.council, invocation.workspace)
        CommandLog.under(key, invocation.workspace).append(
            actor=COMMAND,
            role=COMMAND,
            action="draw trial lots",
            subject=running.registration.trial_sha256,
            detail={"lots": digests},
        )


def read_arms(lots: ListLots, header: IssuedList) -> tuple[Mapping[str, float], Iterator[dict[str, object]]]:
    """Return with which probability each listed household of a lot has its place, and the rows of its controls.

    Rows are of the contract `issued`; a control's rank is the one that it had before the lot.
    """
    inclusion = {row.entity: row.inclusion for row in lots.draw.lots if row.arm == LISTED}
    controls = (
        {
            "list": header.id,
            "as_of": header.as_of,
            "entity": row.entity,
            "team": header.team,
            "rank": row.rank,
            "margin": repr(margin),
            "band": "",
            "arm": CONTROL,
            "inclusion": repr(row.inclusion),
        }
        for row, margin in zip(lots.households, lots.margins, strict=True)
        if row.arm == CONTROL
    )
    return inclusion, controls
