"""The audit of any scored table: one CSV, XLSX or Parquet file, and which of its columns are what. None of our files.

    sooner audit table scored.csv --score likelihood --label happened --group sex --group ethnicity --capacity 500

    for each selection    every share by group and over everybody, beside everyone else
    with a reference      the same, beside the reference group
    with scores           how well they order people (AUROC), and outcomes for each one that they expect
    of two selections     each group's figure under the first, beside its own under the second

Without `--label` only shares selected are measured; without `--cluster` each row stands for itself. A table beyond
2,000,000 rows that needs none of its rows kept is counted where it lies; AUROC and calibration are then left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import content_id, file_digest
from charter.machine.threads import one_thread
from charter.rules.measures import SHARES
from fairness_reports.audit.measuring.disparities import measure_disparities
from fairness_reports.audit.measuring.findings import (
    About,
    list_findings,
    measure_tally,
    measure_whole_tally,
    write_figure,
    write_finding,
)
from fairness_reports.audit.measuring.means import average_everyone, average_groups
from fairness_reports.audit.measuring.ranking_quality import bound_auc, compare_aucs
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping, Tally
from fairness_reports.audit.tables.large_table import HELD, count_large_table
from fairness_reports.audit.tables.table_notes import say_chosen, say_label_notes, say_lot, say_order, say_scores
from fairness_reports.audit.tables.table_question import TableQuestion
from fairness_reports.audit.tables.table_reader import TableReader, find_reference, open_scored_table
from fairness_reports.audit.tables.table_rows import TableRows, fetch_rows

__all__ = ["ALL_SCORES", "audit_table", "write_table_document"]

ALL_SCORES = "all scores"
"""Where figures of the whole order are measured."""

_KEPT_ROWS = 2_000_000
"""Rows up to which a table is read into memory, so that its whole order can be measured."""
_RESAMPLES = 1000
_SEED = 20260928


def audit_table(
    question: TableQuestion, *, resamples: int = _RESAMPLES, seed: int = _SEED, kept_rows: int = _KEPT_ROWS
) -> dict[str, Any]:
    """Return the findings document of a scored table.

    Raises DataError for a column that is missing, a score that is not a number, a label that is not 0 or 1, and an
    empty table. `kept_rows` is up to how many rows are read into memory.
    """
    with TemporaryDirectory() as folder, open_scored_table(question, Path(folder) / "rows.duckdb") as reader:
        facts = reader.check(HELD)
        if facts.rows > kept_rows and _can_count(question):
            tallies, drawn, equals = count_large_table(reader, facts)
            notes = [*say_lot(question.selections[0], drawn, equals)]
            rows = _measure_selection(reader, tallies, 0, resamples, seed)
        else:
            table = fetch_rows(reader)
            tallies = _tally_rows(table, 0)
            notes = [
                note
                for selection, (drawn, equals) in zip(question.selections, table.by_lot, strict=True)
                for note in say_lot(selection, drawn, equals)
            ]
            notes += [
                note
                for selection, chosen in zip(question.selections, table.chosen, strict=True)
                for note in say_chosen(selection, chosen)
            ]
            notes += say_scores(table.score)
            rows = _measure_rows(reader, table, tallies, resamples, seed)
            if facts.rows <= kept_rows:
                order = _measure_order(question.selections[0].words, table)
                rows += order
                notes += say_order(order)
    notes = [*say_label_notes(tallies, question.label), *notes]
    if facts.rows > kept_rows and question.score is not None and question.label is not None:
        notes.append(f"Of over {kept_rows:,} rows neither AUROC nor calibration is measured.")
    if question.weight is not None:
        notes.append("Figures are weighted; how many rows they rest on is counted as it is.")
    return write_table_document(question.file, question, question.selections[0].words, rows, notes)


def write_table_document(
    file: Path, question: Any, model: str, rows: list[dict[str, Any]], notes: list[str]
) -> dict[str, Any]:
    """Return the findings document of a file that somebody else made."""
    digest = file_digest(file)
    document = {
        "schema_version": SCHEMA_VERSION,
        "snapshot": "",
        "inputs": {file.name: digest},
        "run": content_id({"file": digest, "question": {k: str(v) for k, v in vars(question).items() if k != "file"}}),
        "programme": file.name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "code_version": version("sooner"),
        "model": model,
        "notes": notes,
        "findings": rows,
    }
    check_document("findings", document)
    return document


def _can_count(question: TableQuestion) -> bool:
    """Whether nothing is asked that needs rows beside each other."""
    return not (question.cluster or question.weight or question.each or len(question.selections) > 1)


def _tally_rows(table: TableRows, selection: int) -> dict[str, Tally]:
    tallies = {"": table.tally(table.everyone, selection)}
    return tallies | {name: table.tally(grouping, selection) for name, grouping in table.groups.items()}


def _measure_rows(
    reader: TableReader, table: TableRows, first: dict[str, Tally], resamples: int, seed: int
) -> list[dict[str, Any]]:
    rows = []
    for number in range(len(table.chosen)):
        tallies = first if number == 0 else _tally_rows(table, number)
        rows += _measure_selection(reader, tallies, number, resamples, seed)
    if len(table.chosen) == 2:
        rows += _compare_lists(reader, table, resamples, seed)
    return rows


@one_thread()
def _measure_selection(
    reader: TableReader, tallies: dict[str, Tally], number: int, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return every share over everybody, by group, and beside the reference group where there is one."""
    words = reader.question.selections[number].words
    about = About("", None, reader.question.selections[0].words, words)
    rows = measure_whole_tally(tallies[""], SHARES.values(), about, resamples=resamples, seed=seed)
    for characteristic in reader.characteristics:
        tally = tallies[characteristic.name]
        of = about.of_group(characteristic.name, None)
        rows += measure_tally(tally, SHARES.values(), of, resamples=resamples, seed=seed)
        reference = find_reference(characteristic, tally.names)
        if reference is not None:
            beside = of.of_component(f"beside {tally.names[reference]}")
            pairs = ((i, reference) for i in range(len(tally.names)) if i != reference)
            rows += _measure_pairs(tally, pairs, beside, resamples, seed)
    return rows


