"""The board pack, `report.html`: one self-contained page that reads only findings, decision, figures and definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from charter.council.training_settings import POINTS_LISTS
from charter.rules import measures
from charter.rules.policy import Policy
from charter.rules.questions import NOT_SHARES, Gate
from charter.signing.advice import Advice
from fairness_reports.publish.figures import Bar, Dot, draw_bars, draw_dots
from fairness_reports.publish.figures_in_words import (
    UNKNOWN,
    say_date,
    say_hundred,
    say_interval,
    say_number,
    say_share,
    say_signed,
)
from fairness_reports.publish.front_pages import describe_front
from fairness_reports.publish.gate_tables import hide_small, is_small, tabulate_gate
from fairness_reports.publish.parts import (
    tabulate_added,
    tabulate_capacities,
    tabulate_folds,
    tabulate_linkage,
    tabulate_proxies,
    tabulate_responses,
    tabulate_services,
)

__all__ = ["ANSWERS", "MODELS", "Pack", "list_used", "render_pack"]

MODELS = {
    "random": "Drawing lots",
    "last_contact": "Last contact first",
    "one_feature": "The best single feature",
    "agreed": "The agreed points list",
    "points": "The points list",
    "logistic": "Logistic regression",
    "lightgbm": "LightGBM",
}
ANSWERS = {"pass": "Within the charter's limits", "refer": "The board decides", "block": "Blocked by the charter"}
_TITLES = {name: measure.title for name, measure in measures.MEASURES.items() if measure.title} | {
    "observed_over_expected": "Needs recorded per need expected",
    "lead_days": "Days of warning before the need",
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
    advice: Sequence[Advice] = ()
    beeswarm: str = ""
    dependence: str = ""


def render_pack(pack: Pack) -> str:
    """Return the board pack as one HTML page without any outside reference."""
    environment = Environment(
        loader=PackageLoader("fairness_reports.publish"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    rows = [hide_small(row) for row in pack.findings["findings"]]
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
        made_on=say_date(str(pack.findings["made_at"])[:10]),
        model=MODELS.get(pack.findings["model"], pack.findings["model"]),
        findings=pack.findings,
        policy=pack.policy,
        decision=pack.decision,
        answer=ANSWERS[pack.decision["decision"]],
        gates=[tabulate_gate(gate, rows, pack.decision["verdicts"]) for gate in pack.policy.asked("test")],
        recommendation=pack.metrics["recommendation"]["sentence"],
        front=describe_front(pack.findings, pack.decision, pack.policy, MODELS, pack.metrics, pack.advice),
        points=pack.metrics.get(pack.findings["model"], []) if pack.findings["model"] in POINTS_LISTS else [],
        all_pieces=len(pack.definition["features"]),
        precision_figure=_draw_precision(pack),
        performance=_tabulate_performance(pack),
        components=_tabulate_components(rows),
        characteristics=[_describe_characteristic(name, pack, rows, verdicts) for name in pack.policy.characteristics],
        independent=_describe_independent(pack, rows, verdicts),
        seen=[
            _tabulate_sight(pack.policy.characteristic_titles[name], _select_rows(rows, "seen", name))
            for name in _list_characteristics(rows, pack)
        ],
        weights=_draw_weights("weights", "What moves the scores most", weights[:_TOP], names) if weights else "",
        by_service=_draw_weights("by-service", "What moves the scores, by service", by_service, spoken)
        if weights
        else "",
        sampled=f"{weights[0]['n']:,}" if weights else "",
        folds=tabulate_folds(rows, weights[:_TOP], names),
        dependence=pack.dependence,
        beeswarm=pack.beeswarm,
        beeswarm_alt="Dots for the pieces of data that move scores most; the table of leans says the same in numbers.",
        leans=[
            _tabulate_leans(
                f"{pack.policy.characteristic_titles[name]}{part}", _select_rows(rows, measure, name), top, titles
            )
            for name in (_list_characteristics(rows, pack) if weights else ())
            for part, measure, top, titles in (
                ("", "contribution_lean", weights[:_TOP], names),
                (", service by service", "service_contribution_lean", by_service, spoken),
            )
        ],
        proxies=tabulate_proxies(rows, names, pack.policy.characteristic_titles),
        services=tabulate_services(rows),
        adds=tabulate_added(rows),
        linked=tabulate_linkage(rows, pack.policy.characteristic_titles),
        responses=[
            tabulate_responses(rows, name, pack.policy.characteristic_titles[name])
            for name in _list_characteristics(rows, pack)
        ],
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
            for feature in list_used(pack.definition, pack.findings)
        ],
        resamples=f"{pack.resamples:,}",
        facts=_list_facts(pack),
    )


def list_used(definition: Mapping[str, Any], findings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the pieces of data that the audited model reads, by its own bytes; all, of an audit that did not say."""
    reads = findings.get("reads")
    return [feature for feature in definition["features"] if reads is None or feature["name"] in reads]


