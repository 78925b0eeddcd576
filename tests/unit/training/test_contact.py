"""Who was new to every service is told where a feature tells it, and by nobody's silence."""

from __future__ import annotations

from training.data.lists import list_contact_features
from training.judging.metrics import NEW_TO_SERVICES, blank_figures
from training.report.terminal import say_reach


def feature(name: str, word: str, *, response: bool) -> dict:
    return {"name": name, "system_response": response, "expression": {"word": word}}


def figure(measure: str) -> dict:
    spread = {"estimate": 1.0, "low": 1.0, "high": 1.0}
    return {"model": "points", "period": "newest", "measure": measure, "part": "all", "against": None, **spread}


def test_contact_is_what_a_service_did_and_not_what_happened_to_a_family() -> None:
    features = [
        feature("since_visit", "days_since", response=True),
        feature("since_letter", "days_since", response=False),
        feature("visits", "count", response=True),
    ]
    assert list_contact_features({"features": features}) == ("since_visit",)


def test_where_no_feature_tells_nobody_is_called_new() -> None:
    replay = {"headline": "newest", "figures": [figure("needed_of_listed"), figure("new_of_listed")]}
    metrics = {"model": "points", "replay": replay}
    assert "were new" in "\n".join(say_reach(metrics))
    metrics["replay"] = replay | {"figures": blank_figures(replay["figures"], NEW_TO_SERVICES)}
    (line,) = say_reach(metrics)
    assert "cannot be told" in line


def test_of_a_queue_nobody_is_said_to_be_out_of_reach_who_came_on_another_day() -> None:
    metrics = {
        "model": "points",
        "replay": {"headline": "newest", "figures": [figure("needed_of_listed"), figure("new_of_listed")]},
        "coverage": [{"component": "any", "share": 0.08}],
    }
    told = "8 of 100 people with such a need were in the cohort; no list could reach the others."
    assert told in say_reach(metrics)
    assert told not in say_reach({**metrics, "queue": {"note": ""}})
