"""Where every council starts, without any model: the single view, a points list, and a map of need by area.

    start/PROGRAMME/DATE/
      single_view.csv   one row per household: what each service recorded, and "not seen" where it could not see
      points_list.csv   households with most kinds of need, within each team's places
      need_map.csv      households with two kinds of need or more, by area; small counts hidden
      need_map.html     the same as a page
      start.json        what it was made from

A point is one kind of need of worklist.toml (`[[need]]`) that something recorded speaks for: anybody can count it
again by hand. What a service did (`system_response`) gives no point. Equals are ordered by the published lottery.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from charter.contracts.files import file_digest, write_json, write_text
from charter.contracts.matrix import Matrix, MatrixDate
from charter.errors import DataError
from charter.invocation import Invocation
from charter.programme import Programme
from charter.ranking import order, rank_within, select
from charter.register import Register
from fairness_reports.audit.people import teams_of
from fairness_reports.publish.disclosure import suppress
from fairness_reports.publish.figures import Bar, bars

__all__ = ["needs_of", "start"]

NOT_SEEN = "not seen"
MANY = 2
"""Kinds of need from which on a household counts on the map."""


def start(invocation: Invocation, matrix_folder: Path, day: date) -> Path:
    """Make the three starting points from a matrix built for ranking at `day`; return their folder.

    Raises DataError where worklist.toml names no kind of need that the definition speaks for.
    """
    matrix = Matrix.open(matrix_folder)
    rows = matrix.at(day)
    programme = Programme.load(invocation.programme_folder)
    needs, has = needs_of(matrix, rows, programme.worklist)
    points = has.sum(axis=1)
    entity = np.asarray(rows.entity)
    team = teams_of(np.asarray(rows.area), day, invocation.council)
    place = order(entity, day, points.astype(np.float64))
    capacity = programme.capacity(invocation.council, day)
    listed = select(place, team, capacity) & (points > 0)
    folder = invocation.workspace.start / day.isoformat()
    write_text(folder / "single_view.csv", _single_view(matrix, rows, team))
    within = rank_within(place, team)
    write_text(folder / "points_list.csv", _points_list(needs, has, entity, team, within, listed))
    areas = _by_area(invocation, rows, points)
    write_text(folder / "need_map.csv", _text([("area", "name", "ward", "households", "two_or_more"), *areas]))
    write_text(folder / "need_map.html", _page(invocation, areas, day))
    write_json(
        folder / "start.json",
        {
            "as_of": day.isoformat(),
            "matrix": matrix.manifest["id"],
            "snapshot": matrix.manifest["snapshot"],
            "definition": matrix.manifest["definition"],
            "needs": needs,
            "households": len(entity),
            "listed": int(listed.sum()),
            "inputs": {"matrix/manifest.json": file_digest(matrix.folder / "manifest.json")},
        },
    )
    return folder


def needs_of(matrix: Matrix, rows: MatrixDate, worklist: Mapping[str, Any]) -> tuple[list[str], NDArray[np.bool_]]:
    """Return the kinds of need and which household has which (rows, needs): something recorded speaks for it.

    A feature speaks for a need when its definition says that more of it can only raise the need (`increasing`), it
    is no service's own response, and its value is above 0.
    """
    features = matrix.definition["features"]
    speaking = [one["direction"] == "increasing" and not one["system_response"] for one in features]
    values = np.asarray(rows.features)
    titles, columns = [], []
    for need in worklist.get("need", ()):
        chosen = [
            number
            for number, feature in enumerate(features)
            if speaking[number]
            and any(fnmatchcase(signal, pattern) for signal in feature["signals"] for pattern in need["signals"])
        ]
        if chosen:
            titles.append(str(need["title"]))
            columns.append((np.nan_to_num(values[:, chosen]) > 0).any(axis=1))
    if not titles:
        raise DataError(
            "worklist.toml names no kind of need that the definition speaks for.",
            "Add a [[need]] with the signals that speak for it.",
        )
    return titles, np.column_stack(columns)


def _single_view(matrix: Matrix, rows: MatrixDate, team: NDArray[np.str_]) -> str:
    names = [feature["title"] for feature in matrix.definition["features"]]
    values = np.asarray(rows.features)
    lines: list[Sequence[Any]] = [("household", "team", "area", "members", *names)]
    for number, entity in enumerate(np.asarray(rows.entity)):
        shown = [NOT_SEEN if np.isnan(value) else f"{value:g}" for value in values[number]]
        area = bytes(rows.area[number]).decode()
        lines.append((bytes(entity).decode(), team[number], area, int(rows.members[number]), *shown))
    return _text(lines)


def _points_list(
    needs: Sequence[str],
    has: NDArray[np.bool_],
    entity: NDArray[np.bytes_],
    team: NDArray[np.str_],
    place: NDArray[np.int64],
    listed: NDArray[np.bool_],
) -> str:
    lines: list[Sequence[Any]] = [("team", "place", "household", "points", "kinds of need recorded")]
    for row in sorted(np.flatnonzero(listed), key=lambda row: (team[row], place[row])):
        kinds = [need for need, there in zip(needs, has[row], strict=True) if there]
        lines.append((team[row], int(place[row]), bytes(entity[row]).decode(), len(kinds), "; ".join(kinds)))
    return _text(lines)


def _by_area(invocation: Invocation, rows: MatrixDate, points: NDArray[np.int64]) -> list[tuple[str, ...]]:
    """Count households by area; each count is hidden where small, and the part where it is nearly the whole."""
    register = Register.load(invocation.council.folder / "register.toml")
    if not any(register.permits(source.service, "area_statistics") for source in register.sources):
        return []
    code = np.asarray(rows.area)
    lines: list[tuple[str, ...]] = []
    for area in invocation.council.areas:
        inside = code == area.code.encode()
        whole, many = int(inside.sum()), int((inside & (points >= MANY)).sum())
        # A part that leaves only a few others says as much about those as a small count would.
        shown = suppress(many) if whole - many == 0 or suppress(whole - many).isdigit() else "c"
        lines.append((area.code, area.name, area.ward, suppress(whole), shown))
    return lines


def _page(invocation: Invocation, areas: Sequence[Sequence[str]], day: date) -> str:
    drawn = [Bar(str(name), float(many)) for _, name, _, _, many in areas if many.isdigit()]
    figure = bars("needs", "Households with two kinds of need or more", drawn, axis="Households") if drawn else ""
    environment = Environment(
        loader=PackageLoader("fairness_reports.publish"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    return environment.get_template("need_map.html").render(
        css=Markup(css),  # noqa: S704 - our own stylesheet
        council=invocation.council.name,
        day=day.isoformat(),
        areas=areas,
        figure=figure,
    )


def _text(lines: Sequence[Sequence[Any]]) -> str:
    held = io.StringIO()
    csv.writer(held, lineterminator="\n").writerows(lines)
    return held.getvalue()
