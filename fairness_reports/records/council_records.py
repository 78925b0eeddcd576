"""Records of a council's service as a whole: accessibility, the year under the charter, the service standard."""

from __future__ import annotations

from collections import Counter

from charter.council.records_file import RecordsFile
from charter.law import cite_law
from charter.vault.rights_ledger import ACTIONS, read_requests
from fairness_reports.disclosure.door import hide_counts
from fairness_reports.records.record_form import RecordDraft, RecordTable
from fairness_reports.residents.data_uses import DataUse
from fairness_reports.residents.public_address import say_reach
from fairness_reports.residents.use_words import STATE_WORDS, say_answers, say_shown_to_help, say_state

__all__ = ["POINTS", "draft_accessibility", "draft_annual_report", "draft_service_standard"]

POINTS = (
    "Understand user needs",
    "A skilled, lasting team led by somebody who decides",
    "Agile, iterative, user-centred methods",
    "Built to be changed as needs are learned",
    "Tools and systems chosen and bought openly, reusing what there is",
    "User data, security, law and privacy understood",
    "Open standards, existing registers, open code and data",
    "Tested from end to end, in all common browsers and devices",
    "A plan for being offline, tried regularly",
    "People succeed the first time, unaided",
    "Consistent with government digital services",
    "Used as much as it can be, with assisted digital support",
    "Performance indicators, published",
    "User research and testing that go on",
    "Tested from beginning to end by the senior manager responsible",
)
"""The fifteen points of the Local Government Digital Service Standard, shortened."""


def draft_accessibility(use: DataUse, answers: RecordsFile) -> RecordDraft:
    """Return the accessibility statement of pages and site."""
    draft = RecordDraft(
        "accessibility",
        "Accessibility statement",
        cite_law("accessible_pages"),
        use,
        answers,
    )
    draft.state("standard", "What the pages are held to", "Web Content Accessibility Guidelines 2.2, level AA.")
    draft.ask("state", "How far they meet it")
    draft.ask("problems", "What is not accessible, and why")
    draft.ask("tested", "How and when the council tested them")
    draft.state(
        "reach",
        "To report a problem, or get a page in another form",
        say_reach(use.invocation.council, use.invocation.public),
    )
    draft.state(
        "enforcement",
        "If we do not answer",
        "The Equality and Human Rights Commission enforces the regulations; the Equality Advisory and Support Service"
        " advises people.",
    )
    return draft


def draft_annual_report(use: DataUse, answers: RecordsFile) -> RecordDraft:
    """Return the year under the charter, of one released programme."""
    draft = RecordDraft(
        "annual_report", f"Year under the charter: {use.title}", "The charter's yearly report", use, answers
    )
    public, policy = use.invocation.public, use.invocation.charter
    draft.state("state", "State", f"{STATE_WORDS[use.state]}. {say_state(use)}")
    draft.state("changes", "Releases so far", f"{len(use.history)}, the newest {use.bundle['release']}.")
    draft.state("helps", "Whether it helps", say_shown_to_help(use))
    draft.state("fairness", "Fairness", say_answers(use))
    waivers = [f"{row.gate}: {row.reason}, until {row.expires}" for row in policy.of(use.programme).waivers]
    draft.state("waivers", "Waivers", "; ".join(waivers) or "None.")
    recommendations = Counter(row.answer for row in public.recommendations)
    words = "; ".join(f"{answer}: {number}" for answer, number in sorted(recommendations.items()))
    draft.state("recommendations", "Panel's recommendations, by answer", words or "None are recorded.")
    draft.ask("residents", "What residents said this year")
    draft.ask("next", "What comes next year")
    counts = Counter(request.action for request in read_requests(use.invocation.workspace))
    public_counts = hide_counts({action: counts[action] for action in ACTIONS})
    draft.tables.append(RecordTable("Requests of residents so far", ("Request", "How many"), [*public_counts.items()]))
    months = [
        (f"{row.month:%B %Y}", *hide_counts({"c": row.complaints, "b": row.breaches}).values()) for row in public.months
    ]
    draft.tables.append(RecordTable("Complaints and breaches", ("Month", "Complaints", "Breaches"), months))
    return draft


def draft_service_standard(use: DataUse, answers: RecordsFile) -> RecordDraft:
    """Return the self-assessment against the service standard, point by point."""
    draft = RecordDraft(
        "service_standard",
        "Service standard self-assessment",
        "Local Government Digital Service Standard",
        use,
        answers,
    )
    for number, point in enumerate(POINTS, start=1):
        draft.ask(str(number), point)
    return draft
