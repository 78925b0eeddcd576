"""Parts of the board pack that look beyond the gate: other capacities, proxies, what each service adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charter.rules.measures import MEASURES
from fairness_reports.audit.explaining.linkage_error import LINKAGE_MEASURES
from fairness_reports.audit.explaining.minimisation import ADDED
from fairness_reports.audit.explaining.proxies import TOGETHER
from fairness_reports.publish.figures_in_words import (
    SHOWN_AS_NOTHING,
    UNKNOWN,
    say_date,
    say_interval,
    say_number,
    say_share,
    say_signed,
)

__all__ = [
    "tabulate_added",
    "tabulate_capacities",
    "tabulate_folds",
    "tabulate_linkage",
    "tabulate_proxies",
    "tabulate_responses",
    "tabulate_services",
    "tabulate_strength",
]

Row = Mapping[str, Any]

_TELLING = 3


def tabulate_capacities(rows: Sequence[Row], characteristic: str) -> dict[str, Any]:
    """Return by group the ratio of the share reached at each capacity, and the area under the curve."""
    chosen = [
        row
        for row in rows
        if row["characteristic"] == characteristic
        and row["measure"] == "recall"
        and row["component"] is None
        and row["at"].startswith("capacity x")
    ]
    areas = {row["group"]: row for row in rows if row["characteristic"] == characteristic and row["measure"] == "auc"}
    ats = list(dict.fromkeys(row["at"] for row in chosen))
    by = {(row["at"], row["group"]): row for row in chosen}
    groups = list(dict.fromkeys(row["group"] for row in chosen))
    return {
        "columns": [at.replace("capacity x", "Places x") for at in ats],
        "rows": [
            {
                "group": group,
                "cells": [say_ratio(by.get((at, group))) for at in ats],
                "auc": say_number(areas[group]["estimate"]) if group in areas else UNKNOWN,
                "auc_interval": say_interval(areas[group]["interval"], say_number) if group in areas else UNKNOWN,
            }
            for group in groups
        ],
    }


def tabulate_strength(strength: Row, rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return what peers lent by group and question, each beside the finding it is about; None where nothing was.

    `rows` are the findings as they may be shown: what is hidden there is hidden with peers too.
    """
    by_id = {row["id"]: row for row in rows}
    table = [
        _say_strength(question, group, by_id[group["finding"]])
        for question in strength.get("questions", ())
        for group in question["groups"]
        if group["with_peers"] and group["finding"] in by_id
    ]
    if not table:
        return None
    mostly = sum(row["borrowed"] for row in table)
    return {
        "expected": strength["expected"],
        "councils": [(str(council["title"]), say_date(council["measured_on"])) for council in strength["councils"]],
        "rows": table,
        "borrowed": f"Of {mostly} of {len(table)} comparisons most is borrowed: they say more of others than of us.",
    }


def _say_strength(question: Row, group: Row, row: Row) -> dict[str, Any]:
    peers, is_shown = group["with_peers"], row["ratio"] is not None
    return {
        "asked": f"{MEASURES[question['measure']].asked.capitalize()}: {question['characteristic']}",
        "group": group["group"],
        "own": _say_ratio_range(row["ratio"], row["ratio_interval"]) if is_shown else UNKNOWN,
        "with_peers": _say_ratio_range(peers["ratio"], peers["interval"]) if is_shown else UNKNOWN,
        "own_weight": f"{100 * peers['own_weight']:.0f}" if is_shown else UNKNOWN,
        "unlike": is_shown and peers["unlike"],
        "borrowed": peers["borrowed"],
        "finding": row["id"],
    }


def _say_ratio_range(ratio: float, interval: Sequence[float | None] | None) -> str:
    return f"{say_number(ratio)} ({say_interval(interval, say_number)})"


