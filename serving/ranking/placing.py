"""Who gets which place of the new lists: a stepped trial's turns, lots at the line, looks, then the published order.

whose turn it is  ->  which places a trial's lot draws  ->  who is in no look  ->  how many looks a year leaves
->  the order, giving way to other lists  ->  the lots themselves, kept before any list goes out  ->  looks below
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

from charter.invocation import Invocation
from charter.rules.holdout import TailLot
from charter.signing.trials import RunningTrial
from serving.ranking.elsewhere import give_way
from serving.ranking.places import Place, ScoredDate, draw_below, draw_tails, fill_places
from serving.ranking.step_turns import begin_turns, keep_turns
from serving.ranking.tail_lots import begin_lots, keep_lots
from serving.ranking.year_of_looks import allow_looks, leave_out_of_looks
from serving.store.store import IssuedList, Store

__all__ = ["NoLooks", "Placed", "place_households"]

NoLooks = Callable[[str, date], Collection[str]]
"""Who may be on a list and in no look below its line: people of a snapshot, at a date."""


@dataclass(frozen=True)
class Placed:
    """The new lists by team, their places, and the share of each that looks may take.

    `by_lot`: a trial or a look decided some of them, so that a line's rows would tell nothing. `trial` and `looks` say
    what the lots did, '' where there were none.
    """

    headers: dict[str, IssuedList]
    places: list[Place]
    shares: Mapping[str, float]
    by_lot: bool
    trial: str
    looks: str


def place_households(
    invocation: Invocation,
    store: Store,
    scored: ScoredDate,
    headers: dict[str, IssuedList],
    elsewhere: frozenset[str],
    running: RunningTrial | None,
    no_looks: NoLooks | None,
) -> Placed:
    """Fill the places of new lists, and keep what a trial's lots and turns said before any of them goes out."""
    council, below = invocation.council, invocation.settings.worklist.second_look.below
    share = invocation.settings.worklist.exploration.share
    stepped = begin_turns(invocation, running, headers, scored, store)
    headers, words = stepped.headers, stepped.words
    lots = begin_lots(invocation, running, headers, elsewhere, scored)
    if headers and no_looks is not None and (share or below):
        people = no_looks(str(scored.matrix.manifest["snapshot"]), scored.at.as_of)
        headers = leave_out_of_looks(invocation, headers, scored.at, people)
    looks = allow_looks(invocation, store, headers, share)
    fill = partial(fill_places, council, scored.at, scored.margins, shares=looks.shares, trial_lots=lots)
    headers, places = give_way(headers, scored.at.entity, elsewhere, fill)
    if running is not None:
        words = _keep_lots(invocation, running, scored, headers, lots) or words
        keep_turns(invocation, running, stepped.turns)
    said = looks.say_drawn(places)
    places += draw_below(council, scored.at, scored.margins, headers, below, {place.row for place in places})
    return Placed(headers, places, looks.shares, bool(lots or stepped.turns or share), words, said)


def _keep_lots(
    invocation: Invocation,
    running: RunningTrial,
    scored: ScoredDate,
    headers: Mapping[str, IssuedList],
    lots: Mapping[str, TailLot],
) -> str:
    """Keep how the lots of a trial at the line fell; return what to say of them, '' where there are none."""
    if not lots:
        return ""
    tails = draw_tails(invocation.council, scored.at, scored.margins, headers, lots)
    keep_lots(invocation, running, lots, tails, scored.margins)
    return f"The trial {running.trial.name} drew the last places of {len(tails)} of them by lot."
