"""What a council decides about itself: its name, time zone, areas, teams and offers of help (`council.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from charter.errors import DataError, UsageError

__all__ = ["Area", "Council", "Cover", "Offer", "Team", "read_toml"]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raise UsageError if it is missing, DataError with the place if it is not TOML."""
    try:
        with path.open("rb") as handle:
            return tomllib.load(handle)
    except FileNotFoundError:
        raise UsageError(
            f"{path} is missing.", "Copy Sooner's own `council/` folder and edit it, or name yours with --council."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path.name} is not TOML: {error}.", "Mend that line and try again.") from None


@dataclass(frozen=True)
class Area:
    """A Lower layer Super Output Area (2021) and the ward it belongs to."""

    code: str
    name: str
    ward: str


@dataclass(frozen=True)
class Offer:
    """Help that a team can give: what, by whom, how many places a week, and what it is expected to change."""

    title: str
    by: str
    places: int
    expected: str


@dataclass(frozen=True)
class Cover:
    """Another team, by its id, whose people stand in between two dates (half-open)."""

    by: str
    start: date
    end: date


@dataclass(frozen=True)
class Team:
    """A team, the wards it serves, and the dates between which it does (half-open).

    `lead` is the role that answers for its cases; `programmes` are those it has lists of, none named: all; `cover`
    says who stands in and when.
    """

    id: str
    title: str
    contact: str
    wards: tuple[str, ...]
    start: date
    end: date | None
    offers: tuple[Offer, ...]
    lead: str = ""
    programmes: tuple[str, ...] = ()
    cover: tuple[Cover, ...] = ()

    @property
    def places(self) -> int:
        """Places a week over all offers: the team's capacity."""
        return sum(offer.places for offer in self.offers)

    def serves(self, day: date) -> bool:
        """Whether the team exists on `day`."""
        return self.start <= day and (self.end is None or day < self.end)


@dataclass(frozen=True)
class Council:
    """A council folder: `council.toml` read, and where its other files are."""

    folder: Path
    name: str
    time_zone: ZoneInfo
    contact: str
    areas: tuple[Area, ...]
    teams: tuple[Team, ...]
    example: bool

    @classmethod
    def load(cls, folder: Path) -> Council:
        """Read `folder/council.toml`; raise UsageError or DataError with the key and the rule it breaks."""
        raw = read_toml(folder / "council.toml")
        try:
            return cls(
                folder=folder,
                name=raw["name"],
                time_zone=ZoneInfo(raw["time_zone"]),
                contact=raw.get("contact", ""),
                areas=tuple(Area(row["code"], row["name"], row["ward"]) for row in raw.get("area", ())),
                teams=tuple(_team(row) for row in raw.get("team", ())),
                example=_has_example(raw),
            )
        except KeyError as error:
            raise DataError(f"council.toml lacks the key {error}.", "Add it, as in Sooner's own council.") from None
        except ZoneInfoNotFoundError:
            raise DataError(
                f"council.toml names no known time zone: {raw['time_zone']!r}.", 'Write one like "Europe/London".'
            ) from None

    def serving(self, programme: str) -> Council:
        """Return the council with the teams of one programme alone; raise DataError where it has none."""
        teams = tuple(team for team in self.teams if not team.programmes or programme in team.programmes)
        if self.teams and not teams:
            raise DataError(
                f"no team of {self.name} has lists of the programme {programme}.",
                "Name it in `programmes` of a [[team]] in council.toml, or leave that key out of one.",
            )
        return replace(self, teams=teams)

    @property
    def programmes(self) -> tuple[str, ...]:
        """The names of the council's programmes: its folders that hold a `definition.py`."""
        return tuple(sorted(path.parent.name for path in self.folder.glob("*/definition.py")))

    def midnight(self, day: date) -> datetime:
        """Return 00:00 of `day` in the council's time zone, as UTC: what an as-of date means."""
        return datetime.combine(day, time.min, self.time_zone).astimezone(UTC)

    def covering(self, teams: frozenset[str], day: date) -> frozenset[str]:
        """Return `teams` (ids) and those that they stand in for on `day`; cover is not handed on."""
        covered = {
            team.id
            for team in self.teams
            for cover in team.cover
            if cover.by in teams and cover.start <= day < cover.end
        }
        return teams | covered

    def teams_by_area(self, day: date) -> Mapping[str, Team]:
        """Return the team that serves each area on `day`; a council with one team and no areas serves all with it."""
        by_ward = {ward: team for team in self.teams if team.serves(day) for ward in team.wards}
        return {area.code: by_ward[area.ward] for area in self.areas if area.ward in by_ward}

    def team_of(self, area: str, day: date) -> Team | None:
        """Return the team that serves `area` on `day`; a single team without wards serves every area."""
        serving = [team for team in self.teams if team.serves(day)]
        if len(serving) == 1 and not serving[0].wards:
            return serving[0]
        return self.teams_by_area(day).get(area)


def _team(row: Mapping[str, Any]) -> Team:
    offers = tuple(Offer(o["title"], o["by"], int(o["places"]), o["expected"]) for o in row.get("offer", ()))
    return Team(
        row["id"],
        row["title"],
        row.get("contact", ""),
        tuple(row.get("wards", ())),
        row["start"],
        row.get("end"),
        offers,
        row.get("lead", ""),
        tuple(row.get("programmes", ())),
        tuple(_cover(row["id"], one) for one in row.get("cover", ())),
    )


def _cover(team: str, row: Mapping[str, Any]) -> Cover:
    cover = Cover(row["by"], row["start"], row["end"])
    if cover.by == team or not cover.start < cover.end:
        raise DataError(
            f"council.toml: cover of {team} by {cover.by} from {cover.start} to {cover.end} covers nothing.",
            "Name another team, and an end after its start.",
        )
    return cover


def _has_example(value: Any) -> bool:
    """Whether any row below `value` still carries `example = true`."""
    if isinstance(value, dict):
        return value.get("example") is True or any(_has_example(child) for child in value.values())
    if isinstance(value, list):
        return any(_has_example(child) for child in value)
    return False