def tabulate_folds(rows: Sequence[Row], top: Sequence[Row], names: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the weight of the features of `top` as each fold learned it, and how far each fold's order agrees."""
    weights = {(row["at"], row["component"]): row["estimate"] for row in rows if row["measure"] == "fold_weight"}
    agreed = {row["at"]: row["estimate"] for row in rows if row["measure"] == "fold_agreement"}
    if not agreed:
        return None
    return {
        "columns": [at.removeprefix("fold ") for at in agreed],
        "agreed": [say_number(value) for value in agreed.values()],
        "rows": [
            {
                "feature": names.get(feature_row["component"], feature_row["component"]),
                "cells": [say_number(weights.get((at, feature_row["component"]))) for at in agreed]
                + [say_number(feature_row["estimate"])],
            }
            for feature_row in top
            if any((weights.get((at, feature_row["component"])) or 0.0) >= SHOWN_AS_NOTHING for at in agreed)
        ],
    }


def say_ratio(row: Row | None) -> str:
    """Return a finding's ratio with its interval."""
    if row is None or row["ratio"] is None:
        return UNKNOWN
    return f"{say_number(row['ratio'])} ({say_interval(row['ratio_interval'], say_number)})"


def tabulate_linkage(rows: Sequence[Row], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return everyone and each group with the share of links that are right, of those found, and how many people."""
    by = {(row["characteristic"], row["group"], row["measure"]): row for row in rows}
    groups = list(
        dict.fromkeys((row["characteristic"], row["group"]) for row in rows if row["measure"] == LINKAGE_MEASURES[0])
    )
    return [
        {
            "group": "Everyone" if name is None else f"{titles[name]}: {group}",
            "cells": [say_share(by[name, group, measure]["estimate"]) for measure in LINKAGE_MEASURES],
            "recall_interval": say_interval(by[name, group, LINKAGE_MEASURES[1]]["interval"], say_share),
            "people": f"{by[name, group, LINKAGE_MEASURES[1]]['n']:,}",
        }
        for name, group in groups
    ]


def tabulate_proxies(rows: Sequence[Row], names: Mapping[str, str], titles: Mapping[str, str]) -> list[dict[str, str]]:
    """Return by group how well all data together tells it apart, and the most telling pieces alone."""
    by_group: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["measure"] == "proxy_auc":
            by_group.setdefault((row["characteristic"], row["group"]), []).append(row)
    table = []
    for (characteristic, group), mine in by_group.items():
        together = next(row for row in mine if row["component"] == TOGETHER)
        alone = [row for row in mine if row["component"] != TOGETHER and row["estimate"] is not None]
        alone.sort(key=lambda row: -abs(row["estimate"] - 0.5))
        pieces = "; ".join(
            f"{names.get(row['component'], row['component'])} {_say_area(row)}" for row in alone[:_TELLING]
        )
        table.append(
            {
                "group": f"{titles[characteristic]}: {group}",
                "together": _say_area(together),
                "alone": pieces,
                "gap": _say_gap(rows, characteristic, group, names),
            }
        )
    return table


def _say_gap(rows: Sequence[Row], characteristic: str, group: str, names: Mapping[str, str]) -> str:
    """Return the gap of a group's mean score in log-odds, and the pieces of data that make most of it."""
    mine = [
        row
        for row in rows
        if (row["measure"], row["characteristic"], row["group"]) == ("score_gap", characteristic, group)
        and row["difference"] is not None
    ]
    whole = next((row for row in mine if row["component"] == TOGETHER), None)
    if whole is None:
        return UNKNOWN
    parts = sorted((row for row in mine if row is not whole), key=lambda row: -abs(row["difference"]))
    pieces = "; ".join(
        f"{names.get(row['component'], row['component'])} {say_signed(row['difference'])}" for row in parts[:3]
    )
    return f"{say_signed(whole['difference'])} ({say_interval(whole['difference_interval'], say_number)}): {pieces}"


def _say_area(row: Row) -> str:
    return f"{say_number(row['estimate'])} ({say_interval(row['interval'], say_number)})"


def tabulate_services(rows: Sequence[Row], titles: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the newest dates' list as it is, and without each service's data; the least loss first."""
    lists: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["at"].startswith("capacity, newest") and row["group"] is None:
            lists.setdefault(row["at"], {})[row["measure"]] = row
    table = []
    for at, both in lists.items():
        _, _, without = at.partition("without ")
        name = _name_service(without, titles) if without else "Nothing left out"
        note = both["precision"].get("note", "")
        table.append(
            {
                "name": name,
                "intrudes": note.removeprefix("intrusiveness ").removesuffix(" of 5") or UNKNOWN,
                "precision": say_share(both["precision"]["estimate"]),
                "precision_interval": say_interval(both["precision"]["interval"], say_share),
                "recall": say_share(both["recall"]["estimate"]),
                "recall_interval": say_interval(both["recall"]["interval"], say_share),
            }
        )
    return table


def tabulate_added(rows: Sequence[Row], titles: Mapping[str, str]) -> list[dict[str, str]]:
    """Return what each service's data adds when the model is trained without it; the most intrusive first."""
    additions = [row for row in rows if row["measure"] == ADDED]
    additions.sort(key=lambda row: (-_read_intrusiveness(row), row["component"]))
    return [
        {
            "name": _name_service(row["component"], titles),
            "intrudes": str(_read_intrusiveness(row) or UNKNOWN),
            "adds": _say_more(row["estimate"]),
            "interval": say_interval(row["interval"], _say_more),
            "shown": "yes" if row["interval"] and (row["interval"][0] or 0) > 0 else "cannot be shown",
        }
        for row in additions
    ]


def _name_service(name: str, titles: Mapping[str, str]) -> str:
    """Return a service's title; what services did is left out together, under words of its own."""
    return titles.get(name) or name.replace("_", " ").capitalize()


def _read_intrusiveness(row: Row) -> int:
    words = str(row.get("note", "")).removeprefix("intrusiveness ").removesuffix(" of 5")
    return int(words) if words.isdigit() else 0


def _say_more(value: float | None) -> str:
    """Return a difference of shares as more, or fewer, of 100."""
    return UNKNOWN if value is None else say_signed(100 * value, 1)


def tabulate_responses(rows: Sequence[Row], characteristic: str, title: str) -> dict[str, Any]:
    """Return by group the share reached beside everyone else, with and without what services did."""
    chosen = [
        row
        for row in rows
        if row["at"].startswith("capacity, newest")
        and row["characteristic"] == characteristic
        and row["measure"] == "recall"
    ]
    after = {row["group"]: row for row in chosen if row["at"].endswith("without system responses")}
    before = {row["group"]: row for row in chosen if not row["at"].endswith("without system responses")}
    return {
        "title": title,
        "rows": [
            {"group": group, "before": say_ratio(row), "after": say_ratio(after.get(group))}
            for group, row in before.items()
        ],
    }
