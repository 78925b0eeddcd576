"""What lists cost for what they reach: by scenario, at stated effects of help, from replayed lists and costs.toml.

    metrics.json of a run   ->  listings a year, and the share of them with a later need, with its interval
    [replay] answers        ->  the share that takes help up
    costs.toml              ->  pounds, effects, scenarios

The effect of help is stated and not measured here: replayed lists show who had a need, and not what help would have
changed. So every figure of averted needs stands at several effects, with the interval that the replay alone gives. A
cost per need is cost divided by needs: its upper end is where the fewest needs are, and where these may be none it has
no upper end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from charter.contracts.files import find_current, read_json
from charter.council.costs_file import CostsFile, Scenario
from charter.errors import DataError
from charter.invocation import Invocation
from charter.signing.trials import list_registrations

__all__ = ["AsReplayed", "Outlook", "Range", "measure_value", "price_scenario", "say_value"]

AS_NOW = Scenario(id="as_now", title="As now")
_SHARE, _A_YEAR = "needed_of_listed", "places_filled"


@dataclass(frozen=True)
class Range:
    """A figure with its interval; `high` is None where there is no upper end."""

    estimate: float | None
    low: float | None
    high: float | None

    def times(self, factor: float) -> Range:
        """Return the figure times a factor of 0 or more."""
        return Range(*(None if value is None else value * factor for value in (self.estimate, self.low, self.high)))

    def divide(self, cost: float) -> Range:
        """Return a cost for each of these; none, and no upper end, where they may be none.

        1,000 pounds for 4 (2 to 5) needs are 250 (200 to 500) for each.
        """
        ends = (self.estimate, self.high, self.low)
        return Range(*(cost / value if value else None for value in ends))


@dataclass(frozen=True)
class AsReplayed:
    """What a run's replay says of lists with so many times the places: families listed a year, of them with a need."""

    run: str
    listed: Range
    needed_of_listed: Range


@dataclass(frozen=True)
class Outlook:
    """One scenario a year. `averted` and `for_each_averted` are in the order of the stated effects.

    `breaks_even` is the share of needs that help must avert to pay for itself by the costs of needs alone; None where
    costs.toml has none, above 1 where it never does.
    """

    id: str
    title: str
    run: str
    times_places: float
    listed: float
    taken_up: float
    pounds: float
    for_each_listed: float | None
    for_each_taken_up: float | None
    needs: Range
    averted: tuple[Range, ...]
    for_each_averted: tuple[Range, ...]
    breaks_even: Range | None


def price_scenario(scenario: Scenario, replayed: AsReplayed, costs: CostsFile, take_up: float) -> Outlook:
    """Return a year of one scenario; `take_up` is the share of those listed who take help up.

    100 listed a year, of them 0.3 with a need, 0.4 taking help up: 40 families, 12 needs; at an effect of 0.25 three
    are averted. The needs of those who take help up are taken to be as frequent as of all who are listed.
    """
    listed = replayed.listed.estimate or 0.0
    taken_up = listed * take_up
    pounds = (
        costs.add_up("year")
        + scenario.more_pounds
        + costs.add_up("listed") * listed
        + costs.add_up("taken_up") * taken_up
    )
    needs = replayed.needed_of_listed.times(taken_up)
    averted = tuple(needs.times(share) for share in costs.effect.averted)
    return Outlook(
        scenario.id,
        scenario.title,
        replayed.run,
        scenario.times_places,
        listed,
        taken_up,
        pounds,
        pounds / listed if listed else None,
        pounds / taken_up if taken_up else None,
        needs,
        averted,
        tuple(number.divide(pounds) for number in averted),
        needs.times(costs.need.pounds).divide(pounds) if costs.need and costs.need.pounds else None,
    )


