"""Deliveries that services leave in a drop folder: taken in by the strict door, each answered with a report beside it.

    INBOX/housing/2024-06/...            left by the service; its delivery.json says that it is whole, and comes last
    INBOX/housing/2024-06.report.json    accepted with its counts, or refused with why; rules and lines, no value

What is accepted moves to the extracts, beside the source's earlier deliveries, and is in the newest snapshot; what is
refused stays, and is looked at again once it is another. All that wait are tried at once; where that is refused, one by
one in the order of their names, so that a bad delivery holds up no other. Killed at any moment, the next run finishes.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import content_id, file_digest, read_json, write_json
from charter.errors import DataError, SoonerError, UsageError
from charter.invocation import Invocation
from charter.plain_text import clean_line
from features.pull import pull_sources
from features.pull_plan import PullResult

__all__ = ["Receipt", "receive_deliveries"]

_STATEMENT = "delivery.json"
_NAME = re.compile(r"[^\W_][\w .-]{0,99}", re.ASCII)
_NO_LINKS = ("the delivery holds links, or what is no file.", "Leave the files themselves.")
_SHOWN = 200
"""Rows set apart that a report names one by one; all are in the quarantine."""


@dataclass(frozen=True)
class Receipt:
    """What became of one delivery: `accepted`, or `refused` with why and what to do next."""

    service: str
    name: str
    accepted: bool
    report: Path
    message: str = ""
    next_step: str = ""


@dataclass(frozen=True)
class _Waiting:
    """A delivery that lies whole in the drop folder, and where it goes."""

    service: str
    folder: Path
    place: Path

    @property
    def report(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.report.json")

    def digest(self) -> str:
        """One digest of all that it holds."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())
        return content_id({_name_within(self.folder, path): file_digest(path) for path in files})

    def lay_down(self) -> None:
        """Copy it to its place among the extracts, in one step."""
        beside = self.place.parent.with_name(f".new-{self.place.parent.name}-{self.place.name}")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(self.folder, beside, symlinks=True)
        # Looked at once more in the copy: whoever may write into the drop folder may have changed it since.
        if not _is_plain(beside):
            shutil.rmtree(beside)
            raise DataError(*_NO_LINKS)
        for path in (beside, *beside.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
        self.place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.rename(self.place)

    def take_out(self) -> None:
        """Take it out of the extracts again."""
        shutil.rmtree(self.place, ignore_errors=True)


def receive_deliveries(invocation: Invocation, inbox: Path, extracts: Path | None = None) -> list[Receipt]:
    """Take in every delivery that waits in `inbox` and return what became of each. The writer lock is the caller's.

    Raises UsageError where there is no such folder, and what a pull raises that is no delivery's fault.
    """
    if not inbox.is_dir():
        raise UsageError(f"there is no folder {inbox.name!r}.", "Name the folder in which services leave deliveries.")
    waiting, receipts = [], []
    for delivery in _list_waiting(invocation, inbox, extracts or invocation.workspace.extracts):
        if _was_refused(delivery):
            continue
        try:
            _require_plain(delivery, invocation)
        except DataError as error:
            receipts.append(_refuse(delivery, error))
        else:
            waiting.append(delivery)
    if not waiting:
        return receipts
    try:
        return [*receipts, *_take_in(invocation, waiting, extracts)]
    except DataError as error:
        return [*receipts, *_take_in_one_by_one(invocation, waiting, extracts, error)]


def _list_waiting(invocation: Invocation, inbox: Path, extracts: Path) -> Iterator[_Waiting]:
    """Yield the deliveries that are whole: a folder for each, in that of its service, with a delivery.json."""
    for service in sorted(path for path in inbox.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for folder in sorted(path for path in service.iterdir() if (path / _STATEMENT).exists()):
            if not folder.name.startswith("."):
                known = [source for source in invocation.register.enabled if source.service == service.name]
                place = extracts / (known[0].folder if known else service.name) / folder.name
                yield _Waiting(service.name, folder, place)


def _require_plain(delivery: _Waiting, invocation: Invocation) -> None:
    """Raise DataError for a delivery that can't be laid beside the others of its source, or is no plain files."""
    source = next((one for one in invocation.register.enabled if one.service == delivery.service), None)
    if source is None or source.connection is not None or source.folder.startswith("."):
        raise DataError(
            f"no source of the register takes deliveries of {delivery.service!r}.", "Correct the folder's name."
        )
    if not _NAME.fullmatch(delivery.folder.name):
        raise DataError(
            "the delivery's name has other signs than letters, digits, spaces and . _ -, or too many.", "Rename it."
        )
    if delivery.folder.parent.is_symlink() or not _is_plain(delivery.folder):
        raise DataError(*_NO_LINKS)
    if (delivery.place.parent / _STATEMENT).exists():
        raise DataError(
            f"deliveries of {delivery.service!r} replace each other in one folder, so none lies beside another.",
            f"Move the last one into a folder of its own ({source.folder}/2024-05/).",
        )


def _is_plain(folder: Path) -> bool:
    """Whether a folder is one, and all that is in it is files and folders: no links, pipes or devices."""
    return not folder.is_symlink() and not any(
        path.is_symlink() or not (path.is_file() or path.is_dir()) for path in folder.rglob("*")
    )


def _take_in(invocation: Invocation, waiting: Sequence[_Waiting], extracts: Path | None) -> list[Receipt]:
    """Pull with these deliveries in place; where that is refused, take those out that were not there before."""
    fresh = [delivery for delivery in waiting if not delivery.place.exists()]
    for delivery in waiting:
        if delivery not in fresh and content_id(_digests(delivery.place)) != content_id(_digests(delivery.folder)):
            raise DataError(
                f"another delivery of {delivery.service!r} called {delivery.folder.name!r} was received before.",
                "Give each delivery a name of its own.",
            )
    for delivery in fresh:
        delivery.lay_down()
    try:
        result = pull_sources(invocation, extracts=extracts)
    except BaseException:
        for delivery in fresh:
            delivery.take_out()
        raise
    return [_accept(invocation, delivery, result) for delivery in waiting]


def _take_in_one_by_one(
    invocation: Invocation, waiting: Sequence[_Waiting], extracts: Path | None, error: DataError
) -> list[Receipt]:
    """Say of each delivery whether it is the one; raise `error` where a pull without any of them ends in it too."""
    receipts = []
    for delivery in waiting:
        fault: DataError | None = error
        if len(waiting) > 1:
            try:
                receipts += _take_in(invocation, [delivery], extracts)
                fault = None
            except DataError as own:
                fault = own
        if fault is not None:
            if _pull_in_vain(invocation, extracts) == fault.message:
                raise fault
            receipts.append(_refuse(delivery, fault))
    return receipts


def _pull_in_vain(invocation: Invocation, extracts: Path | None) -> str:
    """Pull what lies there without a delivery that was refused; return why that is refused too, '' where it is not."""
    try:
        pull_sources(invocation, extracts=extracts)
    except SoonerError as error:
        return error.message
    return ""


def _name_within(folder: Path, path: Path) -> str:
    """Return a file's name below a folder; one that is no text is told apart by its bytes."""
    return path.relative_to(folder).as_posix().encode("utf-8", "backslashreplace").decode()


def _digests(folder: Path) -> Mapping[str, str]:
    return {_name_within(folder, path): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _was_refused(delivery: _Waiting) -> bool:
    """Whether this very delivery was refused already."""
    try:
        report = read_json(delivery.report)
    except (SoonerError, OSError):
        return False  # none yet, or whatever a service left under its name: it is written anew
    return isinstance(report, dict) and report.get("sha256") == delivery.digest()


def _accept(invocation: Invocation, delivery: _Waiting, result: PullResult) -> Receipt:
    name = delivery.folder.name
    mine = {
        where: counts for where, counts in result.by_file.items() if where.startswith(f"{delivery.service}/{name}/")
    }
    apart = _list_set_apart(invocation.workspace.quarantine / f"{result.snapshot}.parquet", delivery)
    _write_report(delivery, {"state": "accepted", "snapshot": result.snapshot, "files": mine, "set_apart": apart})
    shutil.rmtree(delivery.folder)
    return Receipt(delivery.service, name, True, delivery.report)


def _refuse(delivery: _Waiting, error: DataError) -> Receipt:
    report = {"state": "refused", "message": error.message, "next_step": error.next_step, "sha256": delivery.digest()}
    _write_report(delivery, report)
    name = clean_line(delivery.folder.name)
    return Receipt(clean_line(delivery.service), name, False, delivery.report, error.message, error.next_step)


def _write_report(delivery: _Waiting, told: Mapping[str, Any]) -> None:
    """Leave the report where the service can read it: it has rules, lines and counts, and no value."""
    heading = {
        "schema_version": SCHEMA_VERSION,
        "service": clean_line(delivery.service),
        "delivery": clean_line(delivery.folder.name),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(delivery.report, {**heading, **told})
    delivery.report.chmod(0o640)


def _list_set_apart(quarantine: Path, delivery: _Waiting) -> Mapping[str, Any]:
    """Return how many rows of a delivery broke each rule, and where the first of them stand."""
    if not quarantine.exists():
        return {"rules": {}, "first": []}
    table = pq.read_table(quarantine, columns=["service", "file", "row_number", "line", "field", "rule"])
    table = table.filter(
        pc.and_(
            pc.equal(table["service"], delivery.service),
            pc.starts_with(table["file"], f"{delivery.folder.name}/"),
        )
    ).drop_columns(["service"])
    rows = table.to_pylist()
    rules: dict[str, int] = {}
    for row in rows:
        rules[row["rule"]] = rules.get(row["rule"], 0) + 1
    return {"rules": dict(sorted(rules.items())), "first": rows[:_SHOWN]}
