"""Figures of anybody's list in words: as lines for a terminal, as tables for a page. Small groups are hidden."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fairness_reports.audit.tables.published_rates import PUBLISHED
from fairness_reports.publish.gate_tables import FEWEST, hide_small, is_small

__all__ = ["TITLES", "list_comparisons", "list_tables", "summarise_table"]

TITLES: Mapping[str, str] = {
    "selection_rate": "Chosen",
    "outcome_known": "Outcome known",
    "base_rate": "Had the outcome",
    "recall": "Of those with the outcome, chosen (TPR)",
    "false_negative_rate": "Of those with the outcome, not chosen (FNR)",
    "false_positive_rate": "Of those without it, chosen (FPR)",
    "true_negative_rate": "Of those without it, not chosen (TNR)",
    "precision": "Of those chosen, with the outcome (PPV)",
    "false_discovery_rate": "Of those chosen, without it (FDR)",
    "false_omission_rate": "Of those not chosen, with the outcome (FOR)",
    "negative_predictive_value": "Of those not chosen, without it (NPV)",
    "accuracy": "Told right",
    "auc": "Put in the right order by scores (AUROC)",
    "observed_over_expected": "Outcomes for each that scores expect (calibration)",
}
"""What each figure is called, for readers who have a list and an outcome and nothing of Sooner's."""

_SHORT = {
    "selection_rate": "chosen",
    "recall": "TPR",
    "false_negative_rate": "FNR",
    "false_positive_rate": "FPR",
    "precision": "PPV",
    "negative_predictive_value": "NPV",
    "auc": "AUROC",
    "observed_over_expected": "calibration",
}
_MAIN = ("selection_rate", "recall", "false_positive_rate")
_NUMBERS = frozenset({"auc", "observed_over_expected"})
_EVERYBODY = "everybody"
_FEW = "too few"
_TOO_FEW = f"too few (under {FEWEST})"
_HEAD = ("", "", "figure", "everyone else", "ratio", "95 % interval", "rows")


_SCREEN = 40
"""Lines of a terminal: what is longer is cut to so many groups of a list, and so many gaps."""
_GROUPS, _GAPS = 18, 12


def summarise_table(document: Mapping[str, Any], *, full: bool = False) -> str:
    """Return each list's figures, a line a group and everybody first, then its main gaps with their intervals.

    What is longer than a screen keeps the groups with most rows and the gaps that are surest to be wide, and says so;
    with `full` everything is there.
    """
    lines = _write_lines(document)
    if len(lines) > _SCREEN and not full:
        lines = _write_lines(document, _GROUPS, _GAPS)
        lines += ["- This is cut to a screen: the groups with most rows, the gaps surest to be wide. --full shows all."]
    return "\n".join([*lines, *(f"- {note}" for note in document.get("notes", ()))]).rstrip()


def _write_lines(document: Mapping[str, Any], groups: int | None = None, gaps: int | None = None) -> list[str]:
    lines: list[str] = []
    for part in list_tables(document):
        lines += [part["title"], "", *_align(_list_figures(part["rows"], groups)), ""]
        lines += [*_align([_HEAD, *_list_gaps(part["rows"], gaps)]), ""]
    for part in list_comparisons(document):
        head = ("", "", part["first"], part["second"], *_HEAD[4:])
        lines += [part["title"], ""]
        lines += [*_align([head, *_list_gaps(part["rows"], gaps)]), ""]
    return lines


def _list_figures(rows: Sequence[Mapping[str, Any]], most: int | None) -> list[tuple[str, ...]]:
    """Return a line for each group, of its own figures without intervals, under a head; of the largest, `most`."""
    there = [measure for measure in _SHORT if any(row["measure"] == measure for row in rows)]
    lines = [("", "rows", *(_SHORT[measure] for measure in there))]
    sizes = {row["group"]: row["size"] for row in reversed(rows)}
    largest = set(sorted(sizes, key=lambda group: -sizes[group])[:most])
    for group in dict.fromkeys(row["group"] for row in rows if row["group"] in largest):
        of_group = {row["measure"]: row for row in rows if row["group"] == group}
        numbers = [row["n"] for row in of_group.values() if row["measure"] == "selection_rate"]
        figures = [of_group[measure]["alone"] if measure in of_group else "" for measure in there]
        lines.append((group, *(numbers or [next(iter(of_group.values()))["n"]]), *figures))
    return lines