def _find_figure(metrics: Mapping[str, Any], model: str, measure: str) -> Mapping[str, Any] | None:
    for figure in metrics["figures"]:
        whole = figure["part"] == "all" and figure["against"] is None and figure["period"] == "selection"
        if whole and figure["model"] == model and figure["measure"] == measure:
            match: Mapping[str, Any] = figure
            return match
    return None


def _draw_precision(pack: Pack) -> Markup | str:
    rows = []
    for model in pack.metrics["models"]:
        figure = _find_figure(pack.metrics, model, "precision")
        if figure is None or figure["estimate"] is None:
            continue
        ends = None if figure["low"] is None else (figure["low"], figure["high"])
        rows.append(Bar(MODELS.get(model, model), figure["estimate"], ends, strong=model == pack.findings["model"]))
    return (
        draw_bars(
            "precision",
            "Precision at capacity by model",
            rows,
            axis="Share of the list with a later need",
            percent=True,
        )
        if rows
        else ""
    )


def _tabulate_performance(pack: Pack) -> dict[str, Any]:
    rows = []
    for model in pack.metrics["models"]:
        cells = []
        for measure, _, percent in _PERFORMANCE:
            figure = _find_figure(pack.metrics, model, measure)
            if figure is None or figure["estimate"] is None:
                cells.append(UNKNOWN)
                continue
            say = say_hundred if percent else say_number
            ends = "" if figure["low"] is None else f" ({say(figure['low'])} to {say(figure['high'])})"
            cells.append(f"{say(figure['estimate'])}{ends}")
        rows.append({"model": MODELS.get(model, model), "audited": model == pack.findings["model"], "cells": cells})
    return {"columns": [title for _, title, _ in _PERFORMANCE], "rows": rows}


def _tabulate_components(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
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
                "rate": say_share(rate["estimate"]),
                "rate_interval": say_interval(rate["interval"], say_share),
                "recall": say_share(recall["estimate"]),
                "recall_interval": say_interval(recall["interval"], say_share),
            }
        )
    return table


def _select_rows(rows: Iterable[Mapping[str, Any]], measure: str, characteristic: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["measure"] == measure and row["characteristic"] == characteristic]


def _list_characteristics(rows: Sequence[Mapping[str, Any]], pack: Pack) -> list[str]:
    there = {row["characteristic"] for row in rows}
    return [name for name in pack.policy.characteristics if name in there]


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


