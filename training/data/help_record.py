"""The council's own practice: which families were helped and when, by a list or without any.

    [offers]
    helped = ["early_help.episode"]       signals of the register that say that help began

An event of one of these signals is help for every household that the person belongs to at an as-of date, as an outcome
is (design: all members at as_of). Rows whose household was helped within the horizon are treated like those that were
offered help in casework (offers.py); and the replay sets lists beside it (judging/own_practice.py): sooner than whom?

Only what the charter and the register allow for training counts, of whom nothing forbids it now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import MatrixDate
from charter.contracts.spans import Span, meet_spans, merge_spans
from charter.errors import CharterError
from charter.invocation import Invocation

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NEVER", "NO_HELP", "HelpRecord", "read_help"]

Times = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max
"""The time of help that did not come."""


@dataclass(frozen=True)
class HelpRecord:
    """Help, one element each by time: whom, when it began, when that was known (UTC µs); of which `signals`.

    `covered` is what every service that records it had delivered, in order; empty where one never did.
    """

    signals: tuple[str, ...]
    person: NDArray[np.bytes_]
    began: Times
    known: Times
    covered: tuple[Span, ...] = ()

    def find_first(self, rows: MatrixDate, start: int, end: int, cut: int = NEVER) -> Times:
        """Return when help for each row's household first began in `[start, end)`, as known before `cut`; or NEVER.

        members of row 0: a, b     help: b in March, a in June     start in January     row 0: March
        """
        first = np.full(len(rows.entity), NEVER, dtype=np.int64)
        meant = (self.began >= start) & (self.began < end) & (self.known < cut)
        if not meant.any():
            return first
        helped, place = np.unique(self.person[meant], return_index=True)  # the first of each: they are by time
        person = np.asarray(rows.person)
        at = np.minimum(np.searchsorted(helped, person), len(helped) - 1)
        is_helped = helped[at] == person
        began = self.began[meant][place][at[is_helped]]
        np.minimum.at(first, np.asarray(rows.person_row)[is_helped], began)
        return first

    def __len__(self) -> int:
        return len(self.person)

    @property
    def sha256(self) -> str:
        """One digest over the record: a run says which one it knew."""
        return hashlib.sha256(self.person.tobytes() + self.began.tobytes() + self.known.tobytes()).hexdigest()


NO_HELP = HelpRecord((), np.zeros(0, dtype="S32"), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def read_help(
    invocation: Invocation,
    snapshot: str,
    taken_at: datetime,
    signals: Sequence[str],
    asked_by: str = "[offers] helped of training.toml",
) -> HelpRecord:
    """Read the help that a snapshot's tables record; none where no signal is named or the tables are gone.

    `asked_by` is the setting that names the signals. Raises CharterError for a signal that may not be trained on.
    """
    import pyarrow as pa

    from features.permission import Permission, is_permitted
    from features.timeline import read_choices

    tables = invocation.workspace.store / snapshot / "tables"
    if not signals or not (tables / "events.parquet").exists():
        return NO_HELP
    allowed = Permission.of(invocation.policy, invocation.register, "train")
    if refused := sorted(set(signals) - allowed.signals):
        raise CharterError(
            f"{asked_by} names {refused[0]}, which the charter and the register do not allow for training.",
            "Ask the board, or leave it out there.",
        )
    rows = _read_rows(tables / "events.parquet", signals, taken_at)
    people = rows["person_id"].to_pylist()
    services = [str(signal).partition(".")[0] for signal in rows["signal"].to_pylist()]
    choices = read_choices(tables, sorted(set(people)))
    permitted = {
        (person, service): is_permitted(
            choices.get(person, []), service, "train", taken_at, consent_based=service in allowed.consent
        )
        for person, service in set(zip(people, services, strict=True))
    }
    keep = np.array([permitted[key] for key in zip(people, services, strict=True)], dtype=np.bool_)
    times = [rows[name].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()[keep] for name in ("valid_at", "known_at")]
    person = np.array([str(name).encode() for name in people], dtype="S32")[keep]
    order = np.lexsort((person, times[1], times[0]))
    covered = _find_coverage(tables / "feeds.parquet", {signal.partition(".")[0] for signal in signals})
    return HelpRecord(tuple(signals), person[order], times[0][order], times[1][order], covered)


def _read_rows(path: Path, signals: Sequence[str], taken_at: datetime) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    moment = pa.scalar(taken_at.astimezone(UTC).replace(tzinfo=None), pa.timestamp("us"))
    stands = pc.less(pc.field("known_at"), moment) & pc.field("known_until").is_null()
    columns = ["person_id", "signal", "valid_at", "known_at"]
    return pq.read_table(path, columns=columns, filters=pc.field("signal").isin(list(signals)) & stands)


def _find_coverage(path: Path, services: set[str]) -> tuple[Span, ...]:
    """Return what all of some services had delivered."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if not path.exists():
        return ()
    feeds = pq.read_table(path, columns=["service", "covers_from", "covers_to"])
    covered: tuple[Span, ...] | None = None
    for service in sorted(services):
        rows = feeds.filter(pc.field("service") == service)
        ends = (rows[name].cast(pa.timestamp("us")).cast(pa.int64()) for name in ("covers_from", "covers_to"))
        spans = merge_spans(zip(*(column.to_pylist() for column in ends), strict=True))
        covered = spans if covered is None else meet_spans(covered, spans)
    return covered or ()
