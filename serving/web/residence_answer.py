"""The residence check as the service answers it: who may ask, one line in the log, and one word."""

from __future__ import annotations

from charter.errors import CharterError
from charter.vault.residence_check import PURPOSE, Question, answer_question, residents_token
from serving.desk import Desk
from serving.identity import Identity, require_act

__all__ = ["answer_residence"]


def answer_residence(desk: Desk, identity: Identity | None, question: Question) -> str:
    """Return yes, no or can't tell, after a line in the log that names nobody.

    Raises CharterError for whoever may not ask, and where the council holds no vault or no such check.
    """
    asker = require_act(identity, "residence.check")
    if desk.vault is None:
        raise CharterError("no names are held here, so nobody's address can be checked.", "Ask the council's own desk.")
    register = desk.invocation.reread().register
    word = answer_question(desk.vault, desk.key, register, question)
    desk.store.log(
        asker,
        "residence.checked",
        subject=residents_token(desk.key, question.forename, question.surname, question.birth_date),
        purpose=PURPOSE,
        detail={"asked_by": question.asked_by, "answer": word},
    )
    return word
