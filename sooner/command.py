"""The `sooner` command: every room's verbs in one list, grouped by what one wants to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

import borough.commands
import charter.commands
import fairness_reports.commands
import features.commands
import serving.commands
import sooner.closing
import sooner.commands
import sooner.keeping
import sooner.open_borough
import sooner.residents
import sooner.retention
import training.commands
from charter.verbs import HEADINGS, Verb, VerbGroup

__all__ = ["list_verbs", "make_command"]

# In the order of the path; within a heading of the help, too.
_ROOMS = (features, training, fairness_reports, charter, sooner, borough, serving)


def list_verbs() -> tuple[Verb, ...]:
    """Return every verb, and every group of verbs, in the order of the help."""
    own = (sooner.residents, sooner.retention, sooner.keeping, sooner.closing)
    lists = [*(room.commands.verbs for room in _ROOMS), *(shelf.verbs for shelf in own)]
    verbs = [verb for room in lists for verb in room.listed.values()]
    order = list(HEADINGS)
    return tuple(sorted(verbs, key=lambda verb: order.index(verb.heading)))


def make_command() -> VerbGroup:
    """Return the command line; a verb's options are read when that verb is asked for, and not at every start."""
    app = typer.Typer(
        name="sooner",
        help="Spot problems sooner: permitted, explained, charter-approved referrals for early help.",
        epilog="\b\nExample, from nothing to a worklist:\n  sooner demo",
        cls=_Sooner,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    group: Any = typer.main.get_command(app)
    group.commands = _Ready(list_verbs())
    return group  # type: ignore[no-any-return]  # the class that was named above


def _show_version(asked: bool) -> None:
    if asked:
        from sooner.version import describe_version

        print(describe_version())
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    del version


class _Ready(Mapping[str, Any]):
    """Commands by name, each made when it is first asked for."""

    def __init__(self, verbs: tuple[Verb, ...]) -> None:
        self.verbs = {verb.name: verb for verb in verbs}
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self.verbs[name].make()
            self._made[name].name = name
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.verbs)

    def __len__(self) -> int:
        return len(self.verbs)


class _Sooner(VerbGroup):
    """Lists its verbs under headings, in plain text: a screen reader, a narrow terminal and a log read it alike."""

    commands: Any  # _Ready; typer would have a dict of commands made already

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer's signature
        """Return the verbs' names in the order of the help."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # typer's signature
        """Write a section for each heading."""
        verbs = self.commands.verbs.values()
        widest = max(len(verb.name) for verb in verbs)
        for heading, title in HEADINGS.items():
            rows = [(verb.name.ljust(widest), verb.summary) for verb in verbs if verb.heading == heading]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
