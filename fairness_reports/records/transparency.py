"""The transparency record after the UK's Algorithmic Transparency Recording Standard 4.0, and the model card."""

from __future__ import annotations

from charter.contracts.files import read_json
from charter.council.records_file import RecordsFile
from charter.law import cite_law
from fairness_reports.publish.figures_in_words import say_number
from fairness_reports.publish.record import PROMPT, fill_transparency_fields, tabulate_public_groups
from fairness_reports.records.record_form import RecordDraft, RecordTable
from fairness_reports.residents.data_uses import DataUse
from fairness_reports.residents.rights_words import say_overruling
from fairness_reports.residents.use_words import (
    say_answers,
    say_figures,
    say_model,
    say_places,
    say_shown_to_help,
    say_state,
)

__all__ = ["draft_model_card", "draft_transparency", "say_calibration", "tabulate_groups"]

_COLUMNS = ("Measure", "Group", "Figure", "95 % interval", "Beside everyone else", "95 % interval")


def draft_transparency(use: DataUse, answers: RecordsFile) -> RecordDraft:
    """Return the transparency record of a released programme."""
    title = f"Transparency record: {use.title}"
    draft = RecordDraft("transparency", title, "Algorithmic Transparency Recording Standard 4.0", use, answers)
    definition = read_json(use.invocation.workspace.matrix / use.findings["matrix"] / "definition.json")
    fields = fill_transparency_fields(use.invocation, definition, use.findings, use.decision)
    rewritten = {
        "2.2.2": say_shown_to_help(use),
        "2.3.5": (
            "Residents can ask for a copy, object, have a mistake put right, challenge and complain. Of an objection:"
            f" {say_overruling(use.invocation.charter)} Nobody is refused help because of the list"
            f" ({cite_law('automated_decisions')})."
        ),
        "2.4.2.7": f"{fields['2.4.2.7 Model performance']} {' '.join(say_figures(use))} {say_calibration(use)}",
        "2.5.1": _say_assessments(use),
    }
    for name, text in fields.items():
        number, _, words = name.partition(" ") if name[0].isdigit() else (name.lower(), "", name)
        text = rewritten.get(number, text)
        if text == PROMPT:
            draft.ask(number, words)
        else:
            draft.state(number, words, text)
        if number == "2.4.1.3":
            draft.ask("2.4.1.4", "Maintenance")
    draft.state("2.4.2.8", "Datasets and their purposes", _say_datasets(use))
    draft.ask("2.4.3.1", "Development data, collection and cleaning")
    draft.ask("2.4.3.2", "Development data, access and storage")
    draft.state("2.4.3.3", "Sharing agreements", _say_gateways(use))
    draft.ask("2.5.3", "What else could go wrong, and what is done about it")
    draft.tables.append(tabulate_groups(use))
    return draft


def draft_model_card(use: DataUse, answers: RecordsFile) -> RecordDraft:
    """Return the model card of a released programme."""
    draft = RecordDraft("model_card", f"Model card: {use.title}", "Model cards for model reporting", use, answers)
    findings, horizon = use.findings, use.bundle["outcome"]["horizon"]
    draft.state(
        "details",
        "Model details",
        f"{say_model(use)} Release {use.bundle['release']}, run {findings['run']}, Sooner {findings['code_version']}.",
    )
    draft.state("use", "Intended use", f"{use.bundle['outcome']['title']}. {say_places(use)} {say_state(use)}")
    draft.ask("out_of_scope", "What it is not for")
    titles = use.invocation.charter.characteristic_titles.values()
    draft.state("factors", "Factors", f"Groups are compared by: {', '.join(title.lower() for title in titles)}.")
    draft.state("metrics", "Measures", f"{' '.join(say_figures(use))} {say_calibration(use)}")
    period = findings["period"]
    draft.state(
        "evaluation_data",
        "Evaluation data",
        f"{period['dates']} dates from {period['first']} to {period['last']}, none of them learned from when judged;"
        f" snapshot {findings['snapshot']}.",
    )
    draft.state(
        "training_data",
        "Training data",
        f"{len(use.features)} pieces of data from {', '.join(source.title for source in use.sources)};"
        f" a need counts for {horizon['n']} {horizon['unit']} after a date.",
    )
    draft.state("analyses", "By group", say_answers(use))
    draft.ask("ethics", "Ethical considerations")
    draft.state("caveats", "Caveats", " ".join(findings.get("notes", ())) or "The audit noted none.")
    draft.tables.append(tabulate_groups(use))
    return draft


def tabulate_groups(use: DataUse) -> RecordTable:
    """Return the figures by group, small groups without any; groups of two characteristics are in the board pack."""
    audited = use.invocation.charter.characteristics
    rows = [
        (
            row["measure"].replace("_", " "), f"{row['characteristic']}: {row['group']}", row["figure"],
            row["interval"], row["ratio"], row["ratio_interval"],
        )
        for row in tabulate_public_groups(use.findings)
        if row["characteristic"] in audited
    ]  # fmt: skip
    return RecordTable(
        "By group (c: too few households, or it would say something of a group of so few)", _COLUMNS, rows
    )


def say_calibration(use: DataUse) -> str:
    """Return how the likelihood held where lists are made, or that it cannot be told."""
    row = next((row for row in use.metrics.get("calibration", ()) if row["kind"] == "all"), None)
    ratio = row["observed_over_expected"] if row else None
    if ratio is None or ratio["estimate"] is None:
        return "Calibration: cannot be told with the data there is."
    low, high = (say_number(ratio[end]) for end in ("low", "high"))
    return f"Calibration: needs that followed for each expected, {say_number(ratio['estimate'])} ({low} to {high})."


def _say_assessments(use: DataUse) -> str:
    rows = use.invocation.charter.assessments
    states = [f"{row.title}: {row.state}{f' ({row.reference})' if row.reference else ''}" for row in rows]
    sentence = "; ".join(states)
    return f"{sentence[:1].upper()}{sentence[1:]}." if rows else "The charter names no assessment."


def _say_datasets(use: DataUse) -> str:
    rows = [f"{source.title}: {', '.join(sorted(source.purposes))}" for source in use.sources]
    return "; ".join(rows).replace("_", " ")


def _say_gateways(use: DataUse) -> str:
    return "; ".join(f"{source.title}: {source.gateway or 'no gateway is named'}" for source in use.sources)
