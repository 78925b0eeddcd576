"""The audit's claims: a county's people in seconds, beside fairlearn's bootstrap; ten million scored rows of a CSV.

Peers do the same work on the same rows: fairlearn's MetricFrame with `n_boot` for the resampling, DuckDB reading the
file for the table. Where a peer would take hours it is run on few resamples and said to be extrapolated.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.results import Row
from charter.invocation import shipped_council
from charter.machine.threads import work_side_by_side
from charter.rules.certainty.pooling import pool_groups
from charter.rules.measures import SHARES
from charter.rules.policy import Policy
from charter.rules.questions import Pooling
from fairness_reports.audit.measuring.findings import About, measure_groups
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.measuring.units import Units
from fairness_reports.audit.population.replayed_people import ReplayedPeople
from fairness_reports.audit.used_lists import measure_used_lists

HOUSEHOLDS = 110_000
RESAMPLES = 1000
GROUPS = {"ethnicity": 6, "sex": 2, "disability": 3, "language": 4, "faith": 5}
ROWS = 10_000_000
LISTS, PLACES, DRAWINGS = 104, 20, 5
THREADS = 2
IN_NEED, TOWARDS_NEED = 0.135, 13.0
"""Of the replayed lists: the share of households in need within two years, and how much likelier those are listed."""


def borough() -> tuple[Units, dict[str, Grouping]]:
    """Return people of 110,000 households with five characteristics, households alike within some of them."""
    rng = np.random.default_rng(1)
    sizes = rng.choice([1, 2, 3, 4, 5], HOUSEHOLDS, p=[0.3, 0.3, 0.2, 0.15, 0.05])
    home = np.repeat(np.arange(HOUSEHOLDS), sizes)
    need = rng.normal(size=HOUSEHOLDS)
    label = np.repeat(rng.random(HOUSEHOLDS) < 1 / (1 + np.exp(2.5 - 1.2 * need)), sizes).astype(np.int8)
    selected = np.repeat(need + rng.normal(size=HOUSEHOLDS) > 2.6, sizes)
    groups = {}
    for name, number in GROUPS.items():
        of_home = rng.integers(0, number, HOUSEHOLDS)[home]
        own = rng.integers(0, number, len(home))
        alike = name in {"ethnicity", "language", "faith"}
        code = np.where(rng.random(len(home)) < 0.9, of_home, own) if alike else own
        groups[name] = Grouping(code.astype(np.int64), tuple(f"{name} {i}" for i in range(number)))
    names = list(GROUPS)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            first, second = groups[one], groups[other]
            pair = tuple(f"{a}, {b}" for a in first.names for b in second.names)
            groups[f"{one} and {other}"] = Grouping(first.code * len(second.names) + second.code, pair)
    return Units(home.astype(np.int64), selected, label), groups


def replay(folder: Path, units: Units) -> ReplayedPeople:
    """Return two years of weekly lists of 20 places, five drawings of lots, of the same households' people."""
    rng = np.random.default_rng(2)
    entity = np.array([f"{number:032x}" for number in range(HOUSEHOLDS)], dtype="S32")
    in_need = rng.random(HOUSEHOLDS) < IN_NEED
    weight = np.where(in_need, TOWARDS_NEED, 1.0)
    first = date(2024, 1, 1)
    parts = []
    for lottery in range(DRAWINGS):
        home = rng.choice(HOUSEHOLDS, LISTS * PLACES, replace=False, p=weight / weight.sum())
        needed = in_need[home] & (rng.random(len(home)) < 1 / 2)
        number = np.arange(len(home)) // PLACES
        parts.append(
            pa.table(
                {
                    "entity": entity[home].astype(str),
                    "as_of": pa.array(np.datetime64(first) + 7 * number),
                    "model": ["m"] * len(home),
                    "arm": ["ranked"] * len(home),
                    "lottery": [lottery] * len(home),
                    "outcome": np.where(needed, "need", "none"),
                    "days": np.where(needed, rng.integers(1, 365, len(home)).astype(float), np.nan),
                }
            )
        )
    pq.write_table(pa.concat_tables(parts), folder / "replayed.parquet")
    lists = np.full(HOUSEHOLDS, float(LISTS))
    known = np.floor(lists / 2)
    return ReplayedPeople(
        listings=folder / "replayed.parquet",
        entity=entity,
        lists=lists,
        known=known,
        needed=np.where(in_need, np.minimum(rng.integers(1, 53, HOUSEHOLDS), known), 0.0),
        household=units.cluster,
        person=np.arange(len(units.cluster)).astype("S32"),
        first=first,
        last=first + timedelta(weeks=LISTS - 1),
        apart=7,
        inputs={},
    )


def pool_all(rows: list[dict[str, Any]], groups: Mapping[str, Grouping]) -> int:
    """Pool every characteristic's groups for each measure of lists as they are used; return how many estimates."""
    prior, pooled = Pooling(within=1.5), 0
    gates = {gate.measure: gate for gate in Policy.load(shipped_council() / "charter.toml").asked("test")}
    for measure in ("listed_before_need", "unneeded_listings", "days_before"):
        for name in groups:
            mine = [row for row in rows if (row["measure"], row["characteristic"]) == (measure, name)]
            estimates = pool_groups(gates[measure].model_copy(update={"characteristic": name}), mine, prior)
            pooled += sum(estimate is not None for estimate in estimates)
    return pooled


def full_audit() -> Row:
    """Time five characteristics and their ten pairs, then their past lists as they are used, and what is pooled.

    Every measure, 1,000 resamples of households.
    """
    units, groups = borough()
    with tempfile.TemporaryDirectory() as folder:
        return _time_audit(units, groups, replay(Path(folder), units))


