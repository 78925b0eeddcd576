"""LightGBM without what it would load for interfaces that are not used here: scikit-learn, pandas and their needs.

`import lightgbm` takes these in wherever they are installed: 2.3 s of processor time, against 0.5 without. Models are
read, fitted and asked here by NumPy arrays alone, and the compiled library is the same, so are all numbers. Take it
from here wherever nothing else of the process needs scikit-learn:

    from charter.machine.lean_lightgbm import lightgbm

It is left out of `sys.modules`: who writes `import lightgbm` has all of it, estimators too (docs/decisions/0235). Where
all of it is loaded already, that is used.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    import lightgbm

__all__ = ["lightgbm"]

_UNUSED = ("pandas", "sklearn")


def _load_lean() -> ModuleType:
    whole = sys.modules.get("lightgbm")
    if whole is not None:
        return whole
    neighbours = [name for name in _UNUSED if name not in sys.modules]
    # With None in its place a module can't be imported, which LightGBM takes for one that isn't installed.
    sys.modules.update(dict.fromkeys(neighbours))  # type: ignore[arg-type]  # None is what the import system looks for
    try:
        import lightgbm as lean
    finally:
        for name in neighbours:
            del sys.modules[name]
        for name in [name for name in sys.modules if name.partition(".")[0] == "lightgbm"]:
            del sys.modules[name]
    return lean


if not TYPE_CHECKING:
    lightgbm = _load_lean()
