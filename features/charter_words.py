"""Whether the charter knows each signal of the register: what it allows for nothing is not fetched."""

from __future__ import annotations

from charter.council.register import Register
from charter.errors import CharterError
from charter.rules.policy import Policy

__all__ = ["refuse_unknown_to_charter"]


def refuse_unknown_to_charter(register: Register, policy: Policy) -> None:
    """Raise CharterError for a signal of the register that the charter allows for none of its source's purposes."""
    for source in register.enabled:
        for signal in source.signals:
            if not any(policy.allows(signal.name, purpose) for purpose in source.purposes):
                raise CharterError(
                    f"the charter does not know {signal.name!r}: it allows it for no purpose that the register gives.",
                    "Ask the board to add it to an [[allow]] row of charter.toml, or remove it from register.toml.",
                )
