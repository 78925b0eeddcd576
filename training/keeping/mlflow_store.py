"""The MLflow store in use, and MLflow itself without chatter, pickles or what it would leave behind in the process."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from charter.contracts.workspace import Workspace
from charter.errors import DataError

__all__ = ["find_tracking_uri", "open_experiment", "using_mlflow"]


def find_tracking_uri(workspace: Workspace) -> str:
    """Return the MLflow store in use: the one MLFLOW_TRACKING_URI names, or the workspace's own."""
    return os.environ.get("MLFLOW_TRACKING_URI") or workspace.tracking_uri


@contextmanager
def using_mlflow(uri: str) -> Iterator[None]:
    """Point MLflow at `uri`, without telemetry or chatter, and put the process back as it was.

    Raises DataError where another program holds the store's SQLite file.
    """
    ours = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    before = {name: os.environ.get(name) for name in (*ours, "MLFLOW_TRACKING_URI")}
    os.environ |= ours
    import mlflow
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    mlflow.set_tracking_uri(uri)
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        if "database is locked" not in str(error):
            raise
        raise DataError(
            "another program holds MLflow's store, so nothing could be recorded in it.",
            "Close what has its file open, such as a database browser or another training, and run this again. "
            "Nothing that was there before is changed.",
        ) from None
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # None means: ask the environment again
        logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def open_experiment(uri: str, workspace: Workspace) -> str:
    """Return the id of the programme's experiment, made on first use, or the one `mlflow run` records in.

    Migrates a new store. Where the store has no server to keep artifacts, they go to the workspace.
    """
    import mlflow

    client = mlflow.MlflowClient(uri)
    if "MLFLOW_RUN_ID" in os.environ:
        return str(client.get_run(os.environ["MLFLOW_RUN_ID"]).info.experiment_id)
    place = None if urlsplit(uri).scheme in ("http", "https", "databricks") else workspace.artifacts.resolve().as_uri()
    experiment = client.get_experiment_by_name(workspace.programme)
    if experiment is not None and experiment.lifecycle_stage != "active":
        client.restore_experiment(experiment.experiment_id)
    if experiment is not None and uri == workspace.tracking_uri and experiment.artifact_location != place:
        # The workspace was copied or moved, and MLflow would go on writing to where it was.
        client.rename_experiment(
            experiment.experiment_id, f"{workspace.programme} (elsewhere, {experiment.experiment_id})"
        )
        experiment = None
    if experiment is not None:
        return str(experiment.experiment_id)
    return str(client.create_experiment(workspace.programme, artifact_location=place))
