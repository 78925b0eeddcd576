"""Rows of the shipped register as a new council's own: for services that it has, before any of them has sent a file."""

from __future__ import annotations

from collections.abc import Collection

from charter.council.register import Register, Source
from charter.errors import UsageError
from charter.invocation import shipped_council
from charter.purposes import LOOK
from charter.starting.new_council import ProposedSource

__all__ = ["propose_shipped_sources"]

_ALWAYS = ("choices", "addresses")
"""What no list goes without: what residents said of the use of their data, and which home lies where."""

_CONFIRM = (
    "Confirm: every line. It is the row of Sooner's example council: another system has other files, columns and days,",
    "and your council its own basis, contact and years. `sooner sources guess` proposes one from what a service sends.",
)


def propose_shipped_sources(services: Collection[str]) -> tuple[ProposedSource, ...]:
    """Return the shipped register's rows of these services, and of choices and addresses, in its order.

    The fictional borough sends what they read, so that `sooner synth` has data for them. Nobody is said to answer for
    them. Raises UsageError for a service that the shipped register does not have.
    """
    register = Register.load(shipped_council() / "register.toml")
    names = [source.service for source in register.sources]
    for service in services:
        if service not in names:
            raise UsageError(
                f"the example council has no service {service!r}.",
                f"Choose of {', '.join(name for name in names if name not in _ALWAYS)}; or leave --service out, and "
                "name what yours sent with --extracts.",
            )
    return tuple(
        ProposedSource(_make_own(source), {source.service: _CONFIRM}, is_shipped=True)
        for source in register.sources
        if source.service in (*services, *_ALWAYS)
    )


def _make_own(source: Source) -> Source:
    """Return a row that nobody answers for yet; what makes an order is for looks too, as in a new charter."""
    purposes = source.purposes | ({LOOK} if "rank" in source.purposes else set())
    return source.model_copy(update={"contact": "", "phone": "", "purposes": purposes})
