"""What an analyst watches: how old each source's data is, whom it lets us see, and how far the margins moved.

    rank  ->  worklist/PROGRAMME/DATE/health.json: figures of all rows, of no household
    page  ->  the newest beside the oldest of the same bundle

Drift is the population stability index over the tenths of the oldest (Yurdakul 2018): customarily under 0.1 is little,
over 0.25 is much. It says that something changed, not that something is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import read_json, write_json
from charter.contracts.matrix import Matrix, MatrixDate
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from serving.ranking.bundle import Bundle
from serving.ranking.places import ScoredDate

__all__ = ["Health", "SourceHealth", "measure_drift", "read_health", "require_seen", "write_health"]

_FILE = "health.json"
_TENTHS = 10
_LEAST = 1e-4


@dataclass(frozen=True)
class SourceHealth:
    """One service: when its newest data ends, whether that is later than it promised, and the share of rows seen."""

    title: str
    data_to: str
    promised_lag_days: int
    late: bool
    seen: float
    seen_before: float
    seen_each: tuple[float, ...] = ()


@dataclass(frozen=True)
class Health:
    """The newest list's figures beside those of the first list of the same bundle (`since`).

    `days` are the lists of that bundle, oldest first; `drift_each` and each source's `seen_each` are of those.
    """

    as_of: str
    since: str
    rows: int
    cannot_tell: int
    drift: float
    sources: tuple[SourceHealth, ...]
    days: tuple[str, ...] = ()
    drift_each: tuple[float, ...] = ()

    @property
    def words(self) -> str:
        """The drift in words."""
        if self.as_of == self.since:
            return "This is the first list of this model, so there is nothing to compare it with yet"
        if self.drift < 0.1:
            return "Little changed"
        return "Some of it changed" if self.drift <= 0.25 else "Much of it changed: look for the cause"


def write_health(folder: Path, scored: ScoredDate) -> None:
    """Write the figures of one as-of date into `folder`: shares, ends of data, and how many margins lie in each tenth.

    The tenths are those of the oldest list of the same bundle beside `folder`, or its own where it is the first.
    """
    bundle, matrix, at, margins = scored.bundle, scored.matrix, scored.at, scored.margins
    earlier = (
        figures for figures in _read_figures(folder.parent, bundle.id) if figures["as_of"] < at.as_of.isoformat()
    )
    first = next(earlier, None)
    edges = np.array(first["edges"]) if first else _find_edges(margins)
    shares = 1 - np.isnan(np.asarray(at.features)).mean(axis=0) if len(margins) else np.zeros(len(bundle.features))
    counts, _ = np.histogram(margins, bins=np.concatenate(([-np.inf], edges, [np.inf])))
    features = bundle.manifest["features"]
    document = {
        "as_of": at.as_of.isoformat(),
        "bundle": bundle.id,
        "rows": len(margins),
        "cannot_tell": int(matrix.manifest["as_of"][at.as_of.isoformat()]["cannot_tell"]),
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "freshness": dict(matrix.manifest.get("freshness", {})),
        "seen": {
            name: float(np.mean([share for share, feature in zip(shares, features, strict=True)
                                 if name in feature["services"]]))
            for name in sorted({name for feature in features for name in feature["services"]})
        },
    }  # fmt: skip
    write_json(folder / _FILE, document)


def require_seen(bundle: Bundle, matrix: Matrix, at: MatrixDate) -> None:
    """Raise DataError where no record that the model reads was seen of anybody: such an order would be made of nothing.

    What needs no record (how many live together) does not count.
    """
    columns = [place for place, feature in enumerate(bundle.manifest["features"]) if feature["services"]]
    if not len(at.entity) or not columns or not np.isnan(np.asarray(at.features)[:, columns]).all():
        return
    ends = {name: str(moment)[:10] for name, moment in sorted(dict(matrix.manifest.get("freshness", {})).items())}
    raise DataError(
        f"nothing that the model reads was seen of anybody at {at.as_of}"
        f" (newest data: {', '.join(f'{name} {day}' for name, day in ends.items()) or 'none'}).",
        "Pull newer deliveries, rank a day that they cover with --as-of, or let the register say how late a feed may be"
        " (`promised_lag_days`).",
    )


def read_health(workspace: Workspace, manifest: Mapping[str, Any], time_zone: ZoneInfo) -> Health | None:
    """Return the figures of the newest list that the bundle of `manifest` made, or None where there is none."""
    figures = _read_figures(workspace.worklist, str(manifest.get("id", "")))
    if not figures:
        return None
    oldest, newest = figures[0], figures[-1]
    sources = tuple(
        replace(
            _judge_source(service, newest, oldest, name, time_zone),
            seen_each=tuple(float(each["seen"].get(name, 0.0)) for each in figures),
        )
        for name, service in sorted(manifest["services"].items())
        if name in newest["seen"]
    )
    return Health(
        newest["as_of"],
        oldest["as_of"],
        newest["rows"],
        newest["cannot_tell"],
        measure_drift(np.array(oldest["counts"]), np.array(newest["counts"])),
        sources,
        tuple(str(each["as_of"]) for each in figures),
        tuple(measure_drift(np.array(oldest["counts"]), np.array(each["counts"])) for each in figures),
    )


def measure_drift(before: NDArray[np.int64], now: NDArray[np.int64]) -> float:
    """Return the population stability index of two counts over the same bins, 0 where they have the same shares."""
    was, is_ = (np.maximum(counts / max(counts.sum(), 1), _LEAST) for counts in (before, now))
    return float(((is_ - was) * np.log(is_ / was)).sum())


def _find_edges(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(margins):
        return np.empty(0)
    return np.unique(np.quantile(margins, np.arange(1, _TENTHS) / _TENTHS))


def _judge_source(
    service: Mapping[str, Any], newest: Mapping[str, Any], oldest: Mapping[str, Any], name: str, time_zone: ZoneInfo
) -> SourceHealth:
    moment = newest["freshness"].get(name)
    end = datetime.fromisoformat(moment).astimezone(time_zone).date() if moment else None
    promised = int(service.get("promised_lag_days", 0))
    late = end is None or end < date.fromisoformat(newest["as_of"]) - timedelta(days=promised + 1)
    return SourceHealth(
        str(service.get("title", name.replace("_", " "))),
        end.isoformat() if end else "",
        promised,
        late,
        newest["seen"][name],
        oldest["seen"].get(name, 0.0),
    )


def _read_figures(worklist: Path, bundle: str) -> list[dict[str, Any]]:
    """Return the figures of all lists of one bundle, oldest first."""
    documents = [read_json(path) for path in sorted(worklist.glob(f"*/{_FILE}"))]
    of_bundle = (document for document in documents if document["bundle"] == bundle)
    return sorted(of_bundle, key=lambda document: str(document["as_of"]))
