"""The borough's rates (`borough.toml`): every number with its unit and where it comes from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any

__all__ = ["Rates"]


@dataclass(frozen=True)
class Rates:
    """The tables of `borough.toml`; `of("housing", "notice")` is one value, `shares` a list of them."""

    tables: Mapping[str, Any]

    @classmethod
    def load(cls) -> Rates:
        """Read the file that ships with the room."""
        return cls(tomllib.loads((files("borough") / "borough.toml").read_text(encoding="utf-8")))

    def of(self, table: str, name: str) -> float:
        """Return one rate; its unit is beside it in the file. Raises KeyError for one that is not there."""
        return float(self.tables[table][name]["value"])

    def shares(self, table: str, name: str) -> list[float]:
        """Return a list of rates, in the order its unit says."""
        return [float(value) for value in self.tables[table][name]["values"]]

    @property
    def first_day(self) -> date:
        """The first day of records."""
        day: date = self.tables["time"]["first_day"]
        return day

    @property
    def last_day(self) -> date:
        """The snapshot's day, the first that is not recorded."""
        day: date = self.tables["time"]["last_day"]
        return day

    @property
    def unfair_group(self) -> str:
        """The ethnic group that `--unfair` treats unequally."""
        return str(self.tables["unfair"]["group"])
