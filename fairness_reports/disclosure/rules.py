"""What may leave, in which mode: `disclosure.toml`, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from charter.errors import UsageError

__all__ = ["HIDDEN", "Mode", "Rules", "SumRule", "find_mode", "read_rules"]

HIDDEN = "c"
"""What stands in the place of a hidden count."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mode:
    """One mode: which counts are hidden as small, or to which base all are rounded; values a hidden one may have."""

    name: str
    possible: int
    hidden_from: int = 0
    hidden_to: int = -1
    base: int = 1

    @property
    def width(self) -> int:
        """How far apart the least and the largest value of a hidden count must be, to whoever knows all else."""
        return self.possible - 1

    def is_small(self, values: Ints) -> NDArray[np.bool_]:
        """Return which counts are hidden because they are small."""
        small: NDArray[np.bool_] = (values >= self.hidden_from) & (values <= self.hidden_to)
        return small

    def round_counts(self, values: Ints) -> Ints:
        """Return counts as the mode shows them: rounded to its base, each by itself."""
        return (values + self.base // 2) // self.base * self.base

    def bound_shown(self, shown_values: Ints) -> tuple[Floats, Floats]:
        """Return the least and the largest count that could stand behind each shown one."""
        away = self.base // 2
        return np.maximum(shown_values - away, 0).astype(np.float64), (shown_values + away).astype(np.float64)

    def say_hidden(self, mark: str = HIDDEN) -> str:
        """Return the mode as one sentence for beside a table that has `mark` where a count is hidden."""
        if self.base > 1:
            return f"Counts are rounded to the nearest {self.base}; parts need not add up to totals."
        small = f"{self.hidden_from} to {self.hidden_to}" if self.hidden_from else f"under {self.hidden_to + 1}"
        return f"{mark}: a count of {small}, or one by which such a count could be worked out."


@dataclass(frozen=True)
class SumRule:
    """When a sum says too much of its largest contributors; ACRO's rules and defaults."""

    fewest: int
    largest: int
    share: float
    others: float


@dataclass(frozen=True)
class Rules:
    """All of `disclosure.toml`."""

    modes: Mapping[str, Mode]
    sums: SumRule
    fewest_of_rate: int
    days_apart: int


@cache
def read_rules() -> Rules:
    """Read the rules that are shipped."""
    document = tomllib.loads((files("fairness_reports.disclosure") / "disclosure.toml").read_text(encoding="utf-8"))
    modes = {name: Mode(name, **row) for name, row in document["mode"].items()}
    return Rules(modes, SumRule(**document["sums"]), document["rates"]["fewest"], document["guard"]["days_apart"])


def find_mode(name: str) -> Mode:
    """Return a mode by its name. Raises UsageError for another name."""
    modes = read_rules().modes
    if name not in modes:
        raise UsageError(f"there is no mode of disclosure control {name!r}.", f"Choose one of: {', '.join(modes)}.")
    return modes[name]
