"""The sealed record of a referral: all that the worker was shown and all that it rests on, as canonical bytes.

    made when a list is issued  ->  stored with its sha256  ->  made again by `reproduce`, byte for byte

The record holds the row's values, what each adds, the reasons in words, who was seen, and the ids and digests of
matrix, snapshot, definition and bundle. It holds no name or address; people are pseudonyms.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix, MatrixDate
from charter.contracts.workspace import Workspace
from charter.errors import DataError, UsageError, WithdrawnError
from charter.invocation import Invocation
from serving.ranking.bundle import Bundle
from serving.ranking.places import Place, places_of, scored
from serving.ranking.reasons import reasons
from serving.ranking.seal import canonical, digest, read, referral_id
from serving.store.database import connect, database_url, migrate
from serving.store.store import IssuedList, Referral, Store
from serving.store.tables import BELOW

__all__ = ["Timelines", "origin", "records", "reproduce"]

Timelines = Callable[[str, date, int, Sequence[Sequence[str]]], Sequence[Sequence[Mapping[str, Any]]]]
"""What services recorded of households: of a snapshot, before a date, in so many months, by household's people."""

_VERSION = 1
_KINDS = {"withdraw": "withdrawal", "object": "objection", "restrict": "restriction", "erase": "erasure"}


def records(
    bundle: Bundle,
    matrix: Matrix,
    at: MatrixDate,
    margins: NDArray[np.float64],
    places: Sequence[Place],
    time_zone: ZoneInfo,
    *,
    timeline: Timelines | None = None,
    months: int = 0,
    exploration: float = 0.0,
) -> list[tuple[Referral, tuple[str, ...]]]:
    """Return the referrals of `places` with their sealed records, and each one's people (pseudonyms), in order.

    `margins` (rows,) of the whole date; contributions are made for these places alone. With `timeline` a record keeps
    what services recorded in `months` before the date; where a share of places is drawn by lot (`exploration`), that
    share and with which probability the household came to have a place.
    """
    rows = np.array([place.row for place in places], dtype=np.int64)
    values = np.asarray(at.features[rows], dtype=np.float32)
    contributions, base = bundle.model.contributions(values)
    likelihoods = bundle.model.likelihoods(margins[rows])
    bands = bundle.bands(values, margins[rows])
    people = _people(at, rows)
    uncertain = matrix.uncertain()
    recorded = None
    if timeline is not None:
        names = [[one["person"] for one in household] for household in people]
        recorded = timeline(str(matrix.manifest["snapshot"]), at.as_of, months, names)
    made = []
    for number, place in enumerate(places):
        record = _record(bundle, matrix, at, place, time_zone) | {
            "margin": float(margins[place.row]),
            "likelihood": float(likelihoods[number]),
            "band": band.id if (band := bands[number]) else "",
            "values": [None if math.isnan(value) else value for value in values[number].tolist()],
            "contributions": contributions[number].tolist(),
            "people": people[number],
            "reasons": reasons(
                bundle.manifest,
                values[number].tolist(),
                contributions[number].tolist(),
                float(base[number]),
                seen=dict(zip(matrix.manifest["seen"], at.seen[place.row].tolist(), strict=True)),
                members=int(at.members[place.row]),
                freshness=matrix.manifest.get("freshness", {}),
                uncertain=_services(uncertain, people[number]),
                as_of=at.as_of,
                time_zone=time_zone,
            ).document(),
        }
        if recorded is not None:
            record["timeline"] = {"months": months, "entries": [dict(entry) for entry in recorded[number]]}
        if exploration:
            record |= {"exploration": exploration, "inclusion": place.inclusion}
        made.append((_referral(record), tuple(person["person"] for person in people[number])))
    return made


def _record(bundle: Bundle, matrix: Matrix, at: MatrixDate, place: Place, time_zone: ZoneInfo) -> dict[str, Any]:
    header, entity = place.header, at.entity[place.row].decode()
    return {
        "schema_version": _VERSION,
        "id": referral_id(header.programme, header.id, entity),
        "programme": header.programme,
        "list": header.id,
        "team": header.team,
        "entity": entity,
        "area": at.area[place.row].decode(),
        "as_of": at.as_of.isoformat(),
        "rank": place.rank,
        "arm": place.arm,
        "eligible": header.eligible,
        "capacity": header.capacity,
        "members": int(at.members[place.row]),
        "seen": at.seen[place.row].tolist(),
        # The list's ids: without one family's data a rebuilt matrix has another id, and others' records must not.
        "snapshot": header.snapshot,
        "matrix": header.matrix,
        "definition": str(matrix.definition["hash"]),
        "bundle": bundle.id,
        "model_sha256": str(bundle.manifest["model_sha256"]),
        "time_zone": time_zone.key,
        "freshness": dict(matrix.manifest.get("freshness", {})),
    }


