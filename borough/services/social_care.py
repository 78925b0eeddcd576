"""Children's social care: contacts, referrals, assessments and periods in need, with the children they are about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from borough.days import NEVER
from borough.post import Post, make_references, repeat_endings, repeat_rows, take_text
from borough.services.codes import read_codes
from borough.town import Town

__all__ = ["list_outcomes", "send_extract"]

Ints = NDArray[np.int32]
_FAMILIES = ("individual", "school", "health", "housing", "police", "other")
_DISABILITIES = ("NONE", "BEH", "LD", "MOB", "COMM", "HEAR", "AUT")
_NEEDS = ("N1", "N2", "N3", "N4", "N5", "N6", "N8", "N9")
# Abuse or neglect first, as in the return; then disability, illness, stress, dysfunction, behaviour, absence, other.
_NEED_SHARES = np.cumsum([0.57, 0.09, 0.03, 0.09, 0.14, 0.02, 0.03, 0.03])


@dataclass(frozen=True)
class _Journey:
    """What follows each contact, one row for each child it is about; days, NEVER where a step was not taken."""

    child: Ints
    unit: Ints
    contact: Ints
    source: NDArray[np.int64]
    referral: Ints
    no_action: NDArray[np.bool_]
    assessed: Ints
    authorised: Ints
    closed: Ints


def send_extract(town: Town, post: Post) -> None:
    """Write children, addresses, contacts, referrals, assessments and periods."""
    journey = _play_journeys(town)
    dice = town.chance.stream("social_care", "recorded")
    heard = town.recording.signal(dice, journey.unit)
    recorded = town.recording.outcome(dice, journey.unit)
    period = np.flatnonzero((journey.closed != -1) & (journey.authorised < town.days.last) & recorded)
    children = np.unique(np.concatenate([journey.child[heard], journey.child[period]]))
    rng = town.chance.stream("social_care", "children")
    references = make_references("2", rng.permutation(len(children)) + 1, 8)
    post.know("social_care", references, children)
    _send_children(town, post, journey, children, references, heard, period)
    # A child nobody heard of has no reference, and no row of theirs is sent.
    index = np.clip(np.searchsorted(children, journey.child), 0, len(children) - 1)
    refs = references.take(pa.array(index))
    _send_events(town, post, journey, refs, heard)
    _send_periods(town, post, journey, refs, period)


def list_outcomes(town: Town) -> tuple[Ints, NDArray[np.int64]]:
    """Return the unit and month of every child's period in need, recorded or not."""
    journey = _play_journeys(town)
    period = (journey.closed != -1) & (journey.authorised < town.days.last)
    return journey.unit[period], town.days.month_of(journey.authorised[period])


def _play_journeys(town: Town) -> _Journey:
    """Play every family's contacts and what came of them.

    A family with children A, B and C has one contact; A, the first, is the reason and B is included too, so `which` is
    0, 0. It is accepted on day 100, assessed from day 102 to 150 and found in need until day 400: A and B have these
    days each. If B had an episode open on day 100 already, B's row keeps the contact alone.
    """
    rng = town.chance.stream("social_care", "journeys")
    families, months = town.families, town.child_months
    rates = town.rates
    level = town.need.level("family", 1.5, families.month, families.unit)
    hit = town.chance.happens(rng, np.minimum(rates.of("social_care", "contact") * level, 0.5), len(families.month))
    day = town.days.within(rng, families.month[hit])
    which, row = families.children(hit)
    # One child is the reason; brothers and sisters are included more often than not.
    first = np.concatenate([[True], which[1:] != which[:-1]]) if len(which) else np.zeros(0, dtype=bool)
    included = first | (rng.random(len(which)) < rates.of("social_care", "siblings"))
    which, row = which[included], row[included]
    push = np.sqrt(np.minimum(town.need.level("family", 0.9, families.month[hit], families.unit[hit]), 4.0))
    accepted = rng.random(len(hit)) < np.minimum(rates.of("social_care", "referral") * push, 0.95)
    referral = np.where(accepted, day + rng.integers(0, 3, len(hit), dtype=np.int32), NEVER)
    no_action = accepted & (rng.random(len(hit)) < rates.of("social_care", "no_further_action"))
    assessed = np.where(accepted & ~no_action, referral + rng.integers(1, 5, len(hit), dtype=np.int32), NEVER)
    length = np.clip(rng.normal(51, 13, len(hit)), 3, 90).astype(np.int32)
    if town.variant == "points":
        length //= 20  # or a pending assessment would say more than need does
    authorised = np.where(assessed != NEVER, assessed.astype(np.int64) + length, NEVER).astype(np.int32)
    in_need = (assessed != NEVER) & (rng.random(len(hit)) < np.minimum(rates.of("social_care", "in_need") * push, 0.97))
    spread = rates.of("social_care", "period_spread")
    lasting = np.exp(rng.normal(np.log(rates.of("social_care", "period_days")), spread, len(hit)))
    # -1 says that there was no period; NEVER that it lasts.
    closed = np.where(in_need, authorised.astype(np.int64) + np.clip(lasting, 7, 3000).astype(np.int64), -1)
    source = np.searchsorted(np.cumsum(rates.shares("social_care", "sources"))[:-1], rng.random(len(hit)))
    closed = np.where(closed >= town.days.last, NEVER, closed).astype(np.int32)
    child = months.child[row]
    stop = np.where(closed == -1, np.where(authorised == NEVER, referral + 1, authorised), closed)
    new = _mark_apart(child, referral[which], stop[which])
    return _Journey(
        child,
        families.unit[hit][which],
        day[which],
        source[which],
        np.where(new, referral[which], NEVER).astype(np.int32),
        no_action[which] & new,
        np.where(new, assessed[which], NEVER).astype(np.int32),
        np.where(new, authorised[which], NEVER).astype(np.int32),
        np.where(new, closed[which], -1).astype(np.int32),
    )


