"""The libraries that verbs load, loaded once for `tests.forked_commands`: none starts a thread by being loaded."""

from __future__ import annotations

from importlib import import_module

LIBRARIES = (
    "duckdb",
    "fairlearn.metrics",
    "jinja2",
    "lightgbm",
    "matplotlib.figure",
    "mlflow.pyfunc",
    "pandas",
    "pyarrow.compute",
    "pyarrow.parquet",
    "scipy.optimize",
    "sklearn.linear_model",
    "splink",
    "sqlalchemy.orm",
    "sooner.command",
)

for library in LIBRARIES:
    import_module(library)
