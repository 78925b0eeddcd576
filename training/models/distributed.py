"""LightGBM's own distributed training through Dask, for a matrix that one machine cannot hold (extra `dask`).

`[lightgbm] dask` of training.toml says where: `local:2` is two workers on this machine, anything else a scheduler's
address. Workers read the matrix's files themselves, so they need the workspace at the same path; what travels is each
part's labels. Dask's machines exchange pickled tasks: let nobody else reach their ports.

Several machines find their bin edges together and constrain directions by LightGBM's `basic` method, the only one it
has there; so a model comes out close to the one machine's, not equal to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.council.training_settings import Trees
from charter.errors import DataError, UsageError
from training.models.boosting import make_parameters, read_directions

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["learn_distributed", "open_workers"]

_LOCAL = "local:"


def learn_distributed(matrix: Matrix, labels: Mapping[date, NDArray[np.int8]], settings: Trees) -> str:
    """Return the native text of a model of the rows whose label is 0 or 1; `labels` are (rows,) by as-of date.

    Raises UsageError where Dask is not installed or the scheduler does not answer, DataError where training fails.
    """
    try:
        import dask.array as da
        from dask.delayed import delayed
        from lightgbm import DaskLGBMClassifier
    except ImportError:
        raise UsageError("training on several machines needs Dask.", "pip install 'sooner[dask]'") from None
    chosen = {day: np.flatnonzero(label >= 0) for day, label in labels.items()}
    columns = len(matrix.features)
    rows = [
        da.from_delayed(
            delayed(_read_rows)(str(matrix.folder), day.isoformat(), picked), (len(picked), columns), dtype=np.float32
        )
        for day, picked in chosen.items()
        if len(picked)
    ]
    outcome = [
        da.from_array(labels[day][picked].astype(np.float32), chunks=-1)
        for day, picked in chosen.items()
        if len(picked)
    ]
    constraints = read_directions(matrix.definition, matrix.features)
    how = make_parameters(settings, constraints) | {"monotone_constraints_method": "basic", "tree_learner": "data"}
    with open_workers(settings.dask) as client:
        model = DaskLGBMClassifier(client=client, n_estimators=settings.trees, **_for_estimator(how))
        try:
            model.fit(
                da.concatenate(rows),
                da.concatenate(outcome),
                feature_name=matrix.features,
                categorical_feature=list(matrix.categories) or "auto",
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(
                f"training on {settings.dask} failed: {error}.", "Look at the workers' logs, then train again."
            ) from None
        return str(model.booster_.model_to_string())


def _read_rows(folder: str, day: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Read some rows of one as-of date, on the worker that trains on them."""
    features = np.load(Path(folder) / f"as_of={day}" / "features.npy", mmap_mode="r", allow_pickle=False)
    return np.asarray(features[rows], dtype=np.float32)


def _for_estimator(how: Mapping[str, Any]) -> dict[str, Any]:
    """Return LightGBM's parameters under the names that its scikit-learn estimator takes."""
    names = {
        "min_data_in_leaf": "min_child_samples",
        "lambda_l2": "reg_lambda",
        "feature_fraction": "colsample_bytree",
        "bagging_fraction": "subsample",
        "bagging_freq": "subsample_freq",
        "seed": "random_state",
        "num_threads": "n_jobs",
    }
    return {names.get(name, name): value for name, value in how.items() if name != "objective"}


@contextmanager
def open_workers(where: str) -> Iterator[Client]:
    """Give a client of the workers at `where`; local ones are started, listen on loopback alone, and are stopped."""
    from distributed import Client, LocalCluster

    if where.startswith(_LOCAL):
        number = where.removeprefix(_LOCAL)
        if not number.isdigit() or int(number) < 1:
            raise UsageError(f"[lightgbm] dask is {where!r}.", "Write local:2, or a scheduler's address.")
        with (
            LocalCluster(
                n_workers=int(number), threads_per_worker=1, host="127.0.0.1", dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(where, timeout=10)
    except OSError:
        raise UsageError(f"no scheduler answers at {where}.", "Start it, or mend [lightgbm] dask.") from None
    with client:
        yield client
