"""What every contender is given: the question as numbers, and the small tables already folded to masks of dates.

Membership, choices and coverage are a few hundred thousand rows; folding them is the same for everybody and is counted
in everybody's time. The events, which are the work, each contender reads and folds in its own way.

It knows only what the benchmark's tables hold, and stops where they hold more: consent and objections by service, one
stretch of coverage a person, feeds that cover everything.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

WINDOWS = ("30d", "90d", "365d", "all")
WORDS = ("count", "total", "carrying", "maximum", "kinds")
NEVER = np.iinfo(np.int64).max
NOTHING = np.iinfo(np.int64).min
DAY = 86_400_000_000


class Work:
    """One question about one folder of tables."""

    def __init__(self, tables: Path, question: Mapping[str, object]) -> None:
        self.tables = tables
        self.dates = [date.fromisoformat(day) for day in question["dates"]]
        self.times = np.array(question["times"], np.int64)
        self.now = int(question["now"])
        self.signals = dict(question["signals"])
        self.services = list(self.signals)
        self.consent = set(question["consent"])
        self.starts = {name: np.array(values, np.int64) for name, values in question["starts"].items()}
        self.zone = ZoneInfo(question["zone"])
        residence = self.table("residence")
        self.people, self._person = np.unique(residence["person_id"].to_numpy(), return_inverse=True)
        self.homes, self._home = np.unique(residence["household_id"].to_numpy(), return_inverse=True)
        self._residence = residence

    def table(self, name: str) -> pa.Table:
        """Read one of the small tables."""
        return pq.read_table(self.tables / f"{name}.parquet")

    def _mask(self, known, until, start, end) -> np.ndarray:
        """Return, per row, the dates at which it is visible and in force, as bits."""
        times = self.times[None, :]
        holds = (
            (known[:, None] < times) & (until[:, None] >= times) & (start[:, None] <= times) & (times < end[:, None])
        )
        return holds @ (np.int64(1) << np.arange(len(self.times)))

    @cached_property
    def members(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (person, household, dates as bits), each pair once."""
        rows = self._residence
        mask = self._mask(times(rows, "known_at"), times(rows, "known_until"), times(rows, "start"), times(rows, "end"))
        pair = self._home.astype(np.int64) * len(self.people) + self._person
        pairs, where = np.unique(pair, return_inverse=True)
        folded = np.zeros(len(pairs), np.int64)
        np.bitwise_or.at(folded, where, mask)
        household, person = np.divmod(pairs, len(self.people))
        folded &= self._alive()[person]
        keep = folded != 0
        return person[keep], household[keep], folded[keep]

    def _alive(self) -> np.ndarray:
        rows = self.table("people")
        if rows["death_date"].null_count != len(rows):
            raise SystemExit("a contender knows nothing of deaths")
        born = pc.cast(rows["birth_date"], pa.int32()).to_numpy(zero_copy_only=False)
        place, found = self.coded(rows["person_id"].to_numpy(), self.people)
        alive = np.full(len(self.people), -1, np.int64)
        days = np.array([(day - date(1970, 1, 1)).days for day in self.dates])
        lives = np.isnan(born)[:, None] | (born[:, None] <= days[None, :])
        alive[place[found]] = (lives @ (np.int64(1) << np.arange(len(days))))[found]
        return alive

    @staticmethod
    def coded(values: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the place of each value in the ascending `codes`, and whether it is there."""
        place = np.minimum(np.searchsorted(codes, values), len(codes) - 1)
        return place, codes[place] == values

    @cached_property
    def allowed(self) -> np.ndarray:
        """Return by person and service the dates, as bits, at which choices allow it, then and now."""
        rows = self.table("permission")
        kinds, service = rows["kind"].to_numpy(), rows["service"].to_numpy()
        if (
            set(kinds) - {"consent", "objection"}
            or set(service) - set(self.services)
            or set(rows["purpose"].to_pylist()) - {"*"}
        ):
            raise SystemExit("a contender knows consent and objections by service, for all purposes")
        place, found = self.coded(rows["person_id"].to_numpy(), self.people)
        column = np.array([self.services.index(name) for name in service])
        forbids = ~((rows["status"].to_numpy() == "overruled") & np.array(rows["decided_by"].is_valid()))
        start, known, until, end = (times(rows, name) for name in ("start", "known_at", "known_until", "end"))
        mask = self._mask(known, until, start, end)
        mask |= ((known < self.now) & (until >= self.now) & (start <= self.now) & (self.now < end)).astype(
            np.int64
        ) << 62
        full = np.int64((1 << len(self.times)) - 1) | np.int64(1 << 62)
        result = np.full((len(self.people), len(self.services)), full, np.int64)
        given = np.zeros_like(result)
        yes = (kinds == "consent") & found
        np.bitwise_or.at(given, (place[yes], column[yes]), mask[yes])
        for name in self.consent:
            result[:, self.services.index(name)] = given[:, self.services.index(name)]
        running = np.zeros_like(result)
        against = np.flatnonzero((kinds == "objection") & found)
        for row in against[np.lexsort((forbids[against], known[against], start[against]))]:
            cell = place[row], column[row]
            running[cell] = running[cell] | mask[row] if forbids[row] else running[cell] & ~mask[row]
        result &= ~running
        return np.where(result >> 62 & 1, result & (full ^ np.int64(1 << 62)), 0)

    @cached_property
    def seen(self) -> np.ndarray:
        """Return by person, service and (a window with a length, since the start) the dates as bits."""
        seen = np.repeat(self.allowed[:, :, None], 2, axis=2)
        rows = self.table("coverage")
        for name in set(rows["service"].to_pylist()):
            some = rows.filter(pc.equal(rows["service"], name))
            start, known = times(some, "start"), times(some, "known_at")
            if (times(some, "end") != NEVER).any() or (known >= self.times[0]).any():
                raise SystemExit("a contender knows coverage that is open and known before the first date")
            place, found = self.coded(some["person_id"].to_numpy(), self.people)
            whole, part = np.zeros(len(self.people), bool), np.zeros(len(self.people), bool)
            part[place[found]] = (start <= self.starts["365d"][0])[found]
            whole[place[found]] = (start <= self.begins[name])[found]
            seen[~part, self.services.index(name), 0] = 0
            seen[~whole, self.services.index(name), 1] = 0
        return seen

    @cached_property
    def begins(self) -> dict[str, int]:
        """Return when each service's feed begins; every window lies within it."""
        rows = self.table("feeds")
        begins = dict(zip(rows["service"].to_pylist(), times(rows, "covers_from").tolist(), strict=True))
        if times(rows, "covers_to").min() < self.times[-1] or max(begins.values()) > self.starts["365d"][0]:
            raise SystemExit("a contender knows feeds that cover everything")
        return begins

    @cached_property
    def homes_only(self) -> np.ndarray:
        """Whether each household is a home."""
        rows = self.table("households")
        place, found = self.coded(rows["household_id"].to_numpy(), self.homes)
        result = np.zeros(len(self.homes), bool)
        result[place[found]] = (rows["kind"].to_numpy() == "home")[found]
        return result

    def rows(self, k: int) -> np.ndarray:
        """Return the households that have a row at date k, ascending."""
        _, household, mask = self.members
        here = np.unique(household[(mask >> k & 1).astype(bool)])
        return here[self.homes_only[here]]

    @cached_property
    def _midnights(self) -> np.ndarray:
        first, last = date(1990, 1, 1), self.dates[-1] + timedelta(days=2)
        days = [first + timedelta(days=n) for n in range((last - first).days)]
        found = [datetime.combine(day, clock.min, self.zone).astimezone(UTC) for day in days]
        return np.array([int(moment.timestamp()) * 1_000_000 for moment in found])

    def day(self, moments: np.ndarray) -> np.ndarray:
        """Return the calendar days of some moments, counted from 1990."""
        return np.searchsorted(self._midnights, moments, side="right") - 1

    def matrix(
        self, k: int, household: np.ndarray, service: np.ndarray, narrow: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Return the float32 matrix of date k from one row per household and service.

        `narrow` holds `{word}_{window}`, `count_180d` and `newest`; totals and maxima are ten-thousandths, and a
        maximum or newest of nothing is NOTHING.
        """
        rows = self.rows(k)
        place = np.full(len(self.homes), -1)
        place[rows] = np.arange(len(rows))
        keep = place[household] >= 0
        where = (place[household[keep]], service[keep])
        values = np.zeros((len(rows), len(self.services), 22))
        today = self.day(self.times[k : k + 1])[0]
        for s, name in enumerate(self.services):
            first = self.day(np.array([self.begins[name]]))[0]
            values[:, s, 20] = today - first + 1
        put = {name: column[keep] for name, column in narrow.items()}
        for w, window in enumerate(WINDOWS):
            total, carrying, top = put[f"total_{window}"], put[f"carrying_{window}"], put[f"maximum_{window}"]
            values[(*where, 5 * w)] = put[f"count_{window}"]
            values[(*where, 5 * w + 1)] = total / 10_000.0
            values[(*where, 5 * w + 2)] = np.where(carrying > 0, total / (10_000.0 * np.maximum(carrying, 1)), 0.0)
            values[(*where, 5 * w + 3)] = np.where(top != NOTHING, top / 10_000.0, 0.0)
            values[(*where, 5 * w + 4)] = put[f"kinds_{window}"]
        newest = put["newest"]
        some = newest != NOTHING
        values[where[0][some], where[1][some], 20] = today - self.day(newest[some])
        values[(*where, 21)] = 2 * put["count_90d"] - put["count_180d"]
        missing = ~self._anybody(k)[rows]
        lasting = np.array([*range(15), 21])
        values[:, :, lasting] = np.where(missing[:, :, None, 0], np.nan, values[:, :, lasting])
        values[:, :, 15:21] = np.where(missing[:, :, None, 1], np.nan, values[:, :, 15:21])
        return values.reshape(len(rows), -1).astype(np.float32)

    def _anybody(self, k: int) -> np.ndarray:
        """Return by household, service and kind of window whether anybody at home was seen at date k."""
        person, household, mask = self.members
        here = (mask >> k & 1).astype(bool)
        result = np.zeros((len(self.homes), len(self.services), 2), bool)
        np.logical_or.at(result, household[here], (self.seen[person[here]] >> k & 1).astype(bool))
        return result


def times(table: pa.Table, name: str) -> np.ndarray:
    """Return a column of moments in microseconds; null is NEVER."""
    return pc.fill_null(pc.cast(table[name], pa.int64()), NEVER).to_numpy()


def scaled(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return a column of decimal(18, 4) as ten-thousandths (0 for null), and where it is not null."""
    parts = [np.frombuffer(c.buffers()[1], np.int64)[2 * c.offset : 2 * (c.offset + len(c)) : 2] for c in column.chunks]
    there = np.array(column.is_valid())
    return np.where(there, np.concatenate(parts), 0), there


def main(contender: Callable[[Path, Mapping[str, object], Path | None], None]) -> None:
    """Run a contender on `TABLES QUESTION [OUT]` and print its wall and CPU seconds and its peak memory as JSON."""
    tables, question = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    out = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    before, began = cpu(), time.perf_counter()
    found = contender(tables, question, out) or {}
    wall, used = time.perf_counter() - began, cpu() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"wall": wall, "cpu": used, "peak": peak, **found}))


def cpu() -> float:
    """Return the CPU seconds of this process and its finished children."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


def keep(out: Path | None, work: Work, k: int, values: np.ndarray) -> None:
    """Write the matrix of date k as raw float32, and whose rows they are."""
    if out is not None:
        np.save(out / f"{work.dates[k]}.features.npy", values)
        np.save(out / f"{work.dates[k]}.entity.npy", work.homes[work.rows(k)].astype("S32"))
