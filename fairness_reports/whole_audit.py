"""One audit from files to files: findings.json and report.html in `audit/PROGRAMME/RUN/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from charter.contracts.files import file_digest, find_current, read_json, set_current, write_json, write_text
from charter.council.register import Register
from charter.errors import DataError
from charter.invocation import Invocation
from charter.machine.threads import work_side_by_side
from charter.rules.data_use import CARRIED, OF_WORKERS
from charter.signing.advice import read_advice
from charter.signing.signoffs import find_today
from charter.signing.stand_in import decide_with_stand_in
from fairness_reports.audit.explaining.alternatives import measure_without_data, predict_contributions
from fairness_reports.audit.explaining.explanations import (
    Explained,
    correlate_weights,
    explain_scores,
    sum_by_service,
    weigh_by_fold,
)
from fairness_reports.audit.explaining.minimisation import (
    describe_smallest,
    find_last_helped,
    measure_needed_data,
    measure_needed_pieces,
    read_added_precision,
    read_other_lags,
)
from fairness_reports.audit.explaining.model_reads import read_model
from fairness_reports.audit.explaining.proxies import TOGETHER, measure_proxies
from fairness_reports.audit.kept_parts import KeptParts
from fairness_reports.audit.measuring.disparities import Side
from fairness_reports.audit.measuring.findings import About, list_findings, write_figure
from fairness_reports.audit.measuring.means import average_groups
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.run_findings import AT, RESAMPLES, SEED, Audited, gather_run, measure_run
from fairness_reports.publish.pack import Pack, render_pack
from fairness_reports.publish.pictures import draw_beeswarm, draw_dependence
from fairness_reports.unchanged_audit import keep_inputs, name_base
from features.grammar.words import name_piece

__all__ = ["audit_run"]


def _require_people(audited: Audited) -> None:
    """Raise DataError where there is nobody to audit, before anything is explained of nobody."""
    if not len(audited.people.person):
        youngest, oldest = audited.policy.ages_of(audited.matrix.definition["programme"])
        raise DataError(
            f"nobody in the scored rows is known to be {youngest} to {oldest} years old, and those are audited.",
            "Deliver birth dates (`people`), or let the board widen `ages` in [audit] of charter.toml.",
        )


def audit_run(invocation: Invocation, run: str | None = None) -> tuple[Path, dict[str, Any]]:
    """Audit a training run (the newest where none is named); return its audit folder and the findings.

    The report answers the board's questions with the very function that `decide` uses, so the two never differ.
    """
    with invocation.progress("Auditing", total=4) as step:
        audited = gather_run(invocation, run)
        _require_people(audited)
        step()
        explained = explain_scores(audited.run / "model.lgb", audited.matrix, audited.people, audited.groups, SEED)
        step()
        kept = KeptParts.of(invocation.workspace.audit, name_base(invocation))
        document = measure_run(audited, kept=kept)
        document["findings"] += measure_contributions(audited, explained, invocation.register)
        document["findings"] += measure_steadiness(audited, explained)
        document["findings"] += _measure_what_it_rests_on(invocation, audited)
        document["inputs"]["model.lgb"] = file_digest(audited.run / "model.lgb")
        reads = read_model(audited.run / "model.lgb")
        document["reads"], document["points"] = reads.features, reads.points
        if "stand_in" in document:
            document["inputs"]["baseline.lgb"] = file_digest(audited.run / "baseline.lgb")
            document["stand_in_points"] = read_model(audited.run / "baseline.lgb").points
        earlier = [read_json(path) for path in _list_earlier(invocation, audited.run.name, "findings.json")]
        document["findings"] += measure_needed_data(
            audited.run, invocation.register, audited.matrix.definition, reads.features, audited.model
        )
        document["findings"] += measure_needed_pieces(audited.run, audited.matrix.definition, audited.model)
        smallest = describe_smallest(audited.run, audited.matrix.definition)
        if smallest:
            document["smallest_data"] = smallest
        document["last_helped"] = find_last_helped([*earlier, document])
        document["other_lags"] = read_other_lags(audited.run)
        step()
        folder = invocation.workspace.audit / audited.run.name
        write_json(folder / "findings.json", document)
        kept.write(folder)
        pack = Pack(
            council=invocation.council.name,
            findings=document,
            decision=decide_with_stand_in(
                document,
                audited.policy,
                find_today(invocation),
                earlier=_read_earlier_decisions(invocation, folder),
                red_lines=invocation.red_lines,
            ),
            metrics=read_json(audited.run / "metrics.json"),
            definition=audited.matrix.definition,
            policy=audited.policy,
            register=invocation.register,
            resamples=RESAMPLES,
            contact=invocation.council.contact,
            advice=[one for one in read_advice(folder) if one.findings_sha256 == file_digest(folder / "findings.json")],
            in_use=_read_live_findings(invocation, audited.run.name),
            strength=_read_strength(invocation, audited.run.name),
            beeswarm=draw_beeswarm(explained, _list_titles(audited)),
            dependence=draw_dependence(explained, _list_titles(audited)),
        )
        write_text(folder / "report.html", render_pack(pack))
        keep_inputs(invocation, audited.run)
        set_current(invocation.workspace.audit, folder.name)
        step()
    return folder, document


def _measure_what_it_rests_on(invocation: Invocation, audited: Audited) -> list[dict[str, Any]]:
    """Return proxies of characteristics, and what the list loses without each service's data and without responses."""
    about = About("", None, audited.model, AT)
    matrix, people, groups, register = audited.matrix, audited.people, audited.groups, invocation.register

    def measure_without() -> list[dict[str, Any]]:
        rests = predict_contributions(audited.run / "model.lgb", matrix, people)
        return measure_without_data(people, matrix.definition, register, rests, groups, about, RESAMPLES, SEED)

    calls: list[Callable[[], list[dict[str, Any]]]] = [
        partial(measure_proxies, matrix, people, groups, about, SEED),
        measure_without,
    ]
    rows = [row for part in work_side_by_side(calls, audited.threads) for row in part]
    return rows + read_added_precision(audited.run, register, about)


