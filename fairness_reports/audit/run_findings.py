"""The audit of a training run: every measure by group at the teams' capacity, left as `findings.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from functools import cached_property, partial
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import content_id, file_digest, find_current, read_json
from charter.contracts.matrix import Matrix
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation
from charter.machine.threads import work_side_by_side
from charter.rules.measures import SHARES
from charter.rules.policy import Policy
from charter.rules.questions import PAIRED, pairs
from fairness_reports.audit.explaining.alternatives import measure_other_capacities
from fairness_reports.audit.explaining.beyond_records import measure_beyond_records
from fairness_reports.audit.explaining.linkage_error import measure_linkage
from fairness_reports.audit.explaining.whole_order import measure_whole_order
from fairness_reports.audit.kept_parts import KeptParts
from fairness_reports.audit.measured_use import measure_usefulness
from fairness_reports.audit.measuring.disparities import Disparity
from fairness_reports.audit.measuring.findings import About, list_findings, measure_everyone, measure_groups
from fairness_reports.audit.measuring.means import average_groups
from fairness_reports.audit.measuring.oracle import confirm_findings
from fairness_reports.audit.measuring.ranking_quality import compare_aucs
from fairness_reports.audit.measuring.tally import UNKNOWN, Grouping
from fairness_reports.audit.measuring.units import Units
from fairness_reports.audit.population.audited_people import People, Scores, gather_people, group_people
from fairness_reports.audit.population.independent import Independent, read_independent_outcome
from fairness_reports.audit.population.protected import read_characteristics
from fairness_reports.audit.population.replayed_people import NO_LISTS, ReplayedPeople, read_replayed_people
from fairness_reports.audit.used_lists import describe_used_lists, measure_used_lists, write_unmeasured

__all__ = [
    "RESAMPLES",
    "SEED",
    "Audited",
    "find_stand_in",
    "gather_run",
    "measure_characteristic",
    "measure_pairs",
    "measure_run",
    "measure_sight_of_groups",
    "pair_groups",
    "write_heading",
]

RESAMPLES = 1000
SEED = 20260928
AT = "capacity"
_OF_PEOPLE = ("whole_order", "beyond_records")
"""What stands beside the findings and is of the same people."""

Measure = Callable[[], list[dict[str, Any]]]
Part = tuple[str, list[Measure]]
"""What is measured, by the key of all that it depends on; by none where it is always measured."""


@dataclass(frozen=True)
class Audited:
    """A run with everything that its audit needs, read once."""

    run: Path
    manifest: Mapping[str, Any]
    matrix: Matrix
    snapshot: Path
    policy: Policy
    people: People
    groups: Mapping[str, Grouping]
    independent: Independent
    linked: Sequence[dict[str, Any]]
    inputs: Mapping[str, str]
    used: ReplayedPeople | str = NO_LISTS
    used_groups: Mapping[str, Grouping] = field(default_factory=dict)

    @property
    def units(self) -> Units:
        """The audited people with their household's outcome."""
        return Units(self.people.cluster, self.people.selected, self.people.label)

    @property
    def model(self) -> str:
        """The name of the audited model: the run's candidate for release."""
        return str(self.manifest["model"])

    @property
    def threads(self) -> int:
        """How many threads the run was given, which its audit may use as well."""
        return int(self.manifest.get("settings", {}).get("lightgbm", {}).get("threads", 1))

    @cached_property
    def areas(self) -> Mapping[str, Sequence[Disparity]]:
        """By characteristic the area under the curve of each group beside everyone else; asked for more than once."""
        people = self.people
        return {
            name: compare_aucs(people.cluster, grouping, people.label, people.margin)
            for name, grouping in self.groups.items()
        }


