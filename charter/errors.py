"""Every error Sooner raises on purpose, with its exit code.

    SoonerError
    ├── UsageError              2   a command or option that does not make sense
    ├── DefinitionError        10   a definition that breaks the grammar
    ├── DataError              11   an extract, table or file that breaks its contract
    ├── CharterError           12   something the charter, the register or a choice does not allow
    │   └── WithdrawnError     12   a past result that can no longer be made, and what was withdrawn
    ├── BlockedError           13   the gate's decision is block, or the programme is suspended
    ├── SignOffError           14   a required sign-off is missing, expired or not of this file
    └── ReferredError          15   the gate's decision is refer: the board decides

An error names the thing, the rule, and what to type next. It never holds personal data.
"""

from __future__ import annotations

__all__ = [
    "BlockedError",
    "CharterError",
    "DataError",
    "DefinitionError",
    "ReferredError",
    "SignOffError",
    "SoonerError",
    "UsageError",
    "WithdrawnError",
]


class SoonerError(Exception):
    """A failure that a person can act on.

    `message` is one clear sentence: the thing and the rule it breaks. `next_step` is what to do or type next.
    """

    exit_code = 1

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".rstrip()


class UsageError(SoonerError):
    """A command or option that does not make sense."""

    exit_code = 2


class DefinitionError(SoonerError):
    """A definition that breaks the grammar."""

    exit_code = 10


class DataError(SoonerError):
    """An extract, table or file that breaks its contract."""

    exit_code = 11


class CharterError(SoonerError):
    """Something the charter, the register or a choice does not allow."""

    exit_code = 12


class WithdrawnError(CharterError):
    """A past result that can no longer be made, because data it rested on was withdrawn."""


class BlockedError(SoonerError):
    """The gate's decision is block, or the programme is suspended."""

    exit_code = 13


class SignOffError(SoonerError):
    """A required sign-off is missing, expired, or not of this file."""

    exit_code = 14


class ReferredError(SoonerError):
    """The gate's decision is refer: the board decides."""

    exit_code = 15
