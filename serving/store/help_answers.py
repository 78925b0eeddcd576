"""What became of help that was offered: three answers of whoever worked the case, given once, and how the case ended.

They are for evaluation and for the team's own look back. No list, score or feature reads them: a family's answer to
help changes nothing about how it is ranked. Words are sealed as notes are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from charter.errors import UsageError
from serving.identity import Identity
from serving.store.audit_log import AuditLog
from serving.store.connection import begin_reading
from serving.store.issued import ConflictError, write_moment
from serving.store.tables import after_help, referrals

__all__ = ["ENDED", "STEP_DOWN", "TAKEN", "WENT", "HelpAnswer", "HelpAnswers"]

TAKEN: Mapping[str, str] = {"yes": "Yes", "partly": "Some of it", "no": "No", "not_known": "I don’t know"}
"""Whether the family took the help that was offered."""

ENDED: Mapping[str, str] = {
    "finished": "It was finished",
    "stopped": "It stopped before",
    "not_begun": "It did not begin",
    "not_known": "I don’t know",
}
"""How the help ended."""

WENT: Mapping[str, str] = {
    "better": "Better, they say",
    "same": "The same, they say",
    "worse": "Worse, they say",
    "not_asked": "I did not ask them",
}
"""How things are for the family now, in its own view."""

STEP_DOWN: Mapping[str, str] = {
    "enough": "They manage without us",
    "elsewhere": "Somebody else helps now",
    "asked": "They asked us to stop",
    "moved": "They moved away",
    "no_contact": "We lost touch",
}
"""Why a family needs no more of this help; the case then leaves its worker's cases."""


@dataclass(frozen=True)
class HelpAnswer:
    """What became of one case's help: keys of TAKEN, ENDED, WENT and STEP_DOWN; `at` is UTC in ISO 8601."""

    referral: str
    taken: str
    ended: str
    went: str
    step_down: str
    words: str
    role: str
    at: str


class HelpAnswers(AuditLog):
    """What became of help, as one process keeps and reads it."""

    def keep_help_answer(self, identity: Identity, answer: HelpAnswer) -> None:
        """Keep the answers about a case once, and close it; both or neither.

        Raises UsageError for an answer that is none of those that can be given, ConflictError where somebody answered.
        """
        known = ((answer.taken, TAKEN), (answer.ended, ENDED), (answer.went, WENT), (answer.step_down, STEP_DOWN))
        if any(given not in words for given, words in known):
            raise UsageError("Answer all four.", "Open the page again.")
        words = self._seals.seal_text(f"after/{answer.referral}", answer.words)
        row = {**vars(answer), "words": words, "actor": identity.user, "role": identity.role, "at": write_moment()}
        try:
            with self._acting() as act:
                act.connection.execute(insert(after_help), row)
                for action, detail in (
                    ("help.answered", {"taken": answer.taken, "ended": answer.ended, "went": answer.went}),
                    ("referral.closed", {"why": answer.step_down}),
                ):
                    act.log(actor=identity.user, role=identity.role, action=action, subject=answer.referral,
                            purpose="evaluate", detail=detail)  # fmt: skip
        except IntegrityError:
            raise ConflictError("This was answered already.", "Open the case and read the answers.") from None

    def help_answer(self, referral_id: str) -> HelpAnswer | None:
        """Return what became of a case's help, or None where nobody said."""
        return next(iter(self._read_answers(after_help.c.referral == referral_id)), None)

    def help_answers(self, programme: str, team: str, since: str) -> list[HelpAnswer]:
        """Return what became of the cases of a team since a moment, oldest first; those taken off are left out."""
        return self._read_answers(
            referrals.c.programme == programme, referrals.c.team == team, after_help.c.at >= since,
            referrals.c.removed == "",
        )  # fmt: skip

    def _read_answers(self, *conditions: object) -> list[HelpAnswer]:
        wanted = (
            select(after_help)
            .join(referrals, referrals.c.id == after_help.c.referral)
            .where(*conditions)  # type: ignore[arg-type]  # conditions of these two tables
            .order_by(after_help.c.at)
        )
        with begin_reading(self._engine) as connection:
            rows = connection.execute(wanted).all()
        answers = [HelpAnswer(**{name: row._mapping[name] for name in HelpAnswer.__dataclass_fields__}) for row in rows]
        return [
            replace(answer, words=self._seals.unseal_text(f"after/{answer.referral}", answer.words))
            for answer in answers
        ]
