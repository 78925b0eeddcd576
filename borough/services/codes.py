"""Code lists of the services, as `extracts.toml` declares them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

__all__ = ["list_codes", "read_codes"]


@cache
def list_codes() -> Mapping[str, Mapping[str, list[str]]]:
    """Return every code list by its name: the services' codes by what they mean."""
    lists = tomllib.loads((files("borough") / "extracts.toml").read_text(encoding="utf-8"))["codes"]
    return {
        name: {meaning: list(values) for meaning, values in codes.items() if meaning != "meaning"}
        for name, codes in lists.items()
    }


def read_codes(name: str) -> Mapping[str, list[str]]:
    """Return one code list."""
    return list_codes()[name]
