"""The borough's verb: `sooner synth`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation

__all__ = ["verbs"]

verbs = Verbs("The fictional borough that sends extracts.")


@verbs.add("synth", under="start", example="sooner synth --households 3000 --seed 2", locks=True)
def synth(
    invocation: Invocation,
    households: Annotated[int, typer.Option(help="How many homes.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same borough, byte for byte.")] = 1,
    unfair: Annotated[str, typer.Option(help="Record less of one group at equal need: signals, labels or both.")] = "",
    variant: Annotated[str, typer.Option(help="standard; or points, where a points list is enough.")] = "standard",
) -> None:
    """Make a fictional borough's extracts, as each service of the register would send them."""
    from borough.sized_council import size_council
    from borough.synth import SMALLEST, count_steps, make_borough

    invocation = size_council(invocation, max(households, SMALLEST))
    with invocation.progress("Making a borough", count_steps()) as progress:
        result = make_borough(
            invocation.workspace.extracts,
            invocation.council,
            households,
            seed,
            unfair,
            variant,
            progress,
            [source.service for source in invocation.register.sources],
        )
    invocation.report(
        result,
        f"{invocation.workspace.extracts} holds the extracts of a borough of {households:,} homes and "
        f"{result['people']:,} people over ten years: {result['total_rows']:,} rows. Next: sooner pull.",
    )


@verbs.add("synth-trial", under="start", example="sooner synth-trial --effect mixed", locks=True)
def synth_trial(
    invocation: Invocation,
    effect: Annotated[str, typer.Option(help="What help does: helps, nothing, or mixed (some helped, some harmed).")],
    seed: Annotated[int, typer.Option(help="The same seed gives every household the same answer.")] = 1,
) -> None:
    """Let the fictional borough answer a trial's lists: both outcomes of every household, with help and without.

    They lie in `extracts/truth/`, which nothing but tests reads: what an analysis says can be set beside them.
    """
    from borough.trial_answers import answer_trial

    workspace = invocation.workspace
    path = answer_trial(workspace.worklist, workspace.extracts / "truth", effect, seed)
    invocation.report(
        {"file": str(path), "effect": effect}, f"{path} holds both outcomes of every household of the lots."
    )


@verbs.add("synth-ground", under="start", example="sooner synth-ground --areas 130", locks=True)
def synth_ground(
    invocation: Invocation,
    areas: Annotated[int, typer.Option(help="How many small areas, about.")] = 130,
    seed: Annotated[int, typer.Option(help="The same seed makes the same ground, byte for byte.")] = 1,
    alone: Annotated[bool, typer.Option("--alone", help="Neighbours share nothing of their need.")] = False,
) -> None:
    """Make boundaries, hubs and counts of food need by area for `sooner map`, with the truth beside them."""
    from borough.ground import draw_ground, write_ground

    folder = invocation.workspace.maps / "food"
    result = write_ground(draw_ground(areas, seed, shared=not alone), folder, seed)
    invocation.report(
        result, f"{folder} holds boundaries, hubs and counts of {result['areas']} made-up areas. Next: sooner map food."
    )
