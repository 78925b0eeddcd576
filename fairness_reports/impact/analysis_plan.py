"""What a trial's answer will be, in words and figures, fixed by `sooner trial register` before there is one.

trial.toml + the programme's definition  ->  write_analysis  ->  the registration, by its sha256 in the log
the same again when the answer is given  ->  list_deviations ->  a sentence for each thing that changed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charter.council.council import Council
from charter.council.slips import choose
from charter.council.trial_design import WHOLE_OUTCOME, TrialFile
from charter.errors import DefinitionError
from charter.signing.trials import Registration

__all__ = ["list_components", "list_deviations", "list_units", "write_analysis"]

_VERSION = 1


def write_analysis(trial: TrialFile, definition: Mapping[str, Any], council: Council) -> dict[str, Any]:
    """Return the analysis of a trial as JSON values.

    Raises DefinitionError where the outcome has no component of a name in trial.toml, or where the primary outcome is
    of the records of a service whose workers act on the list: they would record what they did.
    """
    primary = list_components(trial, definition)
    acting = sorted({service for part in primary for service in part["services"]} & set(trial.outcome.acting))
    if acting:
        raise DefinitionError(
            f"trial.toml: the primary outcome is recorded by {', '.join(acting)}, whose workers act on the list.",
            "Choose a component that others record, or leave the service out of `acting` if it does not act.",
        )
    analysis = {
        "version": _VERSION,
        "question": trial.question,
        "estimand": "What being listed now rather than later changes, for households just above and below the line.",
        "design": trial.design,
        "population": "Every household that a lot of the trial decided on, once, by its first lot, in the arm that the "
        "lot gave it, whatever came of it.",
        "definition": str(definition["hash"]),
        "horizon": dict(definition["outcome"]["horizon"]),
        "primary": [str(part["name"]) for part in primary],
        "secondary": [name for name in trial.outcome.secondary if trial.outcome.primary != name],
        "groups": list(trial.outcome.groups),
        "estimator": "Difference in the share with a later need, listed less held out, by least squares with a "
        "constant for each list; a list weighs as n p (1 - p).",
        "interval": f"{100 * (1 - trial.answer.level):g} %, standard errors HC2, Student's t",
        "test": "The share of all lots that could have been drawn within the lists; exact, one side for each bound",
        "complier_effect": "Two-stage least squares of the outcome on an offer of help, by the lot, with a constant "
        "for each list; not given where the first stage's F is below 10",
        "multiplicity": "Holm over all secondary outcomes and groups; the primary outcome stands alone",
        "looks": trial.answer.looks,
        "stopping": {"benefit": "O'Brien-Fleming spending", "harm": "Pocock spending", "clock": "households over"},
        "level": trial.answer.level,
        "worth_seeing": trial.answer.worth_seeing,
    }
    return analysis if trial.design == "holdout" else analysis | _write_stepped(trial, council)


def _write_stepped(trial: TrialFile, council: Council) -> dict[str, Any]:
    """Return what a stepped trial's analysis says otherwise; the units are all that the lot puts in order."""
    unit = trial.stepped.unit
    return {
        "estimand": f"What being listed now rather than later, once lists begin in the {unit}, changes for households"
        " whose turn it is.",
        "population": "Every household whose turn it was by rank, as if all had begun, once, by its first turn, in the"
        f" arm that the lot gave its {unit}, whatever came of it.",
        "units": list_units(trial, council),
        "estimator": "Difference in the share with a later need, begun less not begun, by least squares with a constant"
        f" for each period of {trial.stepped.step_weeks} weeks",
        "interval": f"{100 * (1 - trial.answer.level):g} %, of each constant effect that other orders of steps do not"
        f" contradict; the error by {unit} (t of as many less one) is shown beside it",
        "test": "The share of orders of steps as far; all of them, or the real one and 1,999 by a seeded lot",
        "looks": 1,
        "stopping": {},
    }


def list_units(trial: TrialFile, council: Council) -> list[str]:
    """Return what begins one after the other: areas that a team serves on the first day, or teams that offer help."""
    if trial.stepped.unit == "team":
        return sorted(team.id for team in council.teams if team.serves(trial.starts) and team.places > 0)
    return sorted(area.code for area in council.areas if council.team_of(area.code, trial.starts) is not None)


def list_components(trial: TrialFile, definition: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the components of the primary outcome; raise DefinitionError for a name that the outcome has not."""
    components = {str(part["name"]): part for part in definition["outcome"]["components"]}
    for name in (trial.outcome.primary, *trial.outcome.secondary):
        if name not in components and name != WHOLE_OUTCOME:
            raise DefinitionError(
                f"trial.toml: {name!r} is no component of the outcome of {trial.programme}.",
                choose(name, [WHOLE_OUTCOME, *components]),
            )
    whole = trial.outcome.primary == WHOLE_OUTCOME
    return list(components.values()) if whole else [components[trial.outcome.primary]]


def list_deviations(
    registration: Registration, trial: TrialFile | None, definition: Mapping[str, Any], council: Council
) -> Iterator[str]:
    """Yield a sentence for each thing that is not as it was registered: the file, the definition, the analysis."""
    if trial is None or trial.name != registration.name:
        yield f"trial.toml of {registration.name} is not in the council's folder any more."
    elif trial.sha256 != registration.trial_sha256:
        yield "trial.toml was edited after it was registered; the answer is by the registered text."
    planned = dict(registration.analysis)
    if planned.get("definition") != definition["hash"]:
        yield "The programme's definition is another than when the trial was registered."
    now = write_analysis(registration.trial, definition, council) | {"definition": planned.get("definition")}
    changed = sorted(key for key in now.keys() | planned.keys() if now.get(key) != planned.get(key))
    if changed:
        yield f"The analysis differs from the registered one in: {', '.join(changed)}."
