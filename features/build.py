"""`sooner build`: the matrix of a programme at its as-of dates, from one snapshot, for one purpose.

A matrix's id is a digest of everything it depends on, so building twice does nothing, and another purpose, date or
charter is another matrix. A date whose rows an earlier matrix holds already is linked from there, not made again; where
only features differ from an earlier matrix, those features' columns alone are made (kept_columns.py). The pointer
`current` names the newest one made for training.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import (
    content_id,
    file_digest,
    folder_digest,
    new_folder,
    read_json,
    set_current,
    write_json,
    write_text,
)
from charter.council.council import Council
from charter.council.training_settings import AsOf, EachEntity
from charter.errors import DataError, DefinitionError, UsageError
from charter.invocation import Invocation
from charter.rules.assessments import require_assessments
from charter.vault.rights_ledger import require_carried_out
from features.certainty import write_uncertain
from features.engines.question import ENGINE_VERSION, Each, Question
from features.feature_list import render_html, render_markdown
from features.grammar import Definition, Period
from features.kept_columns import KeptColumns, find_kept_columns
from features.permission import Permission, refuse_hidden
from features.writer import ColumnWriter, DateWriter

__all__ = ["Snapshot", "build_matrix", "make_question", "read_as_of_dates"]

SCORED_BEFORE = ("train", "shadow")
"""Purposes of what is made before a list: what may not be shown is refused there, and a list in use is not stopped."""

_NOT_READ = ("protected", "review", "linkage")
"""Tables that no feature reads, so that no matrix depends on them."""


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
        paths = sorted((folder / "tables").glob("*.parquet"))
        return cls(
            folder,
            manifest["snapshot"],
            datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC),
            manifest["synthetic"],
            {path.stem: stated.get(path.stem) or file_digest(path) for path in paths if path.stem not in _NOT_READ},
        )

    @property
    def tables(self) -> Path:
        """The folder of its canonical tables."""
        return self.folder / "tables"


def read_as_of_dates(stated: AsOf) -> tuple[tuple[date, ...], Each | None]:
    """Return the as-of dates that `[as_of]` of training.toml states, ascending, and whose they are.

    With `each`, an entity has a row only at those of the dates that are its own; of a range, at the date whose stretch
    holds its own day.
    """
    if stated.first is not None and stated.last is not None and stated.step is not None:
        step = Period(stated.step.n, stated.step.unit)
        return tuple(_step_dates(stated.first, stated.last, step)), _read_each(stated.each, step)
    return tuple(sorted(set(stated.dates))), _read_each(stated.each, None)


def _read_each(stated: EachEntity | None, step: Period | None) -> Each | None:
    if stated is None:
        return None
    after = Period(stated.after.n, stated.after.unit) if stated.after is not None else None
    return Each(stated.signal, after, step, stated.planned)


def _step_dates(first: date, last: date, step: Period) -> Iterator[date]:
    # Counted from the first date, so that the 31st stays the last day of each month.
    number, day = 0, first
    while day <= last:
        yield day
        number += 1
        day = step.times(number).after(first)


def make_question(
    invocation: Invocation, snapshot: Snapshot, purpose: str, as_of: Sequence[date] | None
) -> tuple[Question, dict[str, str]]:
    """Return the question a programme asks of a snapshot, checked against charter and register, and their sha256.

    Raises DefinitionError for a definition that breaks the grammar, CharterError for one that is not allowed.
    """
    policy, register = invocation.policy, invocation.register
    definition = Definition.load(invocation.programme_folder / "definition.py")
    permission = Permission.of(policy, register, purpose)
    permission.check(definition, policy, register)
    if purpose in SCORED_BEFORE:
        refuse_hidden(definition, policy, register)
    dates, each = read_as_of_dates(invocation.settings.training.as_of)
    if as_of is not None:
        dates = tuple(sorted(set(as_of)))
    if not dates:
        raise UsageError("no as-of date was given.", "Name one like --as-of 2025-01-01.")
    if each is not None and each.signal not in permission.signals:
        raise DefinitionError(f"[as_of] each reads {each.signal}, which may not be used.", "Name an allowed signal.")
    each = _forget_plans(each, dates, snapshot, invocation.council)
    queue = invocation.settings.worklist.queue
    if each is not None and queue is not None and not each.planned and purpose == "rank":
        each = replace(each, span=Period(queue.weeks, "weeks"))  # all who wait, not only who came since the last date
    free = Period(policy.onset.free_months, "months")
    question = Question(definition, dates, invocation.council.time_zone, snapshot.taken_at, permission, each, free)
    return question, {"charter.toml": policy.sha256, "register.toml": register.sha256}


def _forget_plans(each: Each | None, dates: Sequence[date], snapshot: Snapshot, council: Council) -> Each | None:
    """Return no own dates where what is planned is not all recorded yet: everybody in the cohort may be next."""
    if each is None or not each.planned:
        return each
    return each if council.midnight(each.stretch(dates[0])[1]) <= snapshot.taken_at else None


def build_matrix(
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
    Raises DataError where no date has a row to learn from, UsageError for an unknown engine, CharterError while a
    resident's request is not carried out on the store; see `make_question` for what else is refused.
    """
    require_carried_out(invocation.workspace)
    if engine not in ("engine", "reference", "spark"):
        raise UsageError(f"there is no engine {engine!r}.", "Use engine, reference or spark.")
    opened = Snapshot.open(invocation.workspace.snapshot(snapshot))
    question, rules = make_question(invocation, opened, purpose, as_of)
    if purpose in ("train", "shadow"):
        policy = invocation.policy
        require_assessments(policy.assessments, purpose, synthetic=opened.synthetic)
    name, rows_key = _matrix_id(question, opened, rules, engine), _rows_key(question, opened, rules, engine)
    folder = invocation.workspace.matrix / name
    if not (folder / "manifest.json").exists():
        invocation.workspace.matrix.mkdir(parents=True, exist_ok=True)
        columns = find_kept_columns(invocation.workspace.matrix, rows_key, question) if engine == "engine" else None
        with new_folder(folder) as beside:
            if columns:
                written = _write_columns(invocation, question, opened, columns, beside)
            else:
                written = _write_dates(invocation, question, opened, engine, beside, master)
            if purpose == "train" and as_of is None:
                _refuse_empty(question, written["as_of"])
            manifest = _describe_matrix(question, opened, rules, engine, name) | {"rows_key": rows_key} | written
            check_document("matrix", manifest)
            write_json(beside / "definition.json", question.definition.document(question.permission.units))
            write_json(beside / "manifest.json", manifest)
            write_text(beside / "register.html", _render_register(invocation, question))
    if purpose == "train" and as_of is None:
        set_current(invocation.workspace.matrix, name)
    return folder


