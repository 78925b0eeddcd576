"""`sooner check`: everything that is wrong with a council's folder, at once, without running anything on data.

Every file of the folder and of each programme is read by the reader that the verbs use, with what it may refer to.
Where a file has slips, what it would have named is not known, and the others are not held to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

from charter.contracts.matrix import count_codes
from charter.council.costs_file import CostsFile
from charter.council.council import Council
from charter.council.engagement_file import EngagementFile
from charter.council.limits import Limits
from charter.council.points_list import PointsFile
from charter.council.practice import Practice
from charter.council.public_file import PublicFile
from charter.council.reading import File
from charter.council.receivers import Receivers
from charter.council.records_file import RecordsFile
from charter.council.register import Register
from charter.council.sign_in import SignIn
from charter.council.starts_file import StartsFile
from charter.council.training_settings import TrainingFile
from charter.council.trial_design import TrialFile
from charter.council.worklist_settings import WorklistFile
from charter.errors import DefinitionError, SoonerError, UsageError
from charter.purposes import LOOK
from charter.rules.policy import Policy
from charter.rules.scenarios import Scenarios
from charter.signing.engaged_uses import find_new_uses, list_uses, say_new_uses
from charter.signing.exchanges import EXCHANGE_FILE, ExchangeFile
from features.charter_words import refuse_unknown_to_charter
from features.grammar import Definition
from features.permission import Permission, refuse_hidden

__all__ = ["check_council", "list_notes", "list_slips"]

_Value = TypeVar("_Value")

_MAY_BE_THERE: Mapping[str, type[File]] = {
    "trial.toml": TrialFile,
    EXCHANGE_FILE: ExchangeFile,
    "costs.toml": CostsFile,
    "starts.toml": StartsFile,
}
"""Files of a council that nothing waits for."""


def check_council(folder: Path, today: date) -> tuple[SoonerError, ...]:
    """Return every refusal that a verb could meet in the files of `folder`, in the order in which they are read.

    What a file names in another (a programme, a signal, a feature) must be there too: a verb would meet it late, or
    pass it over.
    """
    reading = _Reading()
    programmes = sorted(path.parent.name for path in folder.glob("*/definition.py"))
    known: dict[str, Collection[str]] = {"programme": programmes} if programmes else {}
    reading.attempt(Council.read, folder / "council.toml", known)
    policy = reading.attempt(Policy.read, folder / "charter.toml", known)
    if policy is not None:
        reading.attempt(policy.require_review, today)
        reading.attempt(Scenarios.load, folder / "scenarios.toml", policy)
        known["role"] = policy.acting.ids
        _check_sign_in(reading, folder, policy)
    whole: Policy | None = None
    register = reading.attempt(Register.read, folder / "register.toml", known)
    if register is not None:
        known["source"] = [source.service for source in register.sources]
        known["signal"] = {signal.name for source in register.sources for signal in source.signals}
        if policy is not None:
            whole = reading.attempt(Policy.read, folder / "charter.toml", known)
            if whole is not None:
                reading.attempt(refuse_unknown_to_charter, register, whole)
            uses = [*programmes, *(check.purpose for check in register.checks)]
            reading.attempt(PublicFile.load, folder, uses, [principle.id for principle in policy.principles])
    if (folder / "practice.toml").exists():
        reading.attempt(Practice.load, folder)
    reading.attempt(Limits.load, folder)
    reading.attempt(Receivers.load, folder)
    reading.attempt(RecordsFile.load, folder, programmes)
    for file, kind in _MAY_BE_THERE.items():
        if (folder / file).exists():
            reading.attempt(kind.read, folder / file, known)
    if not programmes:
        reading.faults.append(UsageError(f"{folder} has no programme.", "Add a folder with a definition.py to it."))
    engagements = reading.attempt(EngagementFile.find, folder, known)
    for name in programmes:
        definition = _check_programme(reading, folder / name, known)
        if definition is not None and whole is not None and register is not None:
            reading.attempt(refuse_hidden, definition, whole, register)
            reading.attempt(_refuse_looks, folder / name, definition, whole, register)
            if engagements is not None:
                reading.attempt(_refuse_new_uses, engagements, name, definition, today)
    # A file that is read twice is refused twice in the same words.
    return tuple({error.message: error for error in reversed(reading.faults)}.values())[::-1]


def list_notes(folder: Path) -> tuple[str, ...]:
    """Return what is no fault of a council's folder, whose every file can be read, and that somebody may ask about.

    Of each programme with lots below the line: how many looks a year charter.toml allows, or that it names no most.
    """
    policy = Policy.read(folder / "charter.toml")
    most = policy.most_looks_a_year
    notes = []
    for path in sorted(folder.glob("*/worklist.toml")):
        if share := WorklistFile.load(path.parent).exploration.share:
            words = (
                "and charter.toml names no most for a year: [exploration] most_a_year."
                if most is None
                else f"at most {most} in any twelve months."
            )
            notes.append(
                f"{path.parent.name}: {share:g} of each list goes by lot to households below the line, {words}"
            )
            if policy.looks_purpose is None:
                notes.append(
                    f"{path.parent.name}: charter.toml names no purpose for looks below the line ([exploration] purpose"
                    f' = "{LOOK}"): they are made for the purposes of lists.'
                )
    return tuple(notes)


def _refuse_looks(programme: Path, definition: Definition, policy: Policy, register: Register) -> None:
    """Raise CharterError for a signal that looks below the line may not use, where they have their own purpose."""
    settings = WorklistFile.load(programme)
    if policy.looks_purpose is not None and (settings.exploration.share or settings.second_look.below):
        Permission.of(policy, register, policy.looks_purpose).check(definition, policy, register)


def _refuse_new_uses(file: EngagementFile, programme: str, definition: Definition, day: date) -> None:
    """Raise SignOffError for sources and needs of a definition that nobody was asked about.

    Which model makes the order is known, and asked, when one is promoted.
    """
    new = find_new_uses(file, programme, list_uses(definition.document()), day)
    if new:
        raise say_new_uses(programme, new)


def list_slips(error: SoonerError) -> list[str]:
    """Return each slip that a refusal of a file names, as a line of its own."""
    heading, *slips = error.message.splitlines()
    return [slip.strip() for slip in slips] or [heading]


@dataclass(frozen=True)
class _Reading:
    """What has been refused so far."""

    faults: list[SoonerError] = field(default_factory=list)

    def attempt(self, read: Callable[..., _Value], *arguments: object) -> _Value | None:
        """Return what `read` gives, or None where it refuses; the refusal is kept."""
        try:
            return read(*arguments)
        except SoonerError as error:
            self.faults.append(error)
            return None


def _check_sign_in(reading: _Reading, folder: Path, policy: Policy) -> None:
    """Read sign_in.toml where there is one: its roles and teams are the council's, and every role can sign in."""
    council = reading.attempt(Council.load, folder)
    if council is None or not (folder / "sign_in.toml").exists():
        return
    table = reading.attempt(SignIn.load, folder, policy.acting.ids, [team.id for team in council.teams])
    if table is not None:
        acting = [role.id for role in policy.acting if role.acts]
        reading.attempt(table.require_every_role, acting)


