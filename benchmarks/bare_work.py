"""The work that a verb rests on, and nothing else: what `bench_verbs` sets beside each verb.

pull    DuckDB reads each delivered file and writes Parquet: no rule, no pseudonym, no vault
link    plain Splink scores and clusters the same evidence with the same model (gathering it isn't counted)
build   pyarrow reads every column of the linked tables
train   lightgbm.train, bare: each fold's model and the candidate, the same rows and settings
audit   pyarrow reads the run's scores and past lists, and the findings are written again
rank    LightGBM scores the newest day's rows and explains the listed ones

python -m benchmarks.bare_work pull WORKSPACE      prints processor seconds of the work alone
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter.contracts.files import find_current, read_json, write_json
from charter.invocation import Invocation

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from features.linking.evidence import Evidence
    from features.linking.parameters import Parameters

__all__ = ["BARE", "cluster_plainly"]


def copy_extracts(opened: Invocation) -> None:
    """Read each delivered file with DuckDB, every column a text as it stands in it, and write it as Parquet."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        database.execute("set enable_progress_bar = false")
        for number, path in enumerate(sorted(opened.workspace.extracts.rglob("*.*"))):
            if path.parent.name == "truth" or path.suffix not in (".csv", ".parquet"):
                continue
            is_csv = path.suffix == ".csv"
            rows = database.read_csv(path, all_varchar=True) if is_csv else database.read_parquet(str(path))
            rows.write_parquet(f"{folder}/{number}.parquet")


def link_plainly(opened: Invocation) -> float:
    """Score and cluster with plain Splink; return the processor seconds without those of gathering the evidence."""
    from charter.vault.key import Key
    from charter.vault.vault import Vault
    from features.intake.database import open_database
    from features.linking.evidence import gather_evidence
    from features.linking.parameters import Parameters

    files = opened.workspace
    key, parameters = Key.load(opened.council, files), Parameters.load()
    database = open_database(key)
    evidence = gather_evidence(database, Vault.open(files.vault, key), files.snapshot(), opened.register)
    worked = time.process_time()
    cluster_plainly(database, evidence, parameters)
    return time.process_time() - worked


def cluster_plainly(database: DuckDBPyConnection, evidence: Evidence, parameters: Parameters) -> None:
    """Score all that blocking pairs and cluster by one threshold: Splink with our model, and none of our rules."""
    from splink import DuckDBAPI, Linker

    from features.intake.database import compute_rows
    from features.linking.matching.comparing import Records
    from features.linking.matching.splink_model import make_settings

    everybody = compute_rows(database, "select * rename (ref as unique_id) from traits", traits=evidence.traits)
    records = Records.of(database, everybody, parameters)
    keyed = compute_rows(database, "select *, '' as home from r", r=records.rows)
    settings = make_settings(parameters, len(records.names), records.comparisons)
    linker = Linker(DuckDBAPI(database).register(keyed.alias), settings, log_level=None)
    scored = linker.inference.predict(threshold_match_weight=parameters.review)
    linker.clustering.cluster_pairwise_predictions_at_threshold(scored, threshold_match_weight=parameters.threshold)


def read_tables(opened: Invocation) -> None:
    """Read every column of every linked table."""
    import pyarrow.parquet as pq

    for path in sorted((opened.workspace.snapshot() / "tables").glob("*.parquet")):
        pq.read_table(path)


def fit_plainly(opened: Invocation) -> float:
    """Fit each fold's model and the candidate with lightgbm alone; return the processor seconds of the fits."""
    from training.models.planning import make_plan

    planned = make_plan(opened)
    worked = time.process_time()
    for days, cut in [(fold.train, fold.cut) for fold in planned.folds] + [(planned.learned, planned.data.taken_at)]:
        _fit_once(planned, list(days), cut)
    return time.process_time() - worked


def _fit_once(planned: Any, days: list[Any], cut: Any) -> None:
    import lightgbm
    import numpy as np

    from training.models.boosting import make_parameters, read_directions

    data, trees = planned.data, planned.settings.lightgbm
    stated = read_directions(data.matrix.definition, data.matrix.features)
    features = np.concatenate([data.at(day).features for day in days])
    labels = np.concatenate([data.lessons(day, cut) for day in days])
    kept = labels >= 0
    rows = lightgbm.Dataset(features[kept], labels[kept])
    lightgbm.train(make_parameters(trees, stated), rows, num_boost_round=trees.trees)


def read_run(opened: Invocation) -> None:
    """Read the run's scores and past lists, and write the findings that the audit left."""
    import pyarrow.parquet as pq

    run, audit = find_current(opened.workspace.scores), find_current(opened.workspace.audit)
    if run is None or audit is None:
        raise FileNotFoundError("no run or audit")
    for path in sorted(run.glob("*.parquet")):
        pq.read_table(path)
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / "findings.json", read_json(audit / "findings.json"))


def score_rows(opened: Invocation) -> None:
    """Score the rows of the newest matrix made for ranking, and explain five hundred of them."""
    import lightgbm
    import numpy as np

    run = find_current(opened.workspace.scores)
    if run is None:
        raise FileNotFoundError("no run")
    manifests = [(path, read_json(path)) for path in opened.workspace.matrix.glob("*/manifest.json")]
    newest = max((max(read["as_of"]), path) for path, read in manifests if read["purpose"] == "rank")
    rows = np.load(newest[1].parent / f"as_of={newest[0]}" / "features.npy")
    model = lightgbm.Booster(model_file=run / "model.lgb")
    margins = model.predict(rows, raw_score=True, num_threads=os.cpu_count())
    model.predict(rows[np.argsort(margins)[-500:]], pred_contrib=True)


BARE: Mapping[str, Callable[[Invocation], float | None]] = {
    "pull": copy_extracts,
    "link": link_plainly,
    "build": read_tables,
    "train": fit_plainly,
    "audit": read_run,
    "rank": score_rows,
}
"""By verb."""


def _main(verb: str, workspace: str) -> None:
    import logging

    logging.disable(logging.WARNING)
    opened = Invocation.open(None, "", Path(workspace), quiet=True)
    worked = time.process_time()
    seconds = BARE[verb](opened)
    print(f"\n{time.process_time() - worked if seconds is None else seconds:.3f}")


if __name__ == "__main__":
    _main(*sys.argv[1:])
