"""The engine on small work, warm; and whether a definition that uses every word of the grammar costs more a value."""

from __future__ import annotations

from benchmarks import definition, every_word
from benchmarks.bench_engine import row, turns, warm
from benchmarks.results import Row

_SIZE = (10_000, 2_000_000, 6)


def run() -> list[Row]:
    """Measure both definitions in turn, on 10,000 households, 2 million events and 6 dates."""
    plain, words = turns(warm("definition", *_SIZE), warm("every_word", *_SIZE))
    cells = (plain["rows"] * len(definition.FEATURES), words["rows"] * len(every_word.FEATURES))
    wall, cpu = ((words[name] / cells[1]) / (plain[name] / cells[0]) for name in ("wall", "cpu"))
    columns = (words["wall"] / len(every_word.FEATURES)) / (plain["wall"] / len(definition.FEATURES))
    sides = {"by_cpu": cpu, "by_column_alone": columns, "every_word_s": words["wall"], "definition_s": plain["wall"]}
    return [
        row("engine/2M events x 6 dates, warm", plain["wall"], "s", 2, {"cpu_s": plain["cpu"]}),
        row("engine/every word, a value against one of the first definition", wall, "x", 2, sides),
    ]
