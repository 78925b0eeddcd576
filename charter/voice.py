"""How a verb speaks: results on standard output, progress and notes on standard error.

Nothing here reads markup: a sentence that holds `[search]` says `[search]`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from charter.plain_text import clean_text

__all__ = ["Voice"]


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Whether a verb speaks to a script (`as_json`) or not at all but for errors (`quiet`)."""

    as_json: bool = False
    quiet: bool = False

    def say(self, sentence: str) -> None:
        """Tell the person something, on standard error, unless they asked for quiet."""
        if not self.quiet:
            print(clean_text(sentence), file=sys.stderr)

    def report(self, result: Mapping[str, Any], sentence: str) -> None:
        """Print a verb's result: the mapping as JSON for a script, else the sentence for a person."""
        if self.as_json:
            print(json.dumps(result, indent=1, default=str))
        elif not self.quiet:
            print(clean_text(sentence))

    @contextmanager
    def progress(self, title: str, total: int | None = None) -> Iterator[Callable[..., None]]:
        """Show progress under `title`; gives a function to call with the number of steps done since the last call.

        A bar is for a person: where standard error is not a terminal there is none.
        """
        if self.quiet or not sys.stderr.isatty():
            yield lambda _=1: None
            return
        # Here and not above: it is a third of what `sooner --help` takes, and most verbs show no bar.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}" + (f"/{total}" if total else "")),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bars:
            task = bars.add_task(title, total=total)
            yield lambda steps=1: bars.advance(task, steps)
