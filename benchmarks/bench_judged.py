"""How good the models are on boroughs that nobody looked at while they were made, and how good they could be.

Seeds from 101 on were not used in development. Beside each borough's own run stand LightGBM fitted on a larger borough
of seed 201, the best that the visible history can give, and an oracle that knows the need itself. The points borough is
judged too: there a points list is as good, and Sooner has to say so.

SOONER_JUDGED="10000 40000 5" asks for boroughs of 10,000 households, a larger one of 40,000, and five seeds; the whole
study is "110000 1100000 5" and takes hours. Rows say how large they were.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.borough_at_scale import WORKSPACE
from benchmarks.judged_borough import JudgedBorough
from benchmarks.results import Row
from training.experiment import train_models
from training.report.terminal import find_figure

HOUSEHOLDS, LARGER, SEEDS = (int(word) for word in os.environ.get("SOONER_JUDGED", "10000 40000 3").split())
FIRST_SEED, TEACHER_SEED, POINTS_SEED = 101, 201, 151
BASELINES = ("random", "last_contact", "one_feature", "points")


def run() -> list[Row]:
    """Judge every borough."""
    root = WORKSPACE / "judged"
    teacher = JudgedBorough.make(root, LARGER, TEACHER_SEED)
    judged = [
        _judge(JudgedBorough.make(root, HOUSEHOLDS, seed), teacher) for seed in range(FIRST_SEED, FIRST_SEED + SEEDS)
    ]
    note = (
        f"{SEEDS} boroughs of {HOUSEHOLDS:,} households, seeds from {FIRST_SEED}; the larger one has {LARGER:,}, seed"
        f" {TEACHER_SEED}; selection folds, at capacity"
    )
    return [*_rows(judged, note), *_points(JudgedBorough.make(root, HOUSEHOLDS, POINTS_SEED, "points"))]


def _judge(borough: JudgedBorough, teacher: JudgedBorough) -> dict[str, Any]:
    """Return what was measured of one borough, and print it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        metrics = train_models(borough.invocation).metrics
    listed, best = borough.found(borough.by(teacher))
    oracle, oracle_listed, oracle_found = borough.oracle()
    found: dict[str, Any] = {
        "listed": listed,
        "found": find_figure(metrics, "lightgbm", "found")["estimate"],
        "attainable": best,
        "oracle_auroc": oracle,
        "oracle_share": oracle_found / oracle_listed,
        "points_auroc": find_figure(metrics, "points", "auroc")["estimate"],
        "lightgbm_auroc": find_figure(metrics, "lightgbm", "auroc")["estimate"],
        "slope": find_figure(metrics, "lightgbm", "calibration_slope"),
        "observed_over_expected": find_figure(metrics, "lightgbm", "observed_over_expected"),
        "against": {simpler: _paired(metrics, simpler) for simpler in BASELINES},
    }
    print(f"    {borough.invocation.workspace.root.name}: {found}", flush=True)
    return found


def _paired(metrics: Mapping[str, Any], simpler: str) -> Mapping[str, Any]:
    """Return LightGBM's precision less the baseline's, with its paired interval."""
    return next(
        figure
        for figure in metrics["figures"]
        if (figure["model"], figure["against"], figure["measure"], figure["period"], figure["part"])
        == ("lightgbm", simpler, "precision_difference", "selection", "all")
    )


