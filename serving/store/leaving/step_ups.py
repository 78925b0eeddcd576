"""Step-ups of which somebody was told: who took each, and which nobody took in time; all of it lines of the log.

    step_up.told      receivers were told, and until when one of them should have taken it
    step_up.taken     somebody said "I have it"
    step_up.untaken   the time passed: said on pages, and told once more

A step-up that was taken back, or of which nobody was told (outside the hours), is on no list here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.exc import IntegrityError

from charter.acts import SYSTEM
from charter.errors import UsageError
from serving.identity import Identity
from serving.store.connection import begin_reading
from serving.store.issued import write_moment
from serving.store.leaving.outbox import MessageDraft, Outbox
from serving.store.tables import audit, decisions, referrals, undone

__all__ = ["StandingStepUp", "StepUps"]

_TOLD, _TAKEN, _UNTAKEN = "step_up.told", "step_up.taken", "step_up.untaken"
_REMEMBERED = timedelta(days=7)


@dataclass(frozen=True)
class StandingStepUp:
    """A step-up of which receivers were told; times are UTC in ISO 8601. `taken_by` is a role, '' while nobody has it.

    `nobody` says that its time passed and nobody took it.
    """

    referral: str
    team: str
    version: int
    actor: str
    at: str
    due_at: str
    taken_by: str
    taken_at: str
    nobody: bool


class StepUps(Outbox):
    """Step-ups, as one process tells and takes them."""

    def tell_step_up(
        self, identity: Identity, referral_id: str, version: int, receivers: Sequence[str],
        data: Mapping[str, str], due_at: datetime,
    ) -> None:  # fmt: skip
        """Tell receivers (ids) of a step-up; telling of the same version again tells nobody twice."""
        try:
            with self._acting() as act:
                for receiver in receivers:
                    name = _name_message("step_up", referral_id, version, receiver)
                    self._put_message(act, identity, MessageDraft(receiver, "step_up", data, referral_id, name))
                act.log(
                    actor=identity.user, role=identity.role, action=_TOLD, subject=referral_id, purpose="rank",
                    detail={"version": version, "receivers": list(receivers), "due_at": write_moment(due_at)},
                )  # fmt: skip
        except IntegrityError:
            return

    def take_step_up(self, identity: Identity, referral_id: str) -> None:
        """Note that somebody has a step-up; raise UsageError where somebody has it already, or nobody was told."""
        standing = self.step_up(referral_id)
        if standing is None:
            raise UsageError("Nobody was told of a step-up of this case.", "Open the case again.")
        if standing.taken_by:
            raise UsageError("Somebody has this already.", "Open the page again and see who.")
        self.log(identity, _TAKEN, subject=referral_id, purpose="rank", detail={"version": standing.version})

    def note_untaken(self, standing: StandingStepUp, receivers: Sequence[str], data: Mapping[str, str]) -> None:
        """Note once that nobody took a step-up in time, and tell receivers (ids)."""
        sooner = Identity("sooner", SYSTEM, frozenset())
        try:
            with self._acting() as act:
                for receiver in receivers:
                    name = _name_message("untaken", standing.referral, standing.version, receiver)
                    self._put_message(act, sooner, MessageDraft(receiver, "step_up", data, standing.referral, name))
                act.log(
                    actor="sooner", role=SYSTEM, action=_UNTAKEN, subject=standing.referral, purpose="rank",
                    detail={"version": standing.version, "receivers": list(receivers)},
                )  # fmt: skip
        except IntegrityError:
            return

    def step_up(self, referral_id: str) -> StandingStepUp | None:
        """Return a case's newest step-up of which receivers were told, or None."""
        with begin_reading(self._engine) as connection:
            return next(iter(_read_step_ups(connection, audit.c.subject == referral_id)), None)

    def step_ups(self, now: datetime, actor: str = "") -> list[StandingStepUp]:
        """Return the step-ups of the last week of which receivers were told and that stand, newest first.

        With `actor`, only those that this person stepped up.
        """
        lately = audit.c.at >= write_moment(now - _REMEMBERED)
        with begin_reading(self._engine) as connection:
            standing = _read_step_ups(connection, lately)
        return [each for each in standing if not actor or each.actor == actor]


def _name_message(kind: str, referral: str, version: int, receiver: str) -> str:
    return hashlib.sha256(f"{kind}/{referral}/{version}/{receiver}".encode()).hexdigest()[:32]


def _read_step_ups(connection: Connection, which: ColumnElement[bool]) -> list[StandingStepUp]:
    wanted = select(audit.c.action, audit.c.subject, audit.c.actor, audit.c.role, audit.c.at, audit.c.detail).where(
        audit.c.action.in_((_TOLD, _TAKEN, _UNTAKEN)), which
    )
    told: dict[tuple[str, int], tuple[str, str, str]] = {}
    taken: dict[tuple[str, int], tuple[str, str]] = {}
    untaken: set[tuple[str, int]] = set()
    for row in connection.execute(wanted.order_by(audit.c.at)):
        detail = json.loads(row.detail)
        key = (row.subject, int(detail["version"]))
        if row.action == _TOLD:
            told[key] = (row.actor, row.at, str(detail["due_at"]))
        elif row.action == _TAKEN:
            taken.setdefault(key, (row.role, row.at))
        else:
            untaken.add(key)
    teams = _find_teams(connection, told)
    return [
        StandingStepUp(
            key[0], teams[key], key[1], actor, at, due_at, *taken.get(key, ("", "")),
            nobody=key in untaken and key not in taken,
        )
        for key, (actor, at, due_at) in reversed(told.items())
        if key in teams
    ]  # fmt: skip


def _find_teams(connection: Connection, told: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return the team of each case whose step-up (case, version) stands: decided, not taken back, still the newest."""
    if not told:
        return {}
    cases = (
        select(referrals.c.id, referrals.c.team, decisions.c.version)
        .join(decisions, decisions.c.referral == referrals.c.id)
        .outerjoin(undone, (undone.c.referral == decisions.c.referral) & (undone.c.version == decisions.c.version))
        .where(
            referrals.c.id.in_({case for case, _ in told}), referrals.c.status == "stepped_up",
            referrals.c.removed == "", decisions.c.disposition == "stepped_up", undone.c.referral.is_(None),
        )
    )  # fmt: skip
    return {(row.id, row.version): row.team for row in connection.execute(cases)}
