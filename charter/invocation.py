"""One run of a verb: which council, programme and workspace, and how to speak to whoever typed it.

Every verb of every room is given an `Invocation`, opened from the options that all verbs share (`charter.verbs`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import UsageError
from charter.voice import Voice

if TYPE_CHECKING:
    from charter.council.programme import Programme
    from charter.council.public_file import PublicFile
    from charter.council.reading import File
    from charter.council.receivers import Receivers
    from charter.council.register import Register
    from charter.rules.policy import Policy
    from charter.rules.roles import Roles

__all__ = ["Invocation", "shipped_council"]


def shipped_council() -> Path:
    """Return the fictional borough's council folder that ships with Sooner, in a checkout or an installation."""
    room = Path(__file__).resolve().parent.parent
    checkout = room / "council"
    return checkout if (checkout / "council.toml").exists() else room / "borough" / "council"


@dataclass(frozen=True)
class Invocation(Voice):
    """The council, programme and workspace of one verb, and its voice.

    What the council decided is read when it is first asked for, and once: a verb works with one charter, whatever
    happens to the file meanwhile.
    """

    council: Council
    programme: str
    workspace: Workspace
    named: bool = False
    """Whether somebody named the council's folder."""

    @classmethod
    def open(
        cls, council: Path | None, programme: str, workspace: Path, as_json: bool = False, quiet: bool = False
    ) -> Invocation:
        """Load the council with the programme's teams; raise UsageError for a programme it does not have.

        Where no folder is named it is `council` if somebody made that their own, else the one that a demo left in the
        workspace, else the shipped one, so that `sooner demo` works anywhere.
        """
        named = council is not None
        if council is None:
            council, left = Path("council"), Workspace(workspace, programme).council
            is_own = council.exists() and council.resolve() != shipped_council().resolve()
            if not is_own and (left / "council.toml").exists():
                council = left
        if council == Path("council") and not council.exists():
            council = shipped_council()
        loaded = Council.load(council)
        names = loaded.programmes
        if not names:
            raise UsageError(f"{council} has no programme.", "Add a folder with a definition.py to it.")
        chosen = programme or names[0]
        if chosen not in names:
            raise UsageError(f"{council} has no programme {chosen!r}.", f"Choose one of: {', '.join(names)}.")
        where = Workspace(workspace, chosen)
        return cls(loaded.serving(chosen), chosen, where, named=named, as_json=as_json, quiet=quiet)

    @cached_property
    def today(self) -> date:
        """The council's date when the verb began; everything in it is judged on this one day."""
        return datetime.now(self.council.time_zone).date()

    @cached_property
    def charter(self) -> Policy:
        """The charter, read once, overdue or not: who may stop lists or file a resident's right never waits for it."""
        from charter.rules.policy import Policy

        return Policy.read(self.council.folder / "charter.toml")

    @cached_property
    def policy(self) -> Policy:
        """The charter, read once; raises CharterError where it has slips, or its review is overdue today."""
        return self.charter.require_review(self.today)

    @cached_property
    def register(self) -> Register:
        """The data-sharing register, read once; its `details_to` may name the charter's roles alone."""
        from charter.council.register import Register

        return Register.load(self.council.folder / "register.toml", self.roles.ids)

    @cached_property
    def receivers(self) -> Receivers:
        """Whom something can be sent to, read once; nobody where the council has no receivers.toml."""
        from charter.council.receivers import Receivers

        return Receivers.load(self.council.folder)

    @cached_property
    def public(self) -> PublicFile:
        """What only people know for pages that residents read, read once; nothing where there is no public.toml."""
        from charter.council.public_file import PublicFile

        uses = (*self.council.programmes, *(check.purpose for check in self.register.checks))
        return PublicFile.load(self.council.folder, uses, [principle.id for principle in self.charter.principles])

    @cached_property
    def settings(self) -> Programme:
        """The programme's training.toml and worklist.toml, read once."""
        from charter.council.programme import Programme

        return Programme.load(self.programme_folder)

    @cached_property
    def red_lines(self) -> list[dict[str, Any]]:
        """The residents' cases (scenarios.toml), each with the answer that charter and register give."""
        from charter.rules.scenarios import Scenarios, answer_scenarios

        cases = Scenarios.load(self.council.folder / "scenarios.toml", self.policy).scenarios
        return answer_scenarios(cases, self.policy, self.register) if cases else []

    @property
    def files_read(self) -> tuple[File, ...]:
        """The council's files that were read so far, each as it was then."""
        values = vars(self)
        programme = values.get("settings")
        files = [self.council, *(values.get(name) for name in ("charter", "register", "receivers", "public"))]
        files += [programme.training, programme.worklist] if programme else []
        return tuple(file for file in files if file is not None)

    def reread(self) -> Invocation:
        """Return the same invocation with nothing read yet: what runs for days judges by the files as they are now."""
        return replace(self)

    @property
    def roles(self) -> Roles:
        """The roles that act under the charter, and what each may do."""
        return self.charter.acting

    @property
    def programme_folder(self) -> Path:
        """The folder of the programme in the council: definition.py, training.toml, worklist.toml."""
        return self.council.folder / self.programme
