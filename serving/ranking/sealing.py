"""Sealing: the record of each referral of a list (sealed_record.py), made from the bundle and one date of a matrix.

`reproduction.py` makes them again from the same snapshot, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import MatrixDate
from serving.ranking.places import Place, ScoredDate
from serving.ranking.reasons import ExplainedRow, explain_row
from serving.ranking.sealed_record import (
    ListedPerson,
    RecordedEvent,
    SealedRecord,
    Timeline,
    digest_record,
    make_referral_id,
)
from serving.ranking.standing_in import STANDS_IN_FOR
from serving.store.store import Referral
from serving.store.tables import BELOW

__all__ = ["Keepsakes", "Timelines", "seal_records"]

Timelines = Callable[[str, date, int, Sequence[Sequence[str]]], Sequence[Sequence[Mapping[str, Any]]]]
"""What services recorded of households: of a snapshot, before a date, in so many months, by household's people."""

_VERSION = 1


@dataclass(frozen=True)
class Keepsakes:
    """What records keep beside the row itself.

    With `timelines`, what services recorded in `months` before the date; where a share of a team's places is drawn by
    lot (`exploration`, by team), that share and with which probability the household came to have a place. `bare`
    records keep of each event only what and when, as those of older lists do.
    """

    timelines: Timelines | None = None
    months: int = 0
    exploration: Mapping[str, float] = field(default_factory=dict)
    bare: bool = False


def seal_records(
    scored: ScoredDate, places: Sequence[Place], time_zone: ZoneInfo, keepsakes: Keepsakes
) -> list[tuple[Referral, tuple[str, ...]]]:
    """Return the referrals of `places` with their sealed records, and each one's people (pseudonyms), in order.

    Contributions are made for these places alone.
    """
    bundle, matrix, at = scored.bundle, scored.matrix, scored.at
    rows = np.array([place.row for place in places], dtype=np.int64)
    values = np.asarray(at.features[rows], dtype=np.float32)
    contributions, base = bundle.model.contributions(values)
    likelihoods = bundle.model.likelihoods(scored.margins[rows])
    bands = bundle.bands(values, scored.margins[rows])
    people = _list_people(at, rows)
    uncertain = matrix.uncertain()
    timelines = _read_timelines(scored, people, keepsakes)
    freshness = dict(matrix.manifest.get("freshness", {}))
    sealed = []
    for number, place in enumerate(places):
        header, entity = place.header, at.entity[place.row].decode()
        band = bands[number]
        explained = ExplainedRow(
            values=values[number].tolist(),
            contributions=contributions[number].tolist(),
            base=float(base[number]),
            seen=dict(zip(matrix.manifest["seen"], at.seen[place.row].tolist(), strict=True)),
            members=int(at.members[place.row]),
            uncertain=_uncertain_services(uncertain, people[number]),
        )
        record = SealedRecord(
            schema_version=_VERSION,
            id=make_referral_id(header.programme, header.id, entity),
            programme=header.programme,
            list=header.id,
            team=header.team,
            entity=entity,
            area=at.area[place.row].decode(),
            as_of=at.as_of,
            rank=place.rank,
            arm=place.arm,
            eligible=header.eligible,
            capacity=header.capacity,
            members=explained.members,
            seen=tuple(at.seen[place.row].tolist()),
            # The list's ids: without one family's data a rebuilt matrix has another id, and others' records must not.
            snapshot=header.snapshot,
            matrix=header.matrix,
            definition=str(matrix.definition["hash"]),
            bundle=bundle.id,
            model_sha256=str(bundle.manifest["model_sha256"]),
            time_zone=time_zone.key,
            freshness=freshness,
            margin=float(scored.margins[place.row]),
            likelihood=float(likelihoods[number]),
            band=band.id if band else "",
            values=tuple(None if math.isnan(value) else value for value in explained.values),
            contributions=tuple(explained.contributions),
            people=people[number],
            reasons=explain_row(bundle.manifest, explained, freshness, at.as_of, time_zone),
            timeline=timelines[number],
            exploration=keepsakes.exploration.get(header.team, 0.0),
            inclusion=place.inclusion,
            stands_in_for=str(bundle.manifest.get(STANDS_IN_FOR, "")),
        )
        sealed.append((_seal_referral(record), record.person_ids))
    return sealed


def _list_people(at: MatrixDate, rows: NDArray[np.int64]) -> list[tuple[ListedPerson, ...]]:
    """Return the people of each row, youngest first."""
    starts = np.searchsorted(at.person_row, rows, side="left")
    ends = np.searchsorted(at.person_row, rows, side="right")
    households = []
    for start, end in zip(starts, ends, strict=True):
        ages = [None if math.isnan(age) else int(age) for age in at.person_age[start:end].tolist()]
        names = [name.decode() for name in at.person[start:end].tolist()]
        pairs = sorted(zip(names, ages, strict=True), key=lambda pair: (pair[1] is None, pair[1] or 0, pair[0]))
        households.append(tuple(ListedPerson(name, age) for name, age in pairs))
    return households


def _read_timelines(
    scored: ScoredDate, people: Sequence[Sequence[ListedPerson]], keepsakes: Keepsakes
) -> list[Timeline | None]:
    """Return each household's timeline, in order; None for all where records keep none."""
    if keepsakes.timelines is None:
        return [None] * len(people)
    names = [[subject.person for subject in household] for household in people]
    entries = keepsakes.timelines(str(scored.matrix.manifest["snapshot"]), scored.at.as_of, keepsakes.months, names)
    return [
        Timeline(keepsakes.months, tuple(_read_event(entry, bare=keepsakes.bare) for entry in household))
        for household in entries
    ]


def _read_event(entry: Mapping[str, Any], *, bare: bool) -> RecordedEvent:
    event = RecordedEvent(**entry)
    return RecordedEvent(event.service, event.signal, event.day, event.until) if bare else event


def _uncertain_services(uncertain: Collection[tuple[str, str]], people: Sequence[ListedPerson]) -> frozenset[str]:
    """Return the services of which some of these people's records rest on an uncertain link."""
    names = {subject.person for subject in people}
    return frozenset(service for person, service in uncertain if person in names)


def _seal_referral(record: SealedRecord) -> Referral:
    sealed = record.sealed()
    return Referral(
        id=record.id,
        programme=record.programme,
        list=record.list,
        team=record.team,
        entity=record.entity,
        rank=record.rank,
        margin=record.margin,
        band=record.band,
        arm=record.arm,
        snapshot=record.snapshot,
        matrix=record.matrix,
        bundle=record.bundle,
        sealed=sealed,
        digest=digest_record(sealed),
        status="new" if record.rank <= record.capacity else BELOW,
    )
