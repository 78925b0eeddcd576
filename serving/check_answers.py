"""What is checked once, as the service answers it: who may ask, how often, one line in the log, and one word.

Who asks is whoever signed in: a program asks for a service of its row in sign_in.toml, a person in their role. What a
person writes of a service is kept beside as what they said, and never believed.
"""

from __future__ import annotations

from charter.errors import CharterError
from charter.vault.check_once import RESIDENCE, Asker, Question, answer_question
from serving.access.clients import CLIENT
from serving.desk import Desk
from serving.identity import Identity, require_act
from serving.session import Session

__all__ = ["answer_check", "find_asker"]


def find_asker(desk: Desk, session: Session | None, question: Question) -> Asker:
    """Return who asks, by how they signed in; raise CharterError where a program asks for a service not its own."""
    if session is None:
        raise CharterError("nobody is signed in.", "Sign in.")
    if not session.way.startswith(CLIENT) or not session.identity.user.startswith(CLIENT):
        return Asker(role=session.identity.role)
    services = desk.entrance.services_of(session)
    service = question.asked_by or (next(iter(services)) if len(services) == 1 else "")
    if service not in services:
        raise CharterError("this program does not ask for that service.", "Ask whoever keeps sign_in.toml.")
    return Asker(service=service)


def answer_check(desk: Desk, identity: Identity | None, question: Question, asker: Asker) -> str:
    """Return yes, no or can't tell, after a line in the log that names nobody.

    Raises CharterError for whoever may not ask, and where the council holds no vault or no such check; TooMuchError
    for one question more than they, or their service, may ask in a day, before anything is looked up.
    """
    person = require_act(identity, "residence.check")
    if desk.vault is None:
        raise CharterError("no names are held here, so nothing can be checked.", "Ask the council's own desk.")
    token = question.find_token(desk.key)
    desk.how_much.take_check(person, asker.name, question.uprn.strip().lstrip("0") or token)
    register = desk.invocation.reread().register
    word = answer_question(desk.vault, desk.key, register, question, asker, today=desk.today())
    said = {"said_for": question.asked_by} if asker.role and question.asked_by else {}
    desk.store.log(
        person,
        "residence.checked" if question.purpose == RESIDENCE else "question.checked",
        subject=token,
        purpose=question.purpose,
        detail={"asked_by": asker.name, "answer": word, **said},
    )
    return word
