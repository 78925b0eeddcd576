"""With what types the engine calls its compiled loops: each one's, so that they can be compiled before they are needed.

Numba compiles a function for the types that it is first called with. The engine calls each loop with one set of types,
which are written down here; a test builds a matrix and holds both to be the same. Arrays are contiguous, as NumPy makes
them: `int64[::1]` is one of one dimension.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from features.engines.compiled import arrays, horizon, kernel, sums, tallies

__all__ = ["SIGNATURES", "compile_loops"]


# Numba makes its names of types as it is loaded: nothing that reads source alone finds them.
types: Any = import_module("numba.types")
int8, int16, int32, int64 = types.int8, types.int16, types.int32, types.int64
uint8, uint16, uint64 = types.uint8, types.uint16, types.uint64
float32, float64 = types.float32, types.float64


def _group(rows: type, *fields: Any) -> Any:
    return types.BaseTuple.from_types(fields, rows)


_COUNTS, _MOMENTS, _CODES, _MASKS = int64[::1], int64[::1], int32[::1], uint64[::1]
_DIGESTS = types.Array(uint64, 1, "C", readonly=True)
_MEMBERS = _group(arrays.MemberRows, _COUNTS, int64[::1], _MASKS)
_PEOPLE = _group(arrays.PersonRows, uint64[:, ::1], uint64[:, ::1], int16[:, ::1])
_WANTED = _group(arrays.WantedRows, int64[::1], _MASKS)
_TIMETABLE = _group(
    arrays.Timetable, _MOMENTS, int64[:, ::1], int64[:, ::1], int64[::1], _MOMENTS, _MOMENTS
)  # fmt: skip
_EVENTS = _group(
    arrays.EventRows, _COUNTS, int16[::1], int16[::1], _MOMENTS, _MOMENTS, int64[::1], _MOMENTS, _CODES, _MASKS,
    uint8[::1], uint8[::1],
)  # fmt: skip
_PROGRAM = _group(
    arrays.Program, int64[::1], int64[::1], int64[:, ::1], int16[:, ::1], int64[::1], int8[::1], int64[:, ::1],
    int32[:, ::1], float64[:, :, ::1],
)  # fmt: skip

SIGNATURES: dict[Any, tuple[Any, ...]] = {
    kernel.mask_span: (int64, int64),
    kernel.mask_spans: (_MOMENTS, _MOMENTS, _MOMENTS, _MOMENTS, _MOMENTS, _MASKS),
    kernel.group_rows: (_CODES, int64),
    kernel.fold_choices: (
        _group(arrays.ChoiceRows, _CODES, _CODES, _CODES, int64[::1], _CODES), _MASKS, uint64[:, ::1], uint64[:, ::1],
    ),
    kernel.fold_homes: (_CODES, _CODES, _CODES, _MASKS, int8[:, ::1], int32[:, ::1]),
    kernel.cover_windows: (
        _group(arrays.CoverageRows, _COUNTS, _CODES, _MOMENTS, _MOMENTS, int64[::1], int64[::1]), int64[:, ::1],
        _MOMENTS, uint64[:, ::1],
    ),
    kernel.find_visible: (_MOMENTS, _MOMENTS, _MOMENTS, _MOMENTS, uint8[::1], uint8[::1]),
    kernel.weigh_amounts: (int16[::1], int64[::1], int64),
    kernel.find_shared_moments: (
        _group(arrays.HomeRows, _COUNTS, int64[::1]), _COUNTS, int16[::1], int64[::1], _MOMENTS, _MOMENTS,
    ),

    kernel.digest_texts: (_CODES, uint8[::1]),
    kernel.order_histories: (_COUNTS, _MOMENTS, _MOMENTS, _CODES),
    tallies.mix_column: (_MASKS, _MASKS),
    tallies.add_entities: (
        _group(arrays.CohortRows, _MASKS, _MASKS, int32[:, ::1]), _MEMBERS, _PEOPLE,
        _group(arrays.Identities, _DIGESTS, _DIGESTS, _DIGESTS, _DIGESTS),
        _group(arrays.Histories, _COUNTS, _MASKS, uint8[::1], uint8[::1]), int64, int64, uint64[:, ::1],
    ),
    sums.accumulate_events: (
        _WANTED, _MEMBERS, _PEOPLE, _EVENTS, _TIMETABLE, _PROGRAM,
        _group(arrays.Results, float32[:, :, ::1], uint16[:, :, ::1]),
    ),
    horizon.find_outcomes: (
        _WANTED, _MEMBERS, _PEOPLE, _group(arrays.OutcomeRows, _COUNTS, _MOMENTS, _MOMENTS, int64[::1], int64[::1]),
        _TIMETABLE, _group(arrays.Outcomes, int64[:, :, ::1], int64[:, :, ::1], uint64[:, ::1]),
    ),
}  # fmt: skip
"""The types of each loop that Python calls; those that loops call among themselves follow from them."""


def compile_loops() -> None:
    """Compile every loop, or read it where it is kept, and keep it beside its module (or in NUMBA_CACHE_DIR)."""
    for loop, kinds in SIGNATURES.items():
        loop.compile(kinds)
