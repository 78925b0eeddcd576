"""The borough's verb: `sooner synth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from charter.contracts.files import writer_lock
from charter.invocation import AsJson, CouncilDir, Invocation, ProgrammeName, Quiet, WorkspaceDir

__all__ = ["verbs"]

verbs = typer.Typer(no_args_is_help=True)


@verbs.callback()
def borough() -> None:
    """Make the fictional borough that sends extracts."""


@verbs.command()
def synth(
    households: Annotated[int, typer.Option(help="How many homes.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same borough, byte for byte.")] = 1,
    unfair: Annotated[str, typer.Option(help="Record less of one group at equal need: signals, labels or both.")] = "",
    variant: Annotated[str, typer.Option(help="standard; or points, where a points list is enough.")] = "standard",
    council: CouncilDir = Path("council"),
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = Path("workspace"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a fictional borough's extracts, as each service would send them."""
    from borough.synth import make, steps

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root), invocation.progress("Making a borough", steps()) as progress:
        result = make(invocation.workspace.extracts, invocation.council, households, seed, unfair, variant, progress)
    invocation.report(
        result,
        f"{invocation.workspace.extracts} holds the extracts of a borough of {households:,} homes and "
        f"{result['people']:,} people over ten years: {result['total_rows']:,} rows. Next: sooner pull.",
    )
