"""Every number on the first page of the board pack is computed again here, from metrics.json and findings.json."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from training.run import Run

SHARE = r"\d+ \(\d+ to \d+\)"


@pytest.fixture(scope="module")
def page(demo_workspace: Path) -> str:
    """Return the first page of the pack as text, a line to a paragraph, cell or heading."""
    folder = find_current(Workspace(demo_workspace, "early_help").audit)
    assert folder is not None
    whole = (folder / "report.html").read_text(encoding="utf-8")
    first = whole[whole.index('<section class="page" aria-labelledby="asked">') :]
    first = first[: first.index("</section>")]
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</(p|td|th|h\d|li|caption|span)>", "\n", first)))


@pytest.fixture(scope="module")
def metrics(demo_workspace: Path) -> dict[str, Any]:
    return dict(Run.open(Workspace(demo_workspace, "early_help")).metrics)


def share(row: dict[str, Any]) -> str:
    return f"{100 * row['estimate']:.0f} ({100 * row['low']:.0f} to {100 * row['high']:.0f})"


def missed(row: dict[str, Any]) -> str:
    return share({"estimate": 1 - row["estimate"], "low": 1 - row["high"], "high": 1 - row["low"]})


def test_every_number_of_the_first_page_is_what_was_measured(page: str, metrics: dict[str, Any]) -> None:
    replay, model = metrics["replay"], metrics["model"]
    every = {
        (row["model"], row["measure"]): row
        for row in replay["figures"]
        if (row["part"], row["period"], row["against"]) == ("all", replay["headline"], None)
    }
    curve = {
        (row["times_places"], row["measure"]): row for row in replay["curve"] if row["period"] == replay["headline"]
    }
    expected = [share(every["last_contact", "needed_of_listed"]), missed(every["last_contact", "listed_of_need"])]
    if model != "points":
        expected += [share(every["points", "needed_of_listed"]), missed(every["points", "listed_of_need"])]
    places = []
    for times in (0.5, 1.0, 2.0):
        rows = every if times == 1 else curve
        key: Any = model if times == 1 else times
        expected += [share(rows[key, "needed_of_listed"]), missed(rows[key, "listed_of_need"])]
        places.append(f"{curve[times, 'places_filled']['estimate']:.0f}")
    table, rest = page.split("What the figures recommend")
    assert re.findall(SHARE, table) == expected
    assert re.findall(r"(\d+) places a year", table) == places
    assert metrics["recommendation"]["sentence"] in rest


def test_no_other_number_stands_on_it(page: str, metrics: dict[str, Any]) -> None:
    """Broken by any new sentence with a figure: it needs a claim above, or here."""
    known = page.replace(metrics["recommendation"]["sentence"], "")
    known = re.sub(rf"{SHARE}|\d+ places a year|reviewed by \d+ \w+ \d{{4}}", "", known)
    for words in ("Of 100 families offered help", "Of 100 families in need", "95 times in 100", "for 8 weeks"):
        assert words in known, words
        known = known.replace(words, "")
    stops = re.sub(r"Fewer than 5 of 100 families listed", "", known)
    about_data = r"nobody has left it out yet|The order reads nothing of|% of what moves the order"
    data = "\n".join(line for line in stops.splitlines() if not re.search(about_data, line))
    assert not re.findall(r"[^\n]*\d[^\n]*", data)


def test_what_data_the_list_needs_is_what_its_bytes_read(page: str, demo_workspace: Path) -> None:
    folder = find_current(Workspace(demo_workspace, "early_help").audit)
    assert folder is not None
    rows = read_json(folder / "findings.json")["findings"]
    unread = [row["component"].replace("_", " ") for row in rows if row.get("note") == "unread"]
    (top,) = [max((row["estimate"], row["component"]) for row in rows if row["measure"] == "order_carried")]
    assert f"The most is {100 * top[0]:.0f} % of what moves the order is {top[1].replace('_', ' ')}" in page or (
        f"{100 * top[0]:.0f} % of what moves the order is {top[1].replace('_', ' ')}, more than 50 %" in page
    )
    for name in unread:
        assert f"The order reads nothing of {name}: you may stop receiving its records" in page
    assert ("You may stop receiving the records of" in page) == bool(unread)
