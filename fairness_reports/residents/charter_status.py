"""The status of the charter on one screen: who signed it, what each principle is held to, which promises were kept.

kept    what shows it is there and in date: a day with its evidence, or a record that `sooner publish` made
due     its day is to come, or no day is fixed
broken  its day is past, or it must be kept again and was not, or the record that keeps it is missing
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from charter.clocks import PANEL_DAYS, add_working_days
from charter.council.public_file import Promise, PublicQuestion
from charter.invocation import Invocation
from charter.rules.gate_sentences import say_day
from charter.rules.policy import Policy
from charter.signing.signoffs import read_charter_signoffs, read_signoffs
from fairness_reports.residents.data_uses import NOT_USED, DataUse
from fairness_reports.residents.panel_words import describe_sessions, list_open_words, list_stoppers

__all__ = ["BROKEN", "DUE", "KEPT", "describe_charter", "judge_promise", "say_looks"]

KEPT, DUE, BROKEN = "kept", "due", "broken"
_OF_THE_SITE = ("register", "site")


def describe_charter(
    invocation: Invocation, uses: Sequence[DataUse], records: Mapping[str, Collection[str]]
) -> dict[str, Any]:
    """Return what the page shows; `records` are the programmes with a public record in date, by kind."""
    policy, public, today = invocation.charter, invocation.public, invocation.today
    recommendations, questions = list_open_words(invocation)
    released = [use for use in uses if use.state != NOT_USED]
    of_programmes = {use.programme: use.title for use in uses}
    return {
        "title": policy.title,
        "version": policy.version,
        "looks": say_looks(policy),
        "review": _say_review(policy.review_by, today),
        "signers": _describe_signers(invocation),
        "principles": [
            {
                "id": row.id,
                "title": row.title,
                "means": row.means,
                "uses": [use.title for use in public.uses if row.id in use.principles],
                "promises": [
                    _describe_promise(promise, today, records, released)
                    for promise in public.promises
                    if promise.principle == row.id
                ],
            }
            for row in policy.principles
        ],
        "unmapped": [title for name, title in of_programmes.items() if public.describe_use(name) is None]
        + [check.title for check in invocation.register.checks if public.describe_use(check.purpose) is None],
        "decisions": [_describe_decision(use) for use in released],
        "waivers": [
            {"what": row.gate.replace("_", " "), "why": row.reason, "until": say_day(row.expires)}
            for row in policy.waivers
        ],
        "recommendations": [
            {
                "said": row.said,
                "on": say_day(row.on),
                "answer": row.answer,
                "did": row.did or "Not answered yet.",
                "done": f"Done on {say_day(row.done_on)}." if row.done_on else "",
            }
            for row in (*public.recommendations, *recommendations)
        ],
        "questions": [_describe_question(row, today) for row in (*public.questions, *questions)],
        "sessions": describe_sessions(invocation),
        "stoppers": list_stoppers(invocation),
        "pledges": [
            {"who": row.partner, "version": row.charter_version, "on": say_day(row.on)} for row in public.pledges
        ],
    }


def judge_promise(
    promise: Promise, today: date, records: Mapping[str, Collection[str]], programmes: Collection[str]
) -> str:
    """Return whether a promise is kept, due or broken today; `programmes` are those that must have its record."""
    if promise.record in _OF_THE_SITE:
        return KEPT
    if promise.record:
        missing = set(programmes) - set(records.get(promise.record, ()))
        return BROKEN if missing else KEPT if programmes else DUE
    if promise.kept_on is None:
        return DUE if promise.due is None or promise.due >= today else BROKEN
    if promise.months and _add_months(promise.kept_on, promise.months) < today:
        return BROKEN
    return KEPT


def _describe_promise(
    promise: Promise, today: date, records: Mapping[str, Collection[str]], released: Sequence[DataUse]
) -> dict[str, str]:
    if promise.record:
        evidence = "These pages" if promise.record in _OF_THE_SITE else "The published records"
    elif promise.kept_on:
        evidence = f"{promise.evidence}, {say_day(promise.kept_on)}"
    else:
        evidence = f"Due by {say_day(promise.due)}" if promise.due else "No day is fixed"
    state = judge_promise(promise, today, records, [use.programme for use in released])
    return {"text": promise.text, "state": state, "evidence": evidence}


def _describe_signers(invocation: Invocation) -> list[dict[str, str]]:
    """Return each role that must sign the charter, and until when it signed these very bytes."""
    policy, today = invocation.charter, invocation.today
    rows = [row for row in read_charter_signoffs(invocation) if row.charter_sha256 == policy.sha256]
    signers = []
    for role in policy.signers("charter"):
        ends = [row.expires for row in rows if row.role == role.id and row.expires > today and row.proved(policy)]
        words = f"signed, until {say_day(max(ends))}" if ends else "not signed as it stands"
        signers.append({"role": role.title, "words": words})
    return signers


def _describe_decision(use: DataUse) -> dict[str, Any]:
    folder = use.invocation.workspace.audit / str(use.findings["run"])
    policy = use.invocation.charter
    titles = {role.id: role.title for role in policy.roles}
    rows = read_signoffs(folder / "signoffs.toml")
    return {
        "title": use.title,
        "on": say_day(date.fromisoformat(use.decision["decided_on"])),
        "sentence": use.decision["sentence"],
        "signed": [f"{titles.get(row.role, row.role)} ({say_day(row.signed_at.date())})" for row in rows],
    }


def _describe_question(question: PublicQuestion, today: date) -> dict[str, str]:
    due = add_working_days(question.on, PANEL_DAYS)
    if question.answered_on:
        state = "in time" if question.answered_on <= due else "late"
        words = f"{question.answer} (answered on {say_day(question.answered_on)}, {state})"
    else:
        words = f"Not answered yet; {'was due' if due < today else 'due'} by {say_day(due)}."
    return {"asked": question.asked, "on": say_day(question.on), "words": words}


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first = date(year, month + 1, 1)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return first.replace(day=min(day.day, last))


_PURPOSE_NAMED = "They have a purpose of their own, and who objects to it is in no look."
_NO_PURPOSE = "It names no purpose of their own for them."


def say_looks(policy: Policy) -> str:
    """Return what the charter allows of looks below the line; empty where it allows none."""
    if not policy.largest_lot:
        return ""
    most = policy.most_looks_a_year
    words = "It names no most for a year." if most is None else f"At most {most:,} such looks in any twelve months."
    return (
        f"Up to {100 * policy.largest_lot:g} of 100 places of a list may go by lot to some who stand below its last"
        f" line, so that we learn whom it misses. {words}"
        f" {_PURPOSE_NAMED if policy.looks_purpose else _NO_PURPOSE}"
    )


def _say_review(review_by: date, today: date) -> str:
    if review_by < today:
        return f"Its review was due by {say_day(review_by)}, so it allows nothing any more."
    return f"It must be reviewed by {say_day(review_by)}."
