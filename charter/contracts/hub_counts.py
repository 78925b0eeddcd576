"""What hubs count of their own work in a week: one file and one set of rules, whoever writes it.

    map/TOPIC/hubs.csv         its column `counted_by`, where a council has one: the ids that may count for a hub on the
                               page of the service, with spaces between; opaque ids, never names
    map/TOPIC/partners.csv     hub, week (its Monday) or quarter, parcels, turned_away
    map/TOPIC/public/map.csv   its columns say which quarters are out: of those nothing is entered any more

The map reads the file with `read_hub_counts`, the page adds a row to it with `keep_hub_week`, and both put every row
through the same refusals. A file says them of its line, a form of what was sent.
"""

from __future__ import annotations

import csv
import fcntl
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from charter.contracts.files import write_text
from charter.errors import DataError

__all__ = [
    "PARTNERS",
    "HubCount",
    "HubWeek",
    "find_newest_out",
    "find_quarter",
    "keep_hub_week",
    "list_hub_weeks",
    "list_own_hubs",
    "read_hub_counts",
    "read_rows",
    "read_whole_number",
]

PARTNERS = "partners.csv"
_COLUMNS = ("hub", "week", "parcels", "turned_away")


@dataclass(frozen=True)
class HubCount:
    """What a hub counts of its own work in a quarter; `weeks` it sent of it, 0 where it sent the quarter as a whole."""

    hub: str
    quarter: str
    parcels: int
    turned_away: int
    weeks: int = 0


@dataclass(frozen=True)
class HubWeek:
    """A week's row as it was typed: texts, judged by nobody yet."""

    hub: str
    week: str
    parcels: str
    turned_away: str


class _Sums:
    """Counts by hub and quarter, as rows are added to them."""

    def __init__(self, hubs: Collection[str]) -> None:
        self.hubs = hubs
        self.counts: dict[tuple[str, str], HubCount] = {}
        self.weeks: set[tuple[str, date]] = set()

    def add(self, row: Mapping[str, str], where: str) -> None:
        """Add a row. Raises DataError, naming `where`, for another hub's, a week that is none, and a second count."""
        parcels, away = (read_whole_number(row, name, where) for name in ("parcels", "turned_away"))
        hub, monday = row.get("hub") or "", _find_monday(row["week"], where) if row.get("week") else None
        quarter = find_quarter(monday) if monday else row.get("quarter") or ""
        if hub not in self.hubs or not quarter:
            raise DataError(f"{where} is of no hub of hubs.csv.", "Name the hub as it is there.")
        before = self.counts.get((hub, quarter))
        mixed = before is not None and bool(monday) != bool(before.weeks)
        if mixed or (monday and (hub, monday) in self.weeks):
            raise DataError(
                f"{where} counts again what an earlier line counts.", "Give each hub one row a week, or its quarters."
            )
        before = before or HubCount(hub, quarter, 0, 0)
        if monday:
            self.weeks.add((hub, monday))
        sums = (before.parcels + parcels, before.turned_away + away, before.weeks + bool(monday))
        self.counts[hub, quarter] = HubCount(hub, quarter, *sums)


def read_hub_counts(path: Path, hubs: Collection[str]) -> list[HubCount]:
    """Read what hubs count of their own work, added up by quarter; nothing where there is no file.

    A week belongs to the quarter that its Monday is in. Raises DataError for another hub's row, a week that is none,
    and what was counted already.
    """
    sums = _Sums(hubs)
    for number, row in enumerate(read_rows(path) if path.exists() else (), start=2):
        sums.add(row, f"line {number} of {path.name}")
    return list(sums.counts.values())


def keep_hub_week(folder: Path, typed: HubWeek, today: date) -> None:
    """Write a week's row into a topic's partners.csv, in the place of an earlier one of that hub and week.

    Raises DataError for what the file would be refused for, a week that has not begun, and a quarter that is out.
    """
    path = folder / PARTNERS
    with (folder / "hubs.csv").open("rb") as handle:
        # Two hubs at a time wait for each other, and nobody waits for a verb that writes elsewhere for an hour.
        fcntl.flock(handle, fcntl.LOCK_EX)
        rows = read_rows(path) if path.exists() else []
        sums, kept = _Sums([row.get("hub") or "" for row in read_rows(folder / "hubs.csv")]), []
        for number, row in enumerate(rows, start=2):
            if (row.get("hub"), row.get("week")) != (typed.hub, typed.week):
                sums.add(row, f"line {number} of {path.name}")
                kept.append(row)
        monday = _find_monday(typed.week, "what was sent")
        sums.add(vars(typed), "what was sent")
        if monday > today:
            raise DataError("what was sent is of a week that has not begun.", "Choose a week that has.")
        if find_quarter(monday) <= find_newest_out(folder):
            raise DataError(
                "what was sent is of a quarter whose map is out.", "Tell the council what was wrong: its map stays."
            )
        # A Monday can be written in other ways too; the file has it in one.
        _write_rows(path, [*kept, {**vars(typed), "week": monday.isoformat()}])


def list_own_hubs(folder: Path, user: str) -> list[str]:
    """Return the open hubs of a topic for which somebody counts, by the column `counted_by`; none without it."""
    path = folder / "hubs.csv"
    rows = read_rows(path) if path.exists() else ()
    return [
        row["hub"]
        for row in rows
        if row.get("hub") and row.get("state") == "open" and user in (row.get("counted_by") or "").split()
    ]


def list_hub_weeks(folder: Path, hub: str) -> list[HubWeek]:
    """Return the weeks that were counted of a hub, the newest first."""
    path = folder / PARTNERS
    rows = read_rows(path) if path.exists() else ()
    weeks = [
        HubWeek(hub, *(row.get(name) or "" for name in _COLUMNS[1:]))
        for row in rows
        if row.get("hub") == hub and row.get("week")
    ]
    return sorted(weeks, key=lambda row: row.week, reverse=True)


def find_newest_out(folder: Path) -> str:
    """Return the newest quarter of a topic's public map ("2026-Q3"), "" before there is one."""
    path = folder / "public" / "map.csv"
    if not path.exists():
        return ""
    with path.open(encoding="utf-8") as handle:
        names = handle.readline().strip().split(",")
    parts = [name.split("_") for name in names if name.startswith("pooled_")]
    return max((f"{year}-{quarter.upper()}" for _, year, quarter in parts), default="")


def find_quarter(monday: date) -> str:
    """Return the quarter that a week's Monday is in: "2026-Q3"."""
    return f"{monday.year}-Q{(monday.month + 2) // 3}"


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return a CSV's rows by its header. Raises DataError for what is no CSV in UTF-8."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            return list(csv.DictReader(handle))
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"{path.name} can't be read.", "Put a CSV file in UTF-8 there.") from error


def read_whole_number(row: Mapping[str, str], name: str, where: str) -> int:
    """Return a row's count. Raises DataError, naming `where`, for what is no whole number."""
    text = row.get(name) or ""
    if not (text.isascii() and text.isdigit()):
        raise DataError(f"{where} has no whole number in {name}.", "Counts are whole numbers.")
    return int(text)


def _find_monday(week: str, where: str) -> date:
    try:
        monday = date.fromisoformat(week)
    except ValueError:
        monday = None
    if monday is None or monday.weekday():
        raise DataError(f"{where} has no Monday in week.", "Write the week's Monday: 2026-07-06.")
    return monday


def _write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    columns = [*_COLUMNS, *(["quarter"] if any(row.get("quarter") for row in rows) else ())]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
