"""Whether another distribution has a package under one of our names: `training` and `features` are common words.

Python takes whichever folder comes first on its path, so the other one's `training` would stand in for ours and fail
somewhere deep. Every room imports `charter` first, so this is asked there, once, before anything else is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

__all__ = ["ROOMS", "find_clashes", "find_shared_names", "refuse_clashes", "say_clash"]

ROOMS = ("charter", "features", "training", "fairness_reports", "serving", "borough", "sooner")


def find_clashes(home: Path) -> Mapping[str, Path]:
    """Return the packages of our names that Python would take from elsewhere than `home`, each with where it is.

    A room that is not installed here (the served bundle has three of them) clashes with nothing.
    """
    clashes = {}
    for room in ROOMS:
        spec = find_spec(room) if (home / room).is_dir() else None
        if spec is not None and spec.origin and Path(spec.origin).resolve().parent != home / room:
            place = Path(spec.origin)
            clashes[room] = place.parent if place.name == "__init__.py" else place
    return clashes


def say_clash(room: str, place: Path) -> str:
    """Return the sentence that names the clash, and on a line of its own what to do about it."""
    return (
        f"another distribution's `{room}` ({place}) comes before Sooner's own on Python's path.\n"
        "  next: Install Sooner in an environment of its own (python3 -m venv), or take that folder off PYTHONPATH."
    )


def refuse_clashes(home: Path) -> None:
    """Raise ImportError, whose `name` is the room's, where another distribution's package would stand in for a room."""
    for room, place in find_clashes(home).items():
        raise ImportError(say_clash(room, place), name=room, path=str(place))


def find_shared_names() -> Mapping[str, tuple[str, ...]]:
    """Return our names that other distributions install too, with theirs: in one folder, one overwrites the other."""
    from importlib.metadata import packages_distributions  # only the doctor asks, and it reads every distribution

    installed = packages_distributions()
    others = {room: tuple(sorted(set(installed.get(room, ())) - {"sooner"})) for room in ROOMS}
    return {room: names for room, names in others.items() if names}
