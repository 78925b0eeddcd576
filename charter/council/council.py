"""What a council decides about itself: its name, time zone, areas, teams and offers of help (`council.toml`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from charter.council.reading import File, Listed, MarkedRow, Origin, RefersTo, Row, Text, broken
from charter.council.shape import toml_text
from charter.errors import DataError

__all__ = ["Area", "Council", "Cover", "Keeping", "Offer", "Team"]


class Area(MarkedRow):
    """A Lower layer Super Output Area (2021) and the ward it belongs to."""

    identity = "code"

    code: Annotated[Text, Field(description="Its LSOA 2021 code, as data about homes has it.", examples=["E01000001"])]
    name: Annotated[Text, Field(description="What it is called.", examples=["Alderbrook 1"])]
    ward: Annotated[Text, Field(description="The ward it belongs to; teams serve wards.", examples=["Alderbrook"])]


class Offer(MarkedRow):
    """Help that a team can give: what, by whom, how many places a week, and what it is expected to change.

    A team without one gets no list, because a list with no help behind it is surveillance.
    """

    title: Annotated[Text, Field(description="What is offered.", examples=["Family support worker, eight weeks"])]
    by: Annotated[Text, Field(description="Who gives it.", examples=["North family help team"])]
    places: Annotated[
        float,
        Field(
            ge=0,
            description="How many households the team can take on each week; 0.5 is one every two weeks.",
            examples=[5],
        ),
    ]
    expected: Annotated[
        Text,
        Field(
            description="What the help should change, and how that is measured.",
            examples=["Fewer unmet needs twelve months later; measured by `sooner trial`."],
        ),
    ]


class Cover(MarkedRow):
    """Another team, by its id, whose people stand in between two dates (half-open)."""

    by: Annotated[
        str, RefersTo("team", "council.toml"), Field(description="The team that stands in.", examples=["east"])
    ]
    start: Annotated[date, Field(description="The first day.", examples=[date(2026, 8, 1)])]
    end: Annotated[date, Field(description="The day after the last.", examples=[date(2026, 8, 15)])]

    @model_validator(mode="after")
    def _covers_a_day(self) -> Self:
        if not self.start < self.end:
            raise broken("ends before it begins", "Write an `end` after its `start`.")
        return self


class Team(MarkedRow):
    """A team, the wards it serves, and the dates between which it does (half-open)."""

    identity = "id"

    id: Annotated[Text, Field(description="Its id, in files and web addresses.", examples=["north"])]
    title: Annotated[Text, Field(description="What it is called on pages.", examples=["North family help team"])]
    contact: Annotated[
        str, Field(description="Where people reach it.", examples=["north-family-help@fernhill.example"])
    ] = ""
    wards: Annotated[
        Listed[Annotated[str, RefersTo("ward", "any [[area]]")]],
        Field(
            description="The wards it serves; none named, with no other team: everywhere.",
            examples=[["Alderbrook", "Castle Rise"]],
        ),
    ] = ()
    start: Annotated[date, Field(description="The first day on which it serves.", examples=[date(2016, 1, 1)])]
    end: Annotated[
        date | None,
        Field(
            description="The day from which it does not serve any more; none: still there.", examples=[date(2030, 1, 1)]
        ),
    ] = None
    offers: Annotated[Listed[Offer], Field(validation_alias="offer", description="The help it can give.")] = ()
    lead: Annotated[
        str,
        Field(description="The role that answers for its cases, in words.", examples=["Family help team manager"]),
    ] = ""
    programmes: Annotated[
        Listed[Annotated[str, RefersTo("programme", "the council's folder")]],
        Field(description="The programmes whose lists it gets; none named: all.", examples=[["early_help"]]),
    ] = ()
    cover: Annotated[Listed[Cover], Field(description="Who stands in for it, and when.")] = ()

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if self.end is not None and not self.start < self.end:
            raise broken("ends before it begins", "Write an `end` after its `start`, or leave it out.")
        if any(cover.by == self.id for cover in self.cover):
            raise broken("is to stand in for itself", "Name another team in its [[team.cover]].")
        return self

    @property
    def places(self) -> float:
        """Places a week over all offers: the team's capacity."""
        return sum(offer.places for offer in self.offers)

    def serves(self, day: date) -> bool:
        """Whether the team exists on `day`."""
        return self.start <= day and (self.end is None or day < self.end)


