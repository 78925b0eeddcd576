"""The board pack, `report.html`: one self-contained page that reads only findings, decision, figures and definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from charter.rules.policy import Policy
from charter.rules.questions import MEASURES, NOT_SHARES, Gate
from fairness_reports.audit.measuring.measures import MEASURES as COUNTED
from fairness_reports.publish.figures import Bar, Dot, bars, dots
from fairness_reports.publish.figures_in_words import UNKNOWN, between, hundred, number, share, signed
from fairness_reports.publish.parts import adds, capacities, folds, linked, proxies, responses, services

__all__ = ["ANSWERS", "FEWEST", "Pack", "few", "gate_table", "render", "shown"]

ANSWERS = {"pass": "Within the charter's limits", "refer": "The board decides", "block": "Blocked by the charter"}
VERDICTS = {"pass": "Yes, within the limit", "fail": "No", "insufficient": "Too little data to tell"}
MODELS = {
    "random": "Drawing lots",
    "last_contact": "Last contact first",
    "one_feature": "The best single feature",
    "points": "The points list",
    "logistic": "Logistic regression",
    "lightgbm": "LightGBM",
}
_TITLES = {name: measure.title for name, measure in COUNTED.items()} | {
    "observed_over_expected": "Needs recorded per need expected",
    "lead_days": "Days of warning before the need",
    "recall_of_independent": "Share listed among those with an independent sign of need",
    "recorded_per_independent": "Needs recorded for each independent sign of need",
    "recorded_given_independent": "Share recorded among those with an independent sign of need",
}
_SHOWN = (
    ("recall", "Later need that was on a list: group beside everyone else", "Ratio of the share reached"),
    ("false_positive_rate", "No later need, yet listed: group beside everyone else", "Ratio of the share contacted"),
    ("selection_rate", "On a list at all: group beside everyone else", "Ratio of the share listed"),
)
_PERFORMANCE = (
    ("precision", "Of 100 listed, in need", True),
    ("recall", "Of 100 in need, listed", True),
    ("false_positives_per_found", "In vain for each found", False),
    ("auroc", "AUROC", False),
)
_TOP = 15

AT_CAPACITY = "capacity"

FEWEST = 10
"""Households below which a group's figures are not shown: they would say something about somebody."""


@dataclass(frozen=True)
class Pack:
    """What the board pack is made of: the documents that crossed rooms, and pictures made with them."""

    council: str
    findings: Mapping[str, Any]
    decision: Mapping[str, Any]
    metrics: Mapping[str, Any]
    definition: Mapping[str, Any]
    policy: Policy
    resamples: int
    beeswarm: str = ""
    dependence: str = ""


