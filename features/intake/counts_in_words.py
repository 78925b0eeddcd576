"""What became of the rows of each file, in lines for a terminal: every row is kept, set apart or unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["describe_files"]

_REMARKS: Mapping[str, str] = {
    "orphans": "{count:,} of {rows:,} rows name somebody no record knows.",
    "no_address": "{count:,} of {rows:,} rows have no address (UPRN).",
    "not_available": "{count:,} cells say #N/A, which is no value: they are read as empty.",
    "blank_lines": "{count:,} lines are blank, and are no rows.",
}


def describe_files(by_file: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table of the files' rows, then what there is to say of single files.

    `by_file` is that of `features.pull_plan.PullResult`; a file that an earlier version read has no `kept`.
    """
    width = max((len(name) for name in by_file), default=0)
    yield f"{'':{width}}  {'rows':>11}  {'kept':>11}  {'unchanged':>11}  {'set apart':>11}"
    for name, counts in by_file.items():
        cells = [counts.get(key, 0) for key in ("rows", "kept", "unchanged", "quarantined")]
        yield f"{name:{width}}" + "".join(f"  {cell:>11,}" for cell in cells)
    for name, counts in by_file.items():
        for key, words in _REMARKS.items():
            if counts.get(key):
                yield f"{name}: " + words.format(count=counts[key], rows=counts["rows"])
        if empty := counts.get("empty_columns"):
            yield f"{name}: nothing stands in {', '.join(empty)}."