def _list_gaps(rows: Sequence[Mapping[str, Any]], most: int | None) -> list[tuple[str, ...]]:
    """Return a line for each main gap; of those whose interval lies farthest from 1, `most`."""
    gaps = [row for row in rows if row["measure"] in _MAIN and row["rest"]]
    surest = sorted(range(len(gaps)), key=lambda place: -gaps[place]["apart"])[:most]
    return [
        (_SHORT[row["measure"]], *(row[name] for name in ("group", "alone", "rest", "ratio", "ends", "n")))
        for row in (gaps[place] for place in sorted(surest))
    ]


def list_tables(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each selection's rows in words, measure by measure, everybody first; figures of scores with the first."""
    plain = [row for row in document["findings"] if row["component"] is None]
    selections = [at for at in dict.fromkeys(row["at"] for row in plain) if at != "all scores"]
    for number, at in enumerate(selections):
        of = [row for row in plain if row["at"] == at or (number == 0 and row["at"] == "all scores")]
        if all(row["estimate"] == 1 for row in of if row["measure"] == "outcome_known"):
            of = [row for row in of if row["measure"] != "outcome_known"]
        title = f"Published rates: {at.removeprefix(PUBLISHED)}" if at.startswith(PUBLISHED) else f"Chosen by {at}"
        yield {"title": title, "rows": [_say_row(row) for row in _order(of)]}


def list_comparisons(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each comparison with one other: a reference group, or another selection of the same rows."""
    beside = [row for row in document["findings"] if row["component"] is not None]
    for at, component in dict.fromkeys((row["at"], row["component"]) for row in beside):
        of = [row for row in beside if (row["at"], row["component"]) == (at, component)]
        second = component.removeprefix("beside ")
        lists = any(row["characteristic"] is None for row in of)
        title = f"Chosen by {at}, beside {second}" if lists else f"Chosen by {at}: each group beside {second}"
        first = at if lists else "figure"
        yield {"title": title, "first": first, "second": second, "rows": [_say_row(row) for row in _order(of)]}


def _order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    places = {measure: place for place, measure in enumerate(TITLES)}
    return sorted(rows, key=lambda row: (places[row["measure"]], row["group"] is not None))


def _say_row(finding: Mapping[str, Any]) -> dict[str, Any]:
    hidden, row = is_small(finding), hide_small(finding)
    rest = row.get("rest") or {}
    say = _say_number if row["measure"] in _NUMBERS else _say_share
    whose = _EVERYBODY if row["group"] is None else f"{row['characteristic']}: {row['group']}"
    return {
        "measure": row["measure"],
        "title": TITLES[row["measure"]],
        "group": whose,
        "figure": _TOO_FEW if hidden else _say_with_ends(row["estimate"], row["interval"], say),
        "alone": _FEW if hidden else say(row["estimate"]),
        "rest": "" if not row.get("rest") or hidden else say(rest.get("estimate")),
        "ratio": "" if not row.get("rest") or hidden or row["measure"] == "auc" else _say_number(row.get("ratio")),
        "ends": ""
        if not row.get("rest") or hidden or row["measure"] == "auc"
        else _say_ends(row.get("ratio_interval")),
        "n": f"under {FEWEST}" if hidden and row["n"] < FEWEST else f"{row['n']:,}",
        "size": -1 if hidden else row["n"],
        "apart": -1.0 if hidden else _measure_apart(row.get("ratio_interval")),
    }


def _measure_apart(interval: Sequence[float | None] | None) -> float:
    """Return how far a ratio's interval lies from 1, as a logarithm; 0 where it holds 1, -1 where none can be told."""
    if interval is None:
        return -1.0
    low, high = interval
    return max(math.log(low) if low else 0.0, -math.log(high) if high else 0.0, 0.0)


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _say_with_ends(value: float | None, interval: Sequence[float | None] | None, say: Any) -> str:
    if value is None:
        return "nobody to measure"
    if interval is None or None in interval:
        return str(say(value))
    return f"{say(value)} ({say(interval[0]).removesuffix(' %')} to {say(interval[1]).removesuffix(' %')})"


def _say_share(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f} %"


def _say_number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _say_ends(interval: Sequence[float | None] | None) -> str:
    if interval is None:
        return "cannot be told"
    low, high = ("no end" if end is None else f"{end:.2f}" for end in interval)
    return f"{low} to {high}"
