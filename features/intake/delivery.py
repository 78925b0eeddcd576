"""What a delivery covers, when it came, and where it lies: its `delivery.json`, or its row of the register."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from charter.contracts import check_document
from charter.contracts.files import read_json
from charter.council.council import Council
from charter.council.register import Source
from charter.errors import DataError

__all__ = ["Delivery", "find_folder", "read_delivery"]


@dataclass(frozen=True)
class Delivery:
    """One delivery of a service; times are UTC. `covers_from` is None where only its events can tell.

    A `full` delivery is all that the service says of the time it covers: what is not in it any more, it has taken
    back. Of an incremental one, what is not in it stays as it was.
    """

    service: str
    covers_from: datetime | None
    covers_to: datetime | None
    received_at: datetime
    synthetic: bool
    full: bool = True


def find_folder(source: Source, council: Council, extracts: Path) -> Path:
    """Return where `source` lies: below the extracts, or below the council folder if it begins with a dot.

    Raises DataError where there is no such folder.
    """
    base = council.folder if source.folder.startswith(".") else extracts
    folder = base / source.folder
    if not folder.is_dir():
        raise DataError(
            f"the delivery of {source.service!r} is missing: there is no folder {folder.name!r}.",
            "Put it among the extracts, name their folder with --extracts, or run `sooner synth` for a fictional one.",
        )
    return folder


def read_delivery(source: Source, folder: Path, council: Council, now: datetime) -> Delivery:
    """Read what the delivery says of itself; raise DataError where it is missing or contradicts the register."""
    path = folder / "delivery.json"
    if path.exists():
        raw = read_json(path)
        check_document("delivery", raw)
        if raw["service"] != source.service:
            raise DataError(
                f"the delivery in {folder.name}/ says it is of {raw['service']!r}, not of {source.service!r}.",
                "Put each delivery in the folder of its own service.",
            )
    elif source.delivery is not None:
        raw = source.delivery.model_dump()
    elif source.format == "canonical":
        return Delivery(source.service, None, None, now, synthetic=False)
    else:
        raise DataError(
            f"the delivery of {source.service!r} does not say what it covers: delivery.json is missing.",
            "Ask the service for covers_from, covers_to and received_at, and write them there.",
        )
    delivery = Delivery(
        source.service,
        _read_moment(raw, "covers_from", source, council),
        _read_moment(raw, "covers_to", source, council),
        _read_moment(raw, "received_at", source, council),
        synthetic=bool(raw.get("synthetic", False)),
        full=raw.get("deliveries", source.deliveries) == "full",
    )
    if delivery.covers_from is not None and delivery.covers_to is not None:
        if delivery.covers_from >= delivery.covers_to:
            raise DataError(
                f"the delivery of {source.service!r} covers nothing: covers_from is not before covers_to.",
                "Correct the two times.",
            )
        if delivery.covers_to > delivery.received_at:
            raise DataError(
                f"the delivery of {source.service!r} says it covers time after it was received.",
                "covers_to is never after received_at.",
            )
    if not delivery.synthetic and delivery.received_at > now + timedelta(days=1):
        raise DataError(
            f"the delivery of {source.service!r} says that it was received after today.",
            "Correct received_at: deliveries are put in order by it.",
        )
    return delivery


def _read_moment(raw: Any, name: str, source: Source, council: Council) -> datetime:
    value = raw.get(name)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return council.midnight(value)
    raise DataError(
        f"the delivery of {source.service!r} has no {name!r} that is a date or a time.",
        'Write it as "2026-09-28" or "2026-09-28T06:00:00+00:00".',
    )