def gather_run(invocation: Invocation, run: str | None = None) -> Audited:
    """Read the run (the newest where none is named), its matrix, its snapshot and the charter.

    Raises UsageError where there is no run, DataError where its files do not belong together, CharterError where
    no source may be used for equality monitoring.
    """
    workspace = invocation.workspace
    folder = workspace.scores / run if run else find_current(workspace.scores)
    if folder is None or not (folder / "manifest.json").exists():
        raise UsageError(f"there is no training run of {invocation.programme} to audit.", "Run `sooner train`.")
    manifest = read_json(folder / "manifest.json")
    policy = invocation.policy
    register = invocation.register
    if not any(register.permits(source.service, "equality_monitoring") for source in register.sources):
        raise CharterError(
            "no source of the register may be used for equality_monitoring, so nobody's group is known.",
            "Add the purpose to the [[source]] whose basis allows it.",
        )
    matrix = Matrix.open(workspace.matrix / manifest["matrix"])
    snapshot = workspace.snapshot(matrix.manifest["snapshot"])
    scores = Scores.read(folder / "scores.parquet", manifest["model"])
    programme = invocation.settings
    people = gather_people(matrix, scores, invocation.council, programme, policy)
    taken_at = datetime.fromisoformat(matrix.manifest["taken_at"])
    recorded = read_characteristics(snapshot / "tables", policy, taken_at)
    tables = snapshot / "tables"
    used = read_replayed_people(folder, manifest, workspace, policy)
    return Audited(
        run=folder,
        manifest=manifest,
        matrix=matrix,
        snapshot=snapshot,
        policy=policy,
        people=people,
        groups={name: group_people(values, people, policy.not_recorded) for name, values in recorded.items()},
        independent=read_independent_outcome(people, matrix, tables, invocation.council, policy, register),
        linked=measure_linkage(tables, recorded, policy.not_recorded, manifest["model"]),
        inputs={
            "scores.parquet": file_digest(folder / "scores.parquet"),
            "matrix/manifest.json": file_digest(matrix.folder / "manifest.json"),
            "snapshot/manifest.json": file_digest(snapshot / "manifest.json"),
            "charter.toml": policy.sha256,
            "register.toml": register.sha256,
            **(used.inputs if isinstance(used, ReplayedPeople) else {}),
        },
        used=used,
        used_groups={name: used.group(values, policy.not_recorded) for name, values in recorded.items()}
        if isinstance(used, ReplayedPeople)
        else {},
    )


def measure_run(audited: Audited, made_at: datetime | None = None, kept: KeptParts | None = None) -> dict[str, Any]:
    """Return the findings document (contract `findings`) of one run; what `kept` has of earlier audits stands."""
    people, units, kept = audited.people, audited.units, kept or KeptParts()
    if not units.labelled:
        raise DataError("no audited person has a known outcome.", "Wait until an audited year is over, then audit.")
    parts = [
        _list_measures(audited, kept),
        _list_sight(audited, kept),
        ("", [lambda: list(audited.linked)]),
        *_list_used(audited, kept),
    ]
    rows = _measure_parts(parts, audited.threads, kept)
    stand_in = find_stand_in(audited)
    rows += measure_usefulness(audited.run, audited.model, stand_in)
    document = write_heading(audited, made_at) | {
        "period": _describe_period(people.dates),
        "used_lists": describe_used_lists(audited.used),
        "findings": rows,
    }
    if stand_in:
        document["stand_in"] = stand_in
    document |= kept.find_document(parts[0][0], _OF_PEOPLE) or _measure_whole(audited)
    check_document("findings", document)
    return document


def _list_measures(audited: Audited, kept: KeptParts) -> Part:
    """Return what is measured of people at the teams' places of isolated dates."""
    people, units, groups = audited.people, audited.units, audited.groups
    about = About("", None, audited.model, AT)
    measures: list[Measure] = [
        partial(measure_everyone, units, SHARES.values(), about, resamples=RESAMPLES, seed=SEED),
        partial(_measure_components, audited, {"": units.everyone}),
        *(partial(measure_characteristic, audited, name, grouping) for name, grouping in groups.items()),
        partial(_measure_components, audited, groups),
        partial(measure_pairs, audited),
        partial(measure_other_capacities, people, groups, about, RESAMPLES, SEED),
    ]
    # What was seen depends on how far features look back, and nothing else of these people does.
    unseeing = replace(people, seen={})
    return kept.name("people", audited.model, unseeing, groups, audited.independent), measures


