"""The two assessments: of data protection in the ICO's seven steps, and of equality by the nine characteristics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from charter.council.records_file import RecordsFile
from charter.law import cite_law
from charter.rules.data_use import DATA_NEEDED
from charter.signing.advice import read_advice
from fairness_reports.records.record_form import RecordDraft
from fairness_reports.residents.data_uses import DataUse
from fairness_reports.residents.rights_words import say_overruling
from fairness_reports.residents.use_page import NOBODY_WROTE
from fairness_reports.residents.use_words import say_answers, say_figures, say_places

__all__ = ["CHARACTERISTICS", "draft_data_protection", "draft_equality"]

CHARACTERISTICS: Mapping[str, tuple[str, Sequence[str]]] = {
    "age": ("Age", ("age",)),
    "disability": ("Disability", ("disability", "disabled")),
    "gender_reassignment": ("Gender reassignment", ("gender_reassignment", "transgender")),
    "marriage": ("Marriage and civil partnership", ("marriage", "civil_partnership", "marital")),
    "pregnancy": ("Pregnancy and maternity", ("pregnancy", "maternity")),
    "race": ("Race", ("race", "ethnicity", "ethnic_group")),
    "religion": ("Religion or belief", ("religion", "belief")),
    "sex": ("Sex", ("sex",)),
    "sexual_orientation": ("Sexual orientation", ("sexual_orientation",)),
}
"""The nine of the Equality Act 2010, section 4, each with the ids under which a charter may audit it."""


def draft_data_protection(use: DataUse, answers: RecordsFile) -> RecordDraft:
    """Return the data protection impact assessment of a released programme."""
    title = f"Data protection impact assessment: {use.title}"
    draft = RecordDraft("data_protection", title, "The ICO's seven steps", use, answers)
    policy = use.invocation.charter
    draft.state("1.1", "What it is for", use.words.why if use.words else NOBODY_WROTE)
    draft.ask("1.2", "Why an assessment is needed")
    draft.state("2.1", "Whose data", f"{use.bundle['cohort']}.")
    draft.state("2.2", "Which data", "; ".join(f"{source.title} ({source.basis})" for source in use.sources))
    draft.state("2.3", "What follows from it", f"{use.bundle['outcome']['title']}. {say_places(use)}")
    draft.state("2.4", "How long it is kept", _say_retention(use))
    draft.ask("2.5", "The context, and what people expect")
    draft.ask("3.1", "Who was asked, and what they said")
    draft.state("3.2", "Residents' cases asked of the rules", _say_cases(use))
    draft.state("4.1", "Lawful bases", "; ".join(_say_law(use)))
    draft.state("4.2", "Whether all data is needed", _say_needed(use))
    draft.state("4.3", "Rights", f"People can object. {say_overruling(policy)}")
    draft.ask("4.4", "Whether less would do")
    draft.ask("5.1", "What could harm people, how likely, how badly")
    draft.state("5.2", "What was measured", f"{say_answers(use)} {' '.join(say_figures(use))}")
    draft.ask("6.1", "What is done about each harm, and what is left")
    draft.ask("6.2", "How systems are secured", private=True)
    stopping = [role.title for role in policy.roles if role.may_suspend]
    draft.state("6.3", "Who can stop it alone and at once", "; ".join(stopping) or "Nobody")
    draft.state("7.1", "State", _say_state(use))
    draft.state("7.2", "Advice that must be heard", _say_advice(use))
    draft.ask("7.3", "Where advice was not followed, why")
    draft.ask("7.4", "Whether the Information Commissioner was asked beforehand")
    return draft


def draft_equality(use: DataUse, answers: RecordsFile) -> RecordDraft:
    """Return the equality impact assessment of a released programme."""
    title = f"Equality impact assessment: {use.title}"
    draft = RecordDraft("equality", title, cite_law("equality_duty"), use, answers)
    draft.ask("aims", "How the three aims of the duty were weighed")
    low, high = use.invocation.charter.ages_of(use.programme)
    draft.state("people", "Whose treatment was measured", f"People of {low} to {high} years.")
    if low < _ADULT:
        draft.ask("children", "Children, whose data the law protects more: what that changed here")
    for name, (words, ids) in CHARACTERISTICS.items():
        draft.state(f"{name}_evidence", f"{words}: evidence", _say_evidence(use, ids))
        draft.ask(name, f"{words}: what it means, and what is done")
    draft.ask("monitoring", "Who watches, and when it is looked at again")
    return draft


_ADULT = 18


def _say_retention(use: DataUse) -> str:
    return "; ".join(f"{source.title}: {source.retention_years} years after a record is over" for source in use.sources)


def _say_cases(use: DataUse) -> str:
    rows = use.decision.get("red_lines", ())
    as_expected = sum(bool(row["held"]) for row in rows)
    return f"{as_expected} of {len(rows)} cases come out as residents expect." if rows else "No case was asked."


def _say_law(use: DataUse) -> list[str]:
    return [
        f"{source.title}: {', '.join(part for part in (source.basis, *source.conditions, source.gateway) if part)}"
        for source in use.sources
    ]


def _say_needed(use: DataUse) -> str:
    rows = [row["sentence"] for row in use.decision["verdicts"] if row["gate"] == DATA_NEEDED]
    return " ".join(rows) or "It was not asked whether the list could do without a service's data."


def _say_state(use: DataUse) -> str:
    rows = [
        f"{row.title} is {row.state}; reference: {row.reference or 'none'}"
        for row in use.invocation.charter.assessments
    ]
    return "; ".join(rows) or "The charter names no assessment."


def _say_advice(use: DataUse) -> str:
    heard = {row.role: row for row in read_advice(use.invocation.workspace.audit / str(use.findings["run"]))}
    rows = [
        f"{role.title}: {heard[role.id].text if role.id in heard else 'not given on these findings'}"
        for role in use.invocation.charter.roles
        if role.advises
    ]
    return "; ".join(rows) or "The charter names no role that must be heard."


def _say_evidence(use: DataUse, ids: Sequence[str]) -> str:
    audited = [name for name in use.invocation.charter.characteristics if name in ids]
    answers = Counter(
        row["verdict"] for row in use.decision["verdicts"] if row["characteristic"] in audited and row["group"]
    )
    if not answers:
        return "No data: the charter compares no groups of it, so a gap would not be seen."
    return (
        f"Answers about groups: {answers['pass']} within the limit, {answers['fail']} beyond it,"
        f" {answers['insufficient']} that cannot be told. Figures are in the transparency record."
    )
