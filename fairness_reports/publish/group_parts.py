"""Parts of the board pack about groups: each characteristic's figures, signs of need by other hands, who is seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from charter.rules import measures
from charter.rules.policy import Policy
from charter.rules.questions import NOT_SHARES, Gate
from fairness_reports.publish.council_words import CouncilWords
from fairness_reports.publish.figures import Dot, draw_dots
from fairness_reports.publish.figures_in_words import UNKNOWN, say_interval, say_number, say_share, say_signed
from fairness_reports.publish.gate_tables import is_small
from fairness_reports.publish.parts import tabulate_capacities

__all__ = [
    "AT_CAPACITY",
    "describe_characteristic",
    "describe_independent",
    "list_characteristics",
    "say_beyond_records",
    "select_rows",
    "tabulate_sight",
]

AT_CAPACITY = "capacity"
_TITLES = {name: measure.title for name, measure in measures.MEASURES.items() if measure.title} | {
    "observed_over_expected": "Needs recorded per need expected",
    "lead_days": "Days of warning before the need",
}
_SHOWN = (
    ("recall", "Later need that was on a list: group beside everyone else", "Ratio of the share reached"),
    ("false_positive_rate", "No later need, yet listed: group beside everyone else", "Ratio of the share contacted"),
    ("selection_rate", "On a list at all: group beside everyone else", "Ratio of the share listed"),
)


def select_rows(rows: Iterable[Mapping[str, Any]], measure: str, characteristic: str) -> list[Mapping[str, Any]]:
    """Return the findings of one measure and characteristic."""
    return [row for row in rows if row["measure"] == measure and row["characteristic"] == characteristic]


def list_characteristics(rows: Sequence[Mapping[str, Any]], policy: Policy) -> list[str]:
    """Return the charter's characteristics that there are findings of, in its order."""
    there = {row["characteristic"] for row in rows}
    return [name for name in policy.characteristics if name in there]


def _draw_ratios(
    identity: str,
    title: str,
    axis: str,
    rows: Sequence[Mapping[str, Any]],
    verdicts: Mapping[Any, Mapping[str, Any]],
    limit: float | None,
) -> Markup:
    ratios = [
        Dot(
            row["group"],
            row["ratio"],
            None
            if row["ratio_interval"] is None
            else tuple(float("inf") if end is None else end for end in row["ratio_interval"]),  # type: ignore[arg-type]  # two ends
            verdicts.get(row["id"], {}).get("verdict", ""),
        )
        for row in rows
    ]
    return draw_dots(identity, title, ratios, limit=limit, low=0.1, high=10.0, axis=f"{axis} (1: alike)")