def _list_sight(audited: Audited, kept: KeptParts) -> Part:
    """Return how much of each group's households each service saw."""
    people, groups = audited.people, audited.groups
    key = kept.name("sight", audited.model, people.entity, people.seen, groups)
    return key, [partial(measure_sight_of_groups, audited, name, grouping) for name, grouping in groups.items()]


def _list_used(audited: Audited, kept: KeptParts) -> list[Part]:
    """Return what is measured of each model whose lists as they are used were left; without any, rows that say why."""
    used, groups = audited.used, audited.used_groups
    if isinstance(used, str):
        return [("", [partial(write_unmeasured, audited.groups, audited.model, used)])]
    counted = [getattr(used, part.name) for part in fields(used) if part.name not in ("listings", "inputs")]
    return [
        (
            kept.name("used", model, counted, groups, used.lists_of(model)) if kept.base else "",
            [partial(measure_used_lists, used, groups, model, resamples=RESAMPLES, seed=SEED)],
        )
        for model in used.models
    ]


def _measure_parts(parts: Sequence[Part], threads: int, kept: KeptParts) -> list[dict[str, Any]]:
    """Return the rows of all parts in order: of those that stand as they were, of the others measured."""
    standing = [kept.find(key) for key, _ in parts]
    waiting = [measures for (_, measures), rows in zip(parts, standing, strict=True) if rows is None]
    measured = iter(work_side_by_side([measure for measures in waiting for measure in measures], threads))
    every: list[dict[str, Any]] = []
    for (key, measures), stands in zip(parts, standing, strict=True):
        rows = [row for _ in measures for row in next(measured)] if stands is None else stands
        kept.note(key, len(every), len(every) + len(rows))
        every += rows
    return every


def _measure_whole(audited: Audited) -> dict[str, Any]:
    """Return what is said of the whole order, and of needs that others recorded, beside the findings."""
    people, sign = audited.people, audited.independent.label
    document: dict[str, Any] = {"whole_order": measure_whole_order(people, audited.groups, audited.areas)}
    if sign is not None:
        document["beyond_records"] = measure_beyond_records(people, sign, resamples=RESAMPLES, seed=SEED)
    return document


def find_stand_in(audited: Audited) -> str | None:
    """Return the points list that could stand in where the model cannot be read: itself, where it is that.

    None where the run left none, or no past lists that would say what it does to whom.
    """
    baseline = audited.manifest.get("baseline")
    if baseline == audited.model:
        return audited.model
    lists = () if isinstance(audited.used, str) else audited.used.models
    return str(baseline) if baseline in lists else None


def write_heading(audited: Audited, made_at: datetime | None = None) -> dict[str, Any]:
    """Return what a findings document says of itself: everything but the period and the findings."""
    definition = audited.matrix.definition
    called = definition["cohort"].get("called")
    return {
        "schema_version": SCHEMA_VERSION,
        "snapshot": audited.matrix.manifest["snapshot"],
        "inputs": dict(audited.inputs),
        "run": audited.run.name,
        "programme": definition["programme"],
        "entity": definition["entity"],
        **({"called": called} if called else {}),
        "made_at": (made_at or datetime.now(UTC)).isoformat(timespec="seconds"),
        "code_version": version("sooner"),
        "model": audited.model,
        "matrix": audited.matrix.manifest["id"],
        "charter_sha256": audited.policy.sha256,
        "synthetic": bool(audited.matrix.manifest["synthetic"]),
        "notes": _write_notes(audited),
    }