def _mark_apart(child: Ints, start: Ints, end: Ints) -> NDArray[np.bool_]:
    """Return which referrals find no episode of the same child open: a contact about an open case is no referral.

    One child's referrals on days 10, 50 and 200 with episodes until 120, 90 and 300: the largest end before each is
    none, 120 and 120, so the second falls into an open episode, and the first and third stand.
    """
    rows = np.flatnonzero(start != NEVER)
    order = rows[np.lexsort((start[rows], child[rows]))]
    # A running maximum of ends within each child: offsets keep children apart.
    offset = child[order].astype(np.int64) * 2**33
    running = np.maximum.accumulate(offset + end[order])
    before = np.concatenate([[-1], running[:-1]])
    apart = np.zeros(len(child), dtype=bool)
    apart[order] = (before < offset) | (offset + start[order] >= before)
    return apart


def _draw_times(rng: np.random.Generator, day: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return seconds since 1970 of a moment in the working day, as UTC."""
    return day.astype(np.int64) * 86400 + rng.integers(8 * 3600, 18 * 3600, len(day))


def _send_children(
    town: Town,
    post: Post,
    journey: _Journey,
    children: NDArray[np.int32],
    references: pa.Array,
    heard: NDArray[np.bool_],
    period: NDArray[np.int64],
) -> None:
    rng = town.chance.stream("social_care", "identities")
    people, spells = town.people, town.population.residence
    opened = np.full(len(people), NEVER, dtype=np.int32)
    np.minimum.at(opened, journey.child[heard], journey.contact[heard])
    np.minimum.at(opened, journey.child[period], journey.contact[period])
    kind = np.where(people.disabled[children], rng.integers(1, len(_DISABILITIES), len(children)), 0)
    gender = np.where(rng.random(len(children)) < 0.004, 2, np.where(people.female[children], 0, 1))
    seconds = _draw_times(rng, opened[children])
    post.send(
        "social_care",
        "children",
        {
            "child_id": references,
            **town.spelled(town.names.record(rng, town.rates, people, children)),
            "gender": take_text(("F", "M", "U"), gender),
            "ethnicity": town.coded(rng, children, read_codes("ethnicity")),
            "disability": take_text(_DISABILITIES, np.where(people.declines[children], -1, kind)),
            "recorded_on": seconds,
        },
    )
    index = np.full(len(people), -1, dtype=np.int64)
    index[children] = np.arange(len(children))
    rows = np.flatnonzero(index[spells.who] >= 0)
    child = index[spells.who[rows]]
    # Homes from the first record on; the service learns of a move some weeks later, where it still works with them.
    current = spells.end[rows] > opened[spells.who[rows]]
    rows, child = rows[current], child[current]
    # Two homes from the same day on keep one row each: the second begins a day later.
    start = spells.start[rows].copy()
    start[1:] += (child[1:] == child[:-1]) & (spells.start[rows][1:] == spells.start[rows][:-1])
    recorded = np.maximum(start + rng.integers(0, 90, len(rows), dtype=np.int32), opened[children][child])
    post.send(
        "social_care",
        "addresses",
        repeat_endings(
            {
                "child_id": references.take(pa.array(child)),
                **town.address(spells.place[rows]),
                "address_from": start,
                "address_to": np.where(spells.end[rows] < town.days.last, spells.end[rows], NEVER).astype(np.int32),
                "recorded_on": _draw_times(rng, recorded),
            },
            "address_to",
            rng.integers(1, 90, len(rows)),
            seconds=True,
        ),
    )


def _send_events(town: Town, post: Post, journey: _Journey, refs: pa.Array, heard: NDArray[np.bool_]) -> None:
    rng = town.chance.stream("social_care", "events")
    code_of = read_codes("contact_source")
    lists = [code_of[family] for family in _FAMILIES]
    flat = [code for family in lists for code in family]
    sizes = np.array([len(family) for family in lists])
    starts = np.cumsum(sizes) - sizes
    code = starts[journey.source] + (rng.random(len(journey.source)) * sizes[journey.source]).astype(np.int64)
    moment = _draw_times(rng, journey.contact)
    rows = np.flatnonzero(heard & (journey.contact < town.days.last))
    rows = rows[np.argsort(moment[rows], kind="stable")]
    entered = moment[rows] + rng.integers(600, 3 * 86400, len(rows))
    columns = {
        "contact_id": make_references("CON", np.arange(len(rows)) + 1, 7),
        "child_id": refs.take(pa.array(rows)),
        "contacted_at": moment[rows],
        "source": take_text(flat, code[rows]),
        "recorded_on": entered,
        "corrected_on": np.full(len(rows), NEVER, dtype=np.int64),
    }
    wrong = np.flatnonzero(rng.random(len(rows)) < town.rates.of("errors", "correction"))
    changes = {
        "source": take_text(flat, rng.integers(0, len(flat), len(wrong))),
        "corrected_on": entered[wrong] + rng.integers(1, 40, len(wrong)) * 86400,
    }
    post.send("social_care", "contacts", repeat_rows(columns, wrong, changes))
    rows = np.flatnonzero(heard & (journey.referral < town.days.last))
    moment = np.maximum(_draw_times(rng, journey.referral[rows]), moment[rows] + 60)
    post.send(
        "social_care",
        "referrals",
        {
            "referral_id": make_references("REF", np.arange(len(rows)) + 1, 7),
            "child_id": refs.take(pa.array(rows)),
            "referred_at": moment,
            "source": take_text(flat, code[rows]),
            "no_further_action": take_text(("Y", "N"), np.where(journey.no_action[rows], 0, 1)),
            "recorded_on": moment + rng.integers(600, 4 * 86400, len(rows)),
            "corrected_on": np.full(len(rows), NEVER, dtype=np.int64),
        },
    )
    rows = np.flatnonzero(heard & (journey.assessed < town.days.last))
    end = journey.authorised[rows]
    post.send(
        "social_care",
        "assessments",
        repeat_endings(
            {
                "assessment_id": make_references("ASM", np.arange(len(rows)) + 1, 7),
                "child_id": refs.take(pa.array(rows)),
                "started_on": journey.assessed[rows],
                "authorised_on": np.where(end < town.days.last, end, NEVER).astype(np.int32),
                "recorded_on": _draw_times(rng, journey.assessed[rows] + rng.integers(0, 5, len(rows), dtype=np.int32)),
            },
            "authorised_on",
            rng.integers(0, 6, len(rows)),
            seconds=True,
        ),
    )


def _send_periods(town: Town, post: Post, journey: _Journey, refs: pa.Array, rows: NDArray[np.int64]) -> None:
    rng = town.chance.stream("social_care", "periods")
    lag = (2 + rng.gamma(1.3, 6.0, len(rows))).astype(np.int32)
    post.send(
        "social_care",
        "cin_periods",
        repeat_endings(
            {
                "cin_id": make_references("CIN", np.arange(len(rows)) + 1, 7),
                "child_id": refs.take(pa.array(rows)),
                "started_on": journey.authorised[rows],
                "closed_on": journey.closed[rows],
                "primary_need": take_text(_NEEDS, np.searchsorted(_NEED_SHARES[:-1], rng.random(len(rows)))),
                "recorded_on": _draw_times(rng, journey.authorised[rows] + lag),
            },
            "closed_on",
            rng.integers(1, 30, len(rows)),
            seconds=True,
        ),
    )
