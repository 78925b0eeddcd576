"""`sooner build`: the matrix of a programme at its as-of dates, from one snapshot, for one purpose.

A matrix's id is a digest of everything it depends on, so building twice does nothing, and another purpose, date or
charter is another matrix. The pointer `current` names the newest one made for training.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import (
    content_id,
    file_digest,
    folder_digest,
    new_folder,
    point,
    read_json,
    write_json,
    write_text,
)
from charter.contracts.matrix import MatrixDate
from charter.errors import DataError, DefinitionError, UsageError
from charter.invocation import Invocation
from charter.policy import Policy
from charter.programme import Programme
from charter.register import Register
from features.engines.question import Each, Question
from features.grammar import Definition, Period
from features.permission import Permission
from features.register import as_html, as_markdown

__all__ = ["Snapshot", "as_of_dates", "build", "question_of"]


@dataclass(frozen=True)
class Snapshot:
    """A linked snapshot: its folder, when it was taken, and the digests of its tables."""

    folder: Path
    name: str
    taken_at: datetime
    synthetic: bool
    inputs: Mapping[str, str]

    @classmethod
    def open(cls, folder: Path) -> Snapshot:
        """Open the snapshot in `folder`; raise DataError if its manifest breaks its contract."""
        manifest = read_json(folder / "manifest.json")
        check_document("snapshot", manifest)
        stated = {name: table["sha256"] for name, table in manifest.get("tables", {}).items()}
        found = sorted((folder / "tables").glob("*.parquet"))
        return cls(
            folder,
            manifest["snapshot"],
            datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC),
            manifest["synthetic"],
            {path.stem: stated.get(path.stem) or file_digest(path) for path in found if path.stem != "protected"},
        )

    @property
    def tables(self) -> Path:
        """The folder of its canonical tables."""
        return self.folder / "tables"


def as_of_dates(settings: Mapping[str, Any]) -> tuple[tuple[date, ...], Each | None]:
    """Return the as-of dates that `[as_of]` of training.toml states, ascending, and whose they are.

    `first`, `last` and `step = { n = 1, unit = "months" }`; or `dates = [...]`; or `dates` with
    `each = { signal = "service.kind", after = { n = 28, unit = "days" } }`, when each entity has a row only at those of
    the dates that are its own. Raises DefinitionError for anything else.
    """
    stated = dict(settings.get("as_of", {}))
    each = stated.pop("each", None)
    if set(stated) == {"dates"} and stated["dates"]:
        dates = tuple(sorted(set(stated["dates"])))
    elif set(stated) == {"first", "last", "step"} and stated["first"] <= stated["last"]:
        dates = tuple(_steps(stated["first"], stated["last"], Period.of(stated["step"])))
    else:
        raise DefinitionError(
            "[as_of] of training.toml states no dates.",
            'Write first, last and step = { n = 1, unit = "months" }, or dates = [2025-01-01].',
        )
    if not all(type(day) is date for day in dates):
        raise DefinitionError(
            "[as_of] of training.toml holds something that is no date.", "Write 2025-01-01, unquoted."
        )
    return dates, Each(each["signal"], Period.of(each["after"])) if each else None


def _steps(first: date, last: date, step: Period) -> Iterator[date]:
    # Counted from the first date, so that the 31st stays the last day of each month.
    number, day = 0, first
    while day <= last:
        yield day
        number += 1
        day = step.times(number).after(first)


def question_of(
    invocation: Invocation, snapshot: Snapshot, purpose: str, as_of: Sequence[date] | None
) -> tuple[Question, dict[str, str]]:
    """Return the question a programme asks of a snapshot, checked against charter and register, and their sha256.

    Raises DefinitionError for a definition that breaks the grammar, CharterError for one that is not allowed.
    """
    folder = invocation.council.folder
    policy, register = Policy.load(folder / "charter.toml"), Register.load(folder / "register.toml")
    definition = Definition.load(invocation.programme_folder / "definition.py")
    permission = Permission.of(policy, register, purpose)
    permission.check(definition, policy, register)
    dates, each = as_of_dates(Programme.load(invocation.programme_folder).training)
    if as_of is not None:
        dates = tuple(sorted(set(as_of)))
    if not dates:
        raise UsageError("no as-of date was given.", "Name one like --as-of 2025-01-01.")
    if each is not None and each.signal not in permission.signals:
        raise DefinitionError(f"[as_of] each reads {each.signal}, which may not be used.", "Name an allowed signal.")
    question = Question(definition, dates, invocation.council.time_zone, snapshot.taken_at, permission, each)
    return question, {"charter.toml": policy.sha256, "register.toml": register.sha256}


def build(
    invocation: Invocation,
    *,
    purpose: str = "train",
    snapshot: str | None = None,
    as_of: Sequence[date] | None = None,
    engine: str = "engine",
    master: str = "local[*]",
) -> Path:
    """Build the matrix for `purpose` at the programme's dates (or `as_of`) and return its folder.

    `engine` is engine, reference or spark, which runs on the Spark cluster `master` and says the same in every cell.

    Does nothing where it is already there. Moves `current` only for the purpose train at the programme's own dates.
    Raises UsageError for an unknown engine; see `question_of` for what is refused.
    """
    if engine not in ("engine", "reference", "spark"):
        raise UsageError(f"there is no engine {engine!r}.", "Use engine, reference or spark.")
    opened = Snapshot.open(invocation.workspace.snapshot(snapshot))
    question, rules = question_of(invocation, opened, purpose, as_of)
    name = _id(question, opened, rules, engine)
    folder = invocation.workspace.matrix / name
    if not (folder / "manifest.json").exists():
        invocation.workspace.matrix.mkdir(parents=True, exist_ok=True)
        with new_folder(folder) as beside:
            written = _write(invocation, question, opened, engine, beside, master)
            manifest = _manifest(question, opened, rules, engine, name) | written
            check_document("matrix", manifest)
            write_json(beside / "definition.json", question.definition.document(question.permission.units))
            write_json(beside / "manifest.json", manifest)
            write_text(beside / "register.html", _register(invocation, question))
    if purpose == "train" and as_of is None:
        point(invocation.workspace.matrix, name)
    return folder


def _register(invocation: Invocation, question: Question) -> str:
    """Return the definition's register in English, as a page to be read beside the matrix."""
    folder, definition = invocation.council.folder, question.definition
    register, policy = Register.load(folder / "register.toml"), Policy.load(folder / "charter.toml")
    return as_html(as_markdown(definition, register, policy), definition.programme.replace("_", " "))