def _time_audit(units: Units, groups: Mapping[str, Grouping], people: ReplayedPeople) -> Row:
    began, began_work = time.perf_counter(), time.process_time()
    measures = list(SHARES.values())
    calls = [
        partial(
            measure_groups, units, grouping, measures, About("", name, "m", "capacity"), resamples=RESAMPLES, seed=1
        )
        for name, grouping in groups.items()
    ]
    rows = sum(map(len, work_side_by_side(calls, THREADS)))
    isolated = time.process_time() - began_work
    alone = {name: grouping for name, grouping in groups.items() if " and " not in name}
    used = measure_used_lists(people, alone, "m", resamples=RESAMPLES, seed=1)
    replayed = time.process_time() - began_work - isolated
    pooled = pool_all(used, alone)
    seconds, work = time.perf_counter() - began, time.process_time() - began_work
    return Row(
        "audit of 110,000 households",
        round(seconds, 2),
        "s",
        "under 5 s",
        seconds < 5,
        {
            "processor, s": round(work, 2),
            "of it isolated dates, past lists as used, pooling, s": f"{isolated:.2f}, {replayed:.2f},"
            f" {work - isolated - replayed:.2f}",
        },
        f"{len(units.cluster):,} people, 5 characteristics and 10 pairs, {len(SHARES)} measures, {RESAMPLES}"
        f" resamples of households, {rows:,} findings; two years of weekly lists, {len(used):,} findings of them and"
        f" {pooled} pooled estimates; {THREADS} threads, as the verb has them",
    )


def against_fairlearn() -> Row:
    """Time one resample of ours and of MetricFrame's bootstrap: five measures of one characteristic."""
    import fairlearn.metrics as fm

    units, groups = borough()
    grouping = groups["ethnicity"]
    names = ("selection_rate", "recall", "false_negative_rate", "false_positive_rate", "true_negative_rate")
    began = time.perf_counter()
    about = About("", "ethnicity", "m", "capacity")
    measure_groups(units, grouping, [SHARES[name] for name in names], about, resamples=RESAMPLES, seed=1)
    ours = (time.perf_counter() - began) / RESAMPLES
    metrics = {
        "selection_rate": fm.selection_rate,
        "recall": fm.true_positive_rate,
        "false_negative_rate": fm.false_negative_rate,
        "false_positive_rate": fm.false_positive_rate,
        "true_negative_rate": fm.true_negative_rate,
    }
    seconds = []
    for resamples in (1, 4):
        began = time.perf_counter()
        fm.MetricFrame(
            metrics=metrics,
            y_true=units.label,
            y_pred=units.selected.astype(int),
            sensitive_features=grouping.code,
            n_boot=resamples,
            ci_quantiles=[0.025, 0.975],
            random_state=1,
        )
        seconds.append(time.perf_counter() - began)
    theirs = (seconds[1] - seconds[0]) / 3
    return Row(
        "audit against MetricFrame's bootstrap, per resample",
        round(theirs / ours),
        "times as fast",
        "1,000 times or more",
        theirs / ours >= 1000,
        {"ours, s a resample": ours, "fairlearn, s a resample": theirs},
        "theirs from the slope of 1 and 4 resamples, rows not households; ours draws households and gives gaps too",
    )


def ten_million_rows() -> list[Row]:
    """Time the audit of a 10-million-row CSV beside DuckDB reading it, and its memory at 1 and 10 million rows."""
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in (ROWS // 10, ROWS):
            path = Path(folder) / f"{rows}.csv"
            connection = duckdb.connect()
            connection.execute("SELECT setseed(0.5)").fetchall()
            connection.sql(
                "SELECT i // 3 AS home, ['a','b','c','d'][1 + (random() * 4)::INT % 4] AS part,"
                " random() AS score, (random() < 0.1)::INT AS happened FROM range($rows) AS t(i)",
                params={"rows": rows},
            ).write_csv(str(path), header=True)
        read = _timed("import duckdb, sys; duckdb.execute('CREATE TABLE t AS FROM read_csv($1)', [sys.argv[1]])", path)
        audits = {rows: _timed(_AUDIT, Path(folder) / f"{rows}.csv") for rows in (ROWS // 10, ROWS)}
        seconds, memory = audits[ROWS]
        ratio = seconds / read[0]
        made.append(
            Row(
                "audit of a scored CSV of 10 million rows",
                round(seconds, 1),
                "s",
                "within 3 times of DuckDB reading it",
                ratio <= 3,
                {"DuckDB reading it into a table, s": round(read[0], 1), "times": round(ratio, 2)},
                "whole processes, start and imports included; capacity, label, one group, no clusters",
            )
        )
        growth = memory / audits[ROWS // 10][1]
        made.append(
            Row(
                "memory of that audit, against one of a tenth of the rows",
                round(growth, 2),
                "times",
                "flat: under 2 times",
                growth < 2,
                {"MiB at 1 million": round(audits[ROWS // 10][1]), "MiB at 10 million": round(memory)},
            )
        )
    return made


_AUDIT = """
import sys
from pathlib import Path
from fairness_reports.audit.tables.scored_table import audit_table
from fairness_reports.audit.tables.table_question import Selection, TableQuestion
places = (Selection(capacity=100_000),)
audit_table(TableQuestion(Path(sys.argv[1]), ("part",), places, score="score", label="happened"))
"""


def _timed(code: str, path: Path) -> tuple[float, float]:
    """Run Python code on a file in a process of its own; return its seconds and its peak memory in MiB."""
    began = time.perf_counter()
    measure = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code + measure, str(path)], check=True, capture_output=True, text=True)
    return time.perf_counter() - began, float(done.stdout.split()[-1]) / 1024


def run() -> list[Row]:
    """Measure all of it."""
    return [full_audit(), against_fairlearn(), *ten_million_rows()]
