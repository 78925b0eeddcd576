"""Answers to what people ask under the Freedom of Information Act 2000, from the same findings as every other record.

What such requests to councils ask again and again: what it is for, since when, whose data, who decides, what it cost,
who supplied it, whether it was assessed, how right it is, for whom, and what residents said of it.
"""

from __future__ import annotations

from collections import Counter

from charter.council.records_file import RecordsFile
from charter.law import cite_law
from charter.vault.rights_ledger import ACTIONS, read_requests
from fairness_reports.disclosure.door import hide_counts
from fairness_reports.records.record_form import RecordDraft, RecordTable
from fairness_reports.records.transparency import say_calibration, tabulate_groups
from fairness_reports.residents.data_uses import DataUse
from fairness_reports.residents.use_page import NOBODY_WROTE
from fairness_reports.residents.use_words import (
    STATE_WORDS,
    say_answers,
    say_figures,
    say_model,
    say_places,
    say_shown_to_help,
    say_state,
)

__all__ = ["draft_information_answers"]


def draft_information_answers(use: DataUse, answers: RecordsFile) -> RecordDraft:
    """Return the answers for one released programme; counts of people are as disclosure control lets them out."""
    title = f"Questions and answers: {use.title}"
    draft = RecordDraft("information_answers", title, cite_law("information_access"), use, answers)
    policy = use.invocation.charter
    draft.state("purpose", "What is it for?", use.words.why if use.words else NOBODY_WROTE)
    draft.state("state", "Is it in use, and since when?", f"{STATE_WORDS[use.state]}. {say_state(use)}")
    draft.state("people", "Whose data is used?", f"{use.bundle['cohort']}.")
    draft.state("data", "Which data, from whom?", _say_data(use))
    draft.state("model", "How does it work?", f"{say_model(use)} {say_places(use)}")
    draft.state("decides", "Who decides?", _say_deciding(use))
    draft.ask("supplier", "Who supplied it, under which contract?")
    draft.ask("cost", "What has it cost, and what does it cost a year?")
    draft.state("right", "How often is it right?", f"{' '.join(say_figures(use))} {say_calibration(use)}")
    draft.state("fair", "Does it treat groups alike?", say_answers(use))
    draft.state("helps", "Does it help?", say_shown_to_help(use))
    draft.state("assessed", "Was it assessed?", _say_assessments(use))
    stoppers = [role.title for role in policy.roles if role.may_suspend]
    draft.state("stops", "Who can stop it, alone and at once?", "; ".join(stoppers) or "Nobody.")
    draft.ask("shared", "Does anybody outside the council get its results?")
    draft.ask("withheld", "What is not told, by which exemption, and why that is in the public interest")
    counts = Counter(request.action for request in read_requests(use.invocation.workspace))
    public_counts = hide_counts({action: counts[action] for action in ACTIONS})
    draft.tables.append(tabulate_groups(use))
    draft.tables.append(RecordTable("Requests of residents so far", ("Request", "How many"), [*public_counts.items()]))
    return draft


def _say_data(use: DataUse) -> str:
    pieces = len(use.features)
    services = "; ".join(source.title for source in use.sources)
    return f"{pieces} {'piece' if pieces == 1 else 'pieces'} of data. The services: {services}."


def _say_deciding(use: DataUse) -> str:
    acting = use.invocation.charter.acting
    titles = [role.title for role in use.invocation.charter.roles if acting.may(role.id, "referral.decide")]
    if not titles:
        return "By the charter no role may decide on a listed household, so nobody does."
    return f"People: {'; '.join(titles)}. The list decides nothing."


def _say_assessments(use: DataUse) -> str:
    rows = [
        f"{row.title} is {row.state}; reference: {row.reference or 'none'}"
        for row in use.invocation.charter.assessments
    ]
    return "; ".join(rows) or "The charter names no assessment."
