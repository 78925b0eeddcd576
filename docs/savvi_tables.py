"""The tables of the page about SAVVI, from what `sooner publish savvi` exports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fairness_reports.residents.savvi_model import read_savvi

__all__ = ["savvi_tables"]


def savvi_tables() -> str:
    """Return the tables of stages, words, entities with their fields, and relations."""
    model = read_savvi()
    stages = [(row["name"], row["says"], row["ours"], row["where"], _code(row["verbs"])) for row in model["stages"]]
    words = [(row["savvi"], row["ours"], row["differs"]) for row in model["words"]]
    entities = [
        (row["name"], row["stage"], row["ours"], row["differs"], _code(field["at"] for field in row["fields"]))
        for row in model["entities"]
    ]
    relations = [(f"{row['from']} {row['does']} {row['to']}", _code(row["at"])) for row in model["relations"]]
    return "\n".join(
        [
            *_table(("SAVVI", "says", "in Sooner", "where it is written", "verbs"), stages),
            *_table(("SAVVI's word", "our word", "where they differ"), words),
            *_table(("SAVVI's entity", "stage", "our word", "where they differ", "where ours is"), entities),
            *_table(("relation", "where ours is"), relations),
        ]
    )


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names) if name)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]