def measure_characteristic(audited: Audited, name: str, groups: Grouping) -> list[dict[str, Any]]:
    """Return every measure of every group of one characteristic, beside everyone else, at the teams' places.

    How much of whom each service saw is measured apart (`measure_sight_of_groups`).
    """
    people, units = audited.people, audited.units
    about = About("", name, audited.model, AT)
    rows = measure_groups(units, groups, SHARES.values(), about, resamples=RESAMPLES, seed=SEED)
    confirm_findings(rows, units, groups)
    labelled = people.label != UNKNOWN
    rows += _average_rows(
        people,
        groups,
        labelled,
        about.of_measure("observed_over_expected"),
        (people.label == 1).astype(float),
        people.score,
    )
    caught = labelled & (people.label == 1) & people.selected
    rows += _average_rows(
        people, groups, caught, about.of_measure("lead_days"), people.lead_days, np.ones(len(labelled))
    )
    ranked = About("auc", name, audited.model, "all thresholds")
    rows += list_findings(ranked, audited.areas[name])
    return rows + _measure_by_independent(audited, name, groups)


def measure_sight_of_groups(audited: Audited, name: str, groups: Grouping) -> list[dict[str, Any]]:
    """Return how much of each group's households each service saw, beside everyone else."""
    people = audited.people
    every = np.ones(len(people.label))
    rows: list[dict[str, Any]] = []
    for service, share in people.seen.items():
        about = About("seen", name, audited.model, AT, component=service)
        rows += list_findings(about, average_groups(people.cluster, groups, share, every))
    return rows


def measure_pairs(audited: Audited) -> list[dict[str, Any]]:
    """Return the main measures for every pair of characteristics: they inform, and gate where the charter asks."""
    chosen = [SHARES[name] for name in PAIRED]
    rows: list[dict[str, Any]] = []
    for name, both in pair_groups(audited.groups).items():
        about = About("", name, audited.model, AT)
        findings = measure_groups(audited.units, both, chosen, about, resamples=RESAMPLES, seed=SEED)
        rows += [row for row in findings if row["n"]]
    return rows


def pair_groups(groups: Mapping[str, Grouping]) -> dict[str, Grouping]:
    """Return the groups of every two characteristics together, by the pair's name."""
    by_two = zip(pairs(list(groups)), combinations(groups.values(), 2), strict=True)
    return {
        name: Grouping(
            first.code * len(second.names) + second.code,
            tuple(f"{a}, {b}" for a in first.names for b in second.names),
        )
        for name, (first, second) in by_two
    }