def _describe_characteristic(
    name: str, pack: Pack, rows: Sequence[Mapping[str, Any]], verdicts: Mapping[Any, Mapping[str, Any]]
) -> dict[str, Any]:
    figures = []
    for measure, title, axis in _SHOWN:
        chosen = [
            row for row in _select_rows(rows, measure, name) if row["component"] is None and row["at"] == AT_CAPACITY
        ]
        if not chosen:
            continue
        gate = _find_gate(pack.policy, measure, name)
        svg = _draw_ratios(f"{name}-{measure}", title, axis, chosen, verdicts, gate.limit if gate else None)
        figures.append({"title": title, "svg": svg, "caption": _say_key(gate)})
    table = [
        _tabulate_row(row)
        for row in rows
        if row["characteristic"] == name
        and row["measure"] in _TITLES
        and row["component"] is None
        and row["model"] == pack.findings["model"]
    ]
    return {
        "id": name,
        "title": pack.policy.characteristic_titles[name],
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
    difference = UNKNOWN if gap is None else f"{gap:+.2f}" if plain else f"{100 * gap:+.1f} points"
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


def _describe_independent(
    pack: Pack, rows: Sequence[Mapping[str, Any]], verdicts: Mapping[Any, Mapping[str, Any]]
) -> dict[str, Any] | None:
    figures = []
    for name in pack.policy.characteristics:
        chosen = _select_rows(rows, "recorded_per_independent", name)
        by = pack.policy.characteristic_titles[name].lower()
        gate = _find_gate(pack.policy, "recorded_per_independent", name)
        limit = gate.limit if gate else None
        # All signs together first, which the gate asks of; then each by itself, where there are several.
        for number, sign in enumerate(dict.fromkeys(row["component"] for row in chosen)):
            title = f"Needs recorded for each {_name_sign(sign)}: by {by}"
            rows_of = [row for row in chosen if row["component"] == sign]
            svg = _draw_ratios(
                f"{name}-independent-{number}", title, "Ratio of the needs recorded", rows_of,
                verdicts if sign is None else {}, None if sign else limit,
            )  # fmt: skip
            figures.append({"title": title, "svg": svg, "caption": _SIGN_KEY if sign else _say_key(gate)})
    if not figures:
        return None
    signs = dict.fromkeys(row["component"] for row in rows if row["measure"] == "recorded_per_independent")
    used = [sign for sign in signs if sign] or pack.policy.independent_outcomes
    return {"signal": " and ".join(map(_name_sign, used)), "several": len(used) > 1, "figures": figures}


_SIGN_KEY = "Dots with 95 % intervals. The charter's limit is on all signs together; of one sign it asks nothing."


def _name_sign(sign: str | None) -> str:
    if sign is None:
        return "independent sign of need"
    service, kind = sign.replace("_", " ").split(".", maxsplit=1)
    return f"{kind} ({service})"


def _tabulate_sight(title: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    groups = list(dict.fromkeys(row["group"] for row in rows))
    by = {(row["component"], row["group"]): row["estimate"] for row in rows}
    services = list(dict.fromkeys(row["component"] for row in rows))
    return {
        "title": title,
        "groups": groups,
        "rows": [
            {
                "service": str(service).replace("_", " ").capitalize(),
                "cells": [say_share(by.get((service, group))) for group in groups],
            }
            for service in services
        ],
    }


def _draw_weights(identity: str, title: str, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Markup:
    weight_bars = [
        Bar(_shorten_title(names.get(row["component"], row["component"])), row["estimate"], strong=True) for row in rows
    ]
    return draw_bars(identity, title, weight_bars, axis="Mean absolute contribution", label=440)


def _tabulate_leans(
    title: str, rows: Sequence[Mapping[str, Any]], top: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> dict[str, Any]:
    groups = list(dict.fromkeys(row["group"] for row in rows))
    by = {(row["component"], row["group"]): row["estimate"] for row in rows}
    return {
        "title": title,
        "groups": groups,
        "rows": [
            {
                "feature": names.get(feature_row["component"], feature_row["component"]),
                "cells": [say_signed(by.get((feature_row["component"], group))) for group in groups],
            }
            for feature_row in top
        ],
    }


def _list_facts(pack: Pack) -> list[tuple[str, str]]:
    period = pack.findings["period"]
    return [
        ("As-of dates", f"{period['dates']}, {period['first']} to {period['last']}"),
        ("Snapshot", pack.findings["snapshot"]),
        ("Matrix", pack.findings["matrix"]),
        ("Charter", f"version {pack.policy.version}, sha256 {pack.policy.sha256}"),
        ("Code", f"Sooner {pack.findings['code_version']}"),
        *((f"sha256 of {name}", digest) for name, digest in sorted(pack.findings["inputs"].items())),
    ]


def _shorten_title(text: str) -> str:
    return text if len(text) <= 62 else text[:61].rstrip() + "…"
