"""The data-sharing register as files that others read: everybody, the data protection officer, whoever writes a notice.

    published/register/register.html       each service in words, and what its row does not say yet
    published/register/register.csv, .json the same, a row a service
    published/register/article-30.csv      records of processing (UK GDPR, article 30(1)), with blanks for people
    published/register/privacy-notice.md   a draft of the privacy notice, with blanks for people

What stands in square brackets nobody has answered in a file: it is a blank, never a guess.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from charter.contracts.files import write_json, write_text
from charter.council.register import Source
from charter.invocation import Invocation
from charter.rules.roles import Roles
from fairness_reports.residents.information_pages import PURPOSE_WORDS, describe_register
from fairness_reports.residents.public_address import say_reach

__all__ = ["list_gaps", "write_register"]

_SECURITY = (
    "Names and identifiers lie sealed, apart from all other tables, which hold pseudonyms; access is by role, and "
    "each look at a person is logged. [How the council secures its machines]"
)
_KINDS: Mapping[str, str] = {
    "person": "who they are (names, dates of birth and keys, as far as the service sends them)",
    "address": "where they live",
    "protected": "protected characteristics, for equality monitoring alone",
    "permission": "what they chose about their data",
}
"""What kinds of record tell about people, beside events."""
_ANSWERS: Mapping[str, str] = {
    "contact": "who answers for it",
    "conditions": "under which conditions of the law",
    "review_by": "until when the row was agreed",
    "assessment": "which impact assessment covers it",
    "arrival_lag_days": "how late its rows come",
    "promised_lag_days": "how late they may come at most",
    "details_to": "which roles are shown what was recorded",
}
"""Keys of a row that may be left out, and what is not said then."""


def list_gaps(source: Source) -> tuple[str, ...]:
    """Return in words what a row of the register does not say."""
    return tuple(
        words
        for key, words in _ANSWERS.items()
        if key not in source.model_fields_set or getattr(source, key) in ("", (), None)
    )


def write_register(invocation: Invocation) -> tuple[Path, list[str]]:
    """Write the register's files, in the place of earlier ones; return their folder and names."""
    folder = invocation.workspace.root / "published" / "register"
    sources = [source for source in invocation.register.sources if source.bears_people]
    rows = [_describe_row(source, invocation.policy.acting) for source in sources]
    texts = {
        "register.csv": _write_csv(rows),
        "article-30.csv": _write_csv([_record_processing(invocation, source) for source in sources]),
        "privacy-notice.md": _draft_notice(invocation, sources),
        "register.html": _render_page(invocation, sources),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    document = {"schema_version": 1, "council": invocation.council.name, "register": invocation.register.sha256}
    write_json(folder / "register.json", {**document, "sources": rows})
    return folder, sorted([*texts, "register.json"])


def _describe_row(source: Source, roles: Roles) -> dict[str, Any]:
    """Return what the register says of a service, each answer a text."""
    review = str(source.review_by)[:10] if source.review_by else ""
    return {
        "service": source.service,
        "title": source.title,
        "contact": source.contact,
        "in_use": "no" if source.disabled else "yes",
        "restriction": source.restriction,
        "signals": "; ".join(signal.title for signal in source.signals),
        "purposes": "; ".join(words for name, words in PURPOSE_WORDS.items() if name in source.purposes),
        "basis": source.basis,
        "conditions": "; ".join(source.conditions),
        "gateway": source.gateway,
        "confidential_from_household": "yes" if source.confidential_from_household else "no",
        "shown_to_workers": "yes" if source.display else "no",
        "details_shown_to": "; ".join(sorted(roles.title(role) for role in source.details_to)),
        "kept_years": str(source.retention_years),
        "review_by": review,
        "assessment": source.assessment,
        "usual_delay_days": str(source.arrival_lag_days),
        "longest_delay_days": str(source.promised_lag_days),
        "not_said": "; ".join(list_gaps(source)),
    }


def _record_processing(invocation: Invocation, source: Source) -> dict[str, str]:
    """Return the record of processing of a service's data, by the letters of article 30(1)."""
    law = "; ".join(text for text in (source.basis, *source.conditions, source.gateway) if text)
    contact = invocation.council.contact or "[contact of the controller]"
    shown = "workers of the council's teams" if source.display else "no worker: it is counted and not shown"
    return {
        "service": source.title,
        "a_controller_and_contact": f"{invocation.council.name}, {contact}; [data protection officer]",
        "b_purposes": "; ".join(words for name, words in PURPOSE_WORDS.items() if name in source.purposes),
        "lawful_basis": law,
        "c_people_and_data": f"Residents known to the service: {_list_data(source)}",
        "d_recipients": f"{shown}; [partners outside the council, if any]",
        "e_transfers_abroad": "[transfers outside the United Kingdom, or none]",
        "f_erased_after": f"{source.retention_years} years after a record is over",
        "g_security": _SECURITY,
    }


def _list_data(source: Source) -> str:
    """Return what a service records of people: who they are, by the kinds of its records, then what happened."""
    kinds = {record.kind for file in source.files for record in file.records}
    words = [text for kind, text in _KINDS.items() if kind in kinds]
    return "; ".join([*words, *(signal.title for signal in source.signals)]) or "who lives where, and choices"


def _draft_notice(invocation: Invocation, sources: Sequence[Source]) -> str:
    """Return the draft of a privacy notice: a paragraph a service, and what only people know as blanks."""
    lines = [
        f"# How {invocation.council.name} uses records to offer early help",
        "",
        "This is a draft, made from the data-sharing register. What stands in [square brackets] somebody has to write.",
        "",
        f"We are the controller. {say_reach(invocation.council, invocation.public)} "
        "Our data protection officer: [name and address].",
    ]
    for source in sources:
        if source.disabled:
            continue
        facts = _record_processing(invocation, source)
        lines += [
            "",
            f"## {source.title}",
            "",
            f"- What it tells us: {facts['c_people_and_data'].split(': ', 1)[1]}.",
            f"- What for: {facts['b_purposes']}.",
            f"- Why we may: {facts['lawful_basis']}.",
            f"- Kept: {facts['f_erased_after']}.",
            f"- Who sees it: {facts['d_recipients']}.",
        ]
    lines += [
        "",
        "## What you can do",
        "",
        "You can ask to see what we hold, have it put right, object, and ask for help without any list. "
        "You can complain to us, and to the Information Commissioner. [Where these forms are]",
    ]
    return "\n".join(lines) + "\n"


def _write_csv(rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _quote_formula(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _quote_formula(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell


def _render_page(invocation: Invocation, sources: Sequence[Source]) -> str:
    environment = Environment(
        loader=PackageLoader("fairness_reports.residents"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    gaps = {source.service: list_gaps(source) for source in sources}
    states = {source.service: "" if not source.disabled else "Nothing is used of it." for source in sources}
    return environment.get_template("register_alone.html").render(
        council=invocation.council.name,
        reach=say_reach(invocation.council, invocation.public),
        made_on=f"{invocation.today.day} {invocation.today:%B %Y}",
        gaps=gaps,
        states=states,
        **describe_register(invocation.register),
    )
