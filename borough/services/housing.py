"""Housing management: council tenancies, month-end rent arrears, notices."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from borough.days import NEVER
from borough.need import draw_noise
from borough.population import COUNCIL, GROUPS
from borough.post import Post, make_references, repeat_endings, repeat_rows, take_text
from borough.town import Town

__all__ = ["send_extract"]

_STAGES = ("letter", "second_letter", "pre_notice", "notice", "court")
_STAGE_FROM = np.array([250_00, 450_00, 800_00, 1500_00])
_NOTICES = ("NSP", "S8", "S21")


def send_extract(town: Town, post: Post) -> None:
    """Write tenancies, arrears and notices."""
    rng = town.chance.stream("housing")
    people, spells = town.people, town.population.residence
    council = town.population.places.tenure[spells.place] == COUNCIL
    rows = np.flatnonzero(council & (people.role[spells.who] < 2) & (spells.end > town.days.first))
    who = spells.who[rows]
    tenant, index = np.unique(who, return_inverse=True)
    references = make_references("H", rng.permutation(len(tenant)) + 1, 7)
    post.know("housing", references, tenant)
    stays = spells.unit[rows].astype(np.int64) * len(town.population.places.tenure) + spells.place[rows]
    tenancy, tenancy_of = np.unique(stays, return_inverse=True)
    tenancy_refs = make_references("T", rng.permutation(len(tenancy)) + 1, 7)
    recorded = town.names.record(rng, town.rates, people, tenant)
    ethnicity = np.where(people.declines[tenant], -1, people.group[tenant])
    tenant_rows = pa.array(index)
    spelled = {
        name: value.take(tenant_rows) if isinstance(value, pa.Array | pa.ChunkedArray) else np.asarray(value)[index]
        for name, value in town.spelled(recorded).items()
    }
    post.send(
        "housing",
        "tenancies",
        repeat_endings(
            {
                "tenancy_ref": tenancy_refs.take(pa.array(tenancy_of)),
                "person_ref": references.take(tenant_rows),
                **spelled,
                "ethnicity": take_text(GROUPS, ethnicity[index]),
                **town.address(spells.place[rows]),
                "tenancy_start": spells.start[rows],
                "tenancy_end": spells.end[rows],
                "recorded_on": spells.start[rows] + rng.integers(0, 6, len(rows), dtype=np.int32),
            },
            "tenancy_end",
            rng.integers(0, 15, len(rows)),
        ),
    )
    _send_arrears(town, post, tenancy, tenancy_refs, tenant, references)


def _send_arrears(
    town: Town, post: Post, tenancy: np.ndarray, tenancy_refs: pa.Array, tenant: np.ndarray, references: pa.Array
) -> None:
    rng = town.chance.stream("housing", "arrears")
    months = town.home_months
    rows = np.flatnonzero(town.population.places.tenure[months.place] == COUNCIL)
    excess = _measure_trouble(town, months.month[rows], months.place[rows], months.unit[rows])
    rows, excess = rows[excess > 0], excess[excess > 0]
    rows_kept = town.recording.signal(rng, months.unit[rows])
    rows, excess = rows[rows_kept], excess[rows_kept]
    # Statements of one month are numbered in no order of homes.
    order = np.lexsort((rng.random(len(rows)), months.month[rows]))
    rows, excess = rows[order], excess[order]
    month, place, unit = months.month[rows], months.place[rows], months.unit[rows]
    balance = (90_00 * np.exp(1.35 * excess + 0.25 * rng.standard_normal(len(rows)))).astype(np.int64)
    stage = np.searchsorted(_STAGE_FROM, balance, side="right")
    day = town.days.edges[month + 1] - 1
    places = len(town.population.places.tenure)
    tenancy_ref = tenancy_refs.take(pa.array(np.searchsorted(tenancy, unit.astype(np.int64) * places + place)))
    person_ref = references.take(pa.array(np.searchsorted(tenant, months.adult[rows])))
    columns = {
        "arrears_id": make_references("A", np.arange(len(rows)) + 1, 8),
        "tenancy_ref": tenancy_ref,
        "person_ref": person_ref,
        "statement_date": day,
        "balance": balance,
        "stage": take_text(_STAGES, stage),
        "recorded_on": day + rng.integers(1, 6, len(rows), dtype=np.int32),
        "corrected_on": np.full(len(rows), NEVER),
    }
    wrong = np.flatnonzero(rng.random(len(rows)) < town.rates.of("errors", "correction"))
    # The first version counted a payment late: the corrected balance is lower and its stage with it.
    paid = (balance[wrong] * 0.6).astype(np.int64)
    post.send(
        "housing",
        "arrears",
        repeat_rows(
            columns,
            wrong,
            {
                "balance": paid,
                "stage": take_text(_STAGES, np.searchsorted(_STAGE_FROM, paid, side="right")),
                "corrected_on": columns["recorded_on"][wrong] + rng.integers(10, 60, len(wrong), dtype=np.int32),
            },
        ),
    )
    served = np.flatnonzero((stage >= 3) & (rng.random(len(rows)) < town.rates.of("housing", "notice")))
    served_on = day[served] + 1 + rng.integers(0, 14, len(served), dtype=np.int32)
    kind = np.searchsorted([0.9, 0.96], rng.random(len(served)))
    post.send(
        "housing",
        "notices",
        {
            "notice_id": make_references("N", np.arange(len(served)) + 1, 6),
            "tenancy_ref": tenancy_ref.take(pa.array(served)),
            "person_ref": person_ref.take(pa.array(served)),
            "served_on": served_on,
            "notice_type": take_text(_NOTICES, kind),
            "recorded_on": served_on + rng.integers(1, 8, len(served), dtype=np.int32),
            "corrected_on": np.full(len(served), NEVER),
        },
    )


def _measure_trouble(town: Town, month: np.ndarray, place: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return money trouble above the threshold at which rent is behind; the account has luck of its own."""
    if town.variant == "points":
        rng = town.chance.stream("housing", "points")
        behind = rng.random(len(month)) < np.minimum(0.27 * town.need.level("money", 1.0, month, unit), 0.95)
        return np.where(behind, 0.8 * rng.random(len(month)), -1.0)
    council, index = np.unique(place, return_inverse=True)
    luck = draw_noise(town.chance.stream("housing", "luck"), town.rates, town.days.months, len(council))
    trouble = 0.80 * town.need.z["money"][month, unit] + 0.60 * luck[month, index]
    excess: np.ndarray = trouble - np.float32(town.rates.of("housing", "arrears_threshold"))
    return excess
