"""Who may be on a list and in no look below its line: whose choices allow the one and not the other.

`[exploration] purpose` of charter.toml gives looks a purpose of their own. A household is in none where data of
somebody there may be used for the order, and may not for looks: by an objection, a refusal or a restriction about
them, or because the basis is a consent that says nothing of them. Without such a purpose an objection to looks counts
all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from charter.invocation import Invocation
from charter.purposes import LOOK
from features.build import Snapshot
from features.engines.rows import read_choices
from features.grammar import Definition
from features.permission import Choice, Permission, is_denied, is_permitted

__all__ = ["check_looks", "find_no_looks"]


def check_looks(invocation: Invocation) -> None:
    """Raise CharterError for a signal of the definition that charter or register do not allow for looks' purpose."""
    policy, register = invocation.policy, invocation.register
    if policy.looks_purpose is not None:
        definition = Definition.load(invocation.programme_folder / "definition.py")
        Permission.of(policy, register, policy.looks_purpose).check(definition, policy, register)


def find_no_looks(invocation: Invocation, snapshot: str, as_of: date) -> frozenset[str]:
    """Return the pseudonyms of whoever is in no look below the line, as chosen at `as_of` and by the snapshot's time.

    Raises CharterError where charter or register do not allow what the list reads for the purpose of looks.
    """
    check_looks(invocation)
    source = Snapshot.open(invocation.workspace.snapshot(snapshot))
    of_lists = Permission.of(invocation.policy, invocation.register, "rank")
    services = sorted({signal.split(".")[0] for signal in of_lists.signals})
    moments = (invocation.council.midnight(as_of), source.taken_at)
    has_purpose = invocation.policy.looks_purpose is not None

    def allows(choices: Sequence[Choice], service: str, at: datetime, purpose: str) -> bool:
        return is_permitted(choices, service, purpose, at, consent_based=service in of_lists.consent)

    def is_out(choices: Sequence[Choice], service: str) -> bool:
        if not all(allows(choices, service, at, "rank") for at in moments):
            return False
        if has_purpose:
            return not all(allows(choices, service, at, LOOK) for at in moments)
        return any(is_denied(choices, service, LOOK, at) for at in moments)

    return frozenset(
        person
        for person, choices in read_choices(source.tables).items()
        if any(is_out(choices, service) for service in services)
    )
