"""Years of issued lists, question by question: who is listed and who in need is reached, at stated rates of a group.

As many comparisons as the shipped charter's second gate watches, and as many households as a council of the size has
(decision 136). Everybody but one group is alike in all of them; that group has the rates that are asked for.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from charter.invocation import shipped_council
from charter.rules.policy import Policy
from charter.rules.questions import Gate
from fairness_reports.audit.watching.harm_bets import Spoken, pair_sides
from fairness_reports.audit.watching.harm_watch import WATCHED

GATES: dict[str, Gate] = {
    gate.id: gate
    for gate in Policy.load(shipped_council() / "charter.toml").asked("shadow", "live")
    if gate.measure in WATCHED
}
START = date(2026, 1, 5)
GROUPS = (0.38, 0.18, 0.16, 0.105, 0.1)
"""Shares of households with children, as in the borough: of the others no group is recorded."""
PLACES = {10_000: (26, 7), 30_000: (26, 20), 110_000: (104, 20)}
"""Lists in two years, and places on each."""
WITH_CHILDREN = 0.457
IN_NEED_A_YEAR = 0.07
LISTED_BEFORE = 0.2


def speak_of_listing(
    rng: np.random.Generator, gate: str, share: float, ratio: float, homes: int, years: float = 2.0
) -> Spoken:
    """Return who is newly listed: of a group of that share of all, at a rate `ratio` times that of everyone else."""
    lists, places = PLACES[homes]
    lists = round(lists * years / 2)
    households = round(WITH_CHILDREN * homes)
    mine = round(share * households)
    others = households - mine
    days, values, odds = [], [], []
    for number in range(lists):
        chance = ratio * mine / (ratio * mine + others)
        drawn = rng.random(places) < chance
        values.append(drawn)
        odds += [mine / others] * places
        days += [START + timedelta(days=round(730 / PLACES[homes][0]) * number)] * places
        mine, others = mine - int(drawn.sum()), others - int((~drawn).sum())
    joined = np.concatenate(values).astype(np.float64)
    return Spoken(GATES[gate], "A", days, joined, np.array(odds), counted=True, households=mine, others=others)


def speak_of_need(
    rng: np.random.Generator, gate: str, share: float, ratio: float, homes: int, years: float = 2.0
) -> Spoken:
    """Return of those in need who was listed before: of a group of that share `ratio` times as many."""
    weeks = round(52 * years)
    needing = WITH_CHILDREN * homes * IN_NEED_A_YEAR / 52
    of_group = [_draw(rng, needing * share, ratio * LISTED_BEFORE) for _ in range(weeks)]
    of_rest = [_draw(rng, needing * (1 - share), LISTED_BEFORE) for _ in range(weeks)]
    steps, values, beside = pair_sides([START + timedelta(weeks=i) for i in range(weeks)], of_group, of_rest)
    mine, others = (sum(map(len, side)) for side in (of_group, of_rest))
    return Spoken(GATES[gate], "A", steps, values, beside, counted=False, households=mine, others=others)


def _draw(rng: np.random.Generator, expected: float, share: float) -> NDArray[np.float64]:
    return (rng.random(rng.poisson(expected)) < share).astype(np.float64)


def speak_at_limits(rng: np.random.Generator, homes: int) -> list[Spoken]:
    """Return every group of five exactly at the limit of listing, and of missed help once outcomes are due."""
    spoken = []
    for share in GROUPS:
        spoken.append(speak_of_listing(rng, "listed_ethnicity", share, GATES["listed_ethnicity"].limit, homes))
        limit = GATES["missed_help_of_issued_ethnicity"].limit
        spoken.append(speak_of_need(rng, "missed_help_of_issued_ethnicity", share, limit, homes))
    return spoken