def _people(at: MatrixDate, rows: NDArray[np.int64]) -> list[list[dict[str, Any]]]:
    """Return the people of each row: pseudonym and age in whole years (None where unknown), youngest first."""
    starts = np.searchsorted(at.person_row, rows, side="left")
    ends = np.searchsorted(at.person_row, rows, side="right")
    found = []
    for start, end in zip(starts, ends, strict=True):
        ages = [None if math.isnan(age) else int(age) for age in at.person_age[start:end].tolist()]
        names = [name.decode() for name in at.person[start:end].tolist()]
        pairs = sorted(zip(names, ages, strict=True), key=lambda pair: (pair[1] is None, pair[1] or 0, pair[0]))
        found.append([{"person": name, "age": age} for name, age in pairs])
    return found


def _services(uncertain: Collection[tuple[str, str]], people: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the services of which some of these people's records rest on an uncertain link."""
    names = {person["person"] for person in people}
    return frozenset(service for person, service in uncertain if person in names)


def _referral(record: Mapping[str, Any]) -> Referral:
    sealed = canonical(record)
    return Referral(
        id=record["id"],
        programme=record["programme"],
        list=record["list"],
        team=record["team"],
        entity=record["entity"],
        rank=record["rank"],
        margin=record["margin"],
        band=record["band"],
        arm=record["arm"],
        snapshot=record["snapshot"],
        matrix=record["matrix"],
        bundle=record["bundle"],
        sealed=sealed,
        digest=digest(sealed),
        status="new" if record["rank"] <= record["capacity"] else BELOW,
    )


def origin(invocation: Invocation, referral: str) -> tuple[str, date]:
    """Return the snapshot and as-of date that a referral was made from; raise UsageError for an unknown one."""
    stored, header = _find(invocation, referral)
    return stored.snapshot, date.fromisoformat(header.as_of)


def reproduce(invocation: Invocation, referral: str, matrix_folder: Path, timeline: Timelines | None = None) -> bytes:
    """Make a referral's record again from `matrix_folder` (its snapshot's matrix, built again) and return its bytes.

    `timeline` gives again what services recorded, for a record that holds it.

    Raises UsageError for an unknown referral, WithdrawnError (exit 12) naming what was withdrawn since where the
    record can't be made any more, DataError where it comes out differently for no such reason.
    """
    stored, header = _find(invocation, referral)
    sealed = read(stored)
    withdrawn = _withdrawn(invocation.workspace, stored.snapshot, datetime.fromisoformat(header.issued_at))
    own = {person["person"] for person in sealed["people"]}
    if any(own & set(row["people"]) for row in withdrawn):
        raise _gone(stored, withdrawn, own)
    bundle = Bundle.open(invocation.workspace.bundle / stored.bundle)
    matrix = Matrix.open(matrix_folder)
    if matrix.manifest["snapshot"] != stored.snapshot:
        raise _differs(stored)
    at = matrix.at(date.fromisoformat(sealed["as_of"]))
    margins = scored(bundle, matrix, at)
    share = float(sealed.get("exploration", 0.0))
    places = places_of(invocation.council, at, margins, {header.team: header}, share)
    mine = [place for place in places if at.entity[place.row].decode() == stored.entity]
    kept = sealed.get("timeline")
    again = records(
        bundle, matrix, at, margins, mine, ZoneInfo(sealed["time_zone"]), timeline=timeline if kept else None,
        months=kept["months"] if kept else 0, exploration=share,
    )  # fmt: skip
    if again and again[0][0].sealed == stored.sealed:
        return again[0][0].sealed
    if withdrawn:
        raise _gone(stored, withdrawn, own)
    raise _differs(stored)


def _differs(stored: Referral) -> DataError:
    return DataError(
        f"the referral {stored.id} comes out differently from this matrix.",
        f"Build the matrix of its own snapshot: `sooner build --snapshot {stored.snapshot}`.",
    )


def _find(invocation: Invocation, referral: str) -> tuple[Referral, IssuedList]:
    engine = connect(database_url(invocation.workspace))
    migrate(engine)
    store = Store(engine, chain="command")
    try:
        stored = store.referral(referral)
        header = store.issued_list(stored.programme, stored.list) if stored else None
    finally:
        store.close()
    if stored is None or header is None:
        raise UsageError(f"there is no referral {referral}.", "Take its id from the case page's address.")
    return stored, header


def _withdrawn(workspace: Workspace, snapshot: str, since: datetime) -> list[Mapping[str, Any]]:
    """Return what was taken out of a snapshot after a moment: lines of its tombstones."""
    path = workspace.store / snapshot / "tombstones.jsonl"
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [row for row in rows if _moment(row["at"]) > since]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _gone(stored: Referral, withdrawn: Sequence[Mapping[str, Any]], own: set[str]) -> WithdrawnError:
    mine = [row for row in withdrawn if own & set(row["people"])]
    causes = sorted({_cause(row) for row in mine or withdrawn})
    whose = "of this household" if mine else "of another household on its list"
    return WithdrawnError(
        f"the referral {stored.id} can't be made again: data {whose} was withdrawn since ({'; '.join(causes)}).",
        f"The sealed record still matches its digest {stored.digest}.",
    )


def _cause(row: Mapping[str, Any]) -> str:
    kind = _KINDS.get(row["kind"], row["kind"])
    service = "all services" if row["service"] == "*" else row["service"]
    return f"{kind} for {service} on {row['at'][:10]}"
