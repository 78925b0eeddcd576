"""Housing options: approaches with everybody in the household, duties owed, temporary accommodation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from borough.days import NEVER, measure_age
from borough.population import COMMUNAL, GROUPS
from borough.post import Post, make_references, repeat_endings, repeat_rows, take_text
from borough.town import Town

__all__ = ["list_outcomes", "send_extract"]

_REASONS = ("arrears", "family_exclusion", "end_of_tenancy", "relationship", "other")
_DUTIES = ("prevention", "relief", "main")
_ROLES = ("applicant", "partner", "child", "other")
# Renters and people in communal addresses come more often than owners: by tenure, OWNED to PROTECTED.
_BY_TENURE = np.array([0.25, 1.1, 1.45, 2.0, 2.0], dtype=np.float32)


def send_extract(town: Town, post: Post) -> None:
    """Write people, approaches, duties and placements."""
    rng = town.chance.stream("homelessness", "approaches")
    months = town.home_months
    hit, day, owed = _play_approaches(town)
    unit, adult = months.unit[hit], months.adult[hit]
    dice = town.chance.stream("homelessness", "recorded")
    heard = town.recording.signal(dice, unit)
    accepted = owed & town.recording.outcome(dice, unit)
    # A household nobody heard of is still a case where a duty was owed, for a duty cannot be recorded without one.
    cases = np.flatnonzero(heard | accepted)
    hit, day, unit, adult = hit[cases], day[cases], unit[cases], adult[cases]
    heard, accepted = heard[cases], accepted[cases]
    case_refs = make_references("HC", np.arange(len(cases)) + 100_001, 6)
    applicant = pc.binary_join_element_wise(case_refs, pa.scalar("1"), "/")
    _send_people(town, post, case_refs, unit, adult, day)
    heard_rows = np.flatnonzero(heard)
    reason = np.searchsorted([0.22, 0.47, 0.75, 0.87], rng.random(len(cases)))
    post.send(
        "homelessness",
        "approaches",
        {
            "case_ref": case_refs.take(pa.array(heard_rows)),
            "applicant_ref": applicant.take(pa.array(heard_rows)),
            "approached_on": day[heard_rows],
            "reason": take_text(_REASONS, reason[heard_rows]),
            "recorded_on": day[heard_rows] + rng.integers(0, 5, len(heard_rows), dtype=np.int32),
        },
    )
    _send_duties(town, post, case_refs, applicant, np.flatnonzero(accepted), day, heard)


def list_outcomes(town: Town) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit and month of every duty owed, recorded or not."""
    hit, _, owed = _play_approaches(town)
    return town.home_months.unit[hit[owed]], town.home_months.month[hit[owed]]


