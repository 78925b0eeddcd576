"""What else speaks for or against a suspected feature: newer dates, what it alone adds, and who records it.

newer dates    a matrix at dates whose horizon is not over, of the same snapshot: what a leak thins out towards
adds           how well all features together order pairs, and how well with this one's values shuffled among rows
service        whether a service that records the outcome records the feature too
day            of how many records of the outcome the same person had one of the feature on the same day
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from charter.contracts.matrix import Matrix, count_codes
from charter.invocation import Invocation
from features.build import build_matrix
from features.grammar.definition import Definition
from features.grammar.period import Period
from training.data.dataset import Dataset
from training.data.help_record import HelpRecord, read_help
from training.models.contenders import Parted, Sample
from training.models.leaks import Contrast, Leak

__all__ = ["count_same_day", "explain_suspects", "gather_contrast", "tell_same_day"]

_AGES = (0.0, 1 / 12, 1 / 6, 1 / 4)
"""How much of the horizon is over at the newer dates: little, so that few of their outcomes can have been written."""

_ROWS = 40_000


def gather_contrast(invocation: Invocation, data: Dataset) -> Contrast | None:
    """Return the features at dates whose horizon is over and at newer ones, whose matrix is built if need be.

    None where that cannot be: a date of its own for each row, no tables of the snapshot in the workspace, or another
    definition since. Raises what `features.build.build_matrix` raises.
    """
    manifest = data.matrix.manifest
    tables = invocation.workspace.store / str(manifest["snapshot"]) / "tables"
    if invocation.settings.training.as_of.each is not None or not (tables / "events.parquet").exists():
        return None
    definition = Definition.load(invocation.programme_folder / "definition.py")
    over = data.mature_dates(data.taken_at)
    newer = [day for day in find_newer_dates(data) if not over or day > over[-1]]
    if definition.hash != manifest["definition"] or len(over) < 2 or not newer:
        return None
    built = Matrix.open(build_matrix(invocation, purpose="train", snapshot=str(manifest["snapshot"]), as_of=newer))
    if built.features != data.matrix.features:
        return None
    return Contrast(
        [data.at(day).features for day in over],
        [built.at(day).features for day in built.dates],
        [np.asarray(data.at(day).entity) for day in over],
    )


def find_newer_dates(data: Dataset) -> list[date]:
    """Return the day of the snapshot and a few before it, ascending, within the first quarter of a horizon."""
    newest = data.taken_at.astimezone(data.council.time_zone).date()
    length = Period.of(data.matrix.definition["outcome"]["horizon"]).after(newest) - newest
    return sorted({newest - age * length for age in _AGES})


def explain_suspects(
    leaks: Sequence[Leak], sample: Sample, definition: Mapping[str, Any], names: list[str]
) -> list[Leak]:
    """Return the suspects with what each alone adds, and with the services that record it and the outcome, in words."""
    if not leaks:
        return []
    categories = [names.index(name) for name in count_codes(definition) if name in names]
    together, shuffled = _measure_additions(sample, [names.index(leak.feature) for leak in leaks], categories)
    outcome = {signal.partition(".")[0] for part in definition["outcome"]["components"] for signal in part["signals"]}
    explained = []
    for leak, area in zip(leaks, shuffled, strict=True):
        feature = next(one for one in definition["features"] if one["name"] == leak.feature)
        shared = sorted(outcome & set(_list_services(feature["expression"])))
        sign = f"{leak.sign}; all features order {100 * together:.1f} of 100 pairs rightly, without it {100 * area:.1f}"
        if shared:
            sign += f"; {' and '.join(shared)}, which records it, records the outcome too"
        explained.append(replace(leak, sign=sign))
    return explained


def tell_same_day(invocation: Invocation, data: Dataset, leaks: Sequence[Leak]) -> list[Leak]:
    """Return the suspects with how many records of the outcome came on a day with one of the feature's, in words.

    Read are records that may be used for training, of a snapshot whose tables are there.
    """
    definition, snapshot = data.matrix.definition, str(data.matrix.manifest["snapshot"])
    signals = sorted({name for part in definition["outcome"]["components"] for name in part["signals"]})

    def read(names: Sequence[str]) -> HelpRecord:
        return read_help(invocation, snapshot, data.taken_at, names, "definition.py")

    outcomes = read(signals) if leaks else None
    told = []
    for leak in leaks:
        feature = next(one for one in definition["features"] if one["name"] == leak.feature)
        shared = set(feature["signals"]) & set(signals)
        sign = f"{leak.sign}; it counts records of the outcome itself" if shared else leak.sign
        if outcomes and not shared:
            number = count_same_day(outcomes, read(sorted(feature["signals"])))
            sign += (
                f"; of {len(outcomes):,} records of the outcome {number:,} came on a day on which it was recorded too"
            )
        told.append(replace(leak, sign=sign))
    return told


_DAY = 86_400_000_000


def count_same_day(outcomes: HelpRecord, records: HelpRecord) -> int:
    """Return of how many outcomes a record of the same person became known on the same day.

    outcomes: a on 3 May, a on 9 June, b on 3 May    records: a on 3 May (twice), b on 4 May    1 of 3
    """
    recorded = set(zip(records.person.tolist(), (records.known // _DAY).tolist(), strict=True))
    days = zip(outcomes.person.tolist(), (outcomes.known // _DAY).tolist(), strict=True)
    return sum(day in recorded for day in days)


def _list_services(expression: Any) -> list[str]:
    """Return the services whose signals an expression of a definition's document names."""
    if isinstance(expression, Mapping):
        return [name for value in expression.values() for name in _list_services(value)]
    if isinstance(expression, list):
        return [name for value in expression for name in _list_services(value)]
    return [expression.partition(".")[0]] if isinstance(expression, str) and "." in expression else []


def _measure_additions(sample: Sample, columns: Sequence[int], categories: Sequence[int]) -> tuple[float, list[float]]:
    """Return the share of pairs ordered rightly by boosted trees, and that with each column shuffled among rows.

    Trees learn from every other row and order the rest: a check of a suspicion, and no figure of any model.
    """
    import lightgbm as lgb

    generator = np.random.default_rng(0)
    picked = np.sort(generator.permutation(len(sample.labels))[:_ROWS])
    rows, labels = sample.features[picked], sample.labels[picked]
    settings = {"objective": "binary", "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": 0}
    model = lgb.train(settings, lgb.Dataset(rows[::2], labels[::2], categorical_feature=list(categories) or "auto"), 40)
    tested, truth = rows[1::2], labels[1::2]

    def measure_order(values: np.ndarray[Any, np.dtype[np.float32]]) -> float:
        margins = np.asarray(model.predict(values, raw_score=True, num_threads=1), dtype=np.float32)
        return Parted.of(Sample(margins[:, None], truth), 0).aurocs()[0]

    areas = []
    for column in columns:
        values = tested.copy()
        values[:, column] = generator.permutation(values[:, column])
        areas.append(measure_order(values))
    return measure_order(tested), areas
