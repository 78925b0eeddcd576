"""Challenges: a household says that a referral is wrong, the reviewer sees it on the case, and a person answers.

The words of both lie sealed in the vault; the audit log holds that there was a challenge and how it was answered. The
system never answers, closes or weighs one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from charter.contracts.files import content_id
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from charter.vault.vault import Vault
from serving.identity import Identity
from serving.store.leaving.own_record import gather_record
from serving.store.store import Store, open_store, write_moment

__all__ = ["ABOUT", "OUTCOMES", "PAPER", "Challenge", "file_challenge", "keep_answer", "read_challenges"]

PAPER = "challenge"
"""The kind of paper a challenge is in the vault."""

ABOUT: Mapping[str, str] = {
    "wrong_data": "Something recorded is wrong",
    "not_us": "It is not about this household",
    "unfair": "It is unfair to be listed for this",
    "not_wanted": "No contact is wanted",
    "other": "Something else",
}
"""What a challenge may be about, and how pages say it."""

OUTCOMES: Mapping[str, str] = {"upheld": "They are right", "partly": "Partly right", "not_upheld": "It stands"}
"""How a person may answer."""

_LONGEST = 1000


@dataclass(frozen=True)
class Challenge:
    """One challenge and, once a person gave one, its answer; `refs` are the pseudonyms of whoever filed it."""

    id: str
    referral: str
    refs: tuple[str, ...]
    filed_at: str
    by: str
    about: str
    words: str
    outcome: str = ""
    answer: str = ""
    answered_at: str = ""
    answered_role: str = ""

    @property
    def title(self) -> str:
        """What it is about, for pages."""
        return ABOUT[self.about]

    @property
    def outcome_title(self) -> str:
        """How it was answered, for pages."""
        return OUTCOMES.get(self.outcome, "")


def file_challenge(
    invocation: Invocation, person_id: str, refs: Sequence[str], *, about: str, words: str, by: str, role: str
) -> tuple[Challenge, ...]:
    """File a challenge to every referral of the person's household that stands, and return them.

    Raises UsageError for another subject or too many words, DataError where no referral of theirs stands.
    """
    if about not in ABOUT:
        raise UsageError(f"{about!r} is nothing that a challenge is about.", f"Choose one of: {', '.join(ABOUT)}.")
    if not words.strip() or len(words) > _LONGEST:
        raise UsageError(f"a challenge is said in 1 to {_LONGEST} characters.", "Shorten it, or say it.")
    standing = [
        row["referral"]
        for row in gather_record([person_id], invocation.workspace)["lists"]
        if row["programme"] == invocation.programme and not row["taken_off"]
    ]
    if not standing:
        raise DataError("no referral of this person's household stands.", "There is nothing to challenge.")
    key = Key.load(invocation.council, invocation.workspace)
    vault = Vault.open(invocation.workspace.vault, key)
    filed_at = write_moment(datetime.now(UTC))
    challenges = tuple(
        Challenge(content_id([referral, filed_at, about]), referral, tuple(refs), filed_at, by, about, words.strip())
        for referral in standing
    )
    with open_store(invocation.workspace, key=key.derive(LOG_PURPOSE)) as store:
        for challenge in challenges:
            _seal_challenge(vault, challenge)
            clerk = Identity("command", role, frozenset())
            detail = {"challenge": challenge.id, "about": about, "by": by}
            store.log(clerk, "challenge.filed", subject=challenge.referral, purpose="rank", detail=detail)
    return challenges


def _seal_challenge(vault: Vault, challenge: Challenge) -> None:
    vault.file_paper(PAPER, challenge.id, json.dumps(asdict(challenge)).encode())


def read_challenges(vault: Vault | None, referrals: Collection[str]) -> tuple[Challenge, ...]:
    """Return the challenges to these referrals, oldest first; none where the data never held a name."""
    if vault is None:
        return ()
    papers = (json.loads(paper) for paper in vault.papers(PAPER).values())
    challenges = [Challenge(**{**raw, "refs": tuple(raw["refs"])}) for raw in papers if raw["referral"] in referrals]
    return tuple(sorted(challenges, key=lambda challenge: (challenge.filed_at, challenge.id)))


def keep_answer(
    vault: Vault | None, store: Store, identity: Identity, referral: str, challenge: str, *, outcome: str, words: str
) -> Challenge:
    """Keep a person's answer to a challenge, with a line in the log, and return it.

    Raises UsageError for no words or an unknown outcome or challenge, CharterError where it was answered already.
    """
    filed = next((paper for paper in read_challenges(vault, [referral]) if paper.id == challenge), None)
    if filed is None or vault is None:
        raise UsageError("there is no such challenge.", "Open the case again.")
    if filed.outcome:
        raise CharterError("this challenge was answered already.", "Open the case again and read the answer.")
    if outcome not in OUTCOMES or not words.strip():
        raise UsageError("an answer says whether they are right, and why.", "Open the case again and say both.")
    closed = replace(
        filed,
        outcome=outcome,
        answer=words.strip()[:_LONGEST],
        answered_at=write_moment(),
        answered_role=identity.role,
    )
    store.log(
        identity, "challenge.answered", subject=referral, purpose="rank",
        detail={"challenge": challenge, "outcome": outcome},
    )  # fmt: skip
    _seal_challenge(vault, closed)
    return closed