def _check_programme(reading: _Reading, folder: Path, known: Mapping[str, Collection[str]]) -> Definition | None:
    """Read a programme's files; return its definition where all that it names is there."""
    definition = reading.attempt(_read_definition, folder, known.get("signal"))
    if definition is not None:
        known = {**known, "feature": [feature.name for feature in definition.features]}
    training = reading.attempt(TrainingFile.read, folder / "training.toml", known)
    worklist = reading.attempt(WorklistFile.read, folder / "worklist.toml", known)
    if worklist is not None:
        reading.attempt(worklist.require_decisions)
    agreed = training is not None and "agreed" in training.models.compare
    if agreed or (folder / "points.toml").exists():
        categories = count_codes(definition.document()) if definition is not None else ()
        reading.attempt(PointsFile.load, folder / "points.toml", known.get("feature"), categories)
    return definition


def _read_definition(folder: Path, signals: Collection[str] | None) -> Definition:
    """Read a programme's definition; raise DefinitionError for a signal that the register does not declare."""
    definition = Definition.load(folder / "definition.py")
    unknown = sorted(set(definition.signals) - set(signals)) if signals is not None else []
    if unknown:
        raise DefinitionError(
            f"definition.py of {folder.name} asks for {', '.join(unknown)}, which register.toml does not declare.",
            "Add a [[source.signal]] row for each, or leave the question out.",
        )
    return definition
