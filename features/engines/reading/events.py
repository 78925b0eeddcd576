"""A snapshot's events grouped by person: what features and cohort rules read, and the outcome's.

Row groups of the Parquet file are decoded side by side. Texts arrive as dictionaries, so that each person, signal and
detail is looked up once per row group and never once per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError
from features.engines.compiled import kernel
from features.engines.compiled.arrays import EventRows, HomeRows, OutcomeRows
from features.engines.compiled.kernel_plan import LARGEST, SMALLEST
from features.engines.question import Question, to_microseconds
from features.engines.reading.frame import Frame
from features.engines.reading.snapshot_reader import Store
from features.grammar import Expression, Signal
from features.grammar.signal import AMOUNT_SCALE, scale_amount

__all__ = ["Events", "make_conditions", "read_events", "read_outcomes"]


_CONTESTED = ("latest", "category", "days_since_change")
"""Words for which the id of an event decides between two of the very same moments."""


@dataclass(frozen=True)
class Events:
    """Versions of events, whose `first` and `last` are not filled yet; when each ends being known (`until`).

    `details` are the texts of the detail codes 1, 2, ...
    """

    rows: EventRows
    until: NDArray[np.int64]
    details: tuple[str, ...]

    @property
    def earliest(self) -> int | None:
        """The first valid_at, or None."""
        return int(self.rows.valid.min()) if len(self.until) else None

    def at(self, frame: Frame) -> EventRows:
        """Return the events with the dates of a frame at which each is visible and its moment has come."""
        first, last = np.zeros(len(self.until), np.uint8), np.zeros(len(self.until), np.uint8)
        kernel.find_visible(frame.times, self.rows.valid, self.rows.known, self.until, first, last)
        return self.rows._replace(first=first, last=last)


@dataclass(frozen=True)
class _Reading:
    """What to read: the codes of signals, whether each one's details are read, and columns that are not always."""

    people: NDArray[np.bytes_]
    signals: dict[str, int]
    detailed: NDArray[np.bool_]
    tied: NDArray[np.bool_]
    before: int
    ended: bool

    @property
    def columns(self) -> list[str]:
        names = ["person_id", "signal", "valid_at", "known_at", "known_until", "amount"]
        return (
            names
            + ["end_at"] * self.ended
            + ["event_id"] * bool(self.tied.any())
            + ["detail"] * bool(self.detailed.any())
        )


def read_events(question: Question, store: Store, signals: Sequence[str], people: NDArray[np.bytes_]) -> Events:
    """Read the events of `signals` about `people` (ascending ids) that are known by the last date.

    Raises DataError where amounts could not be summed in 64 bits.
    """
    path, rules = store.tables / "events.parquet", question.expressions
    if not question.dates or not signals or not path.exists():
        return _no_events(len(people))
    detailed = np.array([_reads_details(question, name) for name in signals])
    opened = any(getattr(rule, "word", "") == "open_at" for rule in rules)
    before = to_microseconds(question.midnights[-1])
    contest = _find_contests(rules, signals)
    tied = contest >= 0
    reading = _Reading(people, {name: place for place, name in enumerate(signals)}, detailed, tied, before, opened)
    columns, details = _read_columns(path, reading, store.threads)
    _refuse_overflow(signals, columns)
    person = columns.pop("person")
    if len(person) and (np.diff(person) < 0).any():
        start, order = kernel.group_rows(person, len(people))
        columns = {name: values[order] if len(values) else values for name, values in columns.items()}
    else:
        start = np.searchsorted(person, np.arange(len(people) + 1)).astype(np.int64)
    row = columns.pop("row")
    tie = np.zeros(0, np.int32)
    if tied.any():
        tie = _rank_ties(store, start, columns, row, contest)
    if tied.any() and any(getattr(rule, "word", "") == "days_since_change" for rule in rules):
        # What a detail changed from is the one before it: such events are walked in their order.
        order = kernel.order_histories(start, columns["valid"], columns["known"], tie)
        columns = {name: values[order] if len(values) else values for name, values in columns.items()}
        tie = tie[order]
    until, none = columns.pop("until"), np.zeros(0, np.uint8)
    return Events(EventRows(start=start, **columns, tie=tie, first=none, last=none), until, details)


def _no_events(people: int) -> Events:
    long, short, byte = np.zeros(0, np.int64), np.zeros(0, np.int16), np.zeros(0, np.uint8)
    rows = EventRows(
        start=np.zeros(people + 1, np.int64),
        signal=short,
        detail=short,
        valid=long,
        known=long,
        amount=long,
        ended=long,
        tie=np.zeros(0, np.int32),
        ident=np.zeros(0, np.uint64),
        first=byte,
        last=byte,
    )
    return Events(rows, long, ())


def _reads_details(question: Question, name: str) -> bool:
    for rule in question.expressions:
        signals = [signal for signal in rule.signals if signal.name == name]
        if any(signal.details for signal in signals) or (signals and getattr(rule, "of", None) == "detail"):
            return True
    return False


