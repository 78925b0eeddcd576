"""One run of a verb: which council, programme and workspace, and how to speak to whoever typed it.

Every verb of every room takes the same options (`CouncilDir`, `ProgrammeName`, `WorkspaceDir`, `AsJson`, `Quiet`)
and opens an `Invocation` from them. Results go to standard output, progress and notes to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import UsageError

__all__ = ["AsJson", "CouncilDir", "Invocation", "ProgrammeName", "Quiet", "WorkspaceDir", "shipped_council"]

CouncilDir = Annotated[Path, typer.Option("--council", help="The council's folder.", show_default=True)]
ProgrammeName = Annotated[str, typer.Option("--programme", help="The programme; by default the only or first one.")]
WorkspaceDir = Annotated[Path, typer.Option("--workspace", help="Where results are left.", show_default=True)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for a script.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]


def shipped_council() -> Path:
    """Return the fictional borough's council folder that ships with Sooner, in a checkout or an installation."""
    room = Path(__file__).resolve().parent.parent
    checkout = room / "council"
    return checkout if (checkout / "council.toml").exists() else room / "borough" / "council"


@dataclass(frozen=True)
class Invocation:
    """The council, programme and workspace of one verb, and its voice."""

    council: Council
    programme: str
    workspace: Workspace
    as_json: bool = False
    quiet: bool = False

    @classmethod
    def open(
        cls, council: Path, programme: str, workspace: Path, as_json: bool = False, quiet: bool = False
    ) -> Invocation:
        """Load the council with the programme's teams; raise UsageError for a programme it does not have.

        The default folder `council` falls back to the shipped one, so that `sooner demo` works anywhere.
        """
        if council == Path("council") and not council.exists():
            council = shipped_council()
        loaded = Council.load(council)
        names = loaded.programmes
        if not names:
            raise UsageError(f"{council} has no programme.", "Add a folder with a definition.py to it.")
        chosen = programme or names[0]
        if chosen not in names:
            raise UsageError(f"{council} has no programme {chosen!r}.", f"Choose one of: {', '.join(names)}.")
        return cls(loaded.serving(chosen), chosen, Workspace(workspace, chosen), as_json, quiet)

    @property
    def programme_folder(self) -> Path:
        """The folder of the programme in the council: definition.py, training.toml, worklist.toml."""
        return self.council.folder / self.programme

    def say(self, sentence: str) -> None:
        """Tell the person something, on standard error, unless they asked for quiet."""
        if not self.quiet:
            # Here and not above: it is a tenth of every command's start, and the service says nothing.
            from rich.console import Console

            Console(stderr=True, highlight=False).print(sentence)

    @contextmanager
    def progress(self, title: str, total: int | None = None) -> Iterator[Any]:
        """Show progress under `title`; gives a function to call with the number of steps done since the last call.

        A bar is for a person: where standard error is not a terminal there is none.
        """
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}" + (f"/{total}" if total else "")),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=self.quiet or not console.is_terminal,
        ) as bars:
            task = bars.add_task(title, total=total)
            yield lambda steps=1: bars.advance(task, steps)

    def report(self, result: Mapping[str, Any], sentence: str) -> None:
        """Print a verb's result: the mapping as JSON for a script, else the sentence for a person."""
        if self.as_json:
            print(json.dumps(result, indent=1, default=str))
        elif not self.quiet:
            print(sentence)
