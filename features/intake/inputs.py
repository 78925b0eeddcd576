"""What came: each source's deliveries, in the order in which they were received, and which of them are to be read.

    housing/delivery.json                  one delivery, replaced by the next
    housing/2024-01/delivery.json          several, side by side; they may arrive in any order
    housing/2024-02/delivery.json

A delivery received after all that were pulled is read on top of them. One that came late, received before one that was
pulled, is put in its place: the source is read again from its first delivery, so that any order of arrival leaves the
same records. That needs all its earlier deliveries side by side; where one is missing, nothing is pulled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter.contracts.files import content_id, file_digest
from charter.council.connections import DatabaseConnection, FolderConnection, ServerConnection
from charter.council.council import Council
from charter.council.register import Source
from charter.errors import DataError
from features.intake.delivery import Delivery, find_folder, read_delivery

if TYPE_CHECKING:
    from features.intake.connecting.databases import DatabaseRows
    from features.intake.connecting.server import ServerRows
    from features.intake.opening.text_rows import FetchedRows

__all__ = ["Arrivals", "Input", "SourcePlan", "find_inputs", "find_parts", "name_input", "plan_source"]

_STATEMENT = "delivery.json"


@dataclass(frozen=True)
class Input:
    """One delivery as it was found: the parts of each of its files, and the digest of every part.

    `name` is its folder's, where the source's folder holds several deliveries; else it is empty.
    """

    source: Source
    name: str
    folder: Path
    delivery: Delivery
    parts: Mapping[str, tuple[Path | FetchedRows, ...]]
    digests: Mapping[str, str]
    cursors: Mapping[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """One digest of all that it holds."""
        return content_id(dict(self.digests))


@dataclass(frozen=True)
class SourcePlan:
    """What is read of a source: its deliveries from the oldest, on top of what was pulled, or all of it `anew`."""

    source: Source
    inputs: tuple[Input, ...]
    anew: bool
    pulled: tuple[Mapping[str, Any], ...]
    """All deliveries of the source that the snapshot will hold, as its manifest names them."""


@dataclass(frozen=True)
class Arrivals:
    """Where deliveries are looked for, and when: the council's folder, that of the extracts, and the time."""

    council: Council
    extracts: Path
    now: datetime


def find_inputs(source: Source, arrivals: Arrivals, pulled: Sequence[Mapping[str, Any]] = ()) -> tuple[Input, ...]:
    """Return the deliveries of a source, the first received first; `pulled` are those of the last snapshot.

    A source with a connection is asked for its rows; there is none where it has nothing newer. Of a folder elsewhere,
    what is not here yet is copied first.

    Raises DataError where there is none, where one does not say what it covers, and where two came at one moment.
    """
    council, now = arrivals.council, arrivals.now
    if isinstance(source.connection, FolderConnection):
        from features.intake.connecting.folders import fetch_deliveries

        fetch_deliveries(source, source.connection, arrivals.extracts / source.folder)
    elif source.connection is not None:
        return _fetch_input(source, source.connection, arrivals, pulled)
    folder = find_folder(source, council, arrivals.extracts)
    several = [] if (folder / _STATEMENT).exists() else sorted(path.parent for path in folder.glob(f"*/{_STATEMENT}"))
    if not several:
        return (_find_input(source, "", folder, council, now),)
    inputs = [_find_input(source, below.name, below, council, now) for below in several]
    inputs.sort(key=lambda entry: entry.delivery.received_at)
    for earlier, later in pairwise(inputs):
        if earlier.delivery.received_at == later.delivery.received_at:
            raise DataError(
                f"two deliveries of {source.service!r} were received at one moment: {earlier.name}/ and {later.name}/.",
                "Say in `received_at` of their delivery.json which came first. Nothing was pulled.",
            )
    return tuple(inputs)