def _refuse_empty(question: Question, dates: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise DataError where no date has a row: training would name the lack of labels, and not its cause."""
    if any(facts["rows"] for facts in dates.values()):
        return
    each, asked = question.each, f"none of {len(dates):,} as-of dates has a row"
    if each is None:
        raise DataError(
            f"{asked}: nobody is in the cohort at any of them.",
            "Look at COHORT in definition.py, and at [as_of] of training.toml beside what the deliveries cover.",
        )
    first, end = each.stretch(question.dates[0])
    if each.planned or each.after or (end - first).days > 1:
        raise DataError(
            f"{asked}: no {each.signal} that was known by then gives one of them as its own date.",
            "Look at `each` and the dates in [as_of] of training.toml, and at when its records became known.",
        )
    raise DataError(
        f"{asked}: each row is at the very day of its {each.signal}, and none of them was known before that day began.",
        f'Let rows come a day later: each = {{ signal = "{each.signal}", after = {{ n = 1, unit = "days" }} }}.',
    )


def _render_register(invocation: Invocation, question: Question) -> str:
    """Return the definition's register in English, as a page to be read beside the matrix."""
    definition = question.definition
    return render_html(
        render_markdown(definition, invocation.register, invocation.policy), definition.programme.replace("_", " ")
    )


def _matrix_id(question: Question, snapshot: Snapshot, rules: Mapping[str, str], engine: str) -> str:
    return content_id({"definition": question.definition.hash, **_list_inputs(question, snapshot, rules, engine)})


def _rows_key(question: Question, snapshot: Snapshot, rules: Mapping[str, str], engine: str) -> str:
    """Return what names a matrix's rows by their date: all that its id is made of but the features and the dates.

    A date's rows are the same whichever other dates are asked for beside it, but where each entity has its own.
    """
    document = question.definition.document()
    about = {name: document[name] for name in ("schema_version", "programme", "entity", "cohort", "outcome")}
    inputs = _list_inputs(question, snapshot, rules, engine)
    if question.each is None:
        del inputs["dates"]
    return content_id({"rows_by_date": about, **inputs})


def _list_inputs(question: Question, snapshot: Snapshot, rules: Mapping[str, str], engine: str) -> dict[str, Any]:
    """Return all that a matrix depends on beside its definition."""
    return {
        "snapshot": snapshot.name,
        "tables": dict(snapshot.inputs),
        "rules": dict(rules),
        "purpose": question.permission.purpose,
        "dates": [day.isoformat() for day in question.dates],
        "free": question.free.document(),
        "each": question.each.document() if question.each else None,
        "zone": str(question.zone),
        "taken_at": snapshot.taken_at.isoformat(),
        # Spark runs the same engine and writes the same bytes, so its matrix is that matrix.
        "engine": ["engine" if engine == "spark" else engine, ENGINE_VERSION],
    }


def _describe_matrix(
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
        "free": question.free.document(),
        "engine": engine,
    }


def _write_dates(
    invocation: Invocation, question: Question, snapshot: Snapshot, engine: str, folder: Path, master: str
) -> dict[str, Any]:
    """Write every date's arrays below `folder` and return what only a built matrix can say of itself."""
    if engine == "reference":
        lag, facts = _write_reference(invocation, question, snapshot, folder)
    elif engine == "spark":
        lag, facts = _write_spark(invocation, question, snapshot, folder, master)
    else:
        lag, facts = _write_engine(invocation, question, snapshot, folder)
    dates = {}
    for day, date_facts in zip(question.dates, facts, strict=True):
        arrays = _date_folder(folder, day)
        rows = len(np.load(arrays / "entity.npy", mmap_mode="r"))
        dates[day.isoformat()] = {"rows": rows, "sha256": folder_digest(arrays), **date_facts}
    write_uncertain(snapshot.tables, folder, _list_members(folder, question.dates))
    return {"reporting_lag_days": lag, "freshness": _read_freshness(snapshot), "as_of": dates}


def _write_columns(
    invocation: Invocation, question: Question, snapshot: Snapshot, kept: KeptColumns, folder: Path
) -> dict[str, Any]:
    """Write every date's arrays below `folder`, of an earlier matrix's rows; return what a built matrix can say.

    A date has no key here: that is of all that its rows depend on, and most of it was not read.
    """
    from features.engines.engine import Engine

    rest = kept.ask_rest(question)
    with invocation.progress("Building new columns") as advance, ExitStack() as stack:
        writers = []
        for day in question.dates:
            writer = ColumnWriter(_date_folder(folder, day), _date_folder(kept.folder, day), kept.features, kept.seen)
            writers.append(stack.enter_context(writer))
        if rest is None:
            for writer in writers:
                writer.copy_rows()
        else:
            seen = kept.pick_seen(question, rest)
            for block in Engine(rest, snapshot.tables).columns([kept.read_entities(day) for day in question.dates]):
                writers[block.date_index].append(replace(block, seen=block.seen[:, seen]))
                advance()
    if kept.has_other_dates(question):
        write_uncertain(snapshot.tables, folder, _list_members(folder, question.dates))
    else:
        (folder / "uncertain.csv").hardlink_to(kept.folder / "uncertain.csv")
    dates = {}
    for day in question.dates:
        facts = kept.manifest["as_of"][day.isoformat()]
        counts = {name: facts[name] for name in ("rows", "cannot_tell", "cannot_begin") if name in facts}
        dates[day.isoformat()] = {**counts, "sha256": folder_digest(_date_folder(folder, day))}
    return {name: kept.manifest[name] for name in ("reporting_lag_days", "freshness")} | {"as_of": dates}


def _list_members(folder: Path, dates: Sequence[date]) -> Iterator[NDArray[np.bytes_]]:
    """Give the members of a matrix's rows, date by date."""
    return (np.load(_date_folder(folder, day) / "person.npy", mmap_mode="r") for day in dates)


def _date_folder(folder: Path, day: date) -> Path:
    return folder / f"as_of={day.isoformat()}"


def _read_freshness(snapshot: Snapshot) -> dict[str, str]:
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
) -> tuple[float, list[dict[str, Any]]]:
    from features.engines.reference import Reference
    from features.engines.rows import Tables

    reference, facts = Reference(question, Tables.read(snapshot.tables)), []
    with invocation.progress("Building the matrix, row by row", len(question.dates)) as advance:
        for day in question.dates:
            answer = reference.answer(day)
            answer.rows.write(_date_folder(folder, day))
            facts.append({"cannot_tell": answer.cannot_tell, "cannot_begin": answer.cannot_begin})
            advance()
    return reference.reporting_lag_days, facts


