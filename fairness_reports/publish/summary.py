"""An audit in a few lines, for a terminal: what a screen holds; `--full` has every figure with its condition."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fairness_reports.disclosure.rules import read_rules
from fairness_reports.publish.figures_in_words import say_interval, say_number, say_share
from fairness_reports.publish.order_opinion import say_whole_order

__all__ = ["summarise_findings"]

_USED = {
    "listed_before_need": "of those in need, listed before",
    "unneeded_listings": "unneeded listings, for 1,000 people a year",
}
_ISOLATED = {"recall": "of those with the outcome, listed", "false_positive_rate": "of all others, listed"}
_SHARES = frozenset({"listed_before_need", "selection_rate", "recall", "false_positive_rate"})
_FULL = ("selection_rate", *_ISOLATED, *_USED)
_NOT_RECORDED = "not recorded"
_WIDTH = 100
_FEWEST = read_rules().fewest_of_rate
"""People of a group below whom a screen shows no figure of theirs, as papers that leave the council don't."""

Finding = Mapping[str, Any]


def summarise_findings(document: Mapping[str, Any], *, full: bool = False) -> str:
    """Return the main figures by group as aligned lines, each with its 95 % interval, then what to know of them.

    On lists as they are used where the run left them, else on isolated dates; each group of each characteristic once.
    With `full`, every figure of people in groups, crossings of characteristics included, and the list it is of.
    """
    findings = [
        finding
        for finding in document["findings"]
        if finding["model"] == document["model"] and not finding.get("component") and finding["group"] is not None
    ]
    lines = list(_list_full(findings) if full else _list_main(findings))
    said = filter(None, [say_whole_order(document.get("whole_order", ())), *document.get("notes", ())])
    notes = (textwrap.fill(f"- {note}", _WIDTH, subsequent_indent="  ") for note in said)
    return "\n".join([*lines, *notes])


def _list_main(findings: Sequence[Finding]) -> Iterator[str]:
    used = any(finding["measure"] in _USED for finding in findings)
    measures, at = (_USED, "as used") if used else (_ISOLATED, "capacity")
    shown = [
        finding
        for finding in findings
        if finding["measure"] in measures and finding["at"] == at and " and " not in finding["characteristic"]
    ]
    groups: dict[str, set[str]] = {}
    for finding in shown:
        groups.setdefault(finding["characteristic"], set()).add(finding["group"])
    recorded = [name for name, names in groups.items() if names != {_NOT_RECORDED}]
    if recorded:
        yield "On lists as they are used:" if used else "On isolated dates, at the teams' places:"
    for measure, title in measures.items():
        rows = [
            (f"  {finding['characteristic']}: {finding['group']}", *_say_figures(finding))
            for finding in shown
            if finding["measure"] == measure and finding["characteristic"] in recorded
        ]
        if rows:
            yield from _align([(title, *_HEADINGS), *rows])
    if recorded:
        yield "- Every figure with the list it is of: `sooner audit run --full`; crossings too."


_HEADINGS = ("figure", "everyone else", "ratio", "95 % interval", "people")


def _list_full(findings: Sequence[Finding]) -> Iterator[str]:
    rows = [
        (
            finding["measure"].replace("_", " "),
            finding["at"],
            f"{finding['characteristic']}: {finding['group']}",
            *_say_figures(finding),
        )
        for finding in findings
        if finding["measure"] in _FULL
    ]
    return _align([("measure", "list", "group", *_HEADINGS), *rows])


def _say_figures(finding: Finding) -> tuple[str, ...]:
    if finding["n"] < _FEWEST:
        return ("", "", "", "", f"under {_FEWEST}")
    say: Callable[[float | None], str] = say_share if finding["measure"] in _SHARES else say_number
    rest = finding.get("rest") or {}
    return (
        say(finding["estimate"]),
        say(rest.get("estimate")),
        say_number(finding.get("ratio")),
        say_interval(finding.get("ratio_interval"), say_number),
        f"{finding['n']:,}",
    )


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