def _read_columns(path: Path, asked: _Reading, threads: int) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Return the columns of the events asked for, in the file's order, and the texts of the detail codes."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    rows = metadata.num_rows
    types = {"person": np.int32, "signal": np.int16, "detail": np.int16, "ident": np.uint64}
    names = ["person", "signal", "detail", "valid", "known", "until", "amount", "row"]
    names += ["ended"] * asked.ended + ["ident"] * bool(asked.tied.any())
    whole = {name: np.empty(rows, types.get(name, np.int64)) for name in names}
    codes: dict[str, int] = {}
    count = 0
    firsts = np.cumsum([0] + [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)])
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(lambda n: _row_group(path, metadata, n, int(firsts[n]), asked), range(len(firsts) - 1))
        for part, texts in parts:
            for text in texts:
                codes.setdefault(text, len(codes) + 1)
            place = np.array([0, *(codes[text] for text in texts)], dtype=np.int64)
            if len(codes) >= np.iinfo(np.int16).max:
                raise DataError("a signal has too many different details.", "Group them in the register's mapping.")
            part["detail"] = place[part["detail"]]
            after = count + len(part["row"])
            for name, values in whole.items():
                values[count:after] = part[name]
            count = after
    details = tuple(sorted(codes))
    ascending = np.array([0, *(details.index(text) + 1 for text in codes)], dtype=np.int16)
    columns = {name: values[:count] for name, values in whole.items()}
    columns["detail"] = ascending[columns["detail"]]
    return {"ended": np.zeros(0, np.int64), "ident": np.zeros(0, np.uint64)} | columns, details


