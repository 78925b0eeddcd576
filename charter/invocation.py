"""One run of a verb: which council, programme and workspace, and how to speak to whoever typed it.

Every verb of every room is given an `Invocation`, opened from the options that all verbs share (`charter.verbs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import UsageError
from charter.voice import Voice

__all__ = ["Invocation", "shipped_council"]


def shipped_council() -> Path:
    """Return the fictional borough's council folder that ships with Sooner, in a checkout or an installation."""
    room = Path(__file__).resolve().parent.parent
    checkout = room / "council"
    return checkout if (checkout / "council.toml").exists() else room / "borough" / "council"


@dataclass(frozen=True)
class Invocation(Voice):
    """The council, programme and workspace of one verb, and its voice."""

    council: Council
    programme: str
    workspace: Workspace

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
        return cls(loaded.serving(chosen), chosen, Workspace(workspace, chosen), as_json=as_json, quiet=quiet)

    @property
    def programme_folder(self) -> Path:
        """The folder of the programme in the council: definition.py, training.toml, worklist.toml."""
        return self.council.folder / self.programme