def _read_earlier_decisions(invocation: Invocation, folder: Path) -> list[Mapping[str, Any]]:
    return [read_json(path) for path in _list_earlier(invocation, folder.name, "decision.json")]


def _list_earlier(invocation: Invocation, run: str, name: str) -> list[Path]:
    """Return the files of that name in the folders of all audits but this run's."""
    return [path for path in sorted(invocation.workspace.audit.glob(f"*/{name}")) if path.parent.name != run]


def _read_live_findings(invocation: Invocation, audited: str) -> Mapping[str, Any]:
    """Return the findings on the lists of the release in use; `{}` where there is none, or nobody audited them yet.

    `{}` too where that release came from the audited run: its lists come later and have a page of their own.
    """
    folder = find_current(invocation.workspace.release)
    run = str(read_json(folder / "manifest.json")["run"]) if folder else audited
    path = invocation.workspace.audit / run / "live" / "findings.json"
    return read_json(path) if run != audited and path.exists() else {}


def _read_strength(invocation: Invocation, run: str) -> Mapping[str, Any]:
    """Return what `sooner exchange` left of the run's findings; `{}` where no exchange was made, or of another run."""
    path = invocation.workspace.exchange / "exchange.json"
    strength: Mapping[str, Any] = read_json(path) if path.exists() else {}
    return strength if strength.get("run") == run else {}


def _list_titles(audited: Audited) -> list[str]:
    by_name = {feature["name"]: name_piece(feature) for feature in audited.matrix.definition["features"]}
    return [by_name.get(name, name) for name in audited.matrix.features]


def measure_contributions(audited: Audited, explained: Explained, register: Register) -> list[dict[str, Any]]:
    """Return SHAP weights and leans as findings, by feature and by service, and what makes each group's gap."""
    services = {feature["name"]: feature["services"] for feature in audited.matrix.definition["features"]}
    together = sum_by_service(explained, services)
    return (
        _weigh_parts(audited, explained, "contribution")
        + _weigh_parts(audited, together, "service_contribution")
        + _share_weights(audited, explained, together, _list_of_workers(audited, register))
        + _split_gaps(audited, explained)
    )


def _list_of_workers(audited: Audited, register: Register) -> frozenset[str]:
    """Return the pieces of data, in the council's words, that tell which worker or team acted."""
    return frozenset(
        name_piece(feature)
        for feature in audited.matrix.definition["features"]
        if any(register.signal(signal).identifies_worker for signal in feature["signals"])
    )


