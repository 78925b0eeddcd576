"""Whom a resident's request reaches: every room that holds people, and for which purposes it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from charter.contracts.workspace import Workspace
    from charter.invocation import Invocation
    from features.rights.asking import Certificate, Room
    from features.rights.retaining import Forgetting
    from serving.store.case_ends import CasePromise

__all__ = ["find_log_key", "list_forgetting_rooms", "list_rooms", "promise_cases", "replay_everything"]


@dataclass(frozen=True)
class Replayed:
    """What was carried out just now: certificates by request, retention's, and how many referrals were taken off."""

    certificates: Mapping[str, Certificate]
    retained: Path | None
    taken_off: int

    @property
    def sentence(self) -> str:
        """Say it to a person."""
        number = len(self.certificates)
        words = [f"{number} requests were carried out just now."] if number else []
        words += ["What was past its date was removed again."] if self.retained else []
        words += ["Run `sooner build` and `sooner rank` again."] if words else []
        lists = f"{self.taken_off} referrals that an older casework database listed again were taken off."
        return " ".join([*(words or ["Every request was carried out already."]), *([lists] if self.taken_off else [])])


def find_log_key(invocation: Invocation) -> bytes:
    """Return the key that seals the entries of the audit log."""
    from charter.vault.command_log import LOG_PURPOSE
    from charter.vault.key import Key

    return Key.load(invocation.council, invocation.workspace).derive(LOG_PURPOSE)


def list_rooms(invocation: Invocation) -> tuple[Room, ...]:
    """Return the rooms that forget, in the order in which they are asked to."""
    from functools import partial

    import fairness_reports.forget
    import serving.forget
    import training.forget
    from charter.purposes import LOOK
    from features.rights.asking import Room

    return (
        Room(training.forget.forget, ("link", "train", "shadow", "evaluate")),
        Room(fairness_reports.forget.forget, ("link", "rank", "display", "area_statistics")),
        Room(fairness_reports.forget.forget_lines, ("link", "rank", "evaluate")),
        Room(partial(serving.forget.forget, key=find_log_key(invocation)), serving.forget.PURPOSES),
        Room(partial(serving.forget.forget_looks, key=find_log_key(invocation)), (LOOK,)),
    )


def list_forgetting_rooms(invocation: Invocation) -> Forgetting:
    """Return what the rooms do where retention removes what is past its date."""
    from functools import partial

    import fairness_reports.forget
    import serving.forget
    import training.forget
    from features.rights.retaining import Forgetting

    def forget_scores(people: Iterable[str], workspace: Workspace, matrices: Collection[str] | None) -> int:
        return training.forget.forget(people, workspace, matrices)

    take_off = partial(serving.forget.forget, key=find_log_key(invocation), why=serving.forget.PAST_ITS_DATE)

    def forget_lists(people: Iterable[str], workspace: Workspace) -> int:
        gone = frozenset(people)
        fairness_reports.forget.forget_lines(gone, workspace)
        return take_off(gone, workspace)

    return Forgetting(
        forget_scores,
        forget_lists,
        fairness_reports.forget.forget,
        partial(_count_made, invocation),
        partial(_end_made, invocation),
    )


def promise_cases(invocation: Invocation, moment: datetime) -> CasePromise | None:
    """Return for how long the council keeps cases, as judged at a moment; None where it does not say."""
    from features.rights.holding import find_held_people
    from serving.store.case_ends import CasePromise

    years = invocation.council.keeping.case_years
    if years is None:
        return None
    held = find_held_people(invocation.workspace)
    local = moment.astimezone(invocation.council.time_zone)
    return CasePromise(years, local, held or frozenset(), holds_all=held is None)


def _promise_forms(invocation: Invocation, moment: datetime) -> CasePromise | None:
    """Return for how long the council keeps forms that residents sent; None where it does not say."""
    from features.rights.holding import find_held_people
    from serving.store.case_ends import CasePromise

    years = invocation.council.keeping.form_years
    if years is None:
        return None
    held = find_held_people(invocation.workspace)
    return CasePromise(years, moment.astimezone(invocation.council.time_zone), holds_all=held is None)


def _count_made(invocation: Invocation, moment: datetime) -> Mapping[str, int]:
    """Return how much of what Sooner made is past its own date: cases, lists, and what restores replaced."""
    from serving.ended_cases import count_ended, count_past_forms
    from sooner.replaced import find_replaced

    promise = promise_cases(invocation, moment)
    key = find_log_key(invocation)
    counts = count_ended(invocation.workspace, promise, key=key) if promise else {}
    forms = _promise_forms(invocation, moment)
    past = {"forms": count_past_forms(invocation.workspace, forms, key=key)} if forms else {}
    return {**counts, **past, "replaced_by_restores": len(find_replaced(invocation, moment))}


def _end_made(invocation: Invocation, moment: datetime) -> Mapping[str, int]:
    from serving.ended_cases import end_cases, end_forms, end_readings
    from sooner.replaced import drop_replaced

    promise = promise_cases(invocation, moment)
    key = find_log_key(invocation)
    counts = end_cases(invocation.workspace, promise, key=key) if promise else {}
    forms = _promise_forms(invocation, moment)
    past = {"forms": end_forms(invocation.workspace, forms, key=key)} if forms else {}
    end_readings(invocation.workspace, invocation.today, key=key)
    return {**counts, **past, "replaced_by_restores": drop_replaced(invocation, moment)}


def replay_everything(invocation: Invocation) -> Replayed:
    """Carry out whatever this data has not honoured yet: retention, residents' requests, and what lists show of both.

    The writer lock is the caller's.
    """
    from functools import partial

    from features.rights.asking import replay_requests
    from features.rights.retaining import replay_retention
    from features.rights.vault_clearing import find_strangers
    from serving.forget import catch_up

    retained = replay_retention(invocation, list_forgetting_rooms(invocation))
    certificates = replay_requests(invocation, list_rooms(invocation))
    strangers = partial(find_strangers, invocation.workspace)
    taken_off = catch_up(
        invocation.workspace,
        key=find_log_key(invocation),
        strangers=strangers,
        promise_cases=partial(promise_cases, invocation),
    )
    return Replayed(certificates, retained, taken_off)