def _rows(judged: list[dict[str, Any]], note: str) -> list[Row]:
    def total(name: str) -> float:
        return float(sum(one[name] for one in judged))

    share = total("found") / total("attainable")
    beaten = [one["against"][name]["low"] > 0 for one in judged for name in BASELINES]
    oracle, points = [one["oracle_auroc"] for one in judged], [one["points_auroc"] for one in judged]
    slopes = [one["slope"] for one in judged]
    good = [one["low"] <= 1 <= one["high"] and 0.8 <= one["estimate"] <= 1.25 for one in slopes]
    ratios = [one["observed_over_expected"]["estimate"] for one in judged]
    in_hundred = {
        "LightGBM lists with the outcome, of 100": round(100 * total("found") / total("listed"), 1),
        "best attainable, of 100": round(100 * total("attainable") / total("listed"), 1),
        "whoever knew the need, of 100": _mean([100 * one["oracle_share"] for one in judged], 1),
    }
    less = {f"less {name}": ", ".join(_interval(one["against"][name]) for one in judged) for name in BASELINES}
    less |= bound_wins(judged)
    latent = _range(oracle) | {"LightGBM": _mean([one["lightgbm_auroc"] for one in judged], 3)}
    rows = (
        (
            "precision at capacity against the best attainable",
            100 * share,
            "%",
            "95 % or more",
            share >= 0.95,
            in_hundred,
        ),
        ("baselines beaten, paired interval above zero", sum(beaten), f"of {len(beaten)}", "all", all(beaten), less),
        ("AUROC of whoever knew the need", _mean(oracle, 3), "", "0.80 to 0.90", _within(oracle, 0.8, 0.9), latent),
        ("AUROC of the points list", _mean(points, 3), "", "0.65 to 0.75", _within(points, 0.65, 0.75), _range(points)),
        (
            "calibration slopes within 0.8 to 1.25 with 1 in the interval",
            sum(good),
            f"of {len(good)}",
            "all",
            all(good),
            {"slopes": ", ".join(_slope(one) for one in slopes)},
        ),
        (
            "outcomes for each one expected",
            _mean(ratios, 2),
            "",
            "0.9 to 1.1",
            _within(ratios, 0.9, 1.1),
            _range(ratios),
        ),
    )
    return [
        Row(f"judged/{name}", round(figure, 3), unit, goal, met, peers, note)
        for name, figure, unit, goal, met, peers in rows
    ]


def bound_wins(judged: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what the best attainable would win of the baselines, and how many by intervals as wide as LightGBM's.

    Of each borough `attainable`, `found` and `listed` are counts of households; `against` has by baseline LightGBM's
    precision less the baseline's as a share, with the interval's `low`.
    """
    left = [(one["attainable"] - one["found"]) / one["listed"] for one in judged]
    won = {
        name: [one["against"][name]["estimate"] + more for one, more in zip(judged, left, strict=True)]
        for name in BASELINES
    }
    width = {
        name: [one["against"][name]["estimate"] - one["against"][name]["low"] for one in judged] for name in BASELINES
    }
    told = sum(gain > least for name in BASELINES for gain, least in zip(won[name], width[name], strict=True))
    return {
        "bound: best attainable less LightGBM, of 100": ", ".join(f"{100 * more:+.1f}" for more in left),
        "bound: beaten by the best attainable, by intervals as wide": f"{told} of {len(won) * len(left)}",
        **{
            f"best attainable less {name}, and how much is told apart": ", ".join(
                f"{100 * gain:+.1f} of {100 * least:.1f}" for gain, least in zip(won[name], width[name], strict=True)
            )
            for name in BASELINES
        },
    }


def _points(borough: JudgedBorough) -> list[Row]:
    """Return whether the points borough's points list is recommended, as it should be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        metrics = train_models(borough.invocation).metrics
    advised = metrics["recommendation"]
    right = advised["model"] == "points"
    less = _paired(metrics, "points")
    peers = {
        "LightGBM less the points list": _interval(less),
        "bound: the least that is told apart, of 100 listed": round(100 * (less["estimate"] - less["low"]), 1),
        "said": advised["sentence"],
    }
    name = "judged/the points list is recommended in the points borough"
    return [Row(name, float(right), "of 1", "1", right, peers, f"{HOUSEHOLDS:,} households, seed {POINTS_SEED}")]


def _interval(figure: Mapping[str, Any]) -> str:
    return f"{100 * figure['estimate']:+.1f} ({100 * figure['low']:+.1f} to {100 * figure['high']:+.1f})"


def _slope(figure: Mapping[str, Any]) -> str:
    return f"{figure['estimate']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def _mean(values: Sequence[float], digits: int) -> float:
    return round(float(np.mean(values)), digits)


def _range(values: Sequence[float]) -> dict[str, float]:
    return {"least": round(min(values), 3), "most": round(max(values), 3)}


def _within(values: Sequence[float], low: float, high: float) -> bool:
    return all(low <= value <= high for value in values)