def _id(question: Question, snapshot: Snapshot, rules: Mapping[str, str], engine: str) -> str:
    from features.engines.engine import ENGINE_VERSION

    return content_id(
        {
            "definition": question.definition.hash,
            "snapshot": snapshot.name,
            "tables": dict(snapshot.inputs),
            "rules": dict(rules),
            "purpose": question.permission.purpose,
            "dates": [day.isoformat() for day in question.dates],
            "each": [question.each.signal, question.each.after.document()] if question.each else None,
            "zone": str(question.zone),
            "taken_at": snapshot.taken_at.isoformat(),
            # Spark runs the same engine and writes the same bytes, so its matrix is that matrix.
            "engine": ["engine" if engine == "spark" else engine, ENGINE_VERSION],
        }
    )


def _manifest(
    question: Question, snapshot: Snapshot, rules: Mapping[str, str], engine: str, name: str
) -> dict[str, Any]:
    definition = question.definition
    return {
        "schema_version": SCHEMA_VERSION,
        "snapshot": snapshot.name,
        "inputs": {f"{table}.parquet": sha for table, sha in snapshot.inputs.items()} | dict(rules),
        "id": name,
        "definition": definition.hash,
        "taken_at": snapshot.taken_at.isoformat(),
        "purpose": question.permission.purpose,
        "synthetic": snapshot.synthetic,
        "features": [feature.name for feature in definition.features],
        "seen": list(definition.seen),
        "components": [component.name for component in definition.outcome.components],
        "horizon": definition.outcome.horizon.document(),
        "engine": engine,
    }


def _write(
    invocation: Invocation, question: Question, snapshot: Snapshot, engine: str, folder: Path, master: str
) -> dict[str, Any]:
    """Write every date's arrays below `folder` and return what only a built matrix can say of itself."""
    if engine == "reference":
        lag, cannot_tell = _write_reference(invocation, question, snapshot, folder)
    elif engine == "spark":
        lag, cannot_tell = _write_spark(invocation, question, snapshot, folder, master)
    else:
        lag, cannot_tell = _write_engine(invocation, question, snapshot, folder)
    return {
        "reporting_lag_days": lag,
        "freshness": _freshness(snapshot),
        "as_of": {
            day.isoformat(): {
                "rows": len(np.load(_date_folder(folder, day) / "entity.npy", mmap_mode="r")),
                "cannot_tell": cannot_tell[k],
                "sha256": folder_digest(_date_folder(folder, day)),
            }
            for k, day in enumerate(question.dates)
        },
    }


def _date_folder(folder: Path, day: date) -> Path:
    return folder / f"as_of={day.isoformat()}"