def describe_characteristic(
    name: str, model: str, policy: Policy, rows: Sequence[Mapping[str, Any]], verdicts: Mapping[Any, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return one characteristic's figures and tables: every measure of every group beside everyone else."""
    figures = []
    for measure, title, axis in _SHOWN:
        chosen = [
            row for row in select_rows(rows, measure, name) if row["component"] is None and row["at"] == AT_CAPACITY
        ]
        if not chosen:
            continue
        gate = _find_gate(policy, measure, name)
        svg = _draw_ratios(f"{name}-{measure}", title, axis, chosen, verdicts, gate.limit if gate else None)
        figures.append({"title": title, "svg": svg, "caption": _say_key(gate)})
    table = [
        _tabulate_row(row)
        for row in rows
        if row["characteristic"] == name
        and row["measure"] in _TITLES
        and row["component"] is None
        and row["model"] == model
    ]
    return {
        "id": name,
        "title": policy.characteristic_titles[name],
        "figures": figures,
        "capacities": tabulate_capacities(rows, name),
        "rows": table,
    }


def _find_gate(policy: Policy, measure: str, characteristic: str) -> Gate | None:
    for gate in policy.asked("test"):
        if (gate.measure, gate.characteristic) == (measure, characteristic):
            return gate
    return None


def _say_key(gate: Gate | None) -> str:
    if gate is None:
        return "Dots with 95 % intervals; the charter sets no limit on this measure."
    return (
        f"Dots with 95 % intervals. Filled: within the limit of {gate.limit:g}; diamond: beyond it; hollow: too little"
        " data to tell."
    )


def _tabulate_row(row: Mapping[str, Any]) -> dict[str, str]:
    plain = row["measure"] in {"observed_over_expected", "lead_days", *NOT_SHARES}
    say = say_number if plain else say_share
    rest = row["rest"]["estimate"]
    gap = row["difference"]
    difference = UNKNOWN if gap is None else say_signed(gap) if plain else f"{say_signed(100 * gap, 1)} points"
    return {
        "measure": _TITLES[row["measure"]],
        "group": row["group"],
        "estimate": say(row["estimate"]),
        "interval": say_interval(row["interval"], say),
        "rest": say(rest),
        "difference": difference,
        "ratio": say_number(row["ratio"]),
        "ratio_interval": say_interval(row["ratio_interval"], say_number),
        "n": f"{row['n']:,}" if not is_small(row) else "too few",
    }


def describe_independent(
    policy: Policy,
    words: CouncilWords,
    rows: Sequence[Mapping[str, Any]],
    verdicts: Mapping[Any, Mapping[str, Any]],
) -> dict[str, Any] | None:
    """Return by characteristic whether needs are recorded alike for each sign of need that others recorded."""
    figures = []
    for name in policy.characteristics:
        chosen = select_rows(rows, "recorded_per_independent", name)
        by = policy.characteristic_titles[name].lower()
        gate = _find_gate(policy, "recorded_per_independent", name)
        limit = gate.limit if gate else None
        # All signs together first, which the gate asks of; then each by itself, where there are several.
        for number, sign in enumerate(dict.fromkeys(row["component"] for row in chosen)):
            title = f"Needs recorded for each {_name_sign(sign, words)}: by {by}"
            rows_of = [row for row in chosen if row["component"] == sign]
            svg = _draw_ratios(
                f"{name}-independent-{number}", title, "Ratio of the needs recorded", rows_of,
                verdicts if sign is None else {}, None if sign else limit,
            )  # fmt: skip
            figures.append({"title": title, "svg": svg, "caption": _SIGN_KEY if sign else _say_key(gate)})
    if not figures:
        return None
    signs = dict.fromkeys(row["component"] for row in rows if row["measure"] == "recorded_per_independent")
    used = [sign for sign in signs if sign] or policy.independent_outcomes
    return {"signal": " and ".join(words.name(sign) for sign in used), "several": len(used) > 1, "figures": figures}


def say_beyond_records(found: Mapping[str, Any] | None) -> str:
    """Return whether the order finds need or only what services will record, in sentences; empty where not asked."""
    if not found:
        return ""
    recorded, sign = found["recorded"], found["sign_without_record"]
    if recorded["ratio"] is None or sign["ratio"] is None or sign["ratio_interval"] is None:
        return f"{_BEYOND['cannot be told']} There are too few people of whom both are known."
    first, others = (say_share(sign[side]["estimate"]) for side in ("first", "others"))
    return (
        f"The tenth of people that the order puts first came to a recorded need {say_number(recorded['ratio'])} times"
        f" as often as all others. Of people with no recorded need, {first} of the tenth that it puts first had such a"
        f" sign of need in the same time, and {others} of all others: {say_number(sign['ratio'])} times as often"
        f" ({say_interval(sign['ratio_interval'], say_number)}). {_BEYOND[found['answer']]}"
    )


_BEYOND = {
    "need": "So the order finds need that no service recorded, and not only what services will record.",
    "records": "So the order finds what services will record, and nothing shows that it finds need beside it. Ask which"
    " data says first whom a service looks at, before anything is signed.",
    "cannot be told": "Whether the order finds need, or only what services will record, cannot be told.",
}

_SIGN_KEY = "Dots with 95 % intervals. The charter's limit is on all signs together; of one sign it asks nothing."


def _name_sign(sign: str | None, words: CouncilWords) -> str:
    return "independent sign of need" if sign is None else words.name(sign)


def tabulate_sight(title: str, rows: Sequence[Mapping[str, Any]], words: CouncilWords) -> dict[str, Any]:
    """Return the share of people whom each service could have seen at all, by group."""
    groups = list(dict.fromkeys(row["group"] for row in rows))
    by = {(row["component"], row["group"]): row["estimate"] for row in rows}
    services = list(dict.fromkeys(row["component"] for row in rows))
    return {
        "title": title,
        "groups": groups,
        "rows": [
            {
                "service": words.name(service),
                "cells": [say_share(by.get((service, group))) for group in groups],
            }
            for service in services
        ],
    }