def _fetch_input(
    source: Source,
    connection: DatabaseConnection | ServerConnection,
    arrivals: Arrivals,
    pulled: Sequence[Mapping[str, Any]],
) -> tuple[Input, ...]:
    """Ask a database or a server for the rows of each file, above the cursor that the last delivery left."""
    # Here and not above: most councils have no connection, and finding out that nothing is new starts without drivers.
    from features.intake.connecting.databases import DatabaseRows
    from features.intake.connecting.server import ServerRows

    asked: DatabaseRows | ServerRows
    if isinstance(connection, DatabaseConnection):
        asked = DatabaseRows(source, connection.url_from)
    else:
        asked = ServerRows(source, connection)
    before = dict(pulled[-1].get("cursors") or {}) if pulled else {}
    rows = {file.name: asked.fetch(file, before.get(file.name, "")) for file in source.files}
    if pulled and all(file.cursor for file in source.files) and not any(part.rows for part in rows.values()):
        for part in rows.values():
            part.close()
        return ()
    council = arrivals.council
    delivery = Delivery(
        source.service,
        council.midnight(connection.covers_from),
        arrivals.now,
        arrivals.now,
        synthetic=False,
        full=source.deliveries == "full",
    )
    cursors = {name: part.cursor for name, part in rows.items() if part.cursor}
    digests = {name: part.sha256 for name, part in rows.items()}
    parts = {name: (part,) for name, part in rows.items()}
    return (Input(source, "", council.folder, delivery, parts, digests, cursors),)


def _find_input(source: Source, name: str, folder: Path, council: Council, now: datetime) -> Input:
    parts: dict[str, tuple[Path, ...]]
    if source.format == "canonical":
        from features.intake.canonical import CANONICAL, find_table_file

        tables = {name: find_table_file(folder, name) for name in CANONICAL}
        parts = {path.name: (path,) for path in tables.values() if path is not None}
    else:
        parts = {file.name: find_parts(folder, file.within or file.name) for file in source.files}
    paths = [path for found_paths in parts.values() for path in found_paths if path.is_file()]
    if (folder / _STATEMENT).exists():
        paths.append(folder / _STATEMENT)
    digests = {path.name: file_digest(path) for path in sorted(set(paths))}
    return Input(source, name, folder, read_delivery(source, folder, council, now), parts, digests)


def find_parts(folder: Path, name: str) -> tuple[Path, ...]:
    """Return the files of a delivery that a file of the register is: one of its name, or all of its pattern."""
    if any(mark in name for mark in "*?["):
        return tuple(sorted(path for path in folder.glob(name) if path.is_file()))
    return (folder / name,) if (folder / name).exists() else ()


def plan_source(source: Source, inputs: Sequence[Input], pulled: Sequence[Mapping[str, Any]]) -> SourcePlan:
    """Say which deliveries are read; `pulled` are those of the last snapshot, as its manifest names them.

    Raises DataError for one that came late where the deliveries after it are not there to be read again.
    """
    known = {_moment(row): row.get("sha256") for row in pulled}
    newest = max(known, default=None)
    last = pulled[-1].get("sha256") if pulled else None
    fresh = [
        entry
        for entry in inputs
        if known.get(entry.delivery.received_at, "") not in (entry.sha256, None) and entry.sha256 != last
    ]
    late = [entry for entry in fresh if newest is not None and entry.delivery.received_at < newest]
    if late:
        there = {entry.delivery.received_at for entry in inputs}
        lacking = sorted(moment for moment in known if moment not in there)
        if lacking:
            raise DataError(
                f"a delivery of {source.service!r} was received before one that was pulled already, on "
                f"{late[0].delivery.received_at:%d %B %Y}; to put it in its place, {len(lacking)} of {len(known)} "
                f"deliveries that were pulled lack, the first of {lacking[0]:%d %B %Y}.",
                f"Put all of them side by side ({source.folder}/2024-01/, {source.folder}/2024-02/, each with its "
                "delivery.json) and pull again. Nothing was pulled.",
            )
        return SourcePlan(source, tuple(inputs), anew=True, pulled=tuple(name_input(entry) for entry in inputs))
    stated = {_moment(row): row for row in pulled} | {entry.delivery.received_at: name_input(entry) for entry in fresh}
    return SourcePlan(
        source,
        tuple(fresh or inputs[-1:]),
        anew=False,
        pulled=tuple(stated[moment] for moment in sorted(stated)),
    )


def _moment(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["received_at"]).astimezone(UTC)


def name_input(entry: Input) -> Mapping[str, Any]:
    """Return what a snapshot's manifest says of a delivery."""
    covers = entry.delivery.covers_from, entry.delivery.covers_to
    return {
        "service": entry.source.service,
        "name": entry.name,
        "received_at": entry.delivery.received_at.isoformat(),
        "covers_from": covers[0].isoformat() if covers[0] else None,
        "covers_to": covers[1].isoformat() if covers[1] else None,
        "deliveries": "full" if entry.delivery.full else "incremental",
        "sha256": entry.sha256,
        "cursors": dict(entry.cursors),
    }