def _play_approaches(town: Town) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row of home-months, day, whether a duty is owed) of every approach, by day."""
    rng = town.chance.stream("homelessness")
    months = town.home_months
    level = 0.55 * town.need.level("money", 1.9, months.month, months.unit)
    level += 0.45 * town.need.level("shared", 1.8, months.month, months.unit)
    # In the points borough need is all there is, so tenure says nothing.
    tenure = 1.0 if town.variant == "points" else _BY_TENURE[town.population.places.tenure[months.place]]
    rate = town.rates.of("homelessness", "approach") * tenure
    hit = town.chance.happens(rng, np.minimum(rate * level, 0.3), len(months.month))
    day = town.days.within(rng, months.month[hit])
    order = np.argsort(day, kind="stable")
    hit, day = hit[order], day[order]
    return hit, day, rng.random(len(hit)) < town.rates.of("homelessness", "duty")


def _send_people(
    town: Town, post: Post, case_refs: pa.Array, unit: np.ndarray, adult: np.ndarray, day: np.ndarray
) -> None:
    rng = town.chance.stream("homelessness", "people")
    spells, people = town.population.residence, town.people
    case, row = town.household(unit, day)
    who = spells.who[row]
    chosen = who != adult[case]
    case, row, who = case[chosen], row[chosen], who[chosen]
    # The applicant comes first in each case, whoever else lives there.
    cases = np.arange(len(unit))
    stay = town.stay(adult, day)
    case, row, who = np.concatenate([cases, case]), np.concatenate([stay, row]), np.concatenate([adult, who])
    order = np.argsort(case, kind="stable")
    case, row, who = case[order], row[order], who[order]
    starts = np.searchsorted(case, cases)
    position = np.arange(len(case)) - starts[case] + 1
    age = measure_age(people.birth[who], day[case])
    role = np.select([position == 1, people.role[who] == 1, age < 18], [0, 1, 2], 3)
    refs = pc.binary_join_element_wise(case_refs.take(pa.array(case)), pa.array(position).cast(pa.string()), "/")
    post.know("homelessness", refs, who)
    group = np.where(people.declines[who], len(GROUPS), people.group[who])
    answers = rng.random(len(who)) < 0.6
    since = np.where(rng.random(len(who)) < 0.5, np.maximum(spells.start[row], people.birth[who]), NEVER)
    has_uprn = rng.random(len(unit))[case] > 0.06
    post.send(
        "homelessness",
        "people",
        {
            "case_ref": case_refs.take(pa.array(case)),
            "person_ref": refs,
            "role": take_text(_ROLES, role),
            **town.spelled(town.names.record(rng, town.rates, people, who)),
            "ethnicity": take_text(
                (*GROUPS, "Prefer not to say"), np.where((role == 0) & (answers | (group < len(GROUPS))), group, -1)
            ),
            **town.address(spells.place[row], has_uprn=has_uprn),
            "resident_from": since.astype(np.int32),
            "recorded_on": day[case],
        },
    )


def _send_duties(
    town: Town,
    post: Post,
    case_refs: pa.Array,
    applicant: pa.Array,
    cases: np.ndarray,
    day: np.ndarray,
    heard: np.ndarray,
) -> None:
    rng = town.chance.stream("homelessness", "duties")
    relief = rng.random(len(cases)) < town.rates.of("homelessness", "relief")
    main = relief & (rng.random(len(cases)) < 0.45)
    owed = day[cases] + rng.integers(0, 22, len(cases), dtype=np.int32)
    housed = rng.random(len(cases)) < town.rates.of("homelessness", "placement")
    placed = np.flatnonzero(relief & housed & heard[cases])
    case = np.concatenate([cases, cases[main]])
    duty = np.concatenate([relief.astype(np.int64), np.full(main.sum(), 2)])
    owed_on = np.concatenate([owed, owed[main] + 56])
    # Decisions are entered a week or two after the duty began, some much later.
    recorded = owed_on + rng.gamma(1.1, 11.0, len(case)).astype(np.int32)
    keep = owed_on < town.days.last
    case, duty, owed_on, recorded = case[keep], duty[keep], owed_on[keep], recorded[keep]
    columns = {
        "duty_ref": make_references("D", np.arange(len(case)) + 1, 6),
        "case_ref": case_refs.take(pa.array(case)),
        "applicant_ref": applicant.take(pa.array(case)),
        "duty": take_text(_DUTIES, duty),
        "owed_on": owed_on,
        "recorded_on": recorded,
        "corrected_on": np.full(len(case), NEVER),
    }
    wrong = np.flatnonzero((duty == 0) & (rng.random(len(case)) < 2 * town.rates.of("errors", "correction")))
    changes = {
        "duty": take_text(_DUTIES, np.ones(len(wrong), dtype=np.int64)),
        "corrected_on": recorded[wrong] + rng.integers(7, 80, len(wrong), dtype=np.int32),
    }
    post.send("homelessness", "duties", repeat_rows(columns, wrong, changes))
    _send_placements(town, post, case_refs, applicant, cases[placed], owed[placed])


def _send_placements(
    town: Town, post: Post, case_refs: pa.Array, applicant: pa.Array, case: np.ndarray, owed: np.ndarray
) -> None:
    rng = town.chance.stream("homelessness", "placements")
    communal = np.flatnonzero(town.population.places.tenure == COMMUNAL)
    placed_on = owed + rng.integers(0, 12, len(case), dtype=np.int32)
    left_on = placed_on + np.exp(rng.normal(5.2, 0.9, len(case))).astype(np.int32) + 1
    post.send(
        "homelessness",
        "placements",
        repeat_endings(
            {
                "placement_ref": make_references("P", np.arange(len(case)) + 1, 6),
                "case_ref": case_refs.take(pa.array(case)),
                "applicant_ref": applicant.take(pa.array(case)),
                "placed_on": placed_on,
                "left_on": np.where(left_on < town.days.last, left_on, NEVER).astype(np.int32),
                "uprn": town.address(communal[rng.integers(0, len(communal), len(case))])["uprn"],
                "recorded_on": placed_on + rng.integers(0, 6, len(case), dtype=np.int32),
            },
            "left_on",
            rng.integers(0, 20, len(case)),
        ),
    )
