"""Whether an error means that the disk is full, whichever library met it first: they all say so in their own words."""

from __future__ import annotations

import errno
from collections.abc import Iterator

__all__ = ["is_full"]

_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_WORDS = ("no space left on device", "file too large", "disk quota exceeded", "disk is full", "disk i/o error")
"""What the operating system and SQLite say; DuckDB, SQLAlchemy and MLflow quote them."""


def is_full(error: BaseException) -> bool:
    """Whether `error`, or what it arose from, is a write that found no room."""
    return any(
        (isinstance(cause, OSError) and cause.errno in _ERRORS) or any(words in str(cause).lower() for words in _WORDS)
        for cause in _list_causes(error)
    )


def _list_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
