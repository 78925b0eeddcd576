"""fairlearn's figures for the same rows: the point estimates of every report are theirs, the intervals ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from charter.errors import DataError
from charter.rules.measures import SHARES
from fairness_reports.audit.measuring.tally import CELLS, Grouping, number_cells
from fairness_reports.audit.measuring.units import Units

__all__ = ["TOLERANCE", "confirm_findings", "measure_with_fairlearn"]

TOLERANCE = 1e-12


def measure_with_fairlearn(units: Units, grouping: Grouping) -> Mapping[str, Mapping[str, float]]:
    """Return by measure and group what fairlearn's MetricFrame gives; measures it defines alone.

    Rows without a label are left out, save for the selection rate. A share of nobody is left out too: scikit-learn,
    below fairlearn, calls it 0.
    """
    import fairlearn.metrics as fm  # type: ignore[import-untyped]  # it ships no types

    # Rows alike in group, label and selection are one row with a weight: the same figures, thousands of times sooner.
    kinds = grouping.code * CELLS + number_cells(units.label, units.selected)
    kind, times = np.unique(kinds, return_counts=True)
    names, cell = np.asarray(grouping.names)[kind // CELLS], kind % CELLS
    selected, label = cell % 2, cell // 2
    figures_by_measure = _measure_frame({"selection_rate": fm.selection_rate}, selected, selected, names, times)
    labelled = label != 2
    if labelled.any():
        label, selected, names, times = label[labelled], selected[labelled], names[labelled], times[labelled]
        # The share of labels that are 1: selection_rate looks at its second argument alone.
        figures_by_measure |= _measure_frame({"base_rate": fm.selection_rate}, label, label, names, times)
        figures_by_measure |= _measure_frame(
            {
                "recall": fm.true_positive_rate,
                "false_negative_rate": fm.false_negative_rate,
                "false_positive_rate": fm.false_positive_rate,
                "true_negative_rate": fm.true_negative_rate,
            },
            label,
            selected,
            names,
            times,
        )
    return figures_by_measure


def _measure_frame(
    metrics: Mapping[str, Any], truth: Any, predictions: Any, names: Any, times: Any
) -> dict[str, dict[str, float]]:
    from fairlearn.metrics import MetricFrame

    table = MetricFrame(
        metrics=dict(metrics),
        y_true=truth,
        y_pred=predictions,
        sensitive_features=names,
        sample_params={name: {"sample_weight": times} for name in metrics},
    ).by_group
    return {measure: {str(group): float(value) for group, value in table[measure].items()} for measure in table.columns}


def confirm_findings(findings: list[dict[str, Any]], units: Units, grouping: Grouping) -> None:
    """Put fairlearn's point estimates into findings of one characteristic.

    Raises DataError where they are not ours to the twelfth digit: then one of the two counts something else, and no
    figure of the audit can be trusted.
    """
    theirs = measure_with_fairlearn(units, grouping)
    for row in findings:
        figure = theirs.get(row["measure"], {}).get(row["group"])
        if figure is None or row["estimate"] is None:
            continue
        if abs(figure - row["estimate"]) > TOLERANCE:
            raise DataError(
                f"fairlearn's {SHARES[row['measure']].title.lower()} of {row['group']} is {figure!r}, ours"
                f" {row['estimate']!r}.",
                "Report this with the versions that `sooner doctor` prints.",
            )
        row["estimate"] = figure
