"""Backups are kept as long as council.toml says (`[keeping] backup_days`): older ones go once a newer one is whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from charter.errors import SoonerError
from charter.invocation import Invocation
from sooner.backups.manifest import NAME, PARTS, Manifest
from sooner.replaced import remove_whole

__all__ = ["drop_aged"]


def drop_aged(invocation: Invocation, folder: Path, now: datetime | None = None) -> list[str]:
    """Remove the backups in `folder` that are older than the council keeps any; return their names.

    The newest that has every part which any of them has stays, however old; so does what is no backup of this council.
    """
    days = invocation.council.keeping.backup_days
    if days is None:
        return []
    backups = {place: manifest for place in sorted(folder.iterdir()) if (manifest := _read(place, invocation))}
    most = max((len(manifest.parts) for manifest in backups.values()), default=len(PARTS))
    newest = max((place for place, manifest in backups.items() if len(manifest.parts) == most), default=None)
    limit = (now or datetime.now(UTC)) - timedelta(days=days)
    aged = [
        place
        for place, manifest in backups.items()
        if place != newest and datetime.fromisoformat(manifest.taken_at) <= limit
    ]
    for place in aged:
        remove_whole(place)
    return [place.name for place in aged]


def _read(place: Path, invocation: Invocation) -> Manifest | None:
    if not place.is_dir() or place.name.startswith(".") or not (place / NAME).exists():
        return None
    try:
        manifest = Manifest.read(place)
    except SoonerError:
        return None
    return manifest if manifest.council == invocation.council.name else None
