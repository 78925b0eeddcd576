"""Whether the charter knows each signal of the register: what it allows for nothing is not fetched."""

from __future__ import annotations

from charter.council.register import Register
from charter.errors import CharterError
from charter.rules.policy import Policy

__all__ = ["refuse_unknown_to_charter"]


def refuse_unknown_to_charter(register: Register, policy: Policy) -> None:
    """Raise CharterError, naming all of them, for signals that the charter allows for none of their source's purposes.

    Newcomers add several signals at once: named one at a time each would be a refusal of its own.
    """
    unknown = [
        signal.name
        for source in register.enabled
        for signal in source.signals
        if not any(policy.allows(signal.name, purpose) for purpose in source.purposes)
    ]
    if unknown:
        it, names = "it" if len(unknown) == 1 else "them", ", ".join(map(repr, unknown))
        raise CharterError(
            f"the charter does not know {names}: it allows {it} for no purpose that the register gives.",
            f"Ask the board to add {it} to an [[allow]] row of charter.toml, or remove {it} from register.toml.",
        )
