"""Strengths: only what the definition calls good, never trouble, and never by the sign of a contribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from charter.council.register import Register
from features.grammar import Definition
from serving.ranking.reasons import ExplainedRow, explain_row
from serving.ranking.sealed_record import ListedPerson, SealedRecord
from serving.ranking.strengths import FEWEST, read_usual, sort_strengths

COUNCIL = Path(__file__).resolve().parents[3] / "council"
AS_OF = date(2026, 9, 28)
PROGRAMMES = ("early_help", "homelessness")
GOOD_EITHER_WAY = {"health_visits_12m"}
"""What is more than nothing and good: everything else with a side counts trouble."""


def manifest_of(programme: str) -> dict[str, Any]:
    units = {signal.name: signal.unit for signal in Register.load(COUNCIL / "register.toml").signals}
    document = Definition.load(COUNCIL / programme / "definition.py").document(units)
    return {"features": document["features"], "services": {}}


def seal(manifest: Mapping[str, Any], values: Sequence[float], lowering: float = -0.5) -> SealedRecord:
    """Seal a row of which every value lowers the likelihood, each by a number of its own."""
    contributions = tuple(lowering - number / 128 for number in range(len(values)))
    row = ExplainedRow(values, contributions, 0.0, {}, 1)
    return SealedRecord(
        schema_version=1, id="r", programme="early_help", list="l", team="t", entity="e", area="a", as_of=AS_OF,
        rank=1, arm="top", eligible=90, capacity=20, members=1, seen=(), snapshot="s", matrix="m", definition="d",
        bundle="b", model_sha256="0", time_zone="Europe/London", freshness={}, margin=0.0, likelihood=0.5, band="",
        values=tuple(None if math.isnan(value) else value for value in values),
        contributions=contributions, people=(ListedPerson("p", 3),),
        reasons=explain_row(manifest, row, {}, AS_OF, ZoneInfo("Europe/London")),
    )  # fmt: skip


def plant(feature: Mapping[str, Any]) -> tuple[float, float]:
    """Return a low but harmful value of a feature, and a worse one that most listed households have."""
    word, unit = feature["expression"]["word"], feature["unit"]
    if word == "days_since":
        return 500.0, 20.0
    if unit == "yes or no":
        return 1.0, 1.0
    if unit == "step":
        return 1.0, float(len(feature["expression"]["steps"]))
    return 1.0, 30.0


def nothing(feature: Mapping[str, Any]) -> float:
    """Return the value that says that nothing was recorded."""
    return 4000.0 if feature["expression"]["word"] == "days_since" else 0.0


@pytest.mark.parametrize("programme", PROGRAMMES)
@pytest.mark.parametrize("listed", [FEWEST - 1, FEWEST + 2])
def test_a_low_but_harmful_value_of_any_feature_is_never_a_strength(programme: str, listed: int) -> None:
    """Seen to fail with `_is_good` answering by the sign of the contribution, as pages did."""
    manifest = manifest_of(programme)
    pairs = [plant(feature) for feature in manifest["features"]]
    planted = seal(manifest, [low for low, _ in pairs])
    usual = read_usual([seal(manifest, [worse for _, worse in pairs]) for _ in range(listed)])
    assert len(planted.reasons.against) == len(manifest["features"]) > 15
    sorted_out = sort_strengths(planted, manifest, usual)
    assert [reason.text for reason in sorted_out.good] == []
    if listed < FEWEST:
        assert (sorted_out.less, sorted_out.compared) == ((), 0)
    else:
        texts = " ".join(reason.text for reason in sorted_out.less)
        assert "rent owed" in texts
        assert sorted_out.compared == listed


def features_of_both() -> list[tuple[str, str]]:
    return [(programme, feature["name"]) for programme in PROGRAMMES for feature in manifest_of(programme)["features"]]


@pytest.mark.parametrize(("programme", "name"), features_of_both())
def test_a_low_but_harmful_value_of_one_feature_alone_is_never_a_strength(programme: str, name: str) -> None:
    """One after the other, so that none hides behind its neighbours: all else of the household was not seen."""
    manifest = manifest_of(programme)
    place = [feature["name"] for feature in manifest["features"]].index(name)
    low, worse = plant(manifest["features"][place])
    values = [math.nan] * len(manifest["features"])
    planted = seal(manifest, [*values[:place], low, *values[place + 1 :]])
    assert len(planted.reasons.against) == 1
    for others in ([worse] * FEWEST, [worse] * 2 * FEWEST, [low] * FEWEST, []):
        usual = read_usual([seal(manifest, [*values[:place], value, *values[place + 1 :]]) for value in others])
        assert sort_strengths(planted, manifest, usual).good == ()


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_nothing_harmful_recorded_is_a_strength_where_most_listed_households_have_trouble(programme: str) -> None:
    manifest = manifest_of(programme)
    features = manifest["features"]
    free = seal(manifest, [nothing(feature) for feature in features])
    usual = read_usual([seal(manifest, [plant(feature)[1] for feature in features]) for _ in range(FEWEST)])
    names = {reason.text: feature["name"] for reason, feature in zip(free.reasons.against[::-1], features, strict=True)}
    strong = {feature["name"] for feature in features if "better" in feature and feature["name"] not in GOOD_EITHER_WAY}
    strong -= {feature["name"] for feature in features if feature["expression"]["word"] == "change"}
    assert len(strong) > 10
    assert {names[reason.text] for reason in sort_strengths(free, manifest, usual).good} == strong
    # The same where everybody is free of it: that is only usual.
    alike = read_usual([free] * FEWEST)
    assert sort_strengths(free, manifest, alike).good == sort_strengths(free, manifest, alike).less == ()


def test_help_taken_up_and_trouble_that_eases_are_strengths_where_they_are_more_than_usual() -> None:
    manifest = manifest_of("early_help")
    place = {feature["name"]: number for number, feature in enumerate(manifest["features"])}
    values = [1.0] * len(place)
    usual = read_usual([seal(manifest, values) for _ in range(FEWEST)])
    values[place["health_visits_12m"]], values[place["absences_change_3m"]] = 6.0, -4.0
    texts = {reason.text for reason in sort_strengths(seal(manifest, values), manifest, usual).good}
    assert len(texts) == 2
    assert any("4 fewer" in text for text in texts)
    assert any("visitor contacts" in t for t in texts)


def test_a_bundle_made_before_there_was_a_good_side_claims_no_strength() -> None:
    manifest = manifest_of("early_help")
    for feature in manifest["features"]:
        feature.pop("better", None)
    free = seal(manifest, [0.0] * len(manifest["features"]))
    usual = read_usual([seal(manifest, [plant(feature)[1] for feature in manifest["features"]]) for _ in range(FEWEST)])
    sorted_out = sort_strengths(free, manifest, usual)
    assert sorted_out.good == ()
    assert len(sorted_out.less) > 10
    assert sort_strengths(free, {}, usual).less == ()


def test_a_reason_that_the_manifest_does_not_know_is_not_said() -> None:
    manifest = manifest_of("early_help")
    free = seal(manifest, [0.0] * len(manifest["features"]))
    other = replace(free, contributions=tuple(number * 2 for number in free.contributions))
    assert sort_strengths(other, manifest, read_usual([free])).good == ()