def _average_rows(
    people: People,
    groups: Grouping,
    rows: NDArray[np.bool_],
    about: About,
    above: NDArray[np.float64],
    below: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Average over the chosen rows alone; the others count for nothing on either side."""
    return list_findings(
        about, average_groups(people.cluster, groups, np.where(rows, above, 0.0), np.where(rows, below, 0.0))
    )


def _measure_by_independent(audited: Audited, name: str, groups: Grouping) -> list[dict[str, Any]]:
    """Return who, with an independent sign of need, was listed and was recorded as in need; by group."""
    label = audited.independent.label
    if label is None:
        return []
    people = audited.people
    about = About("", name, audited.model, AT, note=f"independent outcome: {audited.independent.names}")
    list_recalls = measure_groups(
        Units(people.cluster, people.selected, label),
        groups,
        (SHARES["recall"],),
        about,
        resamples=RESAMPLES,
        seed=SEED,
    )
    # Where our own label is unknown, nothing can be said about whether the need was recorded.
    both = np.where(people.label == UNKNOWN, UNKNOWN, label).astype(np.int8)
    recorded = measure_groups(
        Units(people.cluster, people.label == 1, both),
        groups,
        (SHARES["recall"],),
        about,
        resamples=RESAMPLES,
        seed=SEED,
    )
    # Needs recorded per independent sign uses every recorded need, so it sees a smaller gap than the share above.
    per_sign = _count_per_sign(people, groups, label, about)
    if len(audited.independent.by_signal) > 1:
        for signal, of_signal in audited.independent.by_signal.items():
            per_sign += _count_per_sign(people, groups, of_signal, about.of_component(signal).with_note(signal))
    return (
        [_rename_finding(row, "recall_of_independent") for row in list_recalls]
        + [_rename_finding(row, "recorded_given_independent") for row in recorded]
        + per_sign
    )


def _count_per_sign(people: People, groups: Grouping, label: NDArray[np.int8], about: About) -> list[dict[str, Any]]:
    """Return needs recorded for each household with a sign of need, by group; `label` (people,) is of the sign."""
    labelled = (people.label != UNKNOWN) & (label != UNKNOWN)
    return _average_rows(
        people,
        groups,
        labelled,
        about.of_measure("recorded_per_independent"),
        (people.label == 1).astype(np.float64),
        (label == 1).astype(np.float64),
    )


def _rename_finding(row: dict[str, Any], measure: str) -> dict[str, Any]:
    key = {name: row[name] for name in ("characteristic", "group", "model", "component", "at")} | {"measure": measure}
    return row | {"measure": measure, "id": content_id(key)}


def _measure_components(audited: Audited, by: Mapping[str, Grouping]) -> list[dict[str, Any]]:
    """Return how often each component of the outcome occurred and was on a list: components are never only summed."""
    people = audited.people
    rows: list[dict[str, Any]] = []
    for number, component in enumerate(people.component_names):
        label = np.where(people.label == UNKNOWN, UNKNOWN, people.components[:, number]).astype(np.int8)
        units = Units(people.cluster, people.selected, label)
        chosen = (SHARES["base_rate"], SHARES["recall"])
        for name, groups in by.items():
            about = About("", name or None, audited.model, AT, component=component)
            rows += (
                measure_groups(units, groups, chosen, about, resamples=RESAMPLES, seed=SEED)
                if name
                else measure_everyone(units, chosen, about, resamples=RESAMPLES, seed=SEED)
            )
    return rows


def _describe_period(dates: Sequence[date]) -> dict[str, Any]:
    """Return the audited dates and the days of new data they stand for: one step more than from first to last."""
    span = (dates[-1] - dates[0]).days
    step = round(span / (len(dates) - 1)) if len(dates) > 1 else 30
    return {
        "first": dates[0].isoformat(),
        "last": dates[-1].isoformat(),
        "days": span + step,
        "dates": len(dates),
    }


def _quote_reason(leak: Mapping[str, Any]) -> str:
    """Return why a suspected feature was accepted, in the council's own words."""
    return f'because "{leak["reason"].rstrip(".")}"' if leak.get("reason") else "and no reason was given"


_QUEUE = (
    "Everybody's turn comes in a queue: what is called a list here is the first tenth of a month's cases, so that who"
    " is listed is who comes first."
)


def _write_notes(audited: Audited) -> list[str]:
    """Say what the audit could not see, and first of all what training was told to overlook."""
    notes = [
        f"The feature {leak['feature']} knows the outcome too well: {leak['sign']}. Training was told to accept it,"
        f" {_quote_reason(leak)}, so every figure here may rest on what nobody knew at the time."
        for leak in read_json(audited.run / "metrics.json").get("suspected_leaks", ())
    ]
    notes += ["A need that no service recorded is not counted as a need. No figure here can show it."]
    if isinstance(audited.used, ReplayedPeople) and audited.used.queue:
        notes.append(_QUEUE)
    if isinstance(audited.used, str):
        notes.append(
            f"{audited.used} What is shown instead are lists of isolated dates, on which nobody rests: they flatter."
        )
    if audited.independent.label is None:
        notes.append(f"Whether needs are recorded alike for every group cannot be seen: {audited.independent.why_not}")
    else:
        notes.append(
            f"Others see signs of need too: {audited.independent.names}. By these we judge if needs are recorded alike"
            " for each group. A group that all those others see less would not be found out."
        )
        notes += [f"A sign of need is left out of that. {why}" for why in audited.independent.without.values()]
    if not audited.linked:
        notes.append("How right the links between records are cannot be seen: nobody knows the truth of real records.")
    unknown = float((audited.people.label == UNKNOWN).mean())
    if unknown:
        notes.append(f"The outcome of {100 * unknown:.1f} % of the audited people's dates is not known.")
    for name, groups in audited.groups.items():
        if audited.policy.not_recorded in groups.names:
            share = float((groups.code == groups.names.index(audited.policy.not_recorded)).mean())
            notes.append(f"{audited.policy.characteristic_titles[name]} is not recorded for {100 * share:.1f} %.")
    return notes
