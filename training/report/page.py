"""A training run as a page a person can read: `report.html` beside the run, and the same in MLflow.

Everything on it comes from metrics.json (and studies.json, where there is one), so it can be made again at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from charter.contracts.entity_words import EntityWords
from charter.contracts.files import read_json, write_text
from training.data.onsets import say_persistence
from training.judging.choosing import TITLES
from training.judging.list_calibration import say_bounds, say_calibration
from training.judging.list_scaling import say_scaling
from training.report.drawings import Dot, Series, Span, draw_curves, draw_dots, draw_spans
from training.report.queue_table import list_queue_rows, say_queue_ground
from training.report.terminal import (
    find_figure,
    find_replay_figure,
    list_orderings,
    say_decisions,
    say_help,
    say_known_dates,
    say_practice_beside,
    say_reach,
    say_steadiness,
)
from training.run import Run

__all__ = ["FILE", "LIST_MEASURES", "render_page", "write_page"]

FILE = "report.html"
_DRAWN = ("random", "last_contact", "points", "logistic", "lightgbm")
_COMPONENT, _TEAM, _FOLD = "component ", "team ", "fold "

Document = Mapping[str, Any]


def write_page(run: Run) -> None:
    """Write the page of a run beside it."""
    studied = read_json(run.folder / "studies.json") if (run.folder / "studies.json").exists() else None
    write_text(run.folder / FILE, render_page(run.manifest, run.metrics, studied))


def render_page(manifest: Document, metrics: Document, studied: Document | None = None) -> str:
    """Return the page of a run's manifest, figures and studies as HTML without any outside reference."""
    environment = Environment(
        loader=PackageLoader("training.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    model, words = str(metrics["model"]), EntityWords.of_run(metrics)
    return environment.get_template("report.html").render(
        title=str(metrics["programme"]).replace("_", " ").capitalize(),
        run=metrics["run"],
        words=words,
        synthetic=manifest["synthetic"],
        model=TITLES[model],
        recommendation=metrics["recommendation"]["sentence"],
        known_dates=say_known_dates(metrics),
        places=sum(metrics["capacity"]["places"].values()),
        intervals=metrics["bootstrap"]["note"],
        ties=metrics.get("ties", ""),
        folds=metrics["folds"],
        fold_picture=_fold_picture(metrics["folds"]),
        precision=_every_model(metrics, "precision", "Of those listed, the share with the outcome"),
        models=_model_rows(metrics),
        curve=_capacity_picture(metrics, "precision", "Share of those listed with the outcome"),
        found=_capacity_picture(metrics, "recall", "Share of those with the outcome who are listed"),
        in_use=say_reach(metrics),
        practice=say_practice_beside(metrics),
        help=say_help(metrics),
        replay=_replay_view(metrics),
        queue=_queue_view(metrics),
        steps=_step_rows(metrics),
        margin=100 * metrics["recommendation"].get("margin", 0.0),
        error=100 - 100 * metrics["recommendation"].get("level", 0.0),
        worked=metrics["recommendation"].get("worked", []),
        paired=_paired_picture(metrics),
        periods=_part_picture(metrics, _FOLD, "precision", "Of those listed, the share with the outcome, by period"),
        teams=_part_picture(metrics, _TEAM, "precision", "Of those listed, the share with the outcome, by team"),
        components=_part_picture(metrics, _COMPONENT, "recall", "Of those with each need, the share listed"),
        onsets=metrics.get("onsets"),
        persistence=say_persistence(metrics["onsets"], model, words.many) if metrics.get("onsets") else "",
        bands=[{"joined": [], **band} for band in metrics["bands"]],
        band_picture=_band_picture(metrics["bands"]),
        scaling=say_scaling(metrics.get("list_scaling")),
        calibration=say_calibration(metrics.get("calibration", ())),
        groups=_group_picture(metrics),
        group_rows=_group_rows(metrics),
        few=sum(row["observed_over_expected"]["estimate"] is None for row in metrics.get("calibration", ())),
        abstained=metrics.get("abstention", {}).get("of_listed"),
        seen=_seen_picture(studied["seen"] if studied else _by_service(metrics.get("seen", ()))),
        studies=_study_picture(studied) if studied else None,
        components_studied=_component_rows(studied) if studied else [],
        steady=say_steadiness(studied.get("weekly")) if studied else "",
        lags=(studied.get("lags") or {}).get("sentence", "") if studied else "",
        share=_say_share,
        between=_say_between,
        facts={
            "Run": metrics["run"],
            "Snapshot": manifest["snapshot"],
            "Matrix": manifest["matrix"],
            "Definition": manifest["definition"],
            "Charter": str(manifest["charter_sha256"])[:16],
            f"Resamples of {words.many}": f"{metrics['bootstrap']['resamples']:,}",
        },
    )


def _say_share(value: float | None) -> str:
    """Return a share in hundredths, or that it cannot be told."""
    return "cannot be told" if value is None else f"{100 * value:.0f} %"


def _say_points(value: float) -> str:
    return f"{100 * value:+.0f}" if value else "0"


def _say_between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f} %"


def _dot_of(label: str, figure: Document, *, strong: bool = False) -> Dot:
    return Dot(label, figure["estimate"], figure["low"], figure["high"], strong=strong)


def _fold_picture(folds: Sequence[Document]) -> Markup:
    rows = []
    for fold in folds:
        days = [date.fromisoformat(fold[name]) for name in ("train_from", "train_to", "test_from", "test_to")]
        start, end, test, last = days
        rows.append(Span(fold["fold"], [(start, end, "train"), (end, test, "embargo"), (test, last, "test")]))
    return draw_spans("folds", "What each fold trains on, leaves out and is tested on", rows)


def _every_model(metrics: Document, measure: str, axis: str) -> Markup:
    rows = [
        _dot_of(TITLES[name], find_figure(metrics, name, measure), strong=name == metrics["model"])
        for name in metrics["models"]
    ]
    title = f"Every way of ordering {EntityWords.of_run(metrics).many}, at the teams' places"
    return draw_dots("models", title, rows, axis=axis, say=_say_share)


def _model_rows(metrics: Document) -> list[dict[str, Any]]:
    measures = ("precision", "recall", "missed", "false_positives_per_found", "auroc", "observed_over_expected")
    return [
        {"title": TITLES[name]} | {measure: find_figure(metrics, name, measure) for measure in measures}
        for name in metrics["models"]
    ]


def _capacity_picture(metrics: Document, measure: str, up: str) -> Markup:
    names = [name for name in metrics["models"] if name in _DRAWN or name == metrics["model"]]
    places = sum(metrics["capacity"]["places"].values())
    series = [
        Series(
            TITLES[name],
            [
                (point["times_capacity"] * places, point[measure])
                for point in metrics["curve"]
                if point["model"] == name and point["period"] == "selection" and point[measure] is not None
            ],
        )
        for name in names
    ]
    return draw_curves(
        f"curve-{measure}",
        f"{up}, over places on a list",
        [line for line in series if line.points],
        across="Places on a list",
        up=up,
        say=_say_share,
        mark=(places, "the teams' places"),
    )


def _say_more_places(metrics: Document, curve: Sequence[Document]) -> str:
    """Return what half as many places again would hold in a year, by estimate; empty where it was not replayed."""
    by_measure = {
        (point["times_places"], point["measure"]): point["estimate"] for point in curve if point["estimate"] is not None
    }
    wanted = [(times, measure) for times in (1.0, 1.5) for measure in ("places_filled", "needed_of_listed")]
    if not all(key in by_measure for key in wanted):
        return ""
    filled, share, more_filled, more_share = (by_measure[key] for key in wanted)
    places = sum(metrics["capacity"]["places"].values())
    return (
        f"With half as many places again, {1.5 * places:g} on a list instead of {places}, {more_filled - filled:,.0f}"
        f" more listings a year would hold {more_filled * more_share - filled * share:,.0f} more before a need."
    )


def _queue_view(metrics: Document) -> dict[str, Any] | None:
    """Return what the page says of a queue; None for a programme that has none."""
    if not metrics.get("queue"):
        return None
    ground, note = say_queue_ground(metrics), metrics["queue"]["note"]
    return {"ground": ground, "note": note, "rows": list_queue_rows(metrics), "model": metrics["model"]}


def _replay_view(metrics: Document) -> dict[str, Any] | None:
    """Return what the page says of lists as they are used; None for a run that was not replayed."""
    replay = metrics.get("replay")
    if not isinstance(replay, Mapping):
        return None
    if not replay["figures"]:
        return {"why": replay["why"]}
    period = next(one for one in replay["periods"] if one["period"] == replay["headline"])
    return {
        "why": "",
        "period": period,
        "chose": replay["headline"] != "final",
        "burn_in_weeks": replay["burn_in_weeks"],
        "note": replay["note"],
        "decisions": say_decisions(replay),
        "answers": [
            (name.replace("_", " "), share, replay["rests_weeks"][name]) for name, share in replay["answers"].items()
        ],
        "undecided": replay["undecided"],
        "half": find_replay_figure(metrics, metrics["model"], "needed_of_listed", "half undecided"),
        "rows": [
            {"title": TITLES[name], "strong": name == metrics["model"]}
            | {measure: find_replay_figure(metrics, name, measure) for measure in LIST_MEASURES}
            for name in list_orderings(metrics)
        ],
        "picture": _replay_picture(metrics),
        "curve": _replay_curve(metrics, replay["curve"]) if replay.get("curve") else None,
        "more": _say_more_places(metrics, replay.get("curve", ())),
    }


LIST_MEASURES = (
    "needed_of_listed", "needed_of_families", "listed_of_need", "days_before", "unneeded_per_1000", "new_of_listed",
    "places_unused",
)  # fmt: skip


def _replay_picture(metrics: Document) -> Markup:
    figures = [(name, find_replay_figure(metrics, name, "needed_of_listed")) for name in list_orderings(metrics)]
    rows = [_dot_of(TITLES[name], figure, strong=name == metrics["model"]) for name, figure in figures if figure]
    title = "Lists made every week, with rests: of those listed, the share whose need was recorded afterwards"
    return draw_dots("replay", title, rows, axis="Of those listed, the share with a need recorded", say=_say_share)


def _replay_curve(metrics: Document, curve: Sequence[Document]) -> Markup:
    places = sum(metrics["capacity"]["places"].values())
    whom = EntityWords.of_run(metrics).families
    words = {"needed_of_listed": "of listings, before a need", "listed_of_need": f"of {whom} in need, listed before"}
    series = [
        Series(
            words[measure],
            [
                (point["times_places"] * places, point["estimate"])
                for point in curve
                if point["measure"] == measure and point["estimate"] is not None
            ],
        )
        for measure in words
    ]
    return draw_curves(
        "replay-curve",
        f"More places, or fewer: {TITLES[metrics['model']]} over these weeks",
        [line for line in series if line.points],
        across="Places on a list",
        up="Share",
        say=_say_share,
        mark=(places, "the teams' places"),
    )


def _step_rows(metrics: Document) -> list[dict[str, Any]]:
    """Return each comparison of a simpler with a more complex model, in words."""
    return [
        {
            "simpler": TITLES[step["simpler"]],
            "other": TITLES[step["other"]],
            "more": "cannot be told"
            if step["more"] is None or step["low"] is None
            else f"{100 * step['more']:+.1f} ({100 * step['low']:+.1f} to {100 * step['high']:+.1f})",
            "answer": {"enough": "the simpler is enough", "better": "the other is better"}.get(
                step["answer"], step["answer"]
            ),
        }
        for step in metrics["recommendation"].get("steps", ())
    ]


def _paired_picture(metrics: Document) -> Markup:
    best = metrics["recommendation"]["best"]
    rows = [
        _dot_of(
            f"{TITLES[figure['model']]} over {TITLES[figure['against']]}",
            figure,
            strong=figure["model"] == metrics["model"],
        )
        for figure in metrics["figures"]
        if figure["measure"] == "precision_difference"
        and figure["period"] == "selection"
        and figure["part"] == "all"
        and figure["model"] in {metrics["model"], best}
    ]
    title = f"Differences between models, paired by {EntityWords.of_run(metrics).one}"
    return draw_dots(
        "paired",
        title,
        rows,
        axis="More (or fewer) of 100 listed with the outcome",
        say=_say_points,
        mark=0.0,
        label=310,
    )


def _part_picture(metrics: Document, kind: str, measure: str, axis: str) -> Markup:
    rows = [
        _dot_of(str(figure["part"]).removeprefix(kind).rpartition(".")[2].replace("_", " "), figure, strong=True)
        for figure in metrics["figures"]
        if figure["part"].startswith(kind) and (figure["model"], figure["measure"]) == (metrics["model"], measure)
        if figure["period"] == "selection" or kind == _FOLD
    ]
    return draw_dots(kind.strip(), axis, rows, axis=axis, say=_say_share)


def _band_picture(bands: Sequence[Document]) -> Markup | None:
    rows = [
        Dot(
            band["title"],
            band["observed"],
            band["low"],
            band["high"],
            (band["stated"][0], band["stated"][1]) if band["stated"] else None,
            strong=True,
        )
        for band in bands
        if band["observed"] is not None
    ]
    if not rows:
        return None
    title = "Each band: the share observed, and the shares that its title stands for (pale)"
    return draw_dots("bands", title, rows, axis="Of places on lists, the share with a need recorded", say=_say_share)


def _group_picture(metrics: Document) -> Markup | None:
    rows = [
        _dot_of(_name_group(row), row["observed_over_expected"], strong=row["answer"] == "as expected")
        for row in metrics.get("calibration", ())
        if row["observed_over_expected"]["estimate"] is not None
    ]
    if not rows:
        return None
    title = "Needs that followed for each one expected, on lists: all, by team, area and how much is seen"
    return draw_dots(
        "groups", title, rows, axis="Needs for each one expected", say=lambda value: f"{value:g}", mark=1.0
    )


def _name_group(row: Document) -> str:
    return "all places" if row["kind"] == "all" else f"{str(row['group']).replace('_', ' ')} ({row['positives']})"


def _group_rows(metrics: Document) -> list[dict[str, Any]]:
    """Return each group's two answers; an older run had one."""
    return [
        {
            "name": _name_group(row),
            "n": row["n"],
            "ratio": say_bounds(row["observed_over_expected"]),
            "answer": row["answer"],
            "slope": say_bounds(row["calibration_slope"]),
            "slope_answer": row.get("slope_answer", ""),
        }
        for row in metrics.get("calibration", ())
        if row["observed_over_expected"]["estimate"] is not None
    ]


def _by_service(rows: Sequence[Document]) -> list[dict[str, Any]]:
    """Return the share seen by service, of columns by service and window: the least of its windows."""
    least: dict[tuple[str, str], float] = {}
    for row in rows:
        key = (row["as_of"], str(row["column"]).split(":", maxsplit=1)[0])
        least[key] = min(least.get(key, 1.0), row["share"] or 0.0)
    return [{"as_of": day, "service": service, "share": share} for (day, service), share in least.items()]


def _seen_picture(rows: Sequence[Document]) -> Markup | None:
    services = sorted({row["service"] for row in rows})
    if not services:
        return None
    newest = max(row["as_of"] for row in rows)
    least = sorted(
        services, key=lambda name: next(r["share"] or 0 for r in rows if (r["service"], r["as_of"]) == (name, newest))
    )
    first = min(date.fromisoformat(row["as_of"]) for row in rows)
    series = [
        Series(
            name.replace("_", " "),
            [
                ((date.fromisoformat(row["as_of"]) - first).days / 365.25, row["share"] or 0.0)
                for row in rows
                if row["service"] == name
            ],
        )
        for name in least[:5]
    ]
    return draw_curves(
        "seen",
        "Share of household members whom each service could see, at each date",
        series,
        across=f"Years since {first}",
        up="Share of members seen; the services that see fewest",
        say=_say_share,
    )


def _study_picture(studied: Document) -> Markup:
    rows = [
        _dot_of(study["left_out"].removeprefix("service ").replace("_", " "), study["adds"]["precision"], strong=True)
        for study in studied["studies"]
        if study["adds"]
    ]
    title = "What each part of the data adds: LightGBM with it, minus LightGBM trained without it"
    return draw_dots(
        "adds", title, rows, axis="More (or fewer) of 100 listed with the outcome", say=_say_points, mark=0.0
    )


def _component_rows(studied: Document) -> list[dict[str, Any]]:
    """Return each component's recall with everything and without system responses, side by side."""
    by_name = {study["left_out"]: study for study in studied["studies"]}
    without = by_name.get("system_responses")
    return [
        {
            "component": part["component"].rpartition(".")[2].replace("_", " "),
            "system_response": part["system_response"],
            "everything": part["recall"],
            "without": without["components"][number]["recall"] if without else None,
        }
        for number, part in enumerate(by_name["nothing"]["components"])
    ]
