"""A programme's settings that several rooms read: `training.toml` and `worklist.toml`, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from charter.council.council import Council
from charter.council.training_settings import TrainingFile
from charter.council.worklist_settings import WorklistFile
from charter.errors import DataError

__all__ = ["Programme"]


@dataclass(frozen=True)
class Programme:
    """`training` and `worklist` as read.

    Capacity is a team's places of each week (council.toml offers), times `[capacity] weeks` of worklist.toml for one
    as-of date, in whole places.
    """

    name: str
    training: TrainingFile
    worklist: WorklistFile

    @classmethod
    def load(cls, folder: Path) -> Programme:
        """Read both files of the programme in `folder`."""
        return cls(folder.name, TrainingFile.load(folder), WorklistFile.load(folder))

    def capacity(self, council: Council, day: date) -> Mapping[str, int]:
        """Return how many referrals each team can take from the list of one as-of date, by team id.

        Raises DataError where no team offers any help.
        """
        weeks = self.worklist.capacity.weeks
        # A hair above, so that 0.1 places of ten weeks are one whole place.
        places = {team.id: int(team.places * weeks + 1e-6) for team in council.teams if team.serves(day)}
        places = {team: number for team, number in places.items() if number}
        if not places:
            raise DataError(
                f"no team of {council.name} offers any help on {day}.",
                "Add a [[team.offer]] with places to council.toml: a list with no help behind it is surveillance.",
            )
        return places