def _share_weights(
    audited: Audited, explained: Explained, together: Explained, of_workers: frozenset[str]
) -> list[dict[str, Any]]:
    """Return the share of what moves the order that each service, and each piece of data in the council's words, makes.

    Mean absolute contributions, each over the sum of those of all pieces; a piece that reads two services counts for
    both. Nothing of a model that nothing moves.
    """
    whole = float(explained.weight().sum())
    if not whole > 0:
        return []
    titles = {feature["name"]: name_piece(feature) for feature in audited.matrix.definition["features"]}
    about = About(CARRIED, None, audited.model, AT, note="of a drawn sample of people's dates")
    sample_size = int(explained.drawn.sum())
    households = len(np.unique(explained.cluster[explained.drawn]))
    return [
        _write_contribution(
            about.of_component(titles.get(part, part)).with_note(
                OF_WORKERS if titles.get(part) in of_workers else about.note
            ),
            float(weight) / whole,
            sample_size,
            households,
        )
        for parts in (together, explained)
        for part, weight in zip(parts.features, parts.weight(), strict=True)
    ]


def _weigh_parts(audited: Audited, explained: Explained, of: str) -> list[dict[str, Any]]:
    """Return the weight of each feature or service overall; its weight and lean in every group."""
    about = About(f"{of}_weight", None, audited.model, AT, note="of a drawn sample of people's dates")
    sample_size = int(explained.drawn.sum())
    households = len(np.unique(explained.cluster[explained.drawn]))
    rows = [
        _write_contribution(about.of_component(feature), float(weight), sample_size, households)
        for feature, weight in zip(explained.features, explained.weight(), strict=True)
    ]
    for name, groups in audited.groups.items():
        for code, group in enumerate(groups.names):
            weights, leans, n, households = explained.of_group(groups, code)
            of_group = about.of_group(name, group)
            for i, feature in enumerate(explained.features):
                for measure, values in ((f"{of}_weight", weights), (f"{of}_lean", leans)):
                    value = float(values[i]) if n else None
                    rows.append(
                        _write_contribution(of_group.of_measure(measure).of_component(feature), value, n, households)
                    )
    return rows


def measure_steadiness(audited: Audited, explained: Explained) -> list[dict[str, Any]]:
    """Return the weight that each fold's model gives each feature, and how far its order is the released model's.

    Nothing where the run kept no models of its folds.
    """
    sample_size = int(explained.drawn.sum())
    households = len(np.unique(explained.cluster[explained.drawn]))
    released = explained.weight()
    rows = []
    for fold, weights in weigh_by_fold(audited.run / "folds", explained).items():
        about = About("fold_weight", None, audited.model, f"fold {fold}", note="of a drawn sample of people's dates")
        rows += [
            _write_contribution(about.of_component(feature), float(weight), sample_size, households)
            for feature, weight in zip(explained.features, weights, strict=True)
        ]
        same = correlate_weights(weights, released)
        rows.append(
            _write_contribution(
                about.of_measure("fold_agreement"), None if np.isnan(same) else same, sample_size, households
            )
        )
    return rows


def _split_gaps(audited: Audited, explained: Explained) -> list[dict[str, Any]]:
    """Return how much of each group's gap in score each feature makes: they add up to the gap of the mean margins.

    A group's mean contribution minus everyone else's, over the uniform sample; `TOGETHER` is the gap itself.
    """
    sample = explained.drawn
    cluster, values = explained.cluster[sample], explained.values[sample]
    ones = np.ones(len(cluster))
    rows: list[dict[str, Any]] = []
    for name, groups in audited.groups.items():
        part = Grouping(groups.code[explained.rows][sample], groups.names)
        about = About("score_gap", name, audited.model, AT, note="of a drawn sample of people's dates")
        rows += list_findings(about.of_component(TOGETHER), average_groups(cluster, part, values.sum(axis=1), ones))
        for number, feature in enumerate(explained.features):
            rows += list_findings(about.of_component(feature), average_groups(cluster, part, values[:, number], ones))
    return rows


def _write_contribution(about: About, value: float | None, n: int, households: int) -> dict[str, Any]:
    return write_figure(about, Side(value, None, n, 0, 0, households), labelled=False)