def _row_group(
    path: Path, metadata: Any, number: int, first: int, asked: _Reading
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Return the asked rows of one row group; details are places in the texts returned, from 1."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, metadata=metadata, read_dictionary=["person_id", "signal", "detail"]) as file:
        table = file.read_row_group(number, columns=asked.columns, use_threads=False)
    who, ids = _decode_texts(table.column("person_id"))
    place = np.searchsorted(asked.people, ids) if len(ids) else np.zeros(0, np.int64)
    place[place == len(asked.people)] = 0
    place = np.where(asked.people[place] == ids, place, -1) if len(asked.people) and len(ids) else place * 0 - 1
    what, kinds = _decode_texts(table.column("signal"))
    known_at = _decode_moments(table.column("known_at"), LARGEST)
    person = place[who]
    signal = np.array([asked.signals.get(kind.decode(), -1) for kind in kinds] or [-1])[what]
    keep = (person >= 0) & (signal >= 0) & (known_at < asked.before)
    part: dict[str, NDArray[Any]] = {
        "person": person,
        "signal": signal,
        "known": known_at,
        "valid": _decode_moments(table.column("valid_at"), LARGEST),
        "until": _decode_moments(table.column("known_until"), LARGEST),
        "amount": _decode_amounts(table.column("amount")),
        "row": np.arange(first, first + len(table)),
    }
    if asked.ended:
        part["ended"] = _decode_moments(table.column("end_at"), LARGEST)
    if asked.tied.any():
        part["ident"] = _digest_texts(table.column("event_id"))
    if not keep.all():
        part = {name: values[keep] for name, values in part.items()}
    if "detail" not in asked.columns:
        return part | {"detail": np.zeros(len(part["row"]), np.int64)}, []
    detail, texts = _decode_texts(table.column("detail"))
    detail = np.where(asked.detailed[part["signal"]], detail[keep] + 1, 0)
    used = np.unique(detail[detail > 0])
    codes = np.zeros(len(texts) + 1, np.int64)
    codes[used] = np.arange(1, len(used) + 1)
    return part | {"detail": codes[detail]}, [texts[code - 1].decode() for code in used]


def _decode_texts(column: Any) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
    """Return a text column as places (-1 is null) in its different texts."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries().combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # an empty one stays chunked
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    texts = np.array([text.encode() for text in column.dictionary.to_pylist()], dtype="S")
    return column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64), texts


def _digest_texts(column: Any) -> NDArray[np.uint64]:
    """Return a 64-bit digest of each text."""
    import pyarrow as pa

    column = column.cast(pa.string()).combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # an empty one stays chunked
        return np.zeros(0, np.uint64)
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return np.asarray(kernel.digest_texts(ends, np.frombuffer(data or b"", np.uint8)))


def _decode_moments(column: Any, otherwise: int) -> NDArray[np.int64]:
    """Return a column of times in microseconds, `otherwise` where there is none."""
    import pyarrow as pa

    column = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64())
    return np.asarray(column.fill_null(otherwise).to_numpy())


def _decode_amounts(column: Any) -> NDArray[np.int64]:
    """Return a column of decimals in ten-thousandths, SMALLEST where there is none: by its layout of 128 bits."""
    import pyarrow as pa

    column = column.cast(pa.decimal128(18, 4)).combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # an empty one stays chunked
        return np.zeros(0, np.int64)
    words = np.frombuffer(column.buffers()[1], np.int64)[2 * column.offset : 2 * (column.offset + len(column)) : 2]
    if not column.null_count:
        return words
    return np.where(column.is_valid().to_numpy(zero_copy_only=False), words, SMALLEST)


def _refuse_overflow(signals: Sequence[str], columns: dict[str, NDArray[Any]]) -> None:
    for place, amount in enumerate(kernel.weigh_amounts(columns["signal"], columns["amount"], len(signals))):
        if amount > LARGEST / 4:
            raise DataError(
                f"the amounts of {signals[place]} are too large to be summed exactly.",
                "Check the unit of its amount in the register's mapping.",
            )


def _find_contests(rules: Sequence[Expression], signals: Sequence[str]) -> NDArray[np.int64]:
    """Return, by signal, which contest for the latest it is in, -1 for none; signals asked of together share one."""
    contest = np.full(len(signals), -1)
    for number, rule in enumerate(rules):
        if getattr(rule, "word", "") in _CONTESTED:
            names = {signal.name for signal in rule.signals}
            places = [place for place, name in enumerate(signals) if name in names]
            joined = contest[places]
            contest[np.isin(contest, joined[joined >= 0])] = number
            contest[places] = number
    return contest


def _rank_ties(
    store: Store,
    start: NDArray[np.int64],
    columns: dict[str, NDArray[Any]],
    row: NDArray[np.int64],
    contest: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Return the place of each event's id among those of the same moments that it may have to beat; else 0.

    Only where two events of one contest, of people who ever shared a home, became valid and known at the very same
    times can an event's id decide which is the latest, so only those ids are read.
    """
    homes = _read_residents(store, len(start) - 1)
    signal, valid, known_at = columns["signal"], columns["valid"], columns["known"]
    places = np.flatnonzero(
        kernel.find_shared_moments(
            homes, event_start=start, signal=signal, contest=contest, valid=valid, known=known_at
        )
    )
    tie = np.zeros(len(valid), np.int32)
    if not len(places):
        return tie
    order = np.lexsort((store.rank_event_ids(row[places]), known_at[places], valid[places]))
    tie[places[order]] = _rank_runs(known_at[places][order], valid[places][order])
    return tie


def _read_residents(store: Store, people: int) -> HomeRows:
    """Return the people who ever lived at each home; of persons each is a home alone."""
    if store.entity == "person":
        return HomeRows(np.arange(people + 1), np.arange(people))
    stays = store.residence()
    # Sorted and compared with its neighbour: NumPy's own `unique` hashes numbers, ten times slower where most differ.
    pairs = np.sort(stays["household"].astype(np.int64) * (people + 1) + stays["person"])
    pairs = pairs[np.diff(pairs, prepend=-1) != 0]
    home, person = np.divmod(pairs, people + 1)
    return HomeRows(np.searchsorted(home, np.arange(home.max(initial=-1) + 2)), person)


def _rank_runs(*keys: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the place of each row within its run of equal keys."""
    new = np.append(True, np.logical_or.reduce([np.diff(key) != 0 for key in keys]))
    begin = np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
    return (np.arange(len(new)) - begin).astype(np.int32)


def read_outcomes(question: Question, store: Store, services: Sequence[str], people: int) -> OutcomeRows:
    """Read the outcome's events that stand now; `services` are those whose choices are folded, in order."""
    rows = store.outcome_events(make_conditions(question), to_microseconds(question.now))
    start, order = kernel.group_rows(rows["person"], people)
    return OutcomeRows(
        start=start,
        valid=rows["valid"][order],
        known=rows["known"][order],
        component=rows["component"][order].astype(np.int64),
        service=np.array(
            [services.index(component.signal.service) for component in question.components], dtype=np.int64
        ),
    )


def make_conditions(question: Question) -> list[str]:
    """Return one SQL condition per outcome component."""
    return [_make_condition(component.signal, question.permission.signals) for component in question.components]


def _make_condition(signal: Signal, usable: frozenset[str]) -> str:
    """Return the SQL that picks a signal's events, or none of them where it may not be used."""
    if signal.name not in usable:
        return "false"
    parts = [f"signal = '{signal.name}'"]
    if signal.details:
        quoted = ", ".join("'" + detail.replace("'", "''") + "'" for detail in signal.details)
        parts.append(f"detail IN ({quoted})")
    if signal.at_least is not None:
        parts.append(f"amount::DECIMAL(18, 4) * {AMOUNT_SCALE} >= {scale_amount(signal.at_least)}")
    if signal.below is not None:
        parts.append(f"amount::DECIMAL(18, 4) * {AMOUNT_SCALE} < {scale_amount(signal.below)}")
    return " AND ".join(parts)
