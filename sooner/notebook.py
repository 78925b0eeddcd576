"""From data frames to a first list in a notebook, and an audit that answers in counts.

    bench = Workbench.of_frames("workspace", events=events, residence=residence,     pandas, polars or Arrow
                                cohort=Cohort(...), outcome=Outcome(...), features=[Feature(...), ...], places=5)
    X, y, folds = bench.data()                             by as-of date, entity and team
    bench.first_list()                                     train, audit, decide and rank, as a frame
    bench.audit(y, score, {"sex": sex}, capacity=100)      any list's figures by group, small groups hidden

Frames that are not said to be made up are real people's: their council folder is drafted all the same, and nothing is
linked before those who answer for it have made its rows theirs and signed (docs/tutorial/own_data.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from charter.contracts.files import find_current, writer_lock
from charter.errors import BlockedError, DataError, UsageError
from charter.invocation import Invocation
from charter.signing.acceptance import Signable, sign_as
from charter.starting.council_folder import list_barred, say_barred, write_council
from charter.starting.new_council import Answers, ProposedSource
from charter.vault.key import make_key_file
from features.grammar import Cohort, Definition, Feature, Outcome, Signal
from sooner.frame_council import Frames, read_categories, to_arrow
from sooner.path import build_rows, issue_lists, judge_model, prepare_snapshot
from training import workbench

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # it ships no types

    from features.grammar.expression import Aggregate

__all__ = ["Workbench", "read_feature_table"]

_LAST_CONTACT = re.compile(r'"last_contact"\s*,?\s*')
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_MOST_DETAILS = 20
"""A category has no more details: the grammar's own bound."""
_NO_PERSON = "Call the column person_id that says whom a row is about, by the same numbers as your events."
_NO_DAY = (
    "Name the column of the day from which each row was known: known_at=. A table without days can't be read as of a"
    " date: score its rows with a model of your own, and audit that (docs/how-to/start-in-a-notebook.md)."
)
_PLACES = re.compile(r"(?m)^(\s*places = ).*$")


@dataclass(frozen=True)
class Workbench(workbench.Workbench):
    """One programme in one workspace, as `training.workbench` has it, with the rooms around training."""

    @classmethod
    def of_frames(
        cls,
        workspace: str | Path,
        *,
        events: Any,
        cohort: Cohort,
        outcome: Outcome,
        features: Sequence[Feature],
        made_up: bool = False,
        places: int = 5,
        programme: str = "first",
        since: date | None = None,
        until: date | None = None,
        **tables: Any,
    ) -> Workbench:
        """Make a workspace of data frames: a council's folder drafted in it, pulled, linked and built.

        `events` is a frame, or a list of frames. `tables` are further canonical ones by name (people, residence,
        households, protected, coverage); `since` is the first day of which every service says everything (unless
        said, the day of its first event), `until` the day from which nothing was delivered any more. A folder drafted
        before is kept, and so are changes made in it.
        Raises DataError for frames that break a rule of their table, UsageError for a signal whose name the drafted
        charter prohibits, CharterError for real people's before the charter is signed.
        """
        root = Path(workspace)
        frames = Frames.of({"events": events, **tables}, until, since)
        extracts, folder = root / "extracts", root / "councils" / programme
        frames.write(extracts)
        if not folder.exists():
            answers = Answers("Workbench", "UTC", "", ("Team",), programme)
            folder.parent.mkdir(parents=True, exist_ok=True)
            proposed = frames.propose(made_up=made_up)
            _refuse_barred(proposed)
            write_council(folder, answers, proposed, datetime.now(UTC).date())
            _edit(folder / "council.toml", _PLACES, rf"\g<1>{places}")
            if '"days_since"' not in json.dumps([feature.document()["expression"] for feature in features]):
                # Nobody's last contact is known, so that order can't be compared.
                _edit(folder / programme / "training.toml", _LAST_CONTACT, "")
        definition = Definition(programme, cohort, outcome, tuple(features))
        written = workbench.write_definition("data frames", definition)
        (folder / programme / "definition.py").write_text(written, encoding="utf-8")
        opened = Invocation.open(folder, programme, root, quiet=True)
        bench = cls(opened)
        with writer_lock(root):
            if made_up:
                make_key_file(opened.council, opened.workspace)
                _sign_as_all(opened, "charter")
            prepare_snapshot(opened)
            build_rows(opened)
        return bench

    def first_list(self) -> pd.DataFrame:
        """Train, audit, decide, promote and rank; return the list of each team, a row a place.

        Made-up data alone: real lists are signed for by those who answer for them, with `sooner`. Raises BlockedError
        where the gate says block.
        """
        import pandas as pd

        invocation = self.invocation
        if not self.matrix().manifest["synthetic"]:
            raise UsageError(
                "this is real people's data, and a list of it is signed for by the roles of its charter.",
                "Go on with `sooner train`, `sooner audit` and `sooner decide`; the board signs.",
            )
        with writer_lock(invocation.workspace.root):
            decision = judge_model(invocation)
            if decision["decision"] == "block":
                raise BlockedError(decision["sentence"], "Read the board pack.")
            _sign_as_all(invocation, "decision")
            issue_lists(invocation)
        folder = find_current(invocation.workspace.worklist)
        if folder is None:
            raise AssertionError("a list that was issued has a folder")
        return pd.read_csv(folder / "issued.csv")

    def audit(
        self,
        y: Any,
        score: Any,
        groups: Mapping[str, Any] | Any,
        *,
        capacity: int,
        cluster: Any = None,
    ) -> pd.DataFrame:
        """Return the figures of any list by group: those of the `capacity` largest scores, beside everyone else.

        `groups` are columns by name, each as long as `y`; `cluster` says which rows are one household's. Groups and
        counts too small to publish are hidden, as in every pack. Nothing of a row comes back.
        """
        import pandas as pd

        from fairness_reports.audit.tables.scored_table import audit_table
        from fairness_reports.audit.tables.table_question import Selection, TableQuestion
        from fairness_reports.publish.table_figures import list_tables

        by_name = groups if isinstance(groups, Mapping) else {name: groups[name] for name in groups}
        columns = {"outcome": y, "score": score, **by_name} | ({} if cluster is None else {"cluster": cluster})
        with TemporaryDirectory() as beside:
            path = Path(beside) / "scored.parquet"
            pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
            question = TableQuestion(
                path,
                tuple(by_name),
                (Selection(capacity=capacity),),
                score="score",
                label="outcome",
                cluster=None if cluster is None else "cluster",
            )
            document = audit_table(question)
        rows = [row for part in list_tables(document) for row in part["rows"]]
        shown = ("group", "title", "alone", "rest", "ratio", "ends", "n")
        names = ("group", "measure", "figure", "everyone else", "ratio", "95 % interval", "rows")
        return pd.DataFrame([[row[name] for name in shown] for row in rows], columns=list(names))


