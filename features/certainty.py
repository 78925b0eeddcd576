"""Which values of a matrix rest on an uncertain link between records: for the reasons that a worker reads.

`sooner link` says of each reference whether it is certainly its person's. What crosses to serving is `uncertain.csv`
beside the matrix: person and service, of the matrix's own people alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import write_text

__all__ = ["write_uncertain"]


def write_uncertain(tables: Path, folder: Path, people: Iterable[NDArray[np.bytes_]]) -> None:
    """Write `uncertain.csv` (person_id, service) into a matrix's folder; `people` are the members at each date.

    A snapshot of canonical tables alone has no links, so nothing is uncertain.
    """
    lines = ["person_id,service"]
    links = tables / "links.parquet"
    if links.exists():
        # Here and not above: a build that has nothing to do starts without them.
        import duckdb
        import pyarrow as pa

        arrays = [np.unique(np.asarray(of)) for of in people]
        members = np.unique(np.concatenate(arrays)) if arrays else np.empty(0, "S32")
        with duckdb.connect() as database:
            database.register("members", pa.table({"person_id": [name.decode() for name in members.tolist()]}))
            rows = database.execute(
                "select distinct person_id, service from read_parquet(?) semi join members using (person_id) "
                "where used and not certain order by all",
                [str(links)],
            ).fetchall()
        lines += [",".join(row) for row in rows]
    write_text(folder / "uncertain.csv", "\n".join(lines) + "\n")
