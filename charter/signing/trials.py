"""A trial in force: its file signed by whoever signs trials, and question and analysis fixed before the first lot.

    council/trial.toml                                  the design
    council/signoffs.toml                               that it was signed: of these very bytes
    workspace/trials/PROGRAMME/NAME/registration.json   the design as it was, the analysis, both by their sha256, and
                                                        the seed of all lots

The log has the sha256 of design, analysis and seed when the trial is registered, so that none of them can be chosen
afterwards. The seed is nobody's choice: it follows from the council's key and the design's bytes. Each list's own seed
follows from it (charter.rules.holdout) and is kept with the list's lots.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import content_id, read_json, write_json
from charter.contracts.workspace import Workspace
from charter.council.trial_design import TrialFile
from charter.errors import CharterError, DataError, SignOffError, UsageError
from charter.invocation import Invocation
from charter.signing.signoffs import list_missing, read_charter_signoffs
from charter.vault.command_log import CommandLog
from charter.vault.key import Key

__all__ = [
    "Registration",
    "RunningTrial",
    "find_running_trial",
    "list_registrations",
    "read_registration",
    "register_trial",
    "require_signed",
]

_SEED_PURPOSE = "trial lots"


@dataclass(frozen=True)
class Registration:
    """A trial as it was registered: `design` is the text of trial.toml, `analysis` what will be computed and how.

    `seed` (64 hexadecimal digits) is what every list's lot follows from.
    """

    schema_version: int
    name: str
    programme: str
    registered_at: str
    trial_sha256: str
    design: str
    analysis: Mapping[str, Any]
    analysis_sha256: str
    seed: str
    seed_sha256: str

    @property
    def trial(self) -> TrialFile:
        """The design as it was registered."""
        return TrialFile.model_validate(tomllib.loads(self.design), by_alias=True, by_name=False)


@dataclass(frozen=True)
class RunningTrial:
    """A signed and registered trial, on a day on which it draws lots."""

    trial: TrialFile
    registration: Registration


def _path(workspace: Workspace, name: str) -> Path:
    return workspace.trials / name / "registration.json"


def read_registration(workspace: Workspace, name: str) -> Registration | None:
    """Return a trial's registration; None where there is none. Raises DataError where it was changed."""
    path = _path(workspace, name)
    if not path.exists():
        return None
    registration = Registration(**read_json(path))
    whole = (
        hashlib.sha256(registration.design.encode()).hexdigest() == registration.trial_sha256
        and content_id(registration.analysis) == registration.analysis_sha256
        and hashlib.sha256(bytes.fromhex(registration.seed)).hexdigest() == registration.seed_sha256
    )
    if not whole:
        raise DataError(
            f"the registration of the trial {name} was changed after it was made.",
            "Bring back the copy of a backup; the log has the digests that it had.",
        )
    return registration


def list_registrations(workspace: Workspace) -> tuple[Registration, ...]:
    """Return every registered trial of the programme, by name."""
    names = sorted(path.parent.name for path in workspace.trials.glob("*/registration.json"))
    return tuple(entry for name in names if (entry := read_registration(workspace, name)) is not None)


def require_signed(invocation: Invocation, trial: TrialFile, *, synthetic: bool) -> None:
    """Raise SignOffError unless every role that signs trials has signed these bytes, CharterError where none does."""
    policy = invocation.policy
    if not policy.signers("trial"):
        raise CharterError(
            "the charter names no role that signs a trial, so nobody may be held out by one.",
            'Add "trial" to `signs` of a [[role]] in charter.toml, such as the chair of the residents\' panel.',
        )
    signoffs = read_charter_signoffs(invocation)
    lacking = list_missing("trial", trial.sha256, policy, signoffs, invocation.today, synthetic=synthetic)
    if lacking:
        raise SignOffError(
            f"trial.toml, as it stands, is not signed by {', '.join(role.title for role in lacking)}.",
            f"Let each role type `sooner sign --role {lacking[0].id} --what trial`.",
        )


def register_trial(
    invocation: Invocation, trial: TrialFile, analysis: Mapping[str, Any], *, synthetic: bool
) -> Registration:
    """Fix a signed trial's question and analysis, before its first lot, and return what was registered.

    Raises UsageError where one of that name is registered already or its first day is over, and what `require_signed`
    raises.
    """
    require_signed(invocation, trial, synthetic=synthetic)
    if read_registration(invocation.workspace, trial.name) is not None:
        raise UsageError(
            f"the trial {trial.name} is registered already, and a registration is never written again.",
            "Give another trial another name; what changed in this one is listed beside its answer.",
        )
    if _has_ended(trial, invocation.today):
        raise UsageError(f"the trial {trial.name} ended on {trial.until}.", "Register a trial before it begins.")
    key = Key.load(invocation.council, invocation.workspace)
    seed = hashlib.sha256(key.derive(_SEED_PURPOSE) + bytes.fromhex(trial.sha256)).digest()
    registration = Registration(
        schema_version=SCHEMA_VERSION,
        name=trial.name,
        programme=trial.programme,
        registered_at=datetime.now(UTC).isoformat(timespec="seconds"),
        trial_sha256=trial.sha256,
        design=trial.content.decode("utf-8"),
        analysis=analysis,
        analysis_sha256=content_id(analysis),
        seed=seed.hex(),
        seed_sha256=hashlib.sha256(seed).hexdigest(),
    )
    write_json(_path(invocation.workspace, trial.name), asdict(registration))
    CommandLog.under(key, invocation.workspace).append(
        actor="command",
        role="command",
        action="register trial",
        subject=trial.sha256,
        detail={
            "name": trial.name,
            "analysis_sha256": registration.analysis_sha256,
            "seed_sha256": registration.seed_sha256,
        },
    )
    return registration


def _has_ended(trial: TrialFile, today: date) -> bool:
    return trial.until <= today


def find_running_trial(invocation: Invocation, day: date, *, synthetic: bool) -> tuple[RunningTrial | None, str]:
    """Return the trial of the programme that draws lots on lists of `day`, or none and why a planned one does not.

    Where no trial is planned for that day there is nothing to say: an empty text.
    """
    trial = TrialFile.find(invocation.council)
    if trial is None or trial.programme != invocation.programme or not trial.runs_on(day):
        return None, ""
    try:
        require_signed(invocation, trial, synthetic=synthetic)
    except (CharterError, SignOffError) as error:
        return None, f"Nobody is held out: {error.message}"
    registration = read_registration(invocation.workspace, trial.name)
    if registration is None:
        return None, f"Nobody is held out: the trial {trial.name} is signed and not registered."
    if registration.trial_sha256 != trial.sha256:
        return None, f"Nobody is held out: trial.toml is another than the trial {trial.name} that was registered."
    return RunningTrial(trial, registration), ""