def measure_value(invocation: Invocation) -> dict[str, Any]:
    """Return how things are and each scenario of costs.toml, side by side, as JSON values.

    Raises UsageError where there is no costs.toml, DataError where a scenario's run, or its number of places, was not
    replayed.
    """
    costs = CostsFile.load(invocation.council)
    take_up = invocation.settings.worklist.replay.answers.get("taken_up", 0.0)
    outlooks = [
        price_scenario(scenario, _read_replay(invocation, scenario), costs, take_up)
        for scenario in (AS_NOW, *costs.scenarios)
    ]
    return {
        "programme": invocation.programme,
        "run": outlooks[0].run,
        "take_up": take_up,
        "effects": list(costs.effect.averted),
        "measured": list(_list_answers(invocation)),
        "scenarios": [asdict(outlook) for outlook in outlooks],
        "costs": [cost.model_dump(mode="json") for cost in costs.costs],
        "need": costs.need.model_dump(mode="json") if costs.need else None,
        "examples": any(cost.example for cost in costs.costs) or bool(costs.need and costs.need.example),
    }


def _read_replay(invocation: Invocation, scenario: Scenario) -> AsReplayed:
    folder = _find_run(invocation, scenario)
    replay = read_json(folder / "metrics.json").get("replay") or {}
    points = [row for row in replay.get("curve", ()) if abs(row["times_places"] - scenario.times_places) < 1e-9]
    figures = {str(row["measure"]): Range(row["estimate"], row["low"], row["high"]) for row in points}
    if _SHARE not in figures or _A_YEAR not in figures:
        known = sorted({float(row["times_places"]) for row in replay.get("curve", ())})
        raise DataError(
            f"costs.toml: {scenario.id} has {scenario.times_places:g} times the places, which run {folder.name[:8]} did"
            " not replay.",
            f"Choose one of: {', '.join(f'{times:g}' for times in known)}." if known else "Run `sooner train`.",
        )
    return AsReplayed(folder.name, figures[_A_YEAR], figures[_SHARE])


def _find_run(invocation: Invocation, scenario: Scenario) -> Path:
    scores = invocation.workspace.scores
    if scenario.run is None:
        folder = find_current(scores)
        if folder is None:
            raise DataError("no run has replayed past weeks, so nothing can be priced.", "Run `sooner train`.")
        return folder
    matches = sorted(path.parent for path in scores.glob(f"{scenario.run}*/metrics.json"))
    if len(matches) != 1:
        raise DataError(
            f"costs.toml: {scenario.id} names the run {scenario.run}, and {len(matches) or 'no'} runs begin so.",
            "Write its whole id: `sooner status` names the newest.",
        )
    return matches[0]


def _list_answers(invocation: Invocation) -> Iterator[dict[str, str]]:
    """Yield the verdict of each trial that has given one: the only measured effect that there may be."""
    for registration in list_registrations(invocation.workspace):
        path = invocation.workspace.trials / registration.name / "looks.json"
        looks = read_json(path)["looks"] if path.exists() else []
        if looks and looks[-1]["verdict"] != "goes on":
            yield {"trial": registration.name, "verdict": str(looks[-1]["verdict"])}


def say_value(value: Mapping[str, Any]) -> str:
    """Return the scenarios in sentences."""
    effects: Sequence[float] = value["effects"]
    middle = len(effects) // 2
    lines = [] if not value["examples"] else ["THE COSTS ARE STILL SOONER'S EXAMPLES: nothing follows from the pounds."]
    for row in value["scenarios"]:
        each = row["for_each_averted"][middle]
        lines.append(
            f"{row['title']}: {row['listed']:,.0f} families listed a year, {row['taken_up']:,.0f} take help up;"
            f" £{row['pounds']:,.0f}, {_say_pounds(row['for_each_taken_up'])} for each. If help averts"
            f" {100 * effects[middle]:g} of 100 needs: {_say_range(each)} for each need averted."
        )
    said = "; ".join(f"{answer['trial']}: {answer['verdict']}" for answer in value["measured"])
    lines.append(
        f"What help averts is stated, from {100 * effects[0]:g} to {100 * effects[-1]:g} of 100, not measured."
        f" {f'Trials so far: {said}.' if said else 'No trial has answered yet: `sooner trial plan`.'}"
    )
    return "\n".join(lines)


def _say_pounds(pounds: float | None) -> str:
    return "no figure" if pounds is None else f"£{pounds:,.0f}"


def _say_range(pounds: Mapping[str, float | None]) -> str:
    if pounds["estimate"] is None:
        return "no figure, because no need was found among those listed"
    end = f"to £{pounds['high']:,.0f}" if pounds["high"] is not None else "with no upper end"
    return f"£{pounds['estimate']:,.0f} (from £{pounds['low']:,.0f} {end})"
