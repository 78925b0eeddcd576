"""Workspaces that a restore replaced: kept beside as long as council.toml lets a backup be (`[keeping] backup_days`).

WORKSPACE.before-20261128T030000Z goes with `sooner retain run`: nobody who asks to be erased is erased there.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from charter.invocation import Invocation

__all__ = ["drop_replaced", "find_replaced", "remove_whole"]

_MOMENT = "%Y%m%dT%H%M%SZ"


def find_replaced(invocation: Invocation, moment: datetime) -> list[Path]:
    """Return the workspaces that a restore replaced longer ago than the council keeps a backup."""
    days = invocation.council.keeping.backup_days
    if days is None:
        return []
    root = invocation.workspace.root.resolve()
    beside = root.parent.glob(f"{root.name}.before-*")
    return sorted(path for path in beside if (since := _read_moment(path)) and since + timedelta(days=days) <= moment)


def drop_replaced(invocation: Invocation, moment: datetime) -> int:
    """Remove them; return how many."""
    places = find_replaced(invocation, moment)
    for place in places:
        remove_whole(place)
    return len(places)


def _read_moment(path: Path) -> datetime | None:
    try:
        return datetime.strptime(path.name.rpartition(".before-")[2].split("-")[0], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def remove_whole(place: Path) -> None:
    """Remove a folder; under a name that begins with a dot first, so that no half of it is ever restored."""
    aside = place.with_name(f".old-{place.name}")
    place.rename(aside)
    shutil.rmtree(aside)
