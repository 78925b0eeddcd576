"""Our engine as a contender: `python -m benchmarks.peers.ours [--no-output] TABLES QUESTION [OUT]`.

From Parquet to one raw float32 file per date, with all it does beside the features: outcomes, who was seen, who is at
home. Compiled code is compiled before the clock starts; `--compile` counts it instead.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks import borough_at_scale
from benchmarks.definition import as_of_dates
from features.engines.engine import Engine
from features.engines.question import Question

_HEADER = 128
"""Bytes of a `.npy` header, written last, when the number of rows is known."""


def main(arguments: Sequence[str]) -> None:
    """Run once and print the figures."""
    options = [word for word in arguments if word.startswith("--")]
    tables, asked, *rest = [Path(word) for word in arguments if not word.startswith("--")]
    dates = len(json.loads(asked.read_text())["dates"])
    question = borough_at_scale.question(dates)
    if question.dates != as_of_dates(dates):
        raise SystemExit("the question asks for other dates")
    if "--compile" not in options:
        small = borough_at_scale.make(20, 4000, 2)
        for _ in Engine(borough_at_scale.question(2), small).blocks():
            pass
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    _build(question, tables, rest[0] if rest else None)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall": wall, "cpu": used, "peak": after.ru_maxrss / 2**20}))


def _build(question: Question, tables: Path, out: Path | None) -> None:
    if out is None:
        for _ in Engine(question, tables).blocks():
            pass
        return
    width = len(question.definition.features)
    entities: dict[int, list[np.ndarray]] = {k: [] for k in range(len(question.dates))}
    with ExitStack() as stack:
        files = [stack.enter_context((out / f"{day}.features.npy").open("wb")) for day in question.dates]
        for file in files:
            file.write(bytes(_HEADER))
        for block in Engine(question, tables).blocks():
            files[block.date_index].write(np.ascontiguousarray(block.features, "<f4").data.cast("B"))
            entities[block.date_index].append(block.entity)
        for k, file in enumerate(files):
            rows = sum(len(part) for part in entities[k])
            file.seek(0)
            file.write(_header(rows, width))
    for k, day in enumerate(question.dates):
        np.save(out / f"{day}.entity.npy", np.concatenate(entities[k]))


def _header(rows: int, width: int) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)})
    return header.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
