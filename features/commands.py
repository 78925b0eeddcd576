"""The verbs of this room: what was known, when, about whom the council may know it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from charter.contracts.files import writer_lock
from charter.invocation import AsJson, CouncilDir, Invocation, ProgrammeName, Quiet, WorkspaceDir

__all__ = ["verbs"]

verbs = typer.Typer(no_args_is_help=True, add_completion=False)

_COUNCIL, _WORKSPACE = Path("council"), Path("workspace")
Extracts = Annotated[
    Path | None, typer.Option("--extracts", help="Where the services' deliveries lie; by default in the workspace.")
]


@verbs.command()
def pull(
    council: CouncilDir = _COUNCIL,
    programme: ProgrammeName = "",
    workspace: WorkspaceDir = _WORKSPACE,
    extracts: Extracts = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read every source of the register into a dated snapshot; set bad rows apart with the rule they break."""
    from features.intake.snapshot import pull as pull_snapshot

    invocation = Invocation.open(council, programme, workspace, as_json, quiet)
    with writer_lock(invocation.workspace.root):
        result = pull_snapshot(invocation, extracts=extracts)
    made = "Pulled" if result.made else "Nothing new since"
    invocation.report(
        {
            "snapshot": result.snapshot,
            "made": result.made,
            "synthetic": result.synthetic,
            "taken_at": result.taken_at,
            "rows": result.rows,
            "quarantined": result.quarantined,
            "by_rule": result.by_rule,
            "by_file": result.by_file,
        },
        f"{made} snapshot {result.snapshot}: {result.rows:,} rows of {len(result.by_file)} files, "
        f"{result.quarantined:,} set apart (quarantine/{result.snapshot}.parquet).",
    )
