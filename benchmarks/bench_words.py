"""The engine on small work, warm; and whether a definition that uses every word of the grammar costs more a column.

The bound is what its words that are asked at each date (words_by_date.py) take alone: were every other word free, a
column would still cost so much.
"""

from __future__ import annotations

from benchmarks import definition, every_word, words_by_date
from benchmarks.bench_engine import row, turns, warm
from benchmarks.borough_at_scale import EVENTS, HOUSEHOLDS
from benchmarks.results import Row

_SMALL, _WHOLE = (10_000, 2_000_000, 6), (HOUSEHOLDS, EVENTS, 24)


def run() -> list[Row]:
    """Measure small work, warm; then both definitions, and the bound, in turn on the whole work."""
    (small,) = turns(warm("definition", *_SMALL))
    plain, words, by_date = turns(
        warm("definition", *_WHOLE), warm("every_word", *_WHOLE), warm("words_by_date", *_WHOLE)
    )
    columns = (len(definition.FEATURES), len(every_word.FEATURES))
    wall, cpu = ((words[name] / columns[1]) / (plain[name] / columns[0]) for name in ("wall", "cpu"))
    by_value = wall * plain["rows"] / words["rows"]
    sides = {"by_cpu": cpu, "by_value": by_value, "every_word_s": words["wall"], "definition_s": plain["wall"]}
    one_by_one = (by_date["wall"] / columns[1]) / (plain["wall"] / columns[0])
    sides |= {f"bound: its {len(words_by_date.FEATURES)} columns that are asked at each date, alone, x": one_by_one}
    return [
        row("engine/2M events x 6 dates, warm", small["wall"], "s", 2, {"cpu_s": small["cpu"]}),
        row("engine/every word, a column against one of the first definition", wall, "x", 2, sides),
    ]