def _measure_pairs(
    tally: Tally, pairs: Iterator[tuple[int, int]], about: About, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return each first group of the tally beside the second, from the draws that the whole tally gives."""
    draws = tally.draws(resamples, seed)
    rows = []
    for pair in pairs:
        two, drawn = tally.choose(*pair), draws[:, list(pair)]
        rows += [
            write_finding(
                about.of_measure(measure.id), measure_disparities(two, measure, drawn)[0], labelled=two.labelled
            )
            for measure in SHARES.values()
            if two.labelled or not measure.needs_label
        ]
    return rows


@one_thread()
def _compare_lists(reader: TableReader, table: TableRows, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return each group's figures under the first selection beside its own under the second.

    Both are of the same rows, so clusters are drawn with both. Where few are counted the closed forms take the two for
    independent, which makes the interval wider than it needs to be.
    """
    first, second = reader.question.selections
    about = About("", None, first.words, first.words, component=f"beside {second.words}")
    rows = []
    for name, grouping in {"": table.everyone, **table.groups}.items():
        of = about.of_group(name or None, None)
        tally = table.tally_both(grouping)
        pairs = ((2 * i, 2 * i + 1) for i in range(len(grouping.names)))
        for row in _measure_pairs(tally, pairs, of, resamples, seed):
            group = str(row["group"]).removesuffix(", first") if name else None
            key = {k: row[k] for k in ("measure", "characteristic", "model", "component", "at")}
            rows.append({**row, "id": content_id({**key, "group": group}), "group": group})
    return rows


@one_thread()
def _measure_order(model: str, table: TableRows) -> list[dict[str, Any]]:
    """Return how well scores order each group's people, and the outcomes for each that they expect, if they are shares.

    Both of labelled rows, unweighted: scores order rows, whatever these stand for.
    """
    known, score, cluster = table.label != UNKNOWN, table.score, table.of_cluster
    if score is None or not known.any():
        return []
    about = About("auc", None, model, ALL_SCORES)
    rows = [write_figure(about, bound_auc(cluster, table.label, score))]
    for name, grouping in table.groups.items():
        rows += list_findings(about.of_group(name, None), compare_aucs(cluster, grouping, table.label, score))
    if score.min() < 0 or score.max() > 1 or not score[known].sum():
        return rows
    happened, expected = (table.label[known] == 1).astype(np.float64), score[known]
    about = About("observed_over_expected", None, model, ALL_SCORES)
    rows.append(write_figure(about, average_everyone(cluster[known], happened, expected)))
    for name, grouping in table.groups.items():
        known_groups = Grouping(grouping.code[known], grouping.names)
        averages = average_groups(cluster[known], known_groups, happened, expected)
        rows += list_findings(about.of_group(name, None), averages)
    return rows