def read_feature_table(
    frame: Any, *, service: str, columns: Sequence[str], known_at: str = "known_at"
) -> tuple[pa.Table, list[Feature]]:
    """Return somebody else's feature table as events and features: each value as of the day it became known.

    `frame` has a row for each person (`person_id`) and time (`known_at`), and `columns` of numbers, of yes and no, or
    of texts; an empty cell says nothing. At an as-of date a feature is the newest value known by then, as everywhere:
    0 or none of whom no row was known yet, but whom `service` could have seen. A text
    is a category of its 20 commonest values, and all others are one more. A column's name in small letters, with _ for
    all that is no letter or digit, names its signal and feature. Give `events=[yours, these]`, and the
    features with yours. Raises DataError for a column that is not there, that is of another kind (a day), or that is
    named as another one is.
    """
    from features.grammar import signal

    table = to_arrow(frame, service)
    for column, hint in (("person_id", _NO_PERSON), (known_at, _NO_DAY), *((column, "") for column in columns)):
        if column not in table.column_names:
            raise DataError(
                f"{service} has no column {column!r}.", hint or f"Choose from: {', '.join(table.column_names)}."
            )
    names = {column: _NOT_IN_A_NAME.sub("_", column.lower()).strip("_") for column in columns}
    parts, features = [], []
    for column, name in names.items():
        if not name[:1].isalpha() or list(names.values()).count(name) > 1:
            raise DataError(
                f"{service}'s column {column!r} would be called {name!r}, and a name begins with a letter and is one"
                " column's.",
                "Rename the column.",
            )
        rows = table.filter(pa.compute.is_valid(table[column]))
        times, asked = rows[known_at], signal(f"{service}.{name}")
        expression, cells = _read_column(rows[column], asked)
        parts.append(
            pa.table(
                {
                    "person_id": rows["person_id"].cast(pa.string()),
                    "signal": pa.repeat(asked.name, rows.num_rows),
                    "valid_at": times,
                    "known_at": times,
                    **cells,
                }
            )
        )
        features.append(
            Feature(
                f"{service}_{name}",
                expression,
                reason=f"{name.replace('_', ' ').capitalize()}: {{value}}",
                because=f"It comes ready from {service.replace('_', ' ')}, with the day from which it was known.",
            )
        )
    return pa.concat_tables(parts, promote_options="default"), features


def _read_column(values: pa.ChunkedArray, asked: Signal) -> tuple[Aggregate, dict[str, pa.ChunkedArray]]:
    """Return how a feature reads a ready column without empty cells, and the column of events that its cells become."""
    from features.grammar import category, latest, since_start

    types = pa.types
    values = read_categories(values)
    if types.is_string(values.type) or types.is_large_string(values.type) or types.is_string_view(values.type):
        values = values.cast(pa.string())
        counted = pa.compute.value_counts(values).to_pylist()
        counted.sort(key=lambda one: (-one["counts"], one["values"]))
        common = [one["values"] for one in counted if one["values"].strip()]
        return category(asked, details=common[:_MOST_DETAILS], last=since_start), {"detail": values}
    numeric = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
    if any(is_kind(values.type) for is_kind in numeric):
        return latest(asked, last=since_start), {"amount": values.cast(pa.float64())}
    raise DataError(
        f"the column of {asked.name} is of kind {values.type}, and holds neither numbers nor texts.",
        "Make it a number, such as the days since, or leave it out.",
    )


def _refuse_barred(proposed: Sequence[ProposedSource]) -> None:
    """Raise UsageError for signals that the drafted charter prohibits by name: it would leave them out."""
    barred = list_barred(proposed)
    if barred:
        name, row = next(iter(barred.items()))
        others = f", and {len(barred) - 1} more" if len(barred) > 1 else ""
        raise UsageError(
            "the charter that is drafted would prohibit a signal by a word in its name"
            f" ({say_barred(name, row)}{others}).",
            "If that is not what it is, call it otherwise in the frame and in the definition; else leave its rows out.",
        )


def _edit(path: Path, pattern: re.Pattern[str], text: str) -> None:
    path.write_text(pattern.sub(text, path.read_text(encoding="utf-8")), encoding="utf-8")


def _sign_as_all(invocation: Invocation, what: str) -> None:
    """Sign as each role that must, marked `demo`: that opens made-up data and nothing else."""
    for role in invocation.policy.signers(what):
        sign_as(invocation, role.id, Signable(what), demo=True)
