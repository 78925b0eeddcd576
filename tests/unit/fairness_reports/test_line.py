"""What changes at the line of a council's lists: from line.csv and the snapshot to a verdict, a sentence and a page."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from charter.contracts import read_table_contract
from charter.errors import DataError
from fairness_reports.evidence.line_page import HEADLINES, write_line_page
from fairness_reports.impact.line import measure_line, say_line
from tests.unit.fairness_reports.test_effect import happen_soon, offer

FIRST = date(2023, 1, 2)


@pytest.fixture
def world(worlds: Callable[..., Any]) -> Any:
    return worlds(households=200)


def leave_lines(world: Any, lists: int = 40, of_list: int = 60) -> dict[str, float]:
    """Leave lists of fifteen with three times as many below, a week apart; return each household's distance."""
    rng = np.random.default_rng(8)
    distances: dict[str, float] = {}
    worklist = world.invocation.workspace.worklist
    for number in range(lists):
        day = FIRST + timedelta(days=7 * number)
        folder = worklist / day.isoformat()
        folder.mkdir(parents=True)
        with (folder / "line.csv").open("w", newline="") as handle:
            writer = csv.DictWriter(handle, read_table_contract("line").names)
            writer.writeheader()
            # As many a distance apart, some more below than above: a smooth order, cut at one place.
            for rank, distance in enumerate(np.sort(rng.normal(-0.35, 0.5, of_list))[::-1], start=1):
                name = f"h{number:02d}{rank:02d}"
                distances[name] = float(distance)
                row = {"list": f"north-{day}", "as_of": day, "entity": name, "team": "north", "rank": rank}
                writer.writerow(row | {"distance": repr(float(distance)), "people": "p"})
                if number and rank == of_list:
                    # Near the list's line before, too: it counts there, at its first.
                    earlier = row | {"entity": f"h{number - 1:02d}{rank:02d}", "distance": "9.0", "people": "p"}
                    writer.writerow(earlier)
    return distances


def need_at(distances: dict[str, float], effect: float) -> set[str]:
    rng = np.random.default_rng(5)
    return {
        name for name, distance in distances.items() if rng.random() < 0.45 + 0.1 * distance - effect * (distance >= 0)
    }


@pytest.mark.parametrize(("effect", "verdict"), [(0.35, "helps"), (0.0, "cannot be told")])
def test_what_jumps_at_the_line_is_said(world: Any, effect: float, verdict: str) -> None:
    distances = leave_lines(world)
    happen_soon(world, dict.fromkeys(distances, ""), need_at(distances, effect))
    offer(world, {name: "ranked" if distance >= 0 else "control" for name, distance in distances.items()})
    line = measure_line(world.invocation)
    assert (line["lists"], line["households"], line["over"], line["verdict"]) == (40, 2400, 2400, verdict)
    assert line["above"] == sum(distance >= 0 for distance in distances.values()), "each at its first line"
    low, high = line["jump"]["interval"]
    assert low < -effect < high
    assert line["offers"]["estimate"] > 0.5
    assert line["of_offered"]["interval"][0] < line["of_offered"]["interval"][1]
    assert {check["about"] for check in line["checks"]} >= {"density", "need", "household", "placebo", "ethnicity"}
    assert [check["jump"] for check in line["checks"] if check["about"] == "household"] == [None], "all of one person"
    assert line["points"]
    words = say_line(line)
    assert "assumes that families just above and just below differ in nothing" in words
    page = write_line_page(world.invocation, line, words).read_text(encoding="utf-8")
    assert f"<h1>{HEADLINES[verdict]}</h1>" in page
    assert page.count("<circle") == len(line["points"]) + len(line["bandwidths"])
    for check in line["checks"]:
        assert check["adjusted"] is None or f"{check['adjusted']:.3f}" in page


def test_who_sorts_around_the_line_is_refused_on_the_page_too(world: Any) -> None:
    distances = leave_lines(world)
    for path in sorted(world.invocation.workspace.worklist.glob("*/line.csv")):
        rows = path.read_text(encoding="utf-8").splitlines()
        head, body = rows[0], [row.split(",") for row in rows[1:]]
        for number, row in enumerate(body):
            if -0.2 < float(row[5]) < 0 and number % 2:
                row[5] = repr(-float(row[5]))
        path.write_text("\n".join([head, *(",".join(row) for row in body)]) + "\n", encoding="utf-8")
    happen_soon(world, dict.fromkeys(distances, ""), need_at(distances, 0.35))
    line = measure_line(world.invocation)
    assert (line["verdict"], line["jump"], line["points"]) == ("cannot be told", None, [])
    words = say_line(line)
    assert "Families are sorted around the line" in words
    page = write_line_page(world.invocation, line, words).read_text(encoding="utf-8")
    assert "JUMPS" in page
    assert "fewer" not in words


def test_before_a_period_is_over_nothing_is_compared(world: Any) -> None:
    distances = leave_lines(world, lists=2)
    happen_soon(world, dict.fromkeys(distances, ""), set())
    line = measure_line(world.invocation)
    assert line["verdict"] == "cannot be told"
    assert "Fewer than 30 families on a side" in say_line(line)
    write_line_page(world.invocation, line, say_line(line))


def test_without_a_line_it_says_what_to_type(world: Any) -> None:
    with pytest.raises(DataError, match="no list has kept"):
        measure_line(world.invocation)