def _write_engine(
    invocation: Invocation, question: Question, snapshot: Snapshot, folder: Path
) -> tuple[float, list[dict[str, Any]]]:
    from features.engines.engine import Engine

    engine, earlier = Engine(question, snapshot.tables), _EarlierDates.of(invocation.workspace.matrix)
    lag = engine.reporting_lag_days
    with invocation.progress("Building the matrix") as advance, ExitStack() as stack:
        writers = [stack.enter_context(DateWriter(_date_folder(folder, day), question)) for day in question.dates]
        for block in engine.blocks(earlier.entities):
            writers[block.date_index].append(block)
            advance()
        for day, writer in zip(question.dates, writers, strict=True):
            writer.keep(earlier.folders.get(engine.keys[day]))
    facts = []
    for day, writer in zip(question.dates, writers, strict=True):
        key = engine.keys[day]
        counts = {"cannot_tell": writer.cannot_tell, "cannot_begin": writer.cannot_begin}
        facts.append({**earlier.counts.get(key, counts), "key": key})
    return lag, facts


@dataclass(frozen=True)
class _EarlierDates:
    """Dates of this programme's matrices that are there, by the key of what their rows depend on.

    There is no other cache: what is forgotten with its matrix can't be used again.
    """

    folders: Mapping[str, Path]
    counts: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, matrices: Path) -> _EarlierDates:
        """Look through the matrices in a folder."""
        folders, counts = {}, {}
        for manifest in sorted(matrices.glob("*/manifest.json")):
            for day, facts in read_json(manifest)["as_of"].items():
                if "key" in facts:
                    folders[facts["key"]] = manifest.parent / f"as_of={day}"
                    names = ("cannot_tell", "cannot_begin")
                    counts[facts["key"]] = {name: facts[name] for name in names if name in facts}
        return cls(folders, counts)

    def entities(self, key: str) -> NDArray[np.bytes_] | None:
        """Return the entities of a date's rows where the same rows have been made before."""
        folder = self.folders.get(key)
        return None if folder is None else np.load(folder / "entity.npy", mmap_mode="r", allow_pickle=False)


def _write_spark(
    invocation: Invocation, question: Question, snapshot: Snapshot, folder: Path, master: str
) -> tuple[float, list[dict[str, Any]]]:
    from features.engines import spark

    running = spark.open_session(master)
    # A bare path would be one of the cluster's default file system, HDFS for instance; the workspace is a folder.
    tables, rows = f"file://{snapshot.tables.resolve()}", (folder / "rows").resolve()
    with invocation.progress("Building the matrix on Spark", 3) as advance:
        counts = spark.write_rows(running, question, tables, f"file://{rows}")
        advance()
        spark.collect_dates(running, question, f"file://{rows}", folder)
        shutil.rmtree(rows)
        advance()
        lag = spark.measure_reporting_lag(running, question, tables)
        advance()
    return lag, counts
