"""What the pages about complaints, the register, other forms and easy read show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charter.clocks import ACKNOWLEDGE_DAYS
from charter.council.public_file import PublicFile
from charter.council.register import Register, Source
from charter.rules.policy import Policy
from fairness_reports.disclosure.door import hide_counts
from fairness_reports.residents.rights_words import say_overruling

__all__ = [
    "PURPOSE_WORDS",
    "describe_complaints",
    "describe_easy_read",
    "describe_formats",
    "describe_prohibited",
    "describe_register",
]

PURPOSE_WORDS: Mapping[str, str] = {
    "link": "finding which records are of one person",
    "train": "learning from past records",
    "shadow": "making lists that nobody sees, to check them",
    "rank": "putting households in order",
    "display": "showing a worker that the service knows a household",
    "look": "looking, by lot and without names, at some whom a list left out, to learn whom it misses",
    "evaluate": "checking whether lists were right",
    "equality_monitoring": "checking that groups are treated alike",
    "area_statistics": "counts for areas",
    "residence_check": "answering whether somebody lives at an address",
    "age_check": "answering whether somebody is old enough",
    "roll_check": "answering whether a child is at a school here",
    "entitlement_check": "answering whether somebody gets a benefit that gives them something more",
}
"""Each purpose as residents read it."""


def describe_complaints(public: PublicFile) -> dict[str, Any]:
    """Return the clock of a complaint, and the counts of complaints and breaches by month, small ones hidden."""
    rows = []
    for month in sorted(public.months, key=lambda row: row.month, reverse=True):
        counts = {"complaints": month.complaints, "breaches": month.breaches}
        rows.append({"month": f"{month.month:%B %Y}"} | hide_counts(counts))
    return {"days": ACKNOWLEDGE_DAYS, "months": rows}


def describe_register(register: Register) -> dict[str, Any]:
    """Return every row of the register that records people, in words."""
    sources = [source for source in register.sources if source.bears_people]
    return {
        "count": f"{len(sources)} services send records of people." if len(sources) != 1 else "One service sends them.",
        "sources": [_describe_source(source) for source in sorted(sources, key=lambda source: source.title)],
    }


def _describe_source(source: Source) -> dict[str, Any]:
    law = "; ".join([*source.conditions, *([source.gateway] if source.gateway else [])])
    years = source.retention_years
    return {
        "service": source.service,
        "title": source.title,
        "signals": "; ".join(signal.title for signal in source.signals)
        or "Who lives where, and choices that were made",
        "purposes": "; ".join(PURPOSE_WORDS[name] for name in PURPOSE_WORDS if name in source.purposes),
        "basis": f"{source.basis} ({law})" if law else source.basis,
        "kept": f"{years} {'year' if years == 1 else 'years'} after a record is over",
        "confidential": "Yes" if source.confidential_from_household else "No",
        "contact": source.contact,
    }


def describe_prohibited(policy: Policy) -> list[tuple[str, str]]:
    """Return what is never an input, those together that have one reason, each with it."""
    titles: dict[str, list[str]] = {}
    for row in policy.prohibited_inputs:
        titles.setdefault(row.why, []).append(row.title)
    return [(_join_titles(names), why) for why, names in titles.items()]


def _join_titles(names: Sequence[str]) -> str:
    first, *others = names
    return "; ".join([first, *(f"{name[:1].lower()}{name[1:]}" for name in others)])


def describe_formats(public: PublicFile) -> list[dict[str, str]]:
    """Return the pages' other forms, with a link to each that was made."""
    return [
        {
            "title": row.title,
            "language": row.language,
            "link": f"formats/{Path(row.file).name}" if row.file else "",
        }
        for row in public.formats
    ]


def describe_easy_read(policy: Policy, reach: str) -> list[dict[str, Any]]:
    """Return the whole in short sentences."""
    return [
        {
            "title": "What we do",
            "sentences": (
                "The council knows some things about you.",
                "Some of them show that a family may need help soon.",
                "A computer puts families in order. The families at the top come first.",
                "A worker looks at each of them. The worker decides who gets an offer of help.",
            ),
        },
        {
            "title": "You can say no",
            "sentences": (
                "You can say no to help. Nothing bad happens then.",
                "You can say no to the use of your data.",
                say_overruling(policy),
            ),
        },
        {
            "title": "You can ask for help",
            "sentences": (
                "You can always ask for help.",
                "We do not look at a list then.",
                "If nobody offered you help, no person decided that.",
            ),
        },
        {
            "title": "You can see it and complain",
            "sentences": (
                "You can see what we know about you.",
                "You can tell us when it is wrong.",
                f"You can complain. We tell you that we have your complaint within {ACKNOWLEDGE_DAYS} days.",
                reach,
            ),
        },
    ]
