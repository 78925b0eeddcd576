"""Code lists of the services, as `extracts.toml` declares them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

__all__ = ["read_codes"]


@cache
def read_codes(name: str) -> Mapping[str, list[str]]:
    """Return a code list: the service's codes by what they mean."""
    lists = tomllib.loads((files("borough") / "extracts.toml").read_text(encoding="utf-8"))["codes"][name]
    return {meaning: list(values) for meaning, values in lists.items() if meaning != "meaning"}
