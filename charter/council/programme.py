"""A programme's settings that several rooms read: `training.toml` and `worklist.toml`, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from charter.council.council import Council
from charter.council.reading import Origin, read_toml
from charter.errors import DataError

__all__ = ["Programme"]


@dataclass(frozen=True)
class Programme:
    """`training` and `worklist` as read; each room validates the sections it owns.

    Owners: `[as_of]` features; the rest of training.toml training; worklist.toml serving. Capacity is shared: a
    team's places of each week (council.toml offers), times `[capacity] weeks` of worklist.toml for one as-of date.
    """

    name: str
    training: Mapping[str, Any]
    worklist: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Programme:
        """Read both files of the programme in `folder`."""
        return cls(
            folder.name, read_toml(Origin.of(folder / "training.toml")), read_toml(Origin.of(folder / "worklist.toml"))
        )

    def capacity(self, council: Council, day: date) -> Mapping[str, int]:
        """Return how many referrals each team can take from the list of one as-of date, by team id.

        Raises DataError where no team offers any help.
        """
        weeks = int(self.worklist.get("capacity", {}).get("weeks", 1))
        places = {team.id: team.places * weeks for team in council.teams if team.serves(day) and team.places > 0}
        if not places:
            raise DataError(
                f"no team of {council.name} offers any help on {day}.",
                "Add a [[team.offer]] with places to council.toml: a list with no help behind it is surveillance.",
            )
        return places