def _freshness(snapshot: Snapshot) -> dict[str, str]:
    import duckdb

    path = snapshot.tables / "feeds.parquet"
    if not path.exists():
        return {}
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT service, max(epoch_us(covers_to)) FROM read_parquet(?) GROUP BY 1 ORDER BY 1", [str(path)]
        ).fetchall()
    return {service: datetime.fromtimestamp(moment / 1e6, UTC).isoformat() for service, moment in rows}


def _write_reference(
    invocation: Invocation, question: Question, snapshot: Snapshot, folder: Path
) -> tuple[float, list[int]]:
    from features.engines.reference import Reference
    from features.engines.rows import Tables

    reference, cannot_tell = Reference(question, Tables.read(snapshot.tables)), []
    with invocation.progress("Building the matrix, row by row", len(question.dates)) as advance:
        for day in question.dates:
            answer = reference.answer(day)
            answer.rows.write(_date_folder(folder, day))
            cannot_tell.append(answer.cannot_tell)
            advance()
    return reference.reporting_lag_days, cannot_tell


def _write_engine(
    invocation: Invocation, question: Question, snapshot: Snapshot, folder: Path
) -> tuple[float, list[int]]:
    from features.engines.engine import Engine

    engine, cannot_tell = Engine(question, snapshot.tables), [0] * len(question.dates)
    lag = engine.reporting_lag_days
    with invocation.progress("Building the matrix") as advance, ExitStack() as stack:
        writers = [stack.enter_context(_DateWriter(_date_folder(folder, day), question)) for day in question.dates]
        for block in engine.blocks():
            writers[block.date_index].append(block)
            cannot_tell[block.date_index] += block.cannot_tell
            advance()
    return lag, cannot_tell


def _write_spark(
    invocation: Invocation, question: Question, snapshot: Snapshot, folder: Path, master: str
) -> tuple[float, list[int]]:
    from features.engines import spark

    running = spark.session(master)
    tables, rows = str(snapshot.tables.resolve()), (folder / "rows").resolve()
    with invocation.progress("Building the matrix on Spark", 3) as advance:
        cannot_tell = spark.write(running, question, tables, str(rows))
        advance()
        spark.collect(running, question, str(rows), folder)
        shutil.rmtree(rows)
        advance()
        lag = spark.reporting_lag_days(running, question, tables)
        advance()
    return lag, cannot_tell


class _DateWriter:
    """Writes the arrays of one as-of date as blocks of rows arrive, so that memory holds a block and not a matrix."""

    def __init__(self, folder: Path, question: Question) -> None:
        folder.mkdir(parents=True)
        components = len(question.definition.outcome.components)
        widths = {
            "features": len(question.definition.features),
            "seen": len(question.seen),
            **dict.fromkeys(("outcome_at", "outcome_known_at", "outcome_seen"), components),
        }
        self.rows = 0
        self.files = {
            name: _ArrayFile(folder / f"{name}.npy", _TYPES[name], widths.get(name)) for name in MatrixDate.ARRAYS
        }

    def append(self, block: Any) -> None:
        """Add a block's rows."""
        for name, file in self.files.items():
            part = getattr(block, name)
            file.append(part + np.int32(self.rows) if name == "person_row" else part)
        self.rows += len(block.entity)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self.files.values():
            file.close()


_TYPES = {
    "entity": "S32", "area": "S9", "features": "<f4", "seen": "<u2", "members": "<u2", "person": "S32",
    "person_row": "<i4", "person_age": "<f4", "outcome_at": "<i8", "outcome_known_at": "<i8", "outcome_seen": "|b1",
}  # fmt: skip
_HEADER = 128


class _ArrayFile:
    """A `.npy` file that grows by rows; its header is written last, when the number of rows is known."""

    def __init__(self, path: Path, dtype: str, width: int | None) -> None:
        self.path, self.dtype, self.width, self.rows = path, np.dtype(dtype), width, 0
        self.handle = path.open("wb")
        self.handle.write(bytes(_HEADER))

    def append(self, part: NDArray[Any]) -> None:
        """Add rows of the array."""
        self.handle.write(np.ascontiguousarray(part, dtype=self.dtype).data.cast("B") if part.size else b"")
        self.rows += len(part)

    def close(self) -> None:
        """Write the header and close the file."""
        header = io.BytesIO()
        shape = (self.rows,) if self.width is None else (self.rows, self.width)
        np.lib.format.write_array_header_1_0(
            header, {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        )
        if len(header.getvalue()) != _HEADER:
            raise DataError(f"{self.path.name} has a header of another size.", "Use the NumPy of constraints.txt.")
        self.handle.seek(0)
        self.handle.write(header.getvalue())
        self.handle.close()
