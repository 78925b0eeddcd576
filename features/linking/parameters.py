"""The fixed numbers of linkage: `parameters.toml`, shipped, versioned and fitted apart."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from charter.council.reading import Origin, read_toml
from charter.errors import DataError

__all__ = ["Level", "Parameters"]

_SHIPPED = Path(__file__).with_name("parameters.toml")


@dataclass(frozen=True)
class Level:
    """How alike two records are in one trait: `m` within a person, `u` between two people; both shares."""

    comparison: str
    name: str
    m: float
    u: float


@dataclass(frozen=True)
class Parameters:
    """Levels by comparison (best first), partners (references of one person) and thresholds in bits of match weight.

    `apart` names the traits (forename, birth_date) whose contradiction keeps two records apart, whatever they share.
    """

    version: str
    sha256: str
    partners: float
    threshold: float
    certain: float
    review: float
    apart: frozenset[str]
    levels: Mapping[str, tuple[Level, ...]]
    home_order: tuple[str, ...]
    inactive_months: int

    def prior(self, references: int) -> float:
        """Return the chance that two of so many references picked at random are one person; at most 1 in 10,000."""
        return min(self.partners / max(references, 1), 0.0001)

    @classmethod
    def load(cls, path: Path = _SHIPPED) -> Parameters:
        """Read the parameters; raise DataError unless each comparison's shares add up to one."""
        raw = read_toml(Origin.of(path))
        levels: dict[str, tuple[Level, ...]] = {}
        for row in raw["level"]:
            level = Level(row["comparison"], row["name"], float(row["m"]), float(row["u"]))
            levels[level.comparison] = (*levels.get(level.comparison, ()), level)
        for comparison, of in levels.items():
            for share, total in (("m", sum(one.m for one in of)), ("u", sum(one.u for one in of))):
                if not math.isclose(total, 1.0, abs_tol=1e-6):
                    raise DataError(
                        f"{path.name}: the {share} of {comparison!r} add up to {total:g}, not 1.", "Fit them again."
                    )
        return cls(
            raw["version"],
            hashlib.sha256(path.read_bytes()).hexdigest(),
            float(raw["partners"]),
            float(raw["threshold"]),
            float(raw["certain"]),
            float(raw["review"]),
            frozenset(raw["apart"]),
            levels,
            tuple(raw["homes"]["order"]),
            int(raw["inactive_months"]),
        )
