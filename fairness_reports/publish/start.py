"""Where every council starts, with no model: the single view, a points list people agreed on, and the need map.

    start/PROGRAMME/DATE/
      single_view.csv   a row a household: which services know it within their windows, and which were not seen
      points.csv        the households with most points at each team, within its places, and the facts that counted
      need_map.csv      households with points by area, after disclosure control
      start.html        the same, to read

Names are not here: the entity is a pseudonym, and the casework pages fetch names from the vault for those who may.
"""

from __future__ import annotations

import csv
import html
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import write_text
from charter.contracts.matrix import Matrix, MatrixDate, count_codes
from charter.council.points_list import Point, PointsFile
from charter.invocation import Invocation
from charter.rules.tie_break import order_rows, select
from fairness_reports.disclosure.door import release_tables
from fairness_reports.disclosure.rules import find_mode
from fairness_reports.disclosure.tables import CountTable, Dimension, Period

__all__ = ["write_start"]

_MODE = "dfe"


def write_start(invocation: Invocation, matrix_folder: Path, day: date) -> Path:
    """Write the single view, points list and need map of `day` from a matrix built for ranking; return their folder."""
    matrix = Matrix.open(matrix_folder)
    at = matrix.at(day)
    rules = PointsFile.load(
        invocation.programme_folder / "points.toml", matrix.features, count_codes(matrix.definition)
    ).points
    points = _sum_points(at, matrix.features, rules)
    teams = np.array([_find_team(invocation, code.decode(), day) for code in at.area])
    capacity = invocation.settings.capacity(invocation.council, day)
    chosen = select(order_rows(at.entity, day, points.astype(np.float64)), teams, capacity) & (points > 0)
    reasons = {feature["name"]: feature["reason"] for feature in matrix.definition["features"]}
    list_rows = _tabulate_listed(at, matrix.features, rules, reasons, points, teams, chosen)
    need = _tabulate_need(invocation, at, points, day)
    folder = invocation.workspace.root / "start" / invocation.programme / day.isoformat()
    write_text(folder / "single_view.csv", _write_csv(_tabulate_single_view(invocation, matrix, at, teams)))
    write_text(folder / "points.csv", _write_csv(list_rows))
    write_text(folder / "need_map.csv", _write_csv(need))
    write_text(folder / "start.html", _write_page(invocation, day, rules, reasons, list_rows, need, len(at.entity)))
    return folder


def _find_team(invocation: Invocation, area: str, day: date) -> str:
    team = invocation.council.team_of(area, day)
    return team.id if team else ""


def _sum_points(at: MatrixDate, features: Sequence[str], rules: Sequence[Point]) -> NDArray[np.int64]:
    """Return each row's points; what was not seen gives none."""
    total = np.zeros(len(at.entity), dtype=np.int64)
    for rule in rules:
        column = at.features[:, features.index(rule.feature)]
        total += np.where(np.nan_to_num(column, nan=-np.inf) >= rule.at_least, rule.points, 0)
    return total


def _tabulate_single_view(
    invocation: Invocation, matrix: Matrix, at: MatrixDate, teams: NDArray[np.str_]
) -> list[Mapping[str, str]]:
    """Return a row a household: per service `yes`, `nothing recorded` or `not seen`."""
    services: dict[str, list[int]] = {}
    for index, feature in enumerate(matrix.definition["features"]):
        for service in feature["services"]:
            services.setdefault(service, []).append(index)
    register = invocation.register
    by_service = {}
    for service, columns in sorted(services.items()):
        values = np.asarray(at.features[:, columns])
        visible = ~np.isnan(values).all(axis=1)
        recorded = (np.nan_to_num(values) != 0).any(axis=1)
        by_service[register.source(service).title] = np.where(
            recorded, "yes", np.where(visible, "nothing recorded", "not seen")
        )
    return [
        {
            "household": name.decode(),
            "team": str(teams[row]),
            "area": at.area[row].decode(),
            "people": str(at.members[row]),
            **{title: str(column[row]) for title, column in by_service.items()},
        }
        for row, name in enumerate(at.entity)
    ]


def _tabulate_listed(
    at: MatrixDate,
    features: Sequence[str],
    rules: Sequence[Point],
    reasons: Mapping[str, str],
    points: NDArray[np.int64],
    teams: NDArray[np.str_],
    chosen: NDArray[np.bool_],
) -> list[Mapping[str, str]]:
    rows = sorted(np.flatnonzero(chosen), key=lambda row: (teams[row], -points[row], at.entity[row]))
    list_rows: list[Mapping[str, str]] = []
    for row in rows:
        facts = [
            reasons[rule.feature].format(value=f"{value:g}")
            for rule in rules
            if (value := float(at.features[row, features.index(rule.feature)])) >= rule.at_least
        ]
        list_rows.append(
            {
                "team": str(teams[row]),
                "household": at.entity[row].decode(),
                "points": str(points[row]),
                "because": "; ".join(facts),
            }
        )
    return list_rows


def _tabulate_need(
    invocation: Invocation, at: MatrixDate, points: NDArray[np.int64], day: date
) -> list[Mapping[str, str]]:
    """Return households with points by area; no total is shown beside them."""
    counts = Counter(code.decode() for code in at.area[points > 0])
    areas = {area.code: area for area in invocation.council.areas}
    if not areas:
        return []
    table = CountTable.of_leaves("households with points", Period.of_day(day), Dimension("area", tuple(areas)), counts)
    public = release_tables([table], _MODE).tables[0]
    return [
        {"ward": area.ward, "area": area.name, "code": code, "households": public.say(code)}
        for code, area in areas.items()
    ]


def _write_csv(rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _write_page(
    invocation: Invocation,
    day: date,
    rules: Sequence[Point],
    reasons: Mapping[str, str],
    list_rows: Sequence[Mapping[str, str]],
    need: Sequence[Mapping[str, str]],
    households: int,
) -> str:
    facts = [
        {"points": str(rule.points), "fact": reasons[rule.feature].format(value=f"{rule.at_least:g} or more")}
        for rule in rules
    ]
    return f"""<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Where to start: {html.escape(invocation.council.name)}, {day:%d %B %Y}</title>
<style>
body {{ font: 1.05rem/1.5 Arial, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; color: #0b0c0c }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 }}
th, td {{ border-bottom: 1px solid #b1b4b6; padding: .4rem .6rem .4rem 0; text-align: left; vertical-align: top }}
caption {{ text-align: left; font-weight: bold }} .wide {{ overflow-x: auto }}
</style></head><body><main>
<h1>Where to start, with no model</h1>
<p>{html.escape(invocation.council.name)}, {day:%d %B %Y}. {households:,} households are in the cohort:
{html.escape(str(invocation.programme).replace("_", " "))}. Nothing here was learned from data: people agreed on the
points below, and what was not seen gives none.</p>
<h2>The points</h2>{_write_table("Points for plain facts", facts)}
<h2>The points list</h2>
<p>Within each team's places. A household is shown by its reference; names are on the casework pages, for those who may
see them.</p>{_write_table("Households with most points", list_rows)}
<h2>The need map</h2>
<p>Households with at least one point, by area. {find_mode(_MODE).say_hidden()}</p>
{_write_table("Households with points by area", need)}
<p>The single view of which services know each household is in <code>single_view.csv</code> beside this page.</p>
</main></body></html>
"""


def _write_table(caption: str, rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return "<p>None.</p>"
    head = "".join(f'<th scope="col">{html.escape(name.capitalize())}</th>' for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(value)}</td>" for value in row.values()) + "</tr>" for row in rows
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{html.escape(caption)}"><table>'
        f"<caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
