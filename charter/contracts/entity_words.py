"""What a programme's rows are called in sentences: households, people, or the two words its cohort gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["EntityWords"]


@dataclass(frozen=True)
class EntityWords:
    """One row and several, in figures ("households") and in a sentence to everybody ("families")."""

    one: str
    many: str
    family: str
    families: str

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> EntityWords:
        """Return the words of a definition (contract `definition`), or of a bundle, whose `called` is its cohort's."""
        cohort = definition.get("cohort")  # a programme that has no list yet has none
        called = cohort.get("called") if isinstance(cohort, Mapping) else definition.get("called")
        if called:
            one, many = called
            return cls(one, many, one, many)
        return _PERSONS if definition.get("entity") == "person" else _HOUSEHOLDS

    @classmethod
    def of_run(cls, metrics: Mapping[str, Any]) -> EntityWords:
        """Return the words of a run's figures (contract `metrics`)."""
        return cls.of({"entity": metrics["bootstrap"]["cluster"], "cohort": {"called": metrics.get("called")}})


_HOUSEHOLDS = EntityWords("household", "households", "family", "families")
_PERSONS = EntityWords("person", "people", "person", "people")
