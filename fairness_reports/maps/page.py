"""A map's page: two quarters side by side, hubs, how far it is, and the same figures as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fairness_reports.disclosure.door import hide_counts
from fairness_reports.disclosure.rules import find_mode
from fairness_reports.maps.drawing import STEPS, draw_map, find_steps
from fairness_reports.maps.map_files import Ground, Hub, HubCount
from fairness_reports.maps.need import FAR_KM, MODE, AreaFigures, HubReach, expires_on, find_near, find_period

__all__ = ["MapPage", "render_page", "say_range"]


@dataclass(frozen=True)
class MapPage:
    """What a page shows, and to whom: partners by small area, the public by MSOA."""

    council: str
    topic: str
    audience: str
    made_on: date
    ground: Ground
    quarters: Sequence[AreaFigures]
    hubs: Sequence[Hub]
    hub_counts: Sequence[HubCount]
    now: HubReach
    then: HubReach
    pledged: bool = True


def render_page(page: MapPage) -> str:
    """Return the page as one HTML file without any outside reference."""
    environment = Environment(
        loader=PackageLoader("fairness_reports.maps"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    newest = page.quarters[-1]
    bounds = find_steps([figures.need[:, 0] for figures in page.quarters])
    edges = [0.0, *bounds, float("nan")]
    key = [
        (colour, f"under {100 * high:.1f} %" if number == 0 else f"{100 * low:.1f} % or more" if number == 4 else
         f"{100 * low:.1f} to {100 * high:.1f} %")
        for number, (colour, low, high) in enumerate(zip(STEPS, edges, edges[1:], strict=False))
    ]  # fmt: skip
    return environment.get_template("map.html").render(
        page=page,
        made_on=f"{page.made_on:%-d %B %Y}",
        expires_on=f"{expires_on(newest.quarter):%-d %B %Y}",
        maps=[_draw_quarter(page, figures, bounds) for figures in page.quarters],
        key=[(Markup(_KEY.format(colour)), words) for colour, words in key],  # noqa: S704 - our own colours
        hatched=Markup(_NONE),  # noqa: S704 - our own mark
        fewest=find_mode(MODE).hidden_to + 1,
        far_km=FAR_KM,
        hubs=[_describe_hub(page, number, hub) for number, hub in enumerate(page.hubs, start=1)],
        newest=newest.quarter,
        before_after=_compare_reach(page),
        rows=[_describe_area(page, number) for number in range(len(page.ground.codes))],
        planned=any(hub.planned for hub in page.hubs),
    )


_NONE = (
    '<svg class="key" viewBox="0 0 24 16" aria-hidden="true">'
    '<rect width="24" height="16" fill="#ffffff" stroke="#0b0c0c"/>'
    '<path d="M0 8 L8 0 M0 16 L16 0 M8 16 L24 0 M16 16 L24 8" stroke="#505a5f"/></svg>'
)
_KEY = (
    '<svg class="key" viewBox="0 0 24 16" aria-hidden="true">'
    '<rect width="24" height="16" fill="{}" stroke="#0b0c0c"/></svg>'
)


def say_range(shares: np.ndarray) -> str:
    """Return a share with its interval in words, or that there is none."""
    if np.isnan(shares[0]):
        return "not shown"
    return f"{100 * shares[0]:.1f} % ({100 * shares[1]:.1f} to {100 * shares[2]:.1f})"


def _draw_quarter(page: MapPage, figures: AreaFigures, bounds: np.ndarray) -> dict[str, object]:
    labels = [
        f"{name}: {say_range(shares)} of households in {page.topic} need"
        + (", shown with its neighbours of the MSOA" if figures.is_pooled(number) else "")
        for number, (name, shares) in enumerate(zip(page.ground.names, figures.need, strict=True))
    ]
    title = f"Households in {page.topic} need by area, {figures.quarter}"
    svg = draw_map(f"map-{figures.quarter}", title, page.ground, figures.need[:, 0], bounds, labels, page.hubs)
    return {"title": figures.quarter, "svg": svg}


def _describe_hub(page: MapPage, number: int, hub: Hub) -> dict[str, str]:
    newest, near = page.quarters[-1].quarter, find_near(page.ground, hub)
    sent = [count for count in page.hub_counts if (count.hub, count.quarter) == (hub.name, newest)]
    return {
        "name": f"{number}. {hub.name}",
        "state": "planned" if hub.planned else "open",
        "hours": hub.hours,
        "parcels": _say_parcels(sent),
        "turned_away": hide_counts({hub.name: sum(count.turned_away for count in sent)}, MODE)[hub.name]
        if sent
        else "not sent",
        "near": str(int(near.sum())),
        "in_need_near": _say_households(page.quarters[-1], near),
        "nearest_to": str((page.then if hub.planned else page.now).nearest.count(hub.name)),
    }


def _say_parcels(sent: Sequence[HubCount]) -> str:
    """Return a quarter's parcels, and of how many of its weeks they are where a hub left weeks out."""
    if not sent:
        return "not sent"
    (count,) = sent
    period = find_period(count.quarter)
    mondays = len(range((7 - period.start.weekday()) % 7, (period.end - period.start).days, 7))
    of_weeks = f", in {count.weeks} of {mondays} weeks" if 0 < count.weeks < mondays else ""
    return f"{count.parcels:,}{of_weeks}"


def _compare_reach(page: MapPage) -> list[dict[str, str]]:
    """Return how many areas no hub reaches and about how many households in need live there, now and with plans."""
    figures, rows = page.quarters[-1], []
    for title, reach in (("Now", page.now), ("With what is planned", page.then)):
        expected = figures.need[:, 0] * figures.households
        rows.append(
            {
                "title": title,
                "areas": str(int(reach.far.sum())),
                "households": _say_households(figures, reach.far),
                "km": f"{float(np.average(reach.km, weights=np.nan_to_num(expected) + 1e-9)):.1f}",
            }
        )
    return rows


def _say_households(figures: AreaFigures, areas: np.ndarray) -> str:
    """Return about how many households of some areas are in need, to ten, areas without a figure left out."""
    expected = figures.need[:, 0] * figures.households
    return f"{round(float(np.nansum(expected[areas])), -1):,.0f}"


def _say_planned(page: MapPage, number: int) -> str:
    """Return which planned hub would reach an area that none reaches; empty where none would."""
    would = page.now.far[number] and not page.then.far[number]
    return page.then.nearest[number] if would else ""


def _describe_area(page: MapPage, number: int) -> dict[str, object]:
    newest = page.quarters[-1]
    return {
        "name": page.ground.names[number],
        "with_others": newest.is_pooled(number),
        "needs": [say_range(figures.need[number]) for figures in page.quarters],
        "reach": say_range(newest.reach[number]),
        "hub": page.now.nearest[number],
        "km": f"{page.now.km[number]:.1f}",
        "far": bool(page.now.far[number]),
        "planned": _say_planned(page, number),
    }
