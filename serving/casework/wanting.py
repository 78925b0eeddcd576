"""What is wanting before a case is opened or decided on: one list, asked by pages and API alike.

    CHECKS, in their order                     opening a case    deciding    stepping up
    taken off its list                               x              x            x
    whoever asks knows the family                    x              x            x
    suspended, or in shadow                          x              x
    the list has ended                                              x
    practice on made-up cases                                       x
    a decision, its reason, safe contact, its day                   x            x
    the version it was made on                                      x            x

The first five are the one function's (charter.rules.showing); what is decided needs more. Stepping up never waits for
practice, nor for a list that is shown. What an answer says of a want is the same
everywhere: its sentence, what to do next, and the HTTP status.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from charter.errors import SoonerError
from serving.asking_to_show import list_refusals
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.reasons import write_day
from serving.store.case_decisions import DECIDED_MEANWHILE
from serving.store.store import Decision, DecisionDraft, Referral

__all__ = [
    "CHECKS",
    "Check",
    "Want",
    "WantingError",
    "file_decision",
    "list_wants",
    "require_case",
]


_LONGEST_WEEKS = {"deferred": 26, "family_said_no": 520}
"""For so many weeks at most a case is deferred, or a family's wish to be left alone is kept."""


@dataclass(frozen=True)
class Sentence:
    """What a check says where it finds something wanting: the sentence, what to do next, and what may be chosen."""

    message: str
    next_step: str = ""
    choices: tuple[str, ...] = ()
    state: str = ""


@dataclass(frozen=True)
class Check:
    """One line of the list: its id, the HTTP status of an answer that wants it, and what must be so.

    Without `find` the one function finds it. `opens`: asked of whoever opens a case; `steps_up`: asked of stepping up
    too. `field`: where the API's body has it.
    """

    id: str
    status: int
    title: str
    find: Callable[[Desk, Referral, DecisionDraft], Sentence | None] | None = None
    opens: bool = False
    steps_up: bool = True
    field: str = ""


@dataclass(frozen=True)
class Want:
    """One thing that is wanting: which check found it, and what it says."""

    check: Check
    sentence: Sentence


class WantingError(SoonerError):
    """Something is wanting, so nothing is shown or filed; `wants` in the order of the checks, at least one."""

    exit_code = 12

    def __init__(self, wants: tuple[Want, ...]) -> None:
        super().__init__(wants[0].sentence.message, wants[0].sentence.next_step)
        self.wants = wants


def _find_no_disposition(desk: Desk, _referral: Referral, draft: DecisionDraft) -> Sentence | None:
    choices = tuple(choice.id for choice in desk.settings.choices)
    return None if draft.disposition in choices else Sentence("Choose your decision.", choices=choices)


def _find_no_reason(desk: Desk, _referral: Referral, draft: DecisionDraft) -> Sentence | None:
    choice = desk.settings.choice(draft.disposition)
    codes = tuple(code for code, _ in choice.reasons) if choice else ()
    if choice is None or draft.reason in codes or (draft.steps_up and not codes):
        return None
    return Sentence(f"Choose a reason for “{choice.title}”.", choices=codes)


def _find_unsafe_contact(_desk: Desk, _referral: Referral, draft: DecisionDraft) -> Sentence | None:
    if draft.disposition != "taken_up" or draft.safe_to_contact_checked:
        return None
    return Sentence("Check how and when contact is safe before you take up the case.", choices=("true",))


def _find_no_day(desk: Desk, _referral: Referral, draft: DecisionDraft) -> Sentence | None:
    longest = _LONGEST_WEEKS.get(draft.disposition)
    if longest is None or not draft.until:
        return None
    first, last = desk.today() + timedelta(days=1), desk.today() + timedelta(weeks=longest)
    try:
        fits = first <= date.fromisoformat(draft.until) <= last
    except ValueError:
        fits = False
    return None if fits else Sentence(f"Choose a day from {write_day(first)} to {write_day(last)}.")


def _find_other_version(_desk: Desk, referral: Referral, draft: DecisionDraft) -> Sentence | None:
    return None if draft.version == referral.version else Sentence(*DECIDED_MEANWHILE)


CHECKS: tuple[Check, ...] = (
    Check("role", 403, "Whoever asks is in a role that does this", opens=True),
    Check("team", 403, "The case is one of their team's", opens=True),
    Check("taken_off", 410, "The household is still on its list", opens=True),
    Check("conflict", 403, "Whoever asks did not say that they know the family", opens=True),
    Check("silence", 409, "The list is neither suspended nor in shadow", opens=True, steps_up=False),
    Check("ended", 409, "The list has not ended", steps_up=False),
    Check("practice", 403, "Whoever decides has practised on the made-up cases", steps_up=False),
    Check("disposition", 400, "It is a decision of worklist.toml", _find_no_disposition, field="disposition"),
    Check("reason", 400, "Its reason is one of that decision's", _find_no_reason, field="reason"),
    Check("safe_contact", 400, "Whoever takes up a case checked how contact is safe", _find_unsafe_contact,
          field="safe_to_contact_checked"),
    Check("until", 400, "A day that is named is one of the next weeks (of years, where a family said no)", _find_no_day,
          field="until"),
    Check("version", 409, "Nobody changed the case since it was read", _find_other_version),
)  # fmt: skip
"""All that can be wanting, in the order in which it is said."""


_BY_ID = {check.id: check for check in CHECKS}


def list_wants(
    desk: Desk, identity: Identity, referral: Referral, draft: DecisionDraft | None = None
) -> tuple[Want, ...]:
    """Return what is wanting for `draft`, or (without one) for opening the case, in the order of `CHECKS`."""
    if draft is None:
        return _ask_function(desk, identity, "case", referral, "referral.read")
    refused = _ask_function(desk, identity, "step_up" if draft.steps_up else "decision", referral, "referral.decide")
    sentences = ((check, check.find(desk, referral, draft)) for check in CHECKS if check.find is not None)
    return refused + tuple(Want(check, sentence) for check, sentence in sentences if sentence is not None)


def _ask_function(desk: Desk, identity: Identity, way: str, referral: Referral, act: str) -> tuple[Want, ...]:
    refusals = list_refusals(desk, identity, way, referral, act)
    return tuple(
        Want(_BY_ID[refusal.id], Sentence(refusal.message, refusal.next_step, state=refusal.state))
        for refusal in refusals
    )


def require_case(desk: Desk, identity: Identity, referral: Referral, way: str, act: str = "") -> None:
    """Raise WantingError unless the one function lets this person have a case by this way, in a role that may `act`.

    Raises TooMuchError where it is one case more than they may open in a day; stepping up has no limit.
    """
    if wants := _ask_function(desk, identity, way, referral, act):
        raise WantingError(wants)
    if way != "step_up":
        desk.how_much.take_case(identity, referral)


def file_decision(desk: Desk, identity: Identity, referral: Referral, draft: DecisionDraft, key: str) -> Decision:
    """File a decision, or raise WantingError with all that is wanting for it.

    The same `key` again returns the decision already made, whatever is wanting by now. Raises ConflictError where
    somebody was quicker between the look and the filing, UsageError for a key used for something else.
    """
    if not desk.store.was_filed(key):
        wants = list_wants(desk, identity, referral, draft)
        if wants:
            raise WantingError(wants)
    own_view = desk.store.own_view(identity, referral.id) or ""
    decision = desk.store.decide(identity, referral.id, draft, own_view=own_view, key=key)
    desk.exporter.changed()
    return decision
