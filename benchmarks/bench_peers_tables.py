"""Peers at full size: hand-tuned DuckDB, plain pandas and polars make the same 176 columns of the same tables."""

from __future__ import annotations

from benchmarks import borough_at_scale
from benchmarks.peers.contest import alternate, ours, peer, ready
from benchmarks.results import Row

_DATES = 24
_WORK = "110,000 households, 20 million events, 24 dates, 176 columns"


def run() -> list[Row]:
    """Alternate ours with the three; say what can't run."""
    if not ready("tables"):
        note = "not run: `python -m benchmarks.peers.set_up tables` makes its environment"
        return [Row("peers: duckdb, pandas, polars", 0.0, "x", note=note, met=False)]
    tables = borough_at_scale.make()
    agreed = alternate(
        [ours(), peer("duckdb", "tables", "duckdb_run.py")], borough_at_scale.make(11_000, 2_000_000), 24, 1
    )
    contenders = [
        ours("sooner, aggregation only", keeps=False),
        peer("duckdb", "tables", "duckdb_run.py", keeps=False),
        ours(),
        peer("polars", "tables", "polars_run.py"),
        peer("pandas", "tables", "pandas_run.py"),
    ]
    contest = alternate(contenders, tables, _DATES)
    words = contest.words()
    different, cells = agreed.differing["duckdb"]
    rows = []
    for name, mine, goal, what in (
        ("duckdb", "sooner, aggregation only", 2.5, "aggregation only, no output; hand-tuned sweep"),
        ("pandas", "sooner", 4.0, "Parquet to raw float32"),
        ("polars", "sooner", 3.0, "Parquet to raw float32"),
    ):
        ratio = contest.ratio(name, mine)
        note = f"{_WORK}; {what}"
        if name == "duckdb":
            note += f". On 2 million events, widened by NumPy: {different:,} of {cells:,} cells differ from ours"
        rows.append(
            Row(f"peer: {name}", round(ratio, 2), "x our time", f"{goal:g}x or more", ratio >= goal,
                {mine: words[mine], name: words[name], "CPU": f"{contest.ratio(name, mine, 'cpu'):.1f} x ours"}, note)
        )  # fmt: skip
    return rows
