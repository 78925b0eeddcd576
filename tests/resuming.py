"""Long simulations that go on where they stopped: each drawing's result is a line in `build/deep/`, read the next time.

A file's name holds a digest of the code that drew it, rooms, shelves and test alike, so that nothing is mixed of two
versions.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from charter.machine.code_version import digest_code

MINUTES = 55.0
"""How long the tests of one file draw, all together: every job of `make deep` ends within an hour and a bit."""

_BEGAN: dict[str, float] = {}
"""When each file's first drawing began, by the clock that only goes forward: its tests share the time."""

_ROOT = Path(__file__).resolve().parents[1]
_KEPT = _ROOT / "build" / "deep"


def draw_resuming(
    name: str,
    keys: Iterable[Any],
    draw: Callable[[Any], Any],
    *,
    rooms: tuple[str, ...] = ("charter", "training"),
    settings: str = "",
    minutes: float = MINUTES,
    kept: Path = _KEPT,
) -> dict[Any, Any]:
    """Return `draw(key)` for every key; fail, keeping what there is, where that takes longer than `minutes`.

    Minutes count from the first drawing of the file that `draw` is in, whichever test began it. `keys` are numbers or
    strings, results what JSON holds; `rooms` the rooms, shelves or files whose code the results depend on, `settings`
    what else they do.
    """
    wanted = list(dict.fromkeys(keys))
    written = Path(draw.__code__.co_filename).read_bytes()
    files = [room for room in rooms if (_ROOT / room).is_file()]
    of_rooms = digest_code([room for room in rooms if room not in files]).encode()
    digest = hashlib.sha256(of_rooms + written + settings.encode())
    for file in sorted(files):
        digest.update((_ROOT / file).read_bytes())
    path = kept / f"{name}-{digest.hexdigest()[:16]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = _read_done(path)
    until = _BEGAN.setdefault(draw.__code__.co_filename, time.monotonic()) + 60 * minutes
    with path.open("a", encoding="utf-8") as lines:
        for key in wanted:
            if key in done:
                continue
            if time.monotonic() > until:
                drawn = sum(key in done for key in wanted)
                pytest.fail(f"{drawn} of {len(wanted)} drawn in {minutes:g} minutes: run it again to go on.")
            done[key] = json.loads(json.dumps(draw(key)))
            lines.write(json.dumps([key, done[key]]) + "\n")
            lines.flush()
    return {key: done[key] for key in wanted}


def _read_done(path: Path) -> dict[Any, Any]:
    """Return what was drawn before; half a last line, of a run that was stopped, counts for nothing."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return dict(json.loads(line) for line in whole.splitlines())