class Keeping(Row):
    """How long what Sooner itself makes of people is kept; what services send is kept as register.toml says."""

    case_years: Annotated[
        int | None,
        Field(
            ge=1,
            description="Calendar years for which a case is kept after the last thing that happened in it: its sealed "
            "record, decisions, notes, agreements and messages. Not stated: cases stay, and `sooner retain` says so.",
            examples=[6],
        ),
    ] = None
    backup_days: Annotated[
        int | None,
        Field(
            ge=1,
            description="Days for which a backup, and what a restore replaced, is kept. Not stated: until somebody "
            "removes it.",
            examples=[35],
        ),
    ] = None
    form_years: Annotated[
        int | None,
        Field(
            ge=1,
            description="Calendar years for which a form that a resident sent is kept after it was answered; one that "
            "asks for no answer, after it came. Not stated: forms stay, and `sooner retain` says so.",
            examples=[2],
        ),
    ] = None


def _zone(value: Any) -> ZoneInfo:
    try:
        return value if isinstance(value, ZoneInfo) else ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise broken(f"is {toml_text(value)}, which is no time zone", 'Write one like "Europe/London".') from None


class Council(File):
    """A council folder: `council.toml` read, and where its other files are."""

    heading = "What the council is: teams, offers of help and areas"
    signed_by = "Nobody signs it: whoever answers for the teams keeps it true."

    name: Annotated[Text, Field(description="What the council is called.", examples=["Borough of Fernhill"])]
    time_zone: Annotated[
        ZoneInfo,
        BeforeValidator(_zone),
        WithJsonSchema({"type": "string"}),
        Field(description="Where a day begins and ends.", examples=["Europe/London"]),
    ]
    contact: Annotated[
        str, Field(description="Where residents reach it.", examples=["family-help@fernhill.example"])
    ] = ""
    keeping: Annotated[Keeping, Field(description="How long cases and backups are kept.")] = Keeping()
    areas: Annotated[
        Listed[Area], Field(validation_alias="area", description="Its areas and the wards they belong to.")
    ] = ()
    teams: Annotated[
        Listed[Team], Field(validation_alias="team", description="Its teams and what each can offer.")
    ] = ()

    @classmethod
    def load(cls, folder: Path) -> Council:
        """Read `folder/council.toml`; raise UsageError where it is missing, DataError with every slip in it."""
        return cls.read(folder / "council.toml")

    @classmethod
    def names(cls, raw: Mapping[str, Any]) -> dict[str, frozenset[str]]:
        """Return the ids that rows of the file can name, the wards of its areas with them."""
        areas = raw.get("area")
        wards = [row.get("ward") for row in areas if isinstance(row, dict)] if isinstance(areas, list) else []
        return super().names(raw) | {"ward": frozenset(ward for ward in wards if isinstance(ward, str))}

    def copied_to(self, folder: Path) -> Council:
        """Return the same council as it is in a copy of its folder."""
        copy = self.model_copy()
        copy._origin = Origin(folder / self.path.name, self.content, self.sha256)
        return copy

    @property
    def folder(self) -> Path:
        """The council's folder."""
        return self.path.parent

    def serving(self, programme: str) -> Council:
        """Return the council with the teams of one programme alone; raise DataError where it has none."""
        teams = tuple(team for team in self.teams if not team.programmes or programme in team.programmes)
        if self.teams and not teams:
            raise DataError(
                f"no team of {self.name} has lists of the programme {programme}.",
                "Name it in `programmes` of a [[team]] in council.toml, or leave that key out of one.",
            )
        return self.model_copy(update={"teams": teams})

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
