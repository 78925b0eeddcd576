"""A stepped trial's lot and turns: which unit's lists begin at which step, and whose turn it was on each list's day.

    trials/PROGRAMME/NAME/registration.json        the units and the seed, both by their sha256 in the log
    trials/PROGRAMME/NAME/turns/TEAM-DATE.json     whose turn a list's day was, in units that have begun and in others

The steps follow from the registration alone, so anybody can draw them again. A turn is taken by rank as if all had
begun, once by each household: so who takes part, and when, is the same whatever the lot said. Whose unit has not
begun is not listed by it, and keeps every ordinary way to help.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from charter.council.trial_design import Stepped
from charter.errors import DataError
from charter.signing.trials import Registration

__all__ = ["ListTurns", "Turn", "check_turns", "draw_steps", "find_begins", "read_turns", "spread_steps", "write_turns"]


@dataclass(frozen=True)
class Turn:
    """A household whose turn it was: its unit, its rank and margin then, and whether the unit had begun."""

    entity: str
    unit: str
    rank: int
    margin: float
    begun: bool


@dataclass(frozen=True)
class ListTurns:
    """Everybody whose turn a team's list of a day was, by rank."""

    trial: str
    list: str
    as_of: date
    turns: tuple[Turn, ...]


def spread_steps(units: int, steps: int) -> list[int]:
    """Return at which step each unit starts, from 1, as evenly as they go. Four units in three steps: 1, 1, 2, 3."""
    return sorted(number % steps + 1 for number in range(units))


def draw_steps(seed: str, units: Sequence[str], design: Stepped) -> dict[str, int]:
    """Return each unit's step, from 0, by the lot: sha256 of seed and unit; the smallest begin first.

    The first step is on the trial's first day.
    """
    drawn = sorted(units, key=lambda unit: hashlib.sha256(f"{seed}/step/{unit}".encode()).digest())
    steps = spread_steps(len(drawn), min(design.steps, len(drawn)))
    return {unit: step - 1 for unit, step in zip(drawn, steps, strict=True)}


def find_begins(registration: Registration) -> Mapping[str, date]:
    """Return the first day of each unit's lists, as registered."""
    trial = registration.trial
    steps = draw_steps(registration.seed, registration.analysis["units"], trial.stepped)
    return {unit: trial.starts + timedelta(weeks=step * trial.stepped.step_weeks) for unit, step in steps.items()}


def write_turns(workspace: Workspace, turns: ListTurns) -> Path:
    """Write whose turn a list's day was; return the file."""
    path = workspace.trials / turns.trial / "turns" / f"{turns.list}.json"
    write_json(path, asdict(turns) | {"schema_version": SCHEMA_VERSION, "as_of": turns.as_of.isoformat()})
    return path


def read_turns(workspace: Workspace, trial: str) -> tuple[ListTurns, ...]:
    """Return the turns of every list of a trial, by list; raise DataError for a file that is none."""
    return tuple(_read(path) for path in sorted((workspace.trials / trial / "turns").glob("*.json")))


def _read(path: Path) -> ListTurns:
    try:
        raw = read_json(path)
        turns = tuple(Turn(**row) for row in raw["turns"])
        return ListTurns(raw["trial"], raw["list"], date.fromisoformat(raw["as_of"]), turns)
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path.name} holds no turns.", "Bring it back from a backup.") from None


def check_turns(lists: Sequence[ListTurns], begins: Mapping[str, date]) -> Iterator[str]:
    """Yield a sentence for each list on which somebody's unit is not as the lot says."""
    for turns in lists:
        if any(turn.begun != (begins.get(turn.unit, date.max) <= turns.as_of) for turn in turns.turns):
            yield f"On the list {turns.list} units had begun, or waited, otherwise than the lot says."
