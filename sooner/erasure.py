"""Whom a resident's request reaches: every room that holds people, and for which purposes it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from features.rights.asking import Room

__all__ = ["find_log_key", "list_rooms"]


def find_log_key(invocation: Invocation) -> bytes:
    """Return the key that seals the entries of the audit log."""
    from charter.vault.command_log import LOG_PURPOSE
    from charter.vault.key import Key

    return Key.load(invocation.council, invocation.workspace).derive(LOG_PURPOSE)


def list_rooms(invocation: Invocation) -> tuple[Room, ...]:
    """Return the rooms that forget, in the order in which they are asked to."""
    from functools import partial

    import fairness_reports.forget
    import serving.forget
    import training.forget
    from features.rights.asking import Room

    return (
        Room(training.forget.forget, ("link", "train", "shadow", "evaluate")),
        Room(fairness_reports.forget.forget, ("link", "rank", "display", "area_statistics")),
        Room(partial(serving.forget.forget, key=find_log_key(invocation)), serving.forget.PURPOSES),
    )
