"""Council tax: accounts and the people liable, recovery steps, support awards."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from borough.days import NEVER
from borough.population import PRIVATE
from borough.post import Post, make_references, repeat_endings, repeat_rows, take_text
from borough.town import Town

__all__ = ["send_extract"]

_STAGES = ("RM", "FN", "SM", "LO")


def send_extract(town: Town, post: Post) -> None:
    """Write accounts, recovery and support; each new account makes a new reference for the same person."""
    rng = town.chance.stream("council_tax")
    people, spells = town.people, town.population.residence
    rows = np.flatnonzero(
        (people.role[spells.who] < 2)
        & (town.population.places.tenure[spells.place] <= PRIVATE)
        & (spells.end > town.days.first)
    )
    who = spells.who[rows]
    references = make_references("L", rng.permutation(len(rows)) + 1, 7)
    post.know("council_tax", references, who)
    stays = spells.unit[rows].astype(np.int64) * len(town.population.places.tenure) + spells.place[rows]
    account, account_of = np.unique(stays, return_inverse=True)
    account_refs = make_references("7", rng.permutation(len(account)) + 1, 7)
    unknown = town.rates.of("errors", "missing_birth_council_tax")
    spelled = town.spelled(town.names.record(rng, town.rates, people, who, unknown_birth=unknown))
    home = town.address(spells.place[rows])
    post.send(
        "council_tax",
        "accounts",
        repeat_endings(
            {
                "account_ref": account_refs.take(pa.array(account_of)),
                "liable_ref": references,
                "forename": pc.utf8_upper(spelled["forename"]),
                "surname": pc.utf8_upper(spelled["surname"]),
                "date_of_birth": spelled["date_of_birth"],
                "uprn": home["uprn"],
                "address": pc.utf8_upper(home["address"]),
                "postcode": home["postcode"],
                "liable_from": spells.start[rows],
                "liable_to": spells.end[rows],
                "recorded_on": spells.start[rows] + rng.integers(3, 45, len(rows), dtype=np.int32),
            },
            "liable_to",
            rng.integers(3, 50, len(rows)),
        ),
    )
    _send_recovery(town, post, rows, references, account_refs.take(pa.array(account_of)))
    _send_support(town, post, rows, references)


def _send_recovery(town: Town, post: Post, rows: np.ndarray, references: pa.Array, accounts: pa.Array) -> None:
    rng = town.chance.stream("council_tax", "recovery")
    months = town.home_months
    rate = town.rates.of("council_tax", "reminder")
    level = town.need.level("money", 1.2, months.month, months.unit)
    hit = town.chance.happens(rng, np.minimum(rate * level, 0.5), len(months.month))
    day = town.days.within(rng, months.month[hit])
    debt = (rng.gamma(2.2, 160_00, len(hit)) + 60_00).astype(np.int64)
    steps, sources, days = [np.zeros(len(hit), dtype=np.int64)], [np.arange(len(hit))], [day]
    current, when = np.arange(len(hit)), day
    # Three reminders: the first and third go on to a final notice, the third on to a summons. Steps 0 0 0, 1 1, 2 are
    # of sources 0 1 2, 0 2, 2: each later row names the reminder that it came of.
    for stage, share in enumerate(town.rates.shares("council_tax", "escalation"), start=1):
        # Who is short of money now is likelier to go on to the next step.
        push = np.minimum(0.95, share * (0.7 + 0.3 * np.sqrt(level[hit[current]])))
        goes_on = rng.random(len(current)) < push
        current = current[goes_on]
        when = when[goes_on] + rng.integers(21, 50, len(current), dtype=np.int32)
        steps.append(np.full(len(current), stage))
        sources.append(current)
        days.append(when)
    step, source, stage_day = np.concatenate(steps), np.concatenate(sources), np.concatenate(days)
    keep = town.recording.signal(town.chance.stream("council_tax", "recorded"), months.unit[hit])[source]
    keep &= stage_day < town.days.last
    step, source, stage_day = step[keep], source[keep], stage_day[keep]
    stay = town.stay(months.adult[hit][source], day[source])
    position = np.clip(np.searchsorted(rows, stay), 0, len(rows) - 1)
    liable = rows[position] == stay
    step, source, stage_day, position = step[liable], source[liable], stage_day[liable], position[liable]
    order = np.lexsort((step, stage_day))
    step, source, stage_day, position = step[order], source[order], stage_day[order], position[order]
    recorded = stage_day + rng.integers(0, 4, len(step), dtype=np.int32)
    columns = {
        "recovery_id": make_references("R", np.arange(len(step)) + 1, 8),
        "account_ref": accounts.take(pa.array(position)),
        "liable_ref": references.take(pa.array(position)),
        "stage_date": stage_day,
        "stage": take_text(_STAGES, step),
        "balance": debt[source] + step * 55_00,
        "recorded_on": recorded,
        "corrected_on": np.full(len(step), NEVER),
    }
    wrong = np.flatnonzero(rng.random(len(step)) < town.rates.of("errors", "correction"))
    changes = {
        "balance": (columns["balance"][wrong] * 0.5).astype(np.int64),
        "corrected_on": recorded[wrong] + rng.integers(14, 90, len(wrong), dtype=np.int32),
    }
    post.send("council_tax", "recovery", repeat_rows(columns, wrong, changes))


def _send_support(town: Town, post: Post, rows: np.ndarray, references: pa.Array) -> None:
    rng = town.chance.stream("council_tax", "support")
    spells, people = town.population.residence, town.people
    share = town.rates.of("council_tax", "support")
    lasting = town.need.lasting("money")[spells.unit[rows]]
    likely = 1 / (1 + np.exp(-(np.log(share / (1 - share)) + 1.1 * lasting)))
    claims = np.flatnonzero((rng.random(len(rows)) < likely) & (people.role[spells.who[rows]] == 0))
    claims = claims[town.recording.signal(rng, spells.unit[rows][claims])]
    start = spells.start[rows][claims] + rng.integers(5, 400, len(claims), dtype=np.int32)
    early = rng.random(len(claims)) < 0.4
    stop = np.minimum(
        spells.end[rows][claims],
        np.where(early, start + rng.exponential(900, len(claims)).astype(np.int32) + 30, NEVER),
    )
    stop = np.where(stop < town.days.last, stop, NEVER).astype(np.int32)
    keep = (start < stop) & (start < town.days.last) & (stop > town.days.first)
    claims, start, stop = claims[keep], start[keep], stop[keep]
    post.send(
        "council_tax",
        "support",
        repeat_endings(
            {
                "claim_ref": make_references("S", np.arange(len(claims)) + 1, 7),
                "liable_ref": references.take(pa.array(claims)),
                "award_from": start,
                "award_to": stop,
                "weekly_award": rng.integers(6_00, 34_00, len(claims)),
                "recorded_on": start + rng.integers(7, 60, len(claims), dtype=np.int32),
            },
            "award_to",
            rng.integers(1, 30, len(claims)),
        ),
    )