def render(pack: Pack) -> str:
    """Return the board pack as one HTML page without any outside reference."""
    environment = Environment(
        loader=PackageLoader("fairness_reports.publish"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    rows = [shown(row) for row in pack.findings["findings"]]
    names = {feature["name"]: feature["title"] for feature in pack.definition["features"]}
    verdicts = {verdict.get("finding"): verdict for verdict in pack.decision["verdicts"]}
    weights = [row for row in rows if row["measure"] == "contribution_weight" and row["group"] is None]
    weights.sort(key=lambda row: -(row["estimate"] or 0.0))
    by_service = [row for row in rows if row["measure"] == "service_contribution_weight" and row["group"] is None]
    by_service.sort(key=lambda row: -(row["estimate"] or 0.0))
    spoken = {row["component"]: row["component"].replace("_", " ").capitalize() for row in by_service}
    return environment.get_template(
        "report.html"
    ).render(
        css=Markup(css),  # noqa: S704 - our own stylesheet
        title=f"{pack.council}, {pack.findings['programme']}",
        council=pack.council,
        made_on=str(pack.findings["made_at"])[:10],
        model=MODELS.get(pack.findings["model"], pack.findings["model"]),
        findings=pack.findings,
        policy=pack.policy,
        decision=pack.decision,
        answer=ANSWERS[pack.decision["decision"]],
        gates=[gate_table(gate, rows, pack.decision["verdicts"]) for gate in pack.policy.asked("test")],
        recommendation=pack.metrics["recommendation"]["sentence"],
        precision_figure=_precision(pack),
        performance=_performance(pack),
        components=_components(rows),
        characteristics=[_characteristic(name, pack, rows, verdicts) for name in pack.policy.characteristics],
        independent=_independent(pack, rows, verdicts),
        seen=[_seen(pack.policy.characteristic_titles[name], _of(rows, "seen", name)) for name in _known(rows, pack)],
        weights=_weights("weights", "What moves the scores most", weights[:_TOP], names) if weights else "",
        by_service=_weights("by-service", "What moves the scores, by service", by_service, spoken) if weights else "",
        sampled=f"{weights[0]['n']:,}" if weights else "",
        folds=folds(rows, weights[:_TOP], names),
        dependence=pack.dependence,
        beeswarm=pack.beeswarm,
        beeswarm_alt="Dots for the pieces of data that move scores most; the table of leans says the same in numbers.",
        leans=[
            _leans(f"{pack.policy.characteristic_titles[name]}{part}", _of(rows, measure, name), top, titles)
            for name in (_known(rows, pack) if weights else ())
            for part, measure, top, titles in (
                ("", "contribution_lean", weights[:_TOP], names),
                (", service by service", "service_contribution_lean", by_service, spoken),
            )
        ],
        proxies=proxies(rows, names, pack.policy.characteristic_titles),
        services=services(rows),
        adds=adds(rows),
        linked=linked(rows, pack.policy.characteristic_titles),
        responses=[responses(rows, name, pack.policy.characteristic_titles[name]) for name in _known(rows, pack)],
        ages=pack.policy.ages_of(pack.findings["programme"]),
        cohort=pack.definition["cohort"]["title"],
        outcome=pack.definition["outcome"]["title"],
        register=[
            {
                "title": feature["title"],
                "because": feature["because"],
                "services": ", ".join(service.replace("_", " ") for service in feature["services"]),
                "system_response": feature["system_response"],
            }
            for feature in pack.definition["features"]
        ],
        resamples=f"{pack.resamples:,}",
        facts=_facts(pack),
    )


def few(row: Mapping[str, Any]) -> bool:
    """Whether a finding compares groups, and either side rests on fewer than FEWEST households."""
    if row["group"] is None:
        return False
    sides = [row, row["rest"]] if row.get("rest") else [row]
    return any((side["n"] if side.get("clusters") is None else side["clusters"]) < FEWEST for side in sides)


def shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a finding as it may be shown: without any figure where there are too few households."""
    if not few(row):
        return row
    hidden = dict.fromkeys(
        ("estimate", "interval", "difference", "difference_interval", "ratio", "ratio_interval"), None
    )
    rest = {**row["rest"], "estimate": None, "interval": None} if row.get("rest") else None
    return {**row, **hidden, "rest": rest}


def gate_table(gate: Gate, rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one gate's question with its answer for every group, in words."""
    by_id = {row["id"]: row for row in rows}
    say = number if gate.measure in NOT_SHARES else share
    mine = [verdict for verdict in verdicts if verdict["gate"] == gate.id]
    table = []
    for verdict in mine:
        row = by_id.get(verdict["finding"])
        if row is None:
            continue
        table.append(
            {
                "group": row["group"],
                "verdict": verdict["verdict"],
                "answer": VERDICTS[verdict["verdict"]],
                "waiver": verdict.get("waiver"),
                "estimate": say(row["estimate"]),
                "rest": say(row["rest"]["estimate"]),
                "value": number(row[gate.statistic]),
                "interval": between(row[f"{gate.statistic}_interval"], number),
                "clusters": f"{row['clusters']:,}" if row["clusters"] >= FEWEST else f"under {FEWEST}",
            }
        )
    said = [verdict["sentence"] for verdict in mine if verdict["verdict"] == "fail" or verdict["finding"] is None]
    return {
        "question": gate.question,
        "harm": gate.harm,
        "statistic": gate.statistic,
        "limit": f"{gate.limit:g}",
        "bound": say(gate.bound),
        "bound_words": "and nobody's figure below" if gate.at_least else "and nobody's figure above",
        "measure": MEASURES[gate.measure].capitalize(),
        "rows": table,
        "lines": said,
    }


def _figure_of(metrics: Mapping[str, Any], model: str, measure: str) -> Mapping[str, Any] | None:
    for figure in metrics["figures"]:
        whole = figure["part"] == "all" and figure["against"] is None and figure["period"] == "selection"
        if whole and figure["model"] == model and figure["measure"] == measure:
            found: Mapping[str, Any] = figure
            return found
    return None


def _precision(pack: Pack) -> Markup | str:
    rows = []
    for model in pack.metrics["models"]:
        figure = _figure_of(pack.metrics, model, "precision")
        if figure is None or figure["estimate"] is None:
            continue
        ends = None if figure["low"] is None else (figure["low"], figure["high"])
        rows.append(Bar(MODELS.get(model, model), figure["estimate"], ends, strong=model == pack.findings["model"]))
    return (
        bars(
            "precision",
            "Precision at capacity by model",
            rows,
            axis="Share of the list with a later need",
            percent=True,
        )
        if rows
        else ""
    )


def _performance(pack: Pack) -> dict[str, Any]:
    rows = []
    for model in pack.metrics["models"]:
        cells = []
        for measure, _, percent in _PERFORMANCE:
            figure = _figure_of(pack.metrics, model, measure)
            if figure is None or figure["estimate"] is None:
                cells.append(UNKNOWN)
                continue
            say = hundred if percent else number
            ends = "" if figure["low"] is None else f" ({say(figure['low'])} to {say(figure['high'])})"
            cells.append(f"{say(figure['estimate'])}{ends}")
        rows.append({"model": MODELS.get(model, model), "audited": model == pack.findings["model"], "cells": cells})
    return {"columns": [title for _, title, _ in _PERFORMANCE], "rows": rows}


def _components(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    table = []
    for rate in rows:
        if rate["measure"] != "base_rate" or rate["group"] is not None or rate["component"] is None:
            continue
        recall = next(
            row
            for row in rows
            if row["measure"] == "recall"
            and row["group"] is None
            and row["component"] == rate["component"]
            and row["at"] == AT_CAPACITY
        )
        table.append(
            {
                "name": str(rate["component"]).replace(".", ": ").replace("_", " "),
                "rate": share(rate["estimate"]),
                "rate_interval": between(rate["interval"], share),
                "recall": share(recall["estimate"]),
                "recall_interval": between(recall["interval"], share),
            }
        )
    return table


def _of(rows: Iterable[Mapping[str, Any]], measure: str, characteristic: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["measure"] == measure and row["characteristic"] == characteristic]


def _known(rows: Sequence[Mapping[str, Any]], pack: Pack) -> list[str]:
    there = {row["characteristic"] for row in rows}
    return [name for name in pack.policy.characteristics if name in there]


def _dots(
    identity: str,
    title: str,
    axis: str,
    rows: Sequence[Mapping[str, Any]],
    verdicts: Mapping[Any, Mapping[str, Any]],
    limit: float | None,
) -> Markup:
    drawn = [
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
    return dots(identity, title, drawn, limit=limit, low=0.1, high=10.0, axis=f"{axis} (1: alike)")


def _characteristic(
    name: str, pack: Pack, rows: Sequence[Mapping[str, Any]], verdicts: Mapping[Any, Mapping[str, Any]]
) -> dict[str, Any]:
    figures = []
    for measure, title, axis in _SHOWN:
        chosen = [row for row in _of(rows, measure, name) if row["component"] is None and row["at"] == AT_CAPACITY]
        if not chosen:
            continue
        gate = _gate_of(pack.policy, measure, name)
        svg = _dots(f"{name}-{measure}", title, axis, chosen, verdicts, gate.limit if gate else None)
        figures.append({"title": title, "svg": svg, "caption": _key(gate)})
    listed = [
        _row(row)
        for row in rows
        if row["characteristic"] == name and row["measure"] in _TITLES and row["component"] is None
    ]
    return {
        "id": name,
        "title": pack.policy.characteristic_titles[name],
        "figures": figures,
        "capacities": capacities(rows, name),
        "rows": listed,
    }


def _gate_of(policy: Policy, measure: str, characteristic: str) -> Gate | None:
    for gate in policy.asked("test"):
        if (gate.measure, gate.characteristic) == (measure, characteristic):
            return gate
    return None


def _key(gate: Gate | None) -> str:
    if gate is None:
        return "Dots with 95 % intervals; the charter sets no limit on this measure."
    return (
        f"Dots with 95 % intervals. Filled: within the limit of {gate.limit:g}; diamond: beyond it; hollow: too little"
        " data to tell."
    )


def _row(row: Mapping[str, Any]) -> dict[str, str]:
    plain = row["measure"] in {"observed_over_expected", "lead_days", "recorded_per_independent"}
    say = number if plain else share
    rest = row["rest"]["estimate"]
    gap = row["difference"]
    difference = UNKNOWN if gap is None else f"{gap:+.2f}" if plain else f"{100 * gap:+.1f} points"
    return {
        "measure": _TITLES[row["measure"]],
        "group": row["group"],
        "estimate": say(row["estimate"]),
        "interval": between(row["interval"], say),
        "rest": say(rest),
        "difference": difference,
        "ratio": number(row["ratio"]),
        "ratio_interval": between(row["ratio_interval"], number),
        "n": f"{row['n']:,}" if not few(row) else "too few",
    }


def _independent(
    pack: Pack, rows: Sequence[Mapping[str, Any]], verdicts: Mapping[Any, Mapping[str, Any]]
) -> dict[str, Any] | None:
    figures = []
    for name in pack.policy.characteristics:
        chosen = _of(rows, "recorded_per_independent", name)
        if not chosen:
            continue
        by = pack.policy.characteristic_titles[name].lower()
        title = f"Needs recorded for each independent sign of need: by {by}"
        gate = _gate_of(pack.policy, "recorded_per_independent", name)
        limit = gate.limit if gate else None
        svg = _dots(f"{name}-independent", title, "Ratio of the needs recorded", chosen, verdicts, limit)
        figures.append({"title": title, "svg": svg, "caption": _key(gate)})
    if not figures:
        return None
    signal = (pack.policy.independent_outcome or "").replace(".", ": ").replace("_", " ")
    return {"signal": signal, "figures": figures}


def _seen(title: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    groups = list(dict.fromkeys(row["group"] for row in rows))
    by = {(row["component"], row["group"]): row["estimate"] for row in rows}
    services = list(dict.fromkeys(row["component"] for row in rows))
    return {
        "title": title,
        "groups": groups,
        "rows": [
            {
                "service": str(service).replace("_", " ").capitalize(),
                "cells": [share(by.get((service, group))) for group in groups],
            }
            for service in services
        ],
    }


def _weights(identity: str, title: str, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Markup:
    drawn = [Bar(_short(names.get(row["component"], row["component"])), row["estimate"], strong=True) for row in rows]
    return bars(identity, title, drawn, axis="Mean absolute contribution", label=440)


def _leans(
    title: str, rows: Sequence[Mapping[str, Any]], top: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> dict[str, Any]:
    groups = list(dict.fromkeys(row["group"] for row in rows))
    by = {(row["component"], row["group"]): row["estimate"] for row in rows}
    return {
        "title": title,
        "groups": groups,
        "rows": [
            {
                "feature": names.get(one["component"], one["component"]),
                "cells": [signed(by.get((one["component"], group))) for group in groups],
            }
            for one in top
        ],
    }


def _facts(pack: Pack) -> list[tuple[str, str]]:
    period = pack.findings["period"]
    return [
        ("As-of dates", f"{period['dates']}, {period['first']} to {period['last']}"),
        ("Snapshot", pack.findings["snapshot"]),
        ("Matrix", pack.findings["matrix"]),
        ("Charter", f"version {pack.policy.version}, sha256 {pack.policy.sha256}"),
        ("Code", f"Sooner {pack.findings['code_version']}"),
        *((f"sha256 of {name}", digest) for name, digest in sorted(pack.findings["inputs"].items())),
    ]


def _short(text: str) -> str:
    return text if len(text) <= 62 else text[:61].rstrip() + "…"
