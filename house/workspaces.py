"""A workspace as values that can be compared with another one's: what a file says, whatever it is called.

Two runs of the same code differ in three ways that mean nothing, so that each is read as a name instead:

    when a file was made     2026-11-28T05:24:45+00:00          ->  <now>
    the id of what was made  a663fae070fa0fc6, a run's          ->  <run>
    the digest of a file     8b9ca67c72e3..., of decision.json  ->  <sha256 of audit/early_help/<run>/decision.json>

A run's id covers the code that made it, a release's holds a moment, and later files name both; a file that differs
would otherwise make all that cite it differ, and hide whether they do. What is left is compared exactly: no tolerance.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from charter.contracts.files import file_digest, find_current, read_json
from charter.vault.envelope import VAULT_FILE, unseal_value
from charter.vault.key import Key

__all__ = ["PlayedWorkspace"]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_CHAINED = ("chain", "number", "digest", "previous")
"""Columns of the log that hang on a name drawn at random, or hash each row with its moment."""


@dataclass(frozen=True)
class PlayedWorkspace:
    """A workspace that a demo filled between two moments, under a key that is known."""

    root: Path
    began: datetime
    ended: datetime
    key: bytes = field(repr=False)

    def files(self) -> Mapping[str, Path]:
        """Return every file by its path below the root, with ids read as names; links are left out."""
        return {self.named_text(path.relative_to(self.root).as_posix()): path for path in self._paths()}

    def _paths(self) -> Iterator[Path]:
        return (path for path in sorted(self.root.rglob("*")) if path.is_file() and not path.is_symlink())

    @cached_property
    def ids(self) -> Mapping[str, str]:
        """What was made, by name: the id it got here."""
        found: dict[str, str] = {}
        for kind in ("scores", "release", "bundle"):
            for folder in sorted((self.root / kind).glob("*")):
                name = {"scores": "run"}.get(kind, kind)
                if current := find_current(folder):
                    found[f"{name} of {folder.name}"] = current.name
        for manifest in sorted((self.root / "matrix").glob("*/*/manifest.json")):
            matrix = read_json(manifest)
            days = sorted(matrix["as_of"])
            dates = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
            found[f"matrix of {manifest.parts[-3]} to {matrix['purpose']}, {dates}"] = manifest.parent.name
        if snapshot := find_current(self.root / "store"):
            found["snapshot"] = snapshot.name
            found["tables"] = (snapshot / "tables").resolve().name.removeprefix("tables-")
        return found

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        return {file_digest(path): self._named_ids(path.relative_to(self.root).as_posix()) for path in self._paths()}

    def _named_ids(self, text: str) -> str:
        for name, made in self.ids.items():
            text = text.replace(made, f"<{name}>")
        return text

    def named_text(self, text: str) -> str:
        """Return `text` with the ids, digests of files and moments of this workspace read as names."""
        text = _DIGEST.sub(self._named_digest, text)
        return _MOMENT.sub(self._named_moment, self._named_ids(text))

    def _named_digest(self, match: re.Match[str]) -> str:
        name = self._digests.get(match[0])
        return f"<sha256 of {name}>" if name else match[0]

    def _named_moment(self, match: re.Match[str]) -> str:
        moment = datetime.fromisoformat(match[0])
        # Files hold whole seconds, so that a moment may seem earlier than the run's beginning.
        return "<now>" if self.began - timedelta(seconds=1) <= moment.astimezone(UTC) <= self.ended else match[0]

    def read_value(self, path: Path) -> Any:
        """Return what a file says as JSON-like values: a document, lines of text, columns, arrays, or its bytes.

        Parquet gives a digest for each column, `.npz` the bytes of each array, a casework database its tables' rows, a
        vault what it holds, opened; anything that is none of these gives its bytes.
        """
        match path.suffix:
            case ".json":
                return self.named_value(read_json(path))
            case ".jsonl":
                lines = path.read_text(encoding="utf-8").splitlines()
                return [_without_chain(self.named_value(json.loads(line))) for line in lines]
            case ".csv" | ".toml" | ".html" | ".lgb":
                return self.named_text(path.read_text(encoding="utf-8")).splitlines()
            case ".parquet":
                table = pq.read_table(path)
                if path.parent.name == "records":  # The engine gives a snapshot's records in no order.
                    table = table.sort_by([(name, "ascending") for name in table.column_names])
                return {name: _column_digest(table.column(name)) for name in table.column_names}
            case ".npz":
                with np.load(path, allow_pickle=False) as arrays:
                    return {name: (arrays[name].dtype.str, arrays[name].tobytes()) for name in arrays.files}
            case ".db" if path.name == VAULT_FILE:
                return dict(self._opened_vault(path))
            case ".db":
                return dict(self._tables(path))
            case "":
                return self.named_text(path.read_text(encoding="utf-8"))
        return path.read_bytes()

    def named_value(self, value: Any) -> Any:
        """Return a JSON value with ids, digests and moments in it read as names."""
        return json.loads(self.named_text(json.dumps(value, ensure_ascii=False)))

    def _tables(self, path: Path) -> Iterator[tuple[str, list[Any]]]:
        """Give each table's rows in the order of all their values; what is JSON in a column is read as such."""
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            names = [row[0] for row in database.execute("select name from sqlite_master where type = 'table'")]
            for name in sorted(names):
                rows = database.execute(f'select * from "{name}"').fetchall()  # noqa: S608  # a name the database gave
                opened = [{column: _opened(row[column]) for column in row.keys()} for row in rows]  # noqa: SIM118
                plain = [self.named_value(_without_chain(row)) for row in opened]
                yield name, sorted(plain, key=json.dumps)

    def sealed_records(self, path: Path) -> dict[str, bytes]:
        """Return the sealed record of each referral of a casework database, by the referral's id."""
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return dict(database.execute("select id, sealed from referrals order by id").fetchall())

    def _opened_vault(self, path: Path) -> Iterator[tuple[str, Any]]:
        """Give what the vault of a demo holds, by table: its data key is the one derived from the council's key."""
        key = Key(self.key).derive("vault")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            people = database.execute("select person_id, sealed from identities order by person_id").fetchall()
            yield "identities", {name: json.loads(unseal_value(key, name, sealed)) for name, sealed in people}
            tokens = database.execute("select token, sealed from residents order by token").fetchall()
            opened = {name: json.loads(unseal_value(key, f"resident/{name}", sealed)) for name, sealed in tokens}
            yield "residents", opened
            sets = database.execute("select snapshot, name, sealed from sets order by snapshot, name").fetchall()
            for snapshot, name, sealed in sets:
                value = zlib.decompress(unseal_value(key, f"set/{snapshot}/{name}", sealed))
                yield f"set {self.named_text(snapshot)} {name}", value


def _column_digest(column: Any) -> tuple[str, int, str]:
    """Return a column's type, length and sha256 of its values as text: by value, and equal where one is no number."""
    return str(column.type), len(column), hashlib.sha256(repr(column.to_pylist()).encode()).hexdigest()


def _opened(value: Any) -> Any:
    """Return a column's value; JSON in bytes or text is read, so that its keys can be compared."""
    if isinstance(value, bytes):
        return json.loads(value)
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value


def _without_chain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _CHAINED}
