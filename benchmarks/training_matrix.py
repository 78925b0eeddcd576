"""A matrix of 176 columns drawn from a seed, in the real contract: what training's benchmarks learn from.

Latent need drives counts and outcomes, most values are 0 and some are not seen, as in records. The dates are 24 to
learn from and one, a horizon and a lag later, to be judged on; or 24 dates two months apart for the search.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.borough_at_scale import WORKSPACE
from benchmarks.definition import DEFINITION
from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import content_id, folder_digest, new_folder, set_current, write_json
from charter.contracts.matrix import NONE, MatrixDate
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation, shipped_council
from features.grammar.period import Period

__all__ = ["every_other_month", "invocation", "monthly", "size_of"]

PROGRAMME = "early_help"
_LAG_DAYS = 30
_BASE, _WEIGHT = -3.4, 1.2


def monthly() -> list[date]:
    """Return 24 mornings a month apart, and one on which all their labels were known."""
    learned = _dates(24, 1)
    return [*learned, Period(14, "months").after(learned[-1])]


def every_other_month() -> list[date]:
    """Return 24 mornings two months apart."""
    return _dates(24, 2)


def _dates(count: int, step: int) -> list[date]:
    days = [date(2020, 9, 1)]
    while len(days) < count:
        days.append(Period(step, "months").after(days[-1]))
    return days


def invocation(households: int, days: Sequence[date], training: str, seed: int = 1) -> Invocation:
    """Return a workspace of that many households, and a council whose training.toml is `training`, both at `days`."""
    root = WORKSPACE / f"training_{content_id([households, [str(day) for day in days], seed, training])}"
    council = root / "council"
    if not council.exists():
        shutil.copytree(shipped_council(), council)
        as_of = f'[as_of]\nfirst = {days[0]}\nlast = {days[-1]}\nstep = {{ n = 1, unit = "months" }}\n'
        (council / PROGRAMME / "training.toml").write_text(as_of + training, encoding="utf-8")
    opened = Invocation.open(council, PROGRAMME, root / "workspace", quiet=True)
    if not (opened.workspace.matrix / "current").exists():
        _write(opened.workspace, opened.council, households, days, np.random.default_rng(seed))
    return opened


def _write(
    workspace: Workspace, council: Council, households: int, days: Sequence[date], rng: np.random.Generator
) -> None:
    definition = DEFINITION.document()
    names = [feature["name"] for feature in definition["features"]]
    components = [component["name"] for component in definition["outcome"]["components"]]
    horizon = Period.of(definition["outcome"]["horizon"])
    need = rng.normal(size=households)
    entity = np.array(sorted(f"{number:032x}" for number in rng.permutation(households)), dtype="S32")
    area = rng.choice(np.array([one.code for one in council.areas], dtype="S9"), households)
    strength = np.where(rng.random(len(names)) < 0.3, 0.8, 0.1).astype(np.float32)
    unseen = rng.random((households, 8)) < 0.1
    name = content_id([households, [str(day) for day in days]])
    with new_folder(workspace.matrix / name) as folder:
        dates = {}
        for day in days:
            midnight, end = council.midnight(day), council.midnight(horizon.after(day))
            rows = _date(day, entity, area, need, strength, unseen, (midnight, end), len(components), rng)
            rows.write(folder / f"as_of={day}")
            dates[day.isoformat()] = {
                "rows": households, "cannot_tell": 0, "sha256": folder_digest(folder / f"as_of={day}")
            }  # fmt: skip
        taken_at = council.midnight(horizon.after(days[-1])) + timedelta(days=_LAG_DAYS + 1)
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "snapshot": "benchmark",
            "inputs": {},
            "id": name,
            "definition": definition["hash"],
            "taken_at": taken_at.isoformat(),
            "purpose": "train",
            "synthetic": True,
            "as_of": dates,
            "features": names,
            "seen": ["all"],
            "components": components,
            "reporting_lag_days": float(_LAG_DAYS),
            "horizon": definition["outcome"]["horizon"],
            "engine": "benchmark",
        }
        write_json(folder / "manifest.json", manifest)
        write_json(folder / "definition.json", definition)
    set_current(workspace.matrix, name)


def _date(
    day: date,
    entity: NDArray[np.bytes_],
    area: NDArray[np.bytes_],
    need: NDArray[np.float64],
    strength: NDArray[np.float32],
    unseen: NDArray[np.bool_],
    horizon: tuple[datetime, datetime],
    components: int,
    rng: np.random.Generator,
) -> MatrixDate:
    households = len(entity)
    start, end = (int(moment.timestamp() * 1_000_000) for moment in horizon)
    values = rng.standard_normal((households, len(strength)), dtype=np.float32)
    values += need.astype(np.float32)[:, None] * strength
    np.maximum(np.floor(values * 2), 0, out=values)
    values[np.repeat(unseen, len(strength) // unseen.shape[1], axis=1)] = np.nan
    chance = 1 / (1 + np.exp(-(_BASE + _WEIGHT * need)))
    happens = rng.random((households, components)) < chance[:, None] / components
    at = rng.integers(start, end, happens.shape)
    known = at + rng.integers(0, 25, happens.shape) * 86_400_000_000
    return MatrixDate(
        as_of=day,
        entity=entity,
        area=area,
        features=values,
        seen=np.full((households, 1), 2, dtype=np.uint16),
        members=np.full(households, 2, dtype=np.uint16),
        person=np.repeat(entity, 2),
        person_row=np.repeat(np.arange(households, dtype=np.int32), 2),
        person_age=np.tile(np.array([9, 36], dtype=np.float32), households),
        outcome_at=np.where(happens, at, NONE),
        outcome_known_at=np.where(happens, known, NONE),
        outcome_seen=np.ones((households, components), dtype=bool),
        outcome_before=np.zeros((households, components), dtype=np.int8),
    )


def size_of(opened: Invocation) -> int:
    """Return the bytes of the float32 matrix: every as-of date's features."""
    return sum(path.stat().st_size for path in Path(opened.workspace.matrix).rglob("features.npy"))
